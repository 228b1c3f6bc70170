//! Measuring: label maps against the truth.

mod confusion;
pub mod datasets;
mod fidelity;
mod run;
mod set;

pub use confusion::Confusion;
pub use fidelity::{Fidelity, Probe};
pub use run::{ClassIou, Evaluation, Report};
pub use set::TestSet;
