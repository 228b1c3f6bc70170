//! The shapes that quantised weights and activations have in memory, which packing, quantising and
//! the dot products share.

/// Outputs of a panel.
pub(super) const PANEL: usize = 8;
/// Inputs of a step.
pub(super) const STEP: usize = 4;
/// Inputs are filled up to a multiple of this: what is quantised at once.
pub(super) const CHUNK: usize = 16;

/// Rows of digits in a tile.
pub(super) const TILE: usize = 4;

/// A digit of an activation as dot products read it: wasm without relaxed SIMD multiplies 16-bit
/// numbers only, all others bytes.
#[cfg(not(all(target_arch = "wasm32", not(target_feature = "relaxed-simd"))))]
pub(super) type Digit = u8;
/// A digit of an activation as dot products read it: wasm without relaxed SIMD multiplies 16-bit
/// numbers only, all others bytes.
#[cfg(all(target_arch = "wasm32", not(target_feature = "relaxed-simd")))]
pub(super) type Digit = i16;

/// Eight outputs' weights for four inputs.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Step(pub(super) [i8; PANEL * STEP]);

/// Four inputs of four rows of digits: `[row, input]`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(super) struct Quad(pub(super) [Digit; TILE * STEP]);

/// How finely activations are quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationBits {
    /// In 8 bits.
    B8,
    /// In 14 bits, for twice the products: as near to f32 as f16 weights are.
    B14,
}

impl ActivationBits {
    /// Rows of digits that a row takes.
    pub(super) fn digits(self) -> usize {
        match self {
            Self::B8 => 1,
            Self::B14 => 2,
        }
    }

    /// The largest quantised value.
    pub(super) fn largest_value(self) -> f32 {
        match self {
            Self::B8 => 255.0,
            Self::B14 => 16_383.0,
        }
    }
}

/// `input` filled up to whole chunks.
pub(super) fn padded(input: usize) -> usize {
    input.next_multiple_of(CHUNK)
}
