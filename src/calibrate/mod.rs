//! What quantisation costs a model, and which of its blocks to keep in floating point.

mod blocks;
mod fidelity;

pub use blocks::blocks_to_keep;
pub use fidelity::{Fidelity, Probe};
