//! `wordmask import`: from a published model to a bundle that was measured against it.

use std::path::Path;

use pollster::block_on;
use serde::Serialize;
use wordmask::bundle::{
    Bundle, BundleMetadata, BundleWriter, Manifest, Part, ReadyWords, Source, TensorError,
    add_words, finish, write,
};
use wordmask::calibrate::{Fidelity, Probe, blocks_to_keep};
use wordmask::clip::Tokenizer;
use wordmask::device::{Compute, Preference};
use wordmask::hub::catalogue;
use wordmask::import::{Directory, Published, PublishedGuide};
use wordmask::prompt::{common_words, parse_line, templates_id};
use wordmask::quant::Scheme;
use wordmask::{Error, Result, Segmenter, hub};

use crate::args::Import;
use crate::commands::json;
use crate::progress::{Bar, Download, bar};

/// Tensors whose loss is told one by one.
const WORST: usize = 5;

pub(crate) fn import(args: &Import) -> Result<()> {
    let origin = Origin::of(args)?;
    let scheme = args.quant.unwrap_or(origin.scheme);
    let mut stored = StoredModel::write(args, &origin, scheme, Vec::new())?;
    if !args.accept_loss && scheme.is_quantised() && !stored.fidelity.suffices(scheme) {
        let manifest = stored.manifest.clone();
        // The search has towers of its own in memory.
        drop(stored);
        let kept = find_blocks_to_keep(args, &origin, &manifest)?;
        stored = StoredModel::write(args, &origin, scheme, kept)?;
    }
    let report = Report::of(&stored);
    if args.json {
        println!("{}", json(&report)?);
    } else {
        report.print();
    }
    if !args.accept_loss {
        stored.fidelity.check(scheme)?;
    }
    let mut manifest = stored.manifest;
    let words = words_to_embed(&args.words, &manifest.background)?;
    if !words.is_empty() {
        let ready = embed(&stored.segmenter, &words)?;
        add_words(&args.out, &mut manifest, &ready)?;
    }
    finish(&args.out, &manifest)
}

/// All files of a bundle but its manifest, and what they were measured to be worth.
struct StoredModel {
    manifest: Manifest,
    segmenter: Segmenter,
    tensors: Vec<TensorError>,
    fidelity: Fidelity,
    /// Blocks of the vision tower that are in floating point.
    kept: Vec<usize>,
}

impl StoredModel {
    fn write(args: &Import, origin: &Origin, scheme: Scheme, kept: Vec<usize>) -> Result<Self> {
        let guide = open_guide(args)?;
        let published = Published::open(&origin.files)?;
        let about = origin.about.clone();
        let mut writer = BundleWriter::new(
            published.into(),
            guide.map(Into::into),
            scheme,
            about,
            &kept,
        );
        let bar = bar(writer.files() as u64, "storing");
        let manifest = write(&args.out, &mut writer, &mut |done, _| {
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        let tensors = writer.errors();
        drop(writer);
        let mut bundle = Bundle::read_unfinished(&args.out, &manifest)?;
        let segmenter = block_on(Segmenter::load(&mut bundle, Preference::Cpu))?;
        let fidelity = fidelity(&segmenter, &mut Published::open(&origin.files)?)?;
        Ok(Self {
            manifest,
            segmenter,
            tensors,
            fidelity,
            kept,
        })
    }
}

/// Which blocks have to stay in floating point; only asked where the loss is too large.
fn find_blocks_to_keep(args: &Import, origin: &Origin, manifest: &Manifest) -> Result<Vec<usize>> {
    let bar = bar(0, "finding what to keep");
    let kept = block_on(blocks_to_keep(
        manifest,
        || Bundle::read_unfinished(&args.out, manifest),
        || Published::open(&origin.files),
        &mut |done, most| {
            bar.set_length(most as u64);
            bar.set_position(done as u64);
        },
    ));
    bar.finish_and_clear();
    kept
}

/// Where the model is, and what is known of it.
struct Origin {
    files: Directory,
    scheme: Scheme,
    about: BundleMetadata,
}

impl Origin {
    /// A path if there is one, else a name of the catalogue, else a repository of the hub.
    fn of(args: &Import) -> Result<Self> {
        let path = Path::new(&args.source);
        let entry = catalogue::find(&args.source);
        if path.exists() {
            let source = Source {
                origin: args.source.clone(),
                revision: None,
                files: Vec::new(),
            };
            return Self::described(args, Directory::new(path)?, None, source);
        }
        // A pinned revision is for who asks by the short name.
        let (id, pinned) = match entry {
            Some(entry) if entry.name.eq_ignore_ascii_case(&args.source) => {
                (entry.hub.as_str(), entry.revision.as_deref())
            }
            _ if is_repository(&args.source) => (args.source.as_str(), None),
            _ => return Err(unknown(&args.source)),
        };
        let revision = args.revision.as_deref().or(pinned);
        let mut progress = Download::default();
        let fetched = hub::fetch(id, revision, &mut progress)?;
        drop(progress);
        if let Some(note) = &fetched.note {
            eprintln!("{note}");
        }
        let source = Source {
            origin: id.to_owned(),
            revision: Some(fetched.revision),
            files: fetched.files,
        };
        Self::described(args, Directory::new(&fetched.directory)?, entry, source)
    }

    fn described(
        args: &Import,
        files: Directory,
        entry: Option<&catalogue::Entry>,
        source: Source,
    ) -> Result<Self> {
        let own_name = Path::new(&args.source).file_stem();
        let own_name = || own_name.map_or("clip".into(), |n| n.to_string_lossy().into_owned());
        let or = |given: &Option<String>, known: Option<&String>, otherwise: &str| {
            let known = given.as_ref().or(known).cloned();
            known.unwrap_or_else(|| otherwise.to_owned())
        };
        let about = BundleMetadata {
            name: or(&args.name, entry.map(|e| &e.title), &own_name()),
            description: or(
                &args.description,
                entry.map(|e| &e.description),
                "It was trained by someone else; see its source.",
            ),
            license: or(&args.license, entry.map(|e| &e.license), "unknown"),
            source: Source {
                origin: args.origin.clone().unwrap_or(source.origin),
                ..source
            },
            picture_size: args.picture_size.or(entry.map(|e| e.picture_size)),
            background: names(&args.background)?,
            pictures: args.pictures,
            vocabulary: names(&args.vocabulary)?,
            pipeline: args.pipeline.as_ref().map(ToString::to_string),
        };
        Ok(Self {
            files,
            scheme: entry.map_or(Scheme::Q8, |e| e.scheme),
            about,
        })
    }
}

/// Whether this can be a repository of the hub: an owner and a name, and no path.
fn is_repository(source: &str) -> bool {
    let plain = |part: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(known)
    };
    matches!(source.split_once('/'), Some((owner, name)) if plain(owner) && plain(name))
}

fn unknown(source: &str) -> Error {
    let names: Vec<&str> = catalogue::entries()
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    Error::input(format!(
        "{source} is neither a path, nor a repository such as openai/clip-vit-base-patch16, nor in the catalogue, which has {}.",
        names.join(", ")
    ))
}

fn open_guide(args: &Import) -> Result<Option<PublishedGuide>> {
    let (Some(encoder), Some(head)) = (&args.found, &args.found_head) else {
        return Ok(None);
    };
    let (encoder, head) = (Directory::new(encoder)?, Directory::new(head)?);
    PublishedGuide::open(&encoder, &head).map(Some)
}

/// Compares the stored model with the published one, which is built in f32.
fn fidelity(stored: &Segmenter, published: &mut Published) -> Result<Fidelity> {
    let bar = Bar::new("comparing with the original");
    let answer = block_on(Probe::of(stored))?;
    let tokenizer = published.tokenizer().to_vec();
    let tokenizer = Tokenizer::from_bytes(&tokenizer, &published.config().text)?;
    let original = Segmenter::build(stored.manifest().clone(), published, Compute::cpu())?;
    original.build_text(tokenizer, published)?;
    let original = block_on(Probe::of(&original))?;
    drop(bar);
    original.compare(&answer)
}

/// What an import tells.
#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    scheme: String,
    vision_bytes: u64,
    text_bytes: u64,
    /// Blocks of the vision tower that stayed in floating point.
    kept: &'a [usize],
    fidelity: Fidelity,
    tensors: &'a [TensorError],
}

