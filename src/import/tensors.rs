//! Tensors in files, by name, read when they are asked for.

use std::collections::BTreeMap;
use std::ops::Range;

use half::{bf16, f16};

use super::files::ReadAt;
use crate::error::{Error, Result};

/// How many numbers are converted at a time: memory is then what the f32 need, and little more.
const CHUNK: usize = 1 << 17;

/// What a tensor's numbers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Number {
    F32,
    F16,
    Bf16,
    /// Rounded to f32, as PyTorch does when it loads them into a model of f32.
    F64,
    /// A type that no weight of a CLIP has, by its name in the file.
    Other(String),
}

impl Number {
    pub(super) fn bytes(&self) -> Option<usize> {
        match self {
            Self::F32 => Some(4),
            Self::F16 | Self::Bf16 => Some(2),
            Self::F64 => Some(8),
            Self::Other(_) => None,
        }
    }
}

/// Where a tensor lies. Whoever makes one has checked that it is within its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorEntry {
    pub(super) number: Number,
    pub(super) shape: Vec<usize>,
    /// Numbers from one to the next along each axis; `None` if they lie row by row.
    pub(super) strides: Option<Vec<usize>>,
    /// Byte of the file at which the first number is.
    pub(super) start: u64,
}

struct OpenFile {
    name: String,
    file: Box<dyn ReadAt>,
}

/// The tensors of one file, or of several that make up a model.
pub(crate) struct Tensors {
    title: String,
    scripted: bool,
    files: Vec<OpenFile>,
    entries: BTreeMap<String, (usize, TensorEntry)>,
}

impl std::fmt::Debug for Tensors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tensors")
            .field("title", &self.title)
            .field("scripted", &self.scripted)
            .field("tensors", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl Tensors {
    pub(super) fn from_file(
        name: &str,
        file: Box<dyn ReadAt>,
        entries: impl IntoIterator<Item = (String, TensorEntry)>,
    ) -> Self {
        Self {
            title: name.to_owned(),
            scripted: false,
            files: vec![OpenFile {
                name: name.to_owned(),
                file,
            }],
            entries: entries.into_iter().map(|(n, e)| (n, (0, e))).collect(),
        }
    }

    /// A model without tensors, for [`Tensors::adopt`].
    pub(super) fn titled(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            scripted: false,
            files: Vec::new(),
            entries: BTreeMap::new(),
        }
    }

    /// Takes over those tensors of a shard that the index lists.
    pub(super) fn adopt(&mut self, mut shard: Self, wanted: &[String]) -> Result<()> {
        for name in wanted {
            let (_, entry) = shard.entries.remove(name).ok_or_else(|| {
                Error::model(format!(
                    "{} lacks the tensor {name}, which {} says it has.",
                    shard.title, self.title
                ))
            })?;
            self.entries.insert(name.clone(), (self.files.len(), entry));
        }
        self.files.append(&mut shard.files);
        Ok(())
    }

    /// Sets whether they come from a `TorchScript` archive.
    #[cfg(feature = "cli")]
    pub(super) fn scripted(mut self, scripted: bool) -> Self {
        self.scripted = scripted;
        self
    }

    /// Whether the file is a program that carries its weights (`TorchScript`) and not just weights.
    #[cfg(feature = "cli")]
    pub(super) fn is_scripted(&self) -> bool {
        self.scripted
    }

    /// What to call them in a sentence.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|(_, e)| e.shape.as_slice())
    }

    /// If `marker` is found behind a prefix (`module.`, `state_dict.`), leaves only the tensors
    /// with that prefix, without it.
    pub(super) fn rooted_at(mut self, marker: &str) -> Self {
        if self.entries.contains_key(marker) {
            return self;
        }
        let prefixes = self.names().filter_map(|name| {
            let prefix = name.strip_suffix(marker)?;
            prefix.ends_with('.').then(|| prefix.to_owned())
        });
        if let [prefix] = prefixes.collect::<Vec<_>>().as_slice() {
            let all = std::mem::take(&mut self.entries);
            self.entries = all
                .into_iter()
                .filter_map(|(name, at)| Some((name.strip_prefix(prefix)?.to_owned(), at)))
                .collect();
        }
        self
    }

    /// The file that holds a tensor, for a sentence about it.
    pub(super) fn file_of(&self, name: &str) -> &str {
        self.entries
            .get(name)
            .and_then(|(file, _)| self.files.get(*file))
            .map_or(&self.title, |file| &file.name)
    }

    /// Checks that the numbers of a tensor are of a type that can be read.
    pub(super) fn check_number(&self, name: &str) -> Result<()> {
        match self.entries.get(name) {
            Some((_, entry)) if entry.number.bytes().is_none() => {
                Err(unreadable(self.file_of(name), name, &entry.number))
            }
            _ => Ok(()),
        }
    }

    /// A tensor's numbers, row by row.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<f32>> {
        let rows = self.shape(name).and_then(|s| s.first()).copied();
        self.rows(name, 0..rows.unwrap_or(1))
    }

    /// The numbers of some of its rows.
    pub(super) fn rows(&self, name: &str, rows: Range<usize>) -> Result<Vec<f32>> {
        let (file, entry) = self
            .entries
            .get(name)
            .ok_or_else(|| Error::model(format!("{} has no tensor {name}.", self.title)))?;
        let file = self
            .files
            .get(*file)
            .ok_or_else(|| Error::internal("a tensor of no file"))?;
        self.check_number(name)?;
        let cols: usize = entry.shape.iter().skip(1).product();
        let all = entry.shape.first().copied().unwrap_or(1);
        if rows.end > all || rows.start > rows.end {
            return Err(Error::internal(format!("rows {rows:?} of {name}")));
        }
        let part = rows.start * cols..rows.end * cols;
        let values = match &entry.strides {
            None => file.numbers(name, entry, part)?,
            Some(strides) => gather(
                &file.numbers(name, entry, 0..span(entry, strides))?,
                entry,
                strides,
            )
            .get(part)
            .map(<[f32]>::to_vec)
            .ok_or_else(|| Error::internal(format!("too few numbers of {name}")))?,
        };
        if values.iter().all(|v| v.is_finite()) {
            return Ok(values);
        }
        Err(Error::model(format!(
            "{} holds {name} with numbers that are infinite or none. The file is damaged.",
            file.name
        )))
    }
}

