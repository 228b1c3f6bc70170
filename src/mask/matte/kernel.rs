//! Weights of the pixels around one, by their colours.

use crate::image::Picture;

/// Noise that colours are taken to have, as a variance of values of 0 to 255: 10⁻⁴ for those of 0
/// to 1. Where a window varies less, its pixels count alike.
const NOISE: f32 = 1e-4 * 255.0 * 255.0;

/// How far a window reaches whose pixels are all looked at; of larger ones every second or third row
/// and column is. With fewer, neighbours that look at different pixels differ visibly.
const DENSE: usize = 8;

/// The pixels of a square around one that are looked at, 289 at most, and how much they weigh: by a
/// Gauss bell half as wide as the square reaches.
#[derive(Debug)]
pub(in crate::mask) struct Window {
    /// Rows or columns away, ascending, the middle among them, and the weight of each.
    offsets: Vec<(isize, f32)>,
}

impl Window {
    /// The window that reaches so many pixels each way.
    pub(in crate::mask) fn new(reach: usize) -> Self {
        let step = reach.div_ceil(DENSE).max(1) as isize;
        let last = reach as isize / step;
        let sigma = (reach as f32 / 2.0).max(0.5);
        let bell = |away: isize| (-(away as f32 / sigma).powi(2) / 2.0).exp();
        let offsets = (-last..=last).map(|place| place * step);
        Self {
            offsets: offsets.map(|offset| (offset, bell(offset))).collect(),
        }
    }

    /// Calls `take` with the index and the weight of each pixel of the window around `(x, y)` that is
    /// in the picture, in a fixed order.
    pub(in crate::mask) fn each(
        &self,
        (width, height): (usize, usize),
        (x, y): (usize, usize),
        mut take: impl FnMut(usize, f32),
    ) {
        let columns = self.within(x, width);
        for (down, in_row) in self.within(y, height) {
            let row = y.wrapping_add_signed(*down) * width;
            for (across, in_column) in columns {
                take(row + x.wrapping_add_signed(*across), in_row * in_column);
            }
        }
    }

    /// The offsets that lead from a place to others of so many.
    fn within(&self, place: usize, length: usize) -> &[(isize, f32)] {
        let first = |least: isize| self.offsets.partition_point(|(offset, _)| *offset < least);
        let place = place as isize;
        &self.offsets[first(-place)..first(length as isize - place)]
    }

    /// The mean of `membership` in the window around `(x, y)`, its pixels weighted by how much
    /// their colours speak for that of the middle.
    ///
    /// With the mean `m` and the covariance `S` of the window's colours, the pixel of colour `c`
    /// weighs `1 + (middle - m)ᵀ (S + noise)⁻¹ (c - m)`, zero at least, times the bell.
    pub(super) fn mean(&self, picture: &Picture, membership: &[u8], x: usize, y: usize) -> f32 {
        let size = (picture.width() as usize, picture.height() as usize);
        let colors = picture.rgb().as_chunks::<3>().0;
        let middle = colors[y * size.0 + x].map(f32::from);
        let difference = |at: usize| {
            let [r, g, b] = colors[at].map(f32::from);
            [r - middle[0], g - middle[1], b - middle[2]]
        };
        let mut moments = Moments::default();
        self.each(size, (x, y), |at, near| moments.add(near, difference(at)));
        let (lean, offset) = moments.regression();
        let (mut sum, mut total) = (0.0, 0.0);
        self.each(size, (x, y), |at, near| {
            let weight = near * (offset + dot(lean, difference(at))).max(0.0);
            sum += weight * f32::from(membership[at]);
            total += weight;
        });
        sum / total
    }
}

/// Weighted sums of colours, as differences from one, and of their products.
#[derive(Default)]
struct Moments {
    weight: f32,
    sum: [f32; 3],
    /// Of red with each, green with itself and blue, blue with itself.
    products: [f32; 6],
}

impl Moments {
    fn add(&mut self, weight: f32, [r, g, b]: [f32; 3]) {
        self.weight += weight;
        for (sum, value) in self.sum.iter_mut().zip([r, g, b]) {
            *sum += weight * value;
        }
        let products = [r * r, r * g, r * b, g * g, g * b, b * b];
        for (sum, value) in self.products.iter_mut().zip(products) {
            *sum += weight * value;
        }
    }

    /// A vector and a number: the weight of a colour is its product with the one plus the other.
    fn regression(&self) -> ([f32; 3], f32) {
        let mean = self.sum.map(|sum| sum / self.weight);
        let [r, g, b] = mean;
        let squares = [r * r, r * g, r * b, g * g, g * b, b * b];
        let mut covariance = self.products.map(|sum| sum / self.weight);
        for (value, square) in covariance.iter_mut().zip(squares) {
            *value -= square;
        }
        for variance in [0, 3, 5] {
            covariance[variance] += NOISE;
        }
        // From the mean to the middle, which is the origin.
        let lean = solve(covariance, mean.map(|value| -value));
        (lean, 1.0 - dot(lean, mean))
    }
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Solves a symmetric positive definite system of three by Cramer's rule; the matrix is given as
/// its upper triangle.
fn solve([xx, xy, xz, yy, yz, zz]: [f32; 6], v: [f32; 3]) -> [f32; 3] {
    let [a, b, c] = [yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy];
    let [d, e, f] = [xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy];
    let determinant = xx * a + xy * b + xz * c;
    [[a, b, c], [b, d, e], [c, e, f]].map(|row| dot(row, v) / determinant)
}
