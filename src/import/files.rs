//! Where a model's files are: on disk, in memory, or behind another implementation of [`Files`].

use std::collections::BTreeMap;
#[cfg(feature = "cli")]
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};

/// Bytes that can be read at any place: a file on disk, a `File` in a browser.
#[allow(clippy::len_without_is_empty)]
pub trait ReadAt {
    /// How many there are.
    fn len(&self) -> u64;

    /// Fills `out` with the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if they cannot be read, or if the file ends before.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<()>;
}

/// The files of a model as it was published, by name.
pub trait Files {
    /// The names of all files, without directories.
    fn names(&self) -> Vec<String>;

    /// Opens one of them.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it is not there or cannot be opened.
    fn open(&self, name: &str) -> Result<Box<dyn ReadAt>>;
}

/// Reads a file that is small, or refuses it.
pub(super) fn read_whole(files: &dyn Files, name: &str, most: u64) -> Result<Vec<u8>> {
    let file = files.open(name)?;
    let len = file.len();
    if len > most {
        return Err(Error::model(format!(
            "{name} is {len} bytes long, which no file of that name is."
        )));
    }
    read_range(&*file, 0, len)
}

/// Bytes of a file, the length of which was checked by the caller.
pub(super) fn read_range(file: &dyn ReadAt, offset: u64, len: u64) -> Result<Vec<u8>> {
    let no_room = || Error::out_of_memory(format!("{len} bytes of a file find no room in memory."));
    let len = usize::try_from(len).map_err(|_| no_room())?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| no_room())?;
    bytes.resize(len, 0);
    file.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// Files in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Arc<Vec<u8>>>,
}

impl MemoryFiles {
    /// Adds a file, in place of any of the same name.
    pub fn insert(&mut self, name: impl Into<String>, contents: Vec<u8>) {
        self.files.insert(name.into(), Arc::new(contents));
    }

    /// Takes a file away.
    pub fn remove(&mut self, name: &str) {
        self.files.remove(name);
    }
}

impl Files for MemoryFiles {
    fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn open(&self, name: &str) -> Result<Box<dyn ReadAt>> {
        match self.files.get(name) {
            Some(contents) => Ok(Box::new(InMemory(Arc::clone(contents)))),
            None => Err(Error::file(format!("{name} is not there."))),
        }
    }
}

struct InMemory(Arc<Vec<u8>>);

impl ReadAt for InMemory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let found = usize::try_from(offset)
            .ok()
            .and_then(|start| self.0.get(start..start.checked_add(out.len())?))
            .ok_or_else(|| Error::file("the file ends too early."))?;
        out.copy_from_slice(found);
        Ok(())
    }
}

/// A directory on disk, or one weight file with what lies beside it.
#[cfg(feature = "cli")]
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    names: Vec<String>,
}

#[cfg(feature = "cli")]
impl Directory {
    /// Lists the files of a directory, or a file and what lies beside it except other weights.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is no such thing or it cannot be listed.
    pub fn new(path: &Path) -> Result<Self> {
        let is_file = std::fs::metadata(path)
            .map_err(|e| Error::io(path, e))?
            .is_file();
        if !is_file {
            return Ok(Self {
                path: path.into(),
                names: list(path)?,
            });
        }
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let chosen = path.file_name().unwrap_or_default().to_string_lossy();
        let mut names = list(parent)?;
        // An index needs the shards beside it, and a config does not name the weights that are meant.
        if super::is_weights(&chosen) {
            let other = |name: &String| super::is_weights(name) || name.ends_with(".index.json");
            names.retain(|name| *name == chosen || !other(name));
        }
        Ok(Self {
            path: parent.into(),
            names,
        })
    }
}

/// The files of a directory, links to files included: a hub's cache is made of them.
#[cfg(feature = "cli")]
fn list(directory: &Path) -> Result<Vec<String>> {
    let failed = |e: std::io::Error| Error::io(directory, e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let (true, Ok(name)) = (entry.path().is_file(), entry.file_name().into_string()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(feature = "cli")]
impl Files for Directory {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn open(&self, name: &str) -> Result<Box<dyn ReadAt>> {
        let path = self.path.join(name);
        let failed = |e: std::io::Error| Error::io(&path, e);
        // Nothing outside the directory, whatever an index may name.
        if !self.names.iter().any(|n| n == name) {
            return Err(failed(std::io::ErrorKind::NotFound.into()));
        }
        let file = std::fs::File::open(&path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        Ok(Box::new(OnDisk {
            path,
            len,
            file: std::cell::RefCell::new(file),
        }))
    }
}

#[cfg(feature = "cli")]
struct OnDisk {
    path: PathBuf,
    len: u64,
    file: std::cell::RefCell<std::fs::File>,
}

#[cfg(feature = "cli")]
impl ReadAt for OnDisk {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(out))
            .map_err(|e| Error::io(&self.path, e))
    }
}
