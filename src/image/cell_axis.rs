//! Where the cells of a grid lie along one side of the picture, and pixels between them.

use std::ops::Range;

/// The cells along one side of a picture.
///
/// Cells are of equal size, but the last one may reach beyond the picture's edge. What is read off
/// a grid at some pixel is interpolated between the centres of cells, so where the centres are has
/// to be known: spreading cells evenly over the side instead moves everything by up to a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellAxis {
    cells: usize,
    /// The side of the picture, in cells.
    length: f64,
    /// The distance between the centres of the last two cells, in cells.
    last_step: f64,
}

impl CellAxis {
    /// Cells that cover the side exactly.
    #[must_use]
    pub fn even(cells: usize) -> Self {
        Self {
            cells,
            length: cells as f64,
            last_step: 1.0,
        }
    }

    /// Cells of `cell` pixels of which the last one is cut off at the picture's edge: its centre is
    /// the centre of the pixels that it has.
    #[must_use]
    pub fn cut(pixels: usize, cell: usize) -> Self {
        let padded = Self::padded(pixels, cell);
        let cells = padded.cells as f64;
        Self {
            last_step: 1.0 - (cells - padded.length) / 2.0,
            ..padded
        }
    }

    /// Cells of `cell` pixels of which the last one is whole, because the picture was padded to
    /// whole cells.
    #[must_use]
    pub fn padded(pixels: usize, cell: usize) -> Self {
        Self {
            cells: pixels.div_ceil(cell),
            length: pixels as f64 / cell as f64,
            last_step: 1.0,
        }
    }

    /// Number of cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Where the centre of a pixel lies among the centres of cells, if the side has so many pixels:
    /// 0 at the first centre and before it, `cells − 1` at the last one and behind it.
    #[must_use]
    pub fn place(&self, pixel: usize, pixels: usize) -> f64 {
        let place = (pixel as f64 + 0.5) * (self.length / pixels as f64) - 0.5;
        let last = self.cells.saturating_sub(1) as f64;
        let beyond = place - (last - 1.0);
        let place = if beyond > 0.0 && self.last_step < 1.0 {
            last - 1.0 + beyond / self.last_step
        } else {
            place
        };
        place.clamp(0.0, last)
    }
}

/// Where the pixels of a line lie between the cells of an axis.
#[derive(Debug)]
pub struct Interpolation {
    /// Pixels between the same two cells.
    runs: Vec<PixelRun>,
    /// How far each pixel lies from the left cell to the right one.
    weights: Vec<f32>,
}

#[derive(Debug)]
struct PixelRun {
    pixels: Range<usize>,
    left: usize,
    right: usize,
}

impl Interpolation {
    /// The interpolation along a line of so many pixels.
    #[must_use]
    pub fn new(pixels: usize, axis: &CellAxis) -> Self {
        let last = axis.cells() - 1;
        let mut runs: Vec<PixelRun> = Vec::new();
        let mut weights = Vec::with_capacity(pixels);
        for pixel in 0..pixels {
            let place = axis.place(pixel, pixels);
            let left = place as usize;
            weights.push((place - left as f64) as f32);
            match runs.last_mut() {
                Some(run) if run.left == left => run.pixels.end = pixel + 1,
                _ => runs.push(PixelRun {
                    pixels: pixel..pixel + 1,
                    left,
                    right: (left + 1).min(last),
                }),
            }
        }
        Self { runs, weights }
    }

    /// The two cells that a pixel lies between, and how far it lies from the first to the second.
    #[must_use]
    pub fn at(&self, pixel: usize) -> (usize, usize, f32) {
        let run = self.runs.partition_point(|run| run.pixels.end <= pixel);
        let PixelRun { left, right, .. } = self.runs[run];
        (left, right, self.weights[pixel])
    }

    /// The line of cells at one line of pixels, from `[rows, cols]`.
    pub fn blend(&self, cells: &[f32], pixel: usize, line: &mut [f32]) {
        let (top, bottom, weight) = self.at(pixel);
        let cols = line.len();
        let (top, bottom) = (&cells[top * cols..], &cells[bottom * cols..]);
        for ((value, top), bottom) in line.iter_mut().zip(top).zip(bottom) {
            *value = top + (bottom - top) * weight;
        }
    }

