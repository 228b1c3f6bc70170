//! OpenCLIP's layout: its description of a model, with exact GELU unless it states otherwise.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::files::Files;
use super::model::{ClipWeights, HeadCount, LayoutInfo, NORM_EPS, Tower, assemble};
use super::pixels::PreprocessConfig;
use super::stated::check_stated;
use super::tables::{ClipTable, OPEN_CLIP, OPEN_CLIP_NESTED, Section};
use super::tensors::Tensors;
use super::{OPEN_CLIP_CONFIG, Published, read_config, tokenizer};
use crate::error::{Error, Result};
use crate::kernel::Activation;

/// The width of a head of the vision tower, unless the config states another.
const HEAD_WIDTH: usize = 64;

#[derive(Debug, Deserialize)]
struct OpenClipJson {
    model_cfg: ModelJson,
    #[serde(default)]
    preprocess_cfg: PreprocessConfig,
}

#[derive(Debug, Deserialize)]
struct ModelJson {
    #[serde(default)]
    quick_gelu: bool,
    vision_cfg: Map<String, Value>,
    text_cfg: Map<String, Value>,
    #[serde(default)]
    multimodal_cfg: Option<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Settings of a model that follow from the weights as well, or that change nothing of what the towers
/// compute.
const HARMLESS_OF_MODEL: [&str; 7] = [
    "cast_dtype",
    "custom_text",
    "embed_dim",
    "init_logit_bias",
    "init_logit_scale",
    "nonscalar_logit_scale",
    "output_dict",
];

/// Settings of a tower that are read here, that follow from the weights as well, or that change nothing of
/// what a tower like CLIP's computes: of a single token, the last norm is the same before the pooling
/// and after. All others are refused where they are on, those not known yet too.
const HARMLESS: [&str; 20] = [
    "attn_pooler_heads",
    "attn_pooler_queries",
    "context_length",
    "correct_cls_mask",
    "eos_id",
    "final_ln_after_pool",
    "head_width",
    "heads",
    "hf_tokenizer_name",
    "image_size",
    "layers",
    "mlp_ratio",
    "norm_kwargs",
    "output_tokens",
    "pad_id",
    "patch_dropout",
    "patch_size",
    "text_mask",
    "vocab_size",
    "width",
];

/// What begins so matters only with the name of a model of that library, which is refused.
const OF_OTHER_LIBRARIES: [(&str, &str); 2] =
    [("timm_", "timm_model_name"), ("hf_", "hf_model_name")];

/// Settings that may be on with these values.
const WITH_VALUES: [(&str, &[&str]); 4] = [
    ("pool_type", &["tok", "argmax", "eos"]),
    ("proj_type", &["linear"]),
    ("pos_embed_type", &["learnable", "sin_cos_2d"]),
    ("block_type", &["default", "custom"]),
];

fn is_harmless(setting: &str, value: &Value) -> bool {
    let off = match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let foreign = OF_OTHER_LIBRARIES
        .iter()
        .any(|(begins, name)| setting.starts_with(begins) && setting != *name);
    let allowed = |(name, values): &(&str, &[&str])| {
        *name == setting && value.as_str().is_some_and(|v| values.contains(&v))
    };
    off || foreign || HARMLESS.contains(&setting) || WITH_VALUES.iter().any(allowed)
}

/// Refuses a tower that is not CLIP's.
fn check_plain(tower: &str, config: &Map<String, Value>) -> Result<()> {
    let refuse = |what: String| {
        Err(Error::unsupported(format!(
            "{OPEN_CLIP_CONFIG} describes a {tower} tower with {what}. Only CLIP's own ViT and text transformer can be imported."
        )))
    };
    if config.get("layers").is_some_and(Value::is_array) {
        return refuse("the layers of a ResNet".into());
    }
    match config
        .iter()
        .find(|(setting, value)| !is_harmless(setting, value))
    {
        Some((setting, value)) => refuse(format!("{setting} = {value}")),
        None => check_norm(tower, config),
    }
}

/// Checks that nothing but the ε of the layer norms is set.
fn check_norm(tower: &str, config: &Map<String, Value>) -> Result<()> {
    let norm = config.get("norm_kwargs").and_then(Value::as_object);
    match norm
        .into_iter()
        .flatten()
        .find(|(setting, _)| *setting != "eps")
    {
        None => Ok(()),
        Some((setting, value)) => Err(Error::unsupported(format!(
            "{OPEN_CLIP_CONFIG} describes layer norms of the {tower} tower with {setting} = {value}. Only CLIP's own can be imported."
        ))),
    }
}

fn norm_eps(tower: &Map<String, Value>) -> f64 {
    let eps = tower.get("norm_kwargs").and_then(|norm| norm.get("eps"));
    eps.and_then(Value::as_f64).unwrap_or(NORM_EPS)
}

fn number(tower: &Map<String, Value>, setting: &str, otherwise: usize) -> Result<usize> {
    match tower.get(setting) {
        None | Some(Value::Null) => Ok(otherwise),
        Some(value) => value
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| Error::model(format!("{OPEN_CLIP_CONFIG} says {setting} = {value}."))),
    }
}

