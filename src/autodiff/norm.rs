//! Layer norm over the channels of each row.

use super::{Graph, Var};
use crate::kernel::cpu::vectorised;

/// Added to the variance.
const EPSILON: f32 = 1e-5;

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
        // 1 / standard deviation of each row, and its mean.
        let mut moments = Vec::with_capacity(x.rows);
        let (gains, biases) = (self.value(gain), self.value(bias));
        let rows = self.value(x).chunks_exact(channels);
        vectorised(|| {
            for (x, out) in rows.zip(value.chunks_exact_mut(channels)) {
                let mean = x.iter().sum::<f32>() / channels as f32;
                let square = |x: &f32| (x - mean) * (x - mean);
                let variance = x.iter().map(square).sum::<f32>() / channels as f32;
                let factor = 1.0 / (variance + EPSILON).sqrt();
                moments.push([factor, mean]);
                for ((out, x), (gain, bias)) in out.iter_mut().zip(x).zip(gains.iter().zip(biases))
                {
                    *out = (x - mean) * factor * gain + bias;
                }
            }
        });
        let learned = [x, gain, bias];
        self.push(
            [x.rows, channels],
            value,
            &learned,
            move |gradient, values, to| {
                let (xs, gains) = (values.get(x), values.get(gain));
                let rows = || {
                    let gradients = gradient.chunks_exact(channels);
                    xs.chunks_exact(channels).zip(gradients).zip(&moments)
                };
                if let Some(to) = to.get(bias) {
                    for gradient in gradient.chunks_exact(channels) {
                        to.iter_mut().zip(gradient).for_each(|(to, g)| *to += g);
                    }
                }
                if let Some(to) = to.get(gain) {
                    for ((x, gradient), [factor, mean]) in rows() {
                        for ((to, x), g) in to.iter_mut().zip(x).zip(gradient) {
                            *to += g * (x - mean) * factor;
                        }
                    }
                }
                if let Some(to) = to.get(x) {
                    let rows = rows().zip(to.chunks_exact_mut(channels));
                    vectorised(|| {
                        for (((x, gradient), moments), to) in rows {
                            row_backward(x, gradient, gains, *moments, to);
                        }
                    });
                }
            },
        )
    }
}

/// The gradient of one row.
#[inline(always)]
fn row_backward(
    x: &[f32],
    gradient: &[f32],
    gains: &[f32],
    [factor, mean]: [f32; 2],
    to: &mut [f32],
) {
    let channels = x.len() as f32;
    let (mut sum, mut along) = (0.0, 0.0);
    for ((x, g), gain) in x.iter().zip(gradient).zip(gains) {
        sum += g * gain;
        along += g * gain * (x - mean) * factor;
    }
    let (sum, along) = (sum / channels, along / channels);
    for (((to, x), g), gain) in to.iter_mut().zip(x).zip(gradient).zip(gains) {
        *to += factor * (g * gain - sum - (x - mean) * factor * along);
    }
}
