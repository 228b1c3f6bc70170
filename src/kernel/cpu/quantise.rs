//! Activations quantised row by row, on the fly.
//!
//! `x ≈ (code − zero) · scale` with unsigned 8-bit codes. Unlike a symmetric code this spends no
//! half of its range on numbers that never come: what `x · sigmoid(1.702 x)` lets through is nearly all positive.
//!
//! Rows lie in tiles of four, as the dot products read them: a [`Quad`] is four inputs of each of
//! the four rows.

use super::LayerNorm;
use super::lanes::{Lanes, Work, run};
use super::pack::{CHUNK, STEP, padded};
use super::tile::{self, Code, Way};

/// Rows of a tile.
pub(super) const TILE: usize = 4;

/// Four inputs of four rows: `[row, input]`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(super) struct Quad(pub(super) [Code; TILE * STEP]);

/// How the codes of a row are meant.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowScale {
    /// NaN where the row holds a NaN or an infinity.
    pub(super) scale: f32,
    pub(super) zero: i32,
}

/// A batch of rows, quantised. Meant to be filled again and again, so that memory is kept.
#[derive(Debug, Clone)]
pub struct QuantisedRows {
    /// What the codes are made for.
    way: Way,
    /// `[tiles, steps a row]`
    quads: Vec<Quad>,
    /// `[tiles]`, each of four rows. Rows that fill up the last tile mean zeros.
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
    pub(super) fn made_for(way: Way) -> Self {
        Self {
            way,
            quads: Vec::new(),
            scales: Vec::new(),
            rows: 0,
            width: 0,
        }
    }

    /// One of each kind that this machine can multiply, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn in_every_way() -> Vec<Self> {
        tile::available().into_iter().map(Self::made_for).collect()
    }

    pub(super) fn way(&self) -> Way {
        self.way
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
    pub fn fill(&mut self, x: &[f32], width: usize) {
        run(Fill {
            into: self,
            x,
            width,
            norm: None,
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
    pub fn fill_normed(&mut self, x: &[f32], norm: &LayerNorm) {
        run(Fill {
            into: self,
            x,
            width: norm.width(),
            norm: Some(norm),
        });
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The tiles, each with its scales.
    pub(super) fn tiles(&self) -> impl Iterator<Item = (&[Quad], &[RowScale; TILE])> {
        let steps = padded(self.width) / STEP;
        self.quads.chunks_exact(steps.max(1)).zip(&self.scales)
    }

    fn prepare(&mut self, rows: usize, width: usize) {
        let tiles = rows.div_ceil(TILE);
        self.rows = rows;
        self.width = width;
        self.scales.clear();
        self.scales.resize(tiles, [RowScale::default(); TILE]);
        // Codes of rows that only fill up are never looked at, so what was there may stay.
        self.quads
            .resize(tiles * padded(width) / STEP, Quad([0; TILE * STEP]));
    }
}

struct Fill<'a> {
    into: &'a mut QuantisedRows,
    x: &'a [f32],
    width: usize,
    norm: Option<&'a LayerNorm>,
}

impl Work for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            into,
            x,
            width,
            norm,
        } = self;
        assert!(
            width > 0 && x.len().is_multiple_of(width),
            "{} numbers in rows of {width}",
            x.len()
        );
        into.prepare(x.len() / width, width);
        let steps = padded(width) / STEP;
        // Filled up with what the row begins with, which changes neither its range nor, since
        // the weights there are zero, a product.
        let mut row = vec![0.0; padded(width)];
        let way = into.way;
        for (index, source) in x.chunks_exact(width).enumerate() {
            match norm {
                Some(norm) => norm.row::<L>(source, &mut row[..width]),
                None => row[..width].copy_from_slice(source),
            }
            let first = row[0];
            row[width..].fill(first);
            let (tile, place) = (index / TILE, index % TILE);
            let quads = &mut into.quads[tile * steps..][..steps];
            into.scales[tile][place] = quantise_row::<L>(&row, way, quads, place);
        }
    }
}

/// Quantises a row, of whole chunks, into its place of a tile.
#[inline(always)]
fn quantise_row<L: Lanes>(row: &[f32], way: Way, quads: &mut [Quad], place: usize) -> RowScale {
    let (scale, inverse, zero) = scale_for::<L>(row);
    let (factor, term) = (L::splat(inverse), L::splat(zero));
    let flip = way.flip();
    for (chunk, quads) in row
        .as_chunks::<CHUNK>()
        .0
        .iter()
        .zip(quads.chunks_exact_mut(CHUNK / STEP))
    {
        let codes = L::codes(chunk, factor, term);
        for (quad, codes) in quads.iter_mut().zip(codes.as_chunks::<STEP>().0) {
            *quad.0[place * STEP..]
                .first_chunk_mut()
                .expect("a place within the tile") = codes.map(|code| Code::from(code ^ flip));
        }
    }
    RowScale {
        scale,
        zero: zero as i32 - way.offset(),
    }
}

/// Scale, its inverse, and zero point, such that 0 and both ends of the row's range have a code.
#[inline(always)]
fn scale_for<L: Lanes>(row: &[f32]) -> (f32, f32, f32) {
    let mut least = L::splat(0.0);
    let mut most = L::splat(0.0);
    let mut poison = L::splat(0.0);
    for x in row.chunks_exact(L::COUNT) {
        let x = L::load(x);
        least = least.at_most(x);
        most = most.at_least(x);
        // Nothing times zero is anything but zero, except what is not finite.
        poison = x.mul_add(L::splat(0.0), poison);
    }
    let (least, most) = (least.smallest(), most.largest());
    // Divided before the difference is taken, which could be infinite.
    let scale = most / 255.0 - least / 255.0;
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
