//! How weights are stored, and the way back to f32.

use half::f16;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the matrices of a bundle are stored. Everything else (norms, biases, class and position
/// embeddings) stays in floating point.
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
}

impl std::str::FromStr for Scheme {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "q8" => Ok(Self::Q8),
            _ => Err(Error::input(format!(
                "{name:?} is no quantisation scheme. Choose f32, f16 or q8."
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
        })
    }
}

/// A tensor as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stored {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Q8 { values: Vec<i8>, scales: Vec<f32> },
}

impl Stored {
    /// Stores `values`, rows of `values.len() / rows` numbers, as the scheme says.
    #[cfg(any(feature = "cli", test))]
    pub(super) fn encode(values: &[f32], rows: usize, matrix: bool, scheme: Scheme) -> Self {
        match scheme {
            Scheme::F32 => Self::F32(values.to_vec()),
            Scheme::Q8 if matrix => quantise_rows(values, rows),
            Scheme::F16 | Scheme::Q8 => {
                let halves: Vec<f16> = values.iter().map(|&v| f16::from_f32(v)).collect();
                // A weight beyond the range of f16 is worth its 32 bits.
                if halves.iter().all(|h| h.is_finite()) {
                    Self::F16(halves)
                } else {
                    Self::F32(values.to_vec())
                }
            }
        }
    }

    /// The values as f32.
    pub(super) fn decode(&self) -> Vec<f32> {
        match self {
            Self::F32(values) => values.clone(),
            Self::F16(values) => values.iter().map(|v| v.to_f32()).collect(),
            Self::Q8 { values, scales } => {
                let row = values.len() / scales.len().max(1);
                values
                    .chunks_exact(row.max(1))
                    .zip(scales)
                    .flat_map(|(row, &scale)| row.iter().map(move |&q| f32::from(q) * scale))
                    .collect()
            }
        }
    }

    /// Refuses numbers that no trained weight is.
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let sound = match self {
            Self::F32(values) => values.iter().all(|v| v.is_finite()),
            Self::F16(values) => values.iter().all(|v| v.is_finite()),
            Self::Q8 { scales, .. } => scales.iter().all(|s| s.is_finite() && *s > 0.0),
        };
        if sound {
            return Ok(());
        }
        Err(Error::model(format!(
            "the tensor {name} holds numbers that are not finite, or scales that are not positive. Import the model again."
        )))
    }
}

#[cfg(any(feature = "cli", test))]
fn quantise_rows(values: &[f32], rows: usize) -> Stored {
    let width = values.len() / rows.max(1);
    let mut quantised = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(rows);
    for row in values.chunks_exact(width.max(1)) {
        let largest = row.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        // A row of zeros needs some scale; any will do.
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        scales.push(scale);
        quantised.extend(row.iter().map(|v| (v / scale).round_ties_even() as i8));
    }
    Stored::Q8 {
        values: quantised,
        scales,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn q8_is_within_half_a_step(rows in 1usize..5, width in 1usize..40, seed in any::<u32>()) {
            let values: Vec<f32> = (0..rows * width)
                .map(|i| {
                    let x = (seed ^ i as u32).wrapping_mul(0x9E37_79B9);
                    (x as f32 / u32::MAX as f32 - 0.5) * 10f32.powi((i / width) as i32 - 2)
                })
                .collect();
            let stored = Stored::encode(&values, rows, true, Scheme::Q8);
            prop_assert!(stored.check("x").is_ok());
            for (row, back) in values.chunks(width).zip(stored.decode().chunks(width)) {
                let largest = row.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                for (v, b) in row.iter().zip(back) {
                    prop_assert!((v - b).abs() <= largest / 127.0 * 0.501, "{v} became {b}");
                }
            }
        }
    }

    #[test]
    fn what_f16_cannot_hold_stays_f32() {
        let stored = Stored::encode(&[1.0, 70_000.0], 1, false, Scheme::F16);
        assert_eq!(stored, Stored::F32(vec![1.0, 70_000.0]));
    }

    #[test]
    fn unsound_numbers_are_refused() {
        assert!(Stored::F32(vec![f32::NAN]).check("x").is_err());
        let zero_scale = Stored::Q8 {
            values: vec![1],
            scales: vec![0.0],
        };
        assert!(zero_scale.check("x").is_err());
    }
}
