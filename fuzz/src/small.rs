//! A model as small as one can be, so that a whole shard fits into an input.

use std::collections::BTreeMap;

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::bundle::FileEntry;
use crate::import::MemoryFiles;

pub const SHARD: &str = "vision-00.safetensors";
pub const WORDS: &str = "words-00.safetensors";

/// The tensors of the vision tower.
pub const TENSORS: [(&str, &[usize]); 23] = [
    ("vision_model.embeddings.class_embedding", &[4]),
    (
        "vision_model.embeddings.patch_embedding.weight",
        &[4, 3, 1, 1],
    ),
    ("vision_model.embeddings.position_embedding.weight", &[2, 4]),
    ("vision_model.pre_layrnorm.weight", &[4]),
    ("vision_model.pre_layrnorm.bias", &[4]),
    ("vision_model.encoder.layers.0.layer_norm1.weight", &[4]),
    ("vision_model.encoder.layers.0.layer_norm1.bias", &[4]),
    (
        "vision_model.encoder.layers.0.self_attn.q_proj.weight",
        &[4, 4],
    ),
    ("vision_model.encoder.layers.0.self_attn.q_proj.bias", &[4]),
    (
        "vision_model.encoder.layers.0.self_attn.k_proj.weight",
        &[4, 4],
    ),
    ("vision_model.encoder.layers.0.self_attn.k_proj.bias", &[4]),
    (
        "vision_model.encoder.layers.0.self_attn.v_proj.weight",
        &[4, 4],
    ),
    ("vision_model.encoder.layers.0.self_attn.v_proj.bias", &[4]),
    (
        "vision_model.encoder.layers.0.self_attn.out_proj.weight",
        &[4, 4],
    ),
    (
        "vision_model.encoder.layers.0.self_attn.out_proj.bias",
        &[4],
    ),
    ("vision_model.encoder.layers.0.layer_norm2.weight", &[4]),
    ("vision_model.encoder.layers.0.layer_norm2.bias", &[4]),
    ("vision_model.encoder.layers.0.mlp.fc1.weight", &[5, 4]),
    ("vision_model.encoder.layers.0.mlp.fc1.bias", &[5]),
    ("vision_model.encoder.layers.0.mlp.fc2.weight", &[4, 5]),
    ("vision_model.encoder.layers.0.mlp.fc2.bias", &[4]),
    ("vision_model.post_layernorm.weight", &[4]),
    ("vision_model.post_layernorm.bias", &[4]),
];

/// The one matrix that is in two pieces, and where it is cut.
pub const PROJECTION: (&str, &[usize], usize) = ("visual_projection.weight", &[3, 4], 2);

/// The tensors of the text tower.
const TEXT_TENSORS: [(&str, &[usize]); 21] = [
    ("text_model.embeddings.token_embedding.weight", &[600, 4]),
    ("text_model.embeddings.position_embedding.weight", &[16, 4]),
    ("text_model.final_layer_norm.weight", &[4]),
    ("text_model.final_layer_norm.bias", &[4]),
    ("text_projection.weight", &[3, 4]),
    ("text_model.encoder.layers.0.layer_norm1.weight", &[4]),
    ("text_model.encoder.layers.0.layer_norm1.bias", &[4]),
    ("text_model.encoder.layers.0.layer_norm2.weight", &[4]),
    ("text_model.encoder.layers.0.layer_norm2.bias", &[4]),
    ("text_model.encoder.layers.0.mlp.fc1.weight", &[4, 4]),
    ("text_model.encoder.layers.0.mlp.fc1.bias", &[4]),
    ("text_model.encoder.layers.0.mlp.fc2.weight", &[4, 4]),
    ("text_model.encoder.layers.0.mlp.fc2.bias", &[4]),
    (
        "text_model.encoder.layers.0.self_attn.q_proj.weight",
        &[4, 4],
    ),
    ("text_model.encoder.layers.0.self_attn.q_proj.bias", &[4]),
    (
        "text_model.encoder.layers.0.self_attn.k_proj.weight",
        &[4, 4],
    ),
    ("text_model.encoder.layers.0.self_attn.k_proj.bias", &[4]),
    (
        "text_model.encoder.layers.0.self_attn.v_proj.weight",
        &[4, 4],
    ),
    ("text_model.encoder.layers.0.self_attn.v_proj.bias", &[4]),
    (
        "text_model.encoder.layers.0.self_attn.out_proj.weight",
        &[4, 4],
    ),
    ("text_model.encoder.layers.0.self_attn.out_proj.bias", &[4]),
];

