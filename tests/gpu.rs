//! The GPU's kernels against plain Burn, where there is a GPU. Browsers always run these
//! (`tests/parity.e2e.mjs`).

#![allow(missing_docs)]

#[path = "support/gpu.rs"]
mod gpu;
#[path = "support/numbers.rs"]
mod numbers;

use pollster::block_on;
use wordmask::device::{Compute, Preference};

#[test]
fn blocks_are_those_of_plain_burn() {
    let compute = match block_on(Compute::choose(Preference::WebGpu)) {
        Ok(compute) => compute,
        // Machines without a GPU often have a software OpenGL that is not exact enough to be used;
        // where WebGPU has to work, in a browser, it is not passed over.
        Err(why) => return println!("not tested: {why}"),
    };
    println!("on {}", compute.name);
    for case in gpu::cases() {
        block_on(gpu::check(case, &compute.device));
    }
    block_on(gpu::check_not_a_number(&compute.device));
}
