//! A model's tensors, and the architecture that follows from their shapes.

use std::ops::Range;

use super::named::NamedTensors;
use super::tables::ClipTable;
use super::tensors::Tensors;
use super::{Published, tokenizer};
use crate::bundle::layout::expected;
use crate::clip::{ClipConfig, TextConfig, VisionConfig};
use crate::error::{Error, Result};
use crate::kernel::Activation;

/// CLIP's own pixel statistics, for a model that states none.
pub(super) const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
pub(super) const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// The ε of a layer norm, unless a config states another.
pub(super) const NORM_EPS: f64 = 1e-5;

/// A model's tensors by their names in a bundle.
#[derive(Debug)]
pub(super) struct ClipWeights {
    tensors: NamedTensors,
    table: &'static ClipTable,
}

impl ClipWeights {
    /// The tensors of a layout, if both towers are among them.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if there is nothing of a tower, naming it.
    pub(super) fn new(tensors: Tensors, table: &'static ClipTable) -> Result<Self> {
        let [vision, text] = table.towers;
        for (tower, missing, there) in [(vision, "vision", "text"), (text, "text", "vision")] {
            if !tensors.names().any(|name| name.starts_with(tower)) {
                return Err(Error::unsupported(format!(
                    "{} has no {missing} tower. Both are needed: import the whole CLIP, not its {there} half.",
                    tensors.title()
                )));
            }
        }
        Ok(Self {
            tensors: NamedTensors::new(tensors, &table.tensors, "a CLIP with a ViT"),
            table,
        })
    }

    pub(super) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.tensors.values(name, shape)
    }

    /// Some rows of a tensor; see [`WeightSource::rows`](crate::quant::WeightSource::rows).
    pub(super) fn rows(
        &self,
        name: &str,
        shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Option<Vec<f32>>> {
        self.tensors.rows(name, shape, rows)
    }

    /// Token ids, so that a list of merges can be cut where the model cuts it.
    pub(super) fn vocabulary(&self) -> Result<usize> {
        let table = "text_model.embeddings.token_embedding.weight";
        self.tensors.matrix(table).map(|(ids, _)| ids)
    }

    /// The logarithm of the logit scale.
    fn logit_scale(&self, otherwise: Option<f32>) -> Result<f32> {
        let name = "logit_scale";
        let shape = match (self.tensors.shape(name), otherwise) {
            (Err(_), Some(otherwise)) => return Ok(otherwise),
            (shape, _) => shape?,
        };
        match self.values(name, &shape)?[..] {
            [logit_scale] => Ok(logit_scale),
            _ => Err(self.tensors.bad_shape(name)),
        }
    }

    fn layers(&self, tower: &str) -> usize {
        self.tensors
            .blocks(|layer| format!("{tower}.encoder.layers.{layer}.layer_norm1.weight"))
    }

    /// Checks that every tensor of the architecture is there and readable, and no other that matters.
    fn check(&self, config: &ClipConfig) -> Result<()> {
        let used = self.tensors.check(&expected(config))?;
        let mut others = self.tensors.others(&used);
        match others.find(|name| self.table.matters(name)) {
            None => Ok(()),
            Some(name) => Err(Error::unsupported(format!(
                "{} holds a tensor {name}, which a plain CLIP does not have. Such a model cannot be imported.",
                self.tensors.file_of(name)
            ))),
        }
    }
}

/// The attention heads of a tower.
#[derive(Debug, Clone, Copy)]
pub(super) enum HeadCount {
    Count(usize),
    /// The width of a tower divided by this width of a head.
    Width(usize),
}

impl HeadCount {
    fn in_width(self, width: usize) -> usize {
        match self {
            Self::Count(heads) => heads,
            Self::Width(each) => width.checked_div(each).unwrap_or(0),
        }
    }
}

/// What does not follow from the shapes of a tower's tensors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tower {
    pub(super) heads: HeadCount,
    pub(super) activation: Activation,
    pub(super) norm_eps: f64,
}

/// What does not follow from the shapes of a model's tensors.
#[derive(Debug, Clone)]
pub(super) struct LayoutInfo {
    pub(super) layout: &'static str,
    pub(super) vision: Tower,
    pub(super) text: Tower,
    pub(super) pixel_mean: [f32; 3],
    pub(super) pixel_std: [f32; 3],
    /// What `logit_scale` is where the weights have none, if the layout has a default.
    pub(super) logit_scale: Option<f32>,
    /// Whether the text tower is read at the highest id, which then must be the one that ends a
    /// text.
    pub(super) highest_id: bool,
}

/// Puts a model together and checks that it is whole.
pub(super) fn assemble(
    weights: ClipWeights,
    info: &LayoutInfo,
    tokenizer: Vec<u8>,
) -> Result<Published> {
    let config = architecture(&weights, info, &tokenizer)?;
    config.validate()?;
    weights.check(&config)?;
    Ok(Published {
        layout: info.layout,
        config,
        tokenizer,
        weights,
    })
}

fn architecture(weights: &ClipWeights, info: &LayoutInfo, tokenizer: &[u8]) -> Result<ClipConfig> {
    let tensors = &weights.tensors;
    let kernel = "vision_model.embeddings.patch_embedding.weight";
    let patch = match tensors.shape(kernel)?[..] {
        [_, 3, rows, cols] if rows == cols => rows,
        _ => return Err(tensors.bad_shape(kernel)),
    };
    let (positions, width) = tensors.matrix("vision_model.embeddings.position_embedding.weight")?;
    let side = positions.saturating_sub(1).isqrt();
    if side * side + 1 != positions {
        return Err(Error::unsupported(format!(
            "{} was trained on pictures that are not square ({positions} positions).",
            tensors.title()
        )));
    }
    let (vision_mlp, _) = tensors.matrix("vision_model.encoder.layers.0.mlp.fc1.weight")?;
    let (vocabulary, text_width) =
        tensors.matrix("text_model.embeddings.token_embedding.weight")?;
    let (context, _) = tensors.matrix("text_model.embeddings.position_embedding.weight")?;
    let (text_mlp, _) = tensors.matrix("text_model.encoder.layers.0.mlp.fc1.weight")?;
    let (projection, _) = tensors.matrix("visual_projection.weight")?;
    let logit_scale = weights.logit_scale(info.logit_scale)?;
    Ok(ClipConfig {
        vision: VisionConfig {
            image_size: side.saturating_mul(patch),
            patch,
            width,
            layers: weights.layers("vision_model"),
            heads: info.vision.heads.in_width(width),
            mlp: vision_mlp,
            activation: info.vision.activation,
            norm_eps: info.vision.norm_eps,
        },
        text: TextConfig {
            vocabulary,
            context,
            width: text_width,
            layers: weights.layers("text_model"),
            heads: info.text.heads.in_width(text_width),
            mlp: text_mlp,
            activation: info.text.activation,
            norm_eps: info.text.norm_eps,
            end_of_text: tokenizer::end_of_text(tokenizer, info.highest_id)?,
        },
        projection,
        logit_scale: logit_scale.exp(),
        pixel_mean: info.pixel_mean,
        pixel_std: info.pixel_std,
    })
}
