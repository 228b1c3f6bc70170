//! Derivatives of small networks, for training them.
//!
//! A [`Graph`] computes as it is written down: each operation is a method that puts out a [`Var`], a
//! matrix `[rows, cols]`; those of grids have a row for each cell, row by row of the grid, and a
//! column for each channel. [`Graph::gradient`] then walks back. What is learned lies in
//! [`Parameters`], one flat vector, which [`AdamW`] moves along the gradient.
//!
//! One graph computes on one thread; several examples are computed beside each other by a graph
//! each, and their gradients are added in a fixed order, so that training is the same to the bit for
//! any number of threads.

mod attention;
mod linear;
mod loss;
mod norm;
mod optimizer;
mod parameters;
mod pointwise;
mod spatial;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(crate) use optimizer::{AdamW, Ema};
pub(crate) use parameters::{Init, ParameterId, Parameters};
pub(crate) use spatial::Upsampling;

/// A matrix of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Var {
    index: usize,
    /// Rows of the matrix.
    pub(crate) rows: usize,
    /// Columns of the matrix.
    pub(crate) cols: usize,
}

impl Var {
    fn len(self) -> usize {
        self.rows * self.cols
    }
}

/// What an operation does on the way back: reads the gradient of its output and adds to those of
/// its inputs.
type Backward<'a> = Box<dyn Fn(&[f32], &Values<'_, 'a>, &mut Gradients) + 'a>;

/// A matrix with where it came from.
struct Node<'a> {
    value: Cow<'a, [f32]>,
    /// `None` where no parameter has a part in it.
    backward: Option<Backward<'a>>,
    /// Where the gradient goes in the end, for a parameter.
    parameter: Option<std::ops::Range<usize>>,
}

/// A computation written down, forwards.
#[derive(Default)]
pub(crate) struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    /// Whether derivatives will be asked for.
    trains: bool,
}

/// The matrices of a graph, for the way back.
pub(crate) struct Values<'b, 'a>(&'b [Node<'a>]);

impl Values<'_, '_> {
    fn get(&self, var: Var) -> &[f32] {
        &self.0[var.index].value
    }
}

/// The gradients of the matrices of a graph, as far as they are known.
pub(crate) struct Gradients {
    /// Nothing for what no parameter has a part in.
    wanted: Vec<bool>,
    values: Vec<Vec<f32>>,
}

impl Gradients {
    /// The gradient of a matrix, to add to; `None` where nobody needs it.
    fn get(&mut self, var: Var) -> Option<&mut [f32]> {
        if !self.wanted[var.index] {
            return None;
        }
        let values = &mut self.values[var.index];
        if values.is_empty() {
            values.resize(var.len(), 0.0);
        }
        Some(values)
    }
}

impl<'a> Graph<'a> {
    /// A graph whose derivatives will be asked for.
    pub(crate) fn training() -> Self {
        Self {
            trains: true,
            ..Self::default()
        }
    }

    /// A graph that only computes forwards.
    pub(crate) fn inference() -> Self {
        Self::default()
    }

    /// A matrix that is given, `[rows, cols]`.
    pub(crate) fn constant(
        &mut self,
        rows: usize,
        cols: usize,
        value: impl Into<Cow<'a, [f32]>>,
    ) -> Var {
        self.leaf(rows, cols, value.into(), None)
    }

    /// A matrix that is learned.
    pub(crate) fn parameter(&mut self, parameters: &'a Parameters, id: ParameterId) -> Var {
        let range = parameters.range(id);
        let [rows, cols] = parameters.shape(id);
        let value = Cow::Borrowed(&parameters.values()[range.clone()]);
        self.leaf(rows, cols, value, Some(range))
    }

    fn leaf(
        &mut self,
        rows: usize,
        cols: usize,
        value: Cow<'a, [f32]>,
        parameter: Option<std::ops::Range<usize>>,
    ) -> Var {
        assert_eq!(value.len(), rows * cols, "a matrix of another size");
        self.nodes.push(Node {
            value,
            backward: None,
            parameter,
        });
        Var {
            index: self.nodes.len() - 1,
            rows,
            cols,
        }
    }

    /// The result of an operation on `inputs`.
    fn push(
        &mut self,
        [rows, cols]: [usize; 2],
        value: Vec<f32>,
        inputs: &[Var],
        backward: impl Fn(&[f32], &Values<'_, 'a>, &mut Gradients) + 'a,
    ) -> Var {
        let var = self.leaf(rows, cols, value.into(), None);
        if self.trains && inputs.iter().any(|input| self.is_learned(*input)) {
            self.nodes[var.index].backward = Some(Box::new(backward));
        }
        var
    }

    fn is_learned(&self, var: Var) -> bool {
        let node = &self.nodes[var.index];
        node.backward.is_some() || node.parameter.is_some()
    }

    /// The values of a matrix, row by row.
    pub(crate) fn value(&self, var: Var) -> &[f32] {
        &self.nodes[var.index].value
    }

    /// Adds the gradient of `loss`, a single number, to that of the parameters.
    pub(crate) fn gradient(&self, loss: Var, parameters: &mut [f32]) {
        assert_eq!(loss.len(), 1, "the gradient of a matrix");
        let wanted: Vec<bool> = self
            .nodes
            .iter()
            .map(|node| node.backward.is_some() || node.parameter.is_some())
            .collect();
        let mut gradients = Gradients {
            values: vec![Vec::new(); wanted.len()],
            wanted,
        };
        if let Some(last) = gradients.get(loss) {
            last[0] = 1.0;
        }
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let gradient = std::mem::take(&mut gradients.values[index]);
            if gradient.is_empty() {
                continue;
            }
            if let Some(range) = &node.parameter {
                let sum = &mut parameters[range.clone()];
                sum.iter_mut().zip(&gradient).for_each(|(s, g)| *s += g);
            }
            if let Some(backward) = &node.backward {
                backward(&gradient, &Values(&self.nodes), &mut gradients);
            }
        }
    }
}
