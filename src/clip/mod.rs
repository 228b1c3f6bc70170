//! CLIP (Radford et al., arXiv 2103.00020): the two towers and the tokenizer.
//!
//! Everything is driven by [`ClipConfig`], so that any published ViT CLIP fits. The towers are
//! plain Burn modules for inference, independent of segmentation. What dense prediction
//! needs, the tokens that enter the last block and that block itself, the vision tower returns
//! ([`VisionTower::backbone`], [`VisionTower::last_block`]).

mod block;
mod clean;
mod config;
mod guide_config;
mod text;
mod tokenizer;
mod vision;

#[cfg(feature = "cpu")]
pub use block::CpuBlock;
#[cfg(feature = "gpu")]
pub use block::GpuBlock;
pub use block::{Block, BlockShape, BurnBlock, Heads, build_layer_norm, build_linear};
#[cfg(test)]
pub(crate) use config::tests::small as small_config;
pub use config::{ClipConfig, TextConfig, VisionConfig, check_statistics};
pub use guide_config::{GuideConfig, vit_name};
pub use text::TextTower;
pub use tokenizer::Tokenizer;
pub(crate) use tokenizer::byte_letters;
pub use vision::{Grid, Positions, VisionTower, patches};

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::Result;
use crate::quant::WeightSource;

/// The rows of a matrix divided by their Euclidean length; a row of zeros stays zero.
///
/// # Shapes
///
/// - input and output: `[rows, width]`
#[must_use]
pub fn normalise_rows(matrix: Tensor<2>) -> Tensor<2> {
    let length = matrix.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
    matrix / length
}

/// A tensor of a source on `device`.
///
/// # Errors
///
/// [`Error::Model`](crate::Error::Model) if it is missing or has another shape;
/// [`Error::Io`](crate::Error::Io) if the source cannot read its file.
pub fn load_tensor<const D: usize>(
    source: &mut impl WeightSource,
    name: &str,
    shape: [usize; D],
    device: &Device,
) -> Result<Tensor<D>> {
    let values = source.values(name, &shape)?;
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}
