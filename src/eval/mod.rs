//! Measuring: label maps against the truth.

mod confusion;
mod scenes;

pub use confusion::Confusion;
pub use scenes::{Report, evaluate_scenes};
