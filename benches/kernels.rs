//! The CPU's kernels one by one: `cargo bench`. What each reaches, as a share of what the machine's
//! registers allow, which a loop without memory measures in the same run.

#![allow(missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use wordmask::kernel::cpu::{
    ActivationBits, Attention, AttentionShape, BlockParts, Epilogue, LayerNorm, PackedBlock,
    PackedLinear, QuantisedAttention, QuantisedRows, kernel_name,
};

/// How long a kernel is repeated; the fastest time counts, since other work only ever slows.
const LONG_ENOUGH: Duration = Duration::from_millis(800);

const WIDTH: usize = 768;
const HIDDEN: usize = 3072;
const HEADS: usize = 12;

fn main() {
    let ceiling = ceiling::integer().map(|(name, giga)| {
        println!("ceiling of {name}: {giga:.0} GOP/s\n");
        giga
    });
    println!("{}\n", kernel_name());
    println!("| kernel | rows | ms | GOP/s | of the ceiling |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for rows in [1, 50, 197, 785] {
        for (name, input, output) in [
            ("linear 768 → 2304", WIDTH, 3 * WIDTH),
            ("linear 768 → 768", WIDTH, WIDTH),
            ("linear 768 → 3072", WIDTH, HIDDEN),
            ("linear 3072 → 768", HIDDEN, WIDTH),
        ] {
            let operations = 2 * rows * input * output;
            row(name, rows, operations, ceiling, linear(rows, input, output));
        }
        row("layer norm, quantised", rows, 0, None, quantised_norm(rows));
        let operations = 4 * rows * rows * WIDTH;
        row("attention, f32", rows, operations, None, attention(rows));
        row(
            "attention, quantised",
            rows,
            operations,
            None,
            quantised_attention(rows),
        );
        let operations = 24 * rows * WIDTH * WIDTH + operations;
        row("block", rows, operations, ceiling, block(rows));
    }
}

fn row(name: &str, rows: usize, operations: usize, ceiling: Option<f64>, time: Duration) {
    let milliseconds = time.as_secs_f64() * 1e3;
    let giga = operations as f64 / time.as_secs_f64() / 1e9;
    let speed = if operations > 0 {
        format!("{giga:.0}")
    } else {
        String::new()
    };
    let share = ceiling.map(|c| format!("{:.0} %", 100.0 * giga / c));
    println!(
        "| {name} | {rows} | {milliseconds:.3} | {speed} | {} |",
        share.unwrap_or_default()
    );
}

/// The shortest time that a step takes.
fn shortest(mut step: impl FnMut()) -> Duration {
    step();
    let (begin, mut shortest) = (Instant::now(), Duration::MAX);
    while begin.elapsed() < LONG_ENOUGH {
        let begin = Instant::now();
        step();
        shortest = shortest.min(begin.elapsed());
    }
    shortest
}

/// Numbers between -1 and 1 without a pattern that 8 bits would favour.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 1.618).sin()).collect()
}

fn packed(input: usize, output: usize) -> PackedLinear {
    PackedLinear::pack(
        &numbers(input * output),
        &numbers(output),
        ActivationBits::B8,
    )
}

fn linear(rows: usize, input: usize, output: usize) -> Duration {
    let layer = packed(input, output);
    let mut x = QuantisedRows::default();
    layer.quantise(&numbers(rows * input), &mut x);
    let mut out = vec![0.0; rows * output];
    shortest(|| layer.forward(black_box(&x), Epilogue::Plain, &mut out))
}

fn norm() -> LayerNorm {
    LayerNorm::new(numbers(WIDTH), numbers(WIDTH), 1e-5)
}

fn quantised_norm(rows: usize) -> Duration {
    let (x, norm) = (numbers(rows * WIDTH), norm());
    let mut quantised = QuantisedRows::default();
    shortest(|| quantised.fill_normed(black_box(&x), &norm, ActivationBits::B8))
}

fn shape(tokens: usize) -> AttentionShape {
    AttentionShape {
        tokens,
        width: WIDTH,
        heads: HEADS,
        causal: false,
    }
}

fn attention(tokens: usize) -> Duration {
    let (projected, shape) = (numbers(tokens * 3 * WIDTH), shape(tokens));
    let (mut attention, mut out) = (Attention::default(), vec![0.0; tokens * WIDTH]);
    shortest(|| attention.forward(black_box(&projected), shape, &mut out))
}

fn quantised_attention(tokens: usize) -> Duration {
    let (projected, shape) = (numbers(tokens * 3 * WIDTH), shape(tokens));
    let (mut attention, mut out) = (QuantisedAttention::default(), vec![0.0; tokens * WIDTH]);
    shortest(|| attention.forward(black_box(&projected), shape, &mut out))
}

fn block(tokens: usize) -> Duration {
    let block = PackedBlock::new(BlockParts {
        norm1: norm(),
        qkv: packed(WIDTH, 3 * WIDTH),
        out: packed(WIDTH, WIDTH),
        norm2: norm(),
        fc1: packed(WIDTH, HIDDEN),
        activation: Epilogue::QuickGelu,
        fc2: packed(HIDDEN, WIDTH),
        heads: HEADS,
    });
    let mut x = numbers(tokens * WIDTH);
    shortest(|| block.forward(&mut x, tokens, false))
}

/// How many integer operations a second the registers allow.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "intrinsics")]
mod ceiling {
    use core::arch::x86_64::*;
    use std::hint::black_box;

    use super::shortest;

    const STEPS: usize = 100_000;
    /// Sums that wait for nothing of each other: enough to hide how long an instruction takes.
    const SUMS: usize = 10;
    /// Products and additions of an instruction, or of the group that stands in for it.
    const OPERATIONS: usize = 64;

    pub(super) fn integer() -> Option<(&'static str, f64)> {
        let giga = |f: &dyn Fn(), instructions: usize| {
            let operations = STEPS * instructions * OPERATIONS;
            operations as f64 / shortest(f).as_secs_f64() / 1e9
        };
        if std::arch::is_x86_feature_detected!("avxvnni") {
            // SAFETY: the CPU has it.
            Some(("AVX-VNNI, 256 bits", giga(&|| unsafe { vnni() }, SUMS)))
        } else if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has it.
            Some(("AVX2, in groups of two", giga(&|| unsafe { avx2() }, SUMS)))
        } else {
            None
        }
    }

    #[target_feature(enable = "avx2,avxvnni")]
    fn vnni() {
        let (a, b) = black_box((_mm256_set1_epi8(1), _mm256_set1_epi8(2)));
        let mut sums = [_mm256_setzero_si256(); SUMS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm256_dpbusd_avx_epi32(*sum, a, b);
            }
        }
        black_box(sums);
    }

    /// Two products of 32 bytes are widened together, as the kernel does it.
    #[target_feature(enable = "avx2")]
    fn avx2() {
        let (a, b) = black_box((_mm256_set1_epi8(1), _mm256_set1_epi8(2)));
        let ones = _mm256_set1_epi16(1);
        let mut sums = [_mm256_setzero_si256(); SUMS];
        for _ in 0..STEPS / 2 {
            for sum in &mut sums {
                let (a, b) = black_box((a, b));
                let pair = _mm256_add_epi16(_mm256_maddubs_epi16(a, b), _mm256_maddubs_epi16(b, a));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pair, ones));
            }
        }
        black_box(sums);
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod ceiling {
    pub(super) fn integer() -> Option<(&'static str, f64)> {
        None
    }
}
