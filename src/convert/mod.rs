//! From a published model to a bundle that was measured against it.
//!
//! [`Origin::find`] has the files on disk; [`store`] quantises them into a directory, measures what
//! that costs and, where it costs too much, keeps some blocks in floating point; only
//! [`Unfinished::finish`] makes the directory a bundle.
//!
//! ```
//! # pollster::block_on(async {
//! use wordmask::bundle::Bundle;
//! use wordmask::convert::{ConvertOptions, Origin, ReadyNames, store};
//! use wordmask::quant::Scheme;
//!
//! let origin = Origin::find("tests/fixtures/tiny-clip", None, &mut ())?;
//! let options = ConvertOptions {
//!     scheme: Some(Scheme::F16),
//!     ..ConvertOptions::default()
//! };
//! # let out = tempfile::tempdir().unwrap();
//! # let out = out.path();
//! let stored = store(&origin, &options, out, &mut ()).await?;
//! assert!(stored.report().fidelity.suffices(Scheme::F16));
//! stored.finish(&ReadyNames::None, &mut ()).await?;
//! assert_eq!(Bundle::read(out)?.manifest().name, "tiny-clip");
//! # Ok::<(), wordmask::Error>(())
//! # }).unwrap();
//! ```

mod origin;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

pub use origin::Origin;

use crate::bundle::{
    Bundle, BundleMetadata, BundleWriter, Manifest, Part, Pictures, ReadyWords, Source,
    TensorError, add_words, finish, write,
};
use crate::calibrate::{Fidelity, Probe, blocks_to_keep};
use crate::clip::Tokenizer;
use crate::device::{Compute, Preference};
use crate::error::{Error, Result};
use crate::import::{Directory, Published, PublishedGuide};
use crate::progress::Progress;
use crate::prompt::{common_words, parse_line, templates_id};
use crate::quant::Scheme;
use crate::segmenter::{Pipeline, Segmenter};

/// The steps of a conversion, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Files of the bundle are written.
    Storing,
    /// The stored model is compared with the published one; not counted.
    Comparing,
    /// Blocks that have to stay in floating point are searched for, by trying.
    Calibrating,
    /// Ready words are embedded.
    Embedding,
}

/// Receives the progress of a conversion.
pub trait ConvertProgress {
    /// Called as a stage goes on; `total` is 0 where the number of steps is not known.
    fn step(&mut self, stage: Stage, done: usize, total: usize);
}

/// Ignores the progress.
impl ConvertProgress for () {
    fn step(&mut self, _stage: Stage, _done: usize, _total: usize) {}
}

/// What a caller may choose about a conversion. What is left out follows the catalogue, else the
/// model.
#[derive(Debug, Clone, Default)]
pub struct ConvertOptions {
    /// How matrices are stored; [`Origin::scheme`] if `None`.
    pub scheme: Option<Scheme>,
    /// [`Manifest::name`]
    pub name: Option<String>,
    /// [`Manifest::description`]
    pub description: Option<String>,
    /// [`Manifest::license`]
    pub license: Option<String>,
    /// [`Source::origin`], where it is not what the model was found by.
    pub origin: Option<String>,
    /// [`Manifest::picture_size`]
    pub picture_size: Option<u32>,
    /// [`Manifest::background`]
    pub background: Vec<String>,
    /// [`Manifest::pictures`]
    pub pictures: Pictures,
    /// [`Manifest::vocabulary`]
    pub vocabulary: Vec<String>,
    /// [`Manifest::pipeline`]
    pub pipeline: Option<Pipeline>,
    /// FOUND, to be stored beside the model.
    pub guide: Option<GuidePaths>,
    /// Accept a fidelity below the floor of the scheme.
    pub accept_loss: bool,
}

/// Where the two networks of FOUND are.
#[derive(Debug, Clone)]
pub struct GuidePaths {
    /// DINO: a directory or a file of weights.
    pub encoder: PathBuf,
    /// The head: a file of weights.
    pub head: PathBuf,
}

impl ConvertOptions {
    fn metadata(&self, origin: &Origin) -> BundleMetadata {
        let entry = origin.entry;
        let or = |given: &Option<String>, known: Option<&String>, otherwise: &str| {
            let known = given.as_ref().or(known).cloned();
            known.unwrap_or_else(|| otherwise.to_owned())
        };
        let source = origin.source.clone();
        BundleMetadata {
            name: or(&self.name, entry.map(|e| &e.title), &origin.own_name),
            description: or(
                &self.description,
                entry.map(|e| &e.description),
                "It was trained by someone else; see its source.",
            ),
            license: or(&self.license, entry.map(|e| &e.license), "unknown"),
            source: Source {
                origin: self.origin.clone().unwrap_or(source.origin),
                ..source
            },
            picture_size: self.picture_size.or(entry.map(|e| e.picture_size)),
            background: self.background.clone(),
            pictures: self.pictures,
            vocabulary: self.vocabulary.clone(),
            pipeline: self.pipeline.as_ref().map(ToString::to_string),
        }
    }

