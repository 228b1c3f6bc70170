//! A picture at one size, cut into windows.

use burn::tensor::Tensor;

use super::CellFeatures;
use super::view::Model;
use super::windows::{Plan, Windows};
use crate::clip::{ClipConfig, Grid, patches};
use crate::error::{Error, Result};
use crate::image::{MAX_CELLS, Picture, fit};

/// A picture at one size, cut into windows that the tower sees one by one.
#[derive(Debug)]
pub(super) struct Layer {
    /// Width and height in pixels, whole patches.
    input_size: (u32, u32),
    /// The cells of the whole picture.
    pub(super) grid: Grid,
    /// The windows.
    pub(super) plan: Plan,
}

impl Layer {
    /// A picture of this width and height, brought to a short side of `size` pixels and rounded to
    /// whole patches.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the size is zero or the windows do not fit.
    pub(super) fn new(
        sides: (u32, u32),
        size: u32,
        windows: Windows,
        config: &ClipConfig,
    ) -> Result<Self> {
        if size == 0 {
            return Err(Error::input("The picture size must be at least one pixel."));
        }
        let (input_size, grid) = rounded(sides, size, config);
        Ok(Self {
            plan: Plan::new(windows, grid, &config.vision)?,
            input_size,
            grid,
        })
    }

    /// A picture of this width and height at a short side of `size` pixels, cut into overlapping
    /// windows of the trained size.
    pub(super) fn in_trained_windows(sides: (u32, u32), size: u32, config: &ClipConfig) -> Self {
        let (input_size, grid) = rounded(sides, size, config);
        Self {
            plan: Plan::spread(grid, &config.vision),
            input_size,
            grid,
        }
    }

    /// The picture at this size.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub(super) fn resize(&self, picture: &Picture) -> Result<Picture> {
        picture.resize(self.input_size.0, self.input_size.1)
    }

    /// The patches of windows, whose first cells have these rows and columns.
    ///
    /// # Shapes
    ///
    /// - output: `[windows, cells of a window, 3 · patch²]`
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory; [`Error::Internal`] if there are
    /// no windows, or one is outside the picture.
    pub(super) fn patches(
        &self,
        model: &Model<'_>,
        resized: &Picture,
        origins: &[(usize, usize)],
    ) -> Result<Tensor<3>> {
        let cut = origins
            .iter()
            .map(|origin| self.window(model, resized, *origin))
            .collect::<Result<Vec<_>>>()?;
        if cut.is_empty() {
            return Err(Error::internal("a batch without windows"));
        }
        Ok(Tensor::cat(cut, 0))
    }

    fn window(
        &self,
        model: &Model<'_>,
        resized: &Picture,
        (row, col): (usize, usize),
    ) -> Result<Tensor<3>> {
        let config = model.config;
        let patch = config.vision.patch;
        let Grid { rows, cols } = self.plan.window;
        let [x, y, width, height] = [col, row, cols, rows].map(|cells| (cells * patch) as u32);
        let planes = resized
            .crop(x, y, width, height)?
            .to_planes(config.pixel_mean, config.pixel_std);
        let [width, height] = [width, height].map(|side| side as usize);
        let (cut, _) = patches(&planes, width, height, patch, model.device)?;
        Ok(cut)
    }

    /// The cells of the whole picture from those of the windows, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if there are no windows.
    pub(super) fn stitch(&self, windows: Vec<CellFeatures>) -> Result<CellFeatures> {
        self.plan.stitch(windows, self.grid)
    }
}

/// Width and height in pixels, whole patches, at which a picture has about this short side, and the
/// cells of that.
fn rounded((width, height): (u32, u32), size: u32, config: &ClipConfig) -> ((u32, u32), Grid) {
    let patch = config.vision.patch as u32;
    let (width, height) = fit(width, height, size, patch, MAX_CELLS);
    let grid = Grid {
        rows: (height / patch) as usize,
        cols: (width / patch) as usize,
    };
    ((width, height), grid)
}
