//! PEARL's Procrustes attention (arXiv 2603.21528): keys turned onto the queries.

use burn::tensor::Tensor;

use super::CellFeatures;
use super::last_block::{LastBlock, weights};

/// The share of key–key similarity in the attention.
const KEY_SHARE: f32 = 0.08;

/// Newton–Schulz steps towards the inverse root.
const STEPS: usize = 5;

/// What keeps the 64 × 64 matrix away from singular.
const RIDGE: f32 = 1e-6;

/// `softmax(q (k R)ᵀ / √size + 0.08 k_c k_cᵀ / √size) v`, where R is the rotation that best turns
/// the centred keys onto the centred queries. No residual, no feed-forward part.
///
/// Everything is f32: the iteration for R is the fragile part.
pub(super) fn pearl(block: &LastBlock<'_>) -> CellFeatures {
    let (query, key) = (&block.heads.query, &block.heads.key);
    let weight = token_weights(query);
    let centred = |x: &Tensor<4>| x.clone() - (x.clone() * weight.clone()).sum_dim(2);
    let (query_centred, key_centred) = (centred(query), centred(key));
    let rotation = polar_factor(key_centred.clone().swap_dims(2, 3).matmul(query_centred));
    let turned = block.similarity(query, &key.clone().matmul(rotation));
    let alike = block.similarity(&key_centred, &key_centred) * KEY_SHARE;
    block.finish(block.attend(weights(turned + alike)))
}

/// How much each token counts in the means: the length of its query, the class token nothing;
/// they sum to one. `[1, heads, tokens, 1]`.
fn token_weights(query: &Tensor<4>) -> Tensor<4> {
    let [batch, heads, ..] = query.dims();
    let lengths = query.clone().square().sum_dim(3).sqrt();
    let class = Tensor::zeros([batch, heads, 1, 1], &query.device());
    let lengths = lengths.slice_assign([0..batch, 0..heads, 0..1, 0..1], class);
    let sum = lengths.clone().sum_dim(2).clamp_min(1e-12);
    lengths / sum
}

/// The orthogonal factor `M (MᵀM)^(−1/2)` of square matrices, `[1, heads, size, size]`, by the
/// coupled Newton–Schulz iteration on the normalised `MᵀM`.
fn polar_factor(m: Tensor<4>) -> Tensor<4> {
    let [_, _, size, _] = m.dims();
    let identity = Tensor::<2>::eye(size, &m.device()).reshape([1, 1, size, size]);
    let gram = m.clone().swap_dims(2, 3).matmul(m.clone());
    let norm = gram
        .clone()
        .square()
        .sum_dim(3)
        .sum_dim(2)
        .sqrt()
        .clamp_min(1e-12);
    let mut y = gram / norm.clone() + identity.clone() * RIDGE;
    let mut z = identity.clone().expand(y.dims());
    for _ in 0..STEPS {
        let t = (identity.clone() * 3.0 - z.clone().matmul(y.clone())) * 0.5;
        y = y.matmul(t.clone());
        z = t.matmul(z);
    }
    m.matmul(z) / norm.sqrt()
}
