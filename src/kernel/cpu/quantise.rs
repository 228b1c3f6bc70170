//! Activations quantised row by row, on the fly.
//!
//! `x ≈ (q − zero) · scale` with unsigned integers `q`. Unlike symmetric quantisation this spends no half of
//! its range on numbers that never come: what `x · sigmoid(1.702 x)` lets through is nearly all
//! positive.
//!
//! Dot products take quantised values of 8 bits. A finer quantised value is two digits of 7 bits,
//! which are multiplied as two rows, and a row is the sum of both: `x ≈ Σ (digit − zero) ·
//! scale`, with a zero point and a scale for each digit.
//!
//! Rows of digits lie in tiles of four, as the dot products read them: a [`Quad`] is four inputs of
//! each of the four.

use super::LayerNorm;
use super::gelu::Functions;
use super::layout::{ActivationBits, CHUNK, Digit, Quad, STEP, TILE, padded};
use super::simd::{ROUND, Simd, SimdOp, run};
use super::tile::{self, DotKernel};

/// Bits of a digit, where there are two.
const DIGIT: u32 = 7;

/// What the digits of a row stand for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowScale {
    /// NaN where the row holds a NaN or an infinity.
    pub(super) scale: f32,
    pub(super) zero: i32,
}

/// A batch of rows, quantised. Meant to be filled again and again, so that memory is kept.
#[derive(Debug, Clone)]
pub struct QuantisedRows {
    /// The kernel that the digits are for.
    kernel: DotKernel,
    bits: ActivationBits,
    /// `[tiles, steps a row]`
    quads: Vec<Quad>,
    /// `[tiles]`, each of four rows of digits. Those that fill up the last tile mean zeros.
    scales: Vec<[RowScale; TILE]>,
    rows: usize,
    width: usize,
}

impl Default for QuantisedRows {
    fn default() -> Self {
        Self::made_for(tile::chosen())
    }
}

impl QuantisedRows {
    /// Without rows yet, for dot products of that way.
    pub(super) fn made_for(kernel: DotKernel) -> Self {
        Self {
            kernel,
            bits: ActivationBits::B8,
            quads: Vec::new(),
            scales: Vec::new(),
            rows: 0,
            width: 0,
        }
    }

    /// Empty batches of each kind that this machine can multiply, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn in_every_way() -> Vec<Self> {
        tile::available().into_iter().map(Self::made_for).collect()
    }

    pub(super) fn kernel(&self) -> DotKernel {
        self.kernel
    }

    /// Quantises rows as they are.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, width]`
    ///
    /// # Panics
    ///
    /// If `x` is not made of whole rows.
    pub(super) fn fill(&mut self, x: &[f32], width: usize, bits: ActivationBits) {
        run(Fill {
            into: self,
            x,
            width,
            norm: None,
            bits,
        });
    }

    /// Quantises rows as a layer norm leaves them.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, norm.width()]`
    ///
    /// # Panics
    ///
    /// If `x` is not made of whole rows.
    pub fn fill_normed(&mut self, x: &[f32], norm: &LayerNorm, bits: ActivationBits) {
        run(Fill {
            into: self,
            x,
            width: norm.width(),
            norm: Some(norm),
            bits,
        });
    }

    /// Makes weights of scores: `2^(score − the row's largest)` over their sum, in 14 bits. The weights of a
    /// row sum to one, but for the rounding of their scale.
    ///
    /// # Shapes
    ///
    /// - `scores`: `[rows, `[`padded`]`(width)]`, those that fill up a row so low that they weigh nothing
    ///
    /// # Panics
    ///
    /// If `scores` is not made of whole rows.
    pub(super) fn fill_softmax(&mut self, scores: &[f32], width: usize) {
        run(FillSoftmax {
            into: self,
            scores,
            width,
        });
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The length of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// How finely the rows are quantised.
    #[must_use]
    pub fn bits(&self) -> ActivationBits {
        self.bits
    }

    /// The tiles, each with its scales.
    pub(super) fn tiles(&self) -> impl Iterator<Item = (&[Quad], &[RowScale; TILE])> {
        let steps = padded(self.width) / STEP;
        self.quads.chunks_exact(steps.max(1)).zip(&self.scales)
    }

    fn prepare(&mut self, rows: usize, width: usize, bits: ActivationBits) {
        let tiles = (rows * bits.digits()).div_ceil(TILE);
        self.rows = rows;
        self.width = width;
        self.bits = bits;
        self.scales.clear();
        self.scales.resize(tiles, [RowScale::default(); TILE]);
        // Quantised values of rows that only fill up are never looked at, so what was there may stay.
        self.quads
            .resize(tiles * padded(width) / STEP, Quad([0; TILE * STEP]));
    }
}

