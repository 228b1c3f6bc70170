//! The same picture as it might also have been.

use crate::clip::Grid;
use crate::mask::UNLABELLED;
use crate::random::Rng;
use crate::student::{CellPlane, StudentInput, StudentKind, normalised};

use super::example::{Example, StoredCells};

/// How much larger or smaller a compact student sees pictures than they are.
const SCALES: [f32; 2] = [0.7, 1.5];

/// An example as it is learned from once.
pub(super) struct View {
    pub(super) input: StudentInput<'static>,
    pub(super) labels: Vec<u8>,
    pub(super) weights: Vec<f32>,
}

/// A view of the whole picture for a head, whose cells were computed of that; a cut-out of a
/// picture of another size for a compact student. Either perhaps mirrored and of other colours.
pub(super) fn augmented(example: &Example, kind: StudentKind, size: usize, rng: &mut Rng) -> View {
    let mirrored = rng.chance(0.5);
    let window = match kind {
        StudentKind::Head => Window::whole(example.grid),
        StudentKind::Compact => Window::random(example.grid, size, rng),
    };
    let mut view = window.cut(example, mirrored);
    if kind == StudentKind::Head {
        view.input.cells = example.cells.as_ref().map(|cells| plane(cells, mirrored));
    }
    if let std::borrow::Cow::Owned(pixels) = &mut view.input.pixels {
        recolor(pixels, rng);
    }
    view
}

/// What a view shows of a picture.
struct Window {
    grid: Grid,
    /// Column and row of the picture in its upper left corner.
    origin: [f32; 2],
    /// Pixels of the view for each of the picture.
    scale: f32,
}

impl Window {
    fn whole(grid: Grid) -> Self {
        Self {
            grid,
            origin: [0.0; 2],
            scale: 1.0,
        }
    }

    /// A square of this side somewhere, the picture scaled at random.
    fn random(picture: Grid, side: usize, rng: &mut Rng) -> Self {
        let [least, most] = SCALES;
        let scale = least * (most / least).powf(rng.unit());
        let mut start = |length: usize| {
            // Where the picture is smaller than the window, it lies anywhere within.
            let room = length as f32 - side as f32 / scale;
            rng.unit() * room
        };
        let origin = [start(picture.cols), start(picture.rows)];
        let grid = Grid {
            rows: side,
            cols: side,
        };
        Self {
            grid,
            origin,
            scale,
        }
    }

    fn cut(&self, example: &Example, mirrored: bool) -> View {
        let Grid { rows, cols } = self.grid;
        let cells = rows * cols;
        let mut pixels = Vec::with_capacity(3 * cells);
        let mut labels = Vec::with_capacity(cells);
        let mut weights = Vec::with_capacity(cells);
        let place = |index: usize, origin: f32, length: usize| {
            let at = (origin + (index as f32 + 0.5) / self.scale).floor();
            (at >= 0.0 && at < length as f32).then_some(at as usize)
        };
        for row in 0..rows {
            let y = place(row, self.origin[1], example.grid.rows);
            for col in 0..cols {
                let col = if mirrored { cols - 1 - col } else { col };
                let x = place(col, self.origin[0], example.grid.cols);
                let Some((x, y)) = x.zip(y) else {
                    pixels.extend([0.0; 3]);
                    labels.push(UNLABELLED);
                    weights.push(0.0);
                    continue;
                };
                let at = y * example.grid.cols + x;
                pixels.extend(normalised(&example.rgb[3 * at..][..3]));
                labels.push(example.labels[at]);
                weights.push(f32::from(example.weights[at]) / 255.0);
            }
        }
        View {
            input: StudentInput {
                grid: self.grid,
                pixels: pixels.into(),
                cells: None,
            },
            labels,
            weights,
        }
    }
}

/// Cells as numbers again, perhaps mirrored: of a mirrored picture the tower makes about that.
fn plane(cells: &StoredCells, mirrored: bool) -> CellPlane<'static> {
    let grid = cells.grid;
    let width = cells.features.len() / grid.cells();
    let mut features = Vec::with_capacity(cells.features.len());
    for row in cells.features.chunks_exact(grid.cols * width) {
        for col in 0..grid.cols {
            let col = if mirrored { grid.cols - 1 - col } else { col };
            features.extend(row[col * width..][..width].iter().map(|x| x.to_f32()));
        }
    }
    CellPlane {
        grid,
        features: features.into(),
    }
}

/// Another exposure, contrast and white balance.
fn recolor(pixels: &mut [f32], rng: &mut Rng) {
    let contrast = rng.range(0.75, 1.25);
    let mut channel = || (contrast * rng.range(0.9, 1.1), rng.range(-0.25, 0.25));
    let channels = [channel(), channel(), channel()];
    for pixel in pixels.chunks_exact_mut(3) {
        for (x, (factor, shift)) in pixel.iter_mut().zip(channels) {
            *x = *x * factor + shift;
        }
    }
}
