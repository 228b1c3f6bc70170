//! Anomalous tokens of cells, found by the local outlier factor (Breunig et al., SIGMOD 2000)
//! as SC-CLIP (arXiv 2411.15869) uses it, and their repair.

use burn::tensor::{Int, Tensor, TensorData};

use crate::clip::Grid;
use crate::error::Result;
use crate::readback::read;

/// Neighbours that a cell's density is measured with.
const NEIGHBOURS: usize = 30;

/// Points closer than this count as this far apart, so that equal ones have a density.
const CLOSEST: f32 = 1e-12;

/// The quantile of the factors above which a cell is taken for an outlier.
const QUANTILE: f64 = 0.95;

/// Which cells to replace, and by which.
pub(super) struct Repair {
    /// For each outlier its row in the repaired matrix's source; see [`Repair::apply`].
    rows: Vec<i32>,
    /// For each outlier that has sound neighbours, these.
    sound: Vec<Vec<i32>>,
}

impl Repair {
    /// Looks for outliers among tokens, `[cells, width]`.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) if the device fails.
    pub(super) async fn plan(cells: &Tensor<2>, grid: Grid) -> Result<Self> {
        let factors = local_outlier_factors(&squared_distances(cells).await?, grid.cells());
        Ok(Self::new(&above_quantile(&factors), grid))
    }

    fn new(outliers: &[usize], grid: Grid) -> Self {
        let mut rows: Vec<i32> = (0..grid.cells() as i32).collect();
        let mut sound = Vec::new();
        for &cell in outliers {
            let near: Vec<i32> = neighbours(cell, grid)
                .filter(|n| !outliers.contains(n))
                .map(|n| n as i32)
                .collect();
            // Amid outliers there is nothing to repair with.
            if !near.is_empty() {
                rows[cell] = (grid.cells() + sound.len()) as i32;
                sound.push(near);
            }
        }
        Self { rows, sound }
    }

    /// The rows of `[cells, width]` with each outlier replaced by the mean of its sound neighbours.
    pub(super) fn apply(&self, cells: Tensor<2>) -> Tensor<2> {
        if self.sound.is_empty() {
            return cells;
        }
        let device = cells.device();
        let index = |rows: &[i32]| -> Tensor<1, Int> {
            Tensor::from_data(TensorData::new(rows.to_vec(), [rows.len()]), &device)
        };
        let means = self
            .sound
            .iter()
            .map(|near| cells.clone().select(0, index(near)).mean_dim(0));
        let all = std::iter::once(cells.clone()).chain(means).collect();
        Tensor::cat(all, 0).select(0, index(&self.rows))
    }
}

/// The up to eight cells around one.
fn neighbours(cell: usize, grid: Grid) -> impl Iterator<Item = usize> {
    let (row, col) = (cell / grid.cols, cell % grid.cols);
    let around = |place: usize, end: usize| place.saturating_sub(1)..(place + 2).min(end);
    around(row, grid.rows)
        .flat_map(move |r| around(col, grid.cols).map(move |c| r * grid.cols + c))
        .filter(move |&other| other != cell)
}

/// Between all pairs of rows, `[cells · cells]`.
async fn squared_distances(cells: &Tensor<2>) -> Result<Vec<f32>> {
    // Distances do not change with the origin; at the mean the products below cancel least.
    let centred = cells.clone() - cells.clone().mean_dim(0);
    let squares = centred.clone().square().sum_dim(1);
    let products = centred.clone().matmul(centred.transpose());
    let distances = squares.clone() + squares.transpose() - products * 2.0;
    read(distances.clamp_min(0.0)).await
}

/// How much less dense each point's surroundings are than those of its neighbours: about 1 inside
/// a cluster, larger outside.
fn local_outlier_factors(distances: &[f32], points: usize) -> Vec<f32> {
    let count = NEIGHBOURS.min(points.saturating_sub(1));
    if count == 0 {
        return vec![1.0; points];
    }
    let nearest: Vec<Vec<usize>> = (0..points)
        .map(|point| nearest(&distances[point * points..][..points], point, count))
        .collect();
    let distance = |a: usize, b: usize| distances[a * points + b];
    let radius: Vec<f32> = (0..points)
        .map(|p| distance(p, nearest[p][count - 1]))
        .collect();
    let density: Vec<f32> = (0..points)
        .map(|p| {
            let reach: f32 = nearest[p]
                .iter()
                .map(|&n| distance(p, n).max(radius[n]).max(CLOSEST))
                .sum();
            count as f32 / reach
        })
        .collect();
    (0..points)
        .map(|p| {
            let around: f32 = nearest[p].iter().map(|&n| density[n]).sum();
            around / count as f32 / density[p]
        })
        .collect()
}

