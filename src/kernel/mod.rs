//! What Burn lacks: kernels of our own where this project exists to be fast.

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
mod weights;

pub use weights::{Activation, BlockWeights, LinearWeights, NormWeights};
