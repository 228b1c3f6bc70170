//! How weights are stored, and the way back to f32.
//!
//! ```
//! use wordmask::quant::{Scheme, Stored};
//!
//! // Two output channels of four inputs, each with a scale of its own.
//! let weights = [0.5, -1.0, 0.25, 1.0, 8.0, -2.0, 0.0, 4.0];
//! let stored = Stored::new(&weights, 4, Scheme::Q8);
//! let mut decoded = Vec::new();
//! stored.decode_into(&mut decoded);
//! // Off by half a step at most: a 254th of the largest weight of the channel.
//! let errors = weights.iter().zip(&decoded).map(|(w, d)| (w - d).abs());
//! assert!(errors.fold(0.0, f32::max) <= 8.0 / 254.0);
//! ```

pub(crate) mod q4;
pub(crate) mod q8;
mod source;

pub use source::{RowTable, WeightSource};

use half::f16;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the matrices of a bundle are stored. Everything else (norms, biases, class, patch and
/// position embeddings) stays in floating point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point.
    F16,
    /// 8-bit integers −127..=127 with one f32 scale for each output channel (the first axis):
    /// `w ≈ scale · q`, symmetric.
    Q8,
    /// 4-bit integers −8..=7 with one f16 scale for every 32 inputs of an output channel:
    /// `w ≈ scale · q`, symmetric. The projection out of a tower is stored as in `q8`.
    Q4,
}

impl std::str::FromStr for Scheme {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "q8" => Ok(Self::Q8),
            "q4" => Ok(Self::Q4),
            _ => Err(Error::input(format!(
                "{name:?} is no quantisation scheme. Choose f32, f16, q8 or q4."
            ))),
        }
    }
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Q8 => "q8",
            Self::Q4 => "q4",
        })
    }
}

/// What a tensor is for, which decides how few bits suffice for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Added or multiplied elementwise: floating point.
    Vector,
    /// The patch embedding: floating point. It is a hundredth of a tower, and what it gets wrong
    /// is wrong in every token alike; in 8 bits it cost the built-in model more than all other
    /// matrices together (docs/measurements.md).
    Patches,
    /// The projection out of a tower, small and felt everywhere: 8 bits at least.
    Projection,
    /// Any other matrix.
    Inner,
    /// A matrix of a block that is sensitive to quantisation: floating point.
    Unquantised,
}

impl Role {
    pub(crate) fn is_matrix(self) -> bool {
        !matches!(self, Self::Vector | Self::Patches)
    }
}

/// How one tensor is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StorageFormat {
    F32,
    F16,
    Q8,
    Q4,
}

impl Scheme {
    /// Whether matrices hold 8 bits or fewer a number.
    #[must_use]
    pub fn is_quantised(self) -> bool {
        matches!(self, Self::Q8 | Self::Q4)
    }

    /// How the scheme stores a tensor of this role.
    pub(crate) fn format(self, role: Role) -> StorageFormat {
        match (self, role) {
            (Self::F32, _) => StorageFormat::F32,
            (Self::F16, _) | (_, Role::Vector | Role::Patches | Role::Unquantised) => {
                StorageFormat::F16
            }
            (Self::Q8, _) | (Self::Q4, Role::Projection) => StorageFormat::Q8,
            (Self::Q4, Role::Inner) => StorageFormat::Q4,
        }
    }
}

impl StorageFormat {
    /// Bytes that a row of this many numbers takes, its scales counted in.
    pub(crate) fn row_bytes(self, cols: usize) -> usize {
        match self {
            Self::F32 => 4 * cols,
            Self::F16 => 2 * cols,
            Self::Q8 => cols + 4,
            Self::Q4 => q4::row_bytes(cols) + 2 * q4::blocks(cols),
        }
    }
}

/// A tensor as it is stored, or some of its rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// 16-bit floating point.
    F16(Vec<f16>),
    /// 8-bit integers.
    Q8(q8::Q8Matrix),
    /// 4-bit integers.
    Q4(q4::Q4Matrix),
}

impl Stored {
    /// Stores an inner matrix, rows of `cols` numbers, as `scheme` does.
    #[must_use]
    pub fn new(values: &[f32], cols: usize, scheme: Scheme) -> Self {
        Self::encode(values, cols, scheme.format(Role::Inner))
    }

    /// Stores rows of `cols` numbers in this form, or in a wider one if they need it.
    pub(crate) fn encode(values: &[f32], cols: usize, format: StorageFormat) -> Self {
        match format {
            StorageFormat::F32 => Self::F32(values.to_vec()),
            StorageFormat::F16 => {
                let halves: Vec<f16> = values.iter().map(|&v| f16::from_f32(v)).collect();
                // A weight beyond the range of f16 is worth its 32 bits.
                if halves.iter().all(|h| h.is_finite()) {
                    Self::F16(halves)
                } else {
                    Self::F32(values.to_vec())
                }
            }
            StorageFormat::Q8 => Self::Q8(q8::Q8Matrix::encode(values, cols)),
            StorageFormat::Q4 => match q4::Q4Matrix::encode(values, cols) {
                Some(rows) => Self::Q4(rows),
                None => Self::Q8(q8::Q8Matrix::encode(values, cols)),
            },
        }
    }

