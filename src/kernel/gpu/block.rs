//! A residual block of a transformer.

use burn::tensor::{Device, Tensor};

use super::attention::{LARGEST_HEAD, attention};
use super::launch::{ElemType, buffer, client, empty_like, tensor};
use super::layer_norm::LayerNorm;
use super::linear::{self, Epilogue};
use super::pack::PackedLinear;
use crate::kernel::{Activation, BlockWeights, LinearWeights, NormWeights};
use crate::quant::Scheme;

/// `x + attention(norm(x))`, then `x + feed_forward(norm(x))`.
#[derive(Debug, Clone)]
pub struct PackedBlock {
    norm1: LayerNorm,
    /// Queries, keys and values side by side.
    qkv: PackedLinear,
    out: PackedLinear,
    norm2: LayerNorm,
    fc1: PackedLinear,
    activation: Activation,
    fc2: PackedLinear,
    heads: usize,
    /// What lies between the kernels.
    between: ElemType,
}

impl PackedBlock {
    /// Whether the kernels take a block of this shape.
    #[must_use]
    pub fn fits(width: usize, hidden: usize, heads: usize) -> bool {
        let head = width / heads;
        width.is_multiple_of(8)
            && hidden.is_multiple_of(8)
            && width.is_multiple_of(heads)
            && head.is_multiple_of(4)
            && head <= LARGEST_HEAD
    }

    /// Packs the weights into the memory of a GPU.
    ///
    /// # Panics
    ///
    /// If `device` is the CPU, or the weights do not fit each other or the kernels
    /// ([`PackedBlock::fits`]).
    #[must_use]
    pub fn pack(weights: BlockWeights, device: &Device) -> Self {
        let client = client(device);
        let BlockWeights {
            norm1,
            qkv,
            out,
            norm2,
            fc1,
            activation,
            fc2,
            heads,
            epsilon,
        } = weights;
        let (width, hidden) = (norm1.gamma.len(), fc1.bias.len());
        assert!(
            Self::fits(width, hidden, heads)
                && qkv.bias.len() == 3 * width
                && out.bias.len() == width
                && fc2.bias.len() == width,
            "the parts of a block do not fit each other"
        );
        let norm = |n: &NormWeights| LayerNorm::upload(&client, &n.gamma, &n.beta, epsilon as f32);
        let linear = |l: LinearWeights, input: usize| {
            PackedLinear::pack(&client, l.matrices, input, &l.bias)
        };
        Self {
            norm1: norm(&norm1),
            qkv: linear(qkv, width),
            out: linear(out, width),
            norm2: norm(&norm2),
            fc1: linear(fc1, width),
            activation,
            fc2: linear(fc2, hidden),
            heads,
            between: ElemType::between(&client),
        }
    }

    /// Heads of the attention.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// The block as it was trained.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch, tokens, width]`
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, causal: bool) -> Tensor<3> {
        let x = buffer(x);
        let normed = self.norm1.forward(&x, self.between);
        let qkv = self.qkv.forward(&normed, Epilogue::Plain, self.between);
        let attended = attention(&qkv, self.heads, causal);
        let x = self
            .out
            .forward(&attended, Epilogue::Residual(&x), ElemType::F32);
        self.feed_forward(tensor(x))
    }

    /// Queries, keys and values of the normalised tokens, side by side.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, tokens, width]`
    /// - output: `[batch, tokens, 3 · width]`
    #[must_use]
    pub fn qkv(&self, x: Tensor<3>) -> Tensor<3> {
        let normed = self.norm1.forward(&buffer(x), self.between);
        let qkv = self.qkv.forward(&normed, Epilogue::Plain, ElemType::F32);
        tensor(qkv)
    }

    /// The attention's output projection.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, tokens, width]`, the heads side by side
    /// - output: the same
    #[must_use]
    pub fn merge(&self, joined: Tensor<3>) -> Tensor<3> {
        tensor(
            self.out
                .forward(&buffer(joined), Epilogue::Plain, ElemType::F32),
        )
    }

    /// `x + feed_forward(norm(x))`.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch, tokens, width]`
    #[must_use]
    pub fn feed_forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = buffer(x);
        let normed = self.norm2.forward(&x, self.between);
        let activation = finish(self.activation);
        let hidden = self.fc1.forward(&normed, activation, self.between);
        tensor(
            self.fc2
                .forward(&hidden, Epilogue::Residual(&x), ElemType::F32),
        )
    }

    /// Compiles the kernels that whole pictures need, which takes a driver longer than running
    /// them: the first picture need not wait for it if this happens while the weights come.
    ///
    /// `head` is the size of a head of the attention.
    pub fn warm(head: usize, activation: Activation, scheme: Scheme, device: &Device) {
        linear::warm(scheme, finish(activation), device);
        let zeros = buffer(Tensor::<3>::zeros([1, 1, 4], device));
        let between = ElemType::between(&zeros.client);
        let norm = LayerNorm::upload(&zeros.client, &[0.0; 4], &[0.0; 4], 1.0);
        norm.forward(&zeros, between);
        attention(&empty_like(&zeros, [1, 1, 3 * head], between), 1, false);
    }
}

fn finish(activation: Activation) -> Epilogue<'static> {
    match activation {
        Activation::QuickGelu => Epilogue::QuickGelu,
        Activation::Gelu => Epilogue::Gelu,
    }
}
