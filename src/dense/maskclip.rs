//! MaskCLIP (arXiv 2112.01071, section 3.2): the last block's values, without attention.

use burn::tensor::Tensor;

use super::CellFeatures;
use crate::clip::{VisionTower, normalise_rows};
use crate::error::Result;

/// Cell features from the tokens that enter the last block.
///
/// Every cell attends to itself only, so the attention's output is its projected value. The paper
/// keeps the block's `residual`s and feed-forward part; without them the features follow the
/// text more closely on most data (ClearCLIP, arXiv 2407.12442).
///
/// # Shapes
///
/// - `tokens`: `[1, 1 + cells, width]`, class token first
///
/// # Errors
///
/// [`Error::Internal`](crate::Error::Internal) for a tower without blocks.
pub fn maskclip(tower: &VisionTower, tokens: Tensor<3>, residual: bool) -> Result<CellFeatures> {
    let [_, count, width] = tokens.dims();
    let block = tower.last_block()?;
    let cells = tokens.slice([0..1, 1..count, 0..width]);
    let heads = block.heads(cells.clone());
    let values = block.merge(heads.value);
    let out = if residual {
        block.feed_forward(values + cells)
    } else {
        values
    };
    let flat = |x: Tensor<3>| x.reshape([count - 1, width]);
    Ok(CellFeatures {
        features: normalise_rows(tower.project(flat(out))),
        keys: normalise_rows(flat(block.merge(heads.key))),
    })
}
