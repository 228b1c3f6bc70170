//! Any bytes as `wordmask.json`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wordmask_fuzz::Error;
use wordmask_fuzz::bundle::{Bundle, Manifest};

fuzz_target!(|bytes: &[u8]| {
    match Manifest::parse(bytes) {
        Err(error) => assert!(
            matches!(error, Error::Model(_) | Error::Unsupported(_)),
            "{error:?}"
        ),
        Ok(manifest) => {
            for (_, entry) in manifest.files() {
                let odd = |c: char| !c.is_ascii_graphic() || "/\\:%?#*\"<>|".contains(c);
                assert!(!entry.file.starts_with('.') && !entry.file.contains(odd));
            }
            let again = serde_json::to_vec(&manifest).expect("it can be written");
            assert_eq!(Manifest::parse(&again).as_ref(), Ok(&manifest));
        }
    }
    if let Ok(bundle) = Bundle::new(bytes) {
        assert!(bundle.missing().count() >= 3);
    }
});
