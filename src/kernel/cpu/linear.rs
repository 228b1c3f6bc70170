//! A linear layer over quantised rows.

use super::gelu::{gelu, quick_gelu};
use super::lanes::{Lanes, Work, run};
use super::pack::{Channels, PANEL, PackedLinear};
use super::quantise::{Quad, QuantisedRows, RowScale, TILE};
use super::tile::{Sums, TOGETHER, make_ready};

/// Bytes of quantised rows that are multiplied with all panels before the next rows come: what
/// stays in a second-level cache beside a panel.
const BLOCK: usize = 192 * 1024;

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It is stored.
    Plain,
    /// `x · sigmoid(1.702 x)` is.
    QuickGelu,
    /// `x · Φ(x)` is.
    Gelu,
    /// It is added to what was there.
    AddTo,
}

impl PackedLinear {
    /// Multiplies, adds the bias, finishes.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, input]`
    /// - `out`: `[rows, output]`
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    pub fn forward(&self, x: &QuantisedRows, finish: Finish, out: &mut [f32]) {
        assert!(
            x.width() == self.input && out.len() == x.rows() * self.output,
            "rows of {} for {} inputs, {} numbers of room for {} rows of {}",
            x.width(),
            self.input,
            out.len(),
            x.rows(),
            self.output
        );
        run(Forward {
            layer: self,
            x,
            finish,
            out,
        });
    }
}

struct Forward<'a> {
    layer: &'a PackedLinear,
    x: &'a QuantisedRows,
    finish: Finish,
    out: &'a mut [f32],
}

impl Work for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            layer,
            x,
            finish,
            out,
        } = self;
        let way = x.way();
        let mut space = Vec::new();
        let mut sums = [Sums::default(); TOGETHER];
        let (quads, scales): (Vec<&[Quad]>, Vec<&[RowScale; TILE]>) = x.tiles().unzip();
        let rows = TILE * layer.output;
        let block = quads.first().map_or(1, |quads| {
            (BLOCK / size_of_val(*quads))
                .max(1)
                .next_multiple_of(TOGETHER)
        });
        let blocks = quads.chunks(block).zip(scales.chunks(block));
        for ((quads, scales), out) in blocks.zip(out.chunks_mut(block * rows)) {
            for (panel, (steps, channels)) in layer.panels().enumerate() {
                let steps = make_ready(steps, &mut space);
                let first = panel * PANEL;
                let end = (first + PANEL).min(layer.output);
                let together = quads.chunks(TOGETHER).zip(scales.chunks(TOGETHER));
                for ((quads, scales), out) in together.zip(out.chunks_mut(TOGETHER * rows)) {
                    way.run(quads, steps, &mut sums);
                    let sums = sums.iter().flat_map(|sums| &sums.0);
                    let scales = scales.iter().copied().flatten();
                    // As many rows as there is room for: those that fill up a tile are left out.
                    for ((sums, scale), out) in
                        sums.zip(scales).zip(out.chunks_exact_mut(layer.output))
                    {
                        finish_row::<L>(sums, *scale, channels, finish, &mut out[first..end]);
                    }
                }
            }
        }
    }
}

/// Turns one row's sums of a panel into numbers and stores as many as there is room for.
#[inline(always)]
fn finish_row<L: Lanes>(
    sums: &[i32; PANEL],
    row: RowScale,
    channels: &Channels,
    finish: Finish,
    out: &mut [f32],
) {
    if let Ok(out) = <&mut [f32; PANEL]>::try_from(&mut *out) {
        return finish_panel::<L>(sums, row, channels, finish, out);
    }
    let mut whole = [0.0; PANEL];
    whole[..out.len()].copy_from_slice(out);
    finish_panel::<L>(sums, row, channels, finish, &mut whole);
    out.copy_from_slice(&whole[..out.len()]);
}

#[inline(always)]
fn finish_panel<L: Lanes>(
    sums: &[i32; PANEL],
    row: RowScale,
    channels: &Channels,
    finish: Finish,
    out: &mut [f32; PANEL],
) {
    // Without the zero point, still exact.
    let sums: [i32; PANEL] = std::array::from_fn(|i| sums[i] - row.zero * channels.sum[i]);
    for first in (0..PANEL).step_by(L::COUNT) {
        let scale = L::load(&channels.scale[first..]).mul(L::splat(row.scale));
        let x = L::convert(&sums[first..]).mul_add(scale, L::load(&channels.bias[first..]));
        let out = &mut out[first..];
        let x = match finish {
            Finish::Plain => x,
            Finish::QuickGelu => quick_gelu(x),
            Finish::Gelu => gelu(x),
            Finish::AddTo => x.add(L::load(out)),
        };
        x.store(out);
    }
}
