//! A block on the CPU's own kernels: 8-bit matrices, and nothing between them that Burn would have
//! to allocate.

use std::cell::RefCell;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::block::{BlockShape, Heads};
use super::{Activation, WeightSource};
use crate::error::Result;
use crate::kernel::cpu::{BlockParts, BlockScratch, Finish, LayerNorm, PackedBlock, PackedLinear};

thread_local! {
    /// What blocks work in. Blocks of a tower run one after the other and share it.
    static SCRATCH: RefCell<BlockScratch> = RefCell::default();
}

/// What [`Block`](super::Block) is on the CPU when its matrices are quantised.
#[derive(Module, Debug)]
pub struct Packed {
    #[module(skip)]
    block: PackedBlock,
}

impl Packed {
    /// As [`Block::load`](super::Block::load).
    pub(super) fn load(
        source: &mut impl WeightSource,
        prefix: &str,
        shape: BlockShape,
    ) -> Result<Self> {
        let BlockShape { width, mlp, .. } = shape;
        let norm = |source: &mut _, name: &str| load_norm(source, prefix, name, shape);
        // One after the other, so that no more than one matrix is in memory as f32.
        let parts = BlockParts {
            norm1: norm(source, "layer_norm1")?,
            projection: load_linear(
                source,
                prefix,
                &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
                [width, width],
            )?,
            out: load_linear(source, prefix, &["self_attn.out_proj"], [width, width])?,
            norm2: norm(source, "layer_norm2")?,
            fc1: load_linear(source, prefix, &["mlp.fc1"], [mlp, width])?,
            activation: match shape.activation {
                Activation::QuickGelu => Finish::QuickGelu,
                Activation::Gelu => Finish::Gelu,
            },
            fc2: load_linear(source, prefix, &["mlp.fc2"], [width, mlp])?,
            heads: shape.heads,
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
        let heads = self.block.heads();
        let projected = SCRATCH.with_borrow_mut(|s| self.block.project(&numbers(x), s));
        let projected: Tensor<5> =
            tensor(projected, [batch, tokens, 3, heads, width / heads], &device);
        let part = |kind: usize| {
            projected
                .clone()
                .narrow(2, kind, 1)
                .squeeze_dim::<4>(2)
                .swap_dims(1, 2)
        };
        Heads {
            query: part(0),
            key: part(1),
            value: part(2),
        }
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

/// Linear layers of the same input, side by side as one.
fn load_linear(
    source: &mut impl WeightSource,
    prefix: &str,
    names: &[&str],
    [output, input]: [usize; 2],
) -> Result<PackedLinear> {
    let (mut weight, mut bias) = (Vec::new(), Vec::new());
    for name in names {
        weight.extend(source.values(&format!("{prefix}.{name}.weight"), &[output, input])?);
        bias.extend(source.values(&format!("{prefix}.{name}.bias"), &[output])?);
    }
    Ok(PackedLinear::pack(&weight, &bias))
}

fn load_norm(
    source: &mut impl WeightSource,
    prefix: &str,
    name: &str,
    shape: BlockShape,
) -> Result<LayerNorm> {
    let mut values = |kind: &str| source.values(&format!("{prefix}.{name}.{kind}"), &[shape.width]);
    let (gamma, beta) = (values("weight")?, values("bias")?);
    Ok(LayerNorm::new(gamma, beta, shape.norm_eps as f32))
}
