//! One residual block of a tower, and the parts that dense prediction takes it apart into.

#[cfg(feature = "cpu")]
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;

#[cfg(feature = "cpu")]
pub use cpu::CpuBlock;
#[cfg(feature = "gpu")]
pub use gpu::GpuBlock;

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::activation::{gelu, sigmoid};
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor, TensorData};

use super::WeightSource;
use super::config::VisionConfig;
use crate::error::Result;
use crate::kernel::{Activation, BlockWeights, LinearWeights, NormWeights};
use crate::quant::Scheme;

/// The shape of a block.
#[derive(Debug, Clone, Copy)]
pub struct BlockShape {
    /// Hidden size: the numbers of a token.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Hidden numbers of the feed-forward part.
    pub mlp: usize,
    /// The non-linearity of the feed-forward part.
    pub activation: Activation,
    /// The ε of both layer norms.
    pub norm_eps: f64,
}

impl From<&VisionConfig> for BlockShape {
    fn from(config: &VisionConfig) -> Self {
        Self {
            width: config.width,
            heads: config.heads,
            mlp: config.mlp,
            activation: config.activation,
            norm_eps: config.norm_eps,
        }
    }
}

/// `x + attention(norm(x))`, then `x + feed_forward(norm(x))`.
///
/// A block whose matrices are all quantised runs on kernels of our own ([`crate::kernel`]) if they
/// compute it well; one of which a matrix is stored in floating point is plain Burn, in f32.
#[derive(Module, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a tower has a dozen blocks, all of one kind"
)]
pub enum Block {
    /// On Burn's operations.
    Burn(BurnBlock),
    /// On our kernels for the CPU.
    #[cfg(feature = "cpu")]
    Cpu(CpuBlock),
    /// On our kernels for GPUs.
    #[cfg(feature = "gpu")]
    Gpu(GpuBlock),
}

/// What [`Block`] is in plain Burn.
#[derive(Module, Debug)]
pub struct BurnBlock {
    norm1: LayerNorm,
    /// Queries, keys and values side by side.
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
    #[module(skip)]
    activation: Activation,
}

/// The projections of the last block's attention, split into heads.
#[derive(Debug, Clone)]
pub struct Heads {
    /// Queries, `[batch, heads, tokens, head size]`.
    pub query: Tensor<4>,
    /// Keys, the same shape.
    pub key: Tensor<4>,
    /// Values, the same shape.
    pub value: Tensor<4>,
}

impl Block {
    /// Builds the block on `device` from weights under `prefix`, in the Hugging Face layout.
    ///
    /// # Errors
    ///
    /// [`Error::Model`](crate::Error::Model) if a tensor is missing or has another shape;
    /// [`Error::Io`](crate::Error::Io) if the source cannot read its file.
    pub fn load(
        source: &mut impl WeightSource,
        prefix: &str,
        shape: BlockShape,
        device: &Device,
    ) -> Result<Self> {
        let weights = load_weights(source, prefix, shape)?;
        #[cfg(feature = "cpu")]
        if weights.are_quantised() && is_cpu(device) && CpuBlock::fits(&weights) {
            return Ok(Self::Cpu(CpuBlock::pack(weights)));
        }
        #[cfg(feature = "gpu")]
        if weights.are_quantised() && !is_cpu(device) && GpuBlock::fits(shape) {
            return Ok(Self::Gpu(GpuBlock::pack(weights, device)));
        }
        Ok(Self::Burn(BurnBlock::new(&weights, device)))
    }

    /// Compiles, on a GPU, the kernels that such blocks will need for whole pictures if they are
    /// loaded from a bundle of this scheme.
    pub fn warm(shape: BlockShape, scheme: Scheme, device: &Device) {
        #[cfg(feature = "gpu")]
        if GpuBlock::fits(shape) {
            GpuBlock::warm(shape, scheme, device);
        }
        #[cfg(not(feature = "gpu"))]
        let _ = (shape, scheme, device);
    }

