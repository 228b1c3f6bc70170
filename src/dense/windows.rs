//! Cutting a grid of cells into windows.

use burn::tensor::{Tensor, TensorData};

use super::CellFeatures;
use crate::clip::{Grid, VisionConfig};
use crate::error::{Error, Result};

/// How a picture is cut for the dense methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Windows {
    /// The whole picture at once while its attention maps fit a GPU buffer, else windows of the
    /// trained size.
    #[default]
    Auto,
    /// The whole picture at once.
    Whole,
    /// Squares of `size` pixels, `stride` pixels apart, both rounded to whole patches.
    Slide {
        /// Side of a window in pixels.
        size: u32,
        /// Pixels from one to the next.
        stride: u32,
    },
}

/// The most numbers in the attention maps of one layer: 128 MiB of f32, what any WebGPU can bind
/// as one buffer.
const MAX_ATTENTION: u64 = 1 << 25;

/// Windows of one size that cover a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The cells of every window.
    pub(super) window: Grid,
    /// Row and column of each window's first cell.
    pub(super) origins: Vec<(usize, usize)>,
}

impl Plan {
    /// # Errors
    ///
    /// [`Error::Input`] if a window is larger than the picture, its size or stride is zero, or the
    /// stride is longer than the window.
    pub(super) fn new(windows: Windows, grid: Grid, config: &VisionConfig) -> Result<Self> {
        match windows {
            Windows::Whole => Ok(Self::whole(grid)),
            Windows::Auto if attention(config, grid) <= MAX_ATTENTION => Ok(Self::whole(grid)),
            Windows::Auto => Ok(Self::trained(grid, config)),
            Windows::Slide { size, stride } => {
                let (size, stride) = check(size, stride, grid, config.patch as u32)?;
                Ok(Self::slide(grid, size, stride))
            }
        }
    }

    /// One window.
    fn whole(grid: Grid) -> Self {
        Self {
            window: grid,
            origins: vec![(0, 0)],
        }
    }

    /// As few windows of the trained size as overlap by a quarter at least, spread evenly. On the
    /// scenes they answer as well as windows half a side apart (`docs/methods.md`).
    pub(super) fn spread(grid: Grid, config: &VisionConfig) -> Self {
        let size = config.grid();
        Self::squares(grid, size, [grid.rows, grid.cols].map(|n| spread(n, size)))
    }

    /// Windows of the trained size, half a side apart, as the evaluation protocol of SCLIP has
    /// them.
    fn trained(grid: Grid, config: &VisionConfig) -> Self {
        Self::slide(grid, config.grid(), (config.grid() / 2).max(1))
    }

    /// Squares of so many cells a side, so many cells apart.
    fn slide(grid: Grid, size: usize, stride: usize) -> Self {
        let begins = [grid.rows, grid.cols].map(|cells| origins(cells, size, stride));
        Self::squares(grid, size, begins)
    }

    /// Squares of so many cells a side, cut off where the grid is smaller, which begin at every one
    /// of these rows and columns.
    fn squares(grid: Grid, size: usize, [rows, cols]: [Vec<usize>; 2]) -> Self {
        Self {
            window: Grid {
                rows: size.min(grid.rows),
                cols: size.min(grid.cols),
            },
            origins: rows
                .into_iter()
                .flat_map(|row| cols.iter().map(move |col| (row, *col)))
                .collect(),
        }
    }
}

impl Plan {
    /// The cells of the whole grid from those of the windows, in order: their mean where windows
    /// overlap.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if there are no windows.
    pub(super) fn stitch(&self, windows: Vec<CellFeatures>, grid: Grid) -> Result<CellFeatures> {
        let (features, keys): (Vec<_>, Vec<_>) =
            windows.into_iter().map(|w| (w.features, w.keys)).unzip();
        Ok(CellFeatures {
            features: self.mean(&features, grid)?,
            keys: self.mean(&keys, grid)?,
        })
    }

    /// `[cells of the grid, width]` from each window's `[cells of a window, width]`.
    fn mean(&self, windows: &[Tensor<2>], grid: Grid) -> Result<Tensor<2>> {
        let Grid { rows, cols } = self.window;
        let first = windows
            .first()
            .ok_or_else(|| Error::internal("a grid without windows"))?;
        if self.window == grid {
            return Ok(first.clone());
        }
        let ([_, width], device) = (first.dims(), first.device());
        let mut sum: Tensor<3> = Tensor::zeros([grid.rows, grid.cols, width], &device);
        let mut count = vec![0.0f32; grid.cells()];
        for (window, (row, col)) in windows.iter().zip(&self.origins) {
            let place = [*row..row + rows, *col..col + cols, 0..width];
            let so_far = sum.clone().slice(place.clone());
            sum = sum.slice_assign(place, so_far + window.clone().reshape([rows, cols, width]));
            for r in *row..row + rows {
                for n in &mut count[r * grid.cols + col..][..cols] {
                    *n += 1.0;
                }
            }
        }
        let count = TensorData::new(count, [grid.cells(), 1]);
        Ok(sum.reshape([grid.cells(), width]) / Tensor::from_data(count, &device))
    }
}

