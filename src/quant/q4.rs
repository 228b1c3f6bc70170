//! 4-bit integers, one scale for every 32 numbers of a row.

use half::f16;

/// Numbers that share a scale.
const BLOCK: usize = 32;

/// What a nibble holds is the integer plus this.
const ZERO: f32 = 8.0;

/// Steps of the search for a scale, between the two ends that can be best: the largest number
/// clipped by a third, and nothing clipped.
const STEPS: usize = 12;

/// Rows of integers −8..=7, a scale for each block: `w ≈ scale · q`.
#[derive(Debug, Clone, PartialEq)]
pub struct Q4Matrix {
    /// The length of a row.
    pub(crate) cols: usize,
    /// `[rows, ⌈cols / 2⌉]`: two numbers a byte, the earlier one in the low half, each plus 8.
    pub(crate) nibbles: Vec<u8>,
    /// `[rows, ⌈cols / 32⌉]`
    pub(crate) scales: Vec<f16>,
}

/// Scales of a row.
pub(crate) fn blocks(cols: usize) -> usize {
    cols.div_ceil(BLOCK)
}

/// Bytes of a row's nibbles.
pub(crate) fn row_bytes(cols: usize) -> usize {
    cols.div_ceil(2)
}

impl Q4Matrix {
    /// `None` if a scale would be beyond the range of f16.
    pub(crate) fn encode(values: &[f32], cols: usize) -> Option<Self> {
        let count = values.len() / cols.max(1);
        let mut rows = Self {
            cols,
            nibbles: Vec::with_capacity(count * row_bytes(cols)),
            scales: Vec::with_capacity(count * blocks(cols)),
        };
        let mut quantised = Vec::with_capacity(cols + 1);
        for row in values.chunks_exact(cols.max(1)) {
            quantised.clear();
            for block in row.chunks(BLOCK) {
                let scale = best_scale(block)?;
                rows.scales.push(scale);
                let inverse = scale.to_f32().recip();
                quantised.extend(block.iter().map(|v| quantise(*v, inverse)));
            }
            let pair = |pair: &[f32]| {
                let nibble = |i: usize| (pair.get(i).copied().unwrap_or(0.0) + ZERO) as u8;
                nibble(0) | nibble(1) << 4
            };
            rows.nibbles.extend(quantised.chunks(2).map(pair));
        }
        Some(rows)
    }

    /// The rows of this matrix with those of `lower` below them.
    pub(crate) fn above(mut self, lower: Self) -> Self {
        self.nibbles.extend(lower.nibbles);
        self.scales.extend(lower.scales);
        self
    }

    pub(crate) fn decode_into(&self, out: &mut Vec<f32>) {
        let rows = self.scales.len() / blocks(self.cols).max(1);
        let start = out.len();
        out.resize(start + rows * self.cols, 0.0);
        for (row, out) in out[start..].chunks_exact_mut(self.cols.max(1)).enumerate() {
            // Present by construction: `rows` counts whole rows.
            let _ = self.decode_row(row, out);
        }
    }

    pub(crate) fn decode_row(&self, row: usize, out: &mut [f32]) -> Option<()> {
        let (bytes, scales) = (row_bytes(self.cols), blocks(self.cols));
        let nibbles = self.nibbles.get(row * bytes..(row + 1) * bytes)?;
        let scales = self.scales.get(row * scales..(row + 1) * scales)?;
        for ((out, nibbles), scale) in out
            .chunks_mut(BLOCK)
            .zip(nibbles.chunks(BLOCK / 2))
            .zip(scales)
        {
            let scale = scale.to_f32();
            for (index, out) in out.iter_mut().enumerate() {
                let nibble = nibbles[index / 2] >> (4 * (index % 2)) & 15;
                *out = (f32::from(nibble) - ZERO) * scale;
            }
        }
        Some(())
    }
}