    /// A line of cells as a line of pixels.
    pub fn interpolate(&self, cells: &[f32], pixels: &mut [f32]) {
        for run in &self.runs {
            let (start, step) = (cells[run.left], cells[run.right] - cells[run.left]);
            let weights = &self.weights[run.pixels.clone()];
            for (pixel, weight) in pixels[run.pixels.clone()].iter_mut().zip(weights) {
                *pixel = start + step * weight;
            }
        }
    }

    /// Interpolates one class of several: where it is the best so far, it leaves its score and its
    /// label.
    pub fn keep_largest(&self, cells: &[f32], label: u32, best: &mut [f32], labels: &mut [u32]) {
        for run in &self.runs {
            let (start, step) = (cells[run.left], cells[run.right] - cells[run.left]);
            let pixels = best[run.pixels.clone()]
                .iter_mut()
                .zip(&mut labels[run.pixels.clone()]);
            // Choices instead of branches, so that several pixels are done at once.
            for ((best, kept), weight) in pixels.zip(&self.weights[run.pixels.clone()]) {
                let score = start + step * weight;
                let better = score > *best;
                *best = if better { score } else { *best };
                *kept = if better { label } else { *kept };
            }
        }
    }
}

/// A grid of cells, `[rows, cols]`, that lie like `axes` down and across the picture, as pixels,
/// `[height, width]`, interpolated bilinearly.
#[must_use]
pub fn enlarge(
    cells: &[f32],
    [down, across]: &[CellAxis; 2],
    width: usize,
    height: usize,
) -> Vec<f32> {
    let (lines, columns) = (
        Interpolation::new(height, down),
        Interpolation::new(width, across),
    );
    let mut line = vec![0.0; across.cells()];
    let mut pixels = vec![0.0; width * height];
    for (y, pixels) in pixels.chunks_exact_mut(width).enumerate() {
        lines.blend(cells, y, &mut line);
        columns.interpolate(&line, pixels);
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(axis: &CellAxis, cells: &[f32], pixels: usize) -> Vec<f32> {
        let mut line = vec![0.0; pixels];
        Interpolation::new(pixels, axis).interpolate(cells, &mut line);
        line
    }

    #[test]
    fn interpolation_of_even_cells_matches_pytorch() {
        // F.interpolate(tensor([[[0., 1.]]]), size=4, mode="linear") = 0, .25, .75, 1
        let line = line(&CellAxis::even(2), &[0.0, 1.0], 4);
        assert_eq!(line, [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn cell_axis_with_padding_is_the_front_of_the_whole_one() {
        // Ten pixels in cells of four: three cells, as on twelve pixels.
        let cells = [0.0, 8.0, 4.0];
        let padded = line(&CellAxis::padded(10, 4), &cells, 10);
        assert_eq!(padded, line(&CellAxis::even(3), &cells, 12)[..10]);
    }

    #[test]
    fn cell_axis_has_its_last_cut_cell_where_its_pixels_are() {
        // Centres at 2, 6 and, of the two pixels left over, 9.
        let axis = CellAxis::cut(10, 4);
        assert_eq!(axis.cells(), 3);
        assert_eq!(axis.place(6, 10), 1.0 + 0.5 / 3.0);
        assert_eq!(axis.place(8, 10), 1.0 + 2.5 / 3.0);
        assert_eq!(axis.place(9, 10), 2.0);
        // Nothing is left over of twelve.
        assert_eq!(CellAxis::cut(12, 4), CellAxis::even(3));
    }

    proptest! {
        /// The means of a ramp over cells, interpolated, are the ramp between the outermost centres.
        #[test]
        fn interpolation_keeps_a_ramp(pixels in 1usize..200, cell in 1usize..9) {
            let ramp: Vec<f32> = (0..pixels).map(|pixel| pixel as f32).collect();
            let means: Vec<f32> = ramp
                .chunks(cell)
                .map(|part| part.iter().sum::<f32>() / part.len() as f32)
                .collect();
            let line = line(&CellAxis::cut(pixels, cell), &means, pixels);
            let (first, last) = (means[0], means[means.len() - 1]);
            for (found, wanted) in line.iter().zip(&ramp) {
                prop_assert!((found - wanted.clamp(first, last)).abs() < 1e-3);
            }
        }
    }
}