/// A manifest that promises these contents of the shard and of the words.
pub fn manifest(shard: &[u8], words: &[u8]) -> Value {
    let entry = |name: &str, contents: &[u8]| {
        let FileEntry {
            file,
            bytes,
            sha256,
        } = FileEntry::new(name, contents);
        // Nobody reads an empty file, but the manifest must not be what refuses it.
        json!({"file": file, "bytes": bytes.max(1), "sha256": sha256})
    };
    let of = |name: &str, contents: &[u8], part: &str, tensors: Value| {
        let mut shard = entry(name, contents);
        shard["part"] = part.into();
        shard["tensors"] = tensors;
        shard
    };
    let (projection, shape, cut) = PROJECTION;
    let rows = |start: usize, end: usize| json!({"name": projection, "rows": [start, end]});
    let mut vision: Vec<Value> = TENSORS.iter().map(|(name, _)| (*name).into()).collect();
    vision.push(rows(0, cut));
    json!({
        "format": 1, "name": "small", "description": "nothing", "license": "MIT",
        "source": {"from": "a seed"},
        "architecture": {
            "vision": {
                "image_size": 1, "patch": 1, "width": 4, "layers": 1, "heads": 2, "mlp": 5,
                "activation": "quick_gelu", "norm_eps": 1e-5,
            },
            "text": {
                "vocabulary": 600, "context": 16, "width": 4, "layers": 1, "heads": 1, "mlp": 4,
                "activation": "gelu", "norm_eps": 1e-5, "end_of_text": 599,
            },
            "projection": 3, "logit_scale": 100.0, "pixel_mean": [0.5, 0.5, 0.5], "pixel_std": [0.5, 0.5, 0.5],
        },
        "scheme": "q4", "picture_size": 8,
        "tokenizer": entry("tokenizer.json", b"{}"),
        "words": entry(WORDS, words),
        "shards": [
            of(SHARD, shard, "vision", vision.into()),
            of("vision-01.safetensors", b"x", "vision", json!([rows(cut, shape[0])])),
            of("text-00.safetensors", b"x", "text", TEXT_TENSORS.map(|(name, _)| name).to_vec().into()),
        ],
    })
}

/// The shard with every matrix stored as this type says: F32, F16, I8 or U8 for four bits.
pub fn shard(matrices: Dtype) -> Vec<u8> {
    let (projection, shape, cut) = PROJECTION;
    let piece = [cut, shape[1]];
    let mut parts: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (name, shape) in TENSORS.into_iter().chain([(projection, &piece[..])]) {
        let matrix = shape.len() > 1 && !name.contains("position");
        let rows = shape[0];
        let cols: usize = shape[1..].iter().product();
        let scale = format!("{name}.scale");
        let one = f16::ONE.to_le_bytes();
        let stored = match (matrix, matrices) {
            (true, Dtype::I8) => {
                let ones = 1f32.to_le_bytes().repeat(rows);
                parts.insert(scale, (Dtype::F32, vec![rows], ones));
                (Dtype::I8, shape.to_vec(), vec![3; rows * cols])
            }
            (true, Dtype::U8) => {
                let blocks = cols.div_ceil(32);
                parts.insert(
                    scale,
                    (Dtype::F16, vec![rows, blocks], one.repeat(rows * blocks)),
                );
                let bytes = cols.div_ceil(2);
                (Dtype::U8, vec![rows, bytes], vec![0x9a; rows * bytes])
            }
            (true, Dtype::F32) => (
                Dtype::F32,
                shape.to_vec(),
                1f32.to_le_bytes().repeat(rows * cols),
            ),
            _ => (Dtype::F16, shape.to_vec(), one.repeat(rows * cols)),
        };
        parts.insert(name.to_owned(), stored);
    }
    let views = parts.iter().map(|(name, (dtype, shape, data))| {
        let view = TensorView::new(*dtype, shape.clone(), data);
        (name.as_str(), view.expect("a sound tensor"))
    });
    safetensors::serialize(views, None).expect("a sound shard")
}