/// The nearest of the integers −8..=7, as a float.
fn quantise(value: f32, inverse: f32) -> f32 {
    // Beside this number the spacing of f32 is one, so that adding it rounds; unlike a call of
    // `round_ties_even` it is done for several numbers at once on every CPU.
    const ROUND: f32 = 12_582_912.0;
    ((value * inverse).clamp(-8.0, 7.0) + ROUND) - ROUND
}

/// The scale with the smallest squared error: several that clip more or less of the largest
/// number, each improved once by least squares for the integers it gives.
fn best_scale(block: &[f32]) -> Option<f16> {
    let largest = block.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    // Below, an f16 has lost its precision; such a block is as good as zeros.
    if largest < 7.0 * f16::MIN_POSITIVE.to_f32() {
        return Some(f16::MIN_POSITIVE);
    }
    let mut best = (f32::INFINITY, None);
    for step in 0..=STEPS {
        let levels = 7.0 + 4.0 * step as f32 / STEPS as f32;
        let started = largest / levels;
        for scale in [started, least_squares(block, started)] {
            let scale = f16::from_f32(scale).max(f16::MIN_POSITIVE);
            let error = squared_error(block, scale.to_f32());
            if scale.is_finite() && error < best.0 {
                best = (error, Some(scale));
            }
        }
    }
    best.1
}

/// The scale that fits best the integers which `scale` gives: `Σ w q / Σ q²`.
fn least_squares(block: &[f32], scale: f32) -> f32 {
    let inverse = scale.recip();
    let (mut product, mut square) = (0.0, 0.0);
    for &value in block {
        let q = quantise(value, inverse);
        product += value * q;
        square += q * q;
    }
    if square > 0.0 {
        product / square
    } else {
        scale
    }
}

fn squared_error(block: &[f32], scale: f32) -> f32 {
    let inverse = scale.recip();
    block
        .iter()
        .map(|&value| {
            let error = value - quantise(value, inverse) * scale;
            error * error
        })
        .sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back(values: &[f32], cols: usize) -> Vec<f32> {
        let mut out = Vec::new();
        Q4Matrix::encode(values, cols)
            .unwrap()
            .decode_into(&mut out);
        out
    }

    fn error(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    proptest! {
        #[test]
        fn encode_is_never_worse_than_the_plain_scale(values in prop::collection::vec(-3.0f32..3.0, 1..100)) {
            let decoded = back(&values, values.len());
            for (block, decoded) in values.chunks(BLOCK).zip(decoded.chunks(BLOCK)) {
                let largest = block.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                let plain = f16::from_f32(largest / 7.0).to_f32();
                prop_assert!(error(block, decoded) <= squared_error(block, plain) * 1.001 + 1e-9);
            }
        }

        #[test]
        fn encode_keeps_what_fits_exactly(integers in prop::collection::vec(-7i32..=7, 1..70)) {
            // A scale that f16 holds exactly, and in each block a number that needs all levels.
            let values: Vec<f32> = integers
                .iter()
                .enumerate()
                .map(|(i, q)| if i % BLOCK == 0 { 7.0 } else { *q as f32 } * 0.125)
                .collect();
            prop_assert_eq!(back(&values, values.len()), values);
        }
    }

    #[test]
    fn encode_keeps_zeros_and_tiny_blocks_small() {
        assert_eq!(back(&[0.0; 40], 40), [0.0; 40]);
        assert!(back(&[1e-30; 32], 32).iter().all(|v| v.abs() <= 1e-4));
    }

    #[test]
    fn encode_refuses_a_block_beyond_f16() {
        assert_eq!(Q4Matrix::encode(&[3e6; 32], 32), None);
    }

    #[test]
    fn encode_ends_an_odd_row_with_half_a_byte() {
        let values: Vec<f32> = (0..2 * 33).map(|i| (i % 15) as f32 - 7.0).collect();
        let rows = Q4Matrix::encode(&values, 33).unwrap();
        assert_eq!((rows.nibbles.len(), rows.scales.len()), (2 * 17, 2 * 2));
        let decoded = back(&values, 33);
        for (a, b) in values.iter().zip(decoded) {
            assert!((a - b).abs() <= 0.51, "{a} became {b}");
        }
    }
}
