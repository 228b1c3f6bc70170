//! The weights of a transformer block as they are stored, before they are packed for a device.

use serde::{Deserialize, Serialize};

use crate::quant::Stored;

/// The non-linearity between the two layers of a feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x · sigmoid(1.702 x)`: OpenAI's CLIPs.
    QuickGelu,
    /// The exact `x · Φ(x)`: most of OpenCLIP's.
    Gelu,
}

/// A residual block's weights.
#[derive(Debug)]
pub struct BlockWeights {
    /// The layer norm before the attention.
    pub norm1: NormWeights,
    /// Queries, keys and values side by side: `[width, width]` each.
    pub qkv: LinearWeights,
    /// The attention's output projection: `[width, width]`.
    pub out: LinearWeights,
    /// The layer norm before the feed-forward part.
    pub norm2: NormWeights,
    /// The first linear layer of the feed-forward part: `[hidden, width]`.
    pub fc1: LinearWeights,
    /// The non-linearity between `fc1` and `fc2`.
    pub activation: Activation,
    /// The second linear layer of the feed-forward part: `[width, hidden]`.
    pub fc2: LinearWeights,
    /// Heads of the attention.
    pub heads: usize,
    /// The ε of both layer norms.
    pub epsilon: f64,
}

impl BlockWeights {
    /// Whether every matrix is stored in 8 bits or fewer a number.
    #[must_use]
    pub fn are_quantised(&self) -> bool {
        self.matrices()
            .all(|m| matches!(m, Stored::Q8(_) | Stored::Q4(_)))
    }

    /// The matrices of all linear layers.
    pub fn matrices(&self) -> impl Iterator<Item = &Stored> {
        [&self.qkv, &self.out, &self.fc1, &self.fc2]
            .into_iter()
            .flat_map(|layer| &layer.matrices)
    }
}

/// A layer norm's weights, `[width]` each.
#[derive(Debug)]
pub struct NormWeights {
    /// The scale γ.
    pub gamma: Vec<f32>,
    /// The shift β.
    pub beta: Vec<f32>,
}

/// Linear layers of the same input, side by side as one.
#[derive(Debug)]
pub struct LinearWeights {
    /// `[output, input]` each, row-major.
    pub matrices: Vec<Stored>,
    /// All their biases, in the same order.
    pub bias: Vec<f32>,
}

impl LinearWeights {
    /// All weights as f32, `[output, input]`, row-major.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        let mut values = Vec::new();
        for matrix in &self.matrices {
            matrix.decode_into(&mut values);
        }
        values
    }
}
