//! 8-bit integers, one scale a row.

/// Rows of integers −127..=127 with a scale each: `w ≈ scale · q`.
#[derive(Debug, Clone, PartialEq)]
pub struct Q8Matrix {
    /// `[rows, cols]`
    pub(crate) values: Vec<i8>,
    /// `[rows]`
    pub(crate) scales: Vec<f32>,
}

impl Q8Matrix {
    /// The scale of a row is its largest magnitude over 127: among 255 levels a search for a
    /// better one gains nothing that can be measured.
    pub(crate) fn encode(values: &[f32], cols: usize) -> Self {
        let mut rows = Self {
            values: Vec::with_capacity(values.len()),
            scales: Vec::with_capacity(values.len() / cols.max(1)),
        };
        for row in values.chunks_exact(cols.max(1)) {
            let largest = row.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            // A row of zeros needs some scale; any will do. One of subnormals is as good as zero.
            let scale = largest / 127.0;
            let scale = if scale > f32::MIN_POSITIVE {
                scale
            } else {
                1.0
            };
            rows.scales.push(scale);
            let quantised = row.iter().map(|v| (v / scale).round_ties_even() as i8);
            rows.values.extend(quantised);
        }
        rows
    }

    fn cols(&self) -> usize {
        self.values.len() / self.scales.len().max(1)
    }

    /// The rows of this matrix with those of `lower` below them.
    pub(crate) fn above(mut self, lower: Self) -> Self {
        self.values.extend(lower.values);
        self.scales.extend(lower.scales);
        self
    }

    pub(crate) fn decode_into(&self, out: &mut Vec<f32>) {
        for (row, &scale) in self
            .values
            .chunks_exact(self.cols().max(1))
            .zip(&self.scales)
        {
            out.extend(row.iter().map(|&q| f32::from(q) * scale));
        }
    }

    pub(crate) fn decode_row(&self, row: usize, out: &mut [f32]) -> Option<()> {
        let cols = self.cols();
        let values = self.values.get(row * cols..(row + 1) * cols)?;
        let scale = self.scales.get(row)?;
        for (out, &q) in out.iter_mut().zip(values) {
            *out = f32::from(q) * scale;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn encode_is_within_half_a_step(rows in 1usize..5, cols in 1usize..40, seed in any::<u32>()) {
            let values: Vec<f32> = (0..rows * cols)
                .map(|i| {
                    let x = (seed ^ i as u32).wrapping_mul(0x9E37_79B9);
                    (x as f32 / u32::MAX as f32 - 0.5) * 10f32.powi((i / cols) as i32 - 2)
                })
                .collect();
            let mut back = Vec::new();
            Q8Matrix::encode(&values, cols).decode_into(&mut back);
            for (row, back) in values.chunks(cols).zip(back.chunks(cols)) {
                let largest = row.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                for (v, b) in row.iter().zip(back) {
                    prop_assert!((v - b).abs() <= largest / 127.0 * 0.501, "{v} became {b}");
                }
            }
        }
    }

    #[test]
    fn encode_keeps_a_sound_scale_for_zeros_and_subnormals() {
        for value in [0.0, 1e-44, -1e-40] {
            let rows = Q8Matrix::encode(&[value; 3], 3);
            assert!(rows.scales[0].is_normal(), "{value}");
        }
    }
}
