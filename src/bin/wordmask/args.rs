//! What can be asked for.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Parser, Subcommand, ValueEnum, value_parser};
use wordmask::bundle::Pictures;
use wordmask::convert::ReadyNames;
use wordmask::dense::Method;
use wordmask::dense::clip_diy::Budget;
use wordmask::device::Preference;
use wordmask::image::MAX_SIDE;
use wordmask::mask::{Backdrop, CutoutOptions, MAX_BLUR, MAX_FEATHER};
use wordmask::prompt::{Class, parse_line};
use wordmask::quant::Scheme;
use wordmask::refine::Refinement;
use wordmask::segmenter::{Guidance, Pipeline, REGIONS, Windows};
use wordmask::{Error, Result};

use crate::commands::read_picture;
use crate::eval::{Eval, Merge};
use crate::outputs::Output;

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
    /// Name given masks of a picture.
    Classify(Classify),
    /// Measure a model on procedural scenes or a published data set.
    Eval(Box<Eval>),
    /// Make one report of the reports of all shards of an evaluation.
    Merge(Merge),
    /// Write procedural scenes: pictures, captions, true masks.
    Scenes(Scenes),
    /// Turn a CLIP in the Hugging Face layout into a bundle.
    Import(Import),
    /// Describe a bundle.
    Info(Info),
}

impl Command {
    /// Whether errors go out as JSON too.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Segment(a) => a.json,
            Self::Classify(a) => a.json,
            Self::Eval(a) => a.json,
            Self::Merge(a) => a.json,
            Self::Info(a) => a.json,
            Self::Import(a) => a.json,
            Self::Scenes(_) => false,
        }
    }
}

/// Which model, where, and how it sees.
#[derive(Debug, clap::Args)]
pub(crate) struct ModelArgs {
    /// A bundle's directory; the built-in one if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) model: Option<PathBuf>,
    /// auto, webgpu or cpu. WebGPU is in builds with the feature `gpu`.
    #[arg(long, default_value = "auto")]
    pub(crate) device: Preference,
    /// Short side in pixels that pictures are brought to; the bundle's own if left out.
    #[arg(long, value_name = "PIXELS")]
    pub(crate) size: Option<u32>,
    /// auto, whole, or side and stride of sliding windows in pixels: 224,112.
    #[arg(long, default_value = "auto", value_parser = windows)]
    pub(crate) windows: Windows,
}

fn tolerance(text: &str) -> Result<f64> {
    let number = text.parse().ok();
    let distance = number.filter(|distance: &f64| distance.is_finite() && *distance >= 0.0);
    distance.ok_or_else(|| Error::input(format!("{text:?} is no distance in pixels, 0 or more.")))
}

fn windows(text: &str) -> Result<Windows> {
    match text {
        "auto" => Ok(Windows::Auto),
        "whole" => Ok(Windows::Whole),
        _ => {
            let number = |text: &str| text.trim().parse().ok();
            let pair = text
                .split_once(',')
                .and_then(|(size, stride)| Some((number(size)?, number(stride)?)));
            let (size, stride) = pair.ok_or_else(|| {
                Error::input(format!(
                    "{text:?} are no windows. Give auto, whole, or side and stride in pixels: 224,112."
                ))
            })?;
            Ok(Windows::Slide { size, stride })
        }
    }
}

/// Refinements between commas, or `none`.
#[derive(Debug, Clone)]
pub(crate) struct Refinements(pub(crate) Vec<Refinement>);

impl FromStr for Refinements {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self(Vec::new())),
            steps => steps
                .split(',')
                .map(|step| step.trim().parse())
                .collect::<Result<_>>()
                .map(Self),
        }
    }
}

/// How answers are made, beside method and background.
#[derive(Debug, clap::Args)]
pub(crate) struct How {
    /// Leave pixels unlabelled whose best class is less likely than this, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) threshold: f32,
    /// Crops that clip-diy looks at: 10, 26 or 59.
    #[arg(long, default_value = "59")]
    pub(crate) crops: Budget,
    /// What guides clip-diy: none or features.
    #[arg(long, default_value = "features")]
    pub(crate) guidance: Guidance,
    /// Regions that two-stage classifies at most.
    #[arg(long, default_value_t = REGIONS)]
    pub(crate) regions: usize,
}

