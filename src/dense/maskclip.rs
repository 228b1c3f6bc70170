//! MaskCLIP (arXiv 2112.01071, section 3.2): the last block's values, without attention.

use super::CellFeatures;
use super::last_block::LastBlock;

/// Every cell attends to itself only, so the attention's output is its projected value. The paper
/// keeps the block's `residual`s and feed-forward part; without them the features follow the
/// text more closely on most data (ClearCLIP, arXiv 2407.12442).
pub(super) fn maskclip(block: &LastBlock<'_>, residual: bool) -> CellFeatures {
    let values = block.attend_to_self();
    block.finish(if residual {
        block.with_residual(values)
    } else {
        values
    })
}
