//! The checks of the CPU's kernels once more, with relaxed SIMD: built to wasm as an example, run by
//! `tests/parity.e2e.mjs`.
//!
//! The kernels are compiled into it, since a compiler's flags for an example do not reach the crate
//! it belongs to.

#![allow(missing_docs, unreachable_pub)]
#![cfg(target_arch = "wasm32")]

// What the checks and the kernels call by the crate's name is here.
extern crate self as wordmask;

#[path = "kernel.rs"]
mod checks;
mod numbers;

#[path = "../../src/kernel"]
#[allow(dead_code, unused_imports, reason = "refinements use more of it")]
pub mod kernel {
    pub mod cpu;
}

#[path = "../../src/parallel.rs"]
#[allow(unreachable_pub, dead_code)]
mod parallel;

use wasm_bindgen::prelude::*;

/// See [`checks::run`].
#[wasm_bindgen]
pub fn kernels() -> Vec<String> {
    checks::run()
}
