//! A dense method at several scales: the whole picture, then overlapping windows of it enlarged.
//!
//! The windows are CLIP-DIY's idea (arXiv 2309.14289), but each is read densely, by the method's
//! own reading of the last block, so that a window names each of its cells and not itself.
//! Cosines with words being linear in the features, the mean of the scales' features scores as the
//! mean of their scores; words stay one matrix product.

use burn::tensor::{Device, Tensor, TensorData};
use web_time::{Duration, Instant};

use super::cell_features::{features, whole_features};
use super::layer::Layer;
use super::view::{Model, View};
use super::{CellFeatures, Method, Parameters};
use crate::clip::{Grid, normalise_rows};
use crate::error::{Error, Result};
use crate::image::{CellAxis, Interpolation};
use crate::progress::{Progress, SubProgress};

/// The short sides of the finer scales, in short sides of the first, which is the whole picture.
///
/// Other choices were measured on the scenes (`docs/methods.md`): three finer scales up to 2 gain a
/// point for half as much time again.
const FINER: [f32; 2] = [1.5, 2.0];

/// Windows that run through the tower together.
const BATCH: usize = 8;

/// The scales that were read so far.
#[derive(Debug, Default)]
pub(super) struct Cache {
    made_by: Option<(Method, bool)>,
    scales: Vec<ScaleCells>,
    /// How long a cell takes, nothing before it was measured.
    pub(super) pace: Duration,
    /// The limit in seconds that no finer scale was expected to keep.
    stopped_by: Option<f32>,
}

/// The cells of one scale: unit features, and keys.
#[derive(Debug, Clone)]
struct ScaleCells {
    grid: Grid,
    cells: CellFeatures,
}

/// Cell features of all scales so far, on the grid of the finest.
pub(super) struct Fused {
    pub(super) grid: Grid,
    pub(super) cells: CellFeatures,
}

/// The scales of a picture, coarse to fine, one after the other.
pub(super) struct Scales<'a> {
    method: Method,
    parameters: &'a Parameters,
    view: &'a View,
    model: &'a Model<'a>,
    finer: Vec<Layer>,
    /// The scales that have been read.
    read: Vec<ScaleCells>,
    began: Instant,
    /// When reading the last one began, until it is known how long it took.
    reading: Option<Instant>,
}

impl<'a> Scales<'a> {
    /// The scales of a picture, of which those need not be read again that the method has read
    /// before.
    pub(super) fn new(
        method: Method,
        parameters: &'a Parameters,
        view: &'a View,
        model: &'a Model<'a>,
    ) -> Self {
        let mut cache = view.cache();
        let cache = &mut cache.multi_scale;
        let made_by = Some((method, parameters.residual));
        if cache.made_by != made_by {
            cache.made_by = made_by;
            cache.scales.clear();
            cache.stopped_by = None;
        }
        Self {
            method,
            parameters,
            view,
            model,
            finer: finer_layers(view, model),
            read: cache.scales.clone(),
            began: Instant::now(),
            reading: None,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        1 + self.finer.len()
    }

    /// How many have been read.
    pub(super) fn known(&self) -> usize {
        self.read.len()
    }

    /// The cells of the first `count` scales together, read if they have not been.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub(super) async fn fused(
        &mut self,
        count: usize,
        progress: &mut impl Progress,
    ) -> Result<Fused> {
        while self.read.len() < count {
            self.reading = Some(Instant::now());
            let scale = self.read_next(progress).await?;
            self.read.push(scale);
            self.keep();
        }
        fuse(&self.read[..count], self.model.device)
    }

    /// Leaves what has been read to later words, unless another method has come in between.
    fn keep(&self) {
        let mut cache = self.view.cache();
        let cache = &mut cache.multi_scale;
        let same = cache.made_by == Some((self.method, self.parameters.residual));
        if same && cache.scales.len() < self.read.len() {
            cache.scales.clone_from(&self.read);
        }
    }

    /// Whether the next scale would not be done within the time that the parameters allow, by what
    /// those before took.
    ///
    /// A later word gets no more scales than the first, and does not wait for the tower again.
    pub(super) fn is_too_slow(&self) -> bool {
        let (Some(limit), Some(next)) = (
            self.parameters.max_seconds,
            self.finer.get(self.read.len().saturating_sub(1)),
        ) else {
            return false;
        };
        let mut cache = self.view.cache();
        let cache = &mut cache.multi_scale;
        let expected = self.began.elapsed() + cache.pace.mul_f64(seen_cells(next) as f64);
        if expected.as_secs_f32() > limit {
            cache.stopped_by = Some(limit);
        }
        cache.stopped_by == Some(limit)
    }

