//! SCLIP's correlative self-attention (arXiv 2312.01597), in the block as trained otherwise.

use super::CellFeatures;
use super::last_block::{LastBlock, weights};

/// `(softmax(q qᵀ / √size) + softmax(k kᵀ / √size)) v`: the two are added, not averaged.
pub(super) fn sclip(block: &LastBlock<'_>) -> CellFeatures {
    let (query, key) = (&block.heads.query, &block.heads.key);
    let both = weights(block.similarity(query, query)) + weights(block.similarity(key, key));
    block.finish(block.with_residual(block.attend(both)))
}
