//! The GPU's kernels against plain Burn, where there is a GPU. Browsers always run these
//! (`tests/parity.e2e.mjs`).

#![allow(missing_docs)]
#![cfg(feature = "gpu")]

#[path = "support/gpu.rs"]
mod gpu;
#[path = "support/numbers.rs"]
mod numbers;

use pollster::block_on;
use wordmask::device::{Compute, Preference};

#[test]
fn gpu_blocks_match_plain_burn() {
    let compute = match block_on(Compute::choose(Preference::WebGpu)) {
        Ok(compute) => compute,
        // Machines without a GPU often have a software OpenGL that is not exact enough to be used;
        // where WebGPU has to work, in a browser, it is not passed over.
        Err(why) => return println!("not tested: {why}"),
    };
    let halves = wordmask::kernel::gpu::uses_f16_activations(&compute.device);
    println!("on {}, f16 between kernels: {halves}", compute.name);
    let checks = gpu::cases().into_iter();
    let expected = |case| -> Vec<Vec<f32>> {
        let answers = block_on(gpu::answers(case, gpu::Way::Burn, &Compute::cpu().device));
        answers.into_iter().map(|(_, answer)| answer).collect()
    };
    let check = |case| block_on(gpu::check(case, &expected(case), &compute.device));
    let worst = checks.map(check).fold(0.0, f32::max);
    println!("differences up to {worst:.2} of what is allowed");
    gpu::warm(&compute.device);
    check(gpu::cases()[0]);
    block_on(gpu::check_not_a_number(&compute.device));
}