/// Which of the two tables holds for these tensors.
pub(super) fn table(tensors: &Tensors) -> &'static ClipTable {
    let nested = tensors.names().any(|name| name.starts_with("text."));
    if nested {
        &OPEN_CLIP_NESTED
    } else {
        &OPEN_CLIP
    }
}

pub(super) fn open(files: &dyn Files, names: &[String], tensors: Tensors) -> Result<Published> {
    let config: OpenClipJson = read_config(files, OPEN_CLIP_CONFIG)?;
    let model = config.model_cfg;
    if model
        .multimodal_cfg
        .as_ref()
        .is_some_and(|cfg| !cfg.is_null())
    {
        return Err(Error::unsupported(format!(
            "{OPEN_CLIP_CONFIG} describes a CoCa, which cannot be imported. Only CLIP can."
        )));
    }
    let others = &mut model.others.iter();
    if let Some((setting, value)) = others.find(|(setting, value)| {
        !HARMLESS_OF_MODEL.contains(&setting.as_str()) && !is_harmless(setting, value)
    }) {
        return Err(Error::unsupported(format!(
            "{OPEN_CLIP_CONFIG} describes a model with {setting} = {value}. Only CLIP itself can be imported."
        )));
    }
    check_plain("vision", &model.vision_cfg)?;
    check_plain("text", &model.text_cfg)?;
    let activation = if model.quick_gelu {
        Activation::QuickGelu
    } else {
        Activation::Gelu
    };
    let statistics = config.preprocess_cfg.statistics(OPEN_CLIP_CONFIG)?;
    let info = LayoutInfo {
        layout: "OpenCLIP",
        vision: Tower {
            heads: HeadCount::Width(number(&model.vision_cfg, "head_width", HEAD_WIDTH)?),
            activation,
            norm_eps: norm_eps(&model.vision_cfg),
        },
        text: Tower {
            heads: HeadCount::Count(number(&model.text_cfg, "heads", 8)?),
            activation,
            norm_eps: norm_eps(&model.text_cfg),
        },
        pixel_mean: statistics.mean,
        pixel_std: statistics.std,
        // OpenCLIP does not load weights without one.
        logit_scale: None,
        highest_id: model.text_cfg.get("pool_type").and_then(Value::as_str) != Some("eos"),
    };
    let tensors = tensors.rooted_at("visual.class_embedding");
    let table = table(&tensors);
    let weights = ClipWeights::new(tensors, table)?;
    let tokenizer = tokenizer::find(files, names, weights.vocabulary()?)?;
    let published = assemble(weights, &info, tokenizer)?;
    let found = published.config();
    config
        .preprocess_cfg
        .check_size(OPEN_CLIP_CONFIG, found.vision.image_size)?;
    let settings = |section| match section {
        Section::Vision => &model.vision_cfg,
        Section::Text => &model.text_cfg,
        Section::Model => &model.others,
    };
    check_stated(OPEN_CLIP_CONFIG, found, |row| row.2, settings)?;
    Ok(published)
}
