//! PyTorch's own files: what `torch.save` writes of a state dict since version 1.6, and
//! `TorchScript` archives.
//!
//! Both are archives with the raw numbers in files of their own and a pickle that lists which
//! tensor is where. A pickle is a program for a small stack machine. The one here executes what state
//! dicts are made of and refuses everything else; it runs nothing and looks nothing up.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::archive::Archive;
use super::files::{ReadAt, read_range};
use super::tensors::{Number, TensorEntry, Tensors};
use crate::error::{Error, Result};

/// The longest pickle that is read. That of a large model has 500 kB.
const MOST_PICKLE_BYTES: u64 = 8 << 20;

/// The longest name of a tensor, its path through nested dicts included.
const LONGEST_NAME: usize = 512;

/// The most axes of a tensor.
const MOST_AXES: usize = 8;

/// Reads which tensors a file holds. Names of nested dicts and modules are joined by dots.
pub(crate) fn open(name: &str, file: Box<dyn ReadAt>) -> Result<Tensors> {
    let named = |e: Error| e.context(format_args!("{name} cannot be read"));
    if !Archive::is(&*file).map_err(named)? {
        return Err(Error::unsupported(format!(
            "{name} is not in the format that PyTorch has written since version 1.6. Save the model as safetensors, or import a revision that has it so: for many models the hub offers one as a pull request, refs/pr/N."
        )));
    }
    let (entries, scripted) = read_archive(&*file).map_err(named)?;
    Ok(Tensors::from_file(name, file, entries).scripted(scripted))
}

