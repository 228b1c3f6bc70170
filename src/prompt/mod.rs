//! From what people type to unit vectors: parsing, templates, background words, the text encoder.

mod background;
mod bank;
#[cfg(feature = "cli")]
pub mod class_lists;
mod class_vectors;
#[cfg(feature = "cli")]
mod common;
mod coverage;
mod encoder;
mod templates;
mod words;

pub use background::{Background, PHOTO_BACKGROUND, photo_lexicon};
pub use bank::TextBank;
pub use class_vectors::ClassVectors;
#[cfg(feature = "cli")]
pub use common::common_words;
pub use coverage::choose;
pub use encoder::TextEncoder;
#[cfg(feature = "cli")]
pub use templates::imagenet_templates;
pub use templates::{fill, templates, templates_id};
pub use words::{
    Class, MAX_CLASSES, MAX_NAME_CHARACTERS, MAX_NAMES, check_classes, parse_line, parse_words,
    split_words,
};