/// The words, in one of two ways.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Words {
    /// Words between commas or semicolons; several names of one class between slashes: "cat,
    /// tv/monitor".
    #[arg(long)]
    words: Option<String>,
    /// A file of words: as for --words, or a line for each.
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
}

impl Words {
    /// The classes that are meant.
    pub(crate) fn classes(&self) -> Result<Vec<Class>> {
        let Some(path) = &self.words_file else {
            return parse_line(self.words.as_deref().unwrap_or_default());
        };
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        parse_line(text).map_err(|e| Error::input(format!("{}: {e}", path.display())))
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Segment {
    /// JPEG, PNG or WebP files, folders of them, or patterns in quotation marks, such as
    /// "photos/**/*.jpg".
    #[arg(required = true, value_name = "PICTURE")]
    pub(crate) pictures: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) words: Words,
    /// Where the files go, in folders like those of the pictures; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "masks")]
    pub(crate) out: PathBuf,
    /// What to write, between commas.
    #[arg(
        long,
        value_name = "KINDS",
        value_enum,
        value_delimiter = ',',
        default_value = "labels,overlay,json"
    )]
    pub(crate) outputs: Vec<Output>,
    /// Every connected part of a class is an object of its own, in the JSON file, outlines and data
    /// sets.
    #[arg(long)]
    pub(crate) instances: bool,
    /// How far outlines may be from the edges between pixels, in pixels, to be smooth; 0 = along
    /// these edges.
    #[arg(long, value_name = "PIXELS", default_value_t = 0.5, value_parser = tolerance)]
    pub(crate) tolerance: f64,
    #[command(flatten)]
    pub(crate) cutouts: CutoutArgs,
    /// Leave out pictures that were segmented before in the same way, and go on after a stop.
    #[arg(long)]
    pub(crate) skip_existing: bool,
    /// maskclip, clearclip, sclip, naclip, pearl, scclip, clip-diy or two-stage; that of the model's
    /// own pipeline if left out.
    #[arg(long)]
    pub(crate) method: Option<Method>,
    /// Keep the last block's residuals and feed-forward part in maskclip.
    #[arg(long)]
    pub(crate) residual: bool,
    /// Whether a dense method looks at the picture at finer scales, too; as the model's own pipeline
    /// does if left out.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) multi_scale: Option<bool>,
    /// Refinements in order, prompt-denoising, key-smoothing, tlp, pamr, edges, or none; those of the model's
    /// own pipeline if left out.
    #[arg(long, value_name = "STEPS")]
    pub(crate) refine: Option<Refinements>,
    /// auto, none, or words between commas.
    #[arg(long, default_value = "auto")]
    pub(crate) background: String,
    #[command(flatten)]
    pub(crate) how: How,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// One JSON object a picture on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How classes are cut out, with `cutouts` among the outputs.
#[derive(Debug, clap::Args)]
pub(crate) struct CutoutArgs {
    /// How far from the border cut-outs may be partly transparent, in pixels; 0 = a hard edge; a
    /// 160th of the short side, 2 to 8, if left out.
    #[arg(long, value_name = "PIXELS", value_parser = value_parser!(u32).range(0..=i64::from(MAX_FEATHER)))]
    pub(crate) feather: Option<u32>,
    /// Make cut-outs as small as what is seen of them.
    #[arg(long)]
    pub(crate) trim: bool,
    /// What lies behind cut-outs: transparent, a colour such as #ffcc00, the blurred picture as
    /// blur:12 in pixels, or a picture's file.
    #[arg(long, value_name = "WHAT", default_value = "transparent")]
    pub(crate) backdrop: String,
    /// The format of cut-outs: png, or webp without loss.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "png")]
    pub(crate) cutout_format: CutoutFormat,
}

/// A file format of cut-outs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CutoutFormat {
    Png,
    Webp,
}

impl CutoutFormat {
    /// The ending of its files.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }
}

impl CutoutArgs {
    /// The options of the library.
    pub(crate) fn options(&self) -> Result<CutoutOptions> {
        Ok(CutoutOptions {
            feather: self.feather,
            trim: self.trim,
            backdrop: backdrop(&self.backdrop)?,
        })
    }
}