/// Numbers from the first to the last of a tensor with strides.
fn span(entry: &TensorEntry, strides: &[usize]) -> usize {
    if entry.shape.contains(&0) {
        return 0;
    }
    let last: usize = entry
        .shape
        .iter()
        .zip(strides)
        .map(|(d, s)| (d - 1) * s)
        .sum();
    last + 1
}

/// Puts numbers that lie in another order row by row.
fn gather(numbers: &[f32], entry: &TensorEntry, strides: &[usize]) -> Vec<f32> {
    let count: usize = entry.shape.iter().product();
    let place = |mut index: usize| {
        let axes = entry.shape.iter().zip(strides).rev();
        axes.fold(0, |at, (size, stride)| {
            let here = index % size;
            index /= size;
            at + here * stride
        })
    };
    (0..count)
        .filter_map(|i| numbers.get(place(i)).copied())
        .collect()
}

fn unreadable(file: &str, name: &str, number: &Number) -> Error {
    let number = match number {
        Number::Other(number) => number,
        _ => "numbers",
    };
    Error::unsupported(format!(
        "{file} holds {name} as {number}; only f32, f16, bf16 and f64 can be read."
    ))
}

impl OpenFile {
    /// Some of the numbers of a tensor, counted from its start.
    fn numbers(&self, name: &str, entry: &TensorEntry, part: Range<usize>) -> Result<Vec<f32>> {
        let size = entry
            .number
            .bytes()
            .ok_or_else(|| unreadable(&self.name, name, &entry.number))?;
        let mut values = Vec::new();
        values.try_reserve_exact(part.len()).map_err(|_| {
            Error::out_of_memory(format!("{name} of {} finds no room in memory.", self.name))
        })?;
        let mut bytes = vec![0; part.len().min(CHUNK) * size];
        for start in part.clone().step_by(CHUNK) {
            let bytes = &mut bytes[..(part.end - start).min(CHUNK) * size];
            self.file
                .read_at(entry.start + (start * size) as u64, bytes)?;
            convert(&entry.number, bytes, &mut values);
        }
        Ok(values)
    }
}

fn convert(number: &Number, bytes: &[u8], values: &mut Vec<f32>) {
    let (pairs, _) = bytes.as_chunks::<2>();
    match number {
        Number::F32 => {
            let (fours, _) = bytes.as_chunks::<4>();
            values.extend(fours.iter().map(|b| f32::from_le_bytes(*b)));
        }
        Number::F16 => values.extend(pairs.iter().map(|b| f16::from_le_bytes(*b).to_f32())),
        Number::Bf16 => values.extend(pairs.iter().map(|b| bf16::from_le_bytes(*b).to_f32())),
        Number::F64 => {
            let (eights, _) = bytes.as_chunks::<8>();
            values.extend(eights.iter().map(|b| f64::from_le_bytes(*b) as f32));
        }
        Number::Other(_) => {}
    }
}
