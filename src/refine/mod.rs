//! Steps on the scores, in the order in which the caller gives them: one file a refinement.

mod key_smoothing;
mod prompt_denoising;

use serde::{Deserialize, Serialize};

use crate::dense::{CellFeatures, ScoreMap};
use crate::error::{Error, Result};

/// A refinement by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refinement {
    /// Removes classes that are nowhere likely (MaskCLIP).
    PromptDenoising,
    /// Lets cells with like keys share their scores (MaskCLIP).
    KeySmoothing,
}

impl Refinement {
    /// Applies it.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if the device fails.
    pub async fn apply(self, scores: ScoreMap, cells: &CellFeatures) -> Result<ScoreMap> {
        match self {
            Self::PromptDenoising => Ok(prompt_denoising::denoise(scores)),
            Self::KeySmoothing => key_smoothing::smooth(&scores, &cells.keys).await,
        }
    }
}

impl std::str::FromStr for Refinement {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "prompt-denoising" => Ok(Self::PromptDenoising),
            "key-smoothing" => Ok(Self::KeySmoothing),
            _ => Err(Error::input(format!(
                "{name:?} is no refinement. Choose prompt-denoising or key-smoothing."
            ))),
        }
    }
}
