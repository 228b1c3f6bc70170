//! A small convolutional network that needs no tower.

use super::layers::{Builder, ConvBlock, Linear, Norm, Pass};
use crate::autodiff::Var;
use crate::clip::Grid;

/// Channels on a half, a quarter, an eighth and a sixteenth of the picture's side.
const WIDTHS: [usize; 4] = [WIDTH, 32, 64, 128];

/// Channels on the last grid.
pub(super) const WIDTH: usize = 16;

/// Blocks on each grid on the way down.
const BLOCKS: [usize; 4] = [0, 1, 2, 3];

/// Goes down to a sixteenth of the side, and up again to half of it.
#[derive(Debug, Clone)]
pub(super) struct Compact {
    down: Vec<Stage>,
    up: Vec<Step>,
    output: Norm,
}

/// Cells of a grid twice as coarse as the one before.
#[derive(Debug, Clone)]
struct Stage {
    patches: Linear,
    norm: Norm,
    blocks: Vec<ConvBlock>,
}

/// A step up to a finer grid, onto what was there on the way down.
#[derive(Debug, Clone)]
struct Step {
    coarse: Linear,
    lateral: Linear,
    block: ConvBlock,
}

impl Compact {
    pub(super) fn new(build: &mut Builder<'_>) -> Self {
        let mut inputs = 3;
        let down = WIDTHS.iter().zip(BLOCKS).enumerate();
        let down = down.map(|(index, (&width, blocks))| {
            let name = format!("down.{index}");
            let stage = Stage {
                patches: build.linear(&format!("{name}.patches"), 4 * inputs, width),
                norm: build.norm(&format!("{name}.norm"), width),
                blocks: build.blocks(&format!("{name}.blocks"), width, blocks),
            };
            inputs = width;
            stage
        });
        let down = down.collect();
        let up = (1..WIDTHS.len()).rev().map(|index| {
            let name = format!("up.{}", index - 1);
            let (coarse, fine) = (WIDTHS[index], WIDTHS[index - 1]);
            Step {
                coarse: build.linear(&format!("{name}.coarse"), coarse, fine),
                lateral: build.linear(&format!("{name}.lateral"), fine, fine),
                block: build.block(&format!("{name}.block"), fine),
            }
        });
        Self {
            down,
            up: up.collect(),
            output: build.norm("output", WIDTH),
        }
    }

    /// # Shapes
    ///
    /// - `pixels`: `[cells of grid, 3]`, rows and columns of the grid multiples of sixteen
    /// - output: `[cells of half the grid, WIDTH]`
    pub(super) fn forward(&self, pass: &mut Pass<'_, '_>, pixels: Var, grid: Grid) -> Var {
        let mut seen = Vec::with_capacity(self.down.len());
        let (mut x, mut grid) = (pixels, grid);
        for stage in &self.down {
            x = pass.graph.patchify(x, grid, 2);
            grid = super::shrunk(grid, 2);
            x = pass.linear(stage.patches, x);
            x = pass.norm(stage.norm, x);
            x = pass.blocks(&stage.blocks, x, grid);
            seen.push((x, grid));
        }
        seen.pop();
        for step in &self.up {
            let Some((lateral, finer)) = seen.pop() else {
                break;
            };
            let coarse = pass.linear_to(step.coarse, x, grid, finer);
            let lateral = pass.linear(step.lateral, lateral);
            x = pass.graph.add(coarse, lateral);
            x = pass.block(&step.block, x, finer);
            grid = finer;
        }
        pass.norm(self.output, x)
    }
}
