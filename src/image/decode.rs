//! From an encoded file to an upright RGB picture.

use std::borrow::Cow;
use std::io::Cursor;

use ::image::metadata::Orientation;
use ::image::{ColorType, ImageDecoder, ImageError, ImageReader, Limits};

use super::format::PictureFormat;
use super::{Picture, allocate, check_size, jpeg, on_white, orient};
use crate::{Error, Result};

/// The most memory that a decoder may allocate: 64 megapixels of 16-bit RGBA.
const MAX_DECODER_BYTES: u64 = 512 * 1024 * 1024;

/// The width and height that [`Picture::decode`] would give, from the headers alone.
///
/// # Errors
///
/// [`Error::Unsupported`] if the file is of another format or of a kind that is not supported;
/// [`Error::Input`] if it is empty, its headers are cut short or broken, or its size is beyond
/// [`MAX_PIXELS`](super::MAX_PIXELS) or [`MAX_SIDE`](super::MAX_SIDE).
pub fn read_dimensions(bytes: &[u8]) -> Result<(u32, u32)> {
    let format = PictureFormat::from_bytes(bytes)?;
    let bytes = format.for_decoder(bytes);
    let mut decoder = open(&bytes, format)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if orient::swaps_sides(orientation_of(&mut decoder, &bytes, format)) {
        return Ok((height, width));
    }
    Ok((width, height))
}

/// Which way up a decoded picture is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Orient {
    /// Turned by its EXIF data.
    Upright,
    /// As its pixels are stored.
    #[cfg(feature = "cli")]
    Stored,
}

pub(super) fn decode(bytes: &[u8], orient: Orient) -> Result<Picture> {
    let format = PictureFormat::from_bytes(bytes)?;
    if !format.is_complete(bytes) {
        return Err(cut_short(format));
    }
    let bytes = format.for_decoder(bytes);
    let mut decoder = open(&bytes, format)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let orientation = match orient {
        Orient::Upright => orientation_of(&mut decoder, &bytes, format),
        #[cfg(feature = "cli")]
        Orient::Stored => Orientation::NoTransforms,
    };
    let color = decoder.color_type();
    let length = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    let mut stored = allocate(length)?;
    decoder
        .read_image(&mut stored)
        .map_err(|error| explain(format, &error))?;
    if color == ColorType::Rgb8 && orientation == Orientation::NoTransforms {
        return Picture::from_rgb(width, height, stored);
    }
    to_upright_rgb((width, height), color, orientation, &stored)
}

fn open(bytes: &[u8], format: PictureFormat) -> Result<impl ImageDecoder> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.codec());
    reader.limits(limits);
    reader
        .into_decoder()
        .map_err(|error| explain(format, &error))
}

/// The EXIF orientation; unreadable EXIF data must not make the picture unreadable.
fn orientation_of(
    decoder: &mut impl ImageDecoder,
    bytes: &[u8],
    format: PictureFormat,
) -> Orientation {
    let exif = match format {
        // Of several blocks the decoder takes the last.
        PictureFormat::Jpeg => jpeg::exif(bytes).map(Cow::Borrowed),
        PictureFormat::Png | PictureFormat::Webp => {
            decoder.exif_metadata().ok().flatten().map(Cow::Owned)
        }
    };
    exif.and_then(|exif| {
        // What only JPEG files should begin with stands in others, too.
        Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif))
    })
    .unwrap_or(Orientation::NoTransforms)
}

fn to_upright_rgb(
    (width, height): (u32, u32),
    color: ColorType,
    orientation: Orientation,
    stored: &[u8],
) -> Result<Picture> {
    let read = pixel_reader(color).ok_or_else(|| {
        Error::unsupported(format!(
            "Pictures with pixels of the kind {color:?} are not supported. \
             Save it with 8 or 16 bits for each channel."
        ))
    })?;
    let bytes_per_pixel = usize::from(color.bytes_per_pixel());
    let size = (width as usize, height as usize);
    let (shown_width, shown_height) = if orient::swaps_sides(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    let mut rgb = allocate(size.0 * size.1 * 3)?;
    for (y, row) in rgb.chunks_exact_mut(shown_width as usize * 3).enumerate() {
        for (x, target) in row.chunks_exact_mut(3).enumerate() {
            let (sx, sy) = orient::source_of(orientation, size, (x, y));
            let start = (sy * size.0 + sx) * bytes_per_pixel;
            target.copy_from_slice(&read(&stored[start..start + bytes_per_pixel]));
        }
    }
    Picture::from_rgb(shown_width, shown_height, rgb)
}

/// Makes RGB of one stored pixel.
type PixelReader = fn(&[u8]) -> [u8; 3];

fn pixel_reader(color: ColorType) -> Option<PixelReader> {
    Some(match color {
        ColorType::L8 => |p| [p[0]; 3],
        ColorType::La8 => |p| on_white([p[0]; 3], p[1]),
        ColorType::Rgb8 => |p| [p[0], p[1], p[2]],
        ColorType::Rgba8 => |p| on_white([p[0], p[1], p[2]], p[3]),
        ColorType::L16 => |p| [narrow(p, 0); 3],
        ColorType::La16 => |p| on_white([narrow(p, 0); 3], narrow(p, 1)),
        ColorType::Rgb16 => |p| [narrow(p, 0), narrow(p, 1), narrow(p, 2)],
        ColorType::Rgba16 => |p| on_white([narrow(p, 0), narrow(p, 1), narrow(p, 2)], narrow(p, 3)),
        _ => return None,
    })
}

/// A native-endian 16-bit channel as 8 bits, rounded.
fn narrow(pixel: &[u8], channel: usize) -> u8 {
    let value = u16::from_ne_bytes([pixel[channel * 2], pixel[channel * 2 + 1]]);
    ((u32::from(value) + 128) / 257) as u8
}

fn cut_short(format: PictureFormat) -> Error {
    Error::input(format!(
        "This {} file is cut short: its end is missing. Copy or download it again.",
        format.name()
    ))
}

/// A decoder's error in words for people.
fn explain(format: PictureFormat, error: &ImageError) -> Error {
    let name = format.name();
    match error {
        ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            cut_short(format)
        }
        ImageError::Limits(_) => Error::input(format!(
            "This {name} file asks for more memory than a picture may use. Scale it down first."
        )),
        ImageError::Unsupported(_) => format.unsupported(&format!("is of another kind ({error})")),
        _ => Error::input(format!(
            "This {name} file is broken ({error}). Copy or download it again."
        )),
    }
}
