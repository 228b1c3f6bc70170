//! `wordmask.json`.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clip::{ClipConfig, GuideConfig};
use crate::error::{Error, Result};
use crate::image::MAX_SIDE;
use crate::quant::Scheme;

/// The version of the bundle format that this library writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The largest file that a bundle may hold. Shards of earlier versions reach 16 MiB; the margin is for
/// tokenizers.
const LARGEST_FILE: u64 = 64 << 20;

/// The most files that a bundle may hold.
const MOST_FILES: usize = 4096;

/// Where a model came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// A repository, an address or the path of the recipe that made it.
    #[serde(alias = "from")]
    pub origin: String,
    /// The exact revision, where the source has such a thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The files it was made of, where the source publishes their hashes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SourceFile>,
}

/// A file that a model was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// The name of the file at the source.
    pub file: String,
    /// The SHA-256 of the file, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Weights of the vision tower.
    Vision,
    /// Weights of the text tower.
    Text,
    /// The tokenizer.
    Tokenizer,
    /// Ready text embeddings.
    Words,
    /// Weights of the guide.
    Guide,
}

/// A file with the means to check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The name of the file, beside the manifest.
    pub file: String,
    /// The exact length of the file in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file, in lower-case hexadecimal digits.
    pub sha256: String,
}

impl FileEntry {
    /// The entry of a file with these contents.
    #[must_use]
    pub fn new(file: impl Into<String>, contents: &[u8]) -> Self {
        Self {
            file: file.into(),
            bytes: contents.len() as u64,
            sha256: hex(&Sha256::digest(contents)),
        }
    }

    /// Checks the contents of the file, and their hash if it is known already, against the entry.
    ///
    /// # Errors
    ///
    /// [`Error::Integrity`] if length or hash differ, naming the file.
    pub fn check(&self, contents: &[u8], hash: Option<&str>) -> Result<()> {
        let Self {
            file,
            bytes,
            sha256,
        } = self;
        if contents.len() as u64 != *bytes {
            return Err(Error::integrity(format!(
                "{file} has {} bytes instead of {bytes}: it was cut off or replaced. Download the bundle again.",
                contents.len()
            )));
        }
        let is_same = match hash {
            Some(hash) => hash == sha256,
            None => hex(&Sha256::digest(contents)) == *sha256,
        };
        if !is_same {
            return Err(Error::integrity(format!(
                "{file} has not the contents that the manifest promises (its SHA-256 differs). Download the bundle again."
            )));
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A tensor in a shard: the whole, or some rows of one that is larger than a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    /// All of it.
    Whole(String),
    /// Some of its rows. The pieces of a tensor cover it without gap or overlap.
    Rows {
        /// The tensor.
        name: String,
        /// The first row, and the one after the last.
        rows: (usize, usize),
    },
}

impl Piece {
    /// The name of the tensor.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Whole(name) | Self::Rows { name, .. } => name,
        }
    }

    /// The rows of a tensor that has `count`.
    #[must_use]
    pub fn rows(&self, count: usize) -> std::ops::Range<usize> {
        match *self {
            Self::Whole(_) => 0..count,
            Self::Rows {
                rows: (start, end), ..
            } => start..end,
        }
    }
}

/// One file of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The file.
    #[serde(flatten)]
    pub entry: FileEntry,
    /// Which tower it belongs to.
    pub part: Part,
    /// The tensors it holds, scales not listed.
    pub tensors: Vec<Piece>,
}

/// What pictures a model has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pictures {
    /// Photographs, perhaps with others among them.
    #[default]
    Photographs,
    /// Drawings and no photographs.
    Drawings,
}

impl Pictures {
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "the form that serde calls"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl std::str::FromStr for Pictures {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "photographs" => Ok(Self::Photographs),
            "drawings" => Ok(Self::Drawings),
            _ => Err(Error::input(format!(
                "{name:?} is no kind of pictures. Choose photographs or drawings."
            ))),
        }
    }
}

