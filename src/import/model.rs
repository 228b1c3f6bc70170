//! A model's tensors under the names of Hugging Face's `CLIPModel`, and the architecture that
//! their shapes tell.

use std::collections::BTreeSet;

use super::tensors::Tensors;
use super::{Published, open_clip, tokenizer};
use crate::bundle::layout::expected;
use crate::clip::{ClipConfig, TextConfig, VisionConfig};
use crate::error::{Error, Result};
use crate::kernel::Activation;

/// CLIP's own pixel statistics, for a model that states none.
pub(super) const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
pub(super) const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// The ε of a layer norm, unless a config says otherwise.
pub(super) const NORM_EPS: f64 = 1e-5;

/// How the tensors of a file are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    HuggingFace,
    /// OpenCLIP's and OpenAI's; `text` is what the text tower's names begin with.
    OpenClip {
        text: &'static str,
    },
}

/// What of a stored tensor is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    Whole,
    /// One of the three equal parts that lie one above the other.
    Third(usize),
    Transposed,
}

impl Naming {
    /// Where the tensor that Hugging Face calls `name` is.
    fn place(self, name: &str) -> Option<(String, Take)> {
        match self {
            Self::HuggingFace => Some((name.to_owned(), Take::Whole)),
            Self::OpenClip { text } => open_clip::place(name, text),
        }
    }

    /// Whether a tensor that no plain CLIP has does not matter: masks and positions that are
    /// computed anyway, and what stands outside the towers.
    fn is_harmless(self, name: &str) -> bool {
        let last = name.rsplit('.').next().unwrap_or(name);
        match self {
            Self::HuggingFace => {
                let towers = [
                    "vision_model",
                    "text_model",
                    "visual_projection",
                    "text_projection",
                ];
                last == "position_ids" || !towers.contains(&name.split('.').next().unwrap_or(name))
            }
            Self::OpenClip { .. } => [
                "attn_mask",
                "logit_bias",
                "logit_scale",
                "input_resolution",
                "context_length",
                "vocab_size",
            ]
            .contains(&last),
        }
    }

    /// What the names of a tower begin with.
    fn tower(self, vision: bool) -> &'static str {
        match (self, vision) {
            (Self::HuggingFace, true) => "vision_model.",
            (Self::HuggingFace, false) => "text_model.",
            (Self::OpenClip { .. }, true) => "visual.",
            (Self::OpenClip { text: "" }, false) => "transformer.",
            (Self::OpenClip { text }, false) => text,
        }
    }
}

/// A model's tensors, found by Hugging Face's names.
#[derive(Debug)]
pub(super) struct Weights {
    tensors: Tensors,
    naming: Naming,
}

impl Weights {
    pub(super) fn new(tensors: Tensors, naming: Naming) -> Self {
        Self { tensors, naming }
    }

    fn place(&self, name: &str) -> Result<(String, Take)> {
        self.naming
            .place(name)
            .ok_or_else(|| Error::internal(format!("no other name for {name}")))
    }

    fn missing(&self, stored: &str) -> Error {
        let title = self.tensors.title();
        for (vision, there, other) in [(true, "text", "vision"), (false, "vision", "text")] {
            let tower = self.naming.tower(vision);
            if !self.tensors.names().any(|name| name.starts_with(tower)) {
                return Error::unsupported(format!(
                    "{title} has no {other} tower. Both are needed: import the whole CLIP, not its {there} half."
                ));
            }
        }
        Error::model(format!(
            "{title} has no tensor {stored}. Is it a CLIP with a ViT, and whole?"
        ))
    }

    /// The shape of a tensor.
    fn shape(&self, name: &str) -> Result<Vec<usize>> {
        let (stored, take) = self.place(name)?;
        let shape = self.tensors.shape(&stored);
        let mut shape = shape.ok_or_else(|| self.missing(&stored))?.to_vec();
        match take {
            Take::Whole => {}
            Take::Transposed => shape.reverse(),
            Take::Third(_) => match shape.first_mut() {
                Some(rows) if rows.is_multiple_of(3) => *rows /= 3,
                _ => return Err(self.bad_shape(&stored)),
            },
        }
        Ok(shape)
    }

    fn bad_shape(&self, stored: &str) -> Error {
        Error::model(format!(
            "{} holds {stored} with the shape {:?}, which does not fit the rest of the model.",
            self.tensors.file_of(stored),
            self.tensors.shape(stored).unwrap_or_default()
        ))
    }

    fn matrix(&self, name: &str) -> Result<(usize, usize)> {
        match self.shape(name)?[..] {
            [rows, cols] => Ok((rows, cols)),
            _ => Err(self.bad_shape(&self.place(name)?.0)),
        }
    }

