//! Scores on the patch grid, and their way to pixels.

use crate::clip::Grid;
use crate::error::{Error, Result};
use crate::image::{CellAxis, Interpolation, enlarge};
use crate::mask::UNLABELLED;
use crate::parallel::for_each_chunk;

/// [`UNLABELLED`], as wide as a score: what is done for several pixels at once is of one width.
const UNLABELLED_U32: u32 = UNLABELLED as u32;

/// Rows of pixels that one core labels before it takes others.
const BAND: usize = 16;

/// Cells whose scores become probabilities together.
const RUN: usize = 64;

/// What the numbers of a score map mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScoreKind {
    /// Cosines; a softmax of `scale` times them gives probabilities.
    Cosine {
        /// The model's logit scale.
        scale: f32,
    },
    /// Weights; divided by their sum over classes they are probabilities.
    Weight,
}

/// Scores of classes on a grid of cells: `[classes, rows, cols]`, f32.
///
/// ```
/// use wordmask::clip::Grid;
/// use wordmask::dense::{ScoreKind, ScoreMap};
///
/// // Two classes on one row of two cells, cosines with a logit scale of 100.
/// let grid = Grid { rows: 1, cols: 2 };
/// let kind = ScoreKind::Cosine { scale: 100.0 };
/// let map = ScoreMap::new(2, grid, vec![0.30, 0.20, 0.20, 0.30], kind)?;
/// assert!(map.probabilities().class(0)[0] > 0.99);
/// # Ok::<(), wordmask::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreMap {
    classes: usize,
    /// Down and across the picture.
    axes: [CellAxis; 2],
    values: Vec<f32>,
    kind: ScoreKind,
}

impl ScoreMap {
    /// A map of these values on a grid that covers the picture exactly.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the length is not `classes · rows · cols`, or is zero.
    pub fn new(classes: usize, grid: Grid, values: Vec<f32>, kind: ScoreKind) -> Result<Self> {
        let axes = [grid.rows, grid.cols].map(CellAxis::even);
        Self::on_axes(classes, axes, values, kind)
    }

