//! 64-bit ARM: NEON's widening multiplication, which every such CPU has. Its dot product instruction
//! is not yet in stable Rust.

#![allow(unsafe_code, reason = "intrinsics need a promise about the CPU")]

use core::arch::aarch64::*;

use super::{DotKernel, Sums, WidePanel};
use crate::kernel::cpu::layout::{PANEL, Quad, STEP, TILE};

pub(super) const KERNEL: DotKernel = DotKernel {
    name: "NEON",
    signed: true,
    run,
    run_in_pairs: None,
    run_together: None,
};

/// Registers of products for a panel: two outputs each.
const QUARTERS: usize = 4;

fn run(rows: &[Quad], panel: &[WidePanel], sums: &mut Sums) {
    // SAFETY: every CPU of this kind has NEON. A step is 32 bytes, a row of a quad 4, a row of sums 8
    // numbers, and slices say so where it is not the type.
    unsafe {
        let mut acc = [[vdupq_n_s32(0); QUARTERS]; TILE];
        for (quad, step) in rows.iter().zip(panel) {
            let weights = [
                vld1q_s8(step.0.as_ptr()),
                vld1q_s8(step.0[PANEL * STEP / 2..].as_ptr()),
            ];
            for (row, acc) in acc.iter_mut().enumerate() {
                let quantised = quad.0[row * STEP..].first_chunk().expect("a row of four");
                let quantised = vreinterpretq_s8_s32(vdupq_n_s32(i32::from_le_bytes(*quantised)));
                for (half, &weights) in weights.iter().enumerate() {
                    let low = vmull_s8(vget_low_s8(weights), vget_low_s8(quantised));
                    let high = vmull_high_s8(weights, quantised);
                    acc[2 * half] = vpadalq_s16(acc[2 * half], low);
                    acc[2 * half + 1] = vpadalq_s16(acc[2 * half + 1], high);
                }
            }
        }
        for (acc, sums) in acc.iter().zip(&mut sums.0) {
            // Each output has two sums next to each other.
            vst1q_s32(sums.as_mut_ptr(), vpaddq_s32(acc[0], acc[1]));
            vst1q_s32(sums[PANEL / 2..].as_mut_ptr(), vpaddq_s32(acc[2], acc[3]));
        }
    }
}
