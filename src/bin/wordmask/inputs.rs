//! Which pictures are meant by files, folders and patterns, and what their results are called.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use glob::MatchOptions;
use walkdir::WalkDir;
use wordmask::{Error, Result};

/// Endings of the files that are taken out of folders, in lower case.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// A picture to be segmented.
#[derive(Debug)]
pub(crate) struct Input {
    /// Where it is, as it was given.
    pub(crate) path: PathBuf,
    /// Where it really is: links to folders are followed, one to the file itself is not.
    pub(crate) real: PathBuf,
    /// Its path below the folder that holds all pictures of the run.
    pub(crate) below: PathBuf,
    /// What its results are called, without an ending, below their folder; no other's are.
    pub(crate) name: PathBuf,
}

/// A picture, or something to find pictures in, that could not be used.
#[derive(Debug)]
pub(crate) struct BadInput {
    pub(crate) path: PathBuf,
    pub(crate) error: Error,
}

/// The pictures of a run, in order, each once.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) pictures: Vec<Input>,
    /// What could not be searched. The rest can go on without.
    pub(crate) failures: Vec<BadInput>,
}

impl Inputs {
    /// Finds the pictures: files as they are named, in folders all that have a picture's ending, and
    /// those that a pattern such as `photos/**/*.jpg` matches, should no shell have expanded it. What
    /// is hidden and what lies in `out` is passed over in folders and by patterns.
    ///
    /// Results are called as the pictures are, below `out` as these lie below the deepest folder that
    /// holds all of them. Pictures that differ only in their ending keep it; so does one called as
    /// `reserved`.
    pub(crate) fn find(given: &[PathBuf], out: &Path, reserved: Option<&str>) -> Result<Self> {
        let mut search = Search {
            out: out.canonicalize().ok(),
            ..Search::default()
        };
        for path in given {
            search.argument(path)?;
        }
        let mut seen = HashSet::new();
        search.found.retain(|found| seen.insert(found.real.clone()));
        if search.found.is_empty() {
            let first = search.failures.into_iter().next();
            return Err(first.map_or_else(
                || Error::input("There are no pictures to segment."),
                |failure| failure.error,
            ));
        }
        let base = common_folder(&search.roots);
        Ok(Self {
            pictures: named(search.found, &base, reserved),
            failures: search.failures,
        })
    }
}

struct FoundFile {
    path: PathBuf,
    real: PathBuf,
}

#[derive(Default)]
struct Search {
    /// The folder of the results, if it exists.
    out: Option<PathBuf>,
    /// The folders that were searched, or that hold what was named.
    roots: Vec<PathBuf>,
    found: Vec<FoundFile>,
    failures: Vec<BadInput>,
}

impl Search {
    fn argument(&mut self, given: &Path) -> Result<()> {
        match std::fs::metadata(given) {
            Ok(metadata) if metadata.is_dir() => self.folder(given),
            Err(error) if error.kind() == ErrorKind::NotFound => match Pattern::new(given)? {
                Some(pattern) => {
                    self.pattern(given, &pattern);
                    Ok(())
                }
                None => {
                    self.file(given);
                    Ok(())
                }
            },
            // Whatever is wrong with it is reported when it is read.
            _ => {
                self.file(given);
                Ok(())
            }
        }
    }

    fn file(&mut self, given: &Path) {
        let folder = match given.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        match (given.file_name(), folder.canonicalize()) {
            (Some(name), Ok(folder)) => {
                self.found.push(FoundFile {
                    path: given.to_owned(),
                    real: folder.join(name),
                });
                self.roots.push(folder);
            }
            (None, _) => self.fail(given, Error::input(format!("{given:?} is no file."))),
            (_, Err(error)) => self.fail(given, Error::io(given, error)),
        }
    }

    fn folder(&mut self, given: &Path) -> Result<()> {
        if self.out.is_some() && given.canonicalize().ok() == self.out {
            return Err(Error::input(format!(
                "{} would hold pictures and results, which would be taken for pictures the next time. Give another folder with --out.",
                given.display()
            )));
        }
        if !self.walk(given, usize::MAX, |_| true) {
            self.fail(
                given,
                Error::input(format!(
                    "{} holds no JPEG, PNG or WebP file.",
                    given.display()
                )),
            );
        }
        Ok(())
    }

    fn pattern(&mut self, given: &Path, pattern: &Pattern) {
        let found = self.walk(&pattern.folder, pattern.depth, |below| {
            pattern.matches(below)
        });
        if !found {
            self.fail(
                given,
                Error::input(format!(
                    "{} matches no JPEG, PNG or WebP file.",
                    given.display()
                )),
            );
        }
    }

