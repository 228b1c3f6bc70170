//! A block on the GPU's own kernels: matrices stay packed in its memory.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{BlockShape, Heads, split_qkv};
use crate::kernel::BlockWeights;
use crate::kernel::gpu::PackedBlock;
use crate::quant::Scheme;

/// What [`Block`](super::Block) is on a GPU when its matrices are quantised.
#[derive(Module, Debug)]
pub struct GpuBlock {
    #[module(skip)]
    block: PackedBlock,
}

impl GpuBlock {
    /// Whether there are kernels for blocks of this shape.
    pub(super) fn fits(shape: BlockShape) -> bool {
        PackedBlock::fits(shape.width, shape.mlp, shape.heads)
    }

    /// Compiles the kernels of a block before its weights are there; see
    /// [`Block::warm`](super::Block::warm).
    pub(super) fn warm(shape: BlockShape, scheme: Scheme, device: &Device) {
        let head = shape.width / shape.heads;
        PackedBlock::warm(head, shape.activation, scheme, device);
    }

    pub(super) fn pack(weights: BlockWeights, device: &Device) -> Self {
        Self {
            block: PackedBlock::pack(weights, device),
        }
    }

    pub(super) fn forward(&self, x: Tensor<3>, causal: bool) -> Tensor<3> {
        self.block.forward(x, causal)
    }

    pub(super) fn heads(&self, x: Tensor<3>) -> Heads {
        split_qkv(self.block.qkv(x), self.block.heads())
    }

    /// Takes the heads joined, `[batch, tokens, width]`.
    pub(super) fn merge(&self, joined: Tensor<3>) -> Tensor<3> {
        self.block.merge(joined)
    }

    pub(super) fn feed_forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.block.feed_forward(x)
    }
}
