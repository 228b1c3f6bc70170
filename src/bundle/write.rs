//! Writing a bundle, file by file.

use std::collections::BTreeMap;
use std::ops::Range;
#[cfg(feature = "cli")]
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, TensorView};

use super::layout::{Expected, expected, expected_guide};
use super::manifest::{FORMAT, FileEntry, Manifest, Part, Pictures, Piece, Shard, Source};
#[cfg(feature = "cli")]
use super::words::{ReadyWords, encode_words};
use crate::clip::{ClipConfig, GuideConfig, VisionConfig};
use crate::error::{Error, Result};
use crate::image::MAX_SIDE;
use crate::quant::{Role, Scheme, StorageFormat, Stored, WeightSource, q4};

/// The largest shard: static hosts serve it, progress is smooth and memory stays flat.
const SHARD_BYTES: usize = 8 << 20;

/// How many numbers of a matrix are floats at a time: 4 MiB.
const FLOATS_AT_ONCE: usize = 1 << 20;

/// Room for a tensor's two entries in the header of a shard, beside its name.
const HEADER_ENTRY: usize = 256;

#[cfg(feature = "cli")]
pub(super) const MANIFEST_FILE: &str = "wordmask.json";

const TOKENIZER_FILE: &str = "tokenizer.json";

#[cfg(feature = "cli")]
const WORDS_FILE: &str = "words-00.safetensors";

/// A CLIP that is to be stored.
pub struct Network {
    /// The architecture of the network.
    pub config: ClipConfig,
    /// The contents of its `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// All tensors of the architecture, under the names of the Hugging Face `CLIPModel` layout.
    pub weights: Box<dyn WeightSource>,
}

/// A guide that is to be stored beside a CLIP.
pub struct GuideNetwork {
    /// The architecture of the network.
    pub config: GuideConfig,
    /// All its tensors, under the names of the Hugging Face `ViTModel` layout after `guide.`.
    pub weights: Box<dyn WeightSource>,
}

/// What a bundle states about itself beside what follows from the model.
#[derive(Debug, Clone)]
pub struct BundleMetadata {
    /// [`Manifest::name`]
    pub name: String,
    /// [`Manifest::description`]
    pub description: String,
    /// [`Manifest::license`]
    pub license: String,
    /// [`Manifest::source`]
    pub source: Source,
    /// [`Manifest::picture_size`]; one and a half times the trained size if `None`, the protocol
    /// of SCLIP and its followers (336 pixels for a model trained at 224).
    pub picture_size: Option<u32>,
    /// [`Manifest::background`]
    pub background: Vec<String>,
    /// [`Manifest::pictures`]
    pub pictures: Pictures,
    /// [`Manifest::vocabulary`]
    pub vocabulary: Vec<String>,
    /// [`Manifest::pipeline`]
    pub pipeline: Option<String>,
}

/// A finished file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFile {
    /// The name of the file, its length and hash.
    pub entry: FileEntry,
    /// The contents of the file.
    pub contents: Vec<u8>,
}

/// What storing a tensor has cost.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TensorError {
    /// The tensor.
    pub name: String,
    /// `‖w − ŵ‖ / ‖w‖`
    pub relative: f64,
}

/// Makes the files of a bundle one at a time, so that no more than a shard and a tensor are in
/// memory.
pub struct BundleWriter {
    model: Box<dyn WeightSource>,
    guide: Option<Box<dyn WeightSource>>,
    tensors: Vec<Expected>,
    plan: std::vec::IntoIter<PlannedShard>,
    files: usize,
    /// The tensor read last, if it could be read only as a whole: the next rows may be of the same.
    current: Option<(usize, Vec<f32>)>,
    errors: Vec<SquaredError>,
    manifest: Manifest,
    tokenizer: Option<Vec<u8>>,
}

#[derive(Debug)]
struct PlannedShard {
    file: String,
    part: Part,
    pieces: Vec<PlannedPiece>,
}

/// Rows of the tensor with this index.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PlannedPiece {
    tensor: usize,
    rows: Range<usize>,
}

/// Sums over the pieces of a tensor.
#[derive(Debug, Clone, Copy, Default)]
struct SquaredError {
    error: f64,
    norm: f64,
}