    /// Takes the pictures below a folder whose path there is wanted, in the order of their names.
    /// Returns whether there were any, or anything went wrong.
    fn walk(&mut self, folder: &Path, depth: usize, wanted: impl Fn(&Path) -> bool) -> bool {
        let here = if folder == Path::new("") {
            Path::new(".")
        } else {
            folder
        };
        let real = match here.canonicalize() {
            Ok(real) => real,
            Err(error) => {
                self.fail(folder, Error::io(folder, error));
                return true;
            }
        };
        let out = self.out.clone();
        let results = |path: &Path| out.is_some() && path.canonicalize().ok() == out;
        let entries = WalkDir::new(here)
            .follow_links(true)
            .max_depth(depth)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| {
                let passed_over = is_hidden(entry.file_name())
                    || (entry.file_type().is_dir() && results(entry.path()));
                entry.depth() == 0 || !passed_over
            });
        let before = self.found.len() + self.failures.len();
        for entry in entries {
            match entry {
                Ok(entry) => {
                    let below = entry.path().strip_prefix(here).unwrap_or(entry.path());
                    if entry.file_type().is_file() && is_picture(below) && wanted(below) {
                        self.found.push(FoundFile {
                            path: folder.join(below),
                            real: real.join(below),
                        });
                    }
                }
                Err(error) => self.note(error, here, &wanted),
            }
        }
        self.roots.push(real);
        self.found.len() + self.failures.len() > before
    }

    /// Keeps what went wrong while walking, if a picture may be missing for it.
    fn note(&mut self, error: walkdir::Error, folder: &Path, wanted: &impl Fn(&Path) -> bool) {
        let path = error.path().unwrap_or(folder).to_owned();
        // What a link leads back to is found where it is.
        let Some(cause) = error.into_io_error() else {
            return;
        };
        let below = path.strip_prefix(folder).unwrap_or(&path);
        let dangling = cause.kind() == ErrorKind::NotFound;
        if !dangling || (is_picture(below) && wanted(below)) {
            self.fail(&path, Error::io(&path, cause));
        }
    }

    fn fail(&mut self, path: &Path, error: Error) {
        self.failures.push(BadInput {
            path: path.to_owned(),
            error,
        });
    }
}

/// A path with wildcards: `*`, `?`, `[…]`, and `**` for any number of folders.
struct Pattern {
    /// What is before the first folder that has wildcards.
    folder: PathBuf,
    /// For paths below that.
    rest: glob::Pattern,
    /// How far below it can match.
    depth: usize,
}

impl Pattern {
    /// `None` for a path without wildcards.
    fn new(given: &Path) -> Result<Option<Self>> {
        let wildcards = ['*', '?', '['];
        let Some((text, first)) = given
            .to_str()
            .and_then(|text| Some((text, text.find(wildcards)?)))
        else {
            return Ok(None);
        };
        let start = text[..first].rfind('/').map_or(0, |slash| slash + 1);
        let (folder, rest) = text.split_at(start);
        let depth = rest.split('/').count();
        Ok(Some(Self {
            folder: folder.into(),
            depth: if rest.contains("**") {
                usize::MAX
            } else {
                depth
            },
            rest: glob::Pattern::new(rest).map_err(|error| {
                Error::input(format!("{text} is neither a file nor a pattern ({error})."))
            })?,
        }))
    }

