//! The CPU's kernels against plain arithmetic in f64. Natively `tests/kernel.rs` runs this, in
//! browsers `browser_tests`.

use super::numbers::Numbers;
use wordmask::kernel::cpu::{
    ActivationBits, Attention, AttentionShape, BlockParts, Epilogue, LayerNorm, PackedBlock,
    PackedLinear, QuantisedAttention, QuantisedRows,
};

const ACTIVATION_BITS: [ActivationBits; 2] = [ActivationBits::B8, ActivationBits::B14];

/// A comparison by its name. It panics where it fails.
pub(crate) type Check = (&'static str, fn());

/// All of them.
pub(crate) const CHECKS: &[Check] = &[
    ("exact integers", exact_integers),
    ("linear on many shapes", linear_on_many_shapes),
    ("linear at extreme scales", linear_at_extreme_scales),
    ("linear finishes", linear_finishes),
    ("what is not finite", what_is_not_finite),
    ("layer norm", layer_norm),
    ("attention", attention),
    ("attention of large scores", attention_of_large_scores),
    ("quantised attention", quantised_attention),
    (
        "quantised attention, not finite",
        quantised_attention_not_finite,
    ),
    ("block", block),
    ("blocks in batches", blocks_in_batches),
];

/// Runs all checks, which panic where they fail; how the kernels compute here, then the
/// names of the checks.
pub(crate) fn run() -> Vec<String> {
    let names = CHECKS.iter().map(|(name, check)| {
        check();
        (*name).to_owned()
    });
    std::iter::once(wordmask::kernel::cpu::kernel_name().to_owned())
        .chain(names)
        .collect()
}

pub(crate) struct Linear {
    weight: Vec<f32>,
    bias: Vec<f32>,
    input: usize,
}

impl Linear {
    pub(crate) fn new(numbers: &mut Numbers, input: usize, output: usize, size: f32) -> Self {
        Self {
            weight: numbers.take(input * output, size),
            bias: numbers.take(output, size),
            input,
        }
    }

    fn pack(&self, bits: ActivationBits) -> PackedLinear {
        PackedLinear::pack(&self.weight, &self.bias, bits)
    }

    /// Exact sums, `[rows, output]`, each with how far quantised values of this precision may stray from it.
    fn exact(&self, x: &[f32], bits: ActivationBits) -> Vec<(f64, f64)> {
        // In 8 bits every channel keeps at least 126 steps for the heaviest four weights, so a step
        // is at most four times the largest weight over 126.
        let (full, steps) = match bits {
            ActivationBits::B8 => (255.0, 126.0 / 4.0),
            ActivationBits::B14 => (16_383.0, 127.0),
        };
        let largest_of = |x: &[f32]| x.iter().fold(0.0f64, |m, x| m.max(f64::from(x.abs())));
        x.chunks_exact(self.input)
            .flat_map(|x| {
                let least = x.iter().fold(0.0f64, |m, &x| m.min(f64::from(x)));
                let most = x.iter().fold(0.0f64, |m, &x| m.max(f64::from(x)));
                let x_step = (most - least) / full;
                self.weight
                    .chunks_exact(self.input)
                    .zip(&self.bias)
                    .map(move |(weight, &bias)| {
                        let weight_step = largest_of(weight) / steps;
                        let (mut sum, mut slack, mut tiny) = (f64::from(bias), 0.0, 0.0);
                        let mut size = sum.abs();
                        for (&x, &weight) in x.iter().zip(weight) {
                            let (x, weight) = (f64::from(x), f64::from(weight));
                            sum += x * weight;
                            size += (x * weight).abs();
                            slack += 0.51 * x_step * weight.abs()
                                + 0.51 * weight_step * (x.abs() + x_step);
                            // Steps that f32 cannot hold in full precision count as zero.
                            tiny += full * f64::from(f32::MIN_POSITIVE) * (x.abs() + weight.abs());
                        }
                        (sum, slack + tiny + 1e-5 * size)
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

fn forward(layer: &PackedLinear, x: &[f32], epilogue: Epilogue, out: &mut [f32]) {
    let mut rows = QuantisedRows::default();
    layer.quantise(x, &mut rows);
    layer.forward(&rows, epilogue, out);
}

/// A linear layer of random numbers against its exact sums.
pub(crate) fn check_linear(rows: usize, input: usize, output: usize, sizes: [f32; 2], seed: u64) {
    let mut numbers = Numbers::new(seed);
    let layer = Linear::new(&mut numbers, input, output, sizes[0]);
    let x = numbers.take(rows * input, sizes[1]);
    for bits in ACTIVATION_BITS {
        let packed = layer.pack(bits);
        let exact = layer.exact(&x, bits);
        for (way, mut quantised) in QuantisedRows::in_every_way().into_iter().enumerate() {
            let mut out = vec![f32::NAN; rows * output];
            packed.quantise(&x, &mut quantised);
            packed.forward(&quantised, Epilogue::Plain, &mut out);
            for (i, (&found, &(expected, slack))) in out.iter().zip(&exact).enumerate() {
                let error = (f64::from(found) - expected).abs();
                assert!(
                    error <= slack,
                    "{rows}×{input}×{output}, {sizes:?}, {bits:?}, way {way}, number {i}: {found} for {expected} ± {slack}"
                );
            }
        }
    }
}

/// Activations and weights that quantised values hold exactly give exact sums, also where a sum of 16 bits is
/// as full as it can be.
fn exact_integers() {
    for (bits, largest) in ACTIVATION_BITS.into_iter().zip([255, 16_383]) {
        check_exact_integers(bits, largest);
    }
}

fn check_exact_integers(bits: ActivationBits, largest: usize) {
    let (rows, input, output) = (7, 48, 19);
    let groups = [
        [32, 32, 32, 32],
        [127, 1, 0, 0],
        [-64, -64, 127, 0],
        [-127, 64, 64, -1],
        [0, 0, 0, 0],
    ];
    let weight: Vec<f32> = (0..output * input)
        .map(|i| {
            let (channel, place) = (i / input, i % input);
            // The four weights of a group are pairs of two neighbouring steps.
            let group = groups[(channel + place / 8) % groups.len()];
            let weight = group[place % 8 / 4 * 2 + place % 2];
            // Of full scale somewhere, so that a weight is its own quantised value.
            (if channel % 2 == 0 { weight } else { -weight }) as f32
        })
        .collect();
    let x: Vec<f32> = (0..rows * input)
        .map(|i| match (i % input, i / input % 3) {
            (5, _) | (_, 0) => largest as f32,
            (_, 1) => (i * 3_701 % (largest + 1)) as f32,
            _ => 0.0,
        })
        .collect();
    let layer = PackedLinear::pack(&weight, &vec![0.0; output], bits);
    for (way, mut quantised) in QuantisedRows::in_every_way().into_iter().enumerate() {
        let mut out = vec![f32::NAN; rows * output];
        layer.quantise(&x, &mut quantised);
        layer.forward(&quantised, Epilogue::Plain, &mut out);
        for (row, out) in x.chunks_exact(input).zip(out.chunks_exact(output)) {
            for (weight, &found) in weight.chunks_exact(input).zip(out) {
                let products = row.iter().zip(weight);
                let expected: f64 = products.map(|(x, w)| f64::from(x * w)).sum();
                assert!(
                    (f64::from(found) - expected).abs() <= 1e-6 * expected.abs(),
                    "{bits:?}, way {way}: {found} for {expected}"
                );
            }
        }
    }
}

fn linear_on_many_shapes() {
    for (seed, (rows, input, output)) in [
        (1, 1, 1),
        (1, 768, 8),
        (2, 15, 7),
        (3, 17, 9),
        (4, 16, 8),
        (5, 33, 31),
        (50, 64, 40),
        (197, 96, 24),
        (785, 48, 16),
        (3137, 40, 24),
        (6, 3072, 12),
    ]
    .into_iter()
    .enumerate()
    {
        check_linear(rows, input, output, [0.1, 2.0], seed as u64);
    }
}

fn linear_at_extreme_scales() {
    for (seed, sizes) in [
        [1e-20, 1e20],
        [1e15, 1e-15],
        [1e-3, 1e38],
        [1e3, 1e-36],
        [1.0, 1e-44],
        [1e-44, 1.0],
    ]
    .into_iter()
    .enumerate()
    {
        check_linear(3, 40, 10, sizes, seed as u64);
    }
    // Zeros are exact.
    let layer = PackedLinear::pack(&[0.5; 20], &[0.25, -1.0], ActivationBits::B8);
    let mut out = [f32::NAN; 4];
    forward(&layer, &[0.0; 20], Epilogue::Plain, &mut out);
    assert_eq!(out, [0.25, -1.0, 0.25, -1.0]);
}

fn linear_finishes() {
    let mut numbers = Numbers::new(9);
    let layer = Linear::new(&mut numbers, 40, 13, 0.3);
    let x = numbers.take(6 * 40, 1.0);
    for bits in ACTIVATION_BITS {
        check_finishes(&layer.pack(bits), &x);
    }
}

fn check_finishes(layer: &PackedLinear, x: &[f32]) {
    let mut plain = vec![f32::NAN; 6 * 13];
    forward(layer, x, Epilogue::Plain, &mut plain);

    let mut added = vec![3.0; 6 * 13];
    forward(layer, x, Epilogue::Residual, &mut added);
    let mut quick = vec![f32::NAN; 6 * 13];
    forward(layer, x, Epilogue::QuickGelu, &mut quick);
    let mut gelu = vec![f32::NAN; 6 * 13];
    forward(layer, x, Epilogue::Gelu, &mut gelu);
    for (i, &x) in plain.iter().enumerate() {
        assert!((added[i] - (x + 3.0)).abs() < 1e-5);
        assert!((quick[i] - x / (1.0 + (-1.702 * x).exp())).abs() < 1e-5);
        // What is between the two functions everywhere.
        assert!(
            (gelu[i] - quick[i]).abs() < 0.03,
            "{} {}",
            gelu[i],
            quick[i]
        );
    }
}

/// A row with a NaN or an infinity comes out as NaN, and no other row does.
fn what_is_not_finite() {
    for bits in ACTIVATION_BITS {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, 7, 20] {
                check_not_finite(bits, bad, place);
            }
        }
    }
}

fn check_not_finite(bits: ActivationBits, bad: f32, place: usize) {
    let (rows, input, output) = (6, 21, 11);
    let mut numbers = Numbers::new(4);
    let layer = Linear::new(&mut numbers, input, output, 0.5).pack(bits);
    let norm = LayerNorm::new(vec![1.0; input], vec![0.0; input], 1e-5);
    let mut x = numbers.take(rows * input, 1.0);
    x[2 * input + place] = bad;
    let mut quantised = QuantisedRows::default();
    for normed in [false, true] {
        if normed {
            quantised.fill_normed(&x, &norm, bits);
        } else {
            layer.quantise(&x, &mut quantised);
        }
        for epilogue in [
            Epilogue::Plain,
            Epilogue::QuickGelu,
            Epilogue::Gelu,
            Epilogue::Residual,
        ] {
            let mut out = vec![0.0; rows * output];
            layer.forward(&quantised, epilogue, &mut out);
            for (row, out) in out.chunks_exact(output).enumerate() {
                assert!(
                    out.iter().all(|x| x.is_nan() == (row == 2)),
                    "{bits:?}, {bad} at {place}, row {row}: {out:?}"
                );
            }
        }
    }
}

fn exact_norm(x: &[f32]) -> Vec<f64> {
    let count = x.len() as f64;
    let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = x
        .iter()
        .map(|&x| (f64::from(x) - mean).powi(2))
        .sum::<f64>()
        / count;
    x.iter()
        .map(|&x| (f64::from(x) - mean) / (variance + 1e-5).sqrt())
        .collect()
}

fn layer_norm() {
    let mut numbers = Numbers::new(2);
    for width in [1, 5, 8, 31, 64, 768] {
        let gamma = numbers.take(width, 1.0);
        let beta = numbers.take(width, 1.0);
        let norm = LayerNorm::new(gamma.clone(), beta.clone(), 1e-5);
        for (size, shift) in [(1.0, 0.0), (1e-3, 0.0), (1e4, 0.0), (1.0, 300.0)] {
            let mut x = numbers.take(3 * width, size);
            x.iter_mut().for_each(|x| *x += shift);
            let mut out = vec![f32::NAN; x.len()];
            norm.forward(&x, &mut out);
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact(width)) {
                for (i, (&found, expected)) in out.iter().zip(exact_norm(x)).enumerate() {
                    let expected = expected * f64::from(gamma[i]) + f64::from(beta[i]);
                    let error = (f64::from(found) - expected).abs();
                    // Subtracting a mean of 300 costs what 300 was rounded by.
                    let slack = if shift == 0.0 { 1e-5 } else { 1e-3 };
                    assert!(
                        error < slack,
                        "{width}, {size}, {shift}: {found} for {expected}"
                    );
                }
            }
        }
    }
}

fn exact_attention(projected: &[f32], shape: AttentionShape) -> Vec<f64> {
    let AttentionShape {
        tokens,
        width,
        heads,
        causal,
    } = shape;
    let size = width / heads;
    let part = |token: usize, kind: usize, head: usize| {
        &projected[(3 * token + kind) * width + head * size..][..size]
    };
    let mut out = vec![0.0; tokens * width];
    for head in 0..heads {
        for query in 0..tokens {
            let seen = if causal { query + 1 } else { tokens };
            let scores: Vec<f64> = (0..seen)
                .map(|key| {
                    let pairs = part(query, 0, head).iter().zip(part(key, 1, head));
                    pairs
                        .map(|(&q, &k)| f64::from(q) * f64::from(k))
                        .sum::<f64>()
                        / (size as f64).sqrt()
                })
                .collect();
            let largest = scores.iter().fold(f64::NEG_INFINITY, |m, &s| m.max(s));
            let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
            let sum: f64 = weights.iter().sum();
            for (key, weight) in weights.iter().enumerate() {
                let out = &mut out[query * width + head * size..][..size];
                for (out, &value) in out.iter_mut().zip(part(key, 2, head)) {
                    *out += weight / sum * f64::from(value);
                }
            }
        }
    }
    out
}

/// Attention over random numbers against the exact one.
pub(crate) fn check_attention(shape: AttentionShape, size: f32, seed: u64) {
    let projected = Numbers::new(seed).take(3 * shape.tokens * shape.width, size);
    let mut out = vec![f32::NAN; shape.tokens * shape.width];
    // Memory that something longer has left behind must not show.
    let mut attention = Attention::default();
    let longer = AttentionShape {
        tokens: shape.tokens + 5,
        causal: false,
        ..shape
    };
    attention.forward(
        &vec![1e3; 3 * longer.tokens * longer.width],
        longer,
        &mut vec![0.0; longer.tokens * longer.width],
    );
    attention.forward(&projected, shape, &mut out);
    for (&found, expected) in out.iter().zip(exact_attention(&projected, shape)) {
        let error = (f64::from(found) - expected).abs();
        assert!(
            error < 2e-5 * f64::from(size.max(1.0)),
            "{shape:?}: {found} for {expected}"
        );
    }
}

fn attention() {
    on_many_shapes(check_attention);
}

fn on_many_shapes(check: fn(AttentionShape, f32, u64)) {
    for (tokens, width, heads) in [
        (1, 8, 2),
        (2, 5, 1),
        (9, 12, 2),
        (16, 64, 1),
        (50, 160, 2),
        (197, 128, 2),
        (785, 64, 1),
        (3137, 8, 1),
    ] {
        for causal in [false, true] {
            let shape = AttentionShape {
                tokens,
                width,
                heads,
                causal,
            };
            check(shape, 1.0, tokens as u64);
        }
    }
}

/// Scores far apart, also where a key that is masked has the largest.
fn attention_of_large_scores() {
    let shape = AttentionShape {
        tokens: 3,
        width: 2,
        heads: 1,
        causal: true,
    };
    // Query and key of each token are its first two numbers; the third key outshines all.
    let projected = [
        [100.0, 0.0, 1.0, 0.0, 1.0, 2.0],
        [100.0, 0.0, 2.0, 0.0, 3.0, 4.0],
        [100.0, 0.0, 90.0, 0.0, 5.0, 6.0],
    ]
    .concat();
    let mut out = [f32::NAN; 6];
    Attention::default().forward(&projected, shape, &mut out);
    for (found, expected) in out.iter().zip([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) {
        assert!((found - expected).abs() < 1e-5, "{out:?}");
    }
    // The first query is spoilt, and then the second key, which the first query does not see.
    for (place, bad, spoilt) in [
        (1, f32::NAN, [true, false, false]),
        (6 + 3, f32::NAN, [false, true, true]),
        (6 + 3, f32::INFINITY, [false, true, true]),
        (6 + 3, f32::NEG_INFINITY, [false, true, true]),
    ] {
        let mut projected = projected.clone();
        projected[place] = bad;
        Attention::default().forward(&projected, shape, &mut out);
        for (query, out) in out.chunks_exact(2).enumerate() {
            assert!(
                out.iter().all(|x| x.is_nan() == spoilt[query]),
                "{bad} at {place}: {out:?}"
            );
        }
    }
}

/// Quantised attention over random numbers against the exact one: never further from it than rounding may
/// stray.
pub(crate) fn check_quantised_attention(shape: AttentionShape, size: f32, seed: u64) {
    let mut projected = Numbers::new(seed).take(3 * shape.tokens * shape.width, size);
    // Numbers have means of their own, as those of networks do.
    for (i, x) in projected.iter_mut().enumerate() {
        *x += size * (i % shape.width % 3) as f32;
    }
    let mut attention = QuantisedAttention::default();
    let mut out = vec![f32::NAN; shape.tokens * shape.width];
    // Memory that something else has left behind must not show.
    attention.forward(&vec![1e3; projected.len()], shape, &mut out);
    attention.forward(&projected, shape, &mut out);
    for head in 0..shape.heads {
        check_coded_head(&projected, shape, head, &out);
    }
}

fn check_coded_head(projected: &[f32], shape: AttentionShape, head: usize, out: &[f32]) {
    let AttentionShape {
        tokens,
        width,
        heads,
        causal,
    } = shape;
    let size = width / heads;
    let take = |kind: usize| -> Vec<f32> {
        let rows = (0..tokens)
            .flat_map(|token| &projected[(3 * token + kind) * width + head * size..][..size]);
        rows.copied().collect()
    };
    let without_mean = |mut rows: Vec<f32>| {
        for i in 0..size {
            let mean = rows.iter().skip(i).step_by(size).sum::<f32>() / tokens as f32;
            rows.iter_mut()
                .skip(i)
                .step_by(size)
                .for_each(|x| *x -= mean);
        }
        rows
    };
    let scale = 1.0 / (size as f32).sqrt();
    let queries: Vec<f32> = take(0).iter().map(|x| x * scale).collect();
    let keys = Linear {
        weight: without_mean(take(1)),
        bias: vec![0.0; tokens],
        input: size,
    };
    let values = take(2);
    let largest = without_mean(values.clone())
        .iter()
        .fold(0.0f64, |m, x| m.max(f64::from(x.abs())));
    let scores = keys.exact(&queries, ActivationBits::B8);
    for (query, scores) in scores.chunks_exact(tokens).enumerate() {
        let scores = &scores[..if causal { query + 1 } else { tokens }];
        let most = scores.iter().fold(f64::NEG_INFINITY, |m, s| m.max(s.0));
        let stray = scores.iter().fold(0.0f64, |m, s| m.max(s.1));
        let weights: Vec<f64> = scores.iter().map(|s| (s.0 - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        for i in 0..size {
            let value = |key: usize| f64::from(values[key * size + i]);
            let expected = (0..weights.len())
                .map(|key| weights[key] * value(key))
                .sum::<f64>()
                / sum;
            let spread = |weight: &dyn Fn(usize) -> f64| -> f64 {
                let parts =
                    (0..weights.len()).map(|key| weight(key) * (value(key) - expected).abs());
                parts.sum::<f64>() / sum
            };
            // Weights that each are off by a factor, and by half a step of the largest, whose score may be off.
            let slack = ((2.0 * stray).exp() - 1.0) * spread(&|key| weights[key])
                + (2.0 * stray).exp() * spread(&|_| 0.51 / 16_383.0)
                + 0.51 * largest / 127.0
                + 1e-5 * (largest + expected.abs());
            let found = f64::from(out[query * width + head * size + i]);
            assert!(
                (found - expected).abs() <= slack,
                "{shape:?}, query {query}: {found} for {expected} ± {slack}"
            );
        }
    }
}

fn quantised_attention() {
    on_many_shapes(check_quantised_attention);
    // A key that outshines the others by far, and small weights that add up to as much as the largest.
    let tokens = 400;
    let shape = AttentionShape {
        tokens,
        width: 4,
        heads: 1,
        causal: false,
    };
    let projected: Vec<f32> = (0..tokens)
        .flat_map(|token| {
            let first = if token == 0 { 6.0 } else { 0.0 };
            let value = if token == 0 { 0.0 } else { 1.0 };
            [
                2.0, 0.0, 0.0, 0.0, first, 0.0, 0.0, 0.0, value, value, 0.0, 0.0,
            ]
        })
        .collect();
    let mut out = vec![f32::NAN; 4 * tokens];
    QuantisedAttention::default().forward(&projected, shape, &mut out);
    let expected = 399.0 / (399.0 + 6f64.exp());
    assert!(
        (f64::from(out[0]) - expected).abs() < 0.01,
        "{} for {expected}",
        out[0]
    );
}

/// A query that is not finite spoils what it gets, a key what all get, a value one number of what all get.
fn quantised_attention_not_finite() {
    let shape = AttentionShape {
        tokens: 5,
        width: 6,
        heads: 2,
        causal: false,
    };
    let projected = Numbers::new(3).take(3 * 5 * 6, 1.0);
    // Of the second token, the second number of the second head.
    for (kind, spoilt) in [
        (
            0,
            (|token, number| token == 1 && number >= 3) as fn(usize, usize) -> bool,
        ),
        (1, |_, number| number >= 3),
        (2, |_, number| number == 4),
    ] {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut projected = projected.clone();
            projected[(3 + kind) * 6 + 4] = bad;
            let mut out = [0.0; 30];
            QuantisedAttention::default().forward(&projected, shape, &mut out);
            for (i, x) in out.iter().enumerate() {
                assert_eq!(
                    !x.is_finite(),
                    spoilt(i / 6, i % 6),
                    "{bad} in {kind}: {out:?}"
                );
            }
        }
    }
}

struct Block {
    projection: Linear,
    out: Linear,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
    width: usize,
}

impl Block {
    fn new(numbers: &mut Numbers, width: usize, heads: usize) -> Self {
        let size = 1.0 / (width as f32).sqrt();
        Self {
            projection: Linear::new(numbers, width, 3 * width, size),
            out: Linear::new(numbers, width, width, size),
            fc1: Linear::new(numbers, width, 4 * width, size),
            fc2: Linear::new(numbers, 4 * width, width, size / 2.0),
            heads,
            width,
        }
    }

    fn pack(&self, bits: ActivationBits) -> PackedBlock {
        let norm = || LayerNorm::new(vec![1.0; self.width], vec![0.0; self.width], 1e-5);
        PackedBlock::new(BlockParts {
            norm1: norm(),
            qkv: self.projection.pack(bits),
            out: self.out.pack(bits),
            norm2: norm(),
            fc1: self.fc1.pack(bits),
            activation: Epilogue::QuickGelu,
            fc2: self.fc2.pack(bits),
            heads: self.heads,
        })
    }

    fn exact(&self, x: &[f32], tokens: usize, causal: bool) -> Vec<f64> {
        let rows = |x: &[f32], f: &dyn Fn(&[f32]) -> Vec<f64>| -> Vec<f32> {
            x.chunks_exact(self.width)
                .flat_map(f)
                .map(|x| x as f32)
                .collect()
        };
        let linear = |layer: &Linear, x: &[f32]| -> Vec<f32> {
            // Of either precision, whose slack is not asked for.
            let exact = layer.exact(x, ActivationBits::B14);
            exact.iter().map(|(x, _)| *x as f32).collect()
        };
        let shape = AttentionShape {
            tokens,
            width: self.width,
            heads: self.heads,
            causal,
        };
        let projected = linear(&self.projection, &rows(x, &exact_norm));
        let attended: Vec<f32> = projected
            .chunks_exact(3 * tokens * self.width)
            .flat_map(|projected| exact_attention(projected, shape))
            .map(|x| x as f32)
            .collect();
        let x: Vec<f32> = x
            .iter()
            .zip(linear(&self.out, &attended))
            .map(|(x, y)| x + y)
            .collect();
        let hidden: Vec<f32> = linear(&self.fc1, &rows(&x, &exact_norm))
            .into_iter()
            .map(|x| x / (1.0 + (-1.702 * x).exp()))
            .collect();
        x.iter()
            .zip(linear(&self.fc2, &hidden))
            .map(|(x, y)| f64::from(x + y))
            .collect()
    }
}

fn cosine(a: &[f32], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let a: Vec<f64> = a.iter().map(|&a| f64::from(a)).collect();
    dot(&a, b) / (dot(&a, &a) * dot(b, b)).sqrt()
}

fn block() {
    let mut numbers = Numbers::new(77);
    let block = Block::new(&mut numbers, 48, 3);
    // Weights lose the same in both: they are rounded to 8 bits.
    for (bits, least) in ACTIVATION_BITS.into_iter().zip([0.999, 0.9999]) {
        check_block(&mut numbers, &block, bits, least);
    }
}

fn check_block(numbers: &mut Numbers, block: &Block, bits: ActivationBits, least: f64) {
    let packed = block.pack(bits);
    for (batch, tokens, causal) in [
        (1, 1, false),
        (2, 17, false),
        (3, 10, true),
        // Quantised attention, where it pays.
        (1, 300, false),
        (1, 300, true),
    ] {
        let x = numbers.take(batch * tokens * 48, 1.0);
        let mut out = x.clone();
        packed.forward(&mut out, tokens, causal);
        let expected = block.exact(&x, tokens, causal);
        // What the block adds, without the part that it only passes on.
        let added: Vec<f32> = out.iter().zip(&x).map(|(y, x)| y - x).collect();
        let expected: Vec<f64> = expected
            .iter()
            .zip(&x)
            .map(|(y, &x)| y - f64::from(x))
            .collect();
        let cosine = cosine(&added, &expected);
        assert!(cosine > least, "{bits:?}, {batch}×{tokens}: {cosine}");
    }
}

/// A sequence comes out the same alone as among others, whatever the split into batches and chunks.
fn blocks_in_batches() {
    let mut numbers = Numbers::new(5);
    let block = Block::new(&mut numbers, 16, 2);
    for bits in ACTIVATION_BITS {
        check_batches(&mut numbers, &block.pack(bits));
    }
}

fn check_batches(numbers: &mut Numbers, packed: &PackedBlock) {
    for (batch, tokens) in [(70, 10), (3, 300), (2, 601)] {
        let x = numbers.take(batch * tokens * 16, 1.0);
        let mut together = x.clone();
        packed.forward(&mut together, tokens, false);
        for (alone, together) in x
            .chunks_exact(tokens * 16)
            .zip(together.chunks_exact(tokens * 16))
        {
            let mut alone = alone.to_vec();
            packed.forward(&mut alone, tokens, false);
            assert_eq!(alone, together, "{batch}×{tokens}");
        }
    }
}
