//! The bundle that the command line carries: `weights/doodle`.

use super::weights::Bundle;
use crate::error::Result;

const MANIFEST: &[u8] = include_bytes!("../../weights/doodle/wordmask.json");

const FILES: [(&str, &[u8]); 4] = [
    (
        "tokenizer.json",
        include_bytes!("../../weights/doodle/tokenizer.json"),
    ),
    (
        "vision-00.safetensors",
        include_bytes!("../../weights/doodle/vision-00.safetensors"),
    ),
    (
        "text-00.safetensors",
        include_bytes!("../../weights/doodle/text-00.safetensors"),
    ),
    (
        "words-00.safetensors",
        include_bytes!("../../weights/doodle/words-00.safetensors"),
    ),
];

impl Bundle {
    /// The built-in bundle, which was trained on procedural cartoon scenes.
    ///
    /// # Errors
    ///
    /// [`Error::Model`](crate::Error::Model) if a file was damaged before it was compiled in;
    /// [`Error::Integrity`](crate::Error::Integrity) if one is not that of the manifest.
    pub fn built_in() -> Result<Self> {
        let mut bundle = Self::new(MANIFEST)?;
        for (file, contents) in FILES {
            bundle.add(file, contents)?;
        }
        Ok(bundle)
    }
}
