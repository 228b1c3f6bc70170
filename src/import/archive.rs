//! The directory of a zip archive as PyTorch writes it: nothing compressed, one volume, no
//! comment at the end.

use std::collections::BTreeMap;

use super::files::{ReadAt, read_range};
use crate::error::{Error, Result};

const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";

/// The longest directory that is read. A large model's has 200 kB.
const MOST_BYTES: u64 = 16 << 20;

/// A file of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    header: u64,
    /// Its length, or `None` if it is compressed.
    stored: Option<u64>,
}

/// The files of an archive, by name.
pub(super) struct Archive {
    members: BTreeMap<String, Member>,
}

fn damaged(what: &str) -> Error {
    Error::model(format!("the archive is damaged ({what})"))
}

fn le<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or_else(|| damaged("it ends too early"))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<usize> {
    le(bytes, at).map(|b| usize::from(u16::from_le_bytes(b)))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u64> {
    le(bytes, at).map(|b| u64::from(u32::from_le_bytes(b)))
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64> {
    le(bytes, at).map(u64::from_le_bytes)
}

/// Bytes that are known to be within the file.
fn read(file: &dyn ReadAt, at: u64, len: u64) -> Result<Vec<u8>> {
    let end = at.checked_add(len).ok_or_else(|| damaged("an offset"))?;
    if end > file.len() {
        return Err(damaged("it ends too early"));
    }
    read_range(file, at, len)
}

impl Archive {
    /// Whether a file begins as an archive does.
    pub(super) fn is(file: &dyn ReadAt) -> Result<bool> {
        Ok(file.len() >= 4 && read(file, 0, 4)? == LOCAL)
    }

    pub(super) fn open(file: &dyn ReadAt) -> Result<Self> {
        let directory = directory(file)?;
        let mut members = BTreeMap::new();
        let mut rest = directory.as_slice();
        while !rest.is_empty() {
            let (name, member, len) = entry(rest)?;
            members.insert(name, member);
            rest = rest.get(len..).unwrap_or_default();
        }
        Ok(Self { members })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Where the contents of a file begin and how long they are.
    pub(super) fn find(&self, file: &dyn ReadAt, name: &str) -> Result<(u64, u64)> {
        let missing = || damaged(&format!("{name} is missing"));
        let member = self.members.get(name).ok_or_else(missing)?;
        let len = member
            .stored
            .ok_or_else(|| damaged(&format!("{name} is compressed")))?;
        let local = read(file, member.header, 30)?;
        if le(&local, 0)? != LOCAL {
            return Err(missing());
        }
        let names = u16_at(&local, 26)? + u16_at(&local, 28)?;
        let start = member.header + 30 + names as u64;
        match start.checked_add(len) {
            Some(end) if end <= file.len() => Ok((start, len)),
            _ => Err(damaged(&format!("{name} reaches past the end"))),
        }
    }
}

/// The bytes of the directory.
fn directory(file: &dyn ReadAt) -> Result<Vec<u8>> {
    let len = file.len();
    let cut = || damaged("its end is missing; download it again");
    let end_at = len.checked_sub(22).ok_or_else(cut)?;
    let end = read(file, end_at, 22)?;
    if le(&end, 0)? != END {
        return Err(cut());
    }
    let locator = match end_at.checked_sub(20) {
        Some(at) => read(file, at, 20)?,
        None => Vec::new(),
    };
    let (size, offset) = if locator.starts_with(&LOCATOR_64) {
        let end = read(file, u64_at(&locator, 8)?, 56)?;
        if le(&end, 0)? != END_64 {
            return Err(cut());
        }
        (u64_at(&end, 40)?, u64_at(&end, 48)?)
    } else {
        (u32_at(&end, 12)?, u32_at(&end, 16)?)
    };
    if size > MOST_BYTES {
        return Err(damaged("its directory is too long"));
    }
    read(file, offset, size)
}

/// An entry of the directory, and how long it is.
fn entry(bytes: &[u8]) -> Result<(String, Member, usize)> {
    if le(bytes, 0)? != ENTRY {
        return Err(damaged("its directory"));
    }
    let method = u16_at(bytes, 10)?;
    let [mut stored, mut len, mut header] =
        [u32_at(bytes, 20)?, u32_at(bytes, 24)?, u32_at(bytes, 42)?];
    let (name_len, extra_len) = (u16_at(bytes, 28)?, u16_at(bytes, 30)?);
    let total = 46 + name_len + extra_len + u16_at(bytes, 32)?;
    let name = bytes.get(46..46 + name_len);
    let name = name
        .and_then(|name| str::from_utf8(name).ok())
        .ok_or_else(|| damaged("a name"))?;
    // What has no room in 32 bits follows in an extra field, in this order.
    let mut extra = bytes
        .get(46 + name_len..46 + name_len + extra_len)
        .unwrap_or_default();
    while let (Ok(id), Ok(size)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        if id == 1 {
            let mut at = 4;
            for value in [&mut len, &mut stored, &mut header] {
                if *value == u64::from(u32::MAX) {
                    *value = u64_at(extra, at)?;
                    at += 8;
                }
            }
        }
        extra = extra.get(4 + size..).unwrap_or_default();
    }
    let plain = method == 0 && stored == len && u16_at(bytes, 8)? & 1 == 0;
    let member = Member {
        header,
        stored: plain.then_some(len),
    };
    Ok((name.to_owned(), member, total))
}
