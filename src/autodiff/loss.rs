//! What training makes small.

use super::{Graph, Var};
use crate::kernel::cpu::softmax_rows;
use crate::mask::UNLABELLED;

/// The least probability that a logarithm is taken of.
const TINY: f32 = 1e-12;

impl Graph<'_> {
    /// The weighted mean of −ln of the probability, by softmax, that each row gives its class; rows
    /// whose class is [`UNLABELLED`] do not count.
    ///
    /// # Shapes
    ///
    /// - `logits`: `[rows, classes]`
    /// - `classes`, `weights`: `[rows]`
    pub(crate) fn cross_entropy(&mut self, logits: Var, classes: &[u8], weights: &[f32]) -> Var {
        assert_eq!(logits.rows, classes.len(), "a class for each row");
        assert_eq!(logits.rows, weights.len(), "a weight for each row");
        let width = logits.cols;
        // Probabilities first, then their gradient in the same place.
        let mut gradients = self.value(logits).to_vec();
        softmax_rows(&mut gradients, width);
        let (mut loss, mut total) = (0.0f64, 0.0f64);
        let rows = gradients.chunks_exact_mut(width);
        for (row, (&class, &weight)) in rows.zip(classes.iter().zip(weights)) {
            if class == UNLABELLED {
                row.fill(0.0);
                continue;
            }
            let class = usize::from(class);
            loss -= f64::from(weight) * f64::from(row[class].max(TINY).ln());
            total += f64::from(weight);
            row[class] -= 1.0;
            row.iter_mut().for_each(|p| *p *= weight);
        }
        let mean = if total > 0.0 { 1.0 / total } else { 0.0 };
        let value = vec![(loss * mean) as f32];
        let mean = mean as f32;
        self.push([1, 1], value, &[logits], move |gradient, _, to| {
            if let Some(to) = to.get(logits) {
                let factor = gradient[0] * mean;
                let pairs = to.iter_mut().zip(&gradients);
                pairs.for_each(|(to, g)| *to += factor * g);
            }
        })
    }
}
