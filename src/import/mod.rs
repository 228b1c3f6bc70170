//! Reading CLIPs as they were published.
//!
//! | layout | architecture | weights |
//! | --- | --- | --- |
//! | Hugging Face | `config.json` | `model.safetensors`, also in shards with an index |
//! | OpenCLIP | `open_clip_config.json` | `open_clip_model.safetensors` |
//! | OpenAI | the weights' shapes | `ViT-B-16.pt`, a `TorchScript` archive |
//!
//! A tokenizer lies beside each: `tokenizer.json`, or `vocab.json` and `merges.txt`, or OpenAI's
//! list of merges. On the command line, weights in PyTorch's own files are read too.
//!
//! ```
//! # #[cfg(feature = "cli")]
//! # {
//! use wordmask::import::{Directory, Published};
//!
//! let files = Directory::new("tests/fixtures/tiny-clip".as_ref())?;
//! let model = Published::open(&files)?;
//! assert_eq!(model.layout(), "Hugging Face");
//! assert_eq!(model.config().vision.patch, 16);
//! # }
//! # Ok::<(), wordmask::Error>(())
//! ```
//!
//! Of a weight file the header is read, and then each tensor's range when it is asked for: the
//! file is never in memory whole. What the layouts call their tensors and how they store them stands
//! in tables side by side, which one reader follows; it serves all of them under the names of Hugging
//! Face's `CLIPModel`.
//! What a model has beyond a plain CLIP is refused rather than passed over, because it would be
//! computed wrongly without a warning.

#[cfg(feature = "cli")]
mod archive;
mod dino;
mod files;
mod hugging_face;
mod model;
mod named;
mod open_clip;
#[cfg(feature = "cli")]
mod openai;
mod pixels;
mod safetensors_file;
mod stated;
mod tables;
mod tensors;
#[cfg(test)]
#[cfg(all(feature = "cli", not(target_arch = "wasm32")))]
mod tests;
mod tokenizer;
#[cfg(feature = "cli")]
pub(crate) mod torch_file;

pub use dino::PublishedGuide;
#[cfg(feature = "cli")]
pub use files::Directory;
pub use files::{Files, MemoryFiles, ReadAt};

use std::ops::Range;

use crate::bundle::Network;
use crate::clip::ClipConfig;
use crate::error::{Error, Result};
use crate::quant::WeightSource;
use files::read_whole;
use hugging_face::Described;
use model::ClipWeights;
use tensors::Tensors;

const HF_CONFIG: &str = "config.json";
const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";

// What is preferred comes first: safetensors, which every reader of these layouts can open.
const HF_WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
const OPEN_CLIP_WEIGHTS: [&str; 2] = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"];

/// The largest description of a model that is read.
const MOST_CONFIG_BYTES: u64 = 1 << 20;

/// A model in one of the published layouts.
#[derive(Debug)]
pub struct Published {
    layout: &'static str,
    config: ClipConfig,
    tokenizer: Vec<u8>,
    weights: ClipWeights,
}

impl Published {
    /// Finds out the layout of a model and reads everything but the weights themselves. All tensors
    /// are known to be there, in the right shapes, when this returns.
    ///
    /// With several layouts side by side, that of Hugging Face is taken if its weights are there.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if these are not the files of a model; [`Error::Model`] if they are damaged
    /// or do not fit together, naming the file and the tensor; [`Error::Unsupported`] if they are
    /// of another kind of model; [`Error::Io`] if a file cannot be read.
    pub fn open(files: &dyn Files) -> Result<Self> {
        let names = files.names();
        let first = |known: &[&'static str]| {
            let there = |known: &&str| names.iter().any(|name| name == known);
            known.iter().copied().find(there)
        };
        let described = hugging_face::described(files, &names)?;
        let (hf, hf_torch) = HF_WEIGHTS.split_at(2);
        let (open_clip, open_clip_torch) = OPEN_CLIP_WEIGHTS.split_at(1);
        for (hf, open_clip) in [(hf, open_clip), (hf_torch, open_clip_torch)] {
            if let (Described::Clip(config), Some(weights)) = (&described, first(hf)) {
                let tensors = open_tensors(files, &names, weights)?;
                return hugging_face::open(files, &names, config, tensors);
            }
            if let (Some(_), Some(weights)) = (first(&[OPEN_CLIP_CONFIG]), first(open_clip)) {
                return open_clip::open(files, &names, open_tensors(files, &names, weights)?);
            }
        }
        if let Some(weights) = only_weights(&names) {
            let tensors = open_tensors(files, &names, weights)?;
            return open_by_tensors(files, &names, described, tensors);
        }
        Err(nothing_found(&names, described))
    }

