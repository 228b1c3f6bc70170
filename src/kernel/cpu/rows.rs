//! Functions of each number, and of each row, of f32 matrices.

use super::gelu::Functions;
use super::simd::{Simd, SimdOp, run};

/// Runs plain loops compiled for the widest lanes of this machine. To be given what inlines: a closure
/// over slices whose calls are marked `#[inline(always)]`.
#[inline]
pub(crate) fn vectorised<T>(work: impl FnOnce() -> T) -> T {
    struct Loops<F>(F);
    impl<T, F: FnOnce() -> T> SimdOp for Loops<F> {
        type Output = T;

        #[inline(always)]
        fn run<L: Simd>(self) -> T {
            (self.0)()
        }
    }
    run(Loops(work))
}

/// `1 / (1 + e^(−factor · x))` of each number.
pub(crate) fn sigmoids(x: &[f32], factor: f32, out: &mut [f32]) {
    run(Sigmoids { x, factor, out });
}

struct Sigmoids<'a> {
    x: &'a [f32],
    factor: f32,
    out: &'a mut [f32],
}

impl SimdOp for Sigmoids<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let functions = Functions::get();
        let one = L::splat(1.0);
        let factor = L::splat(-self.factor);
        let sigmoid = |x: L| one.div(one.add(functions.exp(x.mul(factor))));
        for_each_register(self.x, self.out, sigmoid);
    }
}

/// The softmax of each row of `width` numbers, in place.
pub(crate) fn softmax_rows(rows: &mut [f32], width: usize) {
    run(Softmax { rows, width });
}

struct Softmax<'a> {
    rows: &'a mut [f32],
    width: usize,
}

impl SimdOp for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let functions = Functions::get();
        let mut shifted = vec![0.0; self.width];
        for row in self.rows.chunks_exact_mut(self.width) {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for (shifted, x) in shifted.iter_mut().zip(&*row) {
                *shifted = x - largest;
            }
            for_each_register(&shifted, row, |x: L| functions.exp(x));
            let factor = 1.0 / row.iter().sum::<f32>();
            row.iter_mut().for_each(|p| *p *= factor);
        }
    }
}

/// Calls `function` on as many numbers at a time as there are lanes.
#[inline(always)]
fn for_each_register<L: Simd>(x: &[f32], out: &mut [f32], function: impl Fn(L) -> L) {
    /// At least as many lanes as any machine has.
    const MOST: usize = 16;
    let whole = x.len() / L::COUNT * L::COUNT;
    for first in (0..whole).step_by(L::COUNT) {
        function(L::load(&x[first..])).store(&mut out[first..]);
    }
    let mut rest = [0.0; MOST];
    let count = x.len() - whole;
    if count > 0 {
        rest[..count].copy_from_slice(&x[whole..]);
        let values = function(L::load(&rest));
        values.store(&mut rest);
        out[whole..].copy_from_slice(&rest[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoids_agrees_with_the_formula_for_odd_lengths() {
        let x: Vec<f32> = (0..37).map(|i| (i as f32 - 18.0) * 0.7).collect();
        let mut out = vec![0.0; x.len()];
        sigmoids(&x, 1.7, &mut out);
        for (x, out) in x.iter().zip(out) {
            let expected = 1.0 / (1.0 + (-1.7 * f64::from(*x)).exp());
            assert!((f64::from(out) - expected).abs() < 1e-6, "{x}: {out}");
        }
    }

    #[test]
    fn softmax_rows_sums_to_one_and_keeps_ratios() {
        let mut rows = [3.0, 1.0, -200.0, 1000.0, 1000.0, 999.0];
        softmax_rows(&mut rows, 3);
        assert!((rows[0] / rows[1] - std::f32::consts::E.powi(2)).abs() < 1e-4);
        assert!((rows[3..].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((rows[3] / rows[5] - std::f32::consts::E).abs() < 1e-5);
    }
}
