//! NACLIP (arXiv 2404.08181): keys attend to keys nearby; no residual, no feed-forward part.

use burn::tensor::{Device, Tensor, TensorData};

use super::CellFeatures;
use super::last_block::{LastBlock, weights};
use crate::clip::Grid;

/// Standard deviation of the neighbourhood in cells.
const SIGMA: f32 = 5.0;

/// `softmax(k kᵀ / √size + ω) v`, where ω is a Gaussian of the distance between two cells.
pub(super) fn naclip(block: &LastBlock<'_>, grid: Grid) -> CellFeatures {
    let key = &block.heads.key;
    let near = neighbourhood(grid, &block.device());
    block.finish(block.attend(weights(block.similarity(key, key) + near)))
}

/// `exp(−‖p_i − p_j‖² / (2 · 5²))` between cells, nothing to and from the class token,
/// `[1, 1, 1 + cells, 1 + cells]`.
fn neighbourhood(grid: Grid, device: &Device) -> Tensor<4> {
    let Grid { rows, cols } = grid;
    let cells = grid.cells();
    // A Gaussian of a plane is the product of one along the rows and one along the columns.
    let vertical = gaussian(rows, device).reshape([rows, 1, rows, 1]);
    let horizontal = gaussian(cols, device).reshape([1, cols, 1, cols]);
    let near = (vertical * horizontal).reshape([1, 1, cells, cells]);
    let column = Tensor::zeros([1, 1, cells, 1], device);
    let row = Tensor::zeros([1, 1, 1, 1 + cells], device);
    Tensor::cat(vec![row, Tensor::cat(vec![column, near], 3)], 2)
}

/// The Gaussian of the distance between any two of these places on a line, `[places, places]`.
fn gaussian(places: usize, device: &Device) -> Tensor<2> {
    let value = |d: usize| (-((d * d) as f32) / (2.0 * SIGMA * SIGMA)).exp();
    let values = (0..places)
        .flat_map(|a| (0..places).map(move |b| value(a.abs_diff(b))))
        .collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(values, [places, places]), device)
}
