//! Models in the layout of Hugging Face's `CLIPModel`.

#[cfg(feature = "cli")]
use std::path::Path;

use half::bf16;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::Deserialize;

use super::weights::{f16s, f32s};
use crate::clip::{Activation, ClipConfig, TextConfig, VisionConfig, WeightSource};
use crate::error::{Error, Result};

/// CLIP's own pixel statistics, for a model without a `preprocessor_config.json`.
const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// A model in the Hugging Face layout.
#[derive(Debug)]
pub struct HuggingFace {
    config: ClipConfig,
    tokenizer: Vec<u8>,
    weights: Vec<u8>,
}

impl HuggingFace {
    /// Takes the contents of `config.json`, `model.safetensors`, `tokenizer.json` and, if there
    /// is one, `preprocessor_config.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] for a file that is not what it should be.
    pub fn new(
        config: &[u8],
        weights: Vec<u8>,
        tokenizer: Vec<u8>,
        preprocessor: Option<&[u8]>,
    ) -> Result<Self> {
        let config: ConfigJson = parse("config.json", config)?;
        let preprocessor = match preprocessor {
            Some(json) => parse("preprocessor_config.json", json)?,
            None => PreprocessorJson::default(),
        };
        let config = architecture(&config, &preprocessor, &weights, &tokenizer)?;
        config.validate()?;
        Ok(Self {
            config,
            tokenizer,
            weights,
        })
    }

    /// Reads those files from a directory.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] for a file that cannot be read, otherwise as [`HuggingFace::new`].
    #[cfg(feature = "cli")]
    pub fn read(directory: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = directory.join(name);
            std::fs::read(&path).map_err(|e| Error::io(&path, &e))
        };
        let optional = directory.join("preprocessor_config.json");
        let preprocessor = optional
            .exists()
            .then(|| read("preprocessor_config.json"))
            .transpose()?;
        Self::new(
            &read("config.json")?,
            read("model.safetensors")?,
            read("tokenizer.json")?,
            preprocessor.as_deref(),
        )
    }

    /// The architecture.
    #[must_use]
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// The contents of `tokenizer.json`.
    #[must_use]
    pub fn tokenizer(&self) -> &[u8] {
        &self.tokenizer
    }
}

/// The parts of `config.json` that the shapes of the tensors do not tell, with the defaults of
/// `CLIPConfig` for what a file leaves out.
#[derive(Debug, Deserialize)]
struct TowerJson {
    #[serde(default)]
    num_attention_heads: Option<usize>,
    #[serde(default)]
    hidden_act: Option<String>,
    #[serde(default)]
    layer_norm_eps: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct ConfigJson {
    vision_config: TowerJson,
    text_config: TowerJson,
}

#[derive(Debug, Default, Deserialize)]
struct PreprocessorJson {
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
}

impl WeightSource for HuggingFace {
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensors = open(&self.weights)?;
        let found = find_shape(&tensors, name)?;
        if found != shape {
            return Err(Error::model(format!(
                "model.safetensors holds {name} with the shape {found:?} instead of {shape:?}."
            )));
        }
        read_values(&tensors, name)
    }
}

fn parse<T: for<'a> Deserialize<'a>>(name: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| {
        Error::model(format!(
            "{name} is not that of a CLIP in the Hugging Face layout ({e})."
        ))
    })
}

fn open(weights: &[u8]) -> Result<SafeTensors<'_>> {
    SafeTensors::deserialize(weights)
        .map_err(|e| Error::model(format!("model.safetensors is damaged ({e}).")))
}

fn missing(name: &str) -> Error {
    Error::model(format!(
        "model.safetensors has no tensor {name}. Is it a CLIPModel with both towers?"
    ))
}

