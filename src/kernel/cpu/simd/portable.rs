//! Lanes in plain Rust, which a compiler turns into the vectors of its target.

use super::{ROUND, Simd};

#[derive(Clone, Copy)]
pub(super) struct Portable([f32; 4]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Simd for Portable {
    const COUNT: usize = 4;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        Self(std::array::from_fn(|i| from[i]))
    }

    #[inline(always)]
    fn without_zero(sums: &[i32], zero: i32, weight_sums: &[i32]) -> Self {
        Self(std::array::from_fn(|i| {
            (sums[i] - zero * weight_sums[i]) as f32
        }))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        to[..4].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn store_columns(registers: [Self; 4], to: &mut [[f32; 4]]) {
        for (lane, to) in to[..4].iter_mut().enumerate() {
            *to = registers.map(|register| register.0[lane]);
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // `f32::mul_add` is a call into the C library where the CPU may lack the instruction.
        if cfg!(target_arch = "aarch64") {
            Self(std::array::from_fn(|i| {
                self.0[i].mul_add(factor.0[i], term.0[i])
            }))
        } else {
            self.mul(factor).add(term)
        }
    }

    #[inline(always)]
    fn min(self, limit: Self) -> Self {
        self.zip(limit, |x, limit| if limit < x { limit } else { x })
    }

    #[inline(always)]
    fn max(self, limit: Self) -> Self {
        self.zip(limit, |x, limit| if x < limit { limit } else { x })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
    }

    #[inline(always)]
    fn power_of_two(self, one: Self) -> Self {
        self.zip(one, |x, one| {
            f32::from_bits((x.to_bits() << 23).wrapping_add(one.to_bits()))
        })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        (self.0[0] + self.0[2]) + (self.0[1] + self.0[3])
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.0.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    #[inline(always)]
    fn smallest(self) -> f32 {
        self.0.into_iter().fold(f32::INFINITY, f32::min)
    }

    #[inline(always)]
    fn quantise(from: &[f32; 16], factor: Self, term: Self) -> [u8; 16] {
        from.map(|x| {
            let value = x * factor.0[0] + term.0[0];
            let value = if 255.0 < value { 255.0 } else { value };
            let value = if value < 0.0 { 0.0 } else { value };
            (value + ROUND).to_bits() as u8
        })
    }
}
