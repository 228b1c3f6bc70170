//! How cells get scores: one file a method.
//!
//! Six methods read the tower's last block in their own way ([`features`]); two more look at
//! pieces of the picture with the tower as trained: crops at several scales ([`clip_diy`]) and
//! regions ([`two_stage`]).

mod clearclip;
pub mod clip_diy;
mod last_block;
mod maskclip;
mod naclip;
mod outliers;
mod pearl;
mod scclip;
mod sclip;
mod score_map;
pub mod two_stage;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::clip::{Grid, VisionTower};
use crate::error::{Error, Result};
use last_block::LastBlock;

pub use score_map::{ScoreKind, ScoreMap};

/// A method by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The last block's values (arXiv 2112.01071).
    #[serde(rename = "maskclip")]
    MaskClip,
    /// Queries attend to queries (arXiv 2407.12442).
    #[serde(rename = "clearclip")]
    ClearClip,
    /// Queries to queries and keys to keys (arXiv 2312.01597).
    Sclip,
    /// Keys to keys nearby (arXiv 2404.08181).
    #[serde(rename = "naclip")]
    NaClip,
    /// Queries to keys turned onto them (arXiv 2603.21528).
    Pearl,
    /// Attention calibrated by middle layers (arXiv 2411.15869).
    #[serde(rename = "scclip")]
    ScClip,
    /// Crops at several scales (arXiv 2309.14289).
    ClipDiy,
    /// Class-agnostic regions, each classified (arXiv 2112.14757).
    TwoStage,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::MaskClip,
        Self::ClearClip,
        Self::Sclip,
        Self::NaClip,
        Self::Pearl,
        Self::ScClip,
        Self::ClipDiy,
        Self::TwoStage,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MaskClip => "maskclip",
            Self::ClearClip => "clearclip",
            Self::Sclip => "sclip",
            Self::NaClip => "naclip",
            Self::Pearl => "pearl",
            Self::ScClip => "scclip",
            Self::ClipDiy => "clip-diy",
            Self::TwoStage => "two-stage",
        }
    }

    /// Whether it takes the last block apart, and so has cell features.
    #[must_use]
    pub fn is_dense(self) -> bool {
        !matches!(self, Self::ClipDiy | Self::TwoStage)
    }

    /// Whether it needs what every block puts out, not only what enters the last one.
    #[must_use]
    pub fn needs_hidden_states(self) -> bool {
        self == Self::ScClip
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                Error::input(format!("{name:?} is no method. Choose one of {names}."))
            })
    }
}

/// What a method makes of the tokens: a direction for each cell.
#[derive(Debug, Clone)]
pub struct CellFeatures {
    /// Vectors in the space of the text embeddings, `[cells, projection]`: unit vectors, or where
    /// windows overlap the mean of several.
    pub features: Tensor<2>,
    /// Vectors by which cells compare with each other, `[cells, width]`: the last block's keys,
    /// passed through its output projection, not normalised; where windows overlap the mean of
    /// several.
    pub keys: Tensor<2>,
}

/// Cell features by a dense method.
///
/// `residual` keeps the last block's residuals and feed-forward part in `maskclip`; the other
/// methods are defined with or without them.
///
/// # Shapes
///
/// - `hidden_states`: what the blocks put out, the last one what enters the last block, each
///   `[1, 1 + cells, width]`, class token first; all of them if [`Method::needs_hidden_states`], else
///   the last one suffices
///
/// # Errors
///
/// [`Error::Internal`] for a tower without blocks, no states or a method that has no cell
/// features; [`Error::Device`] if the device fails.
pub async fn features(
    method: Method,
    residual: bool,
    tower: &VisionTower,
    hidden_states: &[Tensor<3>],
    grid: Grid,
) -> Result<CellFeatures> {
    let entering = hidden_states
        .last()
        .ok_or_else(|| Error::internal("cell features of nothing"))?;
    let block = LastBlock::open(tower, entering.clone())?;
    Ok(match method {
        Method::MaskClip => maskclip::maskclip(&block, residual),
        Method::ClearClip => clearclip::clearclip(&block),
        Method::Sclip => sclip::sclip(&block),
        Method::NaClip => naclip::naclip(&block, grid),
        Method::Pearl => pearl::pearl(&block),
        Method::ScClip => scclip::scclip(tower, hidden_states, grid).await?,
        Method::ClipDiy | Method::TwoStage => {
            return Err(Error::internal(format!("{method} has no cell features")));
        }
    })
}