    /// A map of these values on cells that lie like this down and across the picture.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the length is not `classes · rows · cols`, or is zero.
    pub fn on_axes(
        classes: usize,
        axes: [CellAxis; 2],
        values: Vec<f32>,
        kind: ScoreKind,
    ) -> Result<Self> {
        let grid = grid_of(&axes);
        if values.len() != classes * grid.cells() || values.is_empty() {
            return Err(Error::internal(format!(
                "{} scores for {classes} classes on {} cells",
                values.len(),
                grid.cells()
            )));
        }
        Ok(Self {
            classes,
            axes,
            values,
            kind,
        })
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The grid of cells.
    #[must_use]
    pub fn grid(&self) -> Grid {
        grid_of(&self.axes)
    }

    /// How the cells lie down and across the picture.
    #[must_use]
    pub fn axes(&self) -> [CellAxis; 2] {
        self.axes
    }

    /// What the numbers of the map mean.
    #[must_use]
    pub fn kind(&self) -> ScoreKind {
        self.kind
    }

    /// The scores, `[classes, rows, cols]`.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The scores of one class, `[rows, cols]`.
    #[must_use]
    pub fn class(&self, class: usize) -> &[f32] {
        let cells = self.grid().cells();
        &self.values[class * cells..(class + 1) * cells]
    }

    /// The scores of one class, to change.
    pub fn class_mut(&mut self, class: usize) -> &mut [f32] {
        let cells = self.grid().cells();
        &mut self.values[class * cells..(class + 1) * cells]
    }

    /// A map of these classes only, in this order.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if there are no classes.
    pub fn select(&self, classes: &[usize]) -> Result<Self> {
        let values = classes.iter().flat_map(|class| self.class(*class));
        let values = values.copied().collect();
        Self::on_axes(classes.len(), self.axes, values, self.kind)
    }

    /// A map of each cell's scores as probabilities over the classes.
    #[must_use]
    pub fn probabilities(&self) -> Self {
        let cells = self.grid().cells();
        let mut values = self.values.clone();
        // Some cells at a time, so that every class is read and written in runs.
        let mut columns = vec![0.0; RUN * self.classes];
        for start in (0..cells).step_by(RUN) {
            let count = RUN.min(cells - start);
            let columns = &mut columns[..count * self.classes];
            for (class, scores) in self.values.chunks_exact(cells).enumerate() {
                let column = columns.chunks_exact_mut(self.classes);
                for (column, score) in column.zip(&scores[start..]) {
                    column[class] = *score;
                }
            }
            for column in columns.chunks_exact_mut(self.classes) {
                to_probabilities(column, self.kind);
            }
            for (class, values) in values.chunks_exact_mut(cells).enumerate() {
                let column = columns.chunks_exact(self.classes);
                for (value, column) in values[start..].iter_mut().zip(column) {
                    *value = column[class];
                }
            }
        }
        Self {
            values,
            kind: ScoreKind::Weight,
            ..*self
        }
    }

    /// The most likely class of each pixel of a picture of this size, row-major; [`UNLABELLED`]
    /// where that is a class from `background` on, or its probability is below `threshold`.
    ///
    /// Scores are interpolated bilinearly between the centres of cells.
    #[must_use]
    pub fn label(&self, width: usize, height: usize, background: usize, threshold: f32) -> Vec<u8> {
        let mut labels = vec![UNLABELLED; width * height];
        let lines = Interpolation::new(height, &self.axes[0]);
        let columns = Interpolation::new(width, &self.axes[1]);
        let cols = self.axes[1].cells();
        let named = |class: usize| {
            if class < background {
                class as u32
            } else {
                UNLABELLED_U32
            }
        };
        for_each_chunk(&mut labels, BAND * width, |band, labels| {
            let mut row = vec![0.0; self.classes * cols];
            let mut best = vec![0.0; width];
            let mut classes = vec![0; width];
            for (y, labels) in (band * BAND..).zip(labels.chunks_exact_mut(width)) {
                best.fill(f32::NEG_INFINITY);
                classes.fill(named(0));
                for (class, scores) in row.chunks_exact_mut(cols).enumerate() {
                    lines.blend(self.class(class), y, scores);
                    columns.keep_largest(scores, named(class), &mut best, &mut classes);
                }
                if threshold > 0.0 {
                    self.drop_doubtful(&row, &columns, &best, threshold, &mut classes);
                }
                for (label, class) in labels.iter_mut().zip(&classes) {
                    *label = *class as u8;
                }
            }
        });
        labels
    }

    /// Forgets the classes of a row of pixels that are less likely than the threshold.
    fn drop_doubtful(
        &self,
        row: &[f32],
        columns: &Interpolation,
        best: &[f32],
        threshold: f32,
        classes: &mut [u32],
    ) {
        let mut pixel = vec![0.0; self.classes];
        for (x, class) in classes.iter_mut().enumerate() {
            let (left, right, weight) = columns.at(x);
            for (out, row) in pixel.iter_mut().zip(row.chunks_exact(self.axes[1].cells())) {
                *out = row[left] + (row[right] - row[left]) * weight;
            }
            let place = pixel.iter().position(|score| *score == best[x]);
            to_probabilities(&mut pixel, self.kind);
            if place.is_none_or(|place| pixel[place] < threshold) {
                *class = UNLABELLED_U32;
            }
        }
    }

    /// The scores of one class at picture size, `[height, width]`, interpolated bilinearly.
    #[must_use]
    pub fn upsample(&self, class: usize, width: usize, height: usize) -> Vec<f32> {
        enlarge(self.class(class), &self.axes, width, height)
    }

    /// A reader of single pixels of a picture of this size.
    #[must_use]
    pub fn pixels(&self, width: usize, height: usize) -> PixelScores<'_> {
        PixelScores {
            map: self,
            lines: Interpolation::new(height, &self.axes[0]),
            columns: Interpolation::new(width, &self.axes[1]),
        }
    }

