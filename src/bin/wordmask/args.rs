//! What can be asked for.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use wordmask::bundle::Scheme;
use wordmask::device::Preference;
use wordmask::refine::Refinement;

/// Type words, get a mask for each.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Segment pictures by words: a label PNG, an overlay and a JSON file for each.
    Segment(Segment),
    /// Measure a model on procedural scenes with true masks.
    Eval(Eval),
    /// Write procedural scenes: pictures, captions, true masks.
    Scenes(Scenes),
    /// Turn a CLIP in the Hugging Face layout into a bundle.
    Import(Import),
    /// Say what a bundle is.
    Info(Info),
}

impl Command {
    /// Whether errors go out as JSON too.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Segment(a) => a.json,
            Self::Eval(a) => a.json,
            Self::Info(a) => a.json,
            Self::Scenes(_) | Self::Import(_) => false,
        }
    }
}

/// Which model, where, and how it scores.
#[derive(Debug, clap::Args)]
pub(crate) struct Model {
    /// A bundle's directory; the built-in one if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) model: Option<PathBuf>,
    /// auto, webgpu or cpu.
    #[arg(long, default_value = "auto")]
    pub(crate) device: Preference,
    /// How cells get scores.
    #[arg(long, default_value = "maskclip", value_parser = ["maskclip"])]
    pub(crate) method: String,
    /// Keep the last block's residuals and feed-forward part.
    #[arg(long)]
    pub(crate) residual: bool,
    /// Refinements in order: prompt-denoising, key-smoothing.
    #[arg(long, value_delimiter = ',')]
    pub(crate) refine: Vec<Refinement>,
    /// auto, none, or words between commas.
    #[arg(long, default_value = "auto")]
    pub(crate) background: String,
    /// Leave pixels unlabelled whose best class is less likely than this, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) threshold: f32,
    /// Short side in pixels that pictures are brought to; the bundle's own if left out.
    #[arg(long, value_name = "PIXELS")]
    pub(crate) size: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Segment {
    /// JPEG, PNG or WebP files.
    #[arg(required = true, value_name = "PICTURE")]
    pub(crate) pictures: Vec<PathBuf>,
    /// Words between commas; several names of one class between slashes: "cat, tv/monitor".
    #[arg(long)]
    pub(crate) words: String,
    /// Where the files go; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "masks")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) model: Model,
    /// One JSON object a picture on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Eval {
    /// Number of scenes.
    #[arg(long, value_name = "COUNT")]
    pub(crate) scenes: u32,
    /// Seed of the first scene; below a million, where no training scene is.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) model: Model,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Scenes {
    /// Number of scenes.
    #[arg(long)]
    pub(crate) count: u32,
    /// Seed of the first scene.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Captioned windows of each scene, for training.
    #[arg(long, default_value_t = 0)]
    pub(crate) views: u32,
    /// Where the files go; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// A directory in the layout of Hugging Face's CLIPModel.
    pub(crate) source: PathBuf,
    /// How matrices are stored: f32, f16 or q8.
    #[arg(long, default_value = "q8")]
    pub(crate) quant: Scheme,
    /// Where the bundle goes; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What the bundle calls itself; the directory's name if left out.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A sentence on what the model has seen.
    #[arg(
        long,
        default_value = "It was trained by someone else; see its source."
    )]
    pub(crate) knows: String,
    /// The licence of the weights.
    #[arg(long, default_value = "unknown")]
    pub(crate) license: String,
    /// Where the weights came from, if not from SOURCE.
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Short side in pixels for dense prediction; one and a half times the trained size if left out.
    #[arg(long, value_name = "PIXELS")]
    pub(crate) picture_size: Option<u32>,
    /// Background words between commas; those for photographs if left out.
    #[arg(long, value_delimiter = ',')]
    pub(crate) background: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Info {
    /// A bundle's directory; the built-in one if left out.
    pub(crate) model: Option<PathBuf>,
    /// The whole manifest as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
