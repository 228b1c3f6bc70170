//! How cells get scores: one file a method.

mod maskclip;
mod score_map;

use burn::tensor::Tensor;

pub use maskclip::maskclip;
pub use score_map::{ScoreKind, ScoreMap};

/// What a method makes of the tokens: a direction for each cell.
#[derive(Debug, Clone)]
pub struct CellFeatures {
    /// Unit vectors in the space of the text embeddings, `[cells, projection]`.
    pub features: Tensor<2>,
    /// Unit vectors by which cells compare with each other, `[cells, width]`: the last block's
    /// keys, passed through its output projection.
    pub keys: Tensor<2>,
}
