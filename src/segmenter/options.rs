//! What a caller can choose.

use crate::dense::{Method, clip_diy::Budget};
use crate::error::{Error, Result};
use crate::refine::Refinement;
use serde::{Deserialize, Serialize};

/// Regions that `two-stage` classifies when not told how many.
pub const REGIONS: usize = 48;

/// The most regions that can be asked for.
pub const MAX_REGIONS: usize = 200;

/// How a picture is cut for the dense methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Windows {
    /// The whole picture at once while its attention maps fit a GPU buffer, else windows of the
    /// trained size.
    #[default]
    Auto,
    /// The whole picture at once.
    Whole,
    /// Squares of `size` pixels, `stride` pixels apart, both rounded to whole patches.
    Slide {
        /// Side of a window in pixels.
        size: u32,
        /// Pixels from one to the next.
        stride: u32,
    },
}

/// How to encode a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EncodeOptions {
    /// The short side in pixels that the picture is brought to, the bundle's own if `None`; larger
    /// sees finer things and costs more.
    pub size: Option<u32>,
    /// The method to prepare for, the device's default if `None`. Others can be used all the same
    /// and then do their part of the work on first use.
    pub method: Option<Method>,
    /// How the picture is cut.
    pub windows: Windows,
}

/// What the background is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Background {
    /// The bundle's background words, or for photographs common words for what they show: words
    /// too close to one that the user asks for are left out, and of the rest those are taken that
    /// cover it best.
    #[default]
    Auto,
    /// Every pixel gets one of the user's classes.
    None,
    /// These words.
    Words(Vec<String>),
}

impl std::fmt::Display for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Words(words) => f.write_str(&words.join(", ")),
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

/// How to segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How cells get scores; the device's default if `None`.
    pub method: Option<Method>,
    /// Whether `maskclip` keeps the last block's residuals and feed-forward part.
    pub residual: bool,
    /// The background class.
    pub background: Background,
    /// Steps on the scores, in this order; the default ones if `None`.
    pub refine: Option<Vec<Refinement>>,
    /// A pixel whose best class is less likely than this stays unlabelled, 0..=1.
    pub threshold: f32,
    /// How many crops `clip-diy` looks at.
    pub crops: Budget,
    /// What guides `clip-diy`; without a background class there is nothing to guide.
    pub guidance: Guidance,
    /// How many regions `two-stage` classifies at most, 1..=[`MAX_REGIONS`].
    pub regions: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            method: None,
            residual: false,
            background: Background::Auto,
            refine: None,
            threshold: 0.0,
            crops: Budget::default(),
            guidance: Guidance::default(),
            regions: REGIONS,
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(Error::input(format!(
                "A threshold of {} is not between 0 and 1.",
                self.threshold
            )));
        }
        if !(1..=MAX_REGIONS).contains(&self.regions) {
            return Err(Error::input(format!(
                "{} regions cannot be looked at; choose 1 to {MAX_REGIONS}.",
                self.regions
            )));
        }
        Ok(())
    }
}
