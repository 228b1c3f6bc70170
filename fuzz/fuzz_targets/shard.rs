//! Any bytes as a shard of weights or of ready words, with a manifest that promises just them.
//!
//! The first byte of an input says which; the rest is the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wordmask_fuzz::Error;
use wordmask_fuzz::bundle::Bundle;
use wordmask_fuzz::quant::WeightSource;
use wordmask_fuzz::small::{PROJECTION, SHARD, TENSORS, WORDS, manifest};

fuzz_target!(|input: &[u8]| {
    let Some((kind, file)) = input.split_first() else {
        return;
    };
    let of_words = kind % 2 == 1;
    let promised = if of_words {
        manifest(b"x", file)
    } else {
        manifest(file, b"x")
    };
    let name = if of_words { WORDS } else { SHARD };
    let mut bundle = Bundle::new(promised.to_string().as_bytes()).expect("the manifest is sound");
    match bundle.add(name, file) {
        Err(error) => {
            assert!(
                matches!(error, Error::Model(_) | Error::Integrity(_)),
                "{error:?}"
            );
            assert!(error.to_string().contains(name), "{error}");
            assert!(bundle.missing().any(|(_, missing)| missing == name));
            assert!(bundle.words().words.is_empty());
            for (name, shape) in TENSORS {
                assert!(bundle.values(name, shape).is_err());
            }
        }
        Ok(()) if of_words => {
            for (_, vector) in &bundle.words().words {
                let length: f32 = vector.iter().map(|v| v * v).sum();
                assert!(vector.len() == 3 && (length - 1.0).abs() < 1e-3);
            }
        }
        Ok(()) => {
            for (name, shape) in TENSORS {
                let values = bundle.values(name, shape).expect("it was checked");
                assert_eq!(values.len(), shape.iter().product::<usize>());
                assert!(values.iter().all(|v| v.is_finite()), "{name}");
            }
            // The other piece has not come.
            assert!(bundle.values(PROJECTION.0, PROJECTION.1).is_err());
        }
    }
});
