//! A bundle being gathered, file by file, and what it holds.

use std::collections::{BTreeMap, BTreeSet};
#[cfg(feature = "cli")]
use std::path::Path;

use half::f16;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::layout::{Expected, expected, expected_guide};
use super::manifest::{Manifest, Part, Piece, Shard};
use super::words::{ReadyWords, read_words};
#[cfg(feature = "cli")]
use super::write::{MANIFEST_FILE, manifest_json};
use crate::clip::Tokenizer;
use crate::error::{Error, Result};
use crate::quant::{Role, RowTable, Stored, WeightSource, q4, q8};

/// The rows of a tensor that have come, by the first of them.
type Pieces = BTreeMap<usize, Stored>;

/// A model's files, each checked as it comes.
///
/// Files may come in any order; [`Bundle::add`] refuses what the manifest does not promise and
/// keeps nothing of a file that it refuses. As a [`WeightSource`] it gives each tensor away once,
/// so that while a tower is built its stored form goes as the built one grows.
#[derive(Debug)]
pub struct Bundle {
    manifest: Manifest,
    expected: BTreeMap<String, Expected>,
    tensors: BTreeMap<String, Pieces>,
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
        let guide = manifest.guide.iter().flat_map(expected_guide);
        let expected: BTreeMap<String, Expected> = expected(&manifest.architecture)
            .into_iter()
            .chain(guide)
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
    /// [`Error::Io`] if a file cannot be read; [`Error::Model`] if the manifest is damaged, or if
    /// tensors are not exactly those of its architecture; [`Error::Integrity`] if the length or
    /// hash of a file differs.
    #[cfg(feature = "cli")]
    pub fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(MANIFEST_FILE);
        let manifest = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
        Self::new(&manifest)?.filled(directory)
    }

    /// The bundle of this manifest, with its files from a directory.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be read; [`Error::Model`] if tensors are not exactly those of
    /// the manifest's architecture; [`Error::Integrity`] if the length or hash of a file differs.
    #[cfg(feature = "cli")]
    pub fn read_unfinished(directory: &Path, manifest: &Manifest) -> Result<Self> {
        Self::new(manifest_json(manifest)?.as_bytes())?.filled(directory)
    }

    #[cfg(feature = "cli")]
    fn filled(mut self, directory: &Path) -> Result<Self> {
        for file in self.missing.clone() {
            let path = directory.join(&file);
            let contents = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
            self.add(&file, &contents)?;
        }
        Ok(self)
    }

    /// The manifest of the bundle.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files that have not come yet.
    pub fn missing(&self) -> impl Iterator<Item = (Part, &str)> {
        self.manifest
            .files()
            .map(|(part, entry)| (part, entry.file.as_str()))
            .filter(|(_, file)| self.missing.contains(*file))
    }

    /// Whether all files of this part have come; true if there are none.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        self.missing().all(|(of, _)| of != part)
    }

    /// Takes a file of the bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the manifest does not name it; [`Error::Integrity`] if its length or
    /// hash differs; [`Error::Model`] if its tensors are not exactly those promised.
    pub fn add(&mut self, file: &str, contents: &[u8]) -> Result<()> {
        self.add_hashed(file, contents, None)
    }

    /// Takes a file whose SHA-256, in hexadecimal digits, the caller has computed, if it has:
    /// browsers compute it ten times faster than WebAssembly does.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the manifest does not name it; [`Error::Integrity`] if its length or
    /// hash differs; [`Error::Model`] if its tensors are not exactly those promised.
    pub fn add_hashed(&mut self, file: &str, contents: &[u8], hash: Option<&str>) -> Result<()> {
        if file == self.manifest.tokenizer.file {
            self.manifest.tokenizer.check(contents, hash)?;
            self.tokenizer = Some(contents.to_vec());
        } else if let Some(words) = self.manifest.words.as_ref().filter(|w| w.file == file) {
            words.check(contents, hash)?;
            self.words = read_words(file, contents, self.manifest.architecture.projection)?;
        } else {
            let shard = self
                .manifest
                .shards
                .iter()
                .find(|s| s.entry.file == file)
                .ok_or_else(|| Error::input(format!("{file} is not a file of this bundle.")))?;
            shard.entry.check(contents, hash)?;
            for (name, start, stored) in read_shard(shard, contents, &self.expected)? {
                self.tensors.entry(name).or_default().insert(start, stored);
            }
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

impl Bundle {
    /// Gives away a tensor.
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Pieces> {
        // `read_shard` has checked the stored shape against the architecture's.
        if self.expected.get(name).is_none_or(|e| e.shape != shape) {
            return Err(Error::internal(format!("{name} asked for as {shape:?}")));
        }
        let promised = |shard: &&Shard| shard.tensors.iter().any(|piece| piece.name() == name);
        let mut shards = self.manifest.shards.iter().filter(promised);
        if shards.any(|shard| self.missing.contains(&shard.entry.file)) {
            return Err(Error::model(format!(
                "the tensor {name} is missing: the bundle is not complete."
            )));
        }
        self.tensors
            .remove(name)
            .ok_or_else(|| Error::internal(format!("{name} asked for twice")))
    }
}

impl WeightSource for Bundle {
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut values = Vec::with_capacity(shape.iter().product());
        for piece in self.take(name, shape)?.values() {
            piece.decode_into(&mut values);
        }
        Ok(values)
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Stored> {
        let pieces = self.take(name, &shape)?.into_values();
        Ok(Stored::join(pieces))
    }

    fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<Box<dyn RowTable>> {
        let pieces = self.take(name, &shape)?;
        Ok(Box::new(StoredTable { pieces }))
    }
}

/// A table whose rows are expanded when they are asked for.
struct StoredTable {
    pieces: Pieces,
}

impl RowTable for StoredTable {
    fn row(&self, index: usize, out: &mut [f32]) -> Option<()> {
        let (start, piece) = self.pieces.range(..=index).next_back()?;
        piece.decode_row(index - start, out)
    }
}

/// Every row of every tensor of the architecture in exactly one shard, of its own tower, and
/// nothing else.
fn check_promises(manifest: &Manifest, expected: &BTreeMap<String, Expected>) -> Result<()> {
    let bad = |what: String| {
        Error::model(format!(
            "the bundle's manifest {what}. Import the model again."
        ))
    };
    let mut promised: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
    for shard in &manifest.shards {
        let file = &shard.entry.file;
        let mut names = BTreeSet::new();
        for piece in &shard.tensors {
            let name = piece.name();
            let Some(whole) = expected.get(name) else {
                return Err(bad(format!(
                    "names a tensor {name} in {file}, which such a model does not have"
                )));
            };
            if whole.part != shard.part {
                return Err(bad(format!("puts {name} into {file}, of another tower")));
            }
            let (count, _) = whole.rows_and_cols();
            let rows = piece.rows(count);
            let split = matches!(piece, Piece::Rows { .. });
            if rows.is_empty() || rows.end > count || (split && !whole.role.is_matrix()) {
                return Err(bad(format!(
                    "puts the rows {} to {} of {name} into {file}, which cannot be",
                    rows.start, rows.end
                )));
            }
            let others = promised.entry(name).or_default();
            // In one file there is one tensor of a name.
            if !names.insert(name) || others.insert(rows.start, rows.end).is_some() {
                return Err(bad(format!("promises the tensor {name} twice")));
            }
        }
    }
    for (name, whole) in expected {
        let pieces = promised.remove(name.as_str()).unwrap_or_default();
        let covered = pieces.iter().try_fold(
            0,
            |covered, (&start, &end)| {
                if start == covered { Some(end) } else { None }
            },
        );
        if covered != Some(whole.rows_and_cols().0) {
            return Err(bad(format!(
                "does not say which shard holds {name}, or not for every row once"
            )));
        }
    }
    Ok(())
}

/// The pieces of a shard: tensor, first row, contents.
fn read_shard(
    shard: &Shard,
    contents: &[u8],
    expected: &BTreeMap<String, Expected>,
) -> Result<Vec<(String, usize, Stored)>> {
    let file = &shard.entry.file;
    let bad = |what: String| Error::model(format!("{file} {what}. Import the model again."));
    let tensors = SafeTensors::deserialize(contents)
        .map_err(|e| bad(format!("is not a safetensors file ({e})")))?;
    let mut pieces = Vec::with_capacity(shard.tensors.len());
    let mut used = BTreeSet::new();
    for piece in &shard.tensors {
        let name = piece.name();
        let expected = expected
            .get(name)
            .ok_or_else(|| Error::internal(format!("{name} was promised but is not expected")))?;
        let (rows, cols) = expected.rows_and_cols();
        let rows = piece.rows(rows);
        let mut shape = expected.shape.clone();
        shape[0] = rows.len();
        let wanted = Wanted {
            name,
            shape: &shape,
            cols,
            role: expected.role,
        };
        let stored = wanted.read(&tensors, &mut used).map_err(bad)?;
        stored
            .check(name)
            .map_err(|e| bad(format!("is damaged: {e}")))?;
        pieces.push((name.to_owned(), rows.start, stored));
    }
    match tensors.names().into_iter().find(|n| !used.contains(*n)) {
        Some(extra) => Err(bad(format!(
            "holds a tensor {extra} that the manifest does not promise"
        ))),
        None => Ok(pieces),
    }
}

/// A tensor, or some of its rows, as a shard must hold it.
struct Wanted<'a> {
    name: &'a str,
    shape: &'a [usize],
    cols: usize,
    role: Role,
}

impl Wanted<'_> {
    /// Finds it and notes which tensors of the file were used; otherwise returns what the file does
    /// wrong.
    fn read(
        &self,
        tensors: &SafeTensors<'_>,
        used: &mut BTreeSet<String>,
    ) -> Result<Stored, String> {
        let Self {
            name, shape, cols, ..
        } = *self;
        let rows = shape[0];
        let view = tensors
            .tensor(name)
            .map_err(|_| format!("lacks the tensor {name}"))?;
        used.insert(name.to_owned());
        let is = |wanted: &[usize]| {
            if view.shape() == wanted {
                return Ok(());
            }
            let found = view.shape();
            Err(format!(
                "holds {name} with the shape {found:?} instead of {wanted:?}"
            ))
        };
        let mut scales = |dtype, shape: &[usize]| {
            let scale = format!("{name}.scale");
            let view = tensors
                .tensor(&scale)
                .map_err(|_| format!("lacks the scales of {name}"))?;
            used.insert(scale);
            if view.dtype() == dtype && view.shape() == shape {
                return Ok(view);
            }
            Err(format!("holds scales of {name} of a wrong type or shape"))
        };
        match (view.dtype(), self.role.is_matrix()) {
            (Dtype::F32, _) => is(shape).map(|()| Stored::F32(f32s(&view))),
            (Dtype::F16, _) => is(shape).map(|()| Stored::F16(f16s(&view))),
            (Dtype::I8, true) => {
                is(shape)?;
                Ok(Stored::Q8(q8::Q8Matrix {
                    values: view.data().iter().map(|&b| b.cast_signed()).collect(),
                    scales: f32s(&scales(Dtype::F32, &[rows])?),
                }))
            }
            (Dtype::U8, true) => {
                is(&[rows, q4::row_bytes(cols)])?;
                Ok(Stored::Q4(q4::Q4Matrix {
                    cols,
                    nibbles: view.data().to_vec(),
                    scales: f16s(&scales(Dtype::F16, &[rows, q4::blocks(cols)])?),
                }))
            }
            (other, _) => Err(format!("holds {name} as {other:?}")),
        }
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
