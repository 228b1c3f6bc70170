//! What students are made of.

use crate::autodiff::{Graph, Init, ParameterId, Parameters, Var};
use crate::clip::Grid;
use crate::kernel::cpu::KERNEL;
use crate::random::Rng;

/// Gives layers their parameters, named after the layer.
pub(super) struct Builder<'a> {
    pub(super) parameters: &'a mut Parameters,
    pub(super) rng: &'a mut Rng,
}

/// A linear layer of each cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    weight: ParameterId,
    bias: ParameterId,
}

/// A layer norm over the channels of each cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    gain: ParameterId,
    bias: ParameterId,
}

/// A block in the manner of ConvNeXt (arXiv 2201.03545): each channel looks around, then all
/// channels of a cell mix, and the result is added to what came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConvBlock {
    depthwise: [ParameterId; 2],
    norm: Norm,
    expand: Linear,
    contract: Linear,
}

/// Channels inside a block for each channel outside.
const EXPANSION: usize = 2;

impl Builder<'_> {
    fn add(&mut self, name: &str, shape: [usize; 2], init: Init) -> ParameterId {
        self.parameters.add(name, shape, init, self.rng)
    }

    pub(super) fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> Linear {
        Linear {
            weight: self.add(
                &format!("{name}.weight"),
                [outputs, inputs],
                Init::Inputs(inputs),
            ),
            bias: self.add(&format!("{name}.bias"), [1, outputs], Init::Constant(0.0)),
        }
    }

    pub(super) fn norm(&mut self, name: &str, channels: usize) -> Norm {
        Norm {
            gain: self.add(
                &format!("{name}.weight"),
                [1, channels],
                Init::Constant(1.0),
            ),
            bias: self.add(&format!("{name}.bias"), [1, channels], Init::Constant(0.0)),
        }
    }

    pub(super) fn block(&mut self, name: &str, channels: usize) -> ConvBlock {
        let taps = KERNEL * KERNEL;
        ConvBlock {
            depthwise: [
                self.add(
                    &format!("{name}.depthwise.weight"),
                    [taps, channels],
                    Init::Inputs(taps),
                ),
                self.add(
                    &format!("{name}.depthwise.bias"),
                    [1, channels],
                    Init::Constant(0.0),
                ),
            ],
            norm: self.norm(&format!("{name}.norm"), channels),
            expand: self.linear(&format!("{name}.expand"), channels, EXPANSION * channels),
            contract: self.linear(&format!("{name}.contract"), EXPANSION * channels, channels),
        }
    }

    pub(super) fn blocks(&mut self, name: &str, channels: usize, count: usize) -> Vec<ConvBlock> {
        (0..count)
            .map(|index| self.block(&format!("{name}.{index}"), channels))
            .collect()
    }
}

/// A graph with the parameters that its layers find theirs in.
pub(super) struct Pass<'g, 'a> {
    pub(super) graph: &'g mut Graph<'a>,
    pub(super) parameters: &'a Parameters,
}

impl Pass<'_, '_> {
    fn parameter(&mut self, id: ParameterId) -> Var {
        self.graph.parameter(self.parameters, id)
    }

    pub(super) fn linear(&mut self, layer: Linear, x: Var) -> Var {
        let weight = self.parameter(layer.weight);
        let bias = self.parameter(layer.bias);
        self.graph.linear(x, weight, Some(bias))
    }

    pub(super) fn norm(&mut self, layer: Norm, x: Var) -> Var {
        let [gain, bias] = [layer.gain, layer.bias].map(|id| self.parameter(id));
        self.graph.layer_norm(x, gain, bias)
    }

    pub(super) fn block(&mut self, layer: &ConvBlock, x: Var, grid: Grid) -> Var {
        let [weight, bias] = layer.depthwise.map(|id| self.parameter(id));
        let around = self.graph.depthwise(x, grid, weight, bias);
        let around = self.norm(layer.norm, around);
        let mixed = self.linear(layer.expand, around);
        let mixed = self.graph.quick_gelu(mixed);
        let mixed = self.linear(layer.contract, mixed);
        self.graph.add(x, mixed)
    }

    pub(super) fn blocks(&mut self, layers: &[ConvBlock], x: Var, grid: Grid) -> Var {
        layers.iter().fold(x, |x, layer| self.block(layer, x, grid))
    }

    /// A linear layer on one grid, and its result on another.
    pub(super) fn linear_to(&mut self, layer: Linear, x: Var, from: Grid, to: Grid) -> Var {
        let x = self.linear(layer, x);
        super::upsampled(self.graph, x, from, to)
    }
}
