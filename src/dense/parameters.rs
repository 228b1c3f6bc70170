//! What a caller can choose about methods.

use serde::{Deserialize, Serialize};

use super::clip_diy::Budget;
use super::two_stage::{MAX_REGIONS, REGIONS};
use crate::error::{Error, Result};

/// The numbers of methods; each method looks at its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Whether `maskclip` keeps the last block's residuals and feed-forward part.
    pub residual: bool,
    /// Whether dense methods look at the picture at finer scales, too; as the model's own pipeline
    /// does if `None` and no other method is chosen.
    pub multi_scale: Option<bool>,
    /// With `multi_scale`, scales are left out that would take longer than this, in seconds since
    /// the words came; no limit if `None`. How fast the device is then decides what the answer is.
    pub max_seconds: Option<f32>,
    /// How many crops `clip-diy` looks at.
    pub crops: Budget,
    /// What guides `clip-diy`; without a background class there is nothing to guide.
    pub guidance: Guidance,
    /// How many regions `two-stage` classifies at most, 1..=[`MAX_REGIONS`].
    pub regions: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            residual: false,
            multi_scale: None,
            max_seconds: None,
            crops: Budget::default(),
            guidance: Guidance::default(),
            regions: REGIONS,
        }
    }
}

impl Parameters {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if a number is out of its range, which is named.
    pub fn check(&self) -> Result<()> {
        if !(1..=MAX_REGIONS).contains(&self.regions) {
            return Err(Error::input(format!(
                "{} regions cannot be looked at; choose 1 to {MAX_REGIONS}.",
                self.regions
            )));
        }
        match self.max_seconds {
            Some(seconds) if seconds.is_nan() || seconds < 0.0 => Err(Error::input(format!(
                "{seconds} is no time limit. Give the seconds that an answer may take."
            ))),
            _ => Ok(()),
        }
    }
}

/// What tells `clip-diy` where things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guidance {
    /// Nothing.
    None,
    /// The vision tower's own features; see [`spectral`](crate::foreground::spectral).
    #[default]
    Features,
    /// FOUND, a second network in the bundle; see [`found`](crate::foreground::found).
    #[serde(rename = "found")]
    FoundNetwork,
}

impl std::str::FromStr for Guidance {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "none" => Ok(Self::None),
            "features" => Ok(Self::Features),
            "found" => Ok(Self::FoundNetwork),
            _ => Err(Error::input(format!(
                "{name:?} is no guidance. Choose none, features or found."
            ))),
        }
    }
}
