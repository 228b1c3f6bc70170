//! Lanes of wasm's SIMD. With relaxed SIMD, products and sums become one instruction.

#![allow(unsafe_code, reason = "loads and stores take raw pointers")]

use core::arch::wasm32::*;

use super::Simd;

#[derive(Clone, Copy)]
pub(super) struct F32x4(v128);

impl F32x4 {
    #[inline(always)]
    fn lanes(self) -> [f32; 4] {
        [
            f32x4_extract_lane::<0>(self.0),
            f32x4_extract_lane::<1>(self.0),
            f32x4_extract_lane::<2>(self.0),
            f32x4_extract_lane::<3>(self.0),
        ]
    }
}

impl Simd for F32x4 {
    const COUNT: usize = 4;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..4];
        // SAFETY: 4 numbers are there, as the slicing checked; no alignment is asked for.
        Self(unsafe { v128_load(from.as_ptr().cast()) })
    }

    #[inline(always)]
    fn without_zero(sums: &[i32], zero: i32, weight_sums: &[i32]) -> Self {
        let load = |from: &[i32]| {
            let from = &from[..4];
            // SAFETY: 4 numbers are there, as the slicing checked; no alignment is asked for.
            unsafe { v128_load(from.as_ptr().cast()) }
        };
        let shift = i32x4_mul(i32x4_splat(zero), load(weight_sums));
        Self(f32x4_convert_i32x4(i32x4_sub(load(sums), shift)))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..4];
        // SAFETY: 4 numbers are there, as the slicing checked; no alignment is asked for.
        unsafe { v128_store(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn store_columns(registers: [Self; 4], to: &mut [[f32; 4]]) {
        let [a, b, c, d] = registers.map(|register| register.0);
        let (ab, cd) = (
            i32x4_shuffle::<0, 4, 1, 5>(a, b),
            i32x4_shuffle::<0, 4, 1, 5>(c, d),
        );
        let (ab_high, cd_high) = (
            i32x4_shuffle::<2, 6, 3, 7>(a, b),
            i32x4_shuffle::<2, 6, 3, 7>(c, d),
        );
        let columns = [
            i64x2_shuffle::<0, 2>(ab, cd),
            i64x2_shuffle::<1, 3>(ab, cd),
            i64x2_shuffle::<0, 2>(ab_high, cd_high),
            i64x2_shuffle::<1, 3>(ab_high, cd_high),
        ];
        for (to, column) in to[..4].iter_mut().zip(columns) {
            Self(column).store(to);
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(f32x4_div(self.0, other.0))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        return Self(f32x4_relaxed_madd(self.0, factor.0, term.0));
        #[cfg(not(target_feature = "relaxed-simd"))]
        self.mul(factor).add(term)
    }

    // `f32x4_min` and `f32x4_max` order zeros and NaNs, which x86 takes many instructions for;
    // the pseudo-minimum is one. With relaxed SIMD the compiler makes it a relaxed one.
    #[inline(always)]
    fn min(self, limit: Self) -> Self {
        Self(f32x4_pmin(self.0, limit.0))
    }

    #[inline(always)]
    fn max(self, limit: Self) -> Self {
        Self(f32x4_pmax(self.0, limit.0))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(f32x4_sqrt(self.0))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(f32x4_abs(self.0))
    }

    #[inline(always)]
    fn power_of_two(self, one: Self) -> Self {
        Self(i32x4_add(i32x4_shl(self.0, 23), one.0))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d] = self.lanes();
        (a + c) + (b + d)
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.lanes().into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    #[inline(always)]
    fn smallest(self) -> f32 {
        self.lanes().into_iter().fold(f32::INFINITY, f32::min)
    }

    #[inline(always)]
    fn quantise(from: &[f32; 16], factor: Self, term: Self) -> [u8; 16] {
        let rounded = |first: usize| {
            let x = Self::load(&from[first..]).mul(factor).add(term);
            // The cap keeps the sum with `ROUND` exact. Below 0 the narrowing saturates.
            let x = x.min(Self::splat(255.0)).add(Self::splat(super::ROUND));
            i32x4_sub(x.0, f32x4_splat(super::ROUND))
        };
        let low = i16x8_narrow_i32x4(rounded(0), rounded(4));
        let high = i16x8_narrow_i32x4(rounded(8), rounded(12));
        let mut quantised = [0; 16];
        // SAFETY: 16 bytes are there; no alignment is asked for.
        unsafe { v128_store(quantised.as_mut_ptr().cast(), u8x16_narrow_i16x8(low, high)) }
        quantised
    }

    #[inline(always)]
    fn digits(rounded: &[f32; 16]) -> [[u8; 16]; 2] {
        let load = |first: usize| Self::load(&rounded[first..]).0;
        // The lower halves, which are the integers.
        let quantised = |first: usize| {
            let (a, b) = (load(first), load(first + 4));
            i16x8_shuffle::<0, 2, 4, 6, 8, 10, 12, 14>(a, b)
        };
        let (first, last) = (quantised(0), quantised(8));
        let higher = u8x16_narrow_i16x8(u16x8_shr(first, 7), u16x8_shr(last, 7));
        let low = i16x8_splat(127);
        let lower = u8x16_narrow_i16x8(v128_and(first, low), v128_and(last, low));
        let mut digits = [[0; 16]; 2];
        for (to, from) in digits.iter_mut().zip([higher, lower]) {
            // SAFETY: 16 bytes are there; no alignment is asked for.
            unsafe { v128_store(to.as_mut_ptr().cast(), from) }
        }
        digits
    }
}
