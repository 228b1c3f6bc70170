//! Measuring: label maps against the truth.

mod confusion;
pub mod datasets;
mod fidelity;
mod keep;
mod run;
mod set;

pub use confusion::Confusion;
pub use fidelity::{Fidelity, Probe};
pub use keep::blocks_to_keep;
pub use run::{ClassIou, Evaluation, Report};
pub use set::TestSet;