    /// The block as it was trained.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch, tokens, width]`
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, causal: bool) -> Tensor<3> {
        match self {
            Self::Burn(block) => block.forward(x, causal),
            #[cfg(feature = "cpu")]
            Self::Cpu(block) => block.forward(x, causal),
            #[cfg(feature = "gpu")]
            Self::Gpu(block) => block.forward(x, causal),
        }
    }

    /// Queries, keys and values of the normalised tokens.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, tokens, width]`
    #[must_use]
    pub fn heads(&self, x: Tensor<3>) -> Heads {
        match self {
            Self::Burn(block) => block.heads(x),
            #[cfg(feature = "cpu")]
            Self::Cpu(block) => block.heads(x),
            #[cfg(feature = "gpu")]
            Self::Gpu(block) => block.heads(x),
        }
    }

    /// Joins the heads again and passes them through the attention's output projection.
    ///
    /// # Shapes
    ///
    /// - input: `[batch, heads, tokens, head size]`
    /// - output: `[batch, tokens, width]`
    #[must_use]
    pub fn merge(&self, heads: Tensor<4>) -> Tensor<3> {
        let joined = join(heads);
        match self {
            Self::Burn(block) => block.out.forward(joined),
            #[cfg(feature = "cpu")]
            Self::Cpu(block) => block.merge(joined),
            #[cfg(feature = "gpu")]
            Self::Gpu(block) => block.merge(joined),
        }
    }

    /// `x + feed_forward(norm(x))`.
    ///
    /// # Shapes
    ///
    /// - input and output: `[batch, tokens, width]`
    #[must_use]
    pub fn feed_forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Burn(block) => block.feed_forward(x),
            #[cfg(feature = "cpu")]
            Self::Cpu(block) => block.feed_forward(x),
            #[cfg(feature = "gpu")]
            Self::Gpu(block) => block.feed_forward(x),
        }
    }
}

impl BurnBlock {
    fn new(weights: &BlockWeights, device: &Device) -> Self {
        let norm = |norm| layer_norm(norm, weights.epsilon, device);
        let linear = |weights| linear(weights, device);
        Self {
            norm1: norm(&weights.norm1),
            qkv: linear(&weights.qkv),
            out: linear(&weights.out),
            norm2: norm(&weights.norm2),
            fc1: linear(&weights.fc1),
            fc2: linear(&weights.fc2),
            heads: weights.heads,
            activation: weights.activation,
        }
    }

    fn forward(&self, x: Tensor<3>, causal: bool) -> Tensor<3> {
        let Heads { query, key, value } = self.heads(x.clone());
        let options = AttentionModuleOptions {
            is_causal: causal,
            ..Default::default()
        };
        let attended = attention(query, key, value, None, None, options);
        let x = x + self.out.forward(join(attended));
        self.feed_forward(x)
    }

    fn heads(&self, x: Tensor<3>) -> Heads {
        let normed = self.norm1.forward(x);
        split_qkv(self.qkv.forward(normed), self.heads)
    }

    fn feed_forward(&self, x: Tensor<3>) -> Tensor<3> {
        let hidden = self.fc1.forward(self.norm2.forward(x.clone()));
        let hidden = match self.activation {
            Activation::QuickGelu => hidden.clone() * sigmoid(hidden * 1.702),
            Activation::Gelu => gelu(hidden),
        };
        x + self.fc2.forward(hidden)
    }
}

/// Whether a device is the CPU, where there is more than one kind.
fn is_cpu(device: &Device) -> bool {
    #[cfg(feature = "cpu")]
    return *device == Device::flex();
    #[cfg(not(feature = "cpu"))]
    {
        let _ = device;
        false
    }
}

/// Heads side by side again.
///
/// # Shapes
///
/// - input: `[batch, heads, tokens, head size]`
/// - output: `[batch, tokens, width]`
fn join(heads: Tensor<4>) -> Tensor<3> {
    let [batch, count, tokens, size] = heads.dims();
    heads.swap_dims(1, 2).reshape([batch, tokens, count * size])
}

/// Queries, keys and values out of what one matrix product made of them.
///
/// # Shapes
///
/// - input: `[batch, tokens, 3 · width]`
pub(super) fn split_qkv(qkv: Tensor<3>, heads: usize) -> Heads {
    let [batch, tokens, three] = qkv.dims();
    let qkv: Tensor<5> = qkv.reshape([batch, tokens, 3, heads, three / 3 / heads]);
    let part = |kind: usize| {
        let part = qkv.clone().narrow(2, kind, 1);
        part.squeeze_dim::<4>(2).swap_dims(1, 2)
    };
    Heads {
        query: part(0),
        key: part(1),
        value: part(2),
    }
}

/// A block's weights as they are stored.
fn load_weights(
    source: &mut impl WeightSource,
    prefix: &str,
    shape: BlockShape,
) -> Result<BlockWeights> {
    let BlockShape { width, mlp, .. } = shape;
    let norm = |source: &mut _, name: &str| load_norm(source, &format!("{prefix}.{name}"), width);
    let linear = |source: &mut _, names: &[&str], shape| load_linear(source, prefix, names, shape);
    Ok(BlockWeights {
        norm1: norm(source, "layer_norm1")?,
        qkv: linear(
            source,
            &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
            [width, width],
        )?,
        out: linear(source, &["self_attn.out_proj"], [width, width])?,
        norm2: norm(source, "layer_norm2")?,
        fc1: linear(source, &["mlp.fc1"], [mlp, width])?,
        activation: shape.activation,
        fc2: linear(source, &["mlp.fc2"], [width, mlp])?,
        heads: shape.heads,
        epsilon: shape.norm_eps,
    })
}

