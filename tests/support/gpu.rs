//! Blocks on the GPU's kernels against the same blocks in plain Burn on the CPU. Natively
//! `tests/gpu.rs` runs this where there is a GPU, in browsers `browser_tests`.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use wordmask::clip::{Block, BlockShape};
use wordmask::kernel::Activation;
use wordmask::quant::{Scheme, Stored, WeightSource};
use wordmask::readback::read;

use super::numbers::Numbers;

/// Largest difference that adding in another order explains, relative to the largest number.
const TOLERANCE: f32 = 2e-5;

/// The same where weights are so large that scores are in the hundreds: the softmax makes a
/// difference of weights out of the rounding of a score, which is as much larger.
const TOLERANCE_OF_LARGE_SCORES: f32 = 3e-4;

/// The tolerance where activations between kernels are f16, a number of which is off by 2⁻¹¹ of itself at most if
/// it is rounded to the nearest: a few such steps follow each other, and attention has the exponential
/// of one.
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

/// The relative differences of a block and of its parts, with their names.
pub(crate) async fn differences(case: Case, gpu: &Device) -> Vec<(&'static str, f32)> {
    let Case {
        width,
        batch,
        tokens,
        causal,
        ..
    } = case;
    let shape = case.shape();
    let cpu = Device::flex();
    let weights = Weights::new(case, shape);
    let here = Block::load(&mut weights.stored(), "block", shape, gpu).expect("a block");
    let there = Block::load(&mut weights.expanded(), "block", shape, &cpu).expect("a block");
    assert!(matches!(here, Block::Gpu(_)), "{case:?} has no kernels");
    assert!(matches!(there, Block::Burn(_)));

    let x = Numbers::new(7).take(batch * tokens * width, case.size[1]);
    let on = |device: &Device| -> Tensor<3> {
        Tensor::from_data(TensorData::new(x.clone(), [batch, tokens, width]), device)
    };
    let (a, b) = (on(gpu), on(&cpu));
    let (a_heads, b_heads) = (here.heads(a.clone()), there.heads(b.clone()));
    vec![
        (
            "forward",
            apart(
                here.forward(a.clone(), causal),
                there.forward(b.clone(), causal),
            )
            .await,
        ),
        (
            "feed_forward",
            apart(here.feed_forward(a), there.feed_forward(b)).await,
        ),
        ("queries", apart(a_heads.query, b_heads.query).await),
        ("keys", apart(a_heads.key, b_heads.key).await),
        (
            "merge",
            apart(
                here.merge(a_heads.value.clone()),
                there.merge(b_heads.value.clone()),
            )
            .await,
        ),
        ("values", apart(a_heads.value, b_heads.value).await),
    ]
}

/// Panics if a difference is more than rounding; the largest one as a share of what is allowed.
pub(crate) async fn check(case: Case, gpu: &Device) -> f32 {
    let halves = wordmask::kernel::gpu::uses_f16_activations(gpu);
    let large_scores = case.size[0] >= 1.0;
    let tolerance = match (halves, large_scores) {
        (false, false) => TOLERANCE,
        (false, true) => TOLERANCE_OF_LARGE_SCORES,
        (true, false) => TOLERANCE_OF_HALVES,
        (true, true) => TOLERANCE_OF_HALVES * TOLERANCE_OF_LARGE_SCORES / TOLERANCE,
    };
    let mut worst = 0.0f32;
    for (part, difference) in differences(case, gpu).await {
        assert!(
            difference <= tolerance,
            "{part} is off by {difference}: {case:?}"
        );
        worst = worst.max(difference / tolerance);
    }
    worst
}

/// Kernels made ahead of need are sound: the device still computes after them.
pub(crate) async fn check_warm(gpu: &Device) {
    let case = cases()[0];
    for scheme in [Scheme::Q8, Scheme::Q4] {
        Block::warm(case.shape(), scheme, gpu);
    }
    check(case, gpu).await;
}

/// A row that is not a number spoils its own row and no other where rows do not meet, and all of
/// them where they do.
pub(crate) async fn check_not_a_number(gpu: &Device) {
    let case = cases()[2];
    let shape = case.shape();
    let weights = Weights::new(case, shape);
    let block = Block::load(&mut weights.stored(), "block", shape, gpu).expect("a block");
    let mut x = Numbers::new(7).take(case.tokens * case.width, 1.0);
    x[4 * case.width + 1] = f32::NAN;
    let x: Tensor<3> = Tensor::from_data(TensorData::new(x, [1, case.tokens, case.width]), gpu);
    let apart = read(block.feed_forward(x.clone()))
        .await
        .expect("an answer");
    for (row, numbers) in apart.chunks_exact(case.width).enumerate() {
        assert_eq!(numbers.iter().all(|n| n.is_nan()), row == 4, "row {row}");
        assert_eq!(numbers.iter().any(|n| n.is_nan()), row == 4, "row {row}");
    }
    let met = read(block.forward(x, false)).await.expect("an answer");
    assert!(met.iter().all(|n| n.is_nan()));
}

/// The largest difference of two tensors, relative to the largest number.
async fn apart<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (
        read(a).await.expect("an answer"),
        read(b).await.expect("an answer"),
    );
    let largest = b.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    a.iter().zip(&b).fold(0.0, |worst: f32, (a, b)| {
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

    fn stored(&self) -> Source<'_> {
        Source {
            weights: self,
            quantised: true,
        }
    }

    fn expanded(&self) -> Source<'_> {
        Source {
            weights: self,
            quantised: false,
        }
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