/// The `count` nearest other points, nearest first; of two as near the one that comes first.
fn nearest(distances: &[f32], point: usize, count: usize) -> Vec<usize> {
    let by_distance = |a: &usize, b: &usize| distances[*a].total_cmp(&distances[*b]).then(a.cmp(b));
    let mut others: Vec<usize> = (0..distances.len()).filter(|&p| p != point).collect();
    if count < others.len() {
        others.select_nth_unstable_by(count - 1, by_distance);
        others.truncate(count);
    }
    others.sort_unstable_by(by_distance);
    others
}

/// The points whose factors lie above the [`QUANTILE`] of all, ascending.
fn above_quantile(factors: &[f32]) -> Vec<usize> {
    let limit = quantile(factors);
    let above = |point: &usize| factors[*point] > limit;
    (0..factors.len()).filter(above).collect()
}

/// The [`QUANTILE`] of some numbers, interpolated linearly between the two that it lies between.
/// Of no numbers, infinity.
fn quantile(numbers: &[f32]) -> f32 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f32::INFINITY;
    };
    let place = QUANTILE * last as f64;
    let below = place as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    low + (high - low) * place.fract() as f32
}

#[cfg(all(test, feature = "cli"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures;
    use burn::tensor::Device;
    use pollster::block_on;

    fn reference_cells() -> (Tensor<2>, Grid) {
        let (values, shape) = fixtures::tensor("outliers.tokens");
        let data = TensorData::new(values, [shape[0], shape[1]]);
        (
            Tensor::from_data(data, &Device::flex()),
            Grid { rows: 12, cols: 10 },
        )
    }

    #[test]
    fn factors_and_outliers_are_those_of_the_reference() {
        let (cells, grid) = reference_cells();
        let distances = block_on(squared_distances(&cells)).unwrap();
        let factors = local_outlier_factors(&distances, grid.cells());
        fixtures::assert_close(&factors, "outliers.lof", 1e-4);
        assert_eq!(
            above_quantile(&factors),
            fixtures::indices("outliers.found")
        );
    }

    #[test]
    fn repair_is_that_of_the_reference() {
        let (cells, grid) = reference_cells();
        let repair = block_on(Repair::plan(&cells, grid)).unwrap();
        let repaired = block_on(read(repair.apply(cells))).unwrap();
        fixtures::assert_close(&repaired, "outliers.repaired", 1e-6);
    }

    #[test]
    fn quantile_is_that_of_torch() {
        // torch.quantile(torch.tensor([0., 1., 2., 10.]), 0.95) = 8.8
        assert!((quantile(&[10.0, 1.0, 0.0, 2.0]) - 8.8).abs() < 1e-6);
        assert_eq!(quantile(&[3.0]), 3.0);
        assert_eq!(quantile(&[]), f32::INFINITY);
    }

    #[test]
    fn outliers_are_what_lies_above_the_quantile() {
        // As (x > torch.quantile(x, 0.95)).sum() counts them.
        for (cells, outliers) in [
            (1, 0),
            (2, 1),
            (20, 1),
            (21, 1),
            (120, 6),
            (196, 10),
            (256, 13),
        ] {
            let factors: Vec<f32> = (0..cells).map(|cell| 1.0 + cell as f32).collect();
            let found = above_quantile(&factors);
            assert_eq!(found, (cells - outliers..cells).collect::<Vec<_>>());
        }
        // None stands out of equals.
        assert_eq!(above_quantile(&[1.0; 40]), Vec::<usize>::new());
    }

    #[test]
    fn few_points_have_no_outliers() {
        assert_eq!(local_outlier_factors(&[], 0), Vec::<f32>::new());
        assert_eq!(local_outlier_factors(&[0.0], 1), vec![1.0]);
        let equal = local_outlier_factors(&[0.0; 9], 3);
        assert!(equal.iter().all(|f| f.is_finite()), "{equal:?}");
    }
}
