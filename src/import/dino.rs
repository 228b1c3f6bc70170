//! DINO with FOUND's head, as they were published: the Vision Transformer in Hugging Face's
//! `ViTModel` layout or as DINO's own checkpoint, the head as a state dict of PyTorch.

use serde::Deserialize;

use super::tensors::Tensors;
use super::{Files, HF_CONFIG, HF_WEIGHTS, only_weights, open_tensors, read_config};
use crate::bundle::GuideNetwork;
use crate::bundle::layout::expected_guide;
use crate::clip::{GuideConfig, VisionConfig};
use crate::error::{Error, Result};
use crate::kernel::Activation;
use crate::quant::WeightSource;

/// `ImageNet`'s pixel statistics, which DINO was trained with.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Numbers of an attention head in every DINO.
const HEAD: usize = 64;

/// The ε of DINO's own layer norms; `ViTModel` states its own.
const NORM_EPS: f64 = 1e-6;

/// A DINO and a head of FOUND.
#[derive(Debug)]
pub struct PublishedGuide {
    config: GuideConfig,
    encoder: Tensors,
    naming: Naming,
    head: Tensors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// `ViTModel`, alone or within a model that has it under this prefix.
    Vit(&'static str),
    Dino,
}

/// What `config.json` tells that shapes do not.
#[derive(Debug, Deserialize)]
struct ConfigJson {
    num_attention_heads: usize,
    #[serde(default)]
    layer_norm_eps: Option<f64>,
}

impl PublishedGuide {
    /// Opens a DINO and a head.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the files are not there, [`Error::Model`] that names the file and the
    /// tensor for what does not fit, [`Error::Unsupported`] for another kind of network.
    pub fn open(encoder: &dyn Files, head: &dyn Files) -> Result<Self> {
        let names = encoder.names();
        let named = HF_WEIGHTS
            .iter()
            .copied()
            .find(|w| names.iter().any(|n| n == *w));
        let weights = named.or_else(|| only_weights(&names)).ok_or_else(|| {
            Error::input("cannot tell which file holds DINO's weights. Name one.")
        })?;
        let tensors = open_tensors(encoder, &names, weights)?;
        let head_names = head.names();
        let head_file = only_weights(&head_names)
            .ok_or_else(|| Error::input("cannot tell which file holds FOUND's head. Name it."))?;
        let head = open_tensors(head, &head_names, head_file)?;
        let naming = Naming::of(&tensors)?;
        let described = names.iter().any(|name| name == HF_CONFIG);
        let json: Option<ConfigJson> = match (described, naming) {
            (true, Naming::Vit(_)) => Some(read_config(encoder, HF_CONFIG)?),
            _ => None,
        };
        let guide = Self {
            config: architecture(&tensors, naming, json.as_ref())?,
            encoder: tensors,
            naming,
            head,
        };
        guide.config.validate()?;
        guide.check()?;
        Ok(guide)
    }

    /// The architecture.
    #[must_use]
    pub fn config(&self) -> &GuideConfig {
        &self.config
    }

    /// That every tensor is there in the right shape.
    fn check(&self) -> Result<()> {
        for tensor in expected_guide(&self.config) {
            let (tensors, stored, part) = self.place(&tensor.name)?;
            let mut wanted = tensor.shape.clone();
            if part.is_some() {
                wanted[0] *= 3;
            }
            let found = tensors.shape(&stored);
            let found = found.ok_or_else(|| missing(tensors, &stored))?;
            // The head is a convolution of 1x1 there and a matrix here.
            let alike = found.starts_with(&wanted) && found[wanted.len()..].iter().all(|&n| n == 1);
            if !alike {
                return Err(Error::model(format!(
                    "{} holds {stored} with the shape {found:?} instead of {wanted:?}.",
                    tensors.file_of(&stored)
                )));
            }
            tensors.check_number(&stored)?;
        }
        Ok(())
    }

    /// Where a tensor of the guide is: the file, its name there, and which third of it is meant.
    fn place(&self, name: &str) -> Result<(&Tensors, String, Option<usize>)> {
        let unknown = || Error::internal(format!("no other name for {name}"));
        let name = name.strip_prefix("guide.").ok_or_else(unknown)?;
        if let Some(kind) = name.strip_prefix("head.") {
            return Ok((&self.head, format!("decoder.{kind}"), None));
        }
        Ok(match self.naming {
            Naming::Vit(prefix) => (&self.encoder, format!("{prefix}{name}"), None),
            Naming::Dino => {
                let (stored, part) = dino_name(name).ok_or_else(unknown)?;
                (&self.encoder, stored, part)
            }
        })
    }
}

impl From<PublishedGuide> for GuideNetwork {
    fn from(guide: PublishedGuide) -> Self {
        Self {
            config: guide.config.clone(),
            weights: Box::new(guide),
        }
    }
}

impl WeightSource for PublishedGuide {
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (tensors, stored, part) = self.place(name)?;
        let values = match part {
            Some(part) => tensors.rows(&stored, part * shape[0]..(part + 1) * shape[0])?,
            None => tensors.values(&stored)?,
        };
        if values.len() == shape.iter().product::<usize>() {
            return Ok(values);
        }
        Err(Error::internal(format!("{name} asked for as {shape:?}")))
    }
}