fn find_shape(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<usize>> {
    Ok(tensors
        .tensor(name)
        .map_err(|_| missing(name))?
        .shape()
        .to_vec())
}

fn read_values(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>> {
    let view = tensors.tensor(name).map_err(|_| missing(name))?;
    match view.dtype() {
        Dtype::F32 => Ok(f32s(&view)),
        Dtype::F16 => Ok(f16s(&view).iter().map(|h| h.to_f32()).collect()),
        Dtype::BF16 => {
            let (numbers, _) = view.data().as_chunks::<2>();
            Ok(numbers
                .iter()
                .map(|b| bf16::from_le_bytes(*b).to_f32())
                .collect())
        }
        other => Err(Error::model(format!(
            "model.safetensors holds {name} as {other:?}; only f32, f16 and bf16 can be read."
        ))),
    }
}

/// Puts the architecture together, from the shapes wherever they tell it.
fn architecture(
    json: &ConfigJson,
    preprocessor: &PreprocessorJson,
    weights: &[u8],
    tokenizer: &[u8],
) -> Result<ClipConfig> {
    let tensors = open(weights)?;
    let dims = |name: &str| find_shape(&tensors, name);
    let dims2 = |name: &str| match dims(name)?[..] {
        [rows, cols] => Ok((rows, cols)),
        ref other => Err(Error::model(format!(
            "model.safetensors holds {name} with the shape {other:?}."
        ))),
    };
    let kernel = dims("vision_model.embeddings.patch_embedding.weight")?;
    let [_, _, _, patch] = kernel[..] else {
        return Err(Error::model(
            "the patch embedding of model.safetensors is no convolution.",
        ));
    };
    let (cells, width) = dims2("vision_model.embeddings.position_embedding.weight")?;
    let (vision_mlp, _) = dims2("vision_model.encoder.layers.0.mlp.fc1.weight")?;
    let (vocabulary, text_width) = dims2("text_model.embeddings.token_embedding.weight")?;
    let (context, _) = dims2("text_model.embeddings.position_embedding.weight")?;
    let (text_mlp, _) = dims2("text_model.encoder.layers.0.mlp.fc1.weight")?;
    let (projection, _) = dims2("visual_projection.weight")?;
    let logit_scale = read_values(&tensors, "logit_scale")?;
    let count = |tower: &str| {
        (0..)
            .take_while(|i| {
                let name = format!("{tower}.encoder.layers.{i}.layer_norm1.weight");
                tensors.tensor(&name).is_ok()
            })
            .count()
    };
    Ok(ClipConfig {
        vision: VisionConfig {
            image_size: cells.saturating_sub(1).isqrt() * patch,
            patch,
            width,
            layers: count("vision_model"),
            heads: json.vision_config.num_attention_heads.unwrap_or(12),
            mlp: vision_mlp,
            activation: activation(&json.vision_config)?,
            norm_eps: json.vision_config.layer_norm_eps.unwrap_or(1e-5),
        },
        text: TextConfig {
            vocabulary,
            context,
            width: text_width,
            layers: count("text_model"),
            heads: json.text_config.num_attention_heads.unwrap_or(8),
            mlp: text_mlp,
            activation: activation(&json.text_config)?,
            norm_eps: json.text_config.layer_norm_eps.unwrap_or(1e-5),
            end_of_text: end_of_text(tokenizer)?,
        },
        projection,
        logit_scale: logit_scale
            .first()
            .ok_or_else(|| missing("logit_scale"))?
            .exp(),
        pixel_mean: preprocessor.image_mean.unwrap_or(CLIP_MEAN),
        pixel_std: preprocessor.image_std.unwrap_or(CLIP_STD),
    })
}

fn activation(tower: &TowerJson) -> Result<Activation> {
    match tower.hidden_act.as_deref().unwrap_or("quick_gelu") {
        "quick_gelu" => Ok(Activation::QuickGelu),
        "gelu" => Ok(Activation::Gelu),
        other => Err(Error::unsupported(format!(
            "config.json asks for the activation {other:?}; only quick_gelu and gelu are known."
        ))),
    }
}

/// What ends an empty text. `config.json` cannot be asked: early ones name a wrong id.
fn end_of_text(tokenizer: &[u8]) -> Result<u32> {
    let bad = |e: String| Error::model(format!("tokenizer.json cannot be used ({e})."));
    tokenizers::Tokenizer::from_bytes(tokenizer)
        .and_then(|t| t.encode_fast("", true))
        .map_err(|e| bad(e.to_string()))?
        .get_ids()
        .last()
        .copied()
        .ok_or_else(|| bad("it adds no end-of-text token".into()))
}
