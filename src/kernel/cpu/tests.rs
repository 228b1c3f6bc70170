//! Every way to compute against the plain one, which the public tests, `tests/kernel.rs`, cannot
//! choose.

use proptest::prelude::*;

use super::gelu::Functions;
use super::simd::{Simd, SimdOp, run, run_portable};
use super::tile::{DotKernel, available};
use super::{
    ActivationBits, BlockParts, Epilogue, LayerNorm, PackedBlock, PackedLinear, QuantisedRows,
};

const ACTIVATION_BITS: [ActivationBits; 2] = [ActivationBits::B8, ActivationBits::B14];

fn plain() -> DotKernel {
    *available().last().expect("there is always one")
}

fn forward(kernel: DotKernel, layer: &PackedLinear, x: &[f32]) -> Vec<f32> {
    let mut rows = QuantisedRows::made_for(kernel);
    layer.quantise(x, &mut rows);
    let mut out = vec![f32::NAN; rows.rows() * layer.output()];
    layer.forward(&rows, Epilogue::Plain, &mut out);
    out
}

/// A block of some width, of pseudo-random weights.
fn block(width: usize, heads: usize, bits: ActivationBits) -> PackedBlock {
    let mut seed = 1u32;
    let mut numbers = |count: usize| -> Vec<f32> {
        let next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        std::iter::repeat_with(next).take(count).collect()
    };
    let mut layer = |input: usize, output: usize| {
        PackedLinear::pack(&numbers(input * output), &numbers(output), bits)
    };
    let norm = || LayerNorm::new(vec![1.0; width], vec![0.0; width], 1e-5);
    PackedBlock::new(BlockParts {
        qkv: layer(width, 3 * width),
        out: layer(width, width),
        fc1: layer(width, 2 * width),
        fc2: layer(2 * width, width),
        norm1: norm(),
        norm2: norm(),
        activation: Epilogue::QuickGelu,
        heads,
    })
}

#[test]
fn block_is_the_same_for_any_number_of_threads() {
    for bits in ACTIVATION_BITS {
        let block = block(24, 2, bits);
        // One sequence, fewer than threads, many, and one that is long enough for quantised attention.
        for (batch, tokens, causal) in [
            (1, 197, false),
            (2, 50, true),
            (21, 7, false),
            (1, 300, true),
        ] {
            let x: Vec<f32> = (0..batch * tokens * 24)
                .map(|i| (i as f32 * 0.37).sin())
                .collect();
            let answer = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("threads").install(|| {
                    let mut whole = x.clone();
                    block.forward(&mut whole, tokens, causal);
                    let mut fed = x.clone();
                    block.feed_forward(&mut fed);
                    [whole, fed, block.qkv(&x), block.merge(&x)]
                })
            };
            let alone = answer(1);
            for threads in [2, 3, 8] {
                assert!(
                    answer(threads) == alone,
                    "{threads} threads, {batch} × {tokens}"
                );
            }
        }
    }
}

fn assert_all_ways_agree(weight: &[f32], bias: &[f32], x: &[f32]) {
    for bits in ACTIVATION_BITS {
        let layer = PackedLinear::pack(weight, bias, bits);
        let expected = forward(plain(), &layer, x);
        for kernel in available() {
            // The same integers, and the same arithmetic around them: the same bits.
            assert_eq!(forward(kernel, &layer, x), expected, "{}", kernel.name);
        }
    }
}

#[test]
fn dot_kernels_agree_where_16_bits_are_nearly_full() {
    // Quantised values of 255 and weights at the limit of their groups, of either sign.
    for sign in [1.0, -1.0] {
        for weights in [
            [32.0; 4],
            [127.0, 0.0, 1.0, 0.0],
            [64.0, 64.0, 0.0, 0.0],
            [127.0, 1.0, 127.0, 3.0],
        ] {
            let (rows, input, output) = (5, 96, 9);
            let weight: Vec<f32> = (0..input * output)
                // A group is a pair of one step and the same pair of the next.
                .map(|i| sign * weights[i % 8 / 4 * 2 + i % 2])
                .collect();
            let x: Vec<f32> = (0..rows * input)
                .map(|i| if i % 50 == 7 { 0.0 } else { 255.0 })
                .collect();
            assert_all_ways_agree(&weight, &vec![0.0; output], &x);
        }
    }
}

