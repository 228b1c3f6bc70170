//! A bundle being gathered, file by file, and what it holds.

use std::collections::{BTreeMap, BTreeSet};

use half::f16;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::layout::{Expected, expected};
use super::manifest::Manifest;
use super::quant::Stored;
use super::words::{ReadyWords, read_words};
use crate::clip::{Tokenizer, WeightSource};
use crate::error::{Error, Result};

/// A model's files, each checked as it comes.
///
/// Files may come in any order; [`Bundle::add`] refuses what the manifest does not promise and
/// keeps nothing of a file that it refuses.
#[derive(Debug)]
pub struct Bundle {
    manifest: Manifest,
    expected: BTreeMap<String, Expected>,
    tensors: BTreeMap<String, Stored>,
    tokenizer: Option<Vec<u8>>,
    words: ReadyWords,
    missing: BTreeSet<String>,
}

impl Bundle {
    /// A bundle of which only the manifest is there.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the manifest is damaged, or promises other tensors than its
    /// architecture has.
    pub fn new(manifest_json: &[u8]) -> Result<Self> {
        let manifest = Manifest::parse(manifest_json)?;
        let expected: BTreeMap<String, Expected> = expected(&manifest.architecture)
            .into_iter()
            .map(|e| (e.name.clone(), e))
            .collect();
        check_promises(&manifest, &expected)?;
        let missing = manifest.files().map(|(_, e)| e.file.clone()).collect();
        Ok(Self {
            manifest,
            expected,
            tensors: BTreeMap::new(),
            tokenizer: None,
            words: ReadyWords::default(),
            missing,
        })
    }

    /// Reads a bundle from a directory.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] for a file that cannot be read, otherwise as [`Bundle::new`] and
    /// [`Bundle::add`].
    #[cfg(feature = "cli")]
    pub fn read(directory: &std::path::Path) -> Result<Self> {
        let read = |name: &str| {
            let path = directory.join(name);
            std::fs::read(&path).map_err(|e| Error::io(&path, &e))
        };
        let mut bundle = Self::new(&read("wordmask.json")?)?;
        let files: Vec<String> = bundle.missing.iter().cloned().collect();
        for file in files {
            bundle.add(&file, &read(&file)?)?;
        }
        Ok(bundle)
    }

    /// What the bundle says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files that have not come yet.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.iter().map(String::as_str)
    }

    /// Takes a file of the bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the manifest does not name it; [`Error::Integrity`] if its length or
    /// hash differs; [`Error::Model`] if its tensors are not exactly those promised.
    pub fn add(&mut self, file: &str, contents: &[u8]) -> Result<()> {
        if file == self.manifest.tokenizer.file {
            self.manifest.tokenizer.check(contents)?;
            self.tokenizer = Some(contents.to_vec());
        } else if let Some(words) = self.manifest.words.as_ref().filter(|w| w.file == file) {
            words.check(contents)?;
            self.words = read_words(file, contents, self.manifest.architecture.projection)?;
        } else {
            let shard = self
                .manifest
                .shards
                .iter()
                .find(|s| s.entry.file == file)
                .ok_or_else(|| Error::input(format!("{file} is not a file of this bundle.")))?;
            shard.entry.check(contents)?;
            let tensors = read_shard(file, contents, &shard.tensors, &self.expected)?;
            self.tensors.extend(tensors);
        }
        self.missing.remove(file);
        Ok(())
    }

    /// Ready text embeddings; none if the bundle has no such shard.
    #[must_use]
    pub fn words(&self) -> &ReadyWords {
        &self.words
    }

    /// The tokenizer.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if it has not come yet or does not fit the architecture.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let json = self
            .tokenizer
            .as_deref()
            .ok_or_else(|| Error::model(format!("{} is missing.", self.manifest.tokenizer.file)))?;
        Tokenizer::from_bytes(json, &self.manifest.architecture.text)
    }
}