/// Two ready words.
pub fn words() -> Vec<u8> {
    let numbers = f16::ONE.to_le_bytes().repeat(6);
    let view = TensorView::new(Dtype::F16, vec![2, 3], &numbers).expect("a sound tensor");
    let said = [("names", r#"["sky","sea"]"#), ("templates", "some")];
    let said = said.map(|(key, value)| (key.to_owned(), value.to_owned()));
    safetensors::serialize([("embeddings", view)], Some(said.into())).expect("a sound shard")
}

/// All tensors of a model in the layout of Hugging Face.
pub fn tensors() -> impl Iterator<Item = (&'static str, &'static [usize])> {
    let (name, shape, _) = PROJECTION;
    let scale: (&str, &[usize]) = ("logit_scale", &[]);
    TENSORS
        .into_iter()
        .chain(TEXT_TENSORS)
        .chain([(name, shape), scale])
}

/// The same tensors as OpenCLIP names and stacks them.
const OPEN_CLIP: [(&str, &[usize]); 38] = [
    ("positional_embedding", &[16, 4]),
    ("text_projection", &[4, 3]),
    ("logit_scale", &[]),
    ("token_embedding.weight", &[600, 4]),
    ("ln_final.weight", &[4]),
    ("ln_final.bias", &[4]),
    ("visual.class_embedding", &[4]),
    ("visual.positional_embedding", &[2, 4]),
    ("visual.proj", &[4, 3]),
    ("visual.conv1.weight", &[4, 3, 1, 1]),
    ("visual.ln_pre.weight", &[4]),
    ("visual.ln_pre.bias", &[4]),
    ("visual.ln_post.weight", &[4]),
    ("visual.ln_post.bias", &[4]),
    ("transformer.resblocks.0.attn.in_proj_weight", &[12, 4]),
    ("transformer.resblocks.0.attn.in_proj_bias", &[12]),
    ("transformer.resblocks.0.attn.out_proj.weight", &[4, 4]),
    ("transformer.resblocks.0.attn.out_proj.bias", &[4]),
    ("transformer.resblocks.0.ln_1.weight", &[4]),
    ("transformer.resblocks.0.ln_1.bias", &[4]),
    ("transformer.resblocks.0.ln_2.weight", &[4]),
    ("transformer.resblocks.0.ln_2.bias", &[4]),
    ("transformer.resblocks.0.mlp.c_fc.weight", &[4, 4]),
    ("transformer.resblocks.0.mlp.c_fc.bias", &[4]),
    ("transformer.resblocks.0.mlp.c_proj.weight", &[4, 4]),
    ("transformer.resblocks.0.mlp.c_proj.bias", &[4]),
    (
        "visual.transformer.resblocks.0.attn.in_proj_weight",
        &[12, 4],
    ),
    ("visual.transformer.resblocks.0.attn.in_proj_bias", &[12]),
    (
        "visual.transformer.resblocks.0.attn.out_proj.weight",
        &[4, 4],
    ),
    ("visual.transformer.resblocks.0.attn.out_proj.bias", &[4]),
    ("visual.transformer.resblocks.0.ln_1.weight", &[4]),
    ("visual.transformer.resblocks.0.ln_1.bias", &[4]),
    ("visual.transformer.resblocks.0.ln_2.weight", &[4]),
    ("visual.transformer.resblocks.0.ln_2.bias", &[4]),
    ("visual.transformer.resblocks.0.mlp.c_fc.weight", &[5, 4]),
    ("visual.transformer.resblocks.0.mlp.c_fc.bias", &[5]),
    ("visual.transformer.resblocks.0.mlp.c_proj.weight", &[4, 5]),
    ("visual.transformer.resblocks.0.mlp.c_proj.bias", &[4]),
];

/// `open_clip_model.safetensors` of such a model.
pub fn open_clip_weights() -> Vec<u8> {
    file_of(OPEN_CLIP.into_iter())
}

/// `model.safetensors` of it.
pub fn weights() -> Vec<u8> {
    file_of(tensors())
}

fn file_of(tensors: impl Iterator<Item = (&'static str, &'static [usize])>) -> Vec<u8> {
    let number = f16::from_f32(0.5).to_le_bytes();
    let data = number.repeat(600 * 4);
    let views = tensors.map(|(name, shape)| {
        let bytes = 2 * shape.iter().product::<usize>();
        let view = TensorView::new(Dtype::F16, shape.to_vec(), &data[..bytes]);
        (name, view.expect("a sound tensor"))
    });
    safetensors::serialize(views, None).expect("a sound file")
}

/// `config.json` of it.
pub fn config() -> Vec<u8> {
    let tower = json!({"num_attention_heads": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-6});
    let config = json!({"model_type": "clip", "vision_config": tower, "text_config": tower});
    config.to_string().into_bytes()
}

/// `tokenizer.json` of it: some letters and one merge.
pub fn tokenizer() -> Vec<u8> {
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": null, "decoder": null,
        "post_processor": {
            "type": "RobertaProcessing", "sep": ["<|endoftext|>", 599], "cls": ["<|startoftext|>", 598],
            "trim_offsets": false, "add_prefix_space": false,
        },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
            "end_of_word_suffix": "</w>", "fuse_unk": false,
            "vocab": {
                "a": 0, "t": 1, "a</w>": 2, "t</w>": 3, "at</w>": 4, "c": 5, "cat</w>": 6,
                "<|startoftext|>": 598, "<|endoftext|>": 599,
            },
            "merges": ["a t</w>", "c at</w>"],
        },
    });
    json.to_string().into_bytes()
}

