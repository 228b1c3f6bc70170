//! Where a published model is, and what is known about it.

use std::path::Path;

use crate::bundle::Source;
use crate::error::{Error, Result};
use crate::hub::{self, DownloadProgress, catalogue};
use crate::import::Directory;
use crate::quant::Scheme;

/// A published model whose files are on disk.
#[derive(Debug)]
pub struct Origin {
    pub(super) files: Directory,
    pub(super) source: Source,
    /// The name of the bundle where neither the caller nor the catalogue gives one.
    pub(super) own_name: String,
    pub(super) entry: Option<&'static catalogue::CatalogueEntry>,
    note: Option<String>,
}

impl Origin {
    /// Finds a model by a path, by a name of the catalogue or by a repository of the hub, in this
    /// order, and downloads what is not on disk yet. `revision` is a branch, tag or commit of the
    /// hub; without one, a name of the catalogue stands for the commit that the catalogue pins.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if `source` is none of the three, or the hub does not have it or does not
    /// give it out; [`Error::Network`] if the hub cannot be reached or the connection breaks;
    /// [`Error::Io`] if a file cannot be read or written; [`Error::Integrity`] if a file is not the
    /// one that the hub promised; [`Error::Model`] if the repository has no weights that can be
    /// read.
    pub fn find(
        source: &str,
        revision: Option<&str>,
        progress: &mut dyn DownloadProgress,
    ) -> Result<Self> {
        let path = Path::new(source);
        let own_name = path
            .file_stem()
            .map_or("clip".into(), |stem| stem.to_string_lossy().into_owned());
        if path.exists() {
            return Ok(Self {
                files: Directory::new(path)?,
                source: Source {
                    origin: source.to_owned(),
                    revision: None,
                    files: Vec::new(),
                },
                own_name,
                entry: None,
                note: None,
            });
        }
        let entry = catalogue::find(source);
        // A pinned revision belongs to the short name only.
        let (id, pinned) = match entry {
            Some(entry) if entry.name.eq_ignore_ascii_case(source) => {
                (entry.hub.as_str(), entry.revision.as_deref())
            }
            _ if is_repository(source) => (source, None),
            _ => return Err(unknown(source)),
        };
        let fetched = hub::fetch(id, revision.or(pinned), progress)?;
        Ok(Self {
            files: Directory::new(&fetched.directory)?,
            source: Source {
                origin: id.to_owned(),
                revision: Some(fetched.revision),
                files: fetched.files,
            },
            own_name,
            entry,
            note: fetched.note,
        })
    }

    /// Where the files came from, as a sentence for people, if they are not exactly what was asked
    /// for.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The scheme that the catalogue recommends for this model, else `q8`.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.entry.map_or(Scheme::Q8, |entry| entry.scheme)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn is_repository_takes_an_owner_and_a_name_only() {
        assert!(is_repository("openai/clip-vit-base-patch16"));
        for other in [
            "b17",
            "/nowhere",
            "./nowhere",
            "a/b/c",
            "a/",
            "a/.b",
            "a/b c",
        ] {
            assert!(!is_repository(other), "{other}");
        }
    }

    #[test]
    fn find_takes_a_path_and_names_the_catalogue_for_what_is_unknown() {
        let here = Origin::find("tests/fixtures/tiny-clip", None, &mut ()).unwrap();
        assert_eq!((here.own_name.as_str(), here.note()), ("tiny-clip", None));
        assert_eq!(here.source.origin, "tests/fixtures/tiny-clip");
        assert_eq!(here.scheme(), Scheme::Q8);
        let error = Origin::find("b17", None, &mut ()).unwrap_err();
        assert_eq!(error.code(), "input");
        assert!(error.to_string().contains("laion-b16"), "{error}");
    }
}
