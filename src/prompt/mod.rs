//! From what people type to unit vectors: parsing, templates, background words, the bank.

mod background;
mod bank;
#[cfg(feature = "cli")]
pub mod class_lists;
#[cfg(feature = "cli")]
mod common;
mod coverage;
mod templates;
mod words;

pub use background::{PHOTO_BACKGROUND, photo_lexicon};
pub use bank::TextBank;
#[cfg(feature = "cli")]
pub(crate) use bank::embed_with;
#[cfg(feature = "cli")]
pub use common::common_words;
pub use coverage::choose;
#[cfg(feature = "cli")]
pub use templates::imagenet_templates;
pub use templates::{fill, templates, templates_id};
pub use words::{
    Class, MAX_CLASSES, MAX_NAME_CHARACTERS, MAX_NAMES, check_classes, parse_line, parse_words,
    split_words,
};
