//! Text-driven Laplacian smoothing (PEARL, arXiv 2603.21528), with a fixed data weight.
//!
//! The picture is cut into about 80 × 80 cells. The scores `X₀` on them become the solution of
//! `(D + L) X = D X₀`, where `L` is the Laplacian of the grid of cells whose edges are weak where
//! grey changes: each cell stays near what it was and near its neighbours of the same grey.
//!
//! PEARL gives each cell its own `D = conf² (1 + agreement)`, where `conf`, at least 0.05, is the
//! largest of a softmax over the classes. That softmax is of bare cosines, which differ by a few
//! hundredths, so it is nearly uniform: `conf` comes to `max(1 / classes, 0.05)` and counts the
//! words instead of saying how sure a cell is. Smoothing reaches about `1 / √D` cells: twenty
//! with twenty words, but not even two with two. Here `D` is the number that the formula gives
//! for the 21 classes of Pascal VOC, on which the published gains were measured, so that
//! two words are smoothed as well as twenty. The factor of the edges is treated alike.

use crate::error::{Error, Result};
use crate::image::{CellAxis, Picture};
use crate::vector::dot_f64;

/// About how many cells each side of the picture is cut into.
const CELLS: usize = 80;

/// `1 + agreement`: of probabilities 1/21 each, with 0.92 on the diagonal of the similarity
/// between classes.
const AGREEMENT: f32 = 1.0 + 0.92 / 21.0;

/// How strongly a cell keeps its own scores, `D`: what edges weigh at most is 1.
const DATA_WEIGHT: f32 = 0.05 * 0.05 * AGREEMENT;

/// How steeply an edge's weight falls with the step in grey across it.
const CONTRAST: f64 = 5.0;

/// Conjugate-gradient steps.
const ITERATIONS: usize = 25;

/// The share of red, green and blue in grey (ITU-R BT.601).
const GREY: [f64; 3] = [0.299, 0.587, 0.114];

/// Smooths cosines, `[classes, rows, cols]` on cells that lie like `axes` down and across
/// `picture`; returns `[classes, rows, cols]` on other cells, and how these lie.
///
/// Each class keeps its mean over the cells.
///
/// # Errors
///
/// [`Error::OutOfMemory`] if the pixels do not fit in memory; [`Error::Internal`] if the length is
/// not `classes · rows · cols`, or is zero.
pub(super) fn smooth(
    scores: &[f32],
    classes: usize,
    axes: [CellAxis; 2],
    picture: &Picture,
) -> Result<(Vec<f32>, [CellAxis; 2])> {
    let [rows, cols] = axes.map(|axis| axis.cells());
    if scores.is_empty() || scores.len() != classes * rows * cols {
        return Err(Error::internal(format!(
            "{} scores for {classes} classes on {rows}x{cols} cells",
            scores.len()
        )));
    }
    let down = Axis::new(picture.height() as usize);
    let across = Axis::new(picture.width() as usize);
    let start = resample(scores, axes, [&down, &across]);
    let system = System::new(&grey(picture, &down, &across), across.cells());
    Ok((system.solve(start), [down.cell_axis(), across.cell_axis()]))
}

/// One side of the picture, cut into cells of equally many pixels; the last may have fewer.
struct Axis {
    pixels: usize,
    pixels_per_cell: usize,
}

impl Axis {
    fn new(pixels: usize) -> Self {
        let rounded_half_up = (2 * pixels + CELLS) / (2 * CELLS);
        Self {
            pixels,
            pixels_per_cell: rounded_half_up.max(1),
        }
    }

    fn cells(&self) -> usize {
        self.pixels.div_ceil(self.pixels_per_cell)
    }

    /// How the cells lie on the picture.
    fn cell_axis(&self) -> CellAxis {
        CellAxis::cut(self.pixels, self.pixels_per_cell)
    }

    /// How each cell is made of those of a coarser grid.
    fn blends(&self, coarse: &CellAxis) -> Vec<Blend> {
        (0..self.cells())
            .map(|cell| self.blend(cell, coarse))
            .collect()
    }

