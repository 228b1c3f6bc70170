//! The network, the dense path and the refinements against PyTorch `transformers`
//! (`tests/fixtures/make_parity.py`), on the CPU.

#![allow(missing_docs, unreachable_pub)]

#[path = "support/parity.rs"]
mod parity;

use std::path::Path;

use burn::tensor::Device;
use parity::{Answers, Compared, Fixture, Network, compare, compare_network};
use wordmask::import::{Directory, Published};

/// The target is 1e-3; f32 in another order of operations stays well below it.
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

fn check(compared: &[Compared], least: usize) {
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
    for c in compared {
        assert!(c.error <= TOLERANCE, "{} is off by {:.2e}", c.name, c.error);
    }
}

fn check_fixture(fixture: &Fixture<'_>, least: usize) {
    check(
        &pollster::block_on(compare(fixture, &Device::flex())),
        least,
    );
}

#[test]
fn network_matches_pytorch_in_the_openai_style() {
    check_fixture(&fixture!("tiny-clip"), 30);
}

#[test]
fn network_matches_pytorch_with_gelu_and_other_proportions() {
    check_fixture(&fixture!("gelu-clip"), 15);
}

/// A model as it lies on disk, by the answers in a directory.
fn check_layout(model: &str, layout: &str, answers: &str) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let files = Directory::new(&fixtures.join(model)).expect("the fixture is there");
    let published = Published::open(&files).expect("the fixture is a model");
    assert_eq!(published.layout(), layout);
    let read = |name: &str| {
        let path = fixtures.join(answers).join(name);
        std::fs::read(path).expect("the answers are there")
    };
    let (expected, index) = (read("expected.safetensors"), read("expected.json"));
    let device = Device::flex();
    let network = Network::new(published, &device);
    let answers = Answers::new(&expected, &index);
    let compared = pollster::block_on(compare_network(&network, &answers, &device));
    check(&compared, 10);
}

#[test]
fn network_matches_pytorch_in_shards_with_vocabulary_and_merges() {
    check_layout("layouts/sharded", "Hugging Face", "gelu-clip");
}

#[test]
fn network_matches_pytorch_in_the_open_clip_layout() {
    check_layout("layouts/open-clip", "OpenCLIP", "layouts/open-clip");
}

#[test]
fn network_matches_pytorch_in_a_torchscript_archive() {
    check_layout("layouts/openai/ViT-tiny.pt", "OpenAI", "layouts/openai");
}
