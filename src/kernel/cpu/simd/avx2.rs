//! Lanes of AVX2 with FMA.
//!
//! Every method may only be reached from [`run`], whose caller vouches for the CPU.

#![allow(unsafe_code, reason = "intrinsics need a promise about the CPU")]

use core::arch::x86_64::*;

use super::{Simd, SimdOp};

/// # Safety
///
/// The CPU must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<W: SimdOp>(work: W) -> W::Output {
    work.run::<F32x8>()
}

#[derive(Clone, Copy)]
pub(super) struct F32x8(__m256);

/// One instruction, or a few, that the CPU has.
macro_rules! avx2 {
    ($body:expr) => {
        // SAFETY: lanes of this kind exist only within `run`, so the CPU has AVX2 and FMA. What is
        // read or written through a pointer lies within a slice whose length was just checked.
        unsafe { $body }
    };
}

impl F32x8 {
    #[inline(always)]
    fn halves(self) -> (__m128, __m128) {
        avx2!((
            _mm256_castps256_ps128(self.0),
            _mm256_extractf128_ps::<1>(self.0)
        ))
    }

    #[inline(always)]
    fn lanes(quarter: __m128) -> [f32; 4] {
        let mut lanes = [0.0; 4];
        avx2!(_mm_storeu_ps(lanes.as_mut_ptr(), quarter));
        lanes
    }
}

impl Simd for F32x8 {
    const COUNT: usize = 8;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(avx2!(_mm256_set1_ps(value)))
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..8];
        Self(avx2!(_mm256_loadu_ps(from.as_ptr())))
    }

    #[inline(always)]
    fn without_zero(sums: &[i32], zero: i32, weight_sums: &[i32]) -> Self {
        let (sums, weight_sums) = (&sums[..8], &weight_sums[..8]);
        Self(avx2!({
            let sums = _mm256_loadu_si256(sums.as_ptr().cast());
            let weight_sums = _mm256_loadu_si256(weight_sums.as_ptr().cast());
            let shift = _mm256_mullo_epi32(_mm256_set1_epi32(zero), weight_sums);
            _mm256_cvtepi32_ps(_mm256_sub_epi32(sums, shift))
        }))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..8];
        avx2!(_mm256_storeu_ps(to.as_mut_ptr(), self.0));
    }

    #[inline(always)]
    fn store_columns(registers: [Self; 4], to: &mut [[f32; 4]]) {
        let to = &mut to[..8];
        let [a, b, c, d] = registers.map(|register| register.0);
        avx2!({
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            // The instructions work within halves of a register: columns n and n + 4 are one.
            let columns = [
                _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd),
                _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
            ];
            for (lane, column) in columns.into_iter().enumerate() {
                _mm_storeu_ps(to[lane].as_mut_ptr(), _mm256_castps256_ps128(column));
                _mm_storeu_ps(
                    to[lane + 4].as_mut_ptr(),
                    _mm256_extractf128_ps::<1>(column),
                );
            }
        });
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx2!(_mm256_add_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(avx2!(_mm256_sub_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(avx2!(_mm256_mul_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(avx2!(_mm256_div_ps(self.0, other.0)))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(avx2!(_mm256_fmadd_ps(self.0, factor.0, term.0)))
    }

    #[inline(always)]
    fn min(self, limit: Self) -> Self {
        Self(avx2!(_mm256_min_ps(limit.0, self.0)))
    }

    #[inline(always)]
    fn max(self, limit: Self) -> Self {
        Self(avx2!(_mm256_max_ps(limit.0, self.0)))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(avx2!(_mm256_sqrt_ps(self.0)))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(avx2!(_mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0)))
    }

    #[inline(always)]
    fn power_of_two(self, one: Self) -> Self {
        Self(avx2!(_mm256_castsi256_ps(_mm256_add_epi32(
            _mm256_slli_epi32::<23>(_mm256_castps_si256(self.0)),
            _mm256_castps_si256(one.0),
        ))))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let (low, high) = self.halves();
        let [a, b, c, d] = Self::lanes(avx2!(_mm_add_ps(low, high)));
        (a + c) + (b + d)
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        let (low, high) = self.halves();
        let lanes = Self::lanes(avx2!(_mm_max_ps(low, high)));
        lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    #[inline(always)]
    fn smallest(self) -> f32 {
        let (low, high) = self.halves();
        let lanes = Self::lanes(avx2!(_mm_min_ps(low, high)));
        lanes.into_iter().fold(f32::INFINITY, f32::min)
    }

    #[inline(always)]
    fn quantise(from: &[f32; 16], factor: Self, term: Self) -> [u8; 16] {
        let rounded = |first: usize| {
            let x = Self::load(&from[first..]).mul(factor).add(term);
            // Beyond i32 the conversion answers with its smallest number; the cap prevents that.
            let x = x.min(Self::splat(255.0));
            avx2!(_mm256_cvtps_epi32(x.0))
        };
        let (low, high) = (rounded(0), rounded(8));
        let mut quantised = [0; 16];
        avx2!({
            let low = _mm_packs_epi32(
                _mm256_castsi256_si128(low),
                _mm256_extracti128_si256::<1>(low),
            );
            let high = _mm_packs_epi32(
                _mm256_castsi256_si128(high),
                _mm256_extracti128_si256::<1>(high),
            );
            _mm_storeu_si128(quantised.as_mut_ptr().cast(), _mm_packus_epi16(low, high));
        });
        quantised
    }
}