    pub(super) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        if self.shape(name)? != shape {
            return Err(self.bad_shape(&self.place(name)?.0));
        }
        let (stored, take) = self.place(name)?;
        match (take, shape) {
            (Take::Third(part), &[rows, ..]) => {
                self.tensors.rows(&stored, part * rows..(part + 1) * rows)
            }
            (Take::Transposed, &[rows, cols]) => {
                let values = self.tensors.values(&stored)?;
                Ok((0..rows * cols)
                    .map(|i| values[i % cols * rows + i / cols])
                    .collect())
            }
            _ => self.tensors.values(&stored),
        }
    }

    /// Token ids, so that a list of merges can be cut where the model cuts it.
    pub(super) fn vocabulary(&self) -> Result<usize> {
        Ok(self
            .matrix("text_model.embeddings.token_embedding.weight")?
            .0)
    }

    /// The logarithm of the logit scale.
    fn logit_scale(&self, otherwise: Option<f32>) -> Result<f32> {
        let name = "logit_scale";
        let shape = match (self.shape(name), otherwise) {
            (Err(_), Some(otherwise)) => return Ok(otherwise),
            (shape, _) => shape?,
        };
        match self.values(name, &shape)?[..] {
            [logit_scale] => Ok(logit_scale),
            _ => Err(self.bad_shape(name)),
        }
    }

    fn layers(&self, tower: &str) -> usize {
        let there = |i: &usize| {
            let name = format!("{tower}.encoder.layers.{i}.layer_norm1.weight");
            self.shape(&name).is_ok()
        };
        (0..).take_while(there).count()
    }

    /// That every tensor of the architecture is there and readable, and no other that matters.
    fn check(&self, config: &ClipConfig) -> Result<()> {
        let mut used = BTreeSet::new();
        for tensor in expected(config) {
            let (stored, _) = self.place(&tensor.name)?;
            if self.shape(&tensor.name)? != tensor.shape {
                return Err(self.bad_shape(&stored));
            }
            self.tensors.check_number(&stored)?;
            used.insert(stored);
        }
        let extra = |name: &&str| !used.contains(*name) && !self.naming.is_harmless(name);
        match self.tensors.names().find(extra) {
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
pub(super) enum Heads {
    Count(usize),
    /// As many as numbers of this width find room in the tower's.
    Width(usize),
}

impl Heads {
    fn of(self, width: usize) -> usize {
        match self {
            Self::Count(heads) => heads,
            Self::Width(each) => width.checked_div(each).unwrap_or(0),
        }
    }
}

/// What the shapes of a tower's tensors do not tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tower {
    pub(super) heads: Heads,
    pub(super) activation: Activation,
    pub(super) norm_eps: f64,
}

/// What the shapes of a model's tensors do not tell.
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

/// Numbers that a description states although the weights tell them: where the two disagree, files
/// of two models were mixed, or the description means a part of the weights only.
///
/// # Errors
///
/// [`Error::Model`] that names the first that differs.
pub(super) fn check_stated(file: &str, stated: &[(&str, Option<usize>, usize)]) -> Result<()> {
    for (what, stated, found) in stated {
        if let Some(stated) = stated
            && stated != found
        {
            return Err(Error::model(format!(
                "{file} says {what} = {stated}, but the weights have {found}. These are files of two models; put the right ones together."
            )));
        }
    }
    Ok(())
}

/// Puts a model together and checks that it is whole.
pub(super) fn assemble(
    weights: Weights,
    facts: &LayoutInfo,
    tokenizer: Vec<u8>,
) -> Result<Published> {
    let config = architecture(&weights, facts, &tokenizer)?;
    config.validate()?;
    weights.check(&config)?;
    Ok(Published {
        layout: facts.layout,
        config,
        tokenizer,
        weights,
    })
}

fn architecture(weights: &Weights, facts: &LayoutInfo, tokenizer: &[u8]) -> Result<ClipConfig> {
    let kernel_name = "vision_model.embeddings.patch_embedding.weight";
    let patch = match weights.shape(kernel_name)?[..] {
        [_, 3, rows, cols] if rows == cols => rows,
        _ => return Err(weights.bad_shape(&weights.place(kernel_name)?.0)),
    };
    let positions_name = "vision_model.embeddings.position_embedding.weight";
    let (positions, width) = weights.matrix(positions_name)?;
    let side = positions.saturating_sub(1).isqrt();
    if side * side + 1 != positions {
        return Err(Error::unsupported(format!(
            "{} was trained on pictures that are not square ({positions} positions).",
            weights.tensors.title()
        )));
    }
    let (vision_mlp, _) = weights.matrix("vision_model.encoder.layers.0.mlp.fc1.weight")?;
    let (vocabulary, text_width) =
        weights.matrix("text_model.embeddings.token_embedding.weight")?;
    let (context, _) = weights.matrix("text_model.embeddings.position_embedding.weight")?;
    let (text_mlp, _) = weights.matrix("text_model.encoder.layers.0.mlp.fc1.weight")?;
    let (projection, _) = weights.matrix("visual_projection.weight")?;
    let logit_scale = weights.logit_scale(facts.logit_scale)?;
    Ok(ClipConfig {
        vision: VisionConfig {
            image_size: side.saturating_mul(patch),
            patch,
            width,
            layers: weights.layers("vision_model"),
            heads: facts.vision.heads.of(width),
            mlp: vision_mlp,
            activation: facts.vision.activation,
            norm_eps: facts.vision.norm_eps,
        },
        text: TextConfig {
            vocabulary,
            context,
            width: text_width,
            layers: weights.layers("text_model"),
            heads: facts.text.heads.of(text_width),
            mlp: text_mlp,
            activation: facts.text.activation,
            norm_eps: facts.text.norm_eps,
            end_of_text: tokenizer::end_of_text(tokenizer, facts.highest_id)?,
        },
        projection,
        logit_scale: logit_scale.exp(),
        pixel_mean: facts.pixel_mean,
        pixel_std: facts.pixel_std,
    })
}