struct Fill<'a> {
    into: &'a mut QuantisedRows,
    x: &'a [f32],
    width: usize,
    norm: Option<&'a LayerNorm>,
    bits: ActivationBits,
}

impl SimdOp for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let Self {
            into,
            x,
            width,
            norm,
            bits,
        } = self;
        assert!(
            width > 0 && x.len().is_multiple_of(width),
            "{} numbers in rows of {width}",
            x.len()
        );
        into.prepare(x.len() / width, width, bits);
        let steps = padded(width) / STEP;
        // Filled up with what the row begins with, which changes neither its range nor, since
        // the weights there are zero, a product.
        let mut row = vec![0.0; padded(width)];
        let kernel = into.kernel;
        for (index, source) in x.chunks_exact(width).enumerate() {
            match norm {
                Some(norm) => norm.row::<L>(source, &mut row[..width]),
                None => row[..width].copy_from_slice(source),
            }
            let first = row[0];
            row[width..].fill(first);
            let index = index * bits.digits();
            let (tile, place) = (index / TILE, index % TILE);
            let quads = &mut into.quads[tile * steps..][..steps];
            let scales = &mut into.scales[tile][place..];
            match bits {
                ActivationBits::B8 => scales[0] = quantise_row::<L>(&row, kernel, quads, place),
                ActivationBits::B14 => {
                    let digits = quantise_finely::<L>(&row, quads, place);
                    scales[..2].copy_from_slice(&digits);
                }
            }
        }
    }
}

struct FillSoftmax<'a> {
    into: &'a mut QuantisedRows,
    scores: &'a [f32],
    width: usize,
}

impl SimdOp for FillSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let Self {
            into,
            scores,
            width,
        } = self;
        assert!(
            width > 0 && scores.len().is_multiple_of(padded(width)),
            "{} scores in rows of {width}",
            scores.len()
        );
        let bits = ActivationBits::B14;
        into.prepare(scores.len() / padded(width), width, bits);
        let steps = padded(width) / STEP;
        for (index, row) in scores.chunks_exact(padded(width)).enumerate() {
            let index = index * bits.digits();
            let (tile, place) = (index / TILE, index % TILE);
            let quads = &mut into.quads[tile * steps..][..steps];
            let digits = quantise_softmax::<L>(row, quads, place);
            into.scales[tile][place..][..2].copy_from_slice(&digits);
        }
    }
}

/// The softmax of a row, of whole chunks, into two places of a tile, the higher digits first.
#[inline(always)]
fn quantise_softmax<L: Simd>(row: &[f32], quads: &mut [Quad], place: usize) -> [RowScale; 2] {
    let functions = Functions::get();
    let zero = L::splat(0.0);
    let mut largest = [L::splat(f32::NEG_INFINITY); CHUNK / 4];
    for chunk in row.as_chunks::<CHUNK>().0 {
        for (largest, x) in largest.iter_mut().zip(chunk.chunks_exact(L::COUNT)) {
            *largest = largest.max(L::load(x));
        }
    }
    let largest = largest.into_iter().fold(largest[0], L::max).largest();
    let largest = L::splat(largest);
    let (factor, round) = (
        L::splat(ActivationBits::B14.largest_value()),
        L::splat(ROUND),
    );
    let (mut poison, mut sum) = (zero, zero);
    for (chunk, quads) in row
        .as_chunks::<CHUNK>()
        .0
        .iter()
        .zip(quads.chunks_exact_mut(CHUNK / STEP))
    {
        let mut rounded = [0.0; CHUNK];
        for (x, rounded) in chunk
            .chunks_exact(L::COUNT)
            .zip(rounded.chunks_exact_mut(L::COUNT))
        {
            let below = L::load(x).sub(largest);
            poison = below.mul_add(zero, poison);
            let value = functions.exp2(below).mul_add(factor, round);
            sum = sum.add(value.sub(round));
            value.store(rounded);
        }
        place_digits(quads, place, L::digits(&rounded));
    }
    // The largest score has the largest quantised value, so that this never divides by zero. NaN
    // where a score is not finite.
    let scale = (1.0 + poison.sum()) / sum.sum();
    [(1 << DIGIT) as f32 * scale, scale].map(|scale| RowScale { scale, zero: 0 })
}

