//! How cells get scores: one file a method.
//!
//! Six methods read the tower's last block in their own way ([`features`]); two more look at
//! pieces of the picture with the tower as trained: crops at several scales ([`clip_diy`]) and
//! regions ([`two_stage`]).
//!
//! A method is a file of this module and an arm of [`Method`]. What it makes of a picture without
//! knowing the words it keeps in the [`View`].

mod cell_features;
mod clearclip;
pub mod clip_diy;
mod last_block;
mod layer;
mod maskclip;
mod multi_scale;
mod naclip;
mod outliers;
mod parameters;
mod pearl;
mod pieces;
mod scclip;
mod sclip;
mod score_map;
pub mod two_stage;
mod view;
mod windows;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::prompt::ClassVectors;

pub use cell_features::{CellFeatures, features, whole_features};
pub use parameters::{Guidance, Parameters};
pub use score_map::{PixelScores, ScoreKind, ScoreMap};
pub use view::{Guide, Model, View};
pub use windows::Windows;

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
    /// All methods.
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

    /// The name of the method, as options and manifests have it.
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

    /// Whether the method takes the last block apart, and so has cell features.
    #[must_use]
    pub fn is_dense(self) -> bool {
        !matches!(self, Self::ClipDiy | Self::TwoStage)
    }

    /// Whether the method needs the hidden states of all blocks, not only what enters the last one.
    #[must_use]
    pub fn needs_hidden_states(self) -> bool {
        self == Self::ScClip
    }

    /// Whether the method asks the model's [`Guide`] where things are.
    #[must_use]
    pub fn needs_guide(self, parameters: &Parameters) -> bool {
        self == Self::ClipDiy && parameters.guidance == Guidance::FoundNetwork
    }

    /// Does as much of the work that does not depend on words as a first answer takes.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub async fn encode(
        self,
        view: &View,
        model: &Model<'_>,
        progress: &mut impl Progress,
    ) -> Result<()> {
        match self {
            Self::ClipDiy => clip_diy::encode(view, model, progress).await,
            Self::TwoStage => two_stage::encode(two_stage::REGIONS, view, model, progress).await,
            dense => view
                .hidden_states(model, dense.needs_hidden_states(), progress)
                .await
                .map(|_| ()),
        }
    }

    /// Does all of the work that does not depend on words.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the guidance needs a guide and the model has none; [`Error::Model`] if
    /// the guide has not been loaded; [`Error::Cancelled`] if `progress` asks to stop;
    /// [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if the pixels do not fit in
    /// memory.
    pub async fn prepare(
        self,
        parameters: &Parameters,
        view: &View,
        model: &Model<'_>,
        progress: &mut impl Progress,
    ) -> Result<()> {
        match self {
            Self::ClipDiy => clip_diy::prepare(parameters, view, model, progress).await,
            Self::TwoStage => two_stage::encode(parameters.regions, view, model, progress).await,
            dense => cell_features::prepare(dense, parameters, view, model, progress).await,
        }
    }

    /// The score of each class at each place, and of the dense methods the cells that were scored;
    /// coarser scores that come first go to `partial`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the guidance needs a guide and the model has none; [`Error::Model`] if
    /// the guide has not been loaded; [`Error::Cancelled`] if `progress` asks to stop;
    /// [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if the pixels do not fit in
    /// memory.
    pub async fn scores(
        self,
        parameters: &Parameters,
        view: &View,
        model: &Model<'_>,
        classes: &ClassVectors,
        progress: &mut impl Progress,
        partial: &mut impl FnMut(&ScoreMap),
    ) -> Result<Scores> {
        match self {
            Self::ClipDiy => clip_diy::scores(parameters, view, model, classes, progress, partial)
                .await
                .map(Scores::from),
            Self::TwoStage => two_stage::scores(parameters.regions, view, model, classes, progress)
                .await
                .map(Scores::from),
            dense => {
                let of = (dense, parameters);
                cell_features::scores(of, view, model, classes, progress, partial).await
            }
        }
    }
}

/// What a method makes of a picture and classes.
#[derive(Debug)]
pub struct Scores {
    /// The scores.
    pub map: ScoreMap,
    /// The cells that were scored, if the method has such.
    pub cells: Option<CellFeatures>,
}

impl From<ScoreMap> for Scores {
    fn from(map: ScoreMap) -> Self {
        Self { map, cells: None }
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
