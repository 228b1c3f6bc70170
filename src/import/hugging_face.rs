//! The layout of Hugging Face's `CLIPModel`.

use serde::Deserialize;
use serde_json::Value;

use super::files::Files;
use super::model::{
    CLIP_MEAN, CLIP_STD, Heads, LayoutInfo, NORM_EPS, Naming, Tower, Weights, assemble,
};
use super::tensors::Tensors;
use super::{HF_CONFIG, Published, read_config, tokenizer};
use crate::error::{Error, Result};
use crate::kernel::Activation;

/// What `config.json` describes.
pub(super) enum Described {
    Clip(Box<ConfigJson>),
    /// Something else, and the sentence about it.
    Other(Error),
    /// There is no `config.json`.
    Nothing,
}

/// The parts of `config.json` that the shapes of the tensors do not tell.
#[derive(Debug, Deserialize)]
pub(super) struct ConfigJson {
    vision_config: TowerJson,
    text_config: TowerJson,
    // Old files have these too; where they are, they hold, with the defaults for what they lack.
    #[serde(default)]
    vision_config_dict: Option<TowerJson>,
    #[serde(default)]
    text_config_dict: Option<TowerJson>,
}

/// The defaults for what a file leaves out are those of `CLIPConfig`.
#[derive(Debug, Deserialize)]
struct TowerJson {
    #[serde(default)]
    num_attention_heads: Option<usize>,
    #[serde(default)]
    hidden_act: Option<String>,
    #[serde(default)]
    layer_norm_eps: Option<f64>,
}

impl TowerJson {
    fn tower(&self, heads: usize) -> Result<Tower> {
        let activation = match self.hidden_act.as_deref().unwrap_or("quick_gelu") {
            "quick_gelu" => Activation::QuickGelu,
            "gelu" => Activation::Gelu,
            other => {
                return Err(Error::unsupported(format!(
                    "{HF_CONFIG} asks for the activation {other:?}; only quick_gelu and gelu are known."
                )));
            }
        };
        Ok(Tower {
            heads: Heads::Count(self.num_attention_heads.unwrap_or(heads)),
            activation,
            norm_eps: self.layer_norm_eps.unwrap_or(NORM_EPS),
        })
    }
}

/// Reads `config.json`, if it is there.
pub(super) fn described(files: &dyn Files, names: &[String]) -> Result<Described> {
    if !names.iter().any(|name| name == HF_CONFIG) {
        return Ok(Described::Nothing);
    }
    let json: Value = read_config(files, HF_CONFIG)?;
    let kind = json.get("model_type").and_then(Value::as_str);
    let two_towers = json.get("vision_config").is_some() && json.get("text_config").is_some();
    let other = match (kind, two_towers) {
        (Some("clip") | None, true) => match serde_json::from_value(json) {
            Ok(config) => return Ok(Described::Clip(Box::new(config))),
            Err(e) => Error::model(format!("{HF_CONFIG} is not that of a CLIPModel ({e}).")),
        },
        (Some("clip"), false) => Error::model(format!(
            "{HF_CONFIG} does not describe both towers (vision_config and text_config)."
        )),
        (Some(half @ ("clip_vision_model" | "clip_text_model")), _) => Error::unsupported(format!(
            "{HF_CONFIG} describes a {half:?}, half a CLIP. Both towers are needed: import the whole CLIP."
        )),
        (Some(kind), _) => Error::unsupported(format!(
            "{HF_CONFIG} describes a {kind:?}. Only CLIP with a ViT can be imported (model_type \"clip\")."
        )),
        (None, false) => Error::unsupported(format!("{HF_CONFIG} does not describe a CLIP.")),
    };
    Ok(Described::Other(other))
}

#[derive(Debug, Default, Deserialize)]
struct PixelsJson {
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
}

/// Newer files keep the picture's part beside the tokenizer's.
#[derive(Debug, Default, Deserialize)]
struct ProcessorJson {
    #[serde(default)]
    image_processor: Option<PixelsJson>,
}

fn pixels(files: &dyn Files, names: &[String]) -> Result<PixelsJson> {
    let there = |name: &&str| names.iter().any(|n| n == name);
    if let Some(name) = Some("preprocessor_config.json").filter(there) {
        return read_config(files, name);
    }
    if let Some(name) = Some("processor_config.json").filter(there) {
        let processor: ProcessorJson = read_config(files, name)?;
        return Ok(processor.image_processor.unwrap_or_default());
    }
    Ok(PixelsJson::default())
}

pub(super) fn open(
    files: &dyn Files,
    names: &[String],
    config: &ConfigJson,
    tensors: Tensors,
) -> Result<Published> {
    let vision = config.vision_config_dict.as_ref();
    let text = config.text_config_dict.as_ref();
    let pixels = pixels(files, names)?;
    let facts = LayoutInfo {
        layout: "Hugging Face",
        vision: vision.unwrap_or(&config.vision_config).tower(12)?,
        text: text.unwrap_or(&config.text_config).tower(8)?,
        pixel_mean: pixels.image_mean.unwrap_or(CLIP_MEAN),
        pixel_std: pixels.image_std.unwrap_or(CLIP_STD),
        // `eos_token_id` cannot be asked: early files name a wrong one.
        highest_id: false,
    };
    let tensors = tensors.rooted_at("vision_model.embeddings.class_embedding");
    let weights = Weights::new(tensors, Naming::HuggingFace);
    let tokenizer = tokenizer::find(files, names, weights.vocabulary()?)?;
    assemble(weights, &facts, tokenizer)
}