fn read_archive(file: &dyn ReadAt) -> Result<(BTreeMap<String, TensorEntry>, bool)> {
    let archive = Archive::open(file)?;
    let pickle = |name: &&str| name.ends_with("/data.pkl") && name.matches('/').count() == 1;
    let pickle = archive
        .names()
        .find(pickle)
        .ok_or_else(|| bad("it holds no data.pkl"))?
        .to_owned();
    let root = pickle.trim_end_matches("data.pkl");
    let scripted = archive.names().any(|n| n == format!("{root}constants.pkl"));
    if let Ok((at, len)) = archive.find(file, &format!("{root}byteorder"))
        && read_range(file, at, len.min(16))? != b"little"
    {
        return Err(bad("its numbers are big-endian"));
    }
    let (at, len) = archive.find(file, &pickle)?;
    if len > MOST_PICKLE_BYTES {
        return Err(bad("its data.pkl is too long"));
    }
    let program = read_range(file, at, len)?;
    let mut machine = Machine {
        rest: &program,
        find: &|key| archive.find(file, &format!("{root}data/{key}")),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    match machine.run()? {
        Value::Dict(entries) if !entries.is_empty() => {
            let entries = entries
                .into_iter()
                .map(|(name, entry)| (name, (*entry).clone()));
            Ok((entries.collect(), scripted))
        }
        _ => Err(bad("it holds no state dict")),
    }
}

fn bad(what: &str) -> Error {
    Error::model(what)
}

type TensorsByName = BTreeMap<String, Rc<TensorEntry>>;

/// What can be on the stack. Tuples hold no tuples, and dicts hold tensors only, so that no value
/// nests however a pickle is made.
#[derive(Debug, Clone)]
enum Value {
    /// What a state dict does not need.
    Other,
    Int(i64),
    Text(Rc<str>),
    Global(Rc<str>),
    Ints(Rc<[i64]>),
    Tuple(Rc<[Value]>),
    Storage(Rc<Storage>),
    Tensor(Rc<TensorEntry>),
    /// A dict or a module: its tensors and those of the dicts and modules in it.
    Dict(TensorsByName),
}

#[derive(Debug)]
struct Storage {
    number: Number,
    start: u64,
    bytes: u64,
}

struct Machine<'a> {
    rest: &'a [u8],
    /// Where the storage of a key begins, and its bytes.
    find: &'a dyn Fn(&str) -> Result<(u64, u64)>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Value> {
        loop {
            match self.byte()? {
                // PROTO
                0x80 => {
                    self.byte()?;
                }
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' | 0x88 | 0x89 | b']' => self.stack.push(Value::Other),
                b'}' => self.stack.push(Value::Dict(TensorsByName::new())),
                // BINFLOAT
                b'G' => {
                    self.take(8)?;
                    self.stack.push(Value::Other);
                }
                b'K' => self.int(1)?,
                b'M' => self.int(2)?,
                b'J' => self.int(4)?,
                // LONG1
                0x8a => {
                    let len = self.byte()?;
                    self.int(usize::from(len))?;
                }
                // BINUNICODE
                b'X' => {
                    let len = self.u32()? as usize;
                    let text = str::from_utf8(self.take(len)?).map_err(|_| bad("a text"))?;
                    self.stack.push(Value::Text(text.into()));
                }
                // GLOBAL
                b'c' => {
                    let name = format!("{}.{}", self.line()?, self.line()?);
                    self.stack.push(Value::Global(name.into()));
                }
                // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
                b'q' => {
                    let place = u32::from(self.byte()?);
                    self.put(place)?;
                }
                b'r' => {
                    let place = self.u32()?;
                    self.put(place)?;
                }
                b'h' => {
                    let place = u32::from(self.byte()?);
                    self.get(place)?;
                }
                b'j' => {
                    let place = self.u32()?;
                    self.get(place)?;
                }
                b')' => self.tuple(self.stack.len())?,
                // TUPLE1, TUPLE2, TUPLE3
                n @ 0x85..=0x87 => {
                    let from = self.stack.len().checked_sub(usize::from(n - 0x84));
                    self.tuple(from.ok_or_else(|| bad("its stack"))?)?;
                }
                b't' => {
                    let from = self.mark()?;
                    self.tuple(from)?;
                }
                // APPEND, APPENDS: no list holds weights
                b'a' => drop(self.pop()?),
                b'e' => {
                    let from = self.mark()?;
                    self.stack.truncate(from);
                }
                // SETITEM, SETITEMS
                b's' => {
                    let from = self.stack.len().checked_sub(2);
                    self.set_items(from.ok_or_else(|| bad("its stack"))?)?;
                }
                b'u' => {
                    let from = self.mark()?;
                    self.set_items(from)?;
                }
                b'Q' => self.persistent()?,
                b'R' => self.reduce()?,
                // NEWOBJ
                0x81 => self.new_object()?,
                b'b' => self.build()?,
                other => {
                    return Err(bad(&format!(
                        "its pickle has the instruction {other:#04x}, which a state dict does not need"
                    )));
                }
            }
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| bad("its pickle ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b)))
    }

    fn line(&mut self) -> Result<String> {
        let len = self.rest.iter().position(|b| *b == b'\n');
        let line = self.take(len.unwrap_or(self.rest.len()) + 1)?;
        let line = str::from_utf8(&line[..line.len() - 1]);
        line.map(String::from).map_err(|_| bad("a name"))
    }

    /// A little-endian number; those of four and eight bytes have a sign, and nothing here does.
    fn int(&mut self, bytes: usize) -> Result<()> {
        let bytes = self.take(bytes)?;
        let value = if bytes.len() > 8 || (bytes.len() > 2 && bytes.last() > Some(&0x7f)) {
            Value::Other
        } else {
            Value::Int(bytes.iter().rev().fold(0, |n, b| n << 8 | i64::from(*b)))
        };
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value> {
        let above = self
            .marks
            .last()
            .is_none_or(|mark| self.stack.len() > *mark);
        let value = if above { self.stack.pop() } else { None };
        value.ok_or_else(|| bad("its stack is empty"))
    }

    fn mark(&mut self) -> Result<usize> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        mark.ok_or_else(|| bad("a mark is missing"))
    }

    fn put(&mut self, place: u32) -> Result<()> {
        let kept = match self.stack.last().ok_or_else(|| bad("its stack is empty"))? {
            // No state dict has a dict in two places.
            Value::Dict(_) => Value::Other,
            value => value.clone(),
        };
        self.memo.insert(place, kept);
        Ok(())
    }

    fn get(&mut self, place: u32) -> Result<()> {
        let value = self.memo.get(&place).ok_or_else(|| bad("its memory"))?;
        self.stack.push(value.clone());
        Ok(())
    }

    fn tuple(&mut self, from: usize) -> Result<()> {
        if self.marks.last().is_some_and(|mark| from < *mark) {
            return Err(bad("its stack"));
        }
        let mut parts: Vec<Value> = self.stack.drain(from..).collect();
        let ints = parts.iter().map(|part| match part {
            Value::Int(n) => Some(*n),
            _ => None,
        });
        let value = match ints.collect::<Option<Vec<i64>>>() {
            Some(ints) => Value::Ints(ints.into()),
            None => {
                for part in &mut parts {
                    if matches!(part, Value::Tuple(_) | Value::Dict(_)) {
                        *part = Value::Other;
                    }
                }
                Value::Tuple(parts.into())
            }
        };
        self.stack.push(value);
        Ok(())
    }

    /// Puts the pairs from a place of the stack on into the dict below it.
    fn set_items(&mut self, from: usize) -> Result<()> {
        let items: Vec<Value> = self.stack.drain(from..).collect();
        let into = self
            .stack
            .last_mut()
            .ok_or_else(|| bad("its stack is empty"))?;
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            let (Value::Dict(into), Value::Text(key)) = (&mut *into, key) else {
                continue;
            };
            match value {
                Value::Tensor(entry) => insert(into, &key, "", entry)?,
                Value::Dict(inner) => {
                    for (name, entry) in inner {
                        insert(into, &key, &name, entry)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A storage: `('storage', type, key, device, length)`.
    fn persistent(&mut self) -> Result<()> {
        let Value::Tuple(id) = self.pop()? else {
            return Err(bad("a storage"));
        };
        let [_, Value::Global(kind), Value::Text(key), ..] = &id[..] else {
            return Err(bad("a storage"));
        };
        let number = match &**kind {
            "torch.FloatStorage" => Number::F32,
            "torch.HalfStorage" => Number::F16,
            "torch.BFloat16Storage" => Number::Bf16,
            "torch.DoubleStorage" => Number::F64,
            other => Number::Other(other.chars().skip("torch.".len()).take(40).collect()),
        };
        if key.len() > LONGEST_NAME {
            return Err(bad("a storage"));
        }
        let (start, bytes) = (self.find)(key)?;
        let storage = Storage {
            number,
            start,
            bytes,
        };
        self.stack.push(Value::Storage(Rc::new(storage)));
        Ok(())
    }

    fn reduce(&mut self) -> Result<()> {
        let arguments = self.pop()?;
        let Value::Global(function) = self.pop()? else {
            return Err(bad("a call of nothing"));
        };
        let arguments: &[Value] = match &arguments {
            Value::Tuple(arguments) => arguments,
            _ => &[],
        };
        let value = match &*function {
            "collections.OrderedDict" => Value::Dict(TensorsByName::new()),
            "torch._utils._rebuild_tensor_v2" => tensor(arguments)?,
            "torch._utils._rebuild_parameter" => arguments.first().cloned().unwrap_or(Value::Other),
            // The lists of numbers of a TorchScript module.
            typed if typed.starts_with("torch.jit._pickle.") => Value::Other,
            other => return Err(unknown(other)),
        };
        self.stack.push(value);
        Ok(())
    }

    /// A module of a `TorchScript` archive.
    fn new_object(&mut self) -> Result<()> {
        self.pop()?;
        match self.pop()? {
            Value::Global(class) if class.starts_with("__torch__.") => {
                self.stack.push(Value::Dict(TensorsByName::new()));
                Ok(())
            }
            Value::Global(class) => Err(unknown(&class)),
            _ => Err(bad("an object of no class")),
        }
    }

    /// A module's state, or the notes beside an ordered dict, which hold no tensors.
    fn build(&mut self) -> Result<()> {
        let state = self.pop()?;
        if let (Value::Dict(state), Some(Value::Dict(into))) = (state, self.stack.last_mut()) {
            for (name, entry) in state {
                insert(into, &name, "", entry)?;
            }
        }
        Ok(())
    }
}

fn unknown(what: &str) -> Error {
    let what: String = what.chars().take(120).collect();
    bad(&format!(
        "it needs {what}, which a state dict does not. Save the model's state_dict() alone"
    ))
}

fn insert(into: &mut TensorsByName, name: &str, inner: &str, entry: Rc<TensorEntry>) -> Result<()> {
    if name.len() + inner.len() >= LONGEST_NAME {
        return Err(bad("a tensor's name is too long"));
    }
    let dot = if inner.is_empty() { "" } else { "." };
    match into.insert(format!("{name}{dot}{inner}"), entry) {
        None => Ok(()),
        Some(_) => Err(bad("two tensors have one name")),
    }
}

/// `(storage, offset, shape, strides, …)`, checked against what the storage holds.
fn tensor(arguments: &[Value]) -> Result<Value> {
    let [
        Value::Storage(storage),
        Value::Int(offset),
        Value::Ints(shape),
        Value::Ints(strides),
        ..,
    ] = arguments
    else {
        return Err(bad("a tensor"));
    };
    let sizes = |ints: &[i64]| -> Option<Vec<usize>> {
        if ints.len() > MOST_AXES {
            return None;
        }
        ints.iter().map(|n| usize::try_from(*n).ok()).collect()
    };
    let outside = || bad("a tensor reaches past its storage");
    let (Some(shape), Some(strides)) = (sizes(shape), sizes(strides)) else {
        return Err(outside());
    };
    let mut entry = TensorEntry {
        number: storage.number.clone(),
        shape,
        strides: None,
        start: storage.start,
    };
    // What cannot be read anyway is kept for its name.
    let Some(size) = entry.number.bytes() else {
        return Ok(Value::Tensor(Rc::new(entry)));
    };
    let offset = u64::try_from(*offset).map_err(|_| outside())?;
    let held = (storage.bytes / size as u64).checked_sub(offset);
    let held = held
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(outside)?;
    let product = |sizes: &[usize]| sizes.iter().try_fold(1usize, |n, s| n.checked_mul(*s));
    let count = product(&entry.shape).ok_or_else(outside)?;
    let mut row_by_row = true;
    let mut last = 0usize;
    for (axis, stride) in strides.iter().enumerate() {
        let length = entry.shape.get(axis).copied().ok_or_else(outside)?;
        row_by_row &= length == 1 || product(&entry.shape[axis + 1..]) == Some(*stride);
        let reach = length.saturating_sub(1).checked_mul(*stride);
        last = reach
            .and_then(|r| last.checked_add(r))
            .ok_or_else(outside)?;
    }
    // No more numbers than the storage has: a tensor that repeats some could claim any size.
    if strides.len() != entry.shape.len() || count > held || (count > 0 && last >= held) {
        return Err(outside());
    }
    entry.start += offset * size as u64;
    entry.strides = (!row_by_row).then_some(strides);
    Ok(Value::Tensor(Rc::new(entry)))
}