    fn open_guide(&self) -> Result<Option<PublishedGuide>> {
        let Some(guide) = &self.guide else {
            return Ok(None);
        };
        let (encoder, head) = (
            Directory::new(&guide.encoder)?,
            Directory::new(&guide.head)?,
        );
        PublishedGuide::open(&encoder, &head).map(Some)
    }
}

/// Which names get embeddings while a model is converted, so that they cost nothing later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadyNames {
    /// None.
    None,
    /// [`common_words`]
    Common,
    /// The names of a list.
    These(Vec<String>),
}

impl FromStr for ReadyNames {
    type Err = Error;

    /// Reads `none`, `common`, or words as [`parse_line`] does.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "none" => Self::None,
            "common" => Self::Common,
            words => {
                let classes = parse_line(words)?.into_iter();
                Self::These(classes.flat_map(|class| class.names).collect())
            }
        })
    }
}

impl ReadyNames {
    /// All names in order, those of the background among them.
    fn with_background(&self, background: &[String]) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::None => return Vec::new(),
            Self::Common => common_words().map(String::from).collect(),
            Self::These(names) => names.clone(),
        };
        names.extend(background.iter().cloned());
        names.sort();
        names.dedup();
        names
    }
}

/// Stores a model in the directory `out` and measures how close it is to the published one. Where
/// that is below the floor of the scheme, blocks of the vision tower stay in floating point, as many
/// as it takes. The directory is no bundle yet.
///
/// # Errors
///
/// [`Error::Input`] if the files are not those of a model or of the guide that was asked for;
/// [`Error::Model`] if they are damaged or do not fit together; [`Error::Unsupported`] if they are
/// of another kind of model; [`Error::Io`] if a file cannot be read or written;
/// [`Error::Integrity`] if a written file reads back differently.
pub async fn store(
    origin: &Origin,
    options: &ConvertOptions,
    out: &Path,
    progress: &mut dyn ConvertProgress,
) -> Result<Unfinished> {
    let conversion = Conversion {
        origin,
        options,
        scheme: options.scheme.unwrap_or(origin.scheme()),
        out,
    };
    let stored = conversion.store(Vec::new(), progress).await?;
    let scheme = conversion.scheme;
    if options.accept_loss || !scheme.is_quantised() || stored.fidelity.suffices(scheme) {
        return Ok(stored);
    }
    let manifest = stored.manifest.clone();
    // The search has towers of its own in memory.
    drop(stored);
    let kept = conversion.find_blocks_to_keep(&manifest, progress).await?;
    conversion.store(kept, progress).await
}

/// What stays the same while blocks are tried.
struct Conversion<'a> {
    origin: &'a Origin,
    options: &'a ConvertOptions,
    scheme: Scheme,
    out: &'a Path,
}

impl Conversion<'_> {
    async fn store(
        &self,
        kept: Vec<usize>,
        progress: &mut dyn ConvertProgress,
    ) -> Result<Unfinished> {
        let guide = self.options.open_guide()?;
        let mut writer = BundleWriter::new(
            Published::open(&self.origin.files)?.into(),
            guide.map(Into::into),
            self.scheme,
            self.options.metadata(self.origin),
            &kept,
        );
        progress.step(Stage::Storing, 0, writer.files());
        let manifest = write(self.out, &mut writer, &mut |done, total| {
            progress.step(Stage::Storing, done, total);
        })?;
        let tensors = writer.errors();
        drop(writer);
        progress.step(Stage::Comparing, 0, 0);
        let mut bundle = Bundle::read_unfinished(self.out, &manifest)?;
        let segmenter = Segmenter::load(&mut bundle, Preference::Cpu).await?;
        let fidelity = fidelity(&segmenter, &mut Published::open(&self.origin.files)?).await?;
        Ok(Unfinished {
            out: self.out.to_owned(),
            accept_loss: self.options.accept_loss,
            manifest,
            segmenter,
            tensors,
            fidelity,
            kept,
        })
    }

    /// Which blocks have to stay in floating point.
    async fn find_blocks_to_keep(
        &self,
        manifest: &Manifest,
        progress: &mut dyn ConvertProgress,
    ) -> Result<Vec<usize>> {
        blocks_to_keep(
            manifest,
            || Bundle::read_unfinished(self.out, manifest),
            || Published::open(&self.origin.files),
            &mut |done, most| progress.step(Stage::Calibrating, done, most),
        )
        .await
    }
}