    /// For each class, the sum of its scores over the pixels that are labelled with it, the scores
    /// interpolated bilinearly.
    ///
    /// # Shapes
    ///
    /// - `labels`: `[height, width]`, row-major, [`UNLABELLED`] where there is none
    #[must_use]
    pub fn sums_where_labelled(&self, labels: &[u8], width: usize) -> Vec<f64> {
        let lines = Interpolation::new(labels.len() / width, &self.axes[0]);
        let columns = Interpolation::new(width, &self.axes[1]);
        let cols = self.axes[1].cells();
        let mut row = vec![0.0; self.classes * cols];
        let mut sums = vec![0.0; self.classes];
        for (y, labels) in labels.chunks_exact(width).enumerate() {
            for (class, scores) in row.chunks_exact_mut(cols).enumerate() {
                lines.blend(self.class(class), y, scores);
            }
            for (x, &label) in labels.iter().enumerate() {
                if usize::from(label) < self.classes && label != UNLABELLED {
                    let scores = &row[usize::from(label) * cols..];
                    let (left, right, weight) = columns.at(x);
                    let score = scores[left] + (scores[right] - scores[left]) * weight;
                    sums[usize::from(label)] += f64::from(score);
                }
            }
        }
        sums
    }

    /// The scores on a grid that covers the picture exactly, interpolated bilinearly.
    #[must_use]
    pub fn resample(&self, grid: Grid) -> Self {
        let values = (0..self.classes)
            .flat_map(|class| self.upsample(class, grid.cols, grid.rows))
            .collect();
        Self {
            values,
            axes: [grid.rows, grid.cols].map(CellAxis::even),
            ..*self
        }
    }
}

/// Reads the scores of single pixels, interpolated bilinearly.
#[derive(Debug)]
pub struct PixelScores<'a> {
    map: &'a ScoreMap,
    lines: Interpolation,
    columns: Interpolation,
}

impl PixelScores<'_> {
    /// What the best of the wanted classes has of the score that it and the best of the others have
    /// together, 0..=1, at column `x` and row `y`: above one half where a wanted one is the best.
    /// `None` where none has any. Scores are probabilities or other weights.
    #[must_use]
    pub fn share(&self, wanted: &[u8], x: usize, y: usize) -> Option<f32> {
        let (left, right, across) = self.columns.at(x);
        let (top, bottom, down) = self.lines.at(y);
        let cols = self.map.axes[1].cells();
        let (mut own, mut other) = (0.0f32, 0.0f32);
        for class in 0..self.map.classes {
            let cells = self.map.class(class);
            let in_row = |row: usize| {
                let (left, right) = (cells[row * cols + left], cells[row * cols + right]);
                left + (right - left) * across
            };
            let score = in_row(top) + (in_row(bottom) - in_row(top)) * down;
            let is_wanted = u8::try_from(class).is_ok_and(|class| wanted.contains(&class));
            let best = if is_wanted { &mut own } else { &mut other };
            *best = best.max(score);
        }
        (own + other > 0.0).then(|| own / (own + other))
    }
}

fn grid_of([down, across]: &[CellAxis; 2]) -> Grid {
    Grid {
        rows: down.cells(),
        cols: across.cells(),
    }
}