    /// Bilinear interpolation to pixels and the mean over the cell's pixels in one: both are
    /// linear, and neither needs the other side of the picture.
    fn blend(&self, cell: usize, coarse: &CellAxis) -> Blend {
        let start = cell * self.pixels_per_cell;
        let end = (start + self.pixels_per_cell).min(self.pixels);
        let last = coarse.cells() - 1;
        let place = |pixel: usize| coarse.place(pixel, self.pixels);
        let first = place(start) as usize;
        let behind = (place(end - 1) as usize + 1).min(last);
        let mut weights = vec![0.0; behind - first + 1];
        let share = 1.0 / (end - start) as f64;
        for pixel in start..end {
            let place = place(pixel);
            let (before, part) = (place as usize - first, place.fract());
            weights[before] += share * (1.0 - part);
            if part > 0.0 {
                weights[before + 1] += share * part;
            }
        }
        Blend {
            first,
            weights: weights.into_iter().map(|weight| weight as f32).collect(),
        }
    }
}

/// A weighted mean of neighbouring positions.
struct Blend {
    first: usize,
    weights: Vec<f32>,
}

/// `[classes, rows, cols]` on the cells of the picture.
fn resample(scores: &[f32], axes: [CellAxis; 2], [down, across]: [&Axis; 2]) -> Vec<f32> {
    let [rows, cols] = axes.map(|axis| axis.cells());
    let (down, across) = (down.blends(&axes[0]), across.blends(&axes[1]));
    let classes = scores.len() / (rows * cols);
    let mut cells = Vec::with_capacity(classes * down.len() * across.len());
    let mut row = vec![0.0; cols];
    for class in scores.chunks_exact(rows * cols) {
        for blend in &down {
            row.fill(0.0);
            let sources = class.chunks_exact(cols).skip(blend.first);
            for (source, weight) in sources.zip(&blend.weights) {
                add_scaled(&mut row, *weight, source);
            }
            cells.extend(across.iter().map(|blend| {
                let values = blend.weights.iter().zip(&row[blend.first..]);
                values.map(|(weight, value)| weight * value).sum::<f32>()
            }));
        }
    }
    cells
}

/// Mean grey of each cell, 0 to 1, `[rows, cols]`.
fn grey(picture: &Picture, down: &Axis, across: &Axis) -> Vec<f32> {
    let row_bytes = across.pixels * 3;
    let mut cells = Vec::with_capacity(down.cells() * across.cells());
    let mut sums = vec![0u32; row_bytes];
    for band in picture.rgb().chunks(down.pixels_per_cell * row_bytes) {
        sums.fill(0);
        for row in band.chunks_exact(row_bytes) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += u32::from(*value);
            }
        }
        let height = band.len() / row_bytes;
        let cell_bytes = across.pixels_per_cell * 3;
        cells.extend(sums.chunks(cell_bytes).map(|cell| mean_grey(cell, height)));
    }
    cells
}

/// The grey of a cell from its columns' RGB sums over `height` pixels.
///
/// The sums are whole numbers, so cells of one colour have one grey whatever their size.
fn mean_grey(sums: &[u32], height: usize) -> f32 {
    let mut rgb = [0; 3];
    for pixel in sums.chunks_exact(3) {
        for (total, sum) in rgb.iter_mut().zip(pixel) {
            *total += sum;
        }
    }
    let white = (255 * height * (sums.len() / 3)) as f64;
    let shares = rgb.iter().zip(GREY);
    shares
        .map(|(sum, share)| share * (f64::from(*sum) / white))
        .sum::<f64>() as f32
}

/// The matrix `D + L` on the cells in row-major order.
struct System {
    cells: usize,
    /// Edges from each cell to the one so many places on, as weights from the first cell on.
    edges: [(usize, Vec<f32>); 2],
}