/// The manifest of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format, [`FORMAT`].
    pub format: u32,
    /// A short name for people.
    pub name: String,
    /// One sentence for people: what the model has seen, and so what it can be asked.
    #[serde(alias = "knows")]
    pub description: String,
    /// The licence of the weights, an SPDX expression where there is one.
    pub license: String,
    /// Where the weights came from.
    pub source: Source,
    /// The network.
    pub architecture: ClipConfig,
    /// A second network that finds where things are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide: Option<GuideConfig>,
    /// How the weights are stored.
    pub scheme: Scheme,
    /// The short side in pixels to which pictures are brought for dense prediction, unless the
    /// caller says otherwise.
    pub picture_size: u32,
    /// The names that make up the background of pictures like those of the training data;
    /// empty for the common names of photographs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub background: Vec<String>,
    /// What pictures it has seen; left out for photographs.
    #[serde(default, skip_serializing_if = "Pictures::is_default")]
    pub pictures: Pictures,
    /// Every name that the model has learned, where those are few; empty for a text tower of
    /// general language. A phrase made of such names is known as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vocabulary: Vec<String>,
    /// The method and refinements that suit the model best, such as `maskclip+multi-scale+pamr`; left out for
    /// what suits CLIPs for photographs.
    #[serde(default, alias = "setting", skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The tokenizer.
    pub tokenizer: FileEntry,
    /// Ready text embeddings of common words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<FileEntry>,
    /// The weights.
    pub shards: Vec<Shard>,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if it is no manifest of this version, naming what is wrong with it.
    pub fn parse(json: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let version: Version = serde_json::from_slice(json).map_err(|e| unreadable(&e))?;
        if version.format != FORMAT {
            return Err(Error::model(format!(
                "the bundle has format {}, and this version of wordmask reads format {FORMAT}. Update wordmask or import the model again.",
                version.format
            )));
        }
        let manifest: Self = serde_json::from_slice(json).map_err(|e| unreadable(&e))?;
        manifest.architecture.validate()?;
        if let Some(guide) = &manifest.guide {
            guide.validate()?;
        }
        if manifest.picture_size == 0 || manifest.picture_size > MAX_SIDE {
            return Err(bad(&format!(
                "asks for pictures of {} pixels",
                manifest.picture_size
            )));
        }
        manifest.check_files()?;
        Ok(manifest)
    }

    /// Every file of the bundle but the manifest, in the order to fetch them: what a picture and
    /// common words need comes first.
    pub fn files(&self) -> impl Iterator<Item = (Part, &FileEntry)> {
        let shards = |part| {
            let shards = self.shards.iter().filter(move |s| s.part == part);
            shards.map(move |s| (part, &s.entry))
        };
        let words = self.words.iter().map(|entry| (Part::Words, entry));
        words
            .chain(shards(Part::Vision))
            .chain([(Part::Tokenizer, &self.tokenizer)])
            .chain(shards(Part::Text))
            .chain(shards(Part::Guide))
    }

    fn check_files(&self) -> Result<()> {
        if self.shards.len() > MOST_FILES {
            return Err(bad(&format!("lists {} files", self.shards.len())));
        }
        let of_a_tower = |s: &&Shard| matches!(s.part, Part::Vision | Part::Text | Part::Guide);
        if let Some(shard) = self.shards.iter().find(|s| !of_a_tower(s)) {
            return Err(bad(&format!(
                "does not say which network the shard {:?} belongs to",
                shard.entry.file
            )));
        }
        let mut seen = std::collections::BTreeSet::new();
        for (_, entry) in self.files() {
            let name = &entry.file;
            if !plain_name(name) {
                return Err(bad(&format!(
                    "names a file {name:?}, which is no plain file name"
                )));
            }
            if !seen.insert(name) {
                return Err(bad(&format!("lists {name} twice")));
            }
            if entry.bytes == 0 || entry.bytes > LARGEST_FILE {
                return Err(bad(&format!("says that {name} has {} bytes", entry.bytes)));
            }
            if entry.sha256.len() != 64 || !entry.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(bad(&format!("has no SHA-256 for {name}")));
            }
        }
        Ok(())
    }
}

/// A name that stays in the bundle's own directory, whatever the host or file system.
fn plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !is_device(name)
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// Whether Windows would take a file of this name for a device, whatever comes behind the dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let numbered = |kind: &str| {
        let number = stem.strip_prefix(kind);
        number.is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
    };
    matches!(stem.as_str(), "con" | "nul" | "prn" | "aux") || numbered("com") || numbered("lpt")
}

