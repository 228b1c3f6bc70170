//! A decoder over the cell features of a frozen tower, with the picture's own colours.

use super::CellPlane;
use super::layers::{Builder, ConvBlock, Linear, Norm, Pass};
use crate::autodiff::Var;
use crate::clip::Grid;

/// Channels on the grid of the tower's cells, on a quarter of the picture's side, and on half of it.
const WIDTHS: [usize; 3] = [96, 64, WIDTH];

/// Channels on the last grid.
pub(super) const WIDTH: usize = 32;

/// Reads the tower's cells with their neighbours, then brings them to finer grids, on which it
/// adds the picture's pixels.
#[derive(Debug, Clone)]
pub(super) struct Head {
    input: Norm,
    cells: Linear,
    cell_blocks: Vec<ConvBlock>,
    to_quarter: Linear,
    quarter_pixels: Linear,
    quarter_blocks: Vec<ConvBlock>,
    to_half: Linear,
    half_pixels: Linear,
    half_blocks: Vec<ConvBlock>,
    output: Norm,
}

impl Head {
    /// A decoder of cells with so many numbers.
    pub(super) fn new(features: usize, build: &mut Builder<'_>) -> Self {
        let [cells, quarter, half] = WIDTHS;
        Self {
            input: build.norm("input", features),
            cells: build.linear("cells", features, cells),
            cell_blocks: build.blocks("cell_blocks", cells, 2),
            to_quarter: build.linear("to_quarter", cells, quarter),
            quarter_pixels: build.linear("quarter_pixels", 3 * 16, quarter),
            quarter_blocks: build.blocks("quarter_blocks", quarter, 2),
            to_half: build.linear("to_half", quarter, half),
            half_pixels: build.linear("half_pixels", 3 * 4, half),
            half_blocks: build.blocks("half_blocks", half, 1),
            output: build.norm("output", half),
        }
    }

    /// # Shapes
    ///
    /// - `pixels`: `[cells of grid, 3]`, rows and columns of the grid multiples of four
    /// - output: `[cells of half the grid, WIDTH]`
    pub(super) fn forward<'a>(
        &self,
        pass: &mut Pass<'_, 'a>,
        pixels: Var,
        grid: Grid,
        cells: &CellPlane<'a>,
    ) -> Var {
        let [quarter, half] = [4, 2].map(|side| super::shrunk(grid, side));
        let features = cells.features.clone();
        let x = pass
            .graph
            .constant(cells.grid.cells(), cells.width(), features);
        let x = pass.norm(self.input, x);
        let x = pass.linear(self.cells, x);
        let x = pass.blocks(&self.cell_blocks, x, cells.grid);
        let x = pass.linear_to(self.to_quarter, x, cells.grid, quarter);
        let x = self.add_pixels(pass, self.quarter_pixels, x, (pixels, grid, 4));
        let x = pass.blocks(&self.quarter_blocks, x, quarter);
        let x = pass.linear_to(self.to_half, x, quarter, half);
        let x = self.add_pixels(pass, self.half_pixels, x, (pixels, grid, 2));
        let x = pass.blocks(&self.half_blocks, x, half);
        pass.norm(self.output, x)
    }

    /// Adds a linear layer of the pixels of each cell of `side` pixels.
    fn add_pixels(
        &self,
        pass: &mut Pass<'_, '_>,
        layer: Linear,
        x: Var,
        (pixels, grid, side): (Var, Grid, usize),
    ) -> Var {
        let patches = pass.graph.patchify(pixels, grid, side);
        let patches = pass.linear(layer, patches);
        pass.graph.add(x, patches)
    }
}
