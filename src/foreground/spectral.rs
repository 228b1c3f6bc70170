//! A foreground score from the vision tower's own cell features.
//!
//! The normalised cut of `TokenCut` (arXiv 2202.11539; deep spectral methods, arXiv 2205.07839, cut
//! alike): cells are the nodes of a graph, its edges join cells of like features, and the second
//! eigenvector of the graph's normalised Laplacian separates the two parts that hang together
//! least. Three things differ, because CLIP's features are not DINO's:
//!
//! - cells are alike above the mean similarity of the picture, where `TokenCut` takes 0.2: CLIP's
//!   features share a large common part, and how large differs from model to model;
//! - unlike cells keep an edge of a hundredth, where `TokenCut` keeps 10⁻⁵: CLIP has a few cells
//!   that are like no other, and the weakest cut would be around them;
//! - the foreground is the part that touches the border of the picture less, and only if both do
//!   so equally the part with the larger absolute value.

use crate::image::{CellAxis, enlarge};
use crate::vector::dot;
use crate::{Error, Result};

/// Similarities of a picture all within this of one are those of equal features, rounded.
const FLAT: f32 = 1e-3;

/// The weight of an edge between cells that are not alike; that of like ones is one.
const UNLIKE: f32 = 0.01;

/// Grids of more cells are pooled before the cut: its cost grows with the square of the cells.
const MAX_CELLS: usize = 36 * 36;

/// Steps of the power iteration. A part that is worth telling apart shows after a few dozen.
const STEPS: usize = 100;

/// How likely each cell shows foreground: `[rows, cols]`, 0..1, 0.5 saying nothing.
///
/// The more clearly the picture falls into two parts, the nearer the score comes to 0 and 1: the
/// eigenvector, scaled to -1..1, is damped by its eigenvalue (of the affinity; one minus the
/// Laplacian's), which is about 0.9 for a clear cut and about 0.1 for noise. A grid of one cell and
/// equal features give 0.5 everywhere. The length of a key does not matter. Grids of more than 36 x
/// 36 cells are averaged down before and interpolated after.
///
/// # Shapes
///
/// - `keys`: `[rows · cols, width]`
///
/// # Errors
///
/// [`Error::Internal`] if `keys` has another length, is empty, or holds NaN or infinity.
pub fn foreground(keys: &[f32], width: usize, rows: usize, cols: usize) -> Result<Vec<f32>> {
    if keys.is_empty() || keys.len() != rows * cols * width {
        return Err(Error::internal(format!(
            "{} numbers are no keys of {width} for a grid of {rows}x{cols}",
            keys.len()
        )));
    }
    if !keys.iter().all(|value| value.is_finite()) {
        return Err(Error::internal("keys that are not finite numbers"));
    }
    let pooled = Pooled::new(keys, width, rows, cols);
    let affinity = affinity(&pooled.keys, width);
    let scores = match affinity {
        Some(affinity) => score(&affinity, &pooled),
        None => vec![0.5; pooled.rows * pooled.cols],
    };
    Ok(pooled.interpolate(&scores, rows, cols))
}

/// A grid averaged over squares of `factor` by `factor` cells, the last ones perhaps cut off.
struct Pooled {
    /// `[rows · cols, width]`, unit rows.
    keys: Vec<f32>,
    rows: usize,
    cols: usize,
    factor: usize,
}

impl Pooled {
    fn new(keys: &[f32], width: usize, rows: usize, cols: usize) -> Self {
        let mut factor = 1;
        while rows.div_ceil(factor) * cols.div_ceil(factor) > MAX_CELLS {
            factor += 1;
        }
        let pooled_cols = cols.div_ceil(factor);
        let pooled_rows = rows.div_ceil(factor);
        let mut sums = vec![0.0; pooled_rows * pooled_cols * width];
        for (cell, key) in keys.chunks_exact(width).enumerate() {
            let (row, col) = (cell / cols / factor, cell % cols / factor);
            let length = dot(key, key).sqrt().max(f32::MIN_POSITIVE);
            let sum = &mut sums[(row * pooled_cols + col) * width..][..width];
            for (sum, value) in sum.iter_mut().zip(key) {
                *sum += value / length;
            }
        }
        for key in sums.chunks_exact_mut(width) {
            let length = dot(key, key).sqrt().max(f32::MIN_POSITIVE);
            for value in key {
                *value /= length;
            }
        }
        Self {
            keys: sums,
            rows: pooled_rows,
            cols: pooled_cols,
            factor,
        }
    }

