//! `src/kernel` without the kernels, which need Burn.

#[path = "../../src/kernel/weights.rs"]
mod weights;

pub use weights::Activation;
