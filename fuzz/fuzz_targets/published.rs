//! Any bytes as one of the files that a published model consists of, the others sound.
//!
//! The first byte of an input says which file; the rest is the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wordmask_fuzz::Error;
use wordmask_fuzz::import::Published;
use wordmask_fuzz::quant::WeightSource;
use wordmask_fuzz::small::{files, tensors};

fuzz_target!(|input: &[u8]| {
    let Some((kind, contents)) = input.split_first() else {
        return;
    };
    let files = files(*kind, contents);
    match Published::open(&files) {
        Err(error) => {
            let internal = matches!(error, Error::Internal(_) | Error::OutOfMemory(_));
            assert!(!internal, "{error:?}");
        }
        Ok(mut model) => {
            model.config().validate().expect("it was checked");
            for (name, shape) in tensors() {
                match model.values(name, shape) {
                    Err(error) => assert!(matches!(error, Error::Model(_)), "{error:?}"),
                    Ok(values) => {
                        assert_eq!(values.len(), shape.iter().product::<usize>());
                        assert!(values.iter().all(|v| v.is_finite()), "{name}");
                    }
                }
            }
        }
    }
});
