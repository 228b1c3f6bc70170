//! What can be asked of `eval` and `merge`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use wordmask::dense::clip_diy::Budget;
use wordmask::eval::EvalShard;
use wordmask::eval::datasets::DatasetKind;
use wordmask::segmenter::{Guidance, Pipeline};
use wordmask::{Error, Result};

use crate::args::ModelArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct Eval {
    #[command(flatten)]
    pub(super) set: Set,
    /// sclip, names and rules of SCLIP's published evaluation, or wordmask, names of this project
    /// and answers as segment gives them; sclip for data sets and wordmask for scenes if left out.
    #[arg(long, value_name = "NAME")]
    protocol: Option<ProtocolName>,
    /// Other names for the data set's classes: a line for each in its order, names between commas;
    /// a line more for the background, the first, where it is a class.
    #[arg(long, value_name = "FILE", conflicts_with = "scenes")]
    pub(super) classes: Option<PathBuf>,
    /// Seed of the first scene, 0 if left out; below a million, where no training scene is.
    // `requires = "scenes"` has no effect where another set is given, with which scenes conflict.
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// How many times as long the sides of scenes are as the model's training scenes have them, 1 if
    /// left out.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub(super) scale: Option<u32>,
    /// What to measure, between commas: methods with their refinements, pearl+tlp or
    /// maskclip+residual, or `all`; the bundle's own setting if left out.
    #[arg(long, value_name = "SETTINGS")]
    pub(super) method: Option<Settings>,
    /// auto, none, or words between commas; can be given several times. Left out, data sets in
    /// which the background is no class are measured without one.
    #[arg(long)]
    pub(super) background: Vec<String>,
    /// Leave pixels unlabelled whose best class is less likely than this, 0 to 1; by the protocol
    /// of SCLIP they become background.
    #[arg(long)]
    pub(super) threshold: Option<f32>,
    /// By the protocol of SCLIP: drop classes that take no more than this share of all pixels but
    /// the background's, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    pub(super) area_threshold: Option<f32>,
    /// By the protocol of SCLIP: what cosines are multiplied with before the softmax.
    #[arg(long, value_name = "SCALE")]
    pub(super) logit_scale: Option<f32>,
    /// Crops that clip-diy looks at: 10, 26 or 59, if not 59.
    #[arg(long)]
    pub(super) crops: Option<Budget>,
    /// What guides clip-diy: none, features or found, if not features.
    #[arg(long)]
    pub(super) guidance: Option<Guidance>,
    /// Regions that two-stage classifies at most, if not 48.
    #[arg(long)]
    pub(super) regions: Option<usize>,
    #[command(flatten)]
    pub(super) model: ModelArgs,
    /// Measure one part of the pictures, 1/4 to 4/4, whose reports `wordmask merge` puts together.
    #[arg(long, value_name = "I/N", default_value_t = EvalShard::WHOLE)]
    pub(super) shard: EvalShard,
    /// Go on from this file if it is there, and keep it up to date.
    #[arg(long, value_name = "FILE")]
    pub(super) resume: Option<PathBuf>,
    /// Write pictures of the answers here, a folder for each setting.
    #[arg(long, value_name = "DIR")]
    pub(super) save: Option<PathBuf>,
    /// Which pictures of the answers, between commas: overlays, and labels in the numbers of the
    /// truth.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', requires = "save")]
    pub(super) save_what: Vec<Saved>,
    /// One JSON object a setting on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to measure with: one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Set {
    /// Procedural scenes, this many.
    #[arg(long, value_name = "COUNT")]
    pub(super) scenes: Option<usize>,
    /// PASCAL VOC 2012 with background, 21 classes.
    #[arg(long, value_name = "DIR")]
    voc: Option<PathBuf>,
    /// PASCAL VOC 2012, 20 classes.
    #[arg(long, value_name = "DIR")]
    voc20: Option<PathBuf>,
    /// PASCAL Context, 59 classes.
    #[arg(long, value_name = "DIR")]
    context: Option<PathBuf>,
    /// PASCAL Context with background, 60 classes.
    #[arg(long, value_name = "DIR")]
    context60: Option<PathBuf>,
    /// COCO-Object, 80 things and background.
    #[arg(long, value_name = "DIR")]
    coco: Option<PathBuf>,
    /// COCO-Stuff, 171 classes.
    #[arg(long, value_name = "DIR")]
    coco_stuff: Option<PathBuf>,
    /// ADE20K, 150 classes.
    #[arg(long, value_name = "DIR")]
    ade: Option<PathBuf>,
    /// Cityscapes, 19 classes.
    #[arg(long, value_name = "DIR")]
    cityscapes: Option<PathBuf>,
    /// CamVid, 11 classes.
    #[arg(long, value_name = "DIR")]
    camvid: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Merge {
    /// What `wordmask eval --shard I/N --json` printed, a file for each shard.
    #[arg(required = true, value_name = "FILE")]
    pub(super) reports: Vec<PathBuf>,
    /// One JSON object a setting on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A protocol by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProtocolName {
    Sclip,
    Wordmask,
}

/// A kind of picture of the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Saved {
    Overlays,
    Labels,
}

/// Settings between commas, or `all`.
#[derive(Debug, Clone)]
pub(super) enum Settings {
    /// All that can be measured.
    All,
    Some(Vec<Pipeline>),
}

impl FromStr for Settings {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "all" => Ok(Self::All),
            list => list
                .split(',')
                .map(str::parse)
                .collect::<Result<_>>()
                .map(Self::Some),
        }
    }
}

impl Eval {
    /// The protocol asked for, or the one that fits the pictures.
    pub(super) fn protocol_name(&self) -> ProtocolName {
        self.protocol.unwrap_or(if self.set.scenes.is_some() {
            ProtocolName::Wordmask
        } else {
            ProtocolName::Sclip
        })
    }
}

impl Set {
    /// The data set that was named, and its folder.
    pub(super) fn dataset(&self) -> Option<(DatasetKind, &Path)> {
        [
            (DatasetKind::Voc21, &self.voc),
            (DatasetKind::Voc20, &self.voc20),
            (DatasetKind::Context59, &self.context),
            (DatasetKind::Context60, &self.context60),
            (DatasetKind::CocoObject, &self.coco),
            (DatasetKind::CocoStuff, &self.coco_stuff),
            (DatasetKind::Ade20k, &self.ade),
            (DatasetKind::Cityscapes, &self.cityscapes),
            (DatasetKind::Camvid, &self.camvid),
        ]
        .into_iter()
        .find_map(|(kind, folder)| folder.as_deref().map(|folder| (kind, folder)))
    }
}