    /// Rows of a matrix that were stored apart, one below the other.
    pub(crate) fn join(pieces: impl IntoIterator<Item = Self>) -> Self {
        let join = |upper: Self, lower: Self| match (upper, lower) {
            (Self::F16(mut upper), Self::F16(lower)) => {
                upper.extend(lower);
                Self::F16(upper)
            }
            (Self::Q8(upper), Self::Q8(lower)) => Self::Q8(upper.above(lower)),
            (Self::Q4(upper), Self::Q4(lower)) => Self::Q4(upper.above(lower)),
            // Rows of another form than those above them needed more bits. Where 8 are enough, all get 8:
            // kernels take them.
            (Self::Q8(upper), Self::Q4(lower)) => {
                let cols = lower.cols;
                Self::Q8(upper.above(Self::Q4(lower).into_q8(cols)))
            }
            (Self::Q4(upper), Self::Q8(lower)) => {
                let cols = upper.cols;
                Self::Q8(Self::Q4(upper).into_q8(cols).above(lower))
            }
            (upper, lower) => {
                let mut values = Vec::new();
                upper.decode_into(&mut values);
                lower.decode_into(&mut values);
                Self::F32(values)
            }
        };
        let joined = pieces.into_iter().reduce(join);
        joined.unwrap_or_else(|| Self::F32(Vec::new()))
    }

    /// The matrix in 8 bits, as it is if it is stored so.
    pub(crate) fn into_q8(self, cols: usize) -> q8::Q8Matrix {
        match self {
            Self::Q8(rows) => rows,
            other => q8::Q8Matrix::encode(&other.decoded(), cols),
        }
    }

    /// The values as f32.
    pub(crate) fn decoded(&self) -> Vec<f32> {
        let mut values = Vec::new();
        self.decode_into(&mut values);
        values
    }

    /// Appends the values of the tensor to `out` as f32.
    pub fn decode_into(&self, out: &mut Vec<f32>) {
        match self {
            Self::F32(values) => out.extend_from_slice(values),
            Self::F16(values) => out.extend(values.iter().map(|v| v.to_f32())),
            Self::Q8(rows) => rows.decode_into(out),
            Self::Q4(rows) => rows.decode_into(out),
        }
    }

    /// One row of `out.len()` numbers; `None` if there is no such row.
    pub(crate) fn decode_row(&self, row: usize, out: &mut [f32]) -> Option<()> {
        let start = row.checked_mul(out.len())?;
        let range = start..start.checked_add(out.len())?;
        match self {
            Self::F32(values) => out.copy_from_slice(values.get(range)?),
            Self::F16(values) => {
                for (out, value) in out.iter_mut().zip(values.get(range)?) {
                    *out = value.to_f32();
                }
            }
            Self::Q8(rows) => rows.decode_row(row, out)?,
            Self::Q4(rows) => rows.decode_row(row, out)?,
        }
        Some(())
    }

    /// Refuses numbers that no trained weight is.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if there is such a number, naming the tensor.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        let sound = match self {
            Self::F32(values) => values.iter().all(|v| v.is_finite()),
            Self::F16(values) => values.iter().all(|v| v.is_finite()),
            Self::Q8(rows) => rows.scales.iter().all(|s| s.is_finite() && *s > 0.0),
            Self::Q4(rows) => rows.scales.iter().all(|s| s.is_finite() && *s > f16::ZERO),
        };
        if sound {
            return Ok(());
        }
        Err(Error::model(format!(
            "the tensor {name} holds numbers that are not finite, or scales that are not positive. Import the model again."
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_keeps_f32_what_f16_cannot_hold() {
        let stored = Stored::encode(&[1.0, 70_000.0], 2, StorageFormat::F16);
        assert_eq!(stored, Stored::F32(vec![1.0, 70_000.0]));
    }

    #[test]
    fn check_refuses_unsound_numbers() {
        assert!(Stored::F32(vec![f32::NAN]).check("x").is_err());
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let q8 = q8::Q8Matrix {
                values: vec![1],
                scales: vec![scale],
            };
            assert!(Stored::Q8(q8).check("x").is_err(), "{scale}");
            let q4 = q4::Q4Matrix {
                cols: 2,
                nibbles: vec![0x88],
                scales: vec![f16::from_f32(scale)],
            };
            assert!(Stored::Q4(q4).check("x").is_err(), "{scale}");
        }
    }

    #[test]
    fn decode_row_is_that_of_the_whole() {
        let values: Vec<f32> = (0..3 * 45).map(|i| (i as f32 * 0.7).sin()).collect();
        for format in [
            StorageFormat::F32,
            StorageFormat::F16,
            StorageFormat::Q8,
            StorageFormat::Q4,
        ] {
            let stored = Stored::encode(&values, 45, format);
            let mut whole = Vec::new();
            stored.decode_into(&mut whole);
            let mut row = [0.0; 45];
            for (index, expected) in whole.chunks(45).enumerate() {
                assert_eq!(stored.decode_row(index, &mut row), Some(()), "{format:?}");
                assert_eq!(row, expected, "{format:?}");
            }
            assert_eq!(stored.decode_row(3, &mut row), None, "{format:?}");
        }
    }

    #[test]
    fn join_makes_one_matrix_of_several_formats() {
        let values: Vec<f32> = (0..3 * 40).map(|i| (i as f32 * 0.7).sin()).collect();
        for formats in [
            [StorageFormat::Q8, StorageFormat::Q4, StorageFormat::Q8],
            [StorageFormat::Q4, StorageFormat::Q8, StorageFormat::Q4],
            [StorageFormat::Q4, StorageFormat::F16, StorageFormat::Q8],
        ] {
            let pieces = values.chunks(40).zip(formats);
            let joined = Stored::join(pieces.map(|(row, format)| Stored::encode(row, 40, format)));
            // Kernels take what is quantised.
            let floating = formats.contains(&StorageFormat::F16);
            assert_eq!(matches!(joined, Stored::Q8(_)), !floating, "{formats:?}");
            let mut decoded = Vec::new();
            joined.decode_into(&mut decoded);
            assert_eq!(decoded.len(), values.len());
            for (value, decoded) in values.iter().zip(decoded) {
                assert!((value - decoded).abs() < 0.08, "{formats:?}");
            }
        }
    }
}
