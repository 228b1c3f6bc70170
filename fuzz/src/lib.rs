//! The modules of wordmask that read what comes from outside, without Burn.
//!
//! The crate itself would bring Burn, and with it half an hour of instrumented build. These modules
//! do not use it; `clip` and `kernel` stand here with those of their files that do not either.

#![allow(dead_code, unreachable_pub, unused_imports, missing_docs)]

#[path = "../../src/bundle/mod.rs"]
pub mod bundle;
pub mod clip;
#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/image/mod.rs"]
pub mod image;
#[path = "../../src/import/mod.rs"]
pub mod import;
pub mod kernel;
#[path = "../../src/quant/mod.rs"]
pub mod quant;
pub mod small;

pub use error::{Error, Result};
