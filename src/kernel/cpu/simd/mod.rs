//! A register full of f32, whatever the machine calls it.
//!
//! Code is written once over [`Simd`] and run by [`run`], which picks the widest kind there is.

#![allow(unsafe_code, reason = "the vector unit is found out at run time")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(not(target_arch = "wasm32"))]
mod portable;
#[cfg(target_arch = "wasm32")]
mod wasm;

/// Added to a number below 2²², rounds it to an integer (to even at a tie) that then lies in the
/// low bits of the sum.
pub(super) const ROUND: f32 = 12_582_912.0;

/// Lanes of f32 that are computed together.
pub(crate) trait Simd: Copy {
    /// How many there are.
    const COUNT: usize;

    /// The same number in every lane.
    fn splat(value: f32) -> Self;
    /// The first numbers of a slice, which must be long enough.
    fn load(from: &[f32]) -> Self;
    /// `sum − zero · weight_sums`, of integers exactly, for the first of either slice, which must be long
    /// enough.
    fn without_zero(sums: &[i32], zero: i32, weight_sums: &[i32]) -> Self;
    /// Writes the lanes to the front of a slice, which must be long enough.
    fn store(self, to: &mut [f32]);

    /// Writes the lanes of four registers as columns: `to[lane][register]`. There must be room for
    /// all lanes.
    fn store_columns(registers: [Self; 4], to: &mut [[f32; 4]]);

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// `self · factor + term`, rounded once or twice as the machine likes.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The smaller of the two. Unspecified for NaN.
    fn min(self, limit: Self) -> Self;
    /// The larger of the two. Unspecified for NaN.
    fn max(self, limit: Self) -> Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    /// 2ⁿ for lanes of n + [`ROUND`], −127 ≤ n ≤ 128; 0 and infinity at the ends. `one` is 1.
    fn power_of_two(self, one: Self) -> Self;

    /// The sum of all lanes.
    fn sum(self) -> f32;
    /// The largest lane, if none is NaN.
    fn largest(self) -> f32;
    /// The smallest lane, if none is NaN.
    fn smallest(self) -> f32;

    /// `round(x · factor + term)` within 0..=255 for each of 16 numbers. Unspecified for
    /// NaN.
    fn quantise(from: &[f32; 16], factor: Self, term: Self) -> [u8; 16];

    /// `round(x · factor + term)` within 0..=16 383 for each of 16 numbers, as [`digits`](Self::digits).
    /// Unspecified for NaN.
    #[inline(always)]
    fn quantise_finely(from: &[f32; 16], factor: Self, term: Self) -> [[u8; 16]; 2] {
        let mut rounded = [0.0; 16];
        for first in (0..16).step_by(Self::COUNT) {
            let x = Self::load(&from[first..]).mul(factor).add(term);
            let x = x.min(Self::splat(16_383.0)).max(Self::splat(0.0));
            x.add(Self::splat(ROUND)).store(&mut rounded[first..]);
        }
        Self::digits(&rounded)
    }

    /// The higher and the lower seven bits of 16 integers, to each of which [`ROUND`] was added.
    #[inline(always)]
    fn digits(rounded: &[f32; 16]) -> [[u8; 16]; 2] {
        let quantised = rounded.map(|x| x.to_bits() as u16);
        [
            quantised.map(|x| (x >> 7) as u8),
            quantised.map(|x| (x & 127) as u8),
        ]
    }
}

/// Something to compute with lanes.
pub(crate) trait SimdOp {
    type Output;
    /// To be marked `#[inline(always)]`, and everything over lanes that it calls, so that it is
    /// compiled with the instructions of its caller.
    fn run<L: Simd>(self) -> Self::Output;
}

/// Runs `work` with the widest lanes of this machine.
#[inline]
pub(crate) fn run<W: SimdOp>(work: W) -> W::Output {
    #[cfg(target_arch = "wasm32")]
    return work.run::<wasm::F32x4>();
    #[cfg(not(target_arch = "wasm32"))]
    {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
        {
            // SAFETY: the CPU has AVX2 and FMA, as just asked.
            return unsafe { avx2::run(work) };
        }
        work.run::<portable::Portable>()
    }
}

/// Runs `work` on lanes of plain Rust, which every machine has.
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(super) fn run_portable<W: SimdOp>(work: W) -> W::Output {
    work.run::<portable::Portable>()
}
