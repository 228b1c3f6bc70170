//! Layer norm over the channels of each row.

use super::{Graph, Var};
use crate::kernel::cpu::{layer_norm_gradient, layer_norm_rows};

impl Graph<'_> {
    /// Each row less its mean, divided by its standard deviation, times `gain` plus `bias`
    /// (arXiv 1607.06450).
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, channels]`
    /// - `gain`, `bias`: `[1, channels]`
    pub(crate) fn layer_norm(&mut self, x: Var, gain: Var, bias: Var) -> Var {
        let channels = x.cols;
        let mut value = vec![0.0; x.len()];
        let scale = [self.value(gain), self.value(bias)];
        let moments = layer_norm_rows(self.value(x), scale, &mut value);
        let learned = [x, gain, bias];
        let shape = [x.rows, channels];
        self.push(shape, value, &learned, move |gradient, values, to| {
            let xs = values.get(x);
            if let Some(to) = to.get(bias) {
                for gradient in gradient.chunks_exact(channels) {
                    to.iter_mut().zip(gradient).for_each(|(to, g)| *to += g);
                }
            }
            if let Some(to) = to.get(gain) {
                let rows = xs
                    .chunks_exact(channels)
                    .zip(gradient.chunks_exact(channels));
                for ((x, gradient), [factor, mean]) in rows.zip(&moments) {
                    for ((to, x), g) in to.iter_mut().zip(x).zip(gradient) {
                        *to += g * (x - mean) * factor;
                    }
                }
            }
            if let Some(to) = to.get(x) {
                layer_norm_gradient([xs, gradient, values.get(gain)], &moments, to);
            }
        })
    }
}