impl<'a> Report<'a> {
    fn of(stored: &'a StoredModel) -> Self {
        let manifest = &stored.manifest;
        let bytes = |wanted| {
            let files = manifest.files().filter(|(part, _)| *part == wanted);
            files.map(|(_, entry)| entry.bytes).sum()
        };
        Self {
            name: &manifest.name,
            scheme: manifest.scheme.to_string(),
            vision_bytes: bytes(Part::Vision),
            text_bytes: bytes(Part::Text),
            kept: &stored.kept,
            fidelity: stored.fidelity,
            tensors: &stored.tensors,
        }
    }

    fn print(&self) {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "{}: {}, vision tower {:.2} MB, text tower {:.2} MB",
            self.name,
            self.scheme,
            megabytes(self.vision_bytes),
            megabytes(self.text_bytes)
        );
        if !self.kept.is_empty() {
            let kept: Vec<String> = self.kept.iter().map(ToString::to_string).collect();
            println!(
                "blocks of the vision tower that lose too much and stay in f16: {}",
                kept.join(", ")
            );
        }
        let fidelity = &self.fidelity;
        println!("cosines with the original: {fidelity}");
        let mut worst: Vec<&TensorError> = self.tensors.iter().collect();
        worst.sort_by(|a, b| b.relative.total_cmp(&a.relative));
        println!("largest relative errors of a tensor:");
        for tensor in worst.into_iter().take(WORST) {
            println!("  {:.5}  {}", tensor.relative, tensor.name);
        }
    }
}

fn names(given: &[String]) -> Result<Vec<String>> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let classes = parse_line(&given.join(","))?;
    Ok(classes.into_iter().flat_map(|class| class.names).collect())
}

fn words_to_embed(words: &str, background: &[String]) -> Result<Vec<String>> {
    let mut words: Vec<String> = match words {
        "none" => return Ok(Vec::new()),
        "common" => common_words().map(String::from).collect(),
        words => parse_line(words)?
            .into_iter()
            .flat_map(|c| c.names)
            .collect(),
    };
    words.extend(background.iter().cloned());
    words.sort();
    words.dedup();
    Ok(words)
}

/// The words' vectors by the bundle itself, so that they are those of its stored weights.
fn embed(stored: &Segmenter, words: &[String]) -> Result<ReadyWords> {
    let names: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut progress = Bar::new("embedding words");
    let vectors = block_on(stored.embed_names(&names, &mut progress))?;
    Ok(ReadyWords {
        templates: templates_id(),
        words: words.iter().cloned().zip(vectors).collect(),
    })
}
