//! ClearCLIP (arXiv 2407.12442): queries attend to queries; no residual, no feed-forward part.

use super::CellFeatures;
use super::last_block::{LastBlock, weights};

/// `softmax(q qᵀ / √size) v`
pub(super) fn clearclip(block: &LastBlock<'_>) -> CellFeatures {
    let query = &block.heads.query;
    block.finish(block.attend(weights(block.similarity(query, query))))
}
