//! Layer norm.

use super::simd::{Simd, SimdOp, run};

/// `(x − mean) / √(variance + ε) · γ + β` over each row.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    eps: f32,
}

impl LayerNorm {
    /// A layer norm of rows of `gamma.len()` numbers.
    ///
    /// # Shapes
    ///
    /// - `gamma` and `beta`: `[width]`
    ///
    /// # Panics
    ///
    /// If they differ in length or are empty.
    #[must_use]
    pub fn new(gamma: Vec<f32>, beta: Vec<f32>, eps: f32) -> Self {
        assert!(
            !gamma.is_empty() && gamma.len() == beta.len(),
            "a layer norm with {} factors and {} terms",
            gamma.len(),
            beta.len()
        );
        Self { gamma, beta, eps }
    }

    /// The length of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.gamma.len()
    }

    /// Norms every row of `x` into `out`.
    ///
    /// # Shapes
    ///
    /// - `x` and `out`: `[rows, width]`
    ///
    /// # Panics
    ///
    /// If the two differ in length or are not made of whole rows.
    pub fn forward(&self, x: &[f32], out: &mut [f32]) {
        assert!(
            x.len() == out.len() && x.len().is_multiple_of(self.width()),
            "{} numbers into {} in rows of {}",
            x.len(),
            out.len(),
            self.width()
        );
        run(Rows { norm: self, x, out });
    }

    /// Norms one row.
    #[inline(always)]
    pub(super) fn row<L: Simd>(&self, x: &[f32], out: &mut [f32]) {
        let width = self.width();
        let (x, out) = (&x[..width], &mut out[..width]);
        let mean = sum::<L>(x, Deviation::None) / width as f32;
        let variance = sum::<L>(x, Deviation::Squared(mean)) / width as f32;
        let factor = 1.0 / (variance + self.eps).sqrt();
        let whole = width - width % L::COUNT;
        let (mean_lanes, factor_lanes) = (L::splat(mean), L::splat(factor));
        for (((x, out), gamma), beta) in x
            .chunks_exact(L::COUNT)
            .zip(out.chunks_exact_mut(L::COUNT))
            .zip(self.gamma.chunks_exact(L::COUNT))
            .zip(self.beta.chunks_exact(L::COUNT))
        {
            L::load(x)
                .sub(mean_lanes)
                .mul(factor_lanes)
                .mul_add(L::load(gamma), L::load(beta))
                .store(out);
        }
        for i in whole..width {
            out[i] = (x[i] - mean) * factor * self.gamma[i] + self.beta[i];
        }
    }
}

struct Rows<'a> {
    norm: &'a LayerNorm,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl SimdOp for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let width = self.norm.width();
        for (x, out) in self
            .x
            .chunks_exact(width)
            .zip(self.out.chunks_exact_mut(width))
        {
            self.norm.row::<L>(x, out);
        }
    }
}

#[derive(Clone, Copy)]
enum Deviation {
    None,
    /// Squares of the differences from a mean.
    Squared(f32),
}

/// Sums a row in independent lanes, which also keeps rounding errors small.
#[inline(always)]
fn sum<L: Simd>(x: &[f32], of: Deviation) -> f32 {
    let mut sums = [L::splat(0.0); 2];
    let pairs = x.chunks_exact(2 * L::COUNT);
    let rest = pairs.remainder();
    for pair in pairs {
        for (sum, x) in sums.iter_mut().zip(pair.chunks_exact(L::COUNT)) {
            let x = L::load(x);
            *sum = match of {
                Deviation::None => sum.add(x),
                Deviation::Squared(mean) => {
                    let x = x.sub(L::splat(mean));
                    x.mul_add(x, *sum)
                }
            };
        }
    }
    let rest: f32 = rest
        .iter()
        .map(|&x| match of {
            Deviation::None => x,
            Deviation::Squared(mean) => (x - mean) * (x - mean),
        })
        .sum();
    sums[0].add(sums[1]).sum() + rest
}
