//! The container of WebP files (RFC 9649), where the decoder is stricter than browsers.

use std::borrow::Cow;
use std::ops::Range;

/// Where the flags of an extended file lie: behind the headers of RIFF and of the chunk VP8X.
const FLAGS: usize = 20;

const PROFILE: u8 = 0x20;
const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const XMP: u8 = 0x04;
const ANIMATION: u8 = 0x02;

/// Whether the file is as long as its header states.
pub(super) fn has_end(bytes: &[u8]) -> bool {
    let declared = bytes.get(4..8).and_then(|size| size.try_into().ok());
    declared.is_some_and(|size| bytes.len() as u64 >= u64::from(u32::from_le_bytes(size)) + 8)
}

/// The file with flags that agree with its chunks.
///
/// The decoder refuses a file that promises metadata without having any, or a transparency that is
/// not there; browsers go by what they find. Animations get a transparent ground: what their first
/// frame does not cover is transparent there.
pub(super) fn with_true_flags(bytes: &[u8]) -> Cow<'_, [u8]> {
    let stated = match bytes.get(FLAGS) {
        Some(flags) if bytes.get(12..16) == Some(b"VP8X") => *flags,
        _ => return Cow::Borrowed(bytes),
    };
    let mut flags = stated & !ALPHA;
    let has = |name: &[u8; 4]| chunks(bytes).any(|(chunk, _)| chunk == name);
    for (flag, chunk) in [(PROFILE, b"ICCP"), (EXIF, b"EXIF"), (XMP, b"XMP ")] {
        if !has(chunk) {
            flags &= !flag;
        }
    }
    if stated & ANIMATION != 0 || has(b"ALPH") || lossless_has_alpha(bytes) {
        flags |= ALPHA;
    }
    if flags == stated {
        return Cow::Borrowed(bytes);
    }
    let mut bytes = bytes.to_vec();
    bytes[FLAGS] = flags;
    Cow::Owned(bytes)
}

/// Whether there is a lossless picture that is declared transparent somewhere: the bit behind its
/// signature, a byte, and its width and height, 14 bits each.
fn lossless_has_alpha(bytes: &[u8]) -> bool {
    chunks(bytes)
        .filter(|(chunk, _)| chunk == b"VP8L")
        .filter_map(|(_, data)| bytes.get(data)?.get(4))
        .any(|byte| byte & 0x10 != 0)
}

/// The chunks of the file: the name of each, and where its data lie.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], Range<usize>)> {
    let mut at = 12;
    std::iter::from_fn(move || {
        let name = bytes.get(at..at + 4)?;
        let length = bytes.get(at + 4..at + 8)?.try_into().ok()?;
        let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
        let start = at + 8;
        // Data of an odd length are followed by a byte of padding.
        at = start.checked_add(length)?.checked_add(length % 2)?;
        Some((name, start..start + length))
    })
}