fn to_probabilities(scores: &mut [f32], kind: ScoreKind) {
    match kind {
        ScoreKind::Cosine { scale } => {
            let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for score in &mut *scores {
                *score = (scale * (*score - top)).exp();
            }
        }
        ScoreKind::Weight => {
            for score in &mut *scores {
                *score = score.max(0.0);
            }
        }
    }
    let sum: f32 = scores.iter().sum();
    for score in scores {
        *score /= sum.max(f32::MIN_POSITIVE);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COSINE: ScoreKind = ScoreKind::Cosine { scale: 10.0 };

    fn map(classes: usize, rows: usize, cols: usize, values: Vec<f32>) -> ScoreMap {
        ScoreMap::new(classes, Grid { rows, cols }, values, COSINE).unwrap()
    }

    #[test]
    fn a_ramp_stays_a_ramp() {
        // PyTorch: F.interpolate(tensor([[[0., 1.]]]), size=4, mode="linear") = 0, .25, .75, 1
        let up = map(1, 1, 2, vec![0.0, 1.0]).upsample(0, 4, 1);
        assert_eq!(up, vec![0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn background_and_doubt_stay_unlabelled() {
        // Three classes, the last one background, on three cells in a row.
        let scores = map(3, 1, 3, vec![0.9, 0.1, 0.5, 0.1, 0.1, 0.49, 0.1, 0.9, 0.1]);
        assert_eq!(scores.label(3, 1, 2, 0.0), vec![0, UNLABELLED, 0]);
        assert_eq!(scores.label(3, 1, 2, 0.9), vec![0, UNLABELLED, UNLABELLED]);
    }

    #[test]
    fn sums_where_labelled_leaves_out_the_pixels_of_others() {
        // A ramp of four pixels, 0, 0.25, 0.75, 1, and its complement.
        let scores = map(2, 1, 2, vec![0.0, 1.0, 1.0, 0.0]);
        let sums = |labels: &[u8]| scores.sums_where_labelled(labels, 4);
        assert_eq!(sums(&[1, 1, 0, 0]), vec![1.75, 1.75]);
        assert_eq!(sums(&[UNLABELLED, UNLABELLED, 0, 1]), vec![0.75, 0.0]);
        assert_eq!(sums(&[0; 8]), vec![4.0, 0.0]);
    }

    #[test]
    fn share_compares_the_best_of_both_sides() {
        // Three classes on two cells.
        let scores = map(3, 1, 2, vec![0.6, 0.2, 0.3, 0.2, 0.1, 0.6]);
        let pixels = scores.pixels(4, 1);
        let near = |found: Option<f32>, wanted: f32| {
            assert!((found.unwrap() - wanted).abs() < 1e-6, "{found:?}");
        };
        near(pixels.share(&[0], 0, 0), 0.6 / 0.9);
        near(pixels.share(&[0, 2], 0, 0), 0.6 / 0.9);
        near(pixels.share(&[1], 3, 0), 0.25);
        // A quarter of the way: 0.5, 0.275, 0.225.
        near(pixels.share(&[0], 1, 0), 0.5 / 0.775);
        near(pixels.share(&[0, 1, 2], 1, 0), 1.0);
        near(pixels.share(&[], 1, 0), 0.0);
        assert_eq!(map(1, 1, 1, vec![0.0]).pixels(1, 1).share(&[0], 0, 0), None);
    }

    #[test]
    fn one_class_on_one_cell() {
        let scores = map(1, 1, 1, vec![0.2]);
        assert_eq!(scores.label(2, 2, 1, 0.0), vec![0; 4]);
        assert_eq!(scores.probabilities().class(0), &[1.0]);
    }

    proptest! {
        #[test]
        fn labels_are_the_classes_with_the_largest_interpolated_score(
            rows in 1usize..5, cols in 1usize..5, classes in 1usize..5,
            width in 1usize..12, height in 1usize..12, seed in any::<u32>(),
        ) {
            let values = (0..classes * rows * cols)
                .map(|i| (((seed ^ i as u32).wrapping_mul(0x9E37_79B9)) >> 16) as f32 / 65536.0)
                .collect();
            let scores = map(classes, rows, cols, values);
            let labels = scores.label(width, height, classes, 0.0);
            let up: Vec<Vec<f32>> = (0..classes).map(|c| scores.upsample(c, width, height)).collect();
            for (pixel, &label) in labels.iter().enumerate() {
                for other in &up {
                    prop_assert!(up[label as usize][pixel] >= other[pixel]);
                }
            }
        }

        #[test]
        fn probabilities_sum_to_one(values in prop::collection::vec(-1.0f32..1.0, 12)) {
            let p = map(3, 2, 2, values).probabilities();
            for cell in 0..4 {
                let sum: f32 = (0..3).map(|c| p.class(c)[cell]).sum();
                prop_assert!((sum - 1.0).abs() < 1e-5);
            }
        }
    }
}
