//! Operations on grids of cells: matrices with a row for each cell, row by row of the grid.

use std::sync::Arc;

use super::{Graph, Var};
use crate::clip::Grid;
use crate::image::{CellAxis, Interpolation};
use crate::kernel::cpu::{
    GridShape, add_depthwise, add_depthwise_input_gradient, add_depthwise_weight_gradient,
    add_scaled,
};

impl Graph<'_> {
    /// Each channel convolved by itself with 5 × 5 weights, zeros beyond the edges.
    ///
    /// # Shapes
    ///
    /// - `x`: `[cells, channels]`, channels a multiple of eight
    /// - `weight`: `[25, channels]`, row by row of the neighbourhood
    /// - `bias`: `[1, channels]`
    pub(crate) fn depthwise(&mut self, x: Var, grid: Grid, weight: Var, bias: Var) -> Var {
        let channels = x.cols;
        let shape = GridShape {
            rows: grid.rows,
            cols: grid.cols,
            channels,
        };
        let mut value = self.value(bias).repeat(x.rows);
        add_depthwise(shape, self.value(x), self.value(weight), &mut value);
        let learned = [x, weight, bias];
        let size = [x.rows, channels];
        self.push(size, value, &learned, move |gradient, values, to| {
            if let Some(to) = to.get(bias) {
                for gradient in gradient.chunks_exact(channels) {
                    to.iter_mut().zip(gradient).for_each(|(to, g)| *to += g);
                }
            }
            if let Some(to) = to.get(weight) {
                add_depthwise_weight_gradient(shape, values.get(x), gradient, to);
            }
            if let Some(to) = to.get(x) {
                add_depthwise_input_gradient(shape, gradient, values.get(weight), to);
            }
        })
    }

    /// The cells of squares of `side` × `side` as one row each: a quarter as many cells of four
    /// times the channels for a side of 2.
    ///
    /// # Shapes
    ///
    /// - `x`: `[cells, channels]`, rows and columns of the grid multiples of `side`
    /// - output: `[cells / side², side² · channels]`
    pub(crate) fn patchify(&mut self, x: Var, grid: Grid, side: usize) -> Var {
        let channels = x.cols;
        assert_eq!(x.rows, grid.cells(), "a grid that does not fit");
        assert!(
            grid.rows % side == 0 && grid.cols % side == 0,
            "a grid of broken patches"
        );
        let mut value = vec![0.0; x.len()];
        for_each_patch_line(grid, side, channels, |line, patch| {
            value[patch].copy_from_slice(&self.value(x)[line]);
        });
        let shape = [x.rows / (side * side), side * side * channels];
        self.push(shape, value, &[x], move |gradient, _, to| {
            if let Some(to) = to.get(x) {
                for_each_patch_line(grid, side, channels, |line, patch| {
                    let pairs = to[line].iter_mut().zip(&gradient[patch]);
                    pairs.for_each(|(to, g)| *to += g);
                });
            }
        })
    }

    /// Bilinear interpolation between the centres of cells.
    ///
    /// # Shapes
    ///
    /// - `x`: `[cells of upsampling.from, channels]`
    /// - output: `[cells of upsampling.to, channels]`
    pub(crate) fn upsample(&mut self, x: Var, upsampling: &Arc<Upsampling>) -> Var {
        let upsampling = Arc::clone(upsampling);
        let channels = x.cols;
        let (from, to_grid) = (upsampling.from, upsampling.to);
        assert_eq!(x.rows, from.cells(), "a grid that does not fit");
        let mut value = vec![0.0; to_grid.cells() * channels];
        let width = from.cols * channels;
        let mut blended = vec![0.0; width];
        let lines = value.chunks_exact_mut(to_grid.cols * channels);
        for (line, taps) in lines.zip(&upsampling.down) {
            blended.fill(0.0);
            for tap in taps {
                let row = &self.value(x)[tap.cell * width..][..width];
                add_scaled(row, tap.weight, &mut blended);
            }
            for (out, taps) in line.chunks_exact_mut(channels).zip(&upsampling.across) {
                for tap in taps {
                    add_scaled(&blended[tap.cell * channels..][..channels], tap.weight, out);
                }
            }
        }
        let size = [to_grid.cells(), channels];
        self.push(size, value, &[x], move |gradient, _, to| {
            let Some(to) = to.get(x) else { return };
            let mut blended = vec![0.0; width];
            let lines = gradient.chunks_exact(to_grid.cols * channels);
            for (line, taps) in lines.zip(&upsampling.down) {
                blended.fill(0.0);
                for (gradient, taps) in line.chunks_exact(channels).zip(&upsampling.across) {
                    for tap in taps {
                        let to = &mut blended[tap.cell * channels..][..channels];
                        add_scaled(gradient, tap.weight, to);
                    }
                }
                for tap in taps {
                    let to = &mut to[tap.cell * width..][..width];
                    add_scaled(&blended, tap.weight, to);
                }
            }
        })
    }
}

/// How much of a cell.
#[derive(Debug, Clone, Copy)]
struct Tap {
    cell: usize,
    weight: f32,
}

/// Which cells of a grid each cell of another one lies between.
#[derive(Debug, Clone)]
pub(crate) struct Upsampling {
    from: Grid,
    to: Grid,
    down: Vec<[Tap; 2]>,
    across: Vec<[Tap; 2]>,
}

impl Upsampling {
    /// From one grid of a picture to another one of the same picture.
    pub(crate) fn new(from: Grid, to: Grid) -> Self {
        let taps = |from: usize, to: usize| {
            let interpolation = Interpolation::new(to, &CellAxis::even(from));
            let taps = (0..to).map(|cell| {
                let (left, right, weight) = interpolation.at(cell);
                [(left, 1.0 - weight), (right, weight)].map(|(cell, weight)| Tap { cell, weight })
            });
            taps.collect()
        };
        Self {
            from,
            to,
            down: taps(from.rows, to.rows),
            across: taps(from.cols, to.cols),
        }
    }
}

/// Calls `work` for each row of each square with where its numbers lie in the grid, and where in
/// the squares.
fn for_each_patch_line(
    grid: Grid,
    side: usize,
    channels: usize,
    mut work: impl FnMut(std::ops::Range<usize>, std::ops::Range<usize>),
) {
    let width = side * channels;
    let across = grid.cols / side;
    for row in 0..grid.rows {
        for col in 0..across {
            let line = (row * grid.cols + col * side) * channels;
            let patch = ((row / side * across + col) * side + row % side) * width;
            work(line..line + width, patch..patch + width);
        }
    }
}
