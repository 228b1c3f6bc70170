//! DINO with FOUND's head, as they were published: the Vision Transformer in Hugging Face's
//! `ViTModel` layout or as DINO's own checkpoint, the head as a state dict of PyTorch.

use serde::Deserialize;

use super::named::NamedTensors;
use super::tables::{DINO, FOUND_HEAD, TensorTable, VIT, VIT_NESTED};
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

/// The width of an attention head in every DINO.
const HEAD: usize = 64;

/// The ε of DINO's own layer norms; `ViTModel` states its own.
const NORM_EPS: f64 = 1e-6;

/// A DINO and a head of FOUND.
#[derive(Debug)]
pub struct PublishedGuide {
    config: GuideConfig,
    encoder: NamedTensors,
    head: NamedTensors,
}

/// The layouts of a DINO, and whether a `config.json` describes it there.
static LAYOUTS: [(&TensorTable, bool); 3] = [(&DINO, false), (&VIT, true), (&VIT_NESTED, true)];

const PATCHES: &str = "guide.embeddings.patch_embeddings.projection.weight";

/// What of `config.json` does not follow from shapes.
#[derive(Debug, Deserialize)]
struct VitConfigJson {
    num_attention_heads: usize,
    #[serde(default)]
    layer_norm_eps: Option<f64>,
}

impl PublishedGuide {
    /// Opens a DINO and a head.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the files are not there; [`Error::Model`] if they are damaged or do not
    /// fit, naming the file and the tensor; [`Error::Unsupported`] if they are of another kind of
    /// network; [`Error::Io`] if a file cannot be read.
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
        let (table, described) = layout(&tensors)?;
        let json: Option<VitConfigJson> = if described && names.iter().any(|name| name == HF_CONFIG)
        {
            Some(read_config(encoder, HF_CONFIG)?)
        } else {
            None
        };
        let encoder = NamedTensors::new(tensors, table, "a DINO");
        let guide = Self {
            config: architecture(&encoder, json.as_ref())?,
            encoder,
            head: NamedTensors::new(head, &FOUND_HEAD, "the head of FOUND"),
        };
        guide.config.validate()?;
        for tensor in expected_guide(&guide.config) {
            guide.holder(&tensor.name).check([&tensor])?;
        }
        Ok(guide)
    }

    /// The architecture of the guide.
    #[must_use]
    pub fn config(&self) -> &GuideConfig {
        &self.config
    }

    /// The network that has this tensor of a bundle.
    fn holder(&self, name: &str) -> &NamedTensors {
        if name.starts_with("guide.head.") {
            &self.head
        } else {
            &self.encoder
        }
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
        self.holder(name).values(name, shape)
    }
}

/// The layout in which there is a patch embedding.
fn layout(tensors: &Tensors) -> Result<(&'static TensorTable, bool)> {
    let fits = |(table, _): &(&TensorTable, bool)| {
        let patches = table.find(PATCHES);
        patches.is_some_and(|(stored, _)| tensors.shape(&stored).is_some())
    };
    LAYOUTS.into_iter().find(fits).ok_or_else(|| {
        Error::unsupported(format!(
            "{} holds no DINO in the layout of ViTModel or of its own checkpoints.",
            tensors.title()
        ))
    })
}

fn architecture(tensors: &NamedTensors, json: Option<&VitConfigJson>) -> Result<GuideConfig> {
    let &[width, 3, patch, _] = tensors.shape(PATCHES)?.as_slice() else {
        return Err(tensors.bad_shape(PATCHES));
    };
    let positions = "guide.embeddings.position_embeddings";
    let &[_, rows, _] = tensors.shape(positions)?.as_slice() else {
        return Err(tensors.bad_shape(positions));
    };
    let (mlp, _) = tensors.matrix("guide.encoder.layer.0.intermediate.dense.weight")?;
    let layers =
        tensors.blocks(|layer| format!("guide.encoder.layer.{layer}.layernorm_before.weight"));
    Ok(GuideConfig {
        tower: VisionConfig {
            image_size: rows.saturating_sub(1).isqrt() * patch,
            patch,
            width,
            layers,
            heads: json.map_or((width / HEAD).max(1), |json| json.num_attention_heads),
            mlp,
            activation: Activation::Gelu,
            norm_eps: json
                .and_then(|json| json.layer_norm_eps)
                .unwrap_or(NORM_EPS),
        },
        pixel_mean: MEAN,
        pixel_std: STD,
    })
}