impl System {
    fn new(grey: &[f32], cols: usize) -> Self {
        let right = edge_weights(grey, 1, |cell| !(cell + 1).is_multiple_of(cols));
        let down = edge_weights(grey, cols, |_| true);
        Self {
            cells: grey.len(),
            edges: [(1, right), (cols, down)],
        }
    }

    /// `(D + L) X = D X₀` for `X₀ = start`, `[classes, cells]`, by conjugate gradients from `X₀`.
    ///
    /// The classes count as one long vector, so they share their step sizes.
    fn solve(&self, start: Vec<f32>) -> Vec<f32> {
        let mut x = start;
        let mut product = vec![0.0; x.len()];
        // D X₀ − (D + L) X₀
        self.multiply(0.0, &x, &mut product);
        let mut residual: Vec<f32> = product.iter().map(|flow| -flow).collect();
        let mut direction = residual.clone();
        let mut squared = dot_f64(&residual, &residual);
        // No eigenvalue is below D: from here on what is left changes X by less than rounding.
        let zero = f64::from(f32::EPSILON * DATA_WEIGHT).powi(2) * dot_f64(&x, &x);
        for _ in 0..ITERATIONS {
            if squared <= zero {
                break;
            }
            self.multiply(DATA_WEIGHT, &direction, &mut product);
            let step = (squared / dot_f64(&direction, &product)) as f32;
            add_scaled(&mut x, step, &direction);
            add_scaled(&mut residual, -step, &product);
            let before = std::mem::replace(&mut squared, dot_f64(&residual, &residual));
            let keep = (squared / before) as f32;
            for (direction, residual) in direction.iter_mut().zip(&residual) {
                *direction = residual + keep * *direction;
            }
        }
        x
    }

    /// `(data_weight + L) x` of each class.
    ///
    /// `L x` is summed from differences, so that it is exactly zero where `x` is constant: `D` is
    /// so small that rounding would be magnified 400 times.
    fn multiply(&self, data_weight: f32, x: &[f32], out: &mut [f32]) {
        let classes = x.chunks_exact(self.cells);
        for (x, out) in classes.zip(out.chunks_exact_mut(self.cells)) {
            for (out, x) in out.iter_mut().zip(x) {
                *out = data_weight * x;
            }
            for (places, weights) in &self.edges {
                let (here, there) = (&x[..weights.len()], &x[*places..]);
                add_flows(&mut out[..weights.len()], weights, here, there);
                add_flows(&mut out[*places..], weights, there, here);
            }
        }
    }
}

/// Weights of the edges between each cell and the one `places` on: 1 between equal greys, less
/// with a larger step compared with the mean step, 0 where no edge `exists`.
fn edge_weights(grey: &[f32], places: usize, exists: impl Fn(usize) -> bool) -> Vec<f32> {
    let pairs = || grey.iter().zip(&grey[places..]).enumerate();
    let step = |a: &f32, b: &f32| f64::from((a - b).abs());
    let (mut sum, mut count) = (0.0, 0.0);
    for (_, (a, b)) in pairs().filter(|(cell, _)| exists(*cell)) {
        sum += step(a, b);
        count += 1.0;
    }
    pairs()
        .map(|(cell, (a, b))| match exists(cell) {
            false => 0.0,
            true if sum == 0.0 => 1.0,
            true => {
                let likeness = (-CONTRAST * step(a, b) * count / sum).exp();
                (likeness * f64::from(AGREEMENT)).min(1.0) as f32
            }
        })
        .collect()
}

/// `out += weights · (here − there)`.
fn add_flows(out: &mut [f32], weights: &[f32], here: &[f32], there: &[f32]) {
    for (((out, weight), here), there) in out.iter_mut().zip(weights).zip(here).zip(there) {
        *out += weight * (here - there);
    }
}

