//! The architecture of a CLIP, as the manifest of a bundle states it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernel::Activation;

/// The largest width, depth or vocabulary that is believed. Published CLIPs stay far below; a
/// damaged manifest must not make us allocate without end.
const LARGEST: usize = 1 << 20;

/// The largest depth of a tower that is believed, since every tensor of every layer is listed.
const MOST_LAYERS: usize = 256;

/// The most pixels a side that are believed: their squares must stay in 32 bits.
const MOST_PIXELS: usize = 1 << 14;

/// The vision tower: a pre-norm Vision Transformer (arXiv 2010.11929).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionConfig {
    /// Side in pixels of the square pictures it was trained on.
    pub image_size: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Hidden size: the numbers of a token.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads a block.
    pub heads: usize,
    /// Hidden numbers of a feed-forward part.
    pub mlp: usize,
    /// The non-linearity of the feed-forward part.
    pub activation: Activation,
    /// The ε of every layer norm.
    pub norm_eps: f64,
}

impl VisionConfig {
    /// Side of the patch grid that the tower was trained on.
    #[must_use]
    pub fn grid(&self) -> usize {
        self.image_size / self.patch
    }

    /// The prefix of the tensors of a block of the vision tower.
    #[must_use]
    pub fn block(index: usize) -> String {
        format!("vision_model.encoder.layers.{index}")
    }

    /// Whether a tensor of this name belongs to that block.
    #[must_use]
    pub fn is_of_block(name: &str, index: usize) -> bool {
        let rest = name.strip_prefix(&Self::block(index));
        rest.is_some_and(|rest| rest.starts_with('.'))
    }

    /// Checks that a tower of this shape can be built; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a number is impossible, naming the first such.
    pub fn validate(&self, name: &str) -> Result<()> {
        let named = |field: &str| format!("{name}.{field}");
        for (field, value, most) in [
            ("image_size", self.image_size, MOST_PIXELS),
            ("patch", self.patch, MOST_PIXELS),
            ("width", self.width, LARGEST),
            ("layers", self.layers, MOST_LAYERS),
            ("heads", self.heads, LARGEST),
            ("mlp", self.mlp, LARGEST),
        ] {
            check_count(&named(field), value, most)?;
        }
        let whole = self.image_size.is_multiple_of(self.patch);
        check(whole, &named("image_size"), self.image_size)?;
        let whole = self.width.is_multiple_of(self.heads);
        check(whole, &named("heads"), self.heads)?;
        check_eps(&named("norm_eps"), self.norm_eps)
    }
}

/// The text tower: a causal transformer pooled at the end-of-text token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextConfig {
    /// Number of token ids.
    pub vocabulary: usize,
    /// The longest sequence, start and end tokens counted in.
    pub context: usize,
    /// Hidden size: the numbers of a token.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads a block.
    pub heads: usize,
    /// Hidden numbers of a feed-forward part.
    pub mlp: usize,
    /// The non-linearity of the feed-forward part.
    pub activation: Activation,
    /// The ε of every layer norm.
    pub norm_eps: f64,
    /// The id of the token that ends a text, at whose place the tower is read.
    pub end_of_text: u32,
}

/// Everything needed to build the network around its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipConfig {
    /// The vision tower.
    pub vision: VisionConfig,
    /// The text tower.
    pub text: TextConfig,
    /// Projection dimension: the size of the space that both towers project into.
    pub projection: usize,
    /// The factor on cosines before a softmax, already exponentiated: 100 for OpenAI's CLIPs.
    pub logit_scale: f32,
    /// Mean of each colour channel, of values in 0..1.
    pub pixel_mean: [f32; 3],
    /// Standard deviation of each colour channel, of values in 0..1.
    pub pixel_std: [f32; 3],
}

impl ClipConfig {
    /// Checks that a network of this shape can be built.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a number is impossible, naming the first such.
    pub fn validate(&self) -> Result<()> {
        let t = &self.text;
        self.vision.validate("vision")?;
        for (name, value) in [
            ("text.vocabulary", t.vocabulary),
            ("text.context", t.context),
            ("text.width", t.width),
            ("text.heads", t.heads),
            ("text.mlp", t.mlp),
            ("projection", self.projection),
        ] {
            check_count(name, value, LARGEST)?;
        }
        check_count("text.layers", t.layers, MOST_LAYERS)?;
        check(t.width.is_multiple_of(t.heads), "text.heads", t.heads)?;
        check(t.context >= 3, "text.context", t.context)?;
        check(
            (t.end_of_text as usize) < t.vocabulary,
            "text.end_of_text",
            t.end_of_text,
        )?;
        check_eps("text.norm_eps", t.norm_eps)?;
        check(
            self.logit_scale.is_finite() && self.logit_scale > 0.0,
            "logit_scale",
            self.logit_scale,
        )?;
        check_statistics(&self.pixel_mean, &self.pixel_std)
    }
}

fn check_count(name: &str, value: usize, most: usize) -> Result<()> {
    check(value > 0 && value <= most, name, value)
}

fn check_eps(name: &str, eps: f64) -> Result<()> {
    // Kernels add it in f32, where it must be a number above zero still.
    let eps = eps as f32;
    check(eps.is_finite() && eps > 0.0, name, eps)
}

/// Checks what pixels are normalised with.
///
/// # Errors
///
/// [`Error::Model`] if a number is not finite or a deviation not positive.
pub fn check_statistics(mean: &[f32; 3], std: &[f32; 3]) -> Result<()> {
    check(mean.iter().all(|m| m.is_finite()), "pixel_mean", mean[0])?;
    let positive = |s: &f32| s.is_finite() && *s > 0.0;
    check(std.iter().all(positive), "pixel_std", std[0])
}

fn check(possible: bool, name: &str, value: impl std::fmt::Display) -> Result<()> {
    if possible {
        return Ok(());
    }
    Err(Error::model(format!(
        "the bundle's manifest says {name} = {value}, which no model can have. Import the model again."
    )))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A config that passes, for tests to spoil.
    pub(crate) fn small() -> ClipConfig {
        ClipConfig {
            vision: VisionConfig {
                image_size: 32,
                patch: 8,
                width: 64,
                layers: 2,
                heads: 1,
                mlp: 128,
                activation: Activation::QuickGelu,
                norm_eps: 1e-5,
            },
            text: TextConfig {
                vocabulary: 600,
                context: 16,
                width: 32,
                layers: 1,
                heads: 2,
                mlp: 64,
                activation: Activation::Gelu,
                norm_eps: 1e-5,
                end_of_text: 599,
            },
            projection: 16,
            logit_scale: 100.0,
            pixel_mean: [0.5; 3],
            pixel_std: [0.25; 3],
        }
    }

    #[test]
    fn validate_names_impossible_numbers() {
        assert_eq!(small().validate(), Ok(()));
        type Spoil = fn(&mut ClipConfig);
        let cases: [(&str, Spoil); 7] = [
            ("vision.heads", |c| c.vision.heads = 7),
            ("vision.image_size", |c| c.vision.image_size = 33),
            ("text.layers", |c| c.text.layers = 0),
            ("text.vocabulary", |c| c.text.vocabulary = usize::MAX),
            ("text.end_of_text", |c| c.text.end_of_text = 600),
            ("pixel_std", |c| c.pixel_std[1] = 0.0),
            ("text.norm_eps", |c| c.text.norm_eps = 1e-60),
        ];
        for (name, spoil) in cases {
            let mut config = small();
            spoil(&mut config);
            let Err(Error::Model(message)) = config.validate() else {
                panic!("{name} passed");
            };
            assert!(message.contains(name), "{message}");
        }
    }
}
