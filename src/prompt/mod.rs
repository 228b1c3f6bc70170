//! From what people type to unit vectors: parsing, templates, background words, the bank.

mod background;
mod bank;
mod templates;
mod words;

pub use background::PHOTO_BACKGROUND;
pub use bank::TextBank;
pub use templates::{fill, templates};
pub use words::{Class, MAX_CLASSES, MAX_NAME_CHARACTERS, MAX_NAMES, parse_line, parse_words};
