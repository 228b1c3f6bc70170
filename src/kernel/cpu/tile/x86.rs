//! x86-64: AVX2, and AVX-VNNI where the CPU has it.

#![allow(unsafe_code, reason = "intrinsics need a promise about the CPU")]

use core::arch::x86_64::*;

use super::{DotKernel, Sums, TOGETHER, WidePanel};
use crate::kernel::cpu::layout::{Quad, STEP, TILE};

pub(super) fn available() -> Vec<DotKernel> {
    let mut kernels = Vec::new();
    if std::arch::is_x86_feature_detected!("avx2") {
        if std::arch::is_x86_feature_detected!("avxvnni") {
            kernels.push(DotKernel {
                name: "AVX-VNNI",
                signed: false,
                // SAFETY: the CPU has it.
                run: |rows, panel, sums| unsafe { run_vnni(rows, panel, sums) },
                run_in_pairs: None,
                // SAFETY: the CPU has it.
                run_together: Some(|tiles, panel, sums| unsafe {
                    run_vnni_together(tiles, panel, sums);
                }),
            });
        }
        kernels.push(DotKernel {
            name: "AVX2",
            signed: false,
            // SAFETY: the CPU has it.
            run: |rows, panel, sums| unsafe { run_avx2(rows, panel, sums) },
            // SAFETY: the CPU has it.
            run_in_pairs: Some(|rows, panel, sums| unsafe { run_avx2_in_pairs(rows, panel, sums) }),
            run_together: None,
        });
    }
    kernels
}

/// The quantised values of one row, eight times over.
#[target_feature(enable = "avx2")]
#[inline]
fn spread_row(quad: &Quad, row: usize) -> __m256i {
    let quantised = quad.0[row * STEP..]
        .first_chunk()
        .expect("a row within the tile");
    _mm256_set1_epi32(i32::from_le_bytes(*quantised))
}

#[target_feature(enable = "avx2")]
#[inline]
fn weights(step: &WidePanel) -> __m256i {
    // SAFETY: a step is 32 bytes, aligned to as many.
    unsafe { _mm256_load_si256(step.0.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(acc: [__m256i; TILE], sums: &mut Sums) {
    for (acc, sums) in acc.into_iter().zip(&mut sums.0) {
        // SAFETY: a row is eight sums.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), acc) }
    }
}

/// Two steps are added up in 16 bits before they are widened: weights packed for activations of 8 bits
/// guarantee that they fit.
#[target_feature(enable = "avx2")]
fn run_avx2(rows: &[Quad], panel: &[WidePanel], sums: &mut Sums) {
    let ones = _mm256_set1_epi16(1);
    let mut acc = [_mm256_setzero_si256(); TILE];
    let quads = rows.as_chunks::<2>().0;
    let steps = panel.as_chunks::<2>().0;
    for (quads, steps) in quads.iter().zip(steps) {
        let (first, second) = (weights(&steps[0]), weights(&steps[1]));
        for (row, acc) in acc.iter_mut().enumerate() {
            let group = _mm256_add_epi16(
                _mm256_maddubs_epi16(spread_row(&quads[0], row), first),
                _mm256_maddubs_epi16(spread_row(&quads[1], row), second),
            );
            *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(group, ones));
        }
    }
    store(acc, sums);
}

#[target_feature(enable = "avx2")]
fn run_avx2_in_pairs(rows: &[Quad], panel: &[WidePanel], sums: &mut Sums) {
    let ones = _mm256_set1_epi16(1);
    let mut acc = [_mm256_setzero_si256(); TILE];
    for (quad, step) in rows.iter().zip(panel) {
        let weights = weights(step);
        for (row, acc) in acc.iter_mut().enumerate() {
            let pairs = _mm256_maddubs_epi16(spread_row(quad, row), weights);
            *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(pairs, ones));
        }
    }
    store(acc, sums);
}

#[target_feature(enable = "avx2,avxvnni")]
fn run_vnni(rows: &[Quad], panel: &[WidePanel], sums: &mut Sums) {
    // Two sums a row, since one must wait for its last addition.
    let mut acc = [[_mm256_setzero_si256(); 2]; TILE];
    let quads = rows.as_chunks::<2>().0;
    let steps = panel.as_chunks::<2>().0;
    for (quads, steps) in quads.iter().zip(steps) {
        for (place, (quad, step)) in quads.iter().zip(steps).enumerate() {
            let weights = weights(step);
            for (row, acc) in acc.iter_mut().enumerate() {
                acc[place] = _mm256_dpbusd_avx_epi32(acc[place], spread_row(quad, row), weights);
            }
        }
    }
    store(acc.map(|[a, b]| _mm256_add_epi32(a, b)), sums);
}

#[target_feature(enable = "avx2,avxvnni")]
fn run_vnni_together(tiles: [&[Quad]; TOGETHER], panel: &[WidePanel], sums: &mut [Sums; TOGETHER]) {
    let [a, b, c] = tiles;
    let mut acc = [[_mm256_setzero_si256(); TILE]; TOGETHER];
    for (((a, b), c), step) in a.iter().zip(b).zip(c).zip(panel) {
        let weights = weights(step);
        for (acc, quad) in acc.iter_mut().zip([a, b, c]) {
            for (row, acc) in acc.iter_mut().enumerate() {
                *acc = _mm256_dpbusd_avx_epi32(*acc, spread_row(quad, row), weights);
            }
        }
    }
    for (acc, sums) in acc.into_iter().zip(sums) {
        store(acc, sums);
    }
}
