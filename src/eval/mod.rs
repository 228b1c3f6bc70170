//! Measuring: label maps against the truth.

mod conditions;
mod confusion;
pub mod datasets;
mod fidelity;
mod keep;
mod protocol;
mod report;
mod run;
mod save;
mod sclip;
mod set;
mod shard;
mod state;

pub use conditions::Conditions;
pub use confusion::Confusion;
pub use fidelity::{Fidelity, Probe};
pub use keep::blocks_to_keep;
pub use protocol::{Own, Protocol};
pub use report::{ClassIou, Failure, Report};
pub use run::Evaluation;
pub use save::Save;
pub use sclip::Sclip;
pub use set::TestSet;
pub use shard::Shard;