    /// The architecture of the model.
    #[must_use]
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// The tokenizer, as the contents of a `tokenizer.json`.
    #[must_use]
    pub fn tokenizer(&self) -> &[u8] {
        &self.tokenizer
    }

    /// The name of the layout.
    #[must_use]
    pub fn layout(&self) -> &'static str {
        self.layout
    }
}

impl From<Published> for Network {
    fn from(model: Published) -> Self {
        Self {
            config: model.config.clone(),
            tokenizer: model.tokenizer.clone(),
            weights: Box::new(model),
        }
    }
}

impl WeightSource for Published {
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.weights.values(name, shape)
    }

    fn rows(
        &mut self,
        name: &str,
        shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Option<Vec<f32>>> {
        self.weights.rows(name, shape, rows)
    }
}

/// The layout that fits weights under a name of their own.
fn open_by_tensors(
    files: &dyn Files,
    names: &[String],
    described: Described,
    tensors: Tensors,
) -> Result<Published> {
    let title = tensors.title().to_owned();
    let begins = |prefix: &str| tensors.names().any(|name| name.contains(prefix));
    let lacks = |config: &str| {
        Error::model(format!(
            "{title} does not tell the whole architecture. Put the {config} of its repository beside it."
        ))
    };
    if begins("vision_model.") || begins("text_model.") {
        return match described {
            Described::Clip(config) => hugging_face::open(files, names, &config, tensors),
            Described::Other(error) => Err(error),
            Described::Nothing => Err(lacks(HF_CONFIG)),
        };
    }
    if names.iter().any(|name| name == OPEN_CLIP_CONFIG) {
        return open_clip::open(files, names, tensors);
    }
    #[cfg(feature = "cli")]
    if openai::is(&tensors) {
        return openai::open(files, names, tensors);
    }
    if begins("visual.") {
        return Err(lacks(OPEN_CLIP_CONFIG));
    }
    match described {
        Described::Other(error) => Err(error),
        _ => Err(Error::unsupported(format!(
            "{title} holds no CLIP with a ViT in a layout known here (Hugging Face, OpenCLIP, OpenAI)."
        ))),
    }
}

fn nothing_found(names: &[String], described: Described) -> Error {
    if let Described::Other(error) = described {
        return error;
    }
    let ends = |ending: &str| names.iter().any(|name| name.ends_with(ending));
    if ends(".msgpack") || ends(".h5") {
        return Error::unsupported(
            "the weights are there for Flax or TensorFlow only. Import a repository or a revision with model.safetensors.",
        );
    }
    let config = names
        .iter()
        .any(|n| n == HF_CONFIG || n == OPEN_CLIP_CONFIG);
    if config || names.iter().any(|name| is_weights(name)) {
        return Error::input(format!(
            "cannot tell which file holds the weights. Name one, or give {} or {} beside its config.",
            HF_WEIGHTS[0], OPEN_CLIP_WEIGHTS[0]
        ));
    }
    Error::input(
        "no model is there. Expected are config.json, model.safetensors and tokenizer.json, or open_clip_config.json, open_clip_model.safetensors and tokenizer.json.",
    )
}

fn is_weights(name: &str) -> bool {
    [".safetensors", ".pt", ".pth", ".bin"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// The weights, if there is just one file that can be.
fn only_weights(names: &[String]) -> Option<&str> {
    let mut candidates = names.iter().filter(|name| is_weights(name));
    let one = candidates.next()?;
    candidates.next().is_none().then_some(one)
}

/// Opens a weight file of whichever kind, or the index of several.
fn open_tensors(files: &dyn Files, names: &[String], name: &str) -> Result<Tensors> {
    if name.ends_with(".index.json") {
        return safetensors_file::open_sharded(files, names, name);
    }
    open_one(files, name)
}

fn open_one(files: &dyn Files, name: &str) -> Result<Tensors> {
    let file = files.open(name)?;
    if name.ends_with(".safetensors") {
        return safetensors_file::open(name, file);
    }
    #[cfg(feature = "cli")]
    return torch_file::open(name, file);
    #[cfg(not(feature = "cli"))]
    Err(Error::unsupported(format!(
        "{name} is a PyTorch file, which only the command line reads. Give the model's .safetensors file, or import it with `wordmask import`."
    )))
}

/// The contents of a JSON file, or why it is none.
fn parse<T: for<'a> serde::Deserialize<'a>>(name: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json)
        .map_err(|e| Error::model(format!("{name} is not what a CLIP has there ({e}).")))
}

fn read_config<T: for<'a> serde::Deserialize<'a>>(files: &dyn Files, name: &str) -> Result<T> {
    parse(name, &read_whole(files, name, MOST_CONFIG_BYTES)?)
}
