//! The layout of Hugging Face's `CLIPModel`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::files::Files;
use super::model::{ClipWeights, HeadCount, LayoutInfo, NORM_EPS, Tower, assemble};
use super::pixels::ImageProcessor;
use super::stated::check_stated;
use super::tables::{HUGGING_FACE, Section};
use super::tensors::Tensors;
use super::{HF_CONFIG, OPEN_CLIP_CONFIG, Published, read_config, tokenizer};
use crate::error::{Error, Result};
use crate::kernel::Activation;

/// `CLIPConfig`'s default of `logit_scale_init_value`, which a model without a `logit_scale` has: the
/// logarithm of 14.3.
const LOGIT_SCALE: f32 = 2.6592;

/// What `config.json` describes.
pub(super) enum Described {
    Clip(Box<ClipConfigJson>),
    /// Something else, and the sentence about it.
    Other(Error),
    /// There is no `config.json`.
    Nothing,
}

/// What of `config.json` matters here. As in `CLIPConfig`, a tower that is not described has the
/// defaults of its own configuration.
#[derive(Debug, Deserialize)]
pub(super) struct ClipConfigJson {
    #[serde(default)]
    vision_config: Option<TowerJson>,
    #[serde(default)]
    text_config: Option<TowerJson>,
    // Old files have these beside those or in their place; where they are, they hold, with the
    // defaults for what they lack.
    #[serde(default)]
    vision_config_dict: Option<TowerJson>,
    #[serde(default)]
    text_config_dict: Option<TowerJson>,
    #[serde(default)]
    logit_scale_init_value: Option<f32>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The defaults for what a file leaves out are those of `CLIPVisionConfig` and `CLIPTextConfig`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TowerJson {
    num_attention_heads: Option<usize>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
    #[serde(flatten)]
    others: Map<String, Value>,
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
            heads: HeadCount::Count(self.num_attention_heads.unwrap_or(heads)),
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
    let tower = |name: &str| {
        let keys = [format!("{name}_config"), format!("{name}_config_dict")];
        keys.iter()
            .any(|key| json.get(key).is_some_and(|v| !v.is_null()))
    };
    let two_towers = tower("vision") && tower("text");
    let other = match (kind, two_towers) {
        (Some("clip"), _) | (None, true) => match serde_json::from_value(json) {
            Ok(config) => return Ok(Described::Clip(Box::new(config))),
            Err(e) => Error::model(format!("{HF_CONFIG} is not that of a CLIPModel ({e}).")),
        },
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

/// Newer files keep the picture's part beside the tokenizer's.
#[derive(Debug, Default, Deserialize)]
struct ProcessorJson {
    #[serde(default)]
    image_processor: Option<ImageProcessor>,
}

const PREPROCESSOR: &str = "preprocessor_config.json";
const PROCESSOR: &str = "processor_config.json";

/// How pictures are prepared, and the file that states it.
fn image_processor(files: &dyn Files, names: &[String]) -> Result<(&'static str, ImageProcessor)> {
    let there = |name: &str| names.iter().any(|n| n == name);
    if there(PREPROCESSOR) {
        return Ok((PREPROCESSOR, read_config(files, PREPROCESSOR)?));
    }
    let processor: ProcessorJson = if there(PROCESSOR) {
        read_config(files, PROCESSOR)?
    } else {
        ProcessorJson::default()
    };
    Ok((PROCESSOR, processor.image_processor.unwrap_or_default()))
}

/// Checks that OpenCLIP's description, where it lies beside, asks for the same non-linearity: else
/// one of the two is wrong, and nothing else shows which.
fn check_twin(files: &dyn Files, names: &[String], vision: Tower) -> Result<()> {
    if !names.iter().any(|name| name == OPEN_CLIP_CONFIG) {
        return Ok(());
    }
    let twin: Value = read_config(files, OPEN_CLIP_CONFIG)?;
    let model = &twin["model_cfg"];
    // timm's towers have a non-linearity of their own.
    let comparable =
        model["vision_cfg"].is_object() && !model["vision_cfg"]["timm_model_name"].is_string();
    let quick = model["quick_gelu"].as_bool().unwrap_or(false);
    if !comparable || quick == (vision.activation == Activation::QuickGelu) {
        return Ok(());
    }
    Err(Error::model(format!(
        "{HF_CONFIG} and {OPEN_CLIP_CONFIG} disagree: one says quick_gelu, the other gelu. Take the wrong one away."
    )))
}

pub(super) fn open(
    files: &dyn Files,
    names: &[String],
    config: &ClipConfigJson,
    tensors: Tensors,
) -> Result<Published> {
    let not_described = TowerJson::default();
    let [vision, text] = [
        [&config.vision_config_dict, &config.vision_config],
        [&config.text_config_dict, &config.text_config],
    ]
    .map(|either| {
        either
            .into_iter()
            .flatten()
            .next()
            .unwrap_or(&not_described)
    });
    let (pixels_file, pixels) = image_processor(files, names)?;
    let statistics = pixels.statistics(pixels_file)?;
    let info = LayoutInfo {
        layout: "Hugging Face",
        vision: vision.tower(12)?,
        text: text.tower(8)?,
        pixel_mean: statistics.mean,
        pixel_std: statistics.std,
        logit_scale: Some(config.logit_scale_init_value.unwrap_or(LOGIT_SCALE)),
        // `eos_token_id` cannot be asked: early files name a wrong one.
        highest_id: false,
    };
    check_twin(files, names, info.vision)?;
    let tensors = tensors.rooted_at("vision_model.embeddings.class_embedding");
    let weights = ClipWeights::new(tensors, &HUGGING_FACE)?;
    let tokenizer = tokenizer::find(files, names, weights.vocabulary()?)?;
    let published = assemble(weights, &info, tokenizer)?;
    let found = published.config();
    pixels.check_size(pixels_file, found.vision.image_size)?;
    let settings = |section| match section {
        Section::Vision => &vision.others,
        Section::Text => &text.others,
        Section::Model => &config.others,
    };
    check_stated(HF_CONFIG, found, |row| row.1, settings)?;
    Ok(published)
}