proptest! {
    #[test]
    fn dot_kernels_agree(
        rows in 1usize..10,
        input in 1usize..70,
        output in 1usize..20,
        size in -30i32..30,
        numbers in proptest::collection::vec(-1.0f32..1.0, 3000),
    ) {
        let mut numbers = numbers.into_iter().cycle();
        let mut take = |count: usize, scale: f32| -> Vec<f32> {
            numbers.by_ref().take(count).map(|x| x * scale).collect()
        };
        let weight = take(input * output, 1.0);
        let bias = take(output, 1.0);
        let x = take(rows * input, 10f32.powi(size));
        assert_all_ways_agree(&weight, &bias, &x);
    }

    #[test]
    fn quantise_finds_the_same_values_with_either_simd(
        x in proptest::collection::vec(-1e3f32..1e3, 16),
        factor in 0.0f32..1.0,
    ) {
        struct Quantised<'a>(&'a [f32; 16], f32);
        impl SimdOp for Quantised<'_> {
            type Output = ([u8; 16], [[u8; 16]; 2]);
            #[inline(always)]
            fn run<L: Simd>(self) -> Self::Output {
                let (factor, term) = (L::splat(self.1), L::splat(100.0));
                let fine = L::quantise_finely(self.0, L::splat(64.0 * self.1), L::splat(6400.0));
                (L::quantise(self.0, factor, term), fine)
            }
        }
        let x: &[f32; 16] = x.as_slice().try_into().expect("16 numbers");
        prop_assert_eq!(run(Quantised(x, factor)), run_portable(Quantised(x, factor)));
    }
}

#[test]
fn quantise_clamps_to_the_ends_of_the_range() {
    struct Extremes;
    impl SimdOp for Extremes {
        type Output = ([u8; 16], [[u8; 16]; 2]);
        #[inline(always)]
        fn run<L: Simd>(self) -> Self::Output {
            let mut x = [1e30; 16];
            x[8..].fill(-1e30);
            let (factor, term) = (L::splat(1.0), L::splat(0.0));
            (
                L::quantise(&x, factor, term),
                L::quantise_finely(&x, factor, term),
            )
        }
    }
    let mut ends = [255; 16];
    ends[8..].fill(0);
    let expected = (ends, [ends.map(|value| value & 127); 2]);
    assert_eq!(run(Extremes), expected);
    assert_eq!(run_portable(Extremes), expected);
}

/// A function of lanes over a slice.
struct Map<'a>(&'a [f32], Function);

#[derive(Clone, Copy)]
enum Function {
    Exp,
    Exp2,
    QuickGelu,
    Gelu,
}

impl SimdOp for Map<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<L: Simd>(self) -> Vec<f32> {
        let functions = Functions::get();
        let mut out = vec![0.0; self.0.len()];
        for (x, out) in self
            .0
            .chunks_exact(L::COUNT)
            .zip(out.chunks_exact_mut(L::COUNT))
        {
            let x = L::load(x);
            match self.1 {
                Function::Exp => functions.exp(x),
                Function::Exp2 => functions.exp2(x),
                Function::QuickGelu => functions.quick_gelu(x),
                Function::Gelu => functions.gelu(x),
            }
            .store(out);
        }
        out
    }
}

fn both_kinds(x: &[f32], function: Function) -> [Vec<f32>; 2] {
    [run(Map(x, function)), run_portable(Map(x, function))]
}