impl BundleWriter {
    /// Plans the files of a bundle.
    ///
    /// Of the vision tower's blocks those in `kept` stay in floating point, whatever the scheme
    /// (`calibrate::blocks_to_keep` finds which have to).
    #[must_use]
    pub fn new(
        model: Network,
        guide: Option<GuideNetwork>,
        scheme: Scheme,
        about: BundleMetadata,
        kept: &[usize],
    ) -> Self {
        let mut tensors = expected(&model.config);
        for tensor in &mut tensors {
            let is_kept = kept
                .iter()
                .any(|&b| VisionConfig::is_of_block(&tensor.name, b));
            if is_kept && tensor.role == Role::Inner {
                tensor.role = Role::Unquantised;
            }
        }
        let (guide_config, guide) = guide.map(|g| (g.config, g.weights)).unzip();
        tensors.extend(guide_config.iter().flat_map(expected_guide));
        let plan = plan(&tensors, scheme);
        let tokenizer = compact(&model.tokenizer);
        let picture_size = about
            .picture_size
            .unwrap_or((model.config.vision.image_size as u32 * 3 / 2).min(MAX_SIDE));
        Self {
            manifest: Manifest {
                format: FORMAT,
                name: about.name,
                description: about.description,
                license: about.license,
                source: about.source,
                architecture: model.config,
                guide: guide_config,
                scheme,
                picture_size,
                background: about.background,
                pictures: about.pictures,
                vocabulary: about.vocabulary,
                pipeline: about.pipeline,
                tokenizer: FileEntry::new(TOKENIZER_FILE, &tokenizer),
                words: None,
                shards: Vec::new(),
            },
            errors: vec![SquaredError::default(); tensors.len()],
            files: plan.len() + 1,
            plan: plan.into_iter(),
            tokenizer: Some(tokenizer),
            current: None,
            tensors,
            model: model.weights,
            guide,
        }
    }

    /// How many files there will be, the manifest not counted.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files
    }

    /// The next file; `None` when all are made.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a tensor is missing or holds numbers that are not finite; [`Error::Io`]
    /// if the source of the weights cannot read its file. The writer is of no use after that.
    pub fn next_file(&mut self) -> Result<Option<BundleFile>> {
        if let Some(contents) = self.tokenizer.take() {
            let entry = self.manifest.tokenizer.clone();
            return Ok(Some(BundleFile { entry, contents }));
        }
        let Some(shard) = self.plan.next() else {
            return Ok(None);
        };
        let contents = self.encode(&shard.pieces)?;
        let entry = FileEntry::new(shard.file, &contents);
        self.manifest.shards.push(Shard {
            entry: entry.clone(),
            part: shard.part,
            tensors: shard.pieces.iter().map(|p| self.named(p)).collect(),
        });
        Ok(Some(BundleFile { entry, contents }))
    }

    /// The manifest, when all files are made.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if files are left to be made.
    pub fn manifest(&self) -> Result<&Manifest> {
        if self.tokenizer.is_some() || self.plan.len() > 0 {
            return Err(Error::internal("a bundle was finished before its files"));
        }
        Ok(&self.manifest)
    }

    /// What storing each tensor has cost so far.
    #[must_use]
    pub fn errors(&self) -> Vec<TensorError> {
        let relative = |sums: &SquaredError| match sums.norm {
            0.0 => 0.0,
            norm => (sums.error / norm).sqrt(),
        };
        let errors = self.tensors.iter().zip(&self.errors);
        let errors = errors.map(|(tensor, sums)| TensorError {
            name: tensor.name.clone(),
            relative: relative(sums),
        });
        errors.collect()
    }

    fn named(&self, piece: &PlannedPiece) -> Piece {
        let tensor = &self.tensors[piece.tensor];
        let name = tensor.name.clone();
        if piece.rows.len() == tensor.rows_and_cols().0 {
            return Piece::Whole(name);
        }
        Piece::Rows {
            name,
            rows: (piece.rows.start, piece.rows.end),
        }
    }

    fn encode(&mut self, pieces: &[PlannedPiece]) -> Result<Vec<u8>> {
        let mut parts = Parts::default();
        for piece in pieces {
            let format = self.manifest.scheme.format(self.tensors[piece.tensor].role);
            let (stored, error) = self.store(piece, format)?;
            self.errors[piece.tensor].add(error);
            parts.add(&self.tensors[piece.tensor], piece.rows.len(), stored);
        }
        parts.serialize()
    }

    /// A piece in this form, or in a wider one if it needs it, and what that costs.
    ///
    /// Matrices are read and stored some rows after the other, so that a large one is never in
    /// memory as floats.
    fn store(
        &mut self,
        piece: &PlannedPiece,
        format: StorageFormat,
    ) -> Result<(Stored, SquaredError)> {
        let (_, cols) = self.tensors[piece.tensor].rows_and_cols();
        let at_once = match format {
            StorageFormat::Q8 | StorageFormat::Q4 => (FLOATS_AT_ONCE / cols.max(1)).max(1),
            // All rows have one form, which depends on all of them.
            StorageFormat::F32 | StorageFormat::F16 => piece.rows.len().max(1),
        };
        let mut stored = Vec::new();
        let mut error = SquaredError::default();
        for start in piece.rows.clone().step_by(at_once) {
            let rows = start..piece.rows.end.min(start + at_once);
            let values = self.values(piece.tensor, rows)?;
            let part = Stored::encode(&values, cols, format);
            if format == StorageFormat::Q4 && matches!(part, Stored::Q8(_)) {
                return self.store(piece, StorageFormat::Q8);
            }
            error.measure(&values, &part);
            stored.push(part);
        }
        Ok((Stored::join(stored), error))
    }

    /// The values of some rows of a tensor. One that can be read only as a whole is kept for the
    /// next rows.
    fn values(&mut self, index: usize, rows: Range<usize>) -> Result<Vec<f32>> {
        let tensor = &self.tensors[index];
        let Expected {
            name, shape, part, ..
        } = tensor;
        let source: &mut dyn WeightSource = match (part, &mut self.guide) {
            (Part::Guide, Some(guide)) => &mut **guide,
            _ => &mut *self.model,
        };
        let values = match source.rows(name, shape, rows.clone())? {
            Some(values) => values,
            None => {
                let (_, cols) = tensor.rows_and_cols();
                let whole = match self.current.take() {
                    Some((kept, values)) if kept == index => values,
                    _ => source.values(name, shape)?,
                };
                let part = whole[rows.start * cols..rows.end * cols].to_vec();
                self.current = Some((index, whole));
                part
            }
        };
        if values.iter().all(|v| v.is_finite()) {
            return Ok(values);
        }
        Err(Error::model(format!(
            "the tensor {name} of the model holds numbers that are not finite. Download it again, or take another model."
        )))
    }
}

