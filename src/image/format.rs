//! What kind of file it is, by its first bytes, and whether it can be decoded and is all there.

use std::borrow::Cow;

use ::image::ImageFormat;

use super::{jpeg, webp};
use crate::{Error, Result};

/// The advice for a file that cannot be used.
const SUPPORTED: &str = "Use a JPEG, PNG or WebP picture.";

/// The advice for a file that another program may be able to use.
const SAVE_AGAIN: &str =
    "Open it in a program that shows it and save it as an ordinary JPEG, PNG or WebP picture.";

/// A format that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PictureFormat {
    Jpeg,
    Png,
    Webp,
}

impl PictureFormat {
    /// Recognises the format.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the file is empty; [`Error::Unsupported`] if it is of another format, or
    /// has what the decoder lacks.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let format = Self::by_signature(bytes)?;
        let lacking = match format {
            Self::Jpeg => jpeg::unsupported(bytes),
            Self::Png => (bytes.get(12..16) == Some(b"CgBI"))
                .then(|| "is in Apple's own variant, CgBI".into()),
            Self::Webp => None,
        };
        match lacking {
            Some(what) => Err(format.unsupported(&what)),
            None => Ok(format),
        }
    }

    fn by_signature(bytes: &[u8]) -> Result<Self> {
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
        Err(Error::unsupported(match other_format(bytes) {
            Some(name) => {
                format!("This file is in the format {name}, which is not supported. {SAVE_AGAIN}")
            }
            None => format!("This is not a picture in a known format. {SUPPORTED}"),
        }))
    }

    /// The error for a file of this format that `what`, such as "has 12 bits for each channel".
    pub(super) fn unsupported(self, what: &str) -> Error {
        Error::unsupported(format!(
            "This {} file {what}, which is not supported. {SAVE_AGAIN}",
            self.name()
        ))
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
            Self::Jpeg => jpeg::has_end(bytes),
            Self::Png => true,
            Self::Webp => webp::has_end(bytes),
        }
    }

    /// The file as the decoder takes it.
    pub(super) fn for_decoder(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Jpeg | Self::Png => Cow::Borrowed(bytes),
            Self::Webp => webp::with_true_flags(bytes),
        }
    }
}

/// Names formats that people try, so that the message can name what they have.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
    /// What files of a format begin with.
    const SIGNATURES: &[(&[u8], &str)] = &[
        (b"GIF8", "GIF"),
        (b"BM", "BMP"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"II+\0", "TIFF"),
        (b"MM\0+", "TIFF"),
        (b"II\xBC", "JPEG XR"),
        (b"%PDF-", "PDF"),
        (b"%!PS", "PostScript"),
        (&[0xFF, 0x0A], "JPEG XL"),
        (b"\0\0\0\x0cJXL ", "JPEG XL"),
        (b"\0\0\0\x0cjP  ", "JPEG 2000"),
        (&[0xFF, 0x4F, 0xFF, 0x51], "JPEG 2000"),
        (&[0, 0, 1, 0], "ICO"),
        (&[0, 0, 2, 0], "CUR"),
        (b"icns", "ICNS"),
        (b"8BPS", "PSD"),
        (b"gimp xcf", "XCF"),
        (b"qoif", "QOI"),
        (b"#?RADIANCE", "Radiance HDR"),
        (&[0x76, 0x2F, 0x31, 0x01], "OpenEXR"),
        (b"DDS ", "DDS"),
        (b"FUJIFILMCCD-RAW", "RAF"),
        (&[0x1A, 0x45, 0xDF, 0xA3], "WebM or Matroska video"),
        (b"PK\x03\x04", "ZIP"),
    ];
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(media_format(bytes));
    }
    let signature = SIGNATURES
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic));
    if let Some((_, name)) = signature {
        return Some(name);
    }
    if is_netpbm(bytes) {
        return Some("PNM");
    }
    looks_like_svg(bytes).then_some("SVG")
}

/// The format of an ISO base media file (ISO/IEC 14496-12), by its brands: the major one says what
/// it is, and where that is a general one, the others do.
fn media_format(bytes: &[u8]) -> &'static str {
    let length = bytes
        .first_chunk()
        .map_or(0, |size| u32::from_be_bytes(*size)) as usize;
    let header = &bytes[..length.clamp(8, bytes.len())];
    let brands = || header[8..].chunks_exact(4);
    let is_any = |names: &[&[u8]]| brands().any(|brand| names.contains(&brand));
    if is_any(&[b"avif", b"avis"]) {
        "AVIF"
    } else if is_any(&[
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1",
    ]) {
        "HEIC"
    } else if is_any(&[b"crx "]) {
        "CR3"
    } else {
        "MP4 video"
    }
}

/// Whether it begins as the Portable Anymap formats do: P, a digit and white space.
fn is_netpbm(bytes: &[u8]) -> bool {
    matches!(bytes, [b'P', b'1'..=b'7', space, ..] if space.is_ascii_whitespace())
}

/// An SVG has no magic number: look for its root element near the beginning of a text file.
fn looks_like_svg(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024)];
    let first = head
        .iter()
        .find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xEF | 0xBB | 0xBF));
    first == Some(&b'<') && head.windows(4).any(|window| window == b"<svg")
}