/// The error function by its power series, exact enough in f64 up to 4, and 1 from there.
fn erf(z: f64) -> f64 {
    if z.abs() > 4.0 {
        return z.signum();
    }
    let (mut term, mut sum) = (z, z);
    for n in 1..120 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn exp_is_exact_to_a_few_units() {
    let x: Vec<f32> = (-8_700..8_796).map(|i| i as f32 * 0.01).collect();
    for found in both_kinds(&x, Function::Exp) {
        for (&x, found) in x.iter().zip(found) {
            let expected = f64::from(x).exp();
            let error = (f64::from(found) / expected - 1.0).abs();
            assert!(error < 3e-7, "{x}: {error}");
        }
    }
    let ends = [
        -88.5,
        f32::NEG_INFINITY,
        -1e30,
        88.8,
        f32::INFINITY,
        1e30,
        1.0,
        0.0,
    ];
    for found in both_kinds(&ends, Function::Exp) {
        assert_eq!(found[..3], [0.0; 3]);
        assert_eq!(found[3..6], [f32::INFINITY; 3]);
        assert_eq!(found[7], 1.0);
    }
}

#[test]
fn exp2_is_exact_to_a_few_millionths() {
    let x: Vec<f32> = (-11_999..=0).map(|i| i as f32 * 0.01).collect();
    for found in both_kinds(&x, Function::Exp2) {
        for (&x, found) in x.iter().zip(found) {
            let error = (f64::from(found) / f64::from(x).exp2() - 1.0).abs();
            assert!(error < 4e-6, "{x}: {error}");
        }
    }
    let ends = [
        -126.5,
        -1e38,
        f32::NEG_INFINITY,
        -0.0,
        0.0,
        -126.0,
        -1e30,
        -200.0,
    ];
    for found in both_kinds(&ends, Function::Exp2) {
        for (x, found) in ends.iter().zip(found) {
            let expected = if *x == 0.0 { 1.0 } else { 0.0 };
            assert!((found - expected).abs() < 4e-6, "{x}: {found}");
            assert!(found.is_normal(), "{x}: {found}");
        }
    }
}

#[test]
fn gelu_is_exact_to_a_millionth() {
    let x: Vec<f32> = (-16_000..16_000).map(|i| i as f32 * 0.001).collect();
    type Exact = fn(f64) -> f64;
    let functions: [(Function, Exact); 2] = [
        (Function::QuickGelu, |x| x / (1.0 + (-1.702 * x).exp())),
        (Function::Gelu, |x| {
            x * 0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
        }),
    ];
    for (function, exact) in functions {
        for found in both_kinds(&x, function) {
            for (&x, found) in x.iter().zip(found) {
                let error = (f64::from(found) - exact(f64::from(x))).abs();
                assert!(error < 1e-6 * f64::from(x.abs()).max(1.0), "{x}: {error}");
            }
        }
    }
}

#[test]
fn gelu_at_the_ends_of_f32() {
    let x = [1e38, -1e38, 200.0, -200.0, f32::NAN, 0.0, -0.0, 1e-40];
    for function in [Function::QuickGelu, Function::Gelu] {
        for found in both_kinds(&x, function) {
            assert_eq!(found[..4], [1e38, 0.0, 200.0, 0.0]);
            assert!(found[4].is_nan());
            assert!(found[5..].iter().all(|x| x.abs() <= 1e-40));
        }
    }
}

#[test]
fn layer_norm_agrees_with_either_simd() {
    struct Norm<'a>(&'a LayerNorm, &'a [f32]);
    impl SimdOp for Norm<'_> {
        type Output = Vec<f32>;
        #[inline(always)]
        fn run<L: Simd>(self) -> Vec<f32> {
            let mut out = vec![0.0; self.1.len()];
            self.0.row::<L>(self.1, &mut out);
            out
        }
    }
    for width in [1, 3, 8, 21, 192] {
        let x: Vec<f32> = (0..width).map(|i| (i * i % 17) as f32 - 5.0).collect();
        let norm = LayerNorm::new(vec![1.5; width], vec![-0.5; width], 1e-5);
        for (a, b) in run(Norm(&norm, &x))
            .iter()
            .zip(run_portable(Norm(&norm, &x)))
        {
            assert!((a - b).abs() < 1e-5);
        }
    }
}
