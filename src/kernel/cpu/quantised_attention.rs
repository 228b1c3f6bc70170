//! Attention of which both products are integer dot products, head by head, some queries at a time.
//!
//! To a linear layer, keys are the weights of as many outputs, and values those of as many inputs:
//!
//! ```text
//! scores   = (keys − their mean) · query         8 bits by 8
//! weights  = 2^(score − the query's largest)     14 bits, scores being to the base 2
//! attended = (values − their mean)ᵀ · weights / Σ weights + their mean
//! ```
//!
//! A mean that is taken off all keys shifts all scores of a query alike, which softmax does not see; one
//! that is taken off all values comes back as it was, because weights sum to one. What is left has a
//! smaller range, and so finer quantised values (arXiv 2410.02367 smooths keys so). Weights
//! have 14 bits since many small ones add up to as much as a large one, and 8 bits would lose them all.

use super::attention::HIDDEN;
use super::layout::padded;
use super::{ActivationBits, AttentionShape, Epilogue, LinearPacker, QuantisedRows, tile};

/// Queries that are scored together, by twelve and, with two digits a weight, by six: their scores and weights
/// stay in a second-level cache.
const CHUNK: usize = 48;

/// With fewer tokens there is little to gain, and quantised values lose more: fewer values make up
/// for each other's rounding.
const LEAST: usize = 256;

/// Attention on quantised values, with the memory it works in.
#[derive(Debug, Default)]
pub struct QuantisedAttention {
    /// Keys or values of one head, `[tokens, size]`, the values then transposed, `[size, tokens]`.
    numbers: Vec<f32>,
    transposed: Vec<f32>,
    queries: QuantisedRows,
    /// Scores of some queries, to the base 2: `[queries, tokens filled up]`.
    scores: Vec<f32>,
    weights: QuantisedRows,
    /// What these queries get: `[queries, size]`.
    attended: Vec<f32>,
}

impl QuantisedAttention {
    /// Whether it is faster on this machine than attention in f32, which is exact.
    pub(super) fn pays(tokens: usize) -> bool {
        tokens >= LEAST && tile::chosen().is_direct()
    }

    /// `softmax(q · kᵀ / √size) · v` for every head. Where a key is not finite, the output of its head is NaN.
    ///
    /// # Shapes
    ///
    /// - `projected`: `[tokens, 3 · width]`, queries, keys and values of all heads side by side
    /// - `out`: `[tokens, width]`
    ///
    /// # Panics
    ///
    /// If the shapes do not fit, or there are more than 65,536 tokens.
    pub fn forward(&mut self, projected: &[f32], shape: AttentionShape, out: &mut [f32]) {
        shape.check(projected, out);
        self.queries_from(0, projected, shape, out);
    }

    /// Attention for the queries from `first` on that there is room for: `out` is `[queries, width]`.
    pub(super) fn queries_from(
        &mut self,
        first: usize,
        projected: &[f32],
        shape: AttentionShape,
        out: &mut [f32],
    ) {
        if out.is_empty() {
            return;
        }
        for head in 0..shape.heads {
            self.head(head, first, projected, shape, out);
        }
    }

    fn head(
        &mut self,
        head: usize,
        start: usize,
        projected: &[f32],
        shape: AttentionShape,
        out: &mut [f32],
    ) {
        let AttentionShape {
            tokens,
            width,
            heads,
            causal,
        } = shape;
        let size = width / heads;
        let part = |token, kind| shape.part(projected, head, token, kind);

        self.take(tokens, |token| part(token, 1));
        let mean = self.take_mean(size);
        if mean.iter().any(|mean| !mean.is_finite()) {
            for out in out.chunks_exact_mut(width) {
                out[head * size..][..size].fill(f32::NAN);
            }
            return;
        }
        let room = padded(tokens);
        // Those that fill up have weights of zero, and so this as their score.
        let mut scores = vec![HIDDEN; room];
        scores[..tokens].fill(0.0);
        self.numbers.resize(room * size, 0.0);
        let mut keys = LinearPacker::new(size, &scores, ActivationBits::B8);
        keys.weights(&self.numbers);
        let keys = keys.finish();

        self.take(tokens, |token| part(token, 2));
        let mean = self.take_mean(size);
        transpose(&self.numbers, size, &mut self.transposed);
        let mut values = LinearPacker::new(tokens, &mean, ActivationBits::B14);
        values.weights(&self.transposed);
        let values = values.finish();

        let scale = std::f32::consts::LOG2_E / (size as f32).sqrt();
        let end = start + out.len() / width;
        for first in (start..end).step_by(CHUNK) {
            let count = CHUNK.min(end - first);
            self.take(count, |query| part(first + query, 0));
            self.numbers.iter_mut().for_each(|x| *x *= scale);
            keys.quantise(&self.numbers, &mut self.queries);
            self.scores.resize(count * room, 0.0);
            keys.forward(&self.queries, Epilogue::Plain, &mut self.scores);
            if causal {
                for (query, scores) in self.scores.chunks_exact_mut(room).enumerate() {
                    scores[first + query + 1..].fill(HIDDEN);
                }
            }
            self.weights.fill_softmax(&self.scores, tokens);
            self.attended.resize(count * size, 0.0);
            values.forward(&self.weights, Epilogue::Plain, &mut self.attended);
            let rows = out[(first - start) * width..].chunks_exact_mut(width);
            for (out, attended) in rows.zip(self.attended.chunks_exact(size)) {
                out[head * size..][..size].copy_from_slice(attended);
            }
        }
    }

    /// Takes rows next to each other.
    fn take<'a>(&mut self, rows: usize, row: impl Fn(usize) -> &'a [f32]) {
        self.numbers.clear();
        for index in 0..rows {
            self.numbers.extend_from_slice(row(index));
        }
    }

    /// Takes the mean of all rows off each, and returns it.
    fn take_mean(&mut self, size: usize) -> Vec<f32> {
        let mut mean = vec![0.0; size];
        for row in self.numbers.chunks_exact(size) {
            for (mean, x) in mean.iter_mut().zip(row) {
                *mean += x;
            }
        }
        let share = size as f32 / self.numbers.len() as f32;
        mean.iter_mut().for_each(|mean| *mean *= share);
        for row in self.numbers.chunks_exact_mut(size) {
            for (x, mean) in row.iter_mut().zip(&mean) {
                *x -= mean;
            }
        }
        mean
    }
}

/// Rows of `columns` numbers as columns.
fn transpose(from: &[f32], columns: usize, to: &mut Vec<f32>) {
    let rows = from.len() / columns;
    to.resize(from.len(), 0.0);
    for (column, to) in to.chunks_exact_mut(rows).enumerate() {
        for (to, row) in to.iter_mut().zip(from.chunks_exact(columns)) {
            *to = row[column];
        }
    }
}
