//! Writing a bundle.

use std::collections::BTreeMap;
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, TensorView};

use super::import::HuggingFace;
use super::layout::{Expected, expected};
use super::manifest::{FORMAT, FileEntry, Manifest, Part, Shard, Source};
use super::quant::{Scheme, Stored};
use super::words::{ReadyWords, encode_words};
use crate::clip::WeightSource;
use crate::error::{Error, Result};

/// The largest shard: static hosts serve it, progress is smooth and memory stays flat.
const SHARD_BYTES: usize = 16 << 20;

const WORDS_FILE: &str = "words-00.safetensors";

/// What a written bundle says of itself beside what the model tells.
#[derive(Debug, Clone)]
pub struct Imported {
    /// [`Manifest::name`]
    pub name: String,
    /// [`Manifest::knows`]
    pub knows: String,
    /// [`Manifest::license`]
    pub license: String,
    /// [`Manifest::source`]
    pub source: Source,
    /// [`Manifest::picture_size`]; one and a half times the trained size if `None`, the protocol
    /// of SCLIP and its followers (336 pixels for a model trained at 224).
    pub picture_size: Option<u32>,
    /// [`Manifest::background`]
    pub background: Vec<String>,
    /// [`Manifest::setting`]
    pub setting: Option<String>,
}

/// Writes a model as a bundle into a directory, which is made if it is not there.
///
/// # Errors
///
/// [`Error::Model`] if a tensor is missing, [`Error::Io`] if a file cannot be written.
pub fn write(out: &Path, model: &HuggingFace, scheme: Scheme, about: Imported) -> Result<Manifest> {
    std::fs::create_dir_all(out).map_err(|e| Error::io(out, &e))?;
    let save = |name: &str, contents: &[u8]| {
        let path = out.join(name);
        std::fs::write(&path, contents).map_err(|e| Error::io(&path, &e))
    };
    let tensors = expected(model.config());
    let mut shards = Vec::new();
    for (part, prefix) in [(Part::Vision, "vision"), (Part::Text, "text")] {
        let tower: Vec<&Expected> = tensors.iter().filter(|e| e.part == part).collect();
        for (index, group) in group(&tower, scheme).into_iter().enumerate() {
            let file = format!("{prefix}-{index:02}.safetensors");
            let contents = encode_shard(&group, model, scheme)?;
            save(&file, &contents)?;
            shards.push(Shard {
                entry: FileEntry::of(file, &contents),
                part,
                tensors: group.iter().map(|e| e.name.clone()).collect(),
            });
        }
    }
    save("tokenizer.json", model.tokenizer())?;
    let manifest = Manifest {
        format: FORMAT,
        name: about.name,
        knows: about.knows,
        license: about.license,
        source: about.source,
        architecture: model.config().clone(),
        scheme,
        picture_size: about
            .picture_size
            .unwrap_or(model.config().vision.image_size as u32 * 3 / 2),
        background: about.background,
        setting: about.setting,
        tokenizer: FileEntry::of("tokenizer.json", model.tokenizer()),
        words: None,
        shards,
    };
    // Last, so that a directory with a manifest is a finished bundle.
    save("wordmask.json", manifest_json(&manifest)?.as_bytes())?;
    Ok(manifest)
}

/// Adds ready text embeddings to a bundle that was written into this directory.
///
/// # Errors
///
/// [`Error::Io`] if a file cannot be written.
pub fn add_words(out: &Path, mut manifest: Manifest, ready: &ReadyWords) -> Result<Manifest> {
    let save = |name: &str, contents: &[u8]| {
        let path = out.join(name);
        std::fs::write(&path, contents).map_err(|e| Error::io(&path, &e))
    };
    let contents = encode_words(ready)?;
    save(WORDS_FILE, &contents)?;
    manifest.words = Some(FileEntry::of(WORDS_FILE, &contents));
    save("wordmask.json", manifest_json(&manifest)?.as_bytes())?;
    Ok(manifest)
}

fn manifest_json(manifest: &Manifest) -> Result<String> {
    serde_json::to_string_pretty(manifest)
        .map(|json| json + "\n")
        .map_err(|e| Error::internal(format!("the manifest cannot be written: {e}")))
}

/// Splits the tensors of a tower into shards. A single tensor larger than a shard gets its own.
fn group<'a>(tensors: &[&'a Expected], scheme: Scheme) -> Vec<Vec<&'a Expected>> {
    let mut groups: Vec<Vec<&Expected>> = Vec::new();
    let mut filled = usize::MAX;
    for tensor in tensors {
        let bytes = stored_bytes(tensor, scheme);
        match groups.last_mut() {
            Some(group) if filled.saturating_add(bytes) <= SHARD_BYTES => {
                filled += bytes;
                group.push(tensor);
            }
            _ => {
                filled = bytes;
                groups.push(vec![tensor]);
            }
        }
    }
    groups
}

/// An upper bound, header entries counted in.
fn stored_bytes(tensor: &Expected, scheme: Scheme) -> usize {
    let count: usize = tensor.shape.iter().product();
    let header = 2 * (tensor.name.len() + 128);
    header
        + match scheme {
            Scheme::F32 => count * 4,
            Scheme::Q8 if tensor.matrix => count + tensor.shape[0] * 4,
            Scheme::F16 | Scheme::Q8 => count * 2,
        }
}

fn encode_shard(group: &[&Expected], model: &HuggingFace, scheme: Scheme) -> Result<Vec<u8>> {
    let mut parts: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for tensor in group {
        let Expected { name, shape, .. } = tensor;
        let values = model.values(name, shape)?;
        let stored = Stored::encode(&values, shape[0], tensor.matrix, scheme);
        stored.check(name)?;
        let (dtype, bytes) = match stored {
            Stored::F32(values) => (Dtype::F32, le(&values, f32::to_le_bytes)),
            Stored::F16(values) => (Dtype::F16, le(&values, f16::to_le_bytes)),
            Stored::Q8 { values, scales } => {
                let scales_shape = vec![scales.len()];
                let scales = le(&scales, f32::to_le_bytes);
                parts.insert(format!("{name}.scale"), (Dtype::F32, scales_shape, scales));
                (Dtype::I8, le(&values, i8::to_le_bytes))
            }
        };
        parts.insert(name.clone(), (dtype, shape.clone(), bytes));
    }
    let views = parts
        .iter()
        .map(|(name, (dtype, shape, bytes))| {
            TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::internal(format!("a shard cannot be laid out: {e}")))?;
    safetensors::serialize(views, None)
        .map_err(|e| Error::internal(format!("a shard cannot be written: {e}")))
}

fn le<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&v| bytes(v)).collect()
}
