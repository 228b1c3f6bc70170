//! Measuring: label maps against the truth.

mod confusion;
pub mod datasets;
mod run;
mod set;

pub use confusion::Confusion;
pub use run::{ClassIou, Evaluation, Report};
pub use set::TestSet;