impl WeightSource for Bundle {
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let stored = self.tensors.get(name).ok_or_else(|| {
            Error::model(format!(
                "the tensor {name} is missing: the bundle is not complete."
            ))
        })?;
        // `read_shard` has checked the stored shape against the architecture's.
        match self.expected.get(name) {
            Some(e) if e.shape == shape => Ok(stored.decode()),
            _ => Err(Error::internal(format!("{name} asked for as {shape:?}"))),
        }
    }
}

/// Every tensor of the architecture in exactly one shard, of its own tower, and nothing else.
fn check_promises(manifest: &Manifest, expected: &BTreeMap<String, Expected>) -> Result<()> {
    let bad = |what: String| {
        Error::model(format!(
            "the bundle's manifest {what}. Import the model again."
        ))
    };
    let mut promised = BTreeSet::new();
    for shard in &manifest.shards {
        for name in &shard.tensors {
            let file = &shard.entry.file;
            match expected.get(name) {
                Some(e) if e.part == shard.part => {}
                Some(_) => return Err(bad(format!("puts {name} into {file}, of another tower"))),
                None => {
                    return Err(bad(format!(
                        "names a tensor {name} in {file}, which such a model does not have"
                    )));
                }
            }
            if !promised.insert(name) {
                return Err(bad(format!("promises the tensor {name} twice")));
            }
        }
    }
    match expected.keys().find(|name| !promised.contains(name)) {
        Some(name) => Err(bad(format!("does not say which shard holds {name}"))),
        None => Ok(()),
    }
}

fn read_shard(
    file: &str,
    contents: &[u8],
    promised: &[String],
    expected: &BTreeMap<String, Expected>,
) -> Result<BTreeMap<String, Stored>> {
    let bad = |what: String| Error::model(format!("{file} {what}. Import the model again."));
    let shard = SafeTensors::deserialize(contents)
        .map_err(|e| bad(format!("is not a safetensors file ({e})")))?;
    let mut tensors = BTreeMap::new();
    let mut used = BTreeSet::new();
    for name in promised {
        let view = shard
            .tensor(name)
            .map_err(|_| bad(format!("lacks the tensor {name}")))?;
        let expected = expected
            .get(name)
            .ok_or_else(|| Error::internal(format!("{name} was promised but is not expected")))?;
        if view.shape() != expected.shape {
            return Err(bad(format!(
                "holds {name} with the shape {:?} instead of {:?}",
                view.shape(),
                expected.shape
            )));
        }
        used.insert(name.clone());
        let stored = match view.dtype() {
            Dtype::F32 => Stored::F32(f32s(&view)),
            Dtype::F16 => Stored::F16(f16s(&view)),
            Dtype::I8 if expected.matrix => {
                let scale_name = format!("{name}.scale");
                let scales = shard
                    .tensor(&scale_name)
                    .map_err(|_| bad(format!("lacks the scales of {name}")))?;
                if scales.dtype() != Dtype::F32 || scales.shape() != [expected.shape[0]] {
                    return Err(bad(format!(
                        "holds scales of {name} of a wrong type or shape"
                    )));
                }
                used.insert(scale_name);
                Stored::Q8 {
                    values: view.data().iter().map(|&b| b.cast_signed()).collect(),
                    scales: f32s(&scales),
                }
            }
            other => return Err(bad(format!("holds {name} as {other:?}"))),
        };
        stored.check(name)?;
        tensors.insert(name.clone(), stored);
    }
    match shard.names().into_iter().find(|n| !used.contains(*n)) {
        Some(extra) => Err(bad(format!(
            "holds a tensor {extra} that the manifest does not promise"
        ))),
        None => Ok(tensors),
    }
}

/// Little-endian, wherever the slice begins.
pub(super) fn f32s(view: &TensorView<'_>) -> Vec<f32> {
    let (numbers, _) = view.data().as_chunks::<4>();
    numbers.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

pub(super) fn f16s(view: &TensorView<'_>) -> Vec<f16> {
    let (numbers, _) = view.data().as_chunks::<2>();
    numbers.iter().map(|b| f16::from_le_bytes(*b)).collect()
}
