//! Functions of each number, and of each row, of f32 matrices.
//!
//! What runs per lane is a method marked `#[inline(always)]`, never a closure: one that is not inlined
//! is compiled without the instructions of its caller.

use super::gelu::Functions;
use super::simd::{Simd, SimdOp, run};

/// A function of one number.
trait Pointwise {
    fn apply<L: Simd>(&self, functions: &Functions, x: L) -> L;
}

/// Calls a function on as many numbers at a time as there are lanes.
#[inline(always)]
fn for_each_register<L: Simd>(x: &[f32], out: &mut [f32], function: &impl Pointwise) {
    /// At least as many lanes as any machine has.
    const MOST: usize = 16;
    let functions = Functions::get();
    let whole = x.len() / L::COUNT * L::COUNT;
    for first in (0..whole).step_by(L::COUNT) {
        function
            .apply(functions, L::load(&x[first..]))
            .store(&mut out[first..]);
    }
    let count = x.len() - whole;
    if count > 0 {
        let mut rest = [0.0; MOST];
        rest[..count].copy_from_slice(&x[whole..]);
        function.apply(functions, L::load(&rest)).store(&mut rest);
        out[whole..].copy_from_slice(&rest[..count]);
    }
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

struct Sigmoid {
    factor: f32,
}

impl Pointwise for Sigmoid {
    #[inline(always)]
    fn apply<L: Simd>(&self, functions: &Functions, x: L) -> L {
        let one = L::splat(1.0);
        one.div(one.add(functions.exp(x.mul(L::splat(-self.factor)))))
    }
}

impl SimdOp for Sigmoids<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let sigmoid = Sigmoid {
            factor: self.factor,
        };
        for_each_register::<L>(self.x, self.out, &sigmoid);
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

struct Exp;

impl Pointwise for Exp {
    #[inline(always)]
    fn apply<L: Simd>(&self, functions: &Functions, x: L) -> L {
        functions.exp(x)
    }
}

impl SimdOp for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let mut shifted = vec![0.0; self.width];
        for row in self.rows.chunks_exact_mut(self.width) {
            let mut largest = f32::NEG_INFINITY;
            for x in &*row {
                largest = if *x > largest { *x } else { largest };
            }
            for (shifted, x) in shifted.iter_mut().zip(&*row) {
                *shifted = x - largest;
            }
            for_each_register::<L>(&shifted, row, &Exp);
            let mut sum = 0.0;
            for p in &*row {
                sum += p;
            }
            let factor = 1.0 / sum;
            for p in row {
                *p *= factor;
            }
        }
    }
}

/// The layer norm of each row (arXiv 1607.06450), and what it was made with.
///
/// # Shapes
///
/// - `x`, `out`: `[rows, channels]`
/// - `gain`, `bias`: `[channels]`
/// - output: for each row 1 / its standard deviation, and its mean
pub(crate) fn layer_norm_rows(
    x: &[f32],
    [gain, bias]: [&[f32]; 2],
    out: &mut [f32],
) -> Vec<[f32; 2]> {
    run(NormRows { x, gain, bias, out })
}

struct NormRows<'a> {
    x: &'a [f32],
    gain: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
}

/// Added to the variance.
const EPSILON: f32 = 1e-5;

/// Numbers that are added up side by side.
const LANES: usize = 8;

impl SimdOp for NormRows<'_> {
    type Output = Vec<[f32; 2]>;

    #[inline(always)]
    fn run<L: Simd>(self) -> Vec<[f32; 2]> {
        let channels = self.gain.len();
        let mut moments = Vec::with_capacity(self.x.len() / channels);
        let rows = self.x.chunks_exact(channels);
        for (x, out) in rows.zip(self.out.chunks_exact_mut(channels)) {
            let mut sums = [0.0; LANES];
            for (index, x) in x.iter().enumerate() {
                sums[index % LANES] += x;
            }
            let mean = total(sums) / channels as f32;
            let mut squares = [0.0; LANES];
            for (index, x) in x.iter().enumerate() {
                squares[index % LANES] += (x - mean) * (x - mean);
            }
            let factor = 1.0 / (total(squares) / channels as f32 + EPSILON).sqrt();
            for (((out, x), gain), bias) in out.iter_mut().zip(x).zip(self.gain).zip(self.bias) {
                *out = (x - mean) * factor * gain + bias;
            }
            moments.push([factor, mean]);
        }
        moments
    }
}

#[inline(always)]
fn total(sums: [f32; LANES]) -> f32 {
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// Adds to `to` the gradient of [`layer_norm_rows`] by its `x`.
///
/// # Shapes
///
/// - `x`, `gradient`, `to`: `[rows, channels]`
/// - `gain`: `[channels]`
pub(crate) fn layer_norm_gradient(
    [x, gradient, gain]: [&[f32]; 3],
    moments: &[[f32; 2]],
    to: &mut [f32],
) {
    run(NormGradient {
        x,
        gradient,
        gain,
        moments,
        to,
    });
}

struct NormGradient<'a> {
    x: &'a [f32],
    gradient: &'a [f32],
    gain: &'a [f32],
    moments: &'a [[f32; 2]],
    to: &'a mut [f32],
}

impl SimdOp for NormGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let channels = self.gain.len();
        let rows = self.x.chunks_exact(channels);
        let rows = rows.zip(self.gradient.chunks_exact(channels));
        let rows = rows.zip(self.to.chunks_exact_mut(channels));
        for (((x, gradient), to), [factor, mean]) in rows.zip(self.moments) {
            let (mut sums, mut along) = ([0.0; LANES], [0.0; LANES]);
            for (index, ((x, g), gain)) in x.iter().zip(gradient).zip(self.gain).enumerate() {
                sums[index % LANES] += g * gain;
                along[index % LANES] += g * gain * (x - mean);
            }
            let sum = total(sums) / channels as f32;
            let along = total(along) * factor * factor / channels as f32;
            for (((to, x), g), gain) in to.iter_mut().zip(x).zip(gradient).zip(self.gain) {
                *to += factor * (g * gain - sum - (x - mean) * along);
            }
        }
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

    #[test]
    fn layer_norm_rows_has_mean_and_deviation_of_gain_and_bias() {
        let x: Vec<f32> = (0..24).map(|i| ((i * 7) % 11) as f32).collect();
        let mut out = vec![0.0; 24];
        let (gain, bias) = (vec![2.0; 12], vec![-1.0; 12]);
        layer_norm_rows(&x, [&gain, &bias], &mut out);
        for row in out.chunks_exact(12) {
            let mean = row.iter().sum::<f32>() / 12.0;
            let square = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 12.0;
            assert!((mean + 1.0).abs() < 1e-5 && (square - 4.0).abs() < 1e-3);
        }
    }
}