    /// Scores of the pooled cells, bilinearly, at the cells that were pooled.
    fn interpolate(&self, scores: &[f32], rows: usize, cols: usize) -> Vec<f32> {
        let axes = [rows, cols].map(|side| CellAxis::cut(side, self.factor));
        enlarge(scores, &axes, cols, rows)
    }

    /// Whether a cell lies at the border of the grid.
    fn at_border(&self, cell: usize) -> bool {
        let (row, col) = (cell / self.cols, cell % self.cols);
        row == 0 || col == 0 || row + 1 == self.rows || col + 1 == self.cols
    }
}

/// The graph, `[cells, cells]`: one between like cells, [`UNLIKE`] between others. `None` if all
/// are equal.
fn affinity(keys: &[f32], width: usize) -> Option<Vec<f32>> {
    let cells = keys.len() / width;
    let mut similarity = vec![1.0; cells * cells];
    let (mut sum, mut least) = (0.0, 1.0f32);
    for (a, key) in keys.chunks_exact(width).enumerate() {
        for (b, other) in keys.chunks_exact(width).enumerate().take(a) {
            let value = dot(key, other);
            similarity[a * cells + b] = value;
            similarity[b * cells + a] = value;
            sum += f64::from(value);
            least = least.min(value);
        }
    }
    if least > 1.0 - FLAT {
        return None;
    }
    let pairs = cells * (cells - 1) / 2;
    let mean = (sum / pairs as f64) as f32;
    for value in &mut similarity {
        *value = if *value > mean { 1.0 } else { UNLIKE };
    }
    Some(similarity)
}

/// The scores of a graph's nodes.
fn score(affinity: &[f32], grid: &Pooled) -> Vec<f32> {
    let (cut, eigenvalue) = second_eigenvector(affinity, grid.rows * grid.cols);
    let largest = cut.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let least = cut.iter().copied().fold(f32::INFINITY, f32::min);
    let (middle, half) = (
        f32::midpoint(largest, least),
        ((largest - least) / 2.0).max(f32::MIN_POSITIVE),
    );
    let sign = if upper_is_foreground(&cut, middle, grid) {
        0.5
    } else {
        -0.5
    };
    cut.iter()
        .map(|value| 0.5 + sign * eigenvalue * ((value - middle) / half).clamp(-1.0, 1.0))
        .collect()
}

/// Whether the cells above `middle` are the foreground.
fn upper_is_foreground(cut: &[f32], middle: f32, grid: &Pooled) -> bool {
    // Cells and border cells, below and above.
    let (mut cells, mut border) = ([0usize; 2], [0usize; 2]);
    for (cell, value) in cut.iter().enumerate() {
        let side = usize::from(*value > middle);
        cells[side] += 1;
        border[side] += usize::from(grid.at_border(cell));
    }
    // The shares of the cells that lie at the border, over a common denominator.
    let (below, above) = (border[0] * cells[1], border[1] * cells[0]);
    if above == below {
        // The second eigenvector is about zero in the mean, so the smaller part is the farther.
        let extreme = cut
            .iter()
            .copied()
            .reduce(|a, b| if b.abs() > a.abs() { b } else { a });
        return extreme.is_some_and(|value| value > middle);
    }
    above < below
}

/// The solution of `(D − W) y = λ D y` with the second smallest λ, and `1 − λ`, 0..1.
///
/// Power iteration on `(I + D^-½ W D^-½) / 2`, whose eigenvalues are not negative, kept orthogonal
/// to the first eigenvector, `D^½ 1`, from a fixed start that looks random.
fn second_eigenvector(affinity: &[f32], cells: usize) -> (Vec<f32>, f32) {
    let roots: Vec<f32> = affinity
        .chunks_exact(cells)
        .map(|row| row.iter().sum::<f32>().sqrt())
        .collect();
    let mut first = roots.clone();
    normalise(&mut first);
    let mut vector: Vec<f32> = (0..cells).map(start).collect();
    let mut scaled = vec![0.0; cells];
    let mut length = 0.0;
    for _ in 0..STEPS {
        let along = dot(&vector, &first);
        for (value, first) in vector.iter_mut().zip(&first) {
            *value -= along * first;
        }
        normalise(&mut vector);
        for ((scaled, value), root) in scaled.iter_mut().zip(&vector).zip(&roots) {
            *scaled = value / root;
        }
        let rows = affinity.chunks_exact(cells).zip(&roots);
        for (value, (row, root)) in vector.iter_mut().zip(rows) {
            *value = f32::midpoint(*value, dot(row, &scaled) / root);
        }
        length = dot(&vector, &vector).sqrt();
    }
    for (value, root) in vector.iter_mut().zip(&roots) {
        *value /= root;
    }
    (vector, (2.0 * length - 1.0).clamp(0.0, 1.0))
}