    /// Notes how long the last scale took, now that its scores have been read: before, a GPU may
    /// still be at work.
    pub(super) fn measured(&mut self) {
        // What the whole picture takes is measured where the tower runs, which may be before.
        if let (Some(began), [_, .., _]) = (self.reading.take(), &self.read[..]) {
            let seen = seen_cells(&self.finer[self.read.len() - 2]);
            self.view.cache().multi_scale.pace = began.elapsed().div_f64(seen as f64);
        }
    }

    async fn read_next(&self, progress: &mut impl Progress) -> Result<ScaleCells> {
        let (view, model) = (self.view, self.model);
        let Some(index) = self.read.len().checked_sub(1) else {
            let residual = self.parameters.residual;
            return Ok(ScaleCells {
                grid: view.grid(),
                cells: whole_features(self.method, residual, view, model, progress).await?,
            });
        };
        let blocks = model.tower.backbone_blocks();
        let batches = |layer: &Layer| layer.plan.origins.len().div_ceil(BATCH);
        let before: usize = self.finer[..index].iter().map(batches).sum();
        let mut progress = SubProgress {
            progress,
            done: before * blocks,
            total: self.finer.iter().map(batches).sum::<usize>() * blocks,
        };
        let layer = &self.finer[index];
        Ok(ScaleCells {
            grid: layer.grid,
            cells: self.read_layer(layer, &mut progress).await?,
        })
    }

    async fn read_layer(
        &self,
        layer: &Layer,
        progress: &mut SubProgress<'_, impl Progress>,
    ) -> Result<CellFeatures> {
        let (method, model) = (self.method, self.model);
        let resized = layer.resize(self.view.picture())?;
        let window = layer.plan.window;
        let mut windows = Vec::with_capacity(layer.plan.origins.len());
        for origins in layer.plan.origins.chunks(BATCH) {
            let patches = layer.patches(model, &resized, origins)?;
            let hidden_states = if method.needs_hidden_states() {
                model.tower.hidden_states(patches, window, progress).await?
            } else {
                vec![model.tower.backbone(patches, window, progress).await?]
            };
            progress.done += model.tower.backbone_blocks();
            for index in 0..origins.len() {
                let of_window: Vec<_> = hidden_states
                    .iter()
                    .map(|state| state.clone().narrow(0, index, 1))
                    .collect();
                let residual = self.parameters.residual;
                windows.push(features(method, residual, model.tower, &of_window, window).await?);
            }
        }
        layer.stitch(windows)
    }
}

/// Cells that the tower sees of a layer, those of overlaps as often as they are seen.
pub(super) fn seen_cells(layer: &Layer) -> usize {
    layer.plan.origins.len() * layer.plan.window.cells()
}

/// The finer scales that show more than those before them: a picture that is already seen as
/// finely as can be has none.
fn finer_layers(view: &View, model: &Model<'_>) -> Vec<Layer> {
    let picture = view.picture();
    let sides = (picture.width(), picture.height());
    let mut layers: Vec<Layer> = Vec::with_capacity(FINER.len());
    for factor in FINER {
        let size = (view.size() as f32 * factor).round() as u32;
        let layer = Layer::in_trained_windows(sides, size, model.config);
        let before = layers.last().map_or(view.grid(), |layer| layer.grid);
        if layer.grid.cells() > before.cells() {
            layers.push(layer);
        }
    }
    layers
}

/// The mean of the scales' unit features and of their keys, each brought to the grid of the finest.
fn fuse(scales: &[ScaleCells], device: &Device) -> Result<Fused> {
    let grid = scales
        .last()
        .ok_or_else(|| Error::internal("a picture without scales"))?
        .grid;
    let mean = |of: fn(&CellFeatures) -> Tensor<2>| {
        let planes = scales.iter().map(|scale| {
            let plane = of(&scale.cells);
            enlarge(plane, scale.grid, grid, device) / scales.len() as f32
        });
        planes
            .reduce(|a, b| a + b)
            .ok_or_else(|| Error::internal("a picture without scales"))
    };
    Ok(Fused {
        grid,
        cells: CellFeatures {
            features: mean(|cells| normalise_rows(cells.features.clone()))?,
            keys: mean(|cells| cells.keys.clone())?,
        },
    })
}

