//! Measuring: label maps against the truth.

mod boundary;
mod conditions;
mod confusion;
pub mod datasets;
mod protocol;
mod report;
mod run;
mod save;
mod sclip;
mod set;
mod shard;
mod state;

pub use boundary::Boundaries;
pub use conditions::Conditions;
pub use confusion::Confusion;
pub use protocol::{Own, Protocol};
pub use report::{ClassIou, Failure, Report};
pub use run::Evaluation;
pub use save::Save;
pub use sclip::Sclip;
pub use set::TestSet;
pub use shard::EvalShard;
