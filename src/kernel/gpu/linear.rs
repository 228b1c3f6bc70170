//! A linear layer whose weights stay packed in the memory of the GPU.

use burn::backend::wgpu::CubeTensor;
use burn::tensor::{Device, Tensor};

use super::launch::{ElemType, Kernel, Lanes, Launch, buffer, empty_like, numbers};
use super::pack::{COLUMNS, PackedLinear, UNIT};
use crate::quant::{Scheme, Stored};

/// Rows of a tile, for products of hardly any rows, of few, and of many.
const LEAST_ROWS: usize = 8;
const FEW_ROWS: usize = 32;
const MANY_ROWS: usize = 64;

/// Tiles that keep a large GPU busy. With fewer of many rows, those of few are taken.
const ENOUGH: usize = 96;

/// What becomes of a sum.
#[derive(Debug, Clone, Copy)]
pub(super) enum Epilogue<'a> {
    /// It is stored.
    Plain,
    /// `x · sigmoid(1.702 x)` is.
    QuickGelu,
    /// `x · Φ(x)` is.
    Gelu,
    /// It and a number of this tensor, which has the shape of the output, are added.
    Residual(&'a CubeTensor),
}

impl PackedLinear {
    /// Multiplies, adds the bias, finishes.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, tokens, input]`
    /// - output: `[batch, tokens, output]`
    pub(super) fn forward(
        &self,
        x: &CubeTensor,
        epilogue: Epilogue<'_>,
        to: ElemType,
    ) -> CubeTensor {
        let [batch, tokens, _] = x.meta.shape().dims::<3>();
        self.forward_in(tile_rows(batch * tokens, self.output), x, epilogue, to)
    }

    /// Multiplies in tiles of so many rows.
    fn forward_in(
        &self,
        tile: usize,
        x: &CubeTensor,
        epilogue: Epilogue<'_>,
        to: ElemType,
    ) -> CubeTensor {
        let [batch, tokens, _] = x.meta.shape().dims::<3>();
        let rows = batch * tokens;
        let y = empty_like(x, [batch, tokens, self.output], to);
        let mut buffers = vec![
            &x.handle,
            &self.weights,
            &self.scales,
            &self.bias,
            &y.handle,
        ];
        if let Epilogue::Residual(residual) = epilogue {
            buffers.push(&residual.handle);
        }
        let mut substitutions = numbers(ElemType::from_tensor(x), to, Lanes::One);
        substitutions.extend([
            ("ROWS", tile.to_string()),
            ("Unit", self.format.unit().into()),
            ("unpack", self.format.unpack().into()),
            ("finish", epilogue.text().into()),
            ("SHAPE", buffers.len().to_string()),
        ]);
        Launch {
            kernel: Kernel {
                text: include_str!("linear.wgsl"),
                substitutions,
                workgroup: [16, 8],
            },
            groups: [
                (self.padded / COLUMNS) as u32,
                rows.div_ceil(tile) as u32,
                1,
            ],
            buffers: &buffers,
            shape: [rows, self.input, self.output, self.padded].map(|n| n as u32),
        }
        .run(&x.client);
        y
    }
}

impl Epilogue<'_> {
    /// `store(at, sum)` of the kernel.
    fn text(self) -> &'static str {
        match self {
            Self::Plain => "fn store(at: u32, sum: f32) { y[at] = narrow(sum); }",
            // The clamp keeps the exponential finite, which WGSL does not promise otherwise.
            Self::QuickGelu => {
                "fn store(at: u32, sum: f32) { y[at] = narrow(sum / (1.0 + exp(min(-1.702 * sum, 80.0)))); }"
            }
            Self::Gelu => include_str!("gelu.wgsl"),
            Self::Residual(_) => {
                "@group(0) @binding(5) var<storage, read_write> residual: array<f32>;
fn store(at: u32, sum: f32) { y[at] = narrow(residual[at] + sum); }"
            }
        }
    }
}

/// Compiles the variants that whole pictures need, with weights of this scheme.
pub(super) fn warm(scheme: Scheme, activation: Epilogue<'_>, device: &Device) {
    let onto = buffer(Tensor::<3>::zeros([1, 1, COLUMNS], device));
    let between = ElemType::between(&onto.client);
    let x = empty_like(&onto, [1, 1, UNIT], between);
    let weights = Stored::new(&[0.0; UNIT * COLUMNS], UNIT, scheme);
    let layer = PackedLinear::pack(&x.client, vec![weights], UNIT, &[0.0; COLUMNS]);
    for tile in [FEW_ROWS, MANY_ROWS] {
        for (epilogue, to) in [
            (Epilogue::Plain, between),
            (activation, between),
            (Epilogue::Residual(&onto), ElemType::F32),
        ] {
            layer.forward_in(tile, &x, epilogue, to);
        }
        if between == ElemType::F16 {
            // What leaves the last block for a dense method, and what comes back from one.
            layer.forward_in(tile, &x, Epilogue::Plain, ElemType::F32);
            let back = empty_like(&onto, [1, 1, UNIT], ElemType::F32);
            layer.forward_in(tile, &back, Epilogue::Plain, ElemType::F32);
        }
    }
}

/// Rows of a tile: the most that still leave enough tiles.
fn tile_rows(rows: usize, output: usize) -> usize {
    let tiles = rows.div_ceil(MANY_ROWS) * output.div_ceil(COLUMNS);
    if rows <= LEAST_ROWS {
        LEAST_ROWS
    } else if tiles < ENOUGH {
        FEW_ROWS
    } else {
        MANY_ROWS
    }
}
