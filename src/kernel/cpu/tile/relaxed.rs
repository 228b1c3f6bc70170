//! wasm with relaxed SIMD: a dot product of signed bytes with numbers of 7 bits.
//!
//! The specification leaves open what an eighth bit means. But it is one of two things, and stays
//! the same for as long as a program runs, so that it can be found out at start and all eight bits
//! be used. They are
//!
//! - unsigned, as `pmaddubsw` and `vpdpbusd` of x86 read them, or
//! - signed, as 64-bit ARM does: then 128 is taken off every quantised value.
//!
//! `i32x4_relaxed_dot_i8x16_i7x16_add` is one instruction with VNNI, or with ARM's dot product.
//! Without, engines make it from `pmaddubsw`, which saturates at 16 bits, `pmaddwd` to widen, and
//! an addition. There it is faster to add up two steps in 16 bits, which weights packed
//! for activations of 8 bits guarantee to fit, and to widen once.

#![allow(unsafe_code, reason = "loads and stores take raw pointers")]

use core::arch::wasm32::*;
use core::hint::black_box;

use super::{DotKernel, Sums, TOGETHER, WidePanel};
use crate::kernel::cpu::layout::{PANEL, Quad, STEP, TILE};

/// Registers of a step: half the panel each.
const HALVES: usize = 2;

pub(super) fn available() -> Vec<DotKernel> {
    let direct = |signed| DotKernel {
        name: "relaxed SIMD, direct",
        signed,
        run: run_direct,
        run_in_pairs: None,
        run_together: Some(run_direct_together),
    };
    let grouped = DotKernel {
        name: "relaxed SIMD, in groups",
        signed: false,
        run: run_grouped,
        run_in_pairs: Some(run_direct),
        run_together: None,
    };
    // 1 · 128 twice, if the eighth bit counts; −1 · 128 twice if it is a sign.
    let pair =
        i16x8_relaxed_dot_i8x16_i7x16(black_box(i8x16_splat(1)), black_box(i8x16_splat(-128)));
    match i16x8_extract_lane::<0>(pair) {
        256 if widens_at_once() => vec![direct(false), grouped],
        // Slower there, and as exact: a pair is part of a group.
        256 => vec![grouped, direct(false)],
        _ => vec![direct(true)],
    }
}

/// Whether the dot product that adds in 32 bits does so from the start, as with VNNI: then
/// 4 · 127 · 255 arrives whole, and the instruction is a fast one.
fn widens_at_once() -> bool {
    let four = i32x4_relaxed_dot_i8x16_i7x16_add(
        black_box(i8x16_splat(127)),
        black_box(i8x16_splat(-1)),
        i32x4_splat(0),
    );
    i32x4_extract_lane::<0>(four) == 4 * 127 * 255
}

/// The weights of a step, four outputs each.
#[inline(always)]
fn weights(step: &WidePanel) -> [v128; HALVES] {
    let step: *const v128 = step.0.as_ptr().cast();
    // SAFETY: a step is 32 bytes.
    unsafe { [v128_load(step), v128_load(step.add(1))] }
}

/// The quantised values of one row, four times over.
#[inline(always)]
fn spread_row(quad: &Quad, row: usize) -> v128 {
    // SAFETY: a quad is four rows of four bytes.
    unsafe { v128_load32_splat(quad.0[row * STEP..][..STEP].as_ptr().cast()) }
}

// Functions of their own, so that an engine that compiles in tiers has the fast tier ready after
// the first few tiles, not after the first picture.
#[inline(never)]
fn run_direct(rows: &[Quad], panel: &[WidePanel], sums: &mut Sums) {
    let mut acc = [[i32x4_splat(0); HALVES]; TILE];
    for (quad, step) in rows.iter().zip(panel) {
        let weights = weights(step);
        for (row, acc) in acc.iter_mut().enumerate() {
            let quantised = spread_row(quad, row);
            for (acc, &weights) in acc.iter_mut().zip(&weights) {
                *acc = i32x4_relaxed_dot_i8x16_i7x16_add(weights, quantised, *acc);
            }
        }
    }
    store(acc, sums);
}

/// The twelve rows of three tiles, six and six.
#[inline(never)]
fn run_direct_together(
    tiles: [&[Quad]; TOGETHER],
    panel: &[WidePanel],
    sums: &mut [Sums; TOGETHER],
) {
    let [a, b, c] = tiles;
    let upper = six_rows::<0>(a, b, panel);
    let lower = six_rows::<{ TILE / 2 }>(c, b, panel);
    let [a, b, c] = sums;
    let (b_upper, b_lower) = b.0.split_at_mut(TILE / 2);
    let rows = a.0.iter_mut().chain(b_upper).zip(&upper);
    for (sums, acc) in rows.chain(c.0.iter_mut().chain(b_lower).zip(&lower)) {
        store_row(acc, sums);
    }
}

/// A tile's four rows and two of another, from `FIRST` on, by the eight outputs of a panel: twelve sums,
/// as many as fit the registers beside what goes into them, and more than the steps that one of them has
/// to wait for the one before. A quantised value serves twice. The order of instructions matters: see
/// docs/performance.md.
#[inline(always)]
fn six_rows<const FIRST: usize>(
    tile: &[Quad],
    other: &[Quad],
    panel: &[WidePanel],
) -> [[v128; HALVES]; TILE + TILE / 2] {
    let mut acc = [[i32x4_splat(0); HALVES]; TILE + TILE / 2];
    for ((quad, other), step) in tile.iter().zip(other).zip(panel) {
        let weights = weights(step);
        for (row, acc) in acc.iter_mut().enumerate() {
            let quantised = match row.checked_sub(TILE) {
                None => spread_row(quad, row),
                Some(row) => spread_row(other, FIRST + row),
            };
            for (acc, &weights) in acc.iter_mut().zip(&weights) {
                *acc = i32x4_relaxed_dot_i8x16_i7x16_add(weights, quantised, *acc);
            }
        }
    }
    acc
}

#[inline(never)]
fn run_grouped(rows: &[Quad], panel: &[WidePanel], sums: &mut Sums) {
    let ones = i16x8_splat(1);
    let mut acc = [[i32x4_splat(0); HALVES]; TILE];
    let quads = rows.as_chunks::<2>().0;
    let steps = panel.as_chunks::<2>().0;
    for (quads, steps) in quads.iter().zip(steps) {
        let (first, second) = (weights(&steps[0]), weights(&steps[1]));
        for (row, acc) in acc.iter_mut().enumerate() {
            let (a, b) = (spread_row(&quads[0], row), spread_row(&quads[1], row));
            for (half, acc) in acc.iter_mut().enumerate() {
                let group = i16x8_add(
                    i16x8_relaxed_dot_i8x16_i7x16(first[half], a),
                    i16x8_relaxed_dot_i8x16_i7x16(second[half], b),
                );
                *acc = i32x4_add(*acc, i32x4_dot_i16x8(group, ones));
            }
        }
    }
    store(acc, sums);
}

#[inline(always)]
fn store(acc: [[v128; HALVES]; TILE], sums: &mut Sums) {
    for (acc, sums) in acc.iter().zip(&mut sums.0) {
        store_row(acc, sums);
    }
}

#[inline(always)]
fn store_row(acc: &[v128; HALVES], sums: &mut [i32; PANEL]) {
    for (&acc, sums) in acc.iter().zip(sums.as_chunks_mut::<{ PANEL / HALVES }>().0) {
        // SAFETY: there is room for four sums.
        unsafe { v128_store(sums.as_mut_ptr().cast(), acc) }
    }
}
