//! `src/clip` without the towers, which need Burn.

#[path = "../../src/clip/clean.rs"]
mod clean;
#[path = "../../src/clip/config.rs"]
mod config;
#[path = "../../src/clip/guide_config.rs"]
mod guide_config;
#[path = "../../src/clip/tokenizer.rs"]
mod tokenizer;

pub use config::{ClipConfig, TextConfig, VisionConfig};
pub use guide_config::{GuideConfig, vit_name};
pub use tokenizer::Tokenizer;
pub(crate) use tokenizer::byte_letters;
