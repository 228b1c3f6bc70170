//! A block on the CPU's own kernels: 8-bit matrices, and nothing between them that Burn would have
//! to allocate.

use std::cell::RefCell;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::block::{BlockShape, Heads, load_weights, split_projected};
use super::{Activation, WeightSource};
use crate::error::Result;
use crate::kernel::cpu::{
    BlockParts, BlockScratch, Finish, LayerNorm, PackedBlock, PackedLinear, Precision,
};
use crate::kernel::{LinearWeights, NormWeights};

thread_local! {
    /// What blocks work in. Blocks of a tower run one after the other and share it.
    static SCRATCH: RefCell<BlockScratch> = RefCell::default();
}

/// What [`Block`](super::Block) is on the CPU when its matrices are quantised.
#[derive(Module, Debug)]
pub struct CpuBlock {
    #[module(skip)]
    block: PackedBlock,
}

impl CpuBlock {
    /// As [`Block::load`](super::Block::load).
    pub(super) fn load(
        source: &mut impl WeightSource,
        prefix: &str,
        shape: BlockShape,
    ) -> Result<Self> {
        let BlockShape { width, mlp, .. } = shape;
        let weights = load_weights(source, prefix, shape)?;
        let precision = precision(width);
        let pack = |layer, input| pack(layer, input, precision);
        let norm = |n: NormWeights| LayerNorm::new(n.gamma, n.beta, weights.epsilon);
        // Expanded one after the other, so that no more than one matrix is in memory as f32.
        let parts = BlockParts {
            norm1: norm(weights.norm1),
            projection: pack(&weights.projection, width),
            out: pack(&weights.out, width),
            norm2: norm(weights.norm2),
            fc1: pack(&weights.fc1, width),
            activation: match weights.activation {
                Activation::QuickGelu => Finish::QuickGelu,
                Activation::Gelu => Finish::Gelu,
            },
            fc2: pack(&weights.fc2, mlp),
            heads: weights.heads,
        };
        Ok(Self {
            block: PackedBlock::new(parts),
        })
    }

    pub(super) fn forward(&self, x: Tensor<3>, causal: bool) -> Tensor<3> {
        let [_, tokens, _] = x.dims();
        in_place(x, |x, scratch| {
            self.block.forward(x, tokens, causal, scratch);
        })
    }

    pub(super) fn heads(&self, x: Tensor<3>) -> Heads {
        let [batch, tokens, width] = x.dims();
        let device = x.device();
        let projected = SCRATCH.with_borrow_mut(|s| self.block.project(&numbers(x), s));
        let projected = tensor(projected, [batch, tokens, 3 * width], &device);
        split_projected(projected, self.block.heads())
    }

    /// Takes the heads joined, `[batch, tokens, width]`.
    pub(super) fn merge(&self, joined: Tensor<3>) -> Tensor<3> {
        let (shape, device) = (joined.dims(), joined.device());
        let merged = SCRATCH.with_borrow_mut(|s| self.block.merge(&numbers(joined), s));
        tensor(merged, shape, &device)
    }

    pub(super) fn feed_forward(&self, x: Tensor<3>) -> Tensor<3> {
        in_place(x, |x, scratch| self.block.feed_forward(x, scratch))
    }
}

/// The numbers of a tensor on the CPU. Nothing is copied if nobody else holds the tensor.
fn numbers(x: Tensor<3>) -> Vec<f32> {
    // Readback is only ever asynchronous from a GPU, where there are no packed blocks.
    x.into_data()
        .try_into_vec()
        .expect("towers on the CPU are of f32")
}

/// The way back, without a copy.
fn tensor<const D: usize>(numbers: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

fn in_place(x: Tensor<3>, f: impl FnOnce(&mut [f32], &mut BlockScratch)) -> Tensor<3> {
    let (shape, device) = (x.dims(), x.device());
    let mut x = numbers(x);
    SCRATCH.with_borrow_mut(|scratch| f(&mut x, scratch));
    tensor(x, shape, &device)
}

/// Towers of fewer numbers a token than this are quick in either precision.
const NARROW: usize = 384;

/// What a tower of this width computes in: finely where that is affordable.
fn precision(width: usize) -> Precision {
    if width < NARROW {
        Precision::Fourteen
    } else {
        Precision::Eight
    }
}

fn pack(weights: &LinearWeights, input: usize, precision: Precision) -> PackedLinear {
    let mut expanded = Vec::with_capacity(weights.bias.len() * input);
    for matrix in &weights.matrices {
        matrix.decode_into(&mut expanded);
    }
    PackedLinear::pack(&expanded, &weights.bias, precision)
}
