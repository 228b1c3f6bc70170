//! Operations on grids of cells: matrices with a row for each cell, row by row of the grid, and a
//! column for each channel, whose number is a multiple of eight.

use super::simd::{Simd, SimdOp, run};

/// The side of the neighbourhood of a depthwise convolution, in cells.
pub(crate) const KERNEL: usize = 5;

/// Cells on either side of the middle one.
const REACH: usize = KERNEL / 2;

/// Of what the number of channels is a multiple.
pub(crate) const CHANNEL_GROUP: usize = 8;

/// A grid with its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GridShape {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) channels: usize,
}

impl GridShape {
    fn len(self) -> usize {
        self.rows * self.cols * self.channels
    }

    /// The grid with zeros on the left and right of each row, so that every neighbour there is one.
    fn padded(self, values: &[f32]) -> Vec<f32> {
        let (line, margin) = (self.cols * self.channels, REACH * self.channels);
        let mut padded = vec![0.0; self.rows * (line + 2 * margin)];
        let lines = padded.chunks_exact_mut(line + 2 * margin);
        for (padded, line) in lines.zip(values.chunks_exact(line)) {
            padded[margin..][..line.len()].copy_from_slice(line);
        }
        padded
    }

    /// Numbers in a row of [`GridShape::padded`].
    fn padded_line(self) -> usize {
        (self.cols + 2 * REACH) * self.channels
    }
}

/// Adds each channel convolved by itself with its 5 × 5 weights, zeros beyond the edges.
///
/// # Shapes
///
/// - `x`, `sum`: `[rows, cols, channels]`
/// - `weights`: `[25, channels]`, row by row of the neighbourhood
pub(crate) fn add_depthwise(shape: GridShape, x: &[f32], weights: &[f32], sum: &mut [f32]) {
    check(shape, x, weights);
    assert_eq!(sum.len(), shape.len(), "a sum of another size");
    run(Depthwise {
        shape,
        x: &shape.padded(x),
        weights,
        sum,
    });
}

/// Adds the gradient of [`add_depthwise`] by its `x`: the convolution with the weights the other way
/// round.
pub(crate) fn add_depthwise_input_gradient(
    shape: GridShape,
    gradient: &[f32],
    weights: &[f32],
    sum: &mut [f32],
) {
    let taps = weights.chunks_exact(shape.channels).rev();
    let turned: Vec<f32> = taps.flatten().copied().collect();
    add_depthwise(shape, gradient, &turned, sum);
}

/// Adds the gradient of [`add_depthwise`] by its weights.
///
/// # Shapes
///
/// - `x`, `gradient`: `[rows, cols, channels]`
/// - `sum`: `[25, channels]`
pub(crate) fn add_depthwise_weight_gradient(
    shape: GridShape,
    x: &[f32],
    gradient: &[f32],
    sum: &mut [f32],
) {
    check(shape, x, sum);
    assert_eq!(gradient.len(), shape.len(), "a gradient of another size");
    run(WeightGradient {
        shape,
        x: &shape.padded(x),
        gradient,
        sum,
    });
}

fn check(shape: GridShape, x: &[f32], weights: &[f32]) {
    assert_eq!(
        shape.channels % CHANNEL_GROUP,
        0,
        "channels that are no multiple of eight"
    );
    assert_eq!(x.len(), shape.len(), "a grid of another size");
    assert_eq!(
        weights.len(),
        KERNEL * KERNEL * shape.channels,
        "weights of another size"
    );
}

/// The row of the grid that a row of the neighbourhood lies on, if it does.
#[inline(always)]
fn neighbour(row: usize, down: usize, rows: usize) -> Option<usize> {
    let other = (row + down).wrapping_sub(REACH);
    (other < rows).then_some(other)
}

struct Depthwise<'a> {
    shape: GridShape,
    /// With margins.
    x: &'a [f32],
    weights: &'a [f32],
    sum: &'a mut [f32],
}

impl SimdOp for Depthwise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let GridShape { rows, channels, .. } = self.shape;
        let (line, padded) = (self.shape.cols * channels, self.shape.padded_line());
        for (row, sums) in self.sum.chunks_exact_mut(line).enumerate() {
            for down in 0..KERNEL {
                let Some(other) = neighbour(row, down, rows) else {
                    continue;
                };
                let x = &self.x[other * padded..][..padded];
                let weights = &self.weights[down * KERNEL * channels..][..KERNEL * channels];
                for first in (0..channels).step_by(L::COUNT) {
                    let mut taps = [L::splat(0.0); KERNEL];
                    for (across, tap) in taps.iter_mut().enumerate() {
                        *tap = L::load(&weights[across * channels + first..]);
                    }
                    for at in (first..line).step_by(channels) {
                        let mut sum = L::load(&sums[at..]);
                        for (across, tap) in taps.iter().enumerate() {
                            sum = tap.mul_add(L::load(&x[at + across * channels..]), sum);
                        }
                        sum.store(&mut sums[at..]);
                    }
                }
            }
        }
    }
}

struct WeightGradient<'a> {
    shape: GridShape,
    /// With margins.
    x: &'a [f32],
    gradient: &'a [f32],
    sum: &'a mut [f32],
}

impl SimdOp for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let GridShape { rows, channels, .. } = self.shape;
        let (line, padded) = (self.shape.cols * channels, self.shape.padded_line());
        for (row, gradient) in self.gradient.chunks_exact(line).enumerate() {
            for down in 0..KERNEL {
                let Some(other) = neighbour(row, down, rows) else {
                    continue;
                };
                let x = &self.x[other * padded..][..padded];
                let sums = &mut self.sum[down * KERNEL * channels..][..KERNEL * channels];
                for first in (0..channels).step_by(L::COUNT) {
                    let mut taps = [L::splat(0.0); KERNEL];
                    for (across, tap) in taps.iter_mut().enumerate() {
                        *tap = L::load(&sums[across * channels + first..]);
                    }
                    for at in (first..line).step_by(channels) {
                        let gradient = L::load(&gradient[at..]);
                        for (across, tap) in taps.iter_mut().enumerate() {
                            *tap = gradient.mul_add(L::load(&x[at + across * channels..]), *tap);
                        }
                    }
                    for (across, tap) in taps.into_iter().enumerate() {
                        tap.store(&mut sums[across * channels + first..]);
                    }
                }
            }
        }
    }
}

/// Adds `factor · x` to `sum`.
///
/// # Shapes
///
/// - `x`, `sum`: of the same length
pub(crate) fn add_scaled(x: &[f32], factor: f32, sum: &mut [f32]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += factor * x;
    }
}