fn bad(what: &str) -> Error {
    Error::model(format!(
        "the bundle's manifest {what}. Import the model again."
    ))
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::model(format!(
        "wordmask.json is not a bundle's manifest ({error}). Check the address or path of the model."
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let entry = |file: &str| FileEntry::new(file, b"contents");
        Manifest {
            format: FORMAT,
            name: "test".into(),
            description: "nothing".into(),
            license: "MIT".into(),
            source: Source {
                origin: "a test".into(),
                revision: None,
                files: vec![],
            },
            architecture: crate::clip::small_config(),
            guide: None,
            scheme: Scheme::F32,
            picture_size: 32,
            background: vec![],
            pictures: Pictures::Photographs,
            vocabulary: vec![],
            pipeline: None,
            tokenizer: entry("tokenizer.json"),
            words: None,
            shards: vec![Shard {
                entry: entry("vision-00.safetensors"),
                part: Part::Vision,
                tensors: vec![Piece::Whole("a".into())],
            }],
        }
    }

    #[test]
    fn parse_reads_back_what_was_written() {
        let json = serde_json::to_vec(&manifest()).unwrap();
        assert_eq!(Manifest::parse(&json), Ok(manifest()));
    }

    #[test]
    fn parse_takes_photographs_and_general_language_where_nothing_is_said() {
        let text = serde_json::to_string(&manifest()).unwrap();
        assert!(
            !text.contains("pictures\"") && !text.contains("vocabulary\":[]"),
            "{text}"
        );
        let drawn = Manifest {
            pictures: Pictures::Drawings,
            vocabulary: vec!["cat".into()],
            ..manifest()
        };
        let json = serde_json::to_vec(&drawn).unwrap();
        assert_eq!(Manifest::parse(&json), Ok(drawn));
        for (name, kind) in [
            ("photographs", Pictures::Photographs),
            ("drawings", Pictures::Drawings),
        ] {
            assert_eq!(name.parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
        assert!("paintings".parse::<Pictures>().is_err());
    }

    #[test]
    fn parse_accepts_the_keys_of_the_first_versions() {
        let written = Manifest {
            pipeline: Some("maskclip".into()),
            ..manifest()
        };
        let mut json = serde_json::to_value(&written).unwrap();
        for (key, first, inside) in [
            ("description", "knows", ""),
            ("pipeline", "setting", ""),
            ("origin", "from", "/source"),
        ] {
            let object = json.pointer_mut(inside).unwrap().as_object_mut().unwrap();
            let value = object.remove(key).unwrap();
            object.insert(first.into(), value);
        }
        let json = serde_json::to_vec(&json).unwrap();
        assert_eq!(Manifest::parse(&json), Ok(written));
    }

    #[test]
    fn parse_refuses_spoilt_manifests() {
        type Spoil = fn(&mut Manifest);
        let cases: [(&str, Spoil); 7] = [
            ("format", |m| m.format = FORMAT + 1),
            ("plain file name", |m| {
                m.shards[0].entry.file = "../secret".into();
            }),
            ("plain file name", |m| {
                m.shards[0].entry.file = "https://example.org/x".into();
            }),
            ("plain file name", |m| m.tokenizer.file = ".hidden".into()),
            ("twice", |m| {
                m.tokenizer.file = "vision-00.safetensors".into();
            }),
            ("SHA-256", |m| m.tokenizer.sha256 = "zz".into()),
            ("bytes", |m| m.tokenizer.bytes = u64::MAX),
        ];
        for (word, spoil) in cases {
            let mut spoilt = manifest();
            spoil(&mut spoilt);
            let Err(Error::Model(message)) = Manifest::parse(&serde_json::to_vec(&spoilt).unwrap())
            else {
                panic!("{word} passed");
            };
            assert!(message.contains(word), "{message}");
        }
        assert!(matches!(Manifest::parse(b"<html>"), Err(Error::Model(_))));
    }

    #[test]
    fn check_notices_a_changed_byte() {
        let entry = FileEntry::new("x", b"contents");
        let known = entry.sha256.clone();
        for hash in [None, Some(known.as_str())] {
            assert_eq!(entry.check(b"contents", hash), Ok(()));
            let shorter = entry.check(b"content", hash);
            assert!(matches!(shorter, Err(Error::Integrity(_))));
        }
        let other = FileEntry::new("a", b"contentz").sha256;
        for hash in [None, Some(other.as_str())] {
            let changed = entry.check(b"contentz", hash);
            assert!(matches!(changed, Err(Error::Integrity(_))));
        }
    }
}
