//! Exponentials, and what CLIPs put between the layers of a feed-forward part.
//!
//! Each is within about 10⁻⁶ of the true value, relative to the input where that is larger than 1.

use super::lanes::{Lanes, ROUND};

/// eˣ, to a relative error of 2·10⁻⁷. Below −87.7 it is 0, above 88.4 infinite; what comes of a NaN
/// is not said.
#[inline(always)]
pub(super) fn exp<L: Lanes>(x: L) -> L {
    // eˣ = 2ⁿ · eʳ with |r| ≤ ln 2 / 2. The clamps reach the exponents of 0 and infinity.
    let x = x.at_most(L::splat(88.75)).at_least(L::splat(-88.0));
    let rounded = x.mul_add(L::splat(std::f32::consts::LOG2_E), L::splat(ROUND));
    let n = rounded.sub(L::splat(ROUND));
    // ln 2 in two parts, the first with few enough digits that its multiples are exact.
    let r = n.mul_add(L::splat(-0.693_359_4), x);
    let r = n.mul_add(L::splat(2.121_944_4e-4), r);
    // Minimax for (eʳ − 1 − r) / r².
    let mut p = L::splat(1.987_569_1e-4);
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_6e-1,
        0.5,
    ] {
        p = p.mul_add(r, L::splat(coefficient));
    }
    let e = p.mul_add(r.mul(r), r.add(L::splat(1.0)));
    e.mul(rounded.power_of_two())
}

/// `x · sigmoid(1.702 x)`
#[inline(always)]
pub(super) fn quick_gelu<L: Lanes>(x: L) -> L {
    let one = L::splat(1.0);
    x.div(one.add(exp(x.mul(L::splat(-1.702)))))
}

/// `x · Φ(x)`, by the error function's approximation 7.1.26 of Abramowitz and Stegun.
#[inline(always)]
pub(super) fn gelu<L: Lanes>(x: L) -> L {
    let one = L::splat(1.0);
    let size = x.abs();
    let z = size.mul(L::splat(std::f32::consts::FRAC_1_SQRT_2));
    let t = one.div(z.mul_add(L::splat(0.327_591_1), one));
    let mut p = L::splat(1.061_405_4);
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = p.mul_add(t, L::splat(coefficient));
    }
    // Half of 1 − erf: how far x falls short of itself, or is above zero on the other side.
    let tail = p
        .mul(t)
        .mul(exp(L::splat(0.0).sub(z.mul(z))))
        .mul(L::splat(0.5));
    x.at_least(L::splat(0.0)).sub(size.mul(tail))
}