/// Compares the stored model with the published one, which is built in f32.
async fn fidelity(stored: &Segmenter, published: &mut Published) -> Result<Fidelity> {
    let answer = Probe::measure(stored).await?;
    let tokenizer = published.tokenizer().to_vec();
    let tokenizer = Tokenizer::from_bytes(&tokenizer, &published.config().text)?;
    let original = Segmenter::build(stored.manifest().clone(), published, Compute::cpu())?;
    original.build_text(tokenizer, published)?;
    Probe::measure(&original).await?.compare(&answer)
}

/// All files of a bundle but its manifest, and how close they are to the published model.
pub struct Unfinished {
    out: PathBuf,
    accept_loss: bool,
    manifest: Manifest,
    segmenter: Segmenter,
    tensors: Vec<TensorError>,
    fidelity: Fidelity,
    kept: Vec<usize>,
}

impl Unfinished {
    /// What was stored, and what that costs.
    #[must_use]
    pub fn report(&self) -> ConversionReport<'_> {
        let bytes = |wanted| {
            let files = self.manifest.files().filter(|(part, _)| *part == wanted);
            files.map(|(_, entry)| entry.bytes).sum()
        };
        ConversionReport {
            name: &self.manifest.name,
            scheme: self.manifest.scheme.to_string(),
            vision_bytes: bytes(Part::Vision),
            text_bytes: bytes(Part::Text),
            kept: &self.kept,
            fidelity: self.fidelity,
            tensors: &self.tensors,
        }
    }

    /// Embeds names and writes the manifest, which makes the directory a bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the model lost more than its scheme should and that was not accepted;
    /// [`Error::Io`] if a file cannot be written.
    pub async fn finish(
        self,
        names: &ReadyNames,
        progress: &mut dyn ConvertProgress,
    ) -> Result<()> {
        let mut manifest = self.manifest;
        if !self.accept_loss {
            self.fidelity.check(manifest.scheme)?;
        }
        let names = names.with_background(&manifest.background);
        if !names.is_empty() {
            let ready = embed(&self.segmenter, names, progress).await?;
            add_words(&self.out, &mut manifest, &ready)?;
        }
        finish(&self.out, &manifest)
    }
}

/// What a conversion stored and what was measured about it.
#[derive(Debug, Serialize)]
pub struct ConversionReport<'a> {
    /// [`Manifest::name`]
    pub name: &'a str,
    /// The scheme's name.
    pub scheme: String,
    /// Bytes of the vision tower's files.
    pub vision_bytes: u64,
    /// Bytes of the text tower's files.
    pub text_bytes: u64,
    /// Blocks of the vision tower that stayed in floating point.
    pub kept: &'a [usize],
    /// How close the stored model is to the published one.
    pub fidelity: Fidelity,
    /// What storing each tensor cost.
    pub tensors: &'a [TensorError],
}

/// Embeds names with the stored weights, so that they compare with what those compute later.
async fn embed(
    stored: &Segmenter,
    names: Vec<String>,
    progress: &mut dyn ConvertProgress,
) -> Result<ReadyWords> {
    let texts: Vec<&str> = names.iter().map(String::as_str).collect();
    let vectors = stored.embed_names(&texts, &mut Embedding(progress)).await?;
    Ok(ReadyWords {
        templates: templates_id(),
        words: names.into_iter().zip(vectors).collect(),
    })
}

/// The progress of embedding as that of a conversion.
struct Embedding<'a>(&'a mut dyn ConvertProgress);

impl Progress for Embedding<'_> {
    async fn step(&mut self, done: usize, total: usize) -> Result<()> {
        self.0.step(Stage::Embedding, done, total);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ready_names_include_the_background_once_and_in_order() {
        let background = ["sky".to_owned(), "cat".to_owned()];
        let names: ReadyNames = "sofa, cat/kitten".parse().unwrap();
        let expected = ["cat", "kitten", "sky", "sofa"];
        assert_eq!(names.with_background(&background), expected);
        let none: ReadyNames = "none".parse().unwrap();
        assert!(none.with_background(&background).is_empty());
        let common: ReadyNames = "common".parse().unwrap();
        assert!(common.with_background(&[]).len() > 1000);
    }

    #[test]
    fn metadata_prefers_what_is_given_to_the_catalogue() {
        let mut origin = Origin::find("tests/fixtures/tiny-clip", None, &mut ()).unwrap();
        let options = ConvertOptions {
            license: Some("MIT".into()),
            origin: Some("elsewhere".into()),
            ..ConvertOptions::default()
        };
        let own = options.metadata(&origin);
        assert_eq!((own.name.as_str(), own.picture_size), ("tiny-clip", None));
        let entry = crate::hub::catalogue::find("b16").unwrap();
        origin.entry = Some(entry);
        let known = options.metadata(&origin);
        assert_eq!(known.name, entry.title);
        assert_eq!(known.picture_size, Some(entry.picture_size));
        assert_eq!(
            (known.license, known.source.origin),
            ("MIT".into(), "elsewhere".into())
        );
    }
}
