//! Blocks on the GPU's kernels against the same blocks in plain Burn on the CPU. Natively
//! `tests/gpu.rs` runs this where there is a GPU; in a browser each engine's `browser_tests` do their
//! half, since there is one for each device.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use wordmask::clip::{Block, BlockShape};
use wordmask::kernel::Activation;
use wordmask::quant::{Scheme, Stored, WeightSource};
use wordmask::readback::read;

use super::numbers::Numbers;

/// Largest difference that adding in another order explains, relative to the largest number.
#[cfg(feature = "gpu")]
const TOLERANCE: f32 = 2e-5;

/// The same where weights are so large that scores are in the hundreds: the softmax makes a
/// difference of weights out of the rounding of a score, which is as much larger.
#[cfg(feature = "gpu")]
const TOLERANCE_OF_LARGE_SCORES: f32 = 3e-4;

/// The tolerance where activations between kernels are f16, a number of which is off by 2⁻¹¹ of itself at most if
/// it is rounded to the nearest: a few such steps follow each other, and attention has the exponential
/// of one.
#[cfg(feature = "gpu")]
const TOLERANCE_OF_HALVES: f32 = 2e-3;

/// A block and what goes through it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    scheme: Scheme,
    width: usize,
    heads: usize,
    mlp: usize,
    activation: Activation,
    batch: usize,
    tokens: usize,
    causal: bool,
    /// How large weights are, and what goes in.
    size: [f32; 2],
}

impl Case {
    fn shape(self) -> BlockShape {
        BlockShape {
            width: self.width,
            heads: self.heads,
            mlp: self.mlp,
            activation: self.activation,
            norm_eps: 1e-5,
        }
    }
}

/// Shapes at their limits: one token; widths that fill no tile, no step and no block of 32; heads
/// of sizes that four invocations do not share evenly; towers' own numbers of tokens; scales far
/// from 1.
pub(crate) fn cases() -> Vec<Case> {
    let usual = Case {
        scheme: Scheme::Q8,
        width: 64,
        heads: 1,
        mlp: 256,
        activation: Activation::QuickGelu,
        batch: 1,
        tokens: 50,
        causal: false,
        size: [0.1, 1.0],
    };
    let mut cases = Vec::new();
    for scheme in [Scheme::Q8, Scheme::Q4] {
        let usual = Case { scheme, ..usual };
        for (width, heads, mlp, batch, tokens) in [
            (8, 2, 8, 1, 1),
            (24, 1, 40, 1, 7),
            (72, 3, 200, 3, 9),
            (80, 1, 104, 2, 33),
            (104, 1, 136, 1, 65),
            (128, 1, 72, 1, 31),
            (64, 1, 256, 1, 785),
            (8, 1, 8, 1, 3137),
            (192, 3, 768, 2, 257),
        ] {
            cases.push(Case {
                width,
                heads,
                mlp,
                batch,
                tokens,
                ..usual
            });
        }
        cases.push(Case {
            activation: Activation::Gelu,
            ..usual
        });
        cases.push(Case {
            causal: true,
            batch: 5,
            tokens: 77,
            ..usual
        });
        for size in [[1e-6, 1.0], [0.1, 1e-6], [0.1, 1e3], [1.0, 1.0]] {
            cases.push(Case { size, ..usual });
        }
    }
    cases
}

/// What a block is computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Plain Burn, in f32.
    Burn,
    /// The kernels of the device.
    Kernels,
}

/// What a block and its parts answer, by name.
pub(crate) async fn answers(
    case: Case,
    way: Way,
    device: &Device,
) -> Vec<(&'static str, Vec<f32>)> {
    let Case {
        width,
        batch,
        tokens,
        causal,
        ..
    } = case;
    let shape = case.shape();
    let weights = Weights::new(case, shape);
    let mut source = Source {
        weights: &weights,
        quantised: way == Way::Kernels,
    };
    let block = Block::load(&mut source, "block", shape, device).expect("a block");
    let is_plain = matches!(block, Block::Burn(_));
    assert_eq!(is_plain, way == Way::Burn, "{case:?} has no kernels");

    let x = Numbers::new(7).take(batch * tokens * width, case.size[1]);
    let x: Tensor<3> = Tensor::from_data(TensorData::new(x, [batch, tokens, width]), device);
    let heads = block.heads(x.clone());
    vec![
        ("forward", numbers(block.forward(x.clone(), causal)).await),
        ("feed_forward", numbers(block.feed_forward(x)).await),
        ("queries", numbers(heads.query).await),
        ("keys", numbers(heads.key).await),
        ("merge", numbers(block.merge(heads.value.clone())).await),
        ("values", numbers(heads.value).await),
    ]
}

async fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    read(x).await.expect("an answer")
}