impl SquaredError {
    fn add(&mut self, other: Self) {
        self.error += other.error;
        self.norm += other.norm;
    }

    fn measure(&mut self, values: &[f32], stored: &Stored) {
        let mut decoded = Vec::with_capacity(values.len());
        stored.decode_into(&mut decoded);
        for (value, decoded) in values.iter().zip(decoded) {
            self.error += f64::from(value - decoded).powi(2);
            self.norm += f64::from(*value).powi(2);
        }
    }
}

/// JSON without its white space, a third of a published `tokenizer.json`.
fn compact(json: &[u8]) -> Vec<u8> {
    serde_json::from_slice(json)
        .and_then(|value: serde_json::Value| serde_json::to_vec(&value))
        // What is wrong with it is reported where it is read.
        .unwrap_or_else(|_| json.to_vec())
}

/// Splits the tensors of each network into shards; a tensor larger than a shard by its rows.
fn plan(tensors: &[Expected], scheme: Scheme) -> Vec<PlannedShard> {
    let mut shards = Vec::new();
    for (part, prefix) in [
        (Part::Vision, "vision"),
        (Part::Text, "text"),
        (Part::Guide, "guide"),
    ] {
        let mut packed: Vec<Vec<PlannedPiece>> = Vec::new();
        let mut room = 0;
        for (index, tensor) in tensors.iter().enumerate().filter(|(_, t)| t.part == part) {
            let (rows, cols) = tensor.rows_and_cols();
            let header = 2 * tensor.name.len() + HEADER_ENTRY;
            let row = scheme.format(tensor.role).row_bytes(cols).max(1);
            let fits = SHARD_BYTES.saturating_sub(header) / row;
            let mut start = 0;
            while start < rows {
                // Not split unless it must be.
                let end = rows.min(start + fits.max(1));
                let bytes = header + (end - start) * row;
                if bytes > room {
                    packed.push(Vec::new());
                    room = SHARD_BYTES;
                }
                room = room.saturating_sub(bytes);
                if let Some(last) = packed.last_mut() {
                    last.push(PlannedPiece {
                        tensor: index,
                        rows: start..end,
                    });
                }
                start = end;
            }
        }
        let named = packed.into_iter().enumerate();
        shards.extend(named.map(|(index, pieces)| PlannedShard {
            file: format!("{prefix}-{index:02}.safetensors"),
            part,
            pieces,
        }));
    }
    shards
}

/// The tensors of a shard being put together.
#[derive(Default)]
struct Parts(BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>);

impl Parts {
    fn add(&mut self, tensor: &Expected, rows: usize, stored: Stored) {
        let name = &tensor.name;
        let mut shape = tensor.shape.clone();
        shape[0] = rows;
        let mut scales = |dtype, shape, bytes| {
            self.0
                .insert(format!("{name}.scale"), (dtype, shape, bytes));
        };
        let (dtype, shape, bytes) = match stored {
            Stored::F32(values) => (Dtype::F32, shape, le(&values, f32::to_le_bytes)),
            Stored::F16(values) => (Dtype::F16, shape, le(&values, f16::to_le_bytes)),
            Stored::Q8(stored) => {
                scales(Dtype::F32, vec![rows], le(&stored.scales, f32::to_le_bytes));
                // Where they lie: a shard of them is megabytes.
                let bytes = stored.values.into_iter().map(i8::cast_unsigned).collect();
                (Dtype::I8, shape, bytes)
            }
            Stored::Q4(stored) => {
                let blocks = q4::blocks(stored.cols);
                scales(
                    Dtype::F16,
                    vec![rows, blocks],
                    le(&stored.scales, f16::to_le_bytes),
                );
                let bytes = q4::row_bytes(stored.cols);
                (Dtype::U8, vec![rows, bytes], stored.nibbles)
            }
        };
        self.0.insert(name.clone(), (dtype, shape, bytes));
    }

