//! The rooms of wordmask that read what comes from outside, without Burn.
//!
//! The crate itself would bring Burn, and with it half an hour of instrumented build. These rooms
//! need nothing of it but the traits in `clip`, which stand here in short.

#![allow(dead_code, unreachable_pub, unused_imports, missing_docs)]

pub mod bundle;
pub mod clip;
#[path = "../../src/error.rs"]
pub mod error;
pub mod guide;
pub mod image;
pub mod small;

pub use error::{Error, Result};