/// `out += factor · values`.
fn add_scaled(out: &mut [f32], factor: f32, values: &[f32]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out += factor * value;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures;
    use proptest::prelude::*;

    /// [`super::smooth`] from a grid that covers the picture exactly, with the rows and columns of
    /// what comes out.
    fn smooth(
        scores: &[f32],
        classes: usize,
        rows: usize,
        cols: usize,
        picture: &Picture,
    ) -> Result<(Vec<f32>, usize, usize)> {
        let axes = [rows, cols].map(CellAxis::even);
        let (smoothed, [down, across]) = super::smooth(scores, classes, axes, picture)?;
        Ok((smoothed, down.cells(), across.cells()))
    }

    /// A picture of greys, `width` wide.
    fn picture(width: usize, greys: &[u8]) -> Picture {
        let rgb = greys.iter().flat_map(|&grey| [grey; 3]).collect();
        Picture::from_rgb(width as u32, (greys.len() / width) as u32, rgb).unwrap()
    }

    fn assert_near(found: &[f32], wanted: &[f32], tolerance: f32) {
        assert_eq!(found.len(), wanted.len());
        for (cell, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            assert!(
                (found - wanted).abs() <= tolerance,
                "{cell}: {found} is not {wanted}"
            );
        }
    }

    fn mean(values: &[f32]) -> f32 {
        values.iter().sum::<f32>() / values.len() as f32
    }

    #[test]
    fn cells_are_about_an_eightieth() {
        let cells = |pixels| (Axis::new(pixels).pixels_per_cell, Axis::new(pixels).cells());
        assert_eq!(cells(1), (1, 1));
        assert_eq!(cells(119), (1, 119));
        assert_eq!(cells(120), (2, 60));
        assert_eq!(cells(121), (2, 61));
        assert_eq!(cells(200), (3, 67));
        assert_eq!(cells(16_384), (205, 80));
    }

    #[test]
    fn two_cells_of_one_color() {
        // (D + 1) a − b = 0 and (D + 1) b − a = D: a + b = 1, b − a = D / (D + 2).
        // D = 0.05² (1 + 0.92 / 21).
        let (smoothed, rows, cols) = smooth(&[0.0, 1.0], 1, 1, 2, &picture(2, &[9, 9])).unwrap();
        assert_eq!((rows, cols), (1, 2));
        let difference = 0.002_609_5 / 2.002_609_5;
        let wanted = [0.5 - difference / 2.0, 0.5 + difference / 2.0];
        assert_near(&smoothed, &wanted, 1e-6);
    }

    #[test]
    fn the_only_step_is_the_mean_step() {
        let (smoothed, ..) = smooth(&[0.0, 1.0], 1, 1, 2, &picture(2, &[0, 255])).unwrap();
        let weight = (-5.0f32).exp() * AGREEMENT;
        let difference = DATA_WEIGHT / (DATA_WEIGHT + 2.0 * weight);
        let wanted = [0.5 - difference / 2.0, 0.5 + difference / 2.0];
        assert_near(&smoothed, &wanted, 1e-6);
    }

    #[test]
    fn an_edge_in_the_picture_stops_smoothing() {
        // Steps in grey 0, 0, 1, 0, 0: across the edge the weight is e^(−25).
        let greys = [0, 0, 0, 255, 255, 255];
        let scores = [0.1, 0.2, 0.3, 0.7, 0.8, 0.9];
        let (smoothed, ..) = smooth(&scores, 1, 1, 6, &picture(6, &greys)).unwrap();
        assert_near(&smoothed, &[0.2, 0.2, 0.2, 0.8, 0.8, 0.8], 1e-3);
        let (smoothed, ..) = smooth(&scores, 1, 1, 6, &picture(6, &[7; 6])).unwrap();
        assert_near(&smoothed, &[0.5; 6], 0.02);
    }

    #[test]
    fn one_cell_stays_as_it_is() {
        let (smoothed, rows, cols) = smooth(&[0.3, -0.2], 2, 1, 1, &picture(1, &[3])).unwrap();
        assert_eq!((smoothed, rows, cols), (vec![0.3, -0.2], 1, 1));
        // Four cells on one pixel: their mean.
        let scores = [0.1, 0.2, 0.3, 0.4];
        let (smoothed, ..) = smooth(&scores, 1, 2, 2, &picture(1, &[3])).unwrap();
        assert_near(&smoothed, &[0.25], 1e-7);
    }

    #[test]
    fn scores_must_fit() {
        let picture = picture(1, &[0]);
        for (scores, rows) in [(&[0.0; 3][..], 2), (&[], 0)] {
            let error = smooth(scores, 1, rows, 1, &picture).unwrap_err();
            assert_eq!(error.code(), "internal");
        }
    }

    #[test]
    fn two_words_are_smoothed_as_much_as_two_hundred() {
        let cells = 60 * 60;
        let checkers: Vec<f32> = (0..cells).map(|cell| (cell / 5 % 2) as f32).collect();
        let picture = picture(60, &vec![128; cells]);
        let (two, ..) = smooth(&checkers.repeat(2), 2, 60, 60, &picture).unwrap();
        let (many, ..) = smooth(&checkers.repeat(200), 200, 60, 60, &picture).unwrap();
        for class in many.chunks_exact(cells) {
            assert_near(class, &two[..cells], 1e-4);
        }
    }

    #[test]
    fn smoothing_reaches_about_twenty_cells() {
        // On a line, the answer to one cell's score falls by e over 1 / √D cells.
        let mut scores = [0.0; 101];
        scores[50] = 1.0;
        let (smoothed, ..) = smooth(&scores, 1, 1, 101, &picture(101, &[5; 101])).unwrap();
        let reach = 10.0 / (smoothed[50] / smoothed[60]).ln();
        assert!((15.0..25.0).contains(&reach), "{reach}");
    }

    /// Interpolated to pixels and averaged, one after the other.
    fn resample_slowly(
        scores: &[f32],
        rows: usize,
        cols: usize,
        down: &Axis,
        across: &Axis,
    ) -> Vec<f32> {
        let place = |pixel: usize, pixels: usize, cells: usize| {
            let place = (pixel as f32 + 0.5) * cells as f32 / pixels as f32 - 0.5;
            let place = place.clamp(0.0, cells as f32 - 1.0);
            let low = place.floor() as usize;
            (low, (low + 1).min(cells - 1), place.fract())
        };
        let pixel = |y: usize, x: usize| {
            let (top, bottom, v) = place(y, down.pixels, rows);
            let (left, right, h) = place(x, across.pixels, cols);
            let line =
                |row: usize| scores[row * cols + left] * (1.0 - h) + scores[row * cols + right] * h;
            line(top) * (1.0 - v) + line(bottom) * v
        };
        let mut out = Vec::new();
        for row in 0..down.cells() {
            for col in 0..across.cells() {
                let range = |cell: usize, axis: &Axis| {
                    let start = cell * axis.pixels_per_cell;
                    start..(start + axis.pixels_per_cell).min(axis.pixels)
                };
                let values: Vec<f32> = range(row, down)
                    .flat_map(|y| range(col, across).map(move |x| (y, x)))
                    .map(|(y, x)| pixel(y, x))
                    .collect();
                out.push(mean(&values));
            }
        }
        out
    }

    #[test]
    fn grey_weighs_the_channels_and_the_last_cells_are_smaller() {
        // 121 columns of two pixels a cell, the last of one; red left, blue in the last column.
        let mut rgb = vec![[255, 0, 0]; 120];
        rgb.push([0, 0, 51]);
        let picture = Picture::from_rgb(121, 1, rgb.as_flattened().to_vec()).unwrap();
        let cells = grey(&picture, &Axis::new(1), &Axis::new(121));
        let mut wanted = [0.299; 61];
        wanted[60] = 0.114 * 0.2;
        assert_near(&cells, &wanted, 1e-7);
    }

    #[test]
    fn one_color_is_one_grey_in_cells_of_any_size() {
        let picture = picture(121, &[77; 121 * 250]);
        let cells = grey(&picture, &Axis::new(250), &Axis::new(121));
        assert!(cells.iter().all(|grey| *grey == cells[0]));
    }

    /// A small grid with a picture of one pixel a cell and two classes of scores.
    fn small() -> impl Strategy<Value = (usize, Vec<u8>, Vec<f32>)> {
        (1usize..4, 1usize..5).prop_flat_map(|(rows, cols)| {
            let cells = rows * cols;
            (
                Just(cols),
                prop::collection::vec(any::<u8>(), cells),
                prop::collection::vec(-1.0f32..1.0, 2 * cells),
            )
        })
    }

    proptest! {
        #[test]
        fn resampling_is_interpolation_and_means(
            rows in 1usize..5, cols in 1usize..5, height in 1usize..300, width in 1usize..300,
            seed in prop::collection::vec(-1.0f32..1.0, 16),
        ) {
            let scores = &seed[..rows * cols];
            let (down, across) = (Axis::new(height), Axis::new(width));
            let axes = [rows, cols].map(CellAxis::even);
            let found = resample(scores, axes, [&down, &across]);
            let wanted = resample_slowly(scores, rows, cols, &down, &across);
            assert_near(&found, &wanted, 2e-5);
        }

        #[test]
        fn what_comes_out_solves_the_system((cols, greys, scores) in small()) {
            let cells = greys.len();
            let (solved, ..) = smooth(&scores, 2, cells / cols, cols, &picture(cols, &greys)).unwrap();
            let neighbours = |cell: usize| {
                let right = (!(cell + 1).is_multiple_of(cols)).then(|| (cell, cell + 1));
                let left = (!cell.is_multiple_of(cols)).then(|| (cell - 1, cell));
                let down = (cell + cols < cells).then(|| (cell, cell + cols));
                let up = (cell >= cols).then(|| (cell - cols, cell));
                ([right, left], [down, up])
            };
            let step = |(a, b): (usize, usize)| greys[a].abs_diff(greys[b]);
            let mean_step = |edges: Vec<(usize, usize)>| {
                edges.iter().map(|&edge| f32::from(step(edge))).sum::<f32>() / edges.len() as f32
            };
            let across = mean_step((0..cells).filter_map(|cell| neighbours(cell).0[0]).collect());
            let down = mean_step((0..cells).filter_map(|cell| neighbours(cell).1[0]).collect());
            let weight = |edge, mean: f32| {
                let likeness = if mean == 0.0 { 0.0 } else { f32::from(step(edge)) / mean };
                ((-5.0 * likeness).exp() * AGREEMENT).min(1.0)
            };
            for (x, x0) in solved.chunks_exact(cells).zip(scores.chunks_exact(cells)) {
                for cell in 0..cells {
                    let (horizontal, vertical) = neighbours(cell);
                    let flow = |edges: [Option<(usize, usize)>; 2], mean| -> f32 {
                        edges.into_iter().flatten().map(|(a, b)| {
                            weight((a, b), mean) * (x[cell] - x[a + b - cell])
                        }).sum()
                    };
                    let left = DATA_WEIGHT * x[cell] + flow(horizontal, across) + flow(vertical, down);
                    prop_assert!((left - DATA_WEIGHT * x0[cell]).abs() < 1e-5);
                }
            }
        }

        #[test]
        fn results_stay_between_the_extremes_and_keep_the_mean((cols, greys, scores) in small()) {
            let cells = greys.len();
            let (solved, ..) = smooth(&scores, 2, cells / cols, cols, &picture(cols, &greys)).unwrap();
            for (x, x0) in solved.chunks_exact(cells).zip(scores.chunks_exact(cells)) {
                let low = x0.iter().copied().fold(f32::INFINITY, f32::min);
                let high = x0.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                prop_assert!(x.iter().all(|x| (low - 1e-4..=high + 1e-4).contains(x)));
                prop_assert!((mean(x) - mean(x0)).abs() < 2e-4);
            }
        }

        #[test]
        fn constants_stay(
            value in -1.0f32..1.0, rows in 1usize..4, cols in 1usize..4,
            width in 1usize..130, greys in prop::collection::vec(any::<u8>(), 130),
        ) {
            let height = greys.len() / width;
            let picture = picture(width, &greys[..height * width]);
            let scores = vec![value; rows * cols];
            let (smoothed, ..) = smooth(&scores, 1, rows, cols, &picture).unwrap();
            prop_assert!(smoothed.iter().all(|x| (x - value).abs() < 1e-6));
        }

        #[test]
        fn a_mirrored_picture_gives_mirrored_scores((cols, greys, scores) in small()) {
            let cells = greys.len();
            let mirror = |values: &[f32]| -> Vec<f32> {
                values.chunks_exact(cols).flat_map(|row| row.iter().rev().copied()).collect()
            };
            let mirrored: Vec<u8> = greys.chunks_exact(cols).flat_map(|row| row.iter().rev().copied()).collect();
            let rows = cells / cols;
            let (straight, ..) = smooth(&scores, 2, rows, cols, &picture(cols, &greys)).unwrap();
            let (turned, ..) = smooth(&mirror(&scores), 2, rows, cols, &picture(cols, &mirrored)).unwrap();
            assert_near(&mirror(&straight), &turned, 1e-3);
        }

        #[test]
        fn the_order_of_the_classes_does_not_matter((cols, greys, scores) in small()) {
            let cells = greys.len();
            let picture = picture(cols, &greys);
            let swap = |values: &[f32]| [&values[cells..], &values[..cells]].concat();
            let (straight, ..) = smooth(&scores, 2, cells / cols, cols, &picture).unwrap();
            let (swapped, ..) = smooth(&swap(&scores), 2, cells / cols, cols, &picture).unwrap();
            assert_near(&swap(&straight), &swapped, 1e-3);
        }
    }

    #[test]
    fn answers_are_those_of_the_reference() {
        for case in [
            "two",
            "many",
            "tall",
            "wide",
            "windows",
            "flat",
            "one-cell",
            "one-pixel",
        ] {
            let (scores, shape) = fixtures::tensor(&format!("tlp.{case}.scores"));
            let picture = fixtures::picture(&format!("tlp.{case}.picture"));
            let (found, ..) = smooth(&scores, shape[0], shape[1], shape[2], &picture).unwrap();
            fixtures::assert_close(&found, &format!("tlp.{case}.answer"), 1e-3);
        }
    }

    /// Sides that are no multiples of the cell: spread evenly, 2.9 % of these labels are others.
    #[test]
    fn pixels_are_those_of_the_reference() {
        use crate::dense::{ScoreKind, ScoreMap};
        let (scores, shape) = fixtures::tensor("tlp.pixels.scores");
        let picture = fixtures::picture("tlp.pixels.picture");
        let axes = [shape[1], shape[2]].map(CellAxis::even);
        let (smoothed, axes) = super::smooth(&scores, shape[0], axes, &picture).unwrap();
        let kind = ScoreKind::Cosine { scale: 1.0 };
        let map = ScoreMap::on_axes(shape[0], axes, smoothed, kind).unwrap();
        let [width, height] = [picture.width(), picture.height()].map(|side| side as usize);
        let every_seventh = |class| {
            let pixels = map.upsample(class, width, height);
            let rows = pixels.chunks_exact(width).step_by(7);
            rows.flat_map(|row| row.iter().copied().step_by(7))
                .collect::<Vec<f32>>()
        };
        let found: Vec<f32> = (0..shape[0]).flat_map(every_seventh).collect();
        fixtures::assert_close(&found, "tlp.pixels.answer", 1e-4);
        let labels = map.label(width, height, shape[0], 0.0);
        for (found, wanted) in labels.iter().zip(fixtures::tensor("tlp.pixels.labels").0) {
            assert!(wanted == 255.0 || f32::from(*found) == wanted);
        }
    }
}
