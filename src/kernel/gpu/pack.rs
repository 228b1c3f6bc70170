//! Weights in the order in which the kernel reads them.
//!
//! A unit is eight neighbouring inputs of one output: two words of four bytes, or one of eight
//! nibbles. Units of neighbouring outputs lie beside each other, so that neighbouring invocations
//! read neighbouring words, and both directions are filled up with zeros to whole tiles.

use burn::cubecl::prelude::Client;
use burn::cubecl::server::Handle;

use super::launch::upload;
use crate::quant::Stored;

/// Outputs of a tile.
pub(super) const COLUMNS: usize = 64;

/// Inputs of a unit.
pub(super) const UNIT: usize = 8;

/// Inputs of the kernel's step.
const STEP: usize = 16;

/// Inputs that share a scale of four bits.
const BLOCK: usize = 32;

/// How many bits a packed weight has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackedFormat {
    Q8,
    Q4,
}

impl PackedFormat {
    /// The type of a unit.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Q8 => "vec2<u32>",
            Self::Q4 => "u32",
        }
    }

    /// `unpack(unit, eighth, column)` and `output_scale(column)` of the kernel.
    pub(super) fn unpack(self) -> &'static str {
        match self {
            Self::Q8 => include_str!("unpack_q8.wgsl"),
            Self::Q4 => include_str!("unpack_q4.wgsl"),
        }
    }
}

/// Weights, `[output, input]`, and biases on the GPU.
#[derive(Debug, Clone)]
pub(super) struct PackedLinear {
    pub(super) format: PackedFormat,
    pub(super) input: usize,
    pub(super) output: usize,
    /// Outputs including those that fill the last tile.
    pub(super) padded: usize,
    /// Units of eight inputs of an output, neighbouring outputs beside each other.
    pub(super) weights: Handle,
    pub(super) scales: Handle,
    pub(super) bias: Handle,
}

impl PackedLinear {
    /// Packs matrices of the same inputs side by side, with their biases in the same order.
    ///
    /// The stored numbers are kept as they are. Where one matrix has more bits than another, or is
    /// not quantised, all get eight.
    ///
    /// # Shapes
    ///
    /// - `matrices`: `[output, input]` each, `input` a multiple of eight
    /// - `bias`: the sum of their outputs
    pub(super) fn pack(client: &Client, matrices: Vec<Stored>, input: usize, bias: &[f32]) -> Self {
        let output = bias.len();
        let padded = output.next_multiple_of(COLUMNS);
        let all_q4 = matrices.iter().all(|m| matches!(m, Stored::Q4(_)));
        let (format, weights, scales) = if all_q4 {
            let (weights, scales) = pack_q4(&matrices, input, padded);
            (PackedFormat::Q4, weights, scales)
        } else {
            let (weights, scales) = pack_q8(matrices, input, padded);
            (PackedFormat::Q8, weights, scales)
        };
        let bias: Vec<u32> = bias.iter().map(|b| b.to_bits()).collect();
        Self {
            format,
            input,
            output,
            padded,
            weights: upload(client, &weights),
            scales: upload(client, &scales),
            bias: upload(client, &bias),
        }
    }
}

/// Units of a column, those that fill the last step included.
fn units(input: usize) -> usize {
    input.next_multiple_of(STEP) / UNIT
}

/// `[units, padded, 2]` words and `[padded]` scales.
fn pack_q8(matrices: Vec<Stored>, input: usize, padded: usize) -> (Vec<u32>, Vec<u32>) {
    let mut words = vec![0; units(input) * padded * 2];
    let mut all_scales = vec![0; padded];
    let mut column = 0;
    for matrix in matrices {
        let rows = matrix.into_q8(input);
        for (row, scale) in rows.values.chunks_exact(input).zip(rows.scales) {
            all_scales[column] = scale.to_bits();
            for (unit, eight) in row.chunks_exact(UNIT).enumerate() {
                let word = |half: usize| {
                    let byte = |i: usize| u32::from(eight[4 * half + i] as u8) << (8 * i);
                    byte(0) | byte(1) | byte(2) | byte(3)
                };
                let at = (unit * padded + column) * 2;
                words[at] = word(0);
                words[at + 1] = word(1);
            }
            column += 1;
        }
    }
    (words, all_scales)
}

/// `[units, padded]` words and `[pairs of blocks, padded]` pairs of scales.
fn pack_q4(matrices: &[Stored], input: usize, padded: usize) -> (Vec<u32>, Vec<u32>) {
    let blocks = input.div_ceil(BLOCK);
    let mut words = vec![0; units(input) * padded];
    let mut pairs = vec![0; blocks.div_ceil(2) * padded];
    let mut column = 0;
    for matrix in matrices {
        let Stored::Q4(rows) = matrix else { continue };
        let scales = rows.scales.chunks_exact(blocks);
        for (row, scales) in rows.nibbles.chunks_exact(input / 2).zip(scales) {
            for (unit, four) in row.chunks_exact(UNIT / 2).enumerate() {
                let byte = |i: usize| u32::from(four[i]) << (8 * i);
                words[unit * padded + column] = byte(0) | byte(1) | byte(2) | byte(3);
            }
            for (block, scale) in scales.iter().enumerate() {
                pairs[(block / 2) * padded + column] |=
                    u32::from(scale.to_bits()) << (16 * (block % 2));
            }
            column += 1;
        }
    }
    (words, pairs)
}
