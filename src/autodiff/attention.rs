//! Attention between two sets of tokens.

use super::{Graph, Var};
use crate::kernel::cpu::{Matrix, add_product, softmax_rows};

impl Graph<'_> {
    /// `softmax(q · kᵀ / √size) · v` for every head; a causal one lets each token attend to itself and
    /// to those before it.
    ///
    /// # Shapes
    ///
    /// - `q`: `[queries, width]`
    /// - `k`, `v`: `[keys, width]`
    /// - output: `[queries, width]`
    pub(crate) fn attention(&mut self, [q, k, v]: [Var; 3], heads: usize, causal: bool) -> Var {
        let (queries, keys, width) = (q.rows, k.rows, q.cols);
        let size = width / heads;
        let scale = 1.0 / (size as f32).sqrt();
        let mut value = vec![0.0; q.len()];
        let mut weights = Vec::with_capacity(heads);
        for head in 0..heads {
            let part = |var: Var| columns(self.value(var), width, head * size, size);
            let (q, k, v) = (part(q), part(k), part(v));
            let mut scores = vec![0.0; queries * keys];
            let (q, k) = (Matrix::new(&q, queries, size), Matrix::new(&k, keys, size));
            add_product(q, k.transposed(), &mut scores);
            scores.iter_mut().for_each(|score| *score *= scale);
            if causal {
                for (query, row) in scores.chunks_exact_mut(keys).enumerate() {
                    row[query + 1..].fill(f32::NEG_INFINITY);
                }
            }
            softmax_rows(&mut scores, keys);
            let mut attended = vec![0.0; queries * size];
            let scores_matrix = Matrix::new(&scores, queries, keys);
            add_product(scores_matrix, Matrix::new(&v, keys, size), &mut attended);
            add_columns(&attended, &mut value, width, head * size);
            weights.push(scores);
        }
        self.push(
            [queries, width],
            value,
            &[q, k, v],
            move |gradient, values, to| {
                for (head, weights) in weights.iter().enumerate() {
                    let first = head * size;
                    let part = |var: Var| columns(values.get(var), width, first, size);
                    let gradient = columns(gradient, width, first, size);
                    let gradient = Matrix::new(&gradient, queries, size);
                    if let Some(to) = to.get(v) {
                        let mut of_values = vec![0.0; keys * size];
                        let weights = Matrix::new(weights, queries, keys).transposed();
                        add_product(weights, gradient, &mut of_values);
                        add_columns(&of_values, to, width, first);
                    }
                    let (q_part, k_part, v_part) = (part(q), part(k), part(v));
                    let mut scores = vec![0.0; queries * keys];
                    let v_part = Matrix::new(&v_part, keys, size);
                    add_product(gradient, v_part.transposed(), &mut scores);
                    softmax_backward(weights, keys, scale, &mut scores);
                    let scores = Matrix::new(&scores, queries, keys);
                    if let Some(to) = to.get(q) {
                        let mut of_queries = vec![0.0; queries * size];
                        add_product(scores, Matrix::new(&k_part, keys, size), &mut of_queries);
                        add_columns(&of_queries, to, width, first);
                    }
                    if let Some(to) = to.get(k) {
                        let mut of_keys = vec![0.0; keys * size];
                        let q_part = Matrix::new(&q_part, queries, size);
                        add_product(scores.transposed(), q_part, &mut of_keys);
                        add_columns(&of_keys, to, width, first);
                    }
                }
            },
        )
    }
}

/// From the gradient of weights to that of the scores before `scale` and softmax, in place.
fn softmax_backward(weights: &[f32], width: usize, scale: f32, gradient: &mut [f32]) {
    let rows = gradient.chunks_exact_mut(width);
    for (gradient, weights) in rows.zip(weights.chunks_exact(width)) {
        let along: f32 = gradient.iter().zip(weights).map(|(g, w)| g * w).sum();
        for (g, w) in gradient.iter_mut().zip(weights) {
            *g = scale * w * (*g - along);
        }
    }
}

/// Some columns of a matrix.
fn columns(values: &[f32], width: usize, first: usize, count: usize) -> Vec<f32> {
    let rows = values.chunks_exact(width);
    rows.flat_map(|row| &row[first..first + count])
        .copied()
        .collect()
}

/// Adds a narrower matrix to some columns of another.
fn add_columns(values: &[f32], to: &mut [f32], width: usize, first: usize) {
    let count = values.len() / (to.len() / width);
    for (to, values) in to.chunks_exact_mut(width).zip(values.chunks_exact(count)) {
        let to = &mut to[first..first + count];
        to.iter_mut().zip(values).for_each(|(to, x)| *to += x);
    }
}