/// Bilinear interpolation of rows that lie on a grid.
///
/// # Shapes
///
/// - `rows`: `[cells of from, width]`
/// - output: `[cells of to, width]`
fn enlarge(rows: Tensor<2>, from: Grid, to: Grid, device: &Device) -> Tensor<2> {
    if from == to {
        return rows;
    }
    let [_, width] = rows.dims();
    let down = weights(from.rows, to.rows, device);
    let across = weights(from.cols, to.cols, device);
    // Lines first: [to.rows, from.cols · width].
    let lines = down.matmul(rows.reshape([from.rows, from.cols * width]));
    let lines: Tensor<3> = lines.reshape([to.rows, from.cols, width]);
    let cells = across.unsqueeze::<3>().matmul(lines);
    cells.reshape([to.cells(), width])
}

/// How much of each of `from` cells along a side each of `to` cells has, `[to, from]`.
fn weights(from: usize, to: usize, device: &Device) -> Tensor<2> {
    let interpolation = Interpolation::new(to, &CellAxis::even(from));
    let mut weights = vec![0.0f32; to * from];
    for (cell, row) in weights.chunks_exact_mut(from).enumerate() {
        let (left, right, weight) = interpolation.at(cell);
        row[left] += 1.0 - weight;
        row[right] += weight;
    }
    Tensor::from_data(TensorData::new(weights, [to, from]), device)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn grid(rows: usize, cols: usize) -> Grid {
        Grid { rows, cols }
    }

    fn enlarged(values: &[f32], from: Grid, to: Grid) -> Vec<f32> {
        let device = Device::flex();
        let data = TensorData::new(values.to_vec(), [from.cells(), 1]);
        let rows = Tensor::<2>::from_data(data, &device);
        enlarge(rows, from, to, &device)
            .into_data()
            .try_to_vec()
            .unwrap()
    }

    #[test]
    fn enlarge_interpolates_between_the_centres_of_cells() {
        let values = enlarged(&[0.0, 4.0], grid(1, 2), grid(1, 4));
        assert_eq!(values, [0.0, 1.0, 3.0, 4.0]);
        let values = enlarged(&[0.0, 4.0, 8.0, 12.0], grid(2, 2), grid(4, 2));
        assert_eq!(values, [0.0, 4.0, 2.0, 6.0, 6.0, 10.0, 8.0, 12.0]);
    }

    #[test]
    fn enlarge_agrees_with_score_maps() {
        use crate::dense::{ScoreKind, ScoreMap};
        let values: Vec<f32> = (0..15).map(|i| ((i * 7) % 11) as f32).collect();
        let map = ScoreMap::new(1, grid(3, 5), values.clone(), ScoreKind::Weight).unwrap();
        let theirs = map.resample(grid(7, 8));
        let ours = enlarged(&values, grid(3, 5), grid(7, 8));
        for (a, b) in ours.iter().zip(theirs.values()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn fuse_is_the_mean_of_directions_on_the_finest_grid() {
        let device = Device::flex();
        let scale = |grid: Grid, vectors: &[[f32; 2]]| {
            let data = TensorData::new(vectors.concat(), [grid.cells(), 2]);
            let rows = Tensor::<2>::from_data(data, &device);
            ScaleCells {
                grid,
                cells: CellFeatures {
                    features: rows.clone(),
                    keys: rows,
                },
            }
        };
        let coarse = scale(grid(1, 1), &[[3.0, 0.0]]);
        let fine = scale(grid(1, 2), &[[0.0, 5.0], [2.0, 0.0]]);
        let fused = fuse(&[coarse, fine], &device).unwrap();
        assert_eq!(fused.grid, grid(1, 2));
        let features: Vec<f32> = fused.cells.features.into_data().try_to_vec().unwrap();
        assert_eq!(features, [0.5, 0.5, 1.0, 0.0]);
        let keys: Vec<f32> = fused.cells.keys.into_data().try_to_vec().unwrap();
        assert_eq!(keys, [1.5, 2.5, 2.5, 0.0]);
    }
}