/// Quantises a row, of whole chunks, into its place of a tile.
#[inline(always)]
fn quantise_row<L: Simd>(
    row: &[f32],
    kernel: DotKernel,
    quads: &mut [Quad],
    place: usize,
) -> RowScale {
    let (scale, inverse, zero) = scale_for::<L>(row, ActivationBits::B8);
    let (factor, term) = (L::splat(inverse), L::splat(zero));
    let flip = kernel.flip();
    for (chunk, quads) in row
        .as_chunks::<CHUNK>()
        .0
        .iter()
        .zip(quads.chunks_exact_mut(CHUNK / STEP))
    {
        let quantised = L::quantise(chunk, factor, term);
        place_bytes(quads, place, quantised.map(|value| value ^ flip));
    }
    RowScale {
        scale,
        zero: zero as i32 - kernel.offset(),
    }
}

/// Quantises a row, of whole chunks, into two places of a tile, the higher digits first.
///
/// A digit of 7 bits is the same number where bytes are read as signed.
#[inline(always)]
fn quantise_finely<L: Simd>(row: &[f32], quads: &mut [Quad], place: usize) -> [RowScale; 2] {
    let (scale, inverse, zero) = scale_for::<L>(row, ActivationBits::B14);
    let (factor, term) = (L::splat(inverse), L::splat(zero));
    for (chunk, quads) in row
        .as_chunks::<CHUNK>()
        .0
        .iter()
        .zip(quads.chunks_exact_mut(CHUNK / STEP))
    {
        place_digits(quads, place, L::quantise_finely(chunk, factor, term));
    }
    let zero = zero as i32;
    [
        RowScale {
            scale: scale * (1 << DIGIT) as f32,
            zero: zero >> DIGIT,
        },
        RowScale {
            scale,
            zero: zero & ((1 << DIGIT) - 1),
        },
    ]
}

/// Writes both digits of a chunk of quantised values.
#[inline(always)]
fn place_digits(quads: &mut [Quad], place: usize, [higher, lower]: [[u8; CHUNK]; 2]) {
    place_bytes(quads, place, higher);
    place_bytes(quads, place + 1, lower);
}

/// Writes the quantised values of a chunk of a row of digits to its place, below [`TILE`]: a quad has room for
/// as many, so that the slice below is always long enough.
#[inline(always)]
fn place_bytes(quads: &mut [Quad], place: usize, quantised: [u8; CHUNK]) {
    for (quad, quantised) in quads.iter_mut().zip(quantised.as_chunks::<STEP>().0) {
        *quad.0[place * STEP..]
            .first_chunk_mut()
            .expect("a place within the tile") = quantised.map(Digit::from);
    }
}

/// Scale, its inverse, and zero point, such that 0 and both ends of the row's range can be represented.
#[inline(always)]
fn scale_for<L: Simd>(row: &[f32], bits: ActivationBits) -> (f32, f32, f32) {
    let mut least = L::splat(0.0);
    let mut most = L::splat(0.0);
    let mut poison = L::splat(0.0);
    for x in row.chunks_exact(L::COUNT) {
        let x = L::load(x);
        least = least.min(x);
        most = most.max(x);
        // Nothing times zero is anything but zero, except what is not finite.
        poison = x.mul_add(L::splat(0.0), poison);
    }
    let (least, most) = (least.smallest(), most.largest());
    // Divided before the difference is taken, which could be infinite.
    let largest = bits.largest_value();
    let scale = most / largest - least / largest;
    let poison = poison.sum();
    if poison.is_nan() {
        return (f32::NAN, 0.0, 0.0);
    }
    if scale < f32::MIN_POSITIVE {
        // Zeros, or as good as zeros: an inverse would not be finite.
        return (0.0, 0.0, 0.0);
    }
    let inverse = 1.0 / scale;
    (scale, inverse, (-least * inverse).round_ties_even())
}
