//! Any text through a sound tokenizer.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wordmask_fuzz::clip::{TextConfig, Tokenizer};
use wordmask_fuzz::kernel::Activation;

static JSON: &[u8] = include_bytes!("../../tests/fixtures/tiny-clip/tokenizer.json");

static TOKENIZER: LazyLock<(Tokenizer, u32)> = LazyLock::new(|| {
    let end_of_text = Tokenizer::end_of_text(JSON).expect("a sound tokenizer");
    let config = TextConfig {
        vocabulary: 1000,
        context: 77,
        width: 4,
        layers: 1,
        heads: 1,
        mlp: 4,
        activation: Activation::Gelu,
        norm_eps: 1e-5,
        end_of_text,
    };
    let tokenizer = Tokenizer::from_bytes(JSON, &config).expect("a sound tokenizer");
    (tokenizer, end_of_text)
});

fuzz_target!(|text: &str| {
    let (tokenizer, end) = &*TOKENIZER;
    let ids = tokenizer.encode(text).expect("every text has ids");
    assert!((2..=77).contains(&ids.len()));
    assert_eq!(ids.iter().position(|id| id == end), Some(ids.len() - 1));
    assert_eq!(ids, tokenizer.encode(text).expect("and the same again"));
});