    fn serialize(&self) -> Result<Vec<u8>> {
        let mut views = Vec::with_capacity(self.0.len());
        for (name, (dtype, shape, bytes)) in &self.0 {
            let view = TensorView::new(*dtype, shape.clone(), bytes)
                .map_err(|e| Error::internal(format!("a shard cannot be laid out: {e}")))?;
            views.push((name, view));
        }
        safetensors::serialize(views, None)
            .map_err(|e| Error::internal(format!("a shard cannot be written: {e}")))
    }
}

fn le<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&v| bytes(v)).collect()
}

/// The text of `wordmask.json`.
///
/// # Errors
///
/// [`Error::Internal`] if it cannot be written.
pub fn manifest_json(manifest: &Manifest) -> Result<String> {
    serde_json::to_string_pretty(manifest)
        .map(|json| json + "\n")
        .map_err(|e| Error::internal(format!("the manifest cannot be written: {e}")))
}

/// Writes all files of a bundle but its manifest into a directory, which is made if it is not
/// there; `progress` is called after each file with the number done and the number of all. A bundle that was there is
/// none any more: only [`finish`] makes it one.
///
/// # Errors
///
/// [`Error::Model`] if a tensor is missing or holds numbers that are not finite; [`Error::Io`] if a
/// file cannot be read or written.
#[cfg(feature = "cli")]
pub fn write(
    out: &Path,
    writer: &mut BundleWriter,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Manifest> {
    std::fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
    let manifest = out.join(MANIFEST_FILE);
    if manifest.exists() {
        std::fs::remove_file(&manifest).map_err(|e| Error::io(&manifest, e))?;
    }
    let mut done = 0;
    while let Some(file) = writer.next_file()? {
        save(out, &file.entry.file, &file.contents)?;
        done += 1;
        progress(done, writer.files());
    }
    writer.manifest().cloned()
}

/// Adds ready text embeddings to a bundle that is being written into this directory.
///
/// # Errors
///
/// [`Error::Io`] if a file cannot be written; [`Error::Internal`] if the vectors differ in length.
#[cfg(feature = "cli")]
pub fn add_words(out: &Path, manifest: &mut Manifest, ready: &ReadyWords) -> Result<()> {
    let contents = encode_words(ready)?;
    save(out, WORDS_FILE, &contents)?;
    manifest.words = Some(FileEntry::new(WORDS_FILE, &contents));
    Ok(())
}

/// Writes the manifest, last, so that a directory with a manifest is a finished bundle.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be written.
#[cfg(feature = "cli")]
pub fn finish(out: &Path, manifest: &Manifest) -> Result<()> {
    save(out, MANIFEST_FILE, manifest_json(manifest)?.as_bytes())
}

#[cfg(feature = "cli")]
fn save(out: &Path, name: &str, contents: &[u8]) -> Result<()> {
    let path = out.join(name);
    std::fs::write(&path, contents).map_err(|e| Error::io(&path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, shape: &[usize], part: Part, role: Role) -> Expected {
        Expected {
            name: name.into(),
            shape: shape.to_vec(),
            part,
            role,
        }
    }

    #[test]
    fn plan_splits_only_large_tensors_and_by_rows() {
        use Role::{Inner, Vector};
        let megabyte = 1 << 20;
        let tensors = [
            tensor("a", &[6, megabyte], Part::Vision, Inner),
            tensor("b", &[20, megabyte], Part::Vision, Inner),
            tensor("c", &[16], Part::Vision, Vector),
            tensor("d", &[1, 1], Part::Text, Inner),
        ];
        let shards = plan(&tensors, Scheme::Q8);
        let held = shards.iter().map(|shard| {
            let pieces = shard.pieces.iter().map(|p| (p.tensor, p.rows.clone()));
            (shard.file.as_str(), pieces.collect::<Vec<_>>())
        });
        let expected = [
            ("vision-00.safetensors", vec![(0, 0..6)]),
            ("vision-01.safetensors", vec![(1, 0..7)]),
            ("vision-02.safetensors", vec![(1, 7..14)]),
            ("vision-03.safetensors", vec![(1, 14..20), (2, 0..16)]),
            ("text-00.safetensors", vec![(3, 0..1)]),
        ];
        assert!(held.eq(expected), "{shards:?}");
    }
}
