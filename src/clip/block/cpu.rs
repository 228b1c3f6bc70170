//! A block on the CPU's own kernels: 8-bit matrices, and nothing between them that Burn would have
//! to allocate.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::{Heads, split_qkv};
use crate::kernel::cpu::{
    ActivationBits, BlockParts, Epilogue, LayerNorm, LinearPacker, PackedBlock,
};
use crate::kernel::{Activation, BlockWeights, LinearWeights, NormWeights};
use crate::quant::Stored;

/// What [`Block`](super::Block) is on the CPU when its matrices are quantised and there are kernels
/// for its shape.
#[derive(Module, Debug)]
pub struct CpuBlock {
    #[module(skip)]
    block: PackedBlock,
}

/// Towers of fewer numbers a token than this are quick in either precision.
const NARROW: usize = 384;

impl CpuBlock {
    /// Whether the kernels compute such a block well.
    ///
    /// They hold one scale a channel, so that 4-bit weights, which have one for every 32, are rounded
    /// once more. Where f32 is quick enough there is no need for that. Sums over more inputs than
    /// [`LinearPacker::LARGEST_INPUT`] would not fit their 32 bits.
    pub(super) fn fits(weights: &BlockWeights) -> bool {
        let (width, hidden) = (weights.norm1.gamma.len(), weights.fc1.bias.len());
        if width.max(hidden) > LinearPacker::LARGEST_INPUT {
            return false;
        }
        let narrow = weights.norm1.gamma.len() < NARROW;
        !(narrow && weights.matrices().any(|m| matches!(m, Stored::Q4(_))))
    }

    pub(super) fn pack(weights: BlockWeights) -> Self {
        let norm = |n: NormWeights| LayerNorm::new(n.gamma, n.beta, weights.epsilon as f32);
        // Finely where that costs little: then the CPU answers as a GPU does.
        let bits = if weights.norm1.gamma.len() < NARROW {
            ActivationBits::B14
        } else {
            ActivationBits::B8
        };
        let (width, hidden) = (weights.norm1.gamma.len(), weights.fc1.bias.len());
        let pack = |layer: LinearWeights, input: usize| {
            let mut packer = LinearPacker::new(input, &layer.bias, bits);
            for matrix in layer.matrices {
                match matrix {
                    Stored::Q8(rows) => packer.quantised(&rows.values, &rows.scales),
                    // One after the other, so that no more than one is in memory as f32.
                    other => packer.weights(&other.decoded()),
                }
            }
            packer.finish()
        };
        let parts = BlockParts {
            qkv: pack(weights.qkv, width),
            out: pack(weights.out, width),
            fc1: pack(weights.fc1, width),
            fc2: pack(weights.fc2, hidden),
            norm1: norm(weights.norm1),
            norm2: norm(weights.norm2),
            activation: match weights.activation {
                Activation::QuickGelu => Epilogue::QuickGelu,
                Activation::Gelu => Epilogue::Gelu,
            },
            heads: weights.heads,
        };
        Self {
            block: PackedBlock::new(parts),
        }
    }

    pub(super) fn forward(&self, x: Tensor<3>, causal: bool) -> Tensor<3> {
        let [_, tokens, _] = x.dims();
        in_place(x, |x| self.block.forward(x, tokens, causal))
    }

    pub(super) fn heads(&self, x: Tensor<3>) -> Heads {
        let [batch, tokens, width] = x.dims();
        let device = x.device();
        let qkv = self.block.qkv(&numbers(x));
        let qkv = tensor(qkv, [batch, tokens, 3 * width], &device);
        split_qkv(qkv, self.block.heads())
    }

    /// Takes the heads joined, `[batch, tokens, width]`.
    pub(super) fn merge(&self, joined: Tensor<3>) -> Tensor<3> {
        let (shape, device) = (joined.dims(), joined.device());
        let merged = self.block.merge(&numbers(joined));
        tensor(merged, shape, &device)
    }

    pub(super) fn feed_forward(&self, x: Tensor<3>) -> Tensor<3> {
        in_place(x, |x| self.block.feed_forward(x))
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

fn in_place(x: Tensor<3>, f: impl FnOnce(&mut [f32])) -> Tensor<3> {
    let (shape, device) = (x.dims(), x.device());
    let mut x = numbers(x);
    f(&mut x);
    tensor(x, shape, &device)
}