/// Panics if the GPU's kernels differ from plain Burn by more than rounding; the largest difference
/// as a share of what is allowed.
#[cfg(feature = "gpu")]
pub(crate) async fn check(case: Case, expected: &[Vec<f32>], gpu: &Device) -> f32 {
    let halves = wordmask::kernel::gpu::uses_f16_activations(gpu);
    let large_scores = case.size[0] >= 1.0;
    let tolerance = match (halves, large_scores) {
        (false, false) => TOLERANCE,
        (false, true) => TOLERANCE_OF_LARGE_SCORES,
        (true, false) => TOLERANCE_OF_HALVES,
        (true, true) => TOLERANCE_OF_HALVES * TOLERANCE_OF_LARGE_SCORES / TOLERANCE,
    };
    let mut worst = 0.0f32;
    let answers = answers(case, Way::Kernels, gpu).await;
    assert_eq!(answers.len(), expected.len());
    for ((part, answer), expected) in answers.iter().zip(expected) {
        let difference = apart(answer, expected);
        assert!(
            difference <= tolerance,
            "{part} is off by {difference}: {case:?}"
        );
        worst = worst.max(difference / tolerance);
    }
    worst
}

/// Makes kernels ahead of need; the device must still compute after them.
#[cfg(feature = "gpu")]
pub(crate) fn warm(gpu: &Device) {
    let case = cases()[0];
    for scheme in [Scheme::Q8, Scheme::Q4] {
        Block::warm(case.shape(), scheme, gpu);
    }
}

/// A row that is not a number spoils its own row and no other where rows do not meet, and all of
/// them where they do.
#[cfg(feature = "gpu")]
pub(crate) async fn check_not_a_number(gpu: &Device) {
    let case = cases()[2];
    let shape = case.shape();
    let weights = Weights::new(case, shape);
    let mut source = Source {
        weights: &weights,
        quantised: true,
    };
    let block = Block::load(&mut source, "block", shape, gpu).expect("a block");
    let mut x = Numbers::new(7).take(case.tokens * case.width, 1.0);
    x[4 * case.width + 1] = f32::NAN;
    let x: Tensor<3> = Tensor::from_data(TensorData::new(x, [1, case.tokens, case.width]), gpu);
    let apart = numbers(block.feed_forward(x.clone())).await;
    for (row, numbers) in apart.chunks_exact(case.width).enumerate() {
        assert_eq!(numbers.iter().all(|n| n.is_nan()), row == 4, "row {row}");
        assert_eq!(numbers.iter().any(|n| n.is_nan()), row == 4, "row {row}");
    }
    let met = numbers(block.forward(x, false)).await;
    assert!(met.iter().all(|n| n.is_nan()));
}

/// The largest difference, relative to the largest number.
#[cfg(feature = "gpu")]
fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    a.iter().zip(b).fold(0.0, |worst: f32, (a, b)| {
        // Written so that a NaN is a difference.
        let difference = (a - b).abs() / largest;
        if difference <= worst {
            worst
        } else {
            difference
        }
    })
}

/// The weights of a block, quantised.
struct Weights(HashMap<String, Stored>);

impl Weights {
    fn new(case: Case, shape: BlockShape) -> Self {
        let mut numbers = Numbers::new(case.width as u64 * 1000 + case.tokens as u64);
        let mut all = HashMap::new();
        let (width, mlp) = (shape.width, shape.mlp);
        for (name, output, input) in [
            ("self_attn.q_proj", width, width),
            ("self_attn.k_proj", width, width),
            ("self_attn.v_proj", width, width),
            ("self_attn.out_proj", width, width),
            ("mlp.fc1", mlp, width),
            ("mlp.fc2", width, mlp),
        ] {
            let weight = numbers.take(output * input, case.size[0]);
            let bias = numbers.take(output, case.size[0]);
            let stored = Stored::new(&weight, input, case.scheme);
            all.insert(format!("block.{name}.weight"), stored);
            all.insert(format!("block.{name}.bias"), Stored::F32(bias));
        }
        for name in ["layer_norm1", "layer_norm2"] {
            let gamma = numbers.take(width, 0.3).iter().map(|g| g + 1.0).collect();
            all.insert(format!("block.{name}.weight"), Stored::F32(gamma));
            all.insert(
                format!("block.{name}.bias"),
                Stored::F32(numbers.take(width, 0.3)),
            );
        }
        Self(all)
    }
}

struct Source<'a> {
    weights: &'a Weights,
    quantised: bool,
}

impl WeightSource for Source<'_> {
    fn values(&mut self, name: &str, _: &[usize]) -> wordmask::Result<Vec<f32>> {
        let mut values = Vec::new();
        self.weights.0[name].decode_into(&mut values);
        Ok(values)
    }

    fn matrix(&mut self, name: &str, _: [usize; 2]) -> wordmask::Result<Stored> {
        if self.quantised {
            return Ok(self.weights.0[name].clone());
        }
        Ok(Stored::F32(self.values(name, &[])?))
    }
}
