//! Finding files of a layout, and reading them with errors that name them.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Item;
use crate::error::{Error, Result};

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| explain(path, &error))
}

/// The identifiers in a list, one a line, in its order.
pub(super) fn read_list(path: &Path) -> Result<Vec<String>> {
    let text = String::from_utf8(read(path)?).map_err(|_| {
        broken(
            path,
            "it is not text, but should list a picture on each line",
        )
    })?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

/// What comes before `suffix` in the names of a folder's files, sorted; none if the folder is not
/// there. Hidden files, which some systems leave beside the real ones, are passed over.
pub(super) fn stems(folder: &Path, suffix: &str) -> Result<Vec<String>> {
    let mut stems: Vec<String> = names(folder)?
        .iter()
        .filter_map(|name| name.strip_suffix(suffix))
        .map(str::to_owned)
        .collect();
    stems.sort_unstable();
    Ok(stems)
}

/// The names in a folder that are not hidden; none if the folder is not there.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::io(folder, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| Error::io(folder, error))?.file_name();
        names.extend(
            name.into_string()
                .ok()
                .filter(|name| !name.starts_with('.')),
        );
    }
    Ok(names)
}

/// The first of `candidates` that is in the folder.
pub(super) fn first(dir: &Path, candidates: &[&str]) -> Option<PathBuf> {
    candidates
        .iter()
        .map(|candidate| dir.join(candidate))
        .find(|path| path.exists())
}

/// The folder does not hold what was looked for.
pub(super) fn not_found(title: &str, dir: &Path, looked_for: &[&str]) -> Error {
    Error::input(format!(
        "{title} is not in {}: it has no {}. Give the folder that the data set was unpacked into.",
        dir.display(),
        looked_for.join(", and no ")
    ))
}

/// Checks that there are items, that their identifiers are fit for file names and unique, and
/// that their files are there, so that a long run does not end at a missing one.
pub(super) fn check(items: &[Item]) -> Result<()> {
    let mut seen = HashSet::new();
    for item in items {
        if !is_plain(&item.id) {
            return Err(Error::input(format!(
                "“{}” in the list of pictures is not the name of a file. Get the list again.",
                item.id.escape_debug()
            )));
        }
        if !seen.insert(&item.id) {
            return Err(Error::input(format!(
                "The picture {} is listed twice. Get the list again.",
                item.id
            )));
        }
    }
    let mut missing = items
        .iter()
        .flat_map(|item| [&item.picture, &item.truth])
        .filter(|path| !path.is_file());
    let Some(first) = missing.next() else {
        return Ok(());
    };
    Err(Error::input(format!(
        "{} is not there, and {} more files of the data set's {} pictures are missing. Unpack it again.",
        first.display(),
        missing.count(),
        items.len()
    )))
}

/// Whether a name leads to a file in the folder it is looked for in, and nowhere else.
fn is_plain(id: &str) -> bool {
    !id.is_empty()
        && !id.starts_with('.')
        && !id.contains(|c: char| matches!(c, '/' | '\\' | ':') || c.is_control())
}

/// The error with the file's name before its message.
pub(super) fn in_file(path: &Path, error: Error) -> Error {
    let named = |message: String| format!("{}: {message}", path.display());
    match error {
        Error::Input(message) => Error::Input(named(message)),
        Error::Unsupported(message) => Error::Unsupported(named(message)),
        Error::OutOfMemory(message) => Error::out_of_memory(named(message)),
        other => other,
    }
}

/// A file that does not hold what it should.
pub(super) fn broken(path: &Path, why: &str) -> Error {
    Error::input(format!(
        "{} cannot be used: {why}. Copy or download it again.",
        path.display()
    ))
}

fn explain(path: &Path, error: &std::io::Error) -> Error {
    if error.kind() == ErrorKind::NotFound {
        return Error::input(format!(
            "{} is not there. Unpack the data set again.",
            path.display()
        ));
    }
    Error::io(path, error)
}