/// A number of -1..1 that looks random (the finaliser of SplitMix32).
fn start(cell: usize) -> f32 {
    let mut bits = (cell as u32).wrapping_add(1).wrapping_mul(0x9E37_79B9);
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85EB_CA6B);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xC2B2_AE35);
    bits ^= bits >> 16;
    bits as f32 / u32::MAX as f32 * 2.0 - 1.0
}

fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt().max(f32::MIN_POSITIVE);
    for value in vector {
        *value /= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keys of a grid where `inside` shows one thing and the rest another; a common part, as CLIP
    /// has, and some noise.
    fn scene(
        rows: usize,
        cols: usize,
        noise: f32,
        inside: impl Fn(usize, usize) -> bool,
    ) -> Vec<f32> {
        const WIDTH: usize = 24;
        let mut keys = Vec::new();
        for cell in 0..rows * cols {
            let part = usize::from(inside(cell / cols, cell % cols));
            let mut key: Vec<f32> = (0..WIDTH)
                .map(|at| noise * start(cell * WIDTH + at))
                .collect();
            key[0] += 1.0;
            key[1 + part] += 1.0;
            normalise(&mut key);
            keys.extend(key);
        }
        keys
    }

    fn in_the_middle(row: usize, col: usize) -> bool {
        (4..9).contains(&row) && (6..12).contains(&col)
    }

    #[test]
    fn foreground_is_a_thing_in_the_middle() {
        let keys = scene(14, 18, 0.15, in_the_middle);
        let scores = foreground(&keys, 24, 14, 18).unwrap();
        for (cell, score) in scores.into_iter().enumerate() {
            let inside = in_the_middle(cell / 18, cell % 18);
            assert!(
                if inside { score > 0.85 } else { score < 0.15 },
                "{cell}: {score}"
            );
        }
    }

    #[test]
    fn foreground_is_a_large_thing_that_touches_the_border_less() {
        let inside = |row: usize, col: usize| (1..13).contains(&row) && (1..13).contains(&col);
        let scores = foreground(&scene(14, 14, 0.3, inside), 24, 14, 14).unwrap();
        assert!(scores[7 * 14 + 7] > 0.8 && scores[0] < 0.2, "{scores:?}");
    }

    #[test]
    fn foreground_is_the_smaller_part_where_everything_is_border() {
        let keys = scene(1, 20, 0.2, |_, col| (3..7).contains(&col));
        let scores = foreground(&keys, 24, 1, 20).unwrap();
        assert!(scores[4] > 0.8 && scores[12] < 0.2, "{scores:?}");
    }

    #[test]
    fn foreground_is_not_a_few_odd_cells() {
        let mut keys = scene(14, 18, 0.3, in_the_middle);
        for cell in [20, 115, 230] {
            keys[cell * 24..][..24].fill(0.0);
            keys[cell * 24 + 20] = 1.0;
        }
        let scores = foreground(&keys, 24, 14, 18).unwrap();
        assert!(scores[6 * 18 + 8] > 0.8 && scores[3] < 0.3, "{scores:?}");
    }

    #[test]
    fn foreground_of_a_large_grid_comes_back_at_its_size() {
        let inside = |row: usize, col: usize| (20..40).contains(&row) && (24..50).contains(&col);
        let scores = foreground(&scene(61, 64, 0.3, inside), 24, 61, 64).unwrap();
        assert_eq!(scores.len(), 61 * 64);
        assert!(scores[30 * 64 + 36] > 0.85 && scores[5 * 64 + 5] < 0.15);
    }

    #[test]
    fn foreground_of_equal_keys_is_even() {
        assert_eq!(foreground(&[0.6, 0.8], 2, 1, 1).unwrap(), [0.5]);
        let equal: Vec<f32> = (0..12)
            .flat_map(|cell| [0.6, 0.8 + 1e-6 * cell as f32])
            .collect();
        assert_eq!(foreground(&equal, 2, 3, 4).unwrap(), [0.5; 12]);
        // Noise alone hardly moves the scores.
        let noise: Vec<f32> = (0..400 * 64).map(start).collect();
        let scores = foreground(&noise, 64, 20, 20).unwrap();
        assert!(
            scores.iter().all(|score| (0.35..0.65).contains(score)),
            "{scores:?}"
        );
    }

    #[test]
    fn foreground_refuses_what_are_no_keys() {
        for (keys, rows, cols) in [
            (vec![0.0; 8], 3, 1),
            (vec![], 0, 4),
            (vec![0.1, f32::NAN, 0.2, 0.3], 2, 1),
            (vec![0.1, f32::INFINITY, 0.2, 0.3], 1, 2),
        ] {
            let error = foreground(&keys, 2, rows, cols).unwrap_err();
            assert_eq!(error.code(), "internal", "{error}");
        }
        assert_eq!(foreground(&[], 0, 2, 2).unwrap_err().code(), "internal");
    }

    #[test]
    fn second_eigenvector_of_a_small_graph() {
        // Two pairs, joined by UNLIKE: by symmetry (1, 1, -1, -1) with (1 - w) / (1 + w).
        let w = UNLIKE;
        let graph = [1., 1., w, w, 1., 1., w, w, w, w, 1., 1., w, w, 1., 1.];
        let (vector, eigenvalue) = second_eigenvector(&graph, 4);
        assert!(
            (eigenvalue - (1.0 - w) / (1.0 + w)).abs() < 1e-5,
            "{eigenvalue}"
        );
        for value in &vector[1..] {
            assert!((value.abs() - vector[0].abs()).abs() < 1e-5, "{vector:?}");
        }
        assert!(vector[0] * vector[1] > 0.0 && vector[0] * vector[2] < 0.0);
    }

    proptest! {
        #[test]
        fn foreground_is_between_0_and_1_for_any_keys(
            rows in 1usize..8, cols in 1usize..8,
            values in prop::collection::vec(prop_oneof![-1.0f32..1.0, Just(0.0)], 7 * 7 * 3),
        ) {
            let keys = &values[..rows * cols * 3];
            let scores = foreground(keys, 3, rows, cols).unwrap();
            prop_assert_eq!(scores.len(), rows * cols);
            prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
            prop_assert_eq!(scores, foreground(keys, 3, rows, cols).unwrap());
        }

        #[test]
        fn foreground_ignores_the_length_and_order_of_keys(
            scale in 0.01f32..100.0, turn in 0usize..24,
        ) {
            let keys = scene(10, 14, 0.4, in_the_middle);
            let mut other: Vec<f32> = keys.iter().map(|value| value * scale).collect();
            for key in other.chunks_exact_mut(24) {
                key.rotate_left(turn);
            }
            let plain = foreground(&keys, 24, 10, 14).unwrap();
            let turned = foreground(&other, 24, 10, 14).unwrap();
            for (a, b) in plain.iter().zip(turned) {
                // A similarity at the threshold may fall to the other side by rounding.
                prop_assert!((a - b).abs() < 0.02, "{a} {b}");
            }
        }

        #[test]
        fn foreground_of_a_mirrored_picture_is_mirrored(top in 1usize..5, left in 1usize..7) {
            let inside = |row: usize, col: usize| {
                (top..top + 4).contains(&row) && (left..left + 5).contains(&col)
            };
            let keys = scene(10, 14, 0.3, inside);
            let mut mirrored = Vec::new();
            for row in keys.chunks_exact(14 * 24) {
                mirrored.extend(row.chunks_exact(24).rev().flatten());
            }
            let plain = foreground(&keys, 24, 10, 14).unwrap();
            let mirrored = foreground(&mirrored, 24, 10, 14).unwrap();
            for (row, other) in plain.chunks_exact(14).zip(mirrored.chunks_exact(14)) {
                for (a, b) in row.iter().zip(other.iter().rev()) {
                    prop_assert!((a - b).abs() < 0.02, "{a} {b}");
                }
            }
        }
    }
}
