//! Exponentials, and what CLIPs put between the layers of a feed-forward part.
//!
//! Each is within about 10⁻⁶ of the true value, relative to the input where that is larger than 1.

use std::hint::black_box;

use super::simd::{ROUND, Simd};

/// The functions, over numbers that lie in memory.
///
/// An instruction of wasm may hold a register's worth of numbers, but V8 puts them together anew each time,
/// by three instructions; a load is one.
pub(crate) struct Functions {
    one: f32,
    half: f32,
    round: f32,
    /// The exponents of infinity and of 0.
    limits: [f32; 2],
    log2_e: f32,
    /// −ln 2 in two parts, the first with few enough digits that its multiples are exact.
    ln_2: [f32; 2],
    /// Minimax for (eʳ − 1 − r) / r², the highest power first.
    exp: [f32; 6],
    /// Far enough from the smallest exponent that no product comes out in less than full precision, which
    /// costs a CPU a hundred times as long.
    least_power: f32,
    /// Minimax for 2ʳ with |r| ≤ ½, the highest power first.
    exp2: [f32; 5],
    /// The factor of `sigmoid`'s exponent.
    quick: f32,
    sqrt_half: f32,
    /// The error function's approximation 7.1.26 of Abramowitz and Stegun: of `t`'s denominator, then
    /// of the polynomial.
    erf_t: f32,
    erf: [f32; 5],
}

static FUNCTIONS: Functions = Functions {
    one: 1.0,
    half: 0.5,
    round: ROUND,
    limits: [88.75, -88.0],
    log2_e: std::f32::consts::LOG2_E,
    ln_2: [-0.693_359_4, 2.121_944_4e-4],
    exp: [
        1.987_569_1e-4,
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_6e-1,
        0.5,
    ],
    least_power: -120.0,
    exp2: [
        0.009_570_102,
        0.055_917_86,
        0.240_247_44,
        0.693_121_8,
        0.999_999_3,
    ],
    quick: -1.702,
    sqrt_half: std::f32::consts::FRAC_1_SQRT_2,
    erf_t: 0.327_591_1,
    erf: [
        1.061_405_4,
        -1.453_152,
        1.421_413_7,
        -0.284_496_74,
        0.254_829_6,
    ],
};

impl Functions {
    /// To be taken once for many calls.
    #[inline(always)]
    pub(crate) fn get() -> &'static Self {
        // Or the compiler would make constants of them again.
        black_box(&FUNCTIONS)
    }

    /// eˣ, to a relative error of 2·10⁻⁷. Below −87.7 it is 0, above 88.4 infinite; unspecified for
    /// NaN.
    #[inline(always)]
    pub(crate) fn exp<L: Simd>(&self, x: L) -> L {
        // eˣ = 2ⁿ · eʳ with |r| ≤ ln 2 / 2. The clamps reach the exponents of 0 and infinity.
        let [most, least] = self.limits.map(L::splat);
        let x = x.min(most).max(least);
        let round = L::splat(self.round);
        let rounded = x.mul_add(L::splat(self.log2_e), round);
        let n = rounded.sub(round);
        let r = self
            .ln_2
            .iter()
            .fold(x, |r, &part| n.mul_add(L::splat(part), r));
        let p = polynomial(&self.exp, r);
        let one = L::splat(self.one);
        let e = p.mul_add(r.mul(r), r.add(one));
        e.mul(rounded.power_of_two(one))
    }

    /// 2ˣ for x ≤ 0, to a relative error of 4·10⁻⁶ down to 2⁻¹²⁰, and about that below. Unspecified
    /// for NaN.
    #[inline(always)]
    pub(super) fn exp2<L: Simd>(&self, x: L) -> L {
        let round = L::splat(self.round);
        let x = x.max(L::splat(self.least_power));
        let rounded = x.add(round);
        let p = polynomial(&self.exp2, x.sub(rounded.sub(round)));
        p.mul(rounded.power_of_two(L::splat(self.one)))
    }

    /// `x · sigmoid(1.702 x)`
    #[inline(always)]
    pub(super) fn quick_gelu<L: Simd>(&self, x: L) -> L {
        let e = self.exp(x.mul(L::splat(self.quick)));
        x.div(L::splat(self.one).add(e))
    }

    /// `x · Φ(x)`, by the approximation of the error function.
    #[inline(always)]
    pub(super) fn gelu<L: Simd>(&self, x: L) -> L {
        let zero = L::splat(0.0);
        let one = L::splat(self.one);
        let size = x.abs();
        let z = size.mul(L::splat(self.sqrt_half));
        let t = one.div(z.mul_add(L::splat(self.erf_t), one));
        // Half of 1 − erf: how far x falls short of itself, or is above zero on the other side.
        let tail = polynomial(&self.erf, t)
            .mul(t)
            .mul(self.exp(zero.sub(z.mul(z))))
            .mul(L::splat(self.half));
        x.max(zero).sub(size.mul(tail))
    }
}

/// By Horner, the coefficient of the highest power first.
#[inline(always)]
fn polynomial<L: Simd, const N: usize>(coefficients: &[f32; N], x: L) -> L {
    let highest = L::splat(coefficients[0]);
    coefficients[1..]
        .iter()
        .fold(highest, |p, &next| p.mul_add(x, L::splat(next)))
}
