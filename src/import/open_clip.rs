//! OpenCLIP's layout: other names, the three input projections of an attention stacked, the
//! projections transposed, and exact GELU unless the config says otherwise.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::files::Files;
use super::model::{
    CLIP_MEAN, CLIP_STD, Heads, LayoutInfo, NORM_EPS, Naming, Take, Tower, Weights, assemble,
};
use super::tensors::Tensors;
use super::{OPEN_CLIP_CONFIG, Published, read_config, tokenizer};
use crate::error::{Error, Result};
use crate::kernel::Activation;

/// Numbers a head of the vision tower has, unless the config says otherwise.
const HEAD_WIDTH: usize = 64;

/// Where OpenCLIP keeps the tensor that Hugging Face calls `name`; `text` is what its names of
/// the text tower begin with.
pub(super) fn place(name: &str, text: &str) -> Option<(String, Take)> {
    let single = |stored: &str| Some((stored.to_owned(), Take::Whole));
    match name {
        "logit_scale" => return single("logit_scale"),
        "visual_projection.weight" => return Some(("visual.proj".into(), Take::Transposed)),
        "text_projection.weight" => {
            return Some((format!("{text}text_projection"), Take::Transposed));
        }
        _ => {}
    }
    if let Some(rest) = name.strip_prefix("vision_model.") {
        return match rest {
            "embeddings.class_embedding" => single("visual.class_embedding"),
            "embeddings.patch_embedding.weight" => single("visual.conv1.weight"),
            "embeddings.position_embedding.weight" => single("visual.positional_embedding"),
            // The spelling is Hugging Face's.
            "pre_layrnorm.weight" => single("visual.ln_pre.weight"),
            "pre_layrnorm.bias" => single("visual.ln_pre.bias"),
            "post_layernorm.weight" => single("visual.ln_post.weight"),
            "post_layernorm.bias" => single("visual.ln_post.bias"),
            _ => in_block(rest, "visual."),
        };
    }
    let rest = name.strip_prefix("text_model.")?;
    let stored = match rest {
        "embeddings.token_embedding.weight" => "token_embedding.weight",
        "embeddings.position_embedding.weight" => "positional_embedding",
        "final_layer_norm.weight" => "ln_final.weight",
        "final_layer_norm.bias" => "ln_final.bias",
        _ => return in_block(rest, text),
    };
    Some((format!("{text}{stored}"), Take::Whole))
}

fn in_block(name: &str, tower: &str) -> Option<(String, Take)> {
    let (layer, rest) = name.strip_prefix("encoder.layers.")?.split_once('.')?;
    let (module, kind) = rest.rsplit_once('.')?;
    let (module, take) = match module {
        "layer_norm1" => ("ln_1.", Take::Whole),
        "layer_norm2" => ("ln_2.", Take::Whole),
        "mlp.fc1" => ("mlp.c_fc.", Take::Whole),
        "mlp.fc2" => ("mlp.c_proj.", Take::Whole),
        "self_attn.out_proj" => ("attn.out_proj.", Take::Whole),
        "self_attn.q_proj" => ("attn.in_proj_", Take::Third(0)),
        "self_attn.k_proj" => ("attn.in_proj_", Take::Third(1)),
        "self_attn.v_proj" => ("attn.in_proj_", Take::Third(2)),
        _ => return None,
    };
    Some((
        format!("{tower}transformer.resblocks.{layer}.{module}{kind}"),
        take,
    ))
}

#[derive(Debug, Deserialize)]
struct ConfigJson {
    model_cfg: ModelJson,
    #[serde(default)]
    preprocess_cfg: PixelsJson,
}

#[derive(Debug, Deserialize)]
struct ModelJson {
    #[serde(default)]
    quick_gelu: bool,
    vision_cfg: Map<String, Value>,
    text_cfg: Map<String, Value>,
    #[serde(default)]
    multimodal_cfg: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
struct PixelsJson {
    #[serde(default)]
    mean: Option<[f32; 3]>,
    #[serde(default)]
    std: Option<[f32; 3]>,
}

/// Settings that make a tower compute something else, for either tower: their names, and what
/// may stand there all the same.
const OTHERWISE: [(&str, &[&str]); 20] = [
    ("timm_model_name", &[]),
    ("hf_model_name", &[]),
    ("attentional_pool", &[]),
    ("no_ln_pre", &[]),
    ("embed_cls", &[]),
    ("no_causal_mask", &[]),
    ("proj_bias", &[]),
    ("ls_init_value", &[]),
    ("qk_norm", &[]),
    ("scaled_cosine_attn", &[]),
    ("scale_heads", &[]),
    ("scale_attn_inner", &[]),
    ("scale_attn", &[]),
    ("scale_fc", &[]),
    ("act_kwargs", &[]),
    ("pool_type", &["tok", "argmax", "eos"]),
    ("proj_type", &["linear"]),
    ("pos_embed_type", &["learnable", "sin_cos_2d"]),
    ("block_type", &["default", "custom"]),
    ("use_pad_mask", &[]),
];

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
    for (setting, allowed) in OTHERWISE {
        let off = match config.get(setting) {
            None | Some(Value::Null | Value::Bool(false)) => true,
            Some(Value::String(text)) => text.is_empty() || allowed.contains(&text.as_str()),
            Some(Value::Object(map)) => map.is_empty(),
            Some(_) => false,
        };
        if !off {
            return refuse(format!("{setting} = {}", config[setting]));
        }
    }
    Ok(())
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

/// What the names of the text tower begin with: newer models keep it in a module of its own.
pub(super) fn naming(tensors: &Tensors) -> Naming {
    let nested = tensors.names().any(|name| name.starts_with("text."));
    Naming::OpenClip {
        text: if nested { "text." } else { "" },
    }
}

pub(super) fn open(files: &dyn Files, names: &[String], tensors: Tensors) -> Result<Published> {
    let config: ConfigJson = read_config(files, OPEN_CLIP_CONFIG)?;
    let model = config.model_cfg;
    if model.multimodal_cfg.is_some_and(|cfg| !cfg.is_null()) {
        return Err(Error::unsupported(format!(
            "{OPEN_CLIP_CONFIG} describes a CoCa, which cannot be imported. Only CLIP can."
        )));
    }
    check_plain("vision", &model.vision_cfg)?;
    check_plain("text", &model.text_cfg)?;
    let activation = if model.quick_gelu {
        Activation::QuickGelu
    } else {
        Activation::Gelu
    };
    let facts = LayoutInfo {
        layout: "OpenCLIP",
        vision: Tower {
            heads: Heads::Width(number(&model.vision_cfg, "head_width", HEAD_WIDTH)?),
            activation,
            norm_eps: norm_eps(&model.vision_cfg),
        },
        text: Tower {
            heads: Heads::Count(number(&model.text_cfg, "heads", 8)?),
            activation,
            norm_eps: norm_eps(&model.text_cfg),
        },
        pixel_mean: config.preprocess_cfg.mean.unwrap_or(CLIP_MEAN),
        pixel_std: config.preprocess_cfg.std.unwrap_or(CLIP_STD),
        highest_id: model.text_cfg.get("pool_type").and_then(Value::as_str) != Some("eos"),
    };
    let tensors = tensors.rooted_at("visual.class_embedding");
    let naming = naming(&tensors);
    let weights = Weights::new(tensors, naming);
    let tokenizer = tokenizer::find(files, names, weights.vocabulary()?)?;
    assemble(weights, &facts, tokenizer)
}
