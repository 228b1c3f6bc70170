//! The architecture of a guide, as the manifest of a bundle states it.

use serde::{Deserialize, Serialize};

use super::config::{VisionConfig, check_statistics};
use crate::error::Result;

/// Parts of a block: their names in `CLIPModel` and in `ViTModel`.
const NAMES: [(&str, &str); 8] = [
    ("layer_norm1", "layernorm_before"),
    ("layer_norm2", "layernorm_after"),
    ("self_attn.q_proj", "attention.attention.query"),
    ("self_attn.k_proj", "attention.attention.key"),
    ("self_attn.v_proj", "attention.attention.value"),
    ("self_attn.out_proj", "attention.output.dense"),
    ("mlp.fc1", "intermediate.dense"),
    ("mlp.fc2", "output.dense"),
];

/// The name in `ViTModel` of a block's tensor in `CLIPModel`.
#[must_use]
pub fn vit_name(clip_name: &str) -> String {
    NAMES
        .iter()
        .fold(clip_name.to_owned(), |name, (clip, vit)| {
            name.replace(clip, vit)
        })
}

/// Everything needed to build FOUND around its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuideConfig {
    /// DINO's Vision Transformer.
    pub tower: VisionConfig,
    /// Mean of each colour channel, of values in 0..1.
    pub pixel_mean: [f32; 3],
    /// Standard deviation of each colour channel, of values in 0..1.
    pub pixel_std: [f32; 3],
}

impl GuideConfig {
    /// Checks that a network of this shape can be built.
    ///
    /// # Errors
    ///
    /// [`Error::Model`](crate::Error::Model) if a number is impossible, naming the first such.
    pub fn validate(&self) -> Result<()> {
        self.tower.validate("guide.tower")?;
        check_statistics(&self.pixel_mean, &self.pixel_std)
    }
}
