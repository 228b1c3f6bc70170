//! Any bytes as `tokenizer.json`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wordmask_fuzz::Error;
use wordmask_fuzz::clip::{TextConfig, Tokenizer};
use wordmask_fuzz::kernel::Activation;

fuzz_target!(|bytes: &[u8]| {
    let end = Tokenizer::end_of_text(bytes);
    let config = TextConfig {
        vocabulary: 1000,
        context: 8,
        width: 4,
        layers: 1,
        heads: 1,
        mlp: 4,
        activation: Activation::Gelu,
        norm_eps: 1e-5,
        end_of_text: *end.as_ref().unwrap_or(&0),
    };
    match (Tokenizer::from_bytes(bytes, &config), end) {
        (Err(error), _) => assert!(matches!(error, Error::Model(_)), "{error:?}"),
        (Ok(_), Err(error)) => panic!("{error}"),
        (Ok(tokenizer), Ok(end)) => {
            for text in [
                "",
                "a photo of a cat.",
                "Ünï 12 🐑\u{200d}!",
                "<|endoftext|> a'll",
            ] {
                match tokenizer.encode(text) {
                    Err(error) => assert!(matches!(error, Error::Model(_)), "{error:?}"),
                    Ok(ids) => {
                        assert!((2..=8).contains(&ids.len()));
                        assert!(ids.last() == Some(&end) && ids.iter().all(|id| *id < 1000));
                    }
                }
            }
        }
    }
});
