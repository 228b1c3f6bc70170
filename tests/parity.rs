//! The network, the dense path and the refinements against PyTorch `transformers`
//! (`tests/fixtures/make_parity.py`), on the CPU.

#![allow(missing_docs, unreachable_pub)]

#[path = "support/parity.rs"]
mod parity;

use burn::tensor::Device;
use parity::{Fixture, compare};

/// The mark is 1e-3; f32 in another order of operations stays well below it.
const TOLERANCE: f32 = 1e-4;

macro_rules! fixture {
    ($name:literal) => {
        Fixture {
            config: include_bytes!(concat!("fixtures/", $name, "/config.json")),
            weights: include_bytes!(concat!("fixtures/", $name, "/model.safetensors")),
            tokenizer: include_bytes!(concat!("fixtures/", $name, "/tokenizer.json")),
            preprocessor: include_bytes!(concat!("fixtures/", $name, "/preprocessor_config.json")),
            expected: include_bytes!(concat!("fixtures/", $name, "/expected.safetensors")),
            index: include_bytes!(concat!("fixtures/", $name, "/expected.json")),
            name: $name,
            methods: include_bytes!("fixtures/methods/expected.safetensors"),
        }
    };
}

fn check(fixture: &Fixture<'_>, least: usize) {
    let compared = pollster::block_on(compare(fixture, &Device::flex()));
    assert!(
        compared.len() >= least,
        "only {} comparisons",
        compared.len()
    );
    let worst = compared.iter().map(|c| c.error).fold(0.0, f32::max);
    println!(
        "{} comparisons, largest relative error {worst:.2e}",
        compared.len()
    );
    for c in &compared {
        assert!(c.error <= TOLERANCE, "{} is off by {:.2e}", c.name, c.error);
    }
}

#[test]
fn a_clip_in_the_openai_style() {
    check(&fixture!("tiny-clip"), 30);
}

#[test]
fn a_clip_with_gelu_and_other_proportions() {
    check(&fixture!("gelu-clip"), 15);
}
