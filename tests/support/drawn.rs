//! A published CLIP of any shape with drawn weights, which are made when they are read: the largest
//! takes no memory.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use wordmask::Result;
use wordmask::import::{Files, MemoryFiles, ReadAt};

const WEIGHTS: &str = "model.safetensors";
const VOCABULARY: usize = 49_408;
const PROJECTION: usize = 512;
const SIDE: usize = 224;

/// The shape of a CLIP whose heads have 64 channels and whose feed-forward layers are four times as
/// wide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) vision_width: usize,
    pub(crate) vision_layers: usize,
    pub(crate) patch: usize,
    pub(crate) text_width: usize,
    pub(crate) text_layers: usize,
}

/// Its files, in the layout of Hugging Face.
pub(crate) struct Drawn {
    small: MemoryFiles,
    weights: Arc<Weights>,
}

struct Weights {
    header: Vec<u8>,
    /// Where each tensor ends, in values, and whether it scales a norm.
    ends: Vec<(u64, bool)>,
}

impl Shape {
    pub(crate) fn draw(self) -> Drawn {
        let merges = include_bytes!("../fixtures/tokenizer/merges.txt.gz");
        let mut small = MemoryFiles::default();
        small.insert("config.json", self.config().to_string().into_bytes());
        small.insert("bpe_simple_vocab_16e6.txt.gz", merges.to_vec());
        let weights = Arc::new(Weights::of(&self.tensors()));
        Drawn { small, weights }
    }

    fn config(self) -> Value {
        let tower = |width: usize, layers: usize| {
            json!({
                "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers,
                "num_attention_heads": width / 64, "hidden_act": "gelu",
            })
        };
        let mut vision = tower(self.vision_width, self.vision_layers);
        vision["image_size"] = json!(SIDE);
        vision["patch_size"] = json!(self.patch);
        let mut text = tower(self.text_width, self.text_layers);
        text["vocab_size"] = json!(VOCABULARY);
        text["max_position_embeddings"] = json!(77);
        json!({
            "model_type": "clip", "projection_dim": PROJECTION,
            "vision_config": vision, "text_config": text,
        })
    }

    fn tensors(self) -> Vec<(String, Vec<usize>)> {
        let Self {
            vision_width: v,
            text_width: t,
            patch,
            ..
        } = self;
        let cells = (SIDE / patch).pow(2);
        let mut all = vec![
            ("logit_scale".to_owned(), vec![]),
            ("visual_projection.weight".to_owned(), vec![PROJECTION, v]),
            ("text_projection.weight".to_owned(), vec![PROJECTION, t]),
        ];
        let mut add = |name: String, shape: Vec<usize>| all.push((name, shape));
        let vision = "vision_model.embeddings";
        add(format!("{vision}.class_embedding"), vec![v]);
        add(
            format!("{vision}.patch_embedding.weight"),
            vec![v, 3, patch, patch],
        );
        add(
            format!("{vision}.position_embedding.weight"),
            vec![cells + 1, v],
        );
        let text = "text_model.embeddings";
        add(
            format!("{text}.token_embedding.weight"),
            vec![VOCABULARY, t],
        );
        add(format!("{text}.position_embedding.weight"), vec![77, t]);
        for (norm, width) in [
            ("vision_model.pre_layrnorm", v),
            ("vision_model.post_layernorm", v),
            ("text_model.final_layer_norm", t),
        ] {
            add(format!("{norm}.weight"), vec![width]);
            add(format!("{norm}.bias"), vec![width]);
        }
        for (tower, width, layers) in [
            ("vision_model", v, self.vision_layers),
            ("text_model", t, self.text_layers),
        ] {
            for layer in 0..layers {
                for (part, rows, columns) in parts(width) {
                    let name = format!("{tower}.encoder.layers.{layer}.{part}");
                    add(format!("{name}.bias"), vec![rows]);
                    let weight = columns.map_or(vec![rows], |columns| vec![rows, columns]);
                    add(format!("{name}.weight"), weight);
                }
            }
        }
        all
    }
}

/// The parts of a block: outputs, and inputs of those that are matrices.
fn parts(width: usize) -> Vec<(&'static str, usize, Option<usize>)> {
    vec![
        ("layer_norm1", width, None),
        ("layer_norm2", width, None),
        ("self_attn.q_proj", width, Some(width)),
        ("self_attn.k_proj", width, Some(width)),
        ("self_attn.v_proj", width, Some(width)),
        ("self_attn.out_proj", width, Some(width)),
        ("mlp.fc1", 4 * width, Some(width)),
        ("mlp.fc2", width, Some(4 * width)),
    ]
}

impl Weights {
    fn of(tensors: &[(String, Vec<usize>)]) -> Self {
        let mut header = Map::new();
        let (mut at, mut ends) = (0, Vec::new());
        for (name, shape) in tensors {
            let end = at + shape.iter().product::<usize>() as u64;
            let tensor =
                json!({ "dtype": "F32", "shape": shape, "data_offsets": [at * 4, end * 4] });
            header.insert(name.clone(), tensor);
            ends.push((end, name.contains("norm") && name.ends_with("weight")));
            at = end;
        }
        let text = Value::Object(header).to_string();
        let mut header = (text.len() as u64).to_le_bytes().to_vec();
        header.extend_from_slice(text.as_bytes());
        Self { header, ends }
    }

    fn values(&self) -> u64 {
        self.ends.last().map_or(0, |(end, _)| *end)
    }

    /// Small numbers around zero, and around one where they scale a norm.
    fn value(&self, index: u64) -> f32 {
        let tensor = self.ends.partition_point(|(end, _)| *end <= index);
        // SplitMix64 (Steele et al. 2014), whose high bits are as good as drawn.
        let mut bits = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let uniform = (bits >> 40) as f32 / (1 << 24) as f32 - 0.5;
        uniform * 0.1 + f32::from(u8::from(self.ends[tensor].1))
    }
}

impl Drawn {
    /// How many numbers the weights are.
    pub(crate) fn parameters(&self) -> u64 {
        self.weights.values()
    }
}

impl Files for Drawn {
    fn names(&self) -> Vec<String> {
        let mut names = self.small.names();
        names.push(WEIGHTS.to_owned());
        names
    }

    fn open(&self, name: &str) -> Result<Box<dyn ReadAt>> {
        if name == WEIGHTS {
            return Ok(Box::new(DrawnFile(Arc::clone(&self.weights))));
        }
        self.small.open(name)
    }
}

struct DrawnFile(Arc<Weights>);

impl ReadAt for DrawnFile {
    fn len(&self) -> u64 {
        self.0.header.len() as u64 + self.0.values() * 4
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let head = self.0.header.len() as u64;
        let mut at = offset;
        let mut left = out;
        while !left.is_empty() {
            let (bytes, skip) = match at.checked_sub(head) {
                None => (&self.0.header[at as usize..], 0),
                Some(at) => (&self.0.value(at / 4).to_le_bytes()[..], (at % 4) as usize),
            };
            let length = left.len().min(bytes.len() - skip);
            let (now, later) = left.split_at_mut(length);
            now.copy_from_slice(&bytes[skip..skip + length]);
            left = later;
            at += length as u64;
        }
        Ok(())
    }
}
