//! The CPU's kernels against plain arithmetic.

#[path = "support/kernel.rs"]
mod kernel;
#[path = "support/numbers.rs"]
mod numbers;

use proptest::prelude::*;
use wordmask::kernel::cpu::AttentionShape;

#[test]
fn kernel_checks_pass() {
    println!("{:?}", kernel::run());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn linear_matches_reference_for_any_shape(
        rows in 1usize..30,
        input in 1usize..150,
        output in 1usize..40,
        weight in -12i32..12,
        x in -12i32..12,
        seed: u64,
    ) {
        kernel::check_linear(rows, input, output, [10f32.powi(weight), 10f32.powi(x)], seed);
    }

    #[test]
    fn attention_matches_reference_for_any_shape(
        tokens in 1usize..60,
        size in 1usize..40,
        heads in 1usize..4,
        causal: bool,
        seed: u64,
    ) {
        let shape = AttentionShape { tokens, width: size * heads, heads, causal };
        kernel::check_attention(shape, 2.0, seed);
        kernel::check_quantised_attention(shape, 2.0, seed);
    }
}
