//! The vision tower's last block, taken apart: what all dense methods share.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

use super::CellFeatures;
use crate::clip::{Block, Heads, VisionTower, normalise_rows};
use crate::error::Result;

/// The last block over the tokens that enter it, projected and split into heads.
pub(super) struct LastBlock<'a> {
    tower: &'a VisionTower,
    block: &'a Block,
    tokens: Tensor<3>,
    /// Tokens before the first cell: the class token, or none.
    before: usize,
    pub(super) heads: Heads,
}

impl<'a> LastBlock<'a> {
    /// # Shapes
    ///
    /// - `tokens`: `[1, 1 + cells, width]`, class token first
    ///
    /// # Errors
    ///
    /// [`Error::Internal`](crate::Error::Internal) if the tower has no blocks.
    pub(super) fn open(tower: &'a VisionTower, tokens: Tensor<3>) -> Result<Self> {
        Self::over(tower, tokens, 1)
    }

    /// Attention over cells alone, `[cells, width]`.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`](crate::Error::Internal) if the tower has no blocks.
    pub(super) fn open_cells(tower: &'a VisionTower, cells: Tensor<2>) -> Result<Self> {
        Self::over(tower, cells.unsqueeze(), 0)
    }

    fn over(tower: &'a VisionTower, tokens: Tensor<3>, before: usize) -> Result<Self> {
        let block = tower.last_block()?;
        Ok(Self {
            tower,
            block,
            heads: block.heads(tokens.clone()),
            tokens,
            before,
        })
    }

    pub(super) fn device(&self) -> Device {
        self.tokens.device()
    }

    /// `[heads, tokens, tokens]`: how alike the rows of two projections are, scaled as attention
    /// scales them, by the root of the head size.
    pub(super) fn similarity(&self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        let [_, _, _, size] = a.dims();
        (a.clone() / (size as f32).sqrt()).matmul(b.clone().swap_dims(2, 3))
    }

    /// The attention's output for these weights, `[1, heads, tokens, tokens]`, passed through the
    /// output projection: `[1, tokens, width]`.
    pub(super) fn attend(&self, weights: Tensor<4>) -> Tensor<3> {
        self.block.merge(weights.matmul(self.heads.value.clone()))
    }

    /// The output where every token attends to itself alone.
    pub(super) fn attend_to_self(&self) -> Tensor<3> {
        self.block.merge(self.heads.value.clone())
    }

    /// Adds what the block as trained adds around its attention: the residuals and the
    /// feed-forward part.
    pub(super) fn with_residual(&self, attended: Tensor<3>) -> Tensor<3> {
        self.block.feed_forward(attended + self.tokens.clone())
    }

    /// The output projection of the tower, for the cells among the tokens.
    pub(super) fn finish(&self, tokens: Tensor<3>) -> CellFeatures {
        let keys = self.block.merge(self.heads.key.clone());
        CellFeatures {
            features: normalise_rows(self.tower.project(rows_from(self.before, tokens))),
            keys: rows_from(self.before, keys),
        }
    }
}

/// The cells of `[1, 1 + cells, width]` tokens, without the class token, `[cells, width]`.
pub(super) fn cells(tokens: Tensor<3>) -> Tensor<2> {
    rows_from(1, tokens)
}

fn rows_from(first: usize, tokens: Tensor<3>) -> Tensor<2> {
    let [_, count, width] = tokens.dims();
    tokens
        .slice([0..1, first..count, 0..width])
        .reshape([count - first, width])
}

/// Softmax over the tokens attended to.
pub(super) fn weights(similarity: Tensor<4>) -> Tensor<4> {
    softmax(similarity, 3)
}