    /// Bytes of a name that are not UTF-8 are matched by `*` and `?`, as any others are.
    fn matches(&self, below: &Path) -> bool {
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        let parts = below.components();
        let parts: Vec<_> = parts.map(|p| p.as_os_str().to_string_lossy()).collect();
        self.rest.matches_with(&parts.join("/"), options)
    }
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    ENDINGS.iter().any(|known| ending == *known)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The deepest folder that holds all of these.
fn common_folder(folders: &[PathBuf]) -> PathBuf {
    let mut folders = folders.iter();
    let mut common = folders.next().cloned().unwrap_or_default();
    for folder in folders {
        let shared = common.components().zip(folder.components());
        common = shared.take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    }
    common
}

/// Gives each picture a name of its own.
fn named(found: Vec<FoundFile>, base: &Path, reserved: Option<&str>) -> Vec<Input> {
    let mut pictures: Vec<Input> = found
        .into_iter()
        .map(|FoundFile { path, real }| {
            let below = real.strip_prefix(base).unwrap_or(&real).components();
            // On Windows pictures may lie on several drives.
            let below: PathBuf = below
                .filter(|part| matches!(part, Component::Normal(_)))
                .collect();
            Input {
                name: below.with_extension(""),
                path,
                real,
                below,
            }
        })
        .collect();
    // As file systems compare names that ignore case.
    let key = |name: &Path| name.to_string_lossy().to_lowercase();
    loop {
        let mut owners: HashMap<String, usize> = HashMap::new();
        for name in pictures.iter().map(|picture| key(&picture.name)) {
            *owners.entry(name).or_default() += 1;
        }
        if let Some(reserved) = reserved {
            *owners.entry(reserved.to_lowercase()).or_default() += 1;
        }
        let mut changed = false;
        for picture in &mut pictures {
            if picture.name != picture.below && owners[&key(&picture.name)] > 1 {
                picture.name.clone_from(&picture.below);
                changed = true;
            }
        }
        if !changed {
            return pictures;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The names of the results for these files, of which each is made.
    fn names(files: &[&str], given: &[&str]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let given: Vec<PathBuf> = given.iter().map(|g| directory.path().join(g)).collect();
        let inputs = Inputs::find(&given, &directory.path().join("out"), Some("annotations"));
        let inputs = inputs.unwrap();
        assert!(inputs.failures.is_empty(), "{:?}", inputs.failures);
        let names = inputs.pictures.iter();
        names
            .map(|picture| picture.name.to_string_lossy().replace('\\', "/"))
            .collect()
    }

    #[test]
    fn find_names_results_as_the_pictures_lie() {
        assert_eq!(names(&["a.jpg"], &["a.jpg"]), ["a"]);
        let files = ["a/frame.png", "b/frame.png", "b/c/frame.png"];
        assert_eq!(names(&files, &files), ["a/frame", "b/frame", "b/c/frame"]);
        assert_eq!(names(&files, &["b"]), ["c/frame", "frame"]);
        assert_eq!(names(&files, &["a", "b/c"]), ["a/frame", "b/c/frame"]);
        assert_eq!(names(&files, &["*/frame.png"]), ["a/frame", "b/frame"]);
        assert_eq!(names(&files, &["b/**/*.png"]), ["c/frame", "frame"]);
    }

    #[test]
    fn find_keeps_endings_where_names_would_collide() {
        let files = ["x.jpg", "x.png", "y.png"];
        assert_eq!(names(&files, &files), ["x.jpg", "x.png", "y"]);
        // A name with its ending may be another's without.
        let files = ["x.jpg", "x.png", "x.jpg.webp"];
        assert_eq!(names(&files, &files), files);
        // Not every file system distinguishes these.
        assert_eq!(names(&["X.jpg", "x.png"], &["."]), ["X.jpg", "x.png"]);
        let files = ["annotations.png", "a/annotations.png"];
        assert_eq!(names(&files, &files), ["annotations.png", "a/annotations"]);
    }

    #[test]
    fn find_takes_each_picture_of_a_folder_once() {
        let files = [
            "A.JPG",
            "b.webp",
            "notes.txt",
            ".hidden.jpg",
            ".thumbnails/a.jpg",
            "out/A.overlay.png",
            "odd.png/inside.jpeg",
        ];
        let found = ["A", "b", "odd.png/inside"];
        assert_eq!(names(&files, &["."]), found);
        assert_eq!(names(&files, &[".", "A.JPG", "odd.png"]), found);
        assert_eq!(names(&files, &["*"]), ["A", "b"]);
        assert_eq!(names(&files, &["[Ab].*"]), ["A", "b"]);
    }

    #[test]
    fn find_takes_a_file_with_wildcards_in_its_name() {
        assert_eq!(names(&["[1].jpg", "1.jpg"], &["[1].jpg"]), ["[1]"]);
        assert_eq!(names(&["1.jpg", "2.jpg"], &["[1].jpg"]), ["1"]);
    }

    #[test]
    fn find_reports_what_finds_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at("empty")).unwrap();
        std::fs::write(at("a.jpg"), "x").unwrap();
        let out = at("out");
        let message = |given: &[PathBuf]| {
            let error = Inputs::find(given, &out, None).unwrap_err();
            assert_eq!(error.code(), "input");
            error.to_string()
        };
        assert!(message(&[at("empty")]).contains("holds no"));
        assert!(message(&[at("*.png")]).contains("matches no"));
        assert!(message(&[at("a.jpg[")]).contains("pattern"));
        let inputs = Inputs::find(&[at("empty"), at("a.jpg")], &out, None).unwrap();
        assert_eq!((inputs.pictures.len(), inputs.failures.len()), (1, 1));
        // A picture that is not there fails alone, when it is read.
        let inputs = Inputs::find(&[at("b.jpg"), at("a.jpg")], &out, None).unwrap();
        assert_eq!((inputs.pictures.len(), inputs.failures.len()), (2, 0));
        std::fs::create_dir(&out).unwrap();
        assert!(message(std::slice::from_ref(&out)).contains("--out"));
    }
}