impl Naming {
    fn of(tensors: &Tensors) -> Result<Self> {
        let there = |name: &str| tensors.shape(name).is_some();
        if there("blocks.0.attn.qkv.weight") {
            return Ok(Self::Dino);
        }
        ["", "vit."]
            .into_iter()
            .find(|prefix| {
                there(&format!(
                    "{prefix}embeddings.patch_embeddings.projection.weight"
                ))
            })
            .map(Self::Vit)
            .ok_or_else(|| {
                Error::unsupported(format!(
                    "{} holds no DINO in the layout of ViTModel or of its own checkpoints.",
                    tensors.title()
                ))
            })
    }

    fn name(self, vit: &str, dino: &str) -> String {
        match self {
            Self::Vit(prefix) => format!("{prefix}{vit}"),
            Self::Dino => dino.to_owned(),
        }
    }
}

/// The name in DINO's checkpoints of a tensor of `ViTModel`, and which third of it is meant.
fn dino_name(name: &str) -> Option<(String, Option<usize>)> {
    let whole = |name: &str| Some((name.to_owned(), None));
    match name {
        "embeddings.cls_token" => return whole("cls_token"),
        "embeddings.position_embeddings" => return whole("pos_embed"),
        _ => {}
    }
    if let Some(kind) = name.strip_prefix("embeddings.patch_embeddings.projection.") {
        return whole(&format!("patch_embed.proj.{kind}"));
    }
    let (layer, rest) = name.strip_prefix("encoder.layer.")?.split_once('.')?;
    let (inner, kind) = rest.rsplit_once('.')?;
    let (inner, part) = match inner {
        "layernorm_before" => ("norm1", None),
        "layernorm_after" => ("norm2", None),
        "attention.attention.query" => ("attn.qkv", Some(0)),
        "attention.attention.key" => ("attn.qkv", Some(1)),
        "attention.attention.value" => ("attn.qkv", Some(2)),
        "attention.output.dense" => ("attn.proj", None),
        "intermediate.dense" => ("mlp.fc1", None),
        "output.dense" => ("mlp.fc2", None),
        _ => return None,
    };
    Some((format!("blocks.{layer}.{inner}.{kind}"), part))
}

fn architecture(
    tensors: &Tensors,
    naming: Naming,
    json: Option<&ConfigJson>,
) -> Result<GuideConfig> {
    let dims = |vit: &str, dino: &str| {
        let name = naming.name(vit, dino);
        let shape = tensors.shape(&name).map(<[usize]>::to_vec);
        shape.ok_or_else(|| missing(tensors, &name))
    };
    let odd = |what: &str| Error::model(format!("{what} of {} is none.", tensors.title()));
    let kernel = dims(
        "embeddings.patch_embeddings.projection.weight",
        "patch_embed.proj.weight",
    )?;
    let &[width, 3, patch, _] = kernel.as_slice() else {
        return Err(odd("the patch embedding"));
    };
    let table = dims("embeddings.position_embeddings", "pos_embed")?;
    let &[_, rows, _] = table.as_slice() else {
        return Err(odd("the position embedding"));
    };
    let hidden = dims(
        "encoder.layer.0.intermediate.dense.weight",
        "blocks.0.mlp.fc1.weight",
    )?;
    let layers = (0..)
        .take_while(|i| {
            let vit = format!("encoder.layer.{i}.layernorm_before.weight");
            let name = naming.name(&vit, &format!("blocks.{i}.norm1.weight"));
            tensors.shape(&name).is_some()
        })
        .count();
    Ok(GuideConfig {
        tower: VisionConfig {
            image_size: rows.saturating_sub(1).isqrt() * patch,
            patch,
            width,
            layers,
            heads: json.map_or((width / HEAD).max(1), |json| json.num_attention_heads),
            mlp: hidden.first().copied().unwrap_or(0),
            activation: Activation::Gelu,
            norm_eps: json
                .and_then(|json| json.layer_norm_eps)
                .unwrap_or(NORM_EPS),
        },
        pixel_mean: MEAN,
        pixel_std: STD,
    })
}

fn missing(tensors: &Tensors, stored: &str) -> Error {
    Error::model(format!("{} has no tensor {stored}.", tensors.title()))
}