/// Numbers in the attention maps of one layer, or the largest number if that is larger.
fn attention(config: &VisionConfig, grid: Grid) -> u64 {
    let tokens = (grid.cells() as u64).saturating_add(1);
    tokens.saturating_pow(2).saturating_mul(config.heads as u64)
}

/// Size and stride in cells.
fn check(size: u32, stride: u32, grid: Grid, patch: u32) -> Result<(usize, usize)> {
    if size == 0 || stride == 0 {
        return Err(Error::input(
            "Windows need a size and a stride of at least one pixel.",
        ));
    }
    let cells = |pixels: u32| {
        let rounded = (u64::from(pixels) + u64::from(patch / 2)) / u64::from(patch);
        usize::try_from(rounded).unwrap_or(usize::MAX).max(1)
    };
    let (pixels, size, stride) = (size, cells(size), cells(stride));
    if size > grid.rows || size > grid.cols {
        return Err(Error::input(format!(
            "A window of {pixels} pixels is larger than the picture, which is seen at {}×{}. Choose a smaller window or a larger picture size.",
            grid.cols * patch as usize,
            grid.rows * patch as usize,
        )));
    }
    if stride > size {
        return Err(Error::input(
            "A stride longer than the window would leave gaps between windows.",
        ));
    }
    Ok((size, stride))
}

/// Where as few windows as overlap by a quarter begin along a side, spread evenly.
fn spread(cells: usize, size: usize) -> Vec<usize> {
    let last = cells.saturating_sub(size);
    let steps = last.div_ceil((size - size / 4).max(1)).max(1);
    let mut origins: Vec<usize> = (0..=steps).map(|step| last * step / steps).collect();
    origins.dedup();
    origins
}

/// Where windows begin along a side; the last one is shifted inward so that it ends at the edge.
fn origins(cells: usize, size: usize, stride: usize) -> Vec<usize> {
    let last = cells.saturating_sub(size);
    let mut origins: Vec<usize> = (0..last).step_by(stride).collect();
    origins.push(last);
    origins
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clip::small_config;
    use proptest::prelude::*;

    #[test]
    fn windows_as_the_protocol_of_sclip() {
        // 336 × 448 pixels, windows of 224 every 112: 2 by 3 of them.
        assert_eq!(origins(21, 14, 7), vec![0, 7]);
        assert_eq!(origins(28, 14, 7), vec![0, 7, 14]);
        assert_eq!(origins(30, 14, 7), vec![0, 7, 14, 16]);
    }

    #[test]
    fn spread_windows_overlap_by_a_quarter_at_least() {
        assert_eq!(spread(16, 16), [0]);
        assert_eq!(spread(10, 16), [0]);
        assert_eq!(spread(24, 16), [0, 8]);
        assert_eq!(spread(43, 16), [0, 9, 18, 27]);
        for (cells, size) in [(100, 16), (29, 7), (5, 1), (64, 3)] {
            let origins = spread(cells, size);
            assert_eq!((origins[0], origins.last()), (0, Some(&(cells - size))));
            let widest = origins.windows(2).map(|o| o[1] - o[0]).max();
            assert!(widest <= Some((size - size / 4).max(1)), "{cells} {size}");
        }
    }

    #[test]
    fn a_window_that_does_not_fit_is_refused() {
        let config = small_config().vision;
        let grid = Grid { rows: 4, cols: 6 };
        let patch = config.patch as u32;
        let plan = |size, stride| Plan::new(Windows::Slide { size, stride }, grid, &config);
        assert!(plan(4 * patch, patch).is_ok());
        for (size, stride) in [
            (5 * patch, patch),
            (0, patch),
            (patch, 0),
            (patch, 3 * patch),
            // Rounded to patches in 32 bits, these would be none.
            (u32::MAX, patch),
            (patch, u32::MAX),
            (u32::MAX, u32::MAX),
        ] {
            assert_eq!(plan(size, stride).unwrap_err().code(), "input");
        }
    }

    proptest! {
        #[test]
        fn windows_cover_the_grid(
            rows in 1usize..60, cols in 1usize..60, size in 1usize..20, stride in 1usize..20,
        ) {
            prop_assume!(size <= rows && size <= cols && stride <= size);
            let config = small_config().vision;
            let patch = config.patch as u32;
            let windows = Windows::Slide { size: size as u32 * patch, stride: stride as u32 * patch };
            let plan = Plan::new(windows, Grid { rows, cols }, &config).unwrap();
            let mut input_size = vec![false; rows * cols];
            for (row, col) in plan.origins {
                for r in row..row + plan.window.rows {
                    input_size[r * cols + col..][..plan.window.cols].fill(true);
                }
            }
            prop_assert!(input_size.iter().all(|s| *s));
        }
    }
}
