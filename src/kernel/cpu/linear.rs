//! A linear layer over quantised rows.

use super::gelu::Functions;
use super::layout::{ActivationBits, PANEL, Quad, TILE};
use super::pack::{Channels, PackedLinear};
use super::quantise::{QuantisedRows, RowScale};
use super::simd::{Simd, SimdOp, run};
use super::tile::{Sums, TOGETHER, widen};

/// Bytes of quantised rows that are multiplied with all panels before the next rows come: what
/// stays in a second-level cache beside a panel.
const BLOCK: usize = 192 * 1024;

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epilogue {
    /// It is stored.
    Plain,
    /// `x · sigmoid(1.702 x)` is.
    QuickGelu,
    /// `x · Φ(x)` is.
    Gelu,
    /// It is added to what was there.
    Residual,
}

impl PackedLinear {
    /// Quantises rows for this layer.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, input]`
    ///
    /// # Panics
    ///
    /// If `x` is not made of whole rows.
    pub fn quantise(&self, x: &[f32], rows: &mut QuantisedRows) {
        rows.fill(x, self.input, self.bits);
    }

    /// Multiplies, adds the bias, finishes.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, input]`
    /// - `out`: `[rows, output]`
    ///
    /// # Panics
    ///
    /// If the shapes do not fit, or the layer was packed for rows of another precision.
    pub fn forward(&self, x: &QuantisedRows, epilogue: Epilogue, out: &mut [f32]) {
        assert!(
            x.width() == self.input && out.len() == x.rows() * self.output,
            "rows of {} for {} inputs, {} numbers of room for {} rows of {}",
            x.width(),
            self.input,
            out.len(),
            x.rows(),
            self.output
        );
        assert_eq!(x.bits(), self.bits, "precision of the rows");
        run(Forward {
            layer: self,
            x,
            epilogue,
            out,
        });
    }
}

struct Forward<'a> {
    layer: &'a PackedLinear,
    x: &'a QuantisedRows,
    epilogue: Epilogue,
    out: &'a mut [f32],
}

impl SimdOp for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        match self.layer.bits {
            ActivationBits::B8 => self.multiply::<L, 1>(),
            ActivationBits::B14 => self.multiply::<L, 2>(),
        }
    }
}

impl Forward<'_> {
    /// Multiplies rows of so many digits.
    #[inline(always)]
    fn multiply<L: Simd, const DIGITS: usize>(self) {
        let Self {
            layer,
            x,
            epilogue,
            out,
        } = self;
        let kernel = x.kernel();
        let functions = Functions::get();
        let mut space = Vec::new();
        let mut sums = [Sums::default(); TOGETHER];
        let (quads, scales): (Vec<&[Quad]>, Vec<&[RowScale; TILE]>) = x.tiles().unzip();
        let rows = TILE / DIGITS * layer.output;
        let block = quads.first().map_or(1, |quads| {
            (BLOCK / size_of_val(*quads))
                .max(1)
                .next_multiple_of(TOGETHER)
        });
        let blocks = quads.chunks(block).zip(scales.chunks(block));
        for ((quads, scales), out) in blocks.zip(out.chunks_mut(block * rows)) {
            for (panel, (steps, channels)) in layer.panels().enumerate() {
                let steps = widen(steps, &mut space);
                let first = panel * PANEL;
                let end = (first + PANEL).min(layer.output);
                let together = quads.chunks(TOGETHER).zip(scales.chunks(TOGETHER));
                for ((quads, scales), out) in together.zip(out.chunks_mut(TOGETHER * rows)) {
                    kernel.run(quads, steps, layer.bits, &mut sums);
                    for ((sums, scales), out) in sums.iter().zip(scales).zip(out.chunks_mut(rows)) {
                        let (sums, _) = sums.0.as_chunks::<DIGITS>();
                        let (scales, _) = scales.as_chunks::<DIGITS>();
                        // As many rows as there is room for: those that fill up a tile are left out.
                        let out = out.chunks_exact_mut(layer.output);
                        for ((sums, scales), out) in sums.iter().zip(scales).zip(out) {
                            let row = Row {
                                sums,
                                scales,
                                functions,
                            };
                            row.finish::<L>(channels, epilogue, &mut out[first..end]);
                        }
                    }
                }
            }
        }
    }
}

/// The sums of a row's digits with the outputs of a panel.
struct Row<'a, const DIGITS: usize> {
    sums: &'a [[i32; PANEL]; DIGITS],
    scales: &'a [RowScale; DIGITS],
    functions: &'a Functions,
}

impl<const DIGITS: usize> Row<'_, DIGITS> {
    /// Turns the sums into numbers and stores as many as there is room for.
    #[inline(always)]
    fn finish<L: Simd>(&self, channels: &Channels, epilogue: Epilogue, out: &mut [f32]) {
        if let Ok(out) = <&mut [f32; PANEL]>::try_from(&mut *out) {
            return self.finish_panel::<L>(channels, epilogue, out);
        }
        let mut whole = [0.0; PANEL];
        whole[..out.len()].copy_from_slice(out);
        self.finish_panel::<L>(channels, epilogue, &mut whole);
        out.copy_from_slice(&whole[..out.len()]);
    }

    #[inline(always)]
    fn finish_panel<L: Simd>(
        &self,
        channels: &Channels,
        epilogue: Epilogue,
        out: &mut [f32; PANEL],
    ) {
        for first in (0..PANEL).step_by(L::COUNT) {
            let channel_scale = L::load(&channels.scale[first..]);
            let mut x = L::load(&channels.bias[first..]);
            for (sums, row) in self.sums.iter().zip(self.scales) {
                let scale = channel_scale.mul(L::splat(row.scale));
                let product = L::without_zero(&sums[first..], row.zero, &channels.sum[first..]);
                x = product.mul_add(scale, x);
            }
            let out = &mut out[first..];
            let x = match epilogue {
                Epilogue::Plain => x,
                Epilogue::QuickGelu => self.functions.quick_gelu(x),
                Epilogue::Gelu => self.functions.gelu(x),
                Epilogue::Residual => x.add(L::load(out)),
            };
            x.store(out);
        }
    }
}