fn backdrop(text: &str) -> Result<Backdrop> {
    if text == "transparent" {
        return Ok(Backdrop::Transparent);
    }
    if let Some(digits) = text.strip_prefix('#') {
        return hex_color(digits).map(Backdrop::Color).ok_or_else(|| {
            Error::input(format!(
                "{text:?} is no colour. Give one as #rgb or #rrggbb."
            ))
        });
    }
    if let Some(number) = text.strip_prefix("blur:") {
        let sigma = number
            .parse()
            .ok()
            .filter(|sigma| *sigma > 0.0 && *sigma <= MAX_BLUR);
        return sigma.map(Backdrop::Blur).ok_or_else(|| {
            Error::input(format!(
                "{text:?} is no blur. Give its pixels, above 0 and at most {MAX_BLUR}: blur:12."
            ))
        });
    }
    read_picture(Path::new(text)).map(Backdrop::Picture)
}

/// Three or six hexadecimal digits.
fn hex_color(digits: &str) -> Option<[u8; 3]> {
    let nibbles: Option<Vec<u8>> = digits
        .chars()
        .map(|digit| digit.to_digit(16).map(|value| value as u8))
        .collect();
    match nibbles?[..] {
        [r, g, b] => Some([r * 17, g * 17, b * 17]),
        [r, s, g, h, b, c] => Some([r * 16 + s, g * 16 + h, b * 16 + c]),
        _ => None,
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Classify {
    /// A JPEG, PNG or WebP file.
    pub(crate) picture: PathBuf,
    #[command(flatten)]
    pub(crate) words: Words,
    /// An 8-bit PNG of the picture's size, grey or palette: each number but 255 is a mask.
    #[arg(long, value_name = "PNG")]
    pub(crate) masks: PathBuf,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// One JSON object a mask on standard output.
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
    /// How many times as long the sides are as those of scenes to train on.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=8))]
    pub(crate) scale: u32,
    /// Where the files go; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// A name of the catalogue such as b16, a repository of the hub such as
    /// openai/clip-vit-base-patch16, a directory, or a file of weights.
    pub(crate) source: String,
    /// How matrices are stored: f32, f16, q8 or q4; as the catalogue recommends, else q8, if left
    /// out.
    #[arg(long)]
    pub(crate) quant: Option<Scheme>,
    /// A branch, tag or commit of the hub's repository.
    #[arg(long)]
    pub(crate) revision: Option<String>,
    /// Where the bundle goes; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What the bundle calls itself; the model's name if left out.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A sentence on what the model has seen.
    #[arg(long, alias = "knows")]
    pub(crate) description: Option<String>,
    /// The licence of the weights.
    #[arg(long)]
    pub(crate) license: Option<String>,
    /// Where the weights came from, if not from SOURCE.
    #[arg(long, alias = "from")]
    pub(crate) origin: Option<String>,
    /// Short side in pixels for dense prediction; one and a half times the trained size if left out.
    #[arg(long, value_name = "PIXELS", value_parser = value_parser!(u32).range(1..=MAX_SIDE.into()))]
    pub(crate) picture_size: Option<u32>,
    /// Background words between commas or semicolons; those for photographs if left out.
    #[arg(long)]
    pub(crate) background: Vec<String>,
    /// What pictures the model has seen: photographs or drawings.
    #[arg(long, default_value = "photographs")]
    pub(crate) pictures: Pictures,
    /// Every name that the model has learned, between commas or semicolons; left out for a text
    /// tower of general language.
    #[arg(long)]
    pub(crate) vocabulary: Vec<String>,
    /// Words to embed now, so that they cost nothing later: common, for 1 500 things and grounds
    /// that photographs show, none, or words between commas.
    #[arg(long, default_value = "common")]
    pub(crate) words: ReadyNames,
    /// The method and refinements that suit the model best, such as maskclip+multi-scale+pamr+edges.
    #[arg(long, alias = "setting")]
    pub(crate) pipeline: Option<Pipeline>,
    /// A DINO to guide CLIP-DIY: a directory or a file of weights, ViT-S/8 or S/16.
    #[arg(long, value_name = "PATH", requires = "found_head")]
    pub(crate) found: Option<PathBuf>,
    /// The head of FOUND for that DINO: its file of decoder weights.
    #[arg(long, value_name = "FILE", requires = "found")]
    pub(crate) found_head: Option<PathBuf>,
    /// Finish even if the stored model differs more from the original than the scheme should.
    #[arg(long)]
    pub(crate) accept_loss: bool,
    /// What was measured, as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Info {
    /// A bundle's directory; the built-in one if left out.
    pub(crate) model: Option<PathBuf>,
    /// The whole manifest as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