fn load_norm(source: &mut impl WeightSource, name: &str, width: usize) -> Result<NormWeights> {
    Ok(NormWeights {
        gamma: source.values(&format!("{name}.weight"), &[width])?,
        beta: source.values(&format!("{name}.bias"), &[width])?,
    })
}

fn load_linear(
    source: &mut impl WeightSource,
    prefix: &str,
    names: &[&str],
    [output, input]: [usize; 2],
) -> Result<LinearWeights> {
    let (mut matrices, mut bias) = (Vec::new(), Vec::new());
    for name in names {
        matrices.push(source.matrix(&format!("{prefix}.{name}.weight"), [output, input])?);
        bias.extend(source.values(&format!("{prefix}.{name}.bias"), &[output])?);
    }
    Ok(LinearWeights { matrices, bias })
}

/// A linear layer from `NAME.weight` `[output, input]`, as PyTorch stores it, and `NAME.bias`.
///
/// # Errors
///
/// [`Error::Model`](crate::Error::Model) if a tensor is missing or has another shape;
/// [`Error::Io`](crate::Error::Io) if the source cannot read its file.
pub fn build_linear(
    source: &mut impl WeightSource,
    name: &str,
    input: usize,
    output: usize,
    device: &Device,
) -> Result<Linear> {
    let weights = LinearWeights {
        matrices: vec![source.matrix(&format!("{name}.weight"), [output, input])?],
        bias: source.values(&format!("{name}.bias"), &[output])?,
    };
    Ok(linear(&weights, device))
}

fn linear(weights: &LinearWeights, device: &Device) -> Linear {
    let (values, output) = (weights.values(), weights.bias.len());
    let shape = [output, values.len() / output];
    let weight = Tensor::<2>::from_data(TensorData::new(values, shape), device);
    Linear {
        weight: Param::from_tensor(weight.transpose()),
        bias: Some(Param::from_tensor(vector(&weights.bias, device))),
    }
}

fn vector(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_floats(values, device)
}

/// A layer norm from `NAME.weight` and `NAME.bias`, both `[width]`.
///
/// # Errors
///
/// [`Error::Model`](crate::Error::Model) if a tensor is missing or has another shape;
/// [`Error::Io`](crate::Error::Io) if the source cannot read its file.
pub fn build_layer_norm(
    source: &mut impl WeightSource,
    name: &str,
    width: usize,
    eps: f64,
    device: &Device,
) -> Result<LayerNorm> {
    let weights = load_norm(source, name, width)?;
    Ok(layer_norm(&weights, eps, device))
}

fn layer_norm(weights: &NormWeights, epsilon: f64, device: &Device) -> LayerNorm {
    let config = LayerNormConfig::new(weights.gamma.len()).with_epsilon(epsilon);
    let mut norm = config.init(device);
    norm.gamma = Param::from_tensor(vector(&weights.gamma, device));
    norm.beta = Some(Param::from_tensor(vector(&weights.beta, device)));
    norm
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::quant::Stored;

    /// Weights that are all alike, matrices in 8 bits.
    struct Constant;

    impl WeightSource for Constant {
        fn values(&mut self, _: &str, shape: &[usize]) -> Result<Vec<f32>> {
            Ok(vec![0.01; shape.iter().product()])
        }

        fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Stored> {
            Ok(Stored::new(
                &self.values(name, &shape)?,
                shape[1],
                Scheme::Q8,
            ))
        }
    }

    #[test]
    fn block_too_wide_for_the_kernels_is_plain_burn() {
        let device = Device::flex();
        for (mlp, on_kernels) in [(65_536, true), (65_537, false)] {
            let shape = BlockShape {
                width: 8,
                heads: 1,
                mlp,
                activation: Activation::Gelu,
                norm_eps: 1e-5,
            };
            let block = Block::load(&mut Constant, "block", shape, &device).unwrap();
            assert_eq!(matches!(block, Block::Cpu(_)), on_kernels, "{mlp}");
            let x = block.forward(Tensor::ones([1, 2, 8], &device), false);
            let x: Vec<f32> = x.into_data().try_to_vec().unwrap();
            assert!(x.iter().all(|x| x.is_finite()), "{mlp}: {x:?}");
        }
    }
}
