//! wasm without relaxed SIMD: `i32x4_dot_i16x8`, over quantised values of 16 bits.
//!
//! Activations are stored in 16 bits to begin with. Weights stay in 8, half the memory, and a
//! panel at a time is widened, which all tiles of a block of rows share.

#![allow(unsafe_code, reason = "loads and stores take raw pointers")]

use core::arch::wasm32::*;

use super::{DotKernel, Sums};
use crate::kernel::cpu::layout::{PANEL, Quad, STEP, Step, TILE};

/// A step in 16 bits.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::kernel::cpu) struct WidePanel([i16; PANEL * STEP]);

pub(super) const KERNEL: DotKernel = DotKernel {
    name: "SIMD",
    signed: false,
    run,
    run_in_pairs: None,
    run_together: None,
};

/// Registers of half a step: two outputs each.
const QUARTERS: usize = 2;
/// Outputs that are computed together. A whole panel would take more registers than x86 has.
const HALF: usize = PANEL / 2;

/// Widens a panel. The halves of it follow each other, as [`run`] reads them.
pub(in crate::kernel::cpu) fn widen<'a>(
    steps: &[Step],
    space: &'a mut Vec<WidePanel>,
) -> &'a [WidePanel] {
    space.resize(steps.len(), WidePanel([0; PANEL * STEP]));
    let wide: &mut [[i16; HALF * STEP]] = halves_mut(space);
    let (left, right) = wide.split_at_mut(steps.len());
    for ((step, left), right) in steps.iter().zip(left).zip(right) {
        let (a, b) = step.0.split_at(HALF * STEP);
        widen_half(a, left);
        widen_half(b, right);
    }
    space
}

#[inline(always)]
fn widen_half(from: &[i8], to: &mut [i16; HALF * STEP]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = i16::from(from);
    }
}

fn halves_mut(space: &mut [WidePanel]) -> &mut [[i16; HALF * STEP]] {
    // SAFETY: a `WidePanel` is two arrays of 16 numbers without a gap.
    unsafe { std::slice::from_raw_parts_mut(space.as_mut_ptr().cast(), 2 * space.len()) }
}

fn halves(space: &[WidePanel]) -> &[[i16; HALF * STEP]] {
    // SAFETY: a `WidePanel` is two arrays of 16 numbers without a gap.
    unsafe { std::slice::from_raw_parts(space.as_ptr().cast(), 2 * space.len()) }
}

fn run(rows: &[Quad], panel: &[WidePanel], sums: &mut Sums) {
    let (left, right) = halves(panel).split_at(panel.len());
    let left = half(rows, left);
    let right = half(rows, right);
    for ((sums, left), right) in sums.0.iter_mut().zip(left).zip(right) {
        sums[..HALF].copy_from_slice(&left);
        sums[HALF..].copy_from_slice(&right);
    }
}

#[inline(never)]
fn half(rows: &[Quad], panel: &[[i16; HALF * STEP]]) -> [[i32; HALF]; TILE] {
    let mut acc = [[i32x4_splat(0); QUARTERS]; TILE];
    for (quad, step) in rows.iter().zip(panel) {
        let step: *const v128 = step.as_ptr().cast();
        // SAFETY: half a step is 16 numbers of 16 bits, two registers.
        let weights = unsafe { [v128_load(step), v128_load(step.add(1))] };
        for (row, acc) in acc.iter_mut().enumerate() {
            // SAFETY: four numbers of 16 bits are there, as the slicing checked.
            let quantised =
                unsafe { v128_load64_splat(quad.0[row * STEP..][..STEP].as_ptr().cast()) };
            for (acc, &weights) in acc.iter_mut().zip(&weights) {
                *acc = i32x4_add(*acc, i32x4_dot_i16x8(weights, quantised));
            }
        }
    }
    acc.map(|[a, b]| {
        // Each output has two sums next to each other.
        let sums = i32x4_add(
            i32x4_shuffle::<0, 2, 4, 6>(a, b),
            i32x4_shuffle::<1, 3, 5, 7>(a, b),
        );
        let mut out = [0; HALF];
        // SAFETY: there is room for four sums.
        unsafe { v128_store(out.as_mut_ptr().cast(), sums) }
        out
    })
}
