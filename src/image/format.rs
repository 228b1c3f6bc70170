//! What kind of file it is, by its first bytes, and whether it is all there.

use ::image::ImageFormat;

use crate::{Error, Result};

/// What people are told when a file cannot be used.
const SUPPORTED: &str = "Use a JPEG, PNG or WebP picture.";

/// A format that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    Webp,
}

impl Format {
    /// Recognises the format.
    pub(super) fn of(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::input(format!("The file is empty. {SUPPORTED}")));
        }
        if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
            return Ok(Self::Jpeg);
        }
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Ok(Self::Png);
        }
        if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            return Ok(Self::Webp);
        }
        Err(Error::input(match other_format(bytes) {
            Some(name) => format!("This is a file in the {name} format. {SUPPORTED}"),
            None => format!("This is not a picture in a known format. {SUPPORTED}"),
        }))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
        }
    }

    pub(super) fn codec(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::Webp => ImageFormat::WebP,
        }
    }

    /// Whether the file has the end that its own structure promises.
    ///
    /// The JPEG decoder fills what is missing with grey, and the WebP decoder may do likewise, so
    /// this has to be known before. The PNG decoder reports it itself.
    pub(super) fn is_complete(self, bytes: &[u8]) -> bool {
        match self {
            Self::Jpeg => jpeg_has_end(bytes),
            Self::Png => true,
            Self::Webp => riff_has_end(bytes),
        }
    }
}

/// Names formats that people try, so that the message can say what they have.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if bytes.get(4..8) == Some(b"ftyp") {
        return match bytes.get(8..12)? {
            b"avif" | b"avis" => Some("AVIF"),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
                Some("HEIC")
            }
            _ => Some("MP4 video"),
        };
    }
    if starts(b"GIF8") {
        Some("GIF")
    } else if starts(b"BM") {
        Some("BMP")
    } else if starts(b"II*\0") || starts(b"MM\0*") {
        Some("TIFF")
    } else if starts(b"%PDF-") {
        Some("PDF")
    } else if starts(&[0xFF, 0x0A]) || starts(b"\0\0\0\x0cJXL ") {
        Some("JPEG XL")
    } else if starts(&[0, 0, 1, 0]) {
        Some("ICO")
    } else if looks_like_svg(bytes) {
        Some("SVG")
    } else {
        None
    }
}

/// An SVG has no magic number: look for its root element near the beginning of a text file.
fn looks_like_svg(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024)];
    let first = head
        .iter()
        .find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xEF | 0xBB | 0xBF));
    first == Some(&b'<') && head.windows(4).any(|window| window == b"<svg")
}

/// Whether the end-of-image marker comes, walking segment by segment (ITU-T T.81, annex B.1).
///
/// Segments are skipped by their length, so the end marker of a thumbnail inside EXIF data does
/// not count.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    const RESTART: std::ops::RangeInclusive<u8> = 0xD0..=0xD7;
    let mut rest = bytes.get(2..).unwrap_or_default();
    // Outside segments, that is in entropy-coded data or in padding, a marker is the first 0xFF
    // that is not followed by a stuffed zero or by another 0xFF.
    while let Some(start) = rest
        .windows(2)
        .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF))
    {
        let marker = rest[start + 1];
        rest = &rest[start + 2..];
        if marker == 0xD9 {
            return true;
        }
        if RESTART.contains(&marker) || matches!(marker, 0x01 | 0xD8) {
            continue;
        }
        let Some(&[high, low]) = rest.first_chunk() else {
            return false;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

/// Whether a RIFF file is as long as its header says.
fn riff_has_end(bytes: &[u8]) -> bool {
    let declared = bytes.get(4..8).and_then(|size| size.try_into().ok());
    declared.is_some_and(|size| bytes.len() as u64 >= u64::from(u32::from_le_bytes(size)) + 8)
}