/// The files of a published model, of which an input can be one.
const FILES: [&str; 9] = [
    "model.safetensors",
    "config.json",
    "tokenizer.json",
    "preprocessor_config.json",
    "model.safetensors.index.json",
    "open_clip_config.json",
    "vocab.json",
    "merges.txt",
    "pytorch_model.bin",
];

/// A published model of which this file is the one given, and the others are sound.
pub fn files(kind: u8, contents: &[u8]) -> MemoryFiles {
    let name = FILES[usize::from(kind) % FILES.len()];
    let mut files = MemoryFiles::default();
    for (sound, contents) in [
        ("model.safetensors", weights()),
        ("config.json", config()),
        ("tokenizer.json", tokenizer()),
        (
            "vocab.json",
            br#"{"a":0,"a</w>":1,"<|startoftext|>":598,"<|endoftext|>":599}"#.to_vec(),
        ),
        ("merges.txt", b"#version: 0.2\na a</w>\n".to_vec()),
    ] {
        files.insert(sound, contents);
    }
    match name {
        // What would otherwise be read in its place.
        "model.safetensors.index.json" => {
            files.insert("part.safetensors", weights());
            files.remove("model.safetensors");
        }
        "open_clip_config.json" => {
            files.insert("open_clip_model.safetensors", open_clip_weights());
            files.remove("config.json");
        }
        "vocab.json" | "merges.txt" => files.remove("tokenizer.json"),
        "pytorch_model.bin" => files.remove("model.safetensors"),
        _ => {}
    }
    files.insert(name, contents.to_vec());
    files
}
