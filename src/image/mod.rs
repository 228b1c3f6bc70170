//! Pictures: decode, orient, resize, normalise. Independent of CLIP.
//!
//! A [`Picture`] is always upright 8-bit RGB without alpha, whatever the file held, so that
//! everything after it deals with one layout. Embedded colour profiles are not applied: CLIP was
//! trained on pictures read the same way.

mod cell_axis;
mod decode;
mod format;
mod jpeg;
mod orient;
mod resize;
mod webp;

pub use cell_axis::{CellAxis, Interpolation, enlarge};
pub use decode::read_dimensions;
pub use resize::{MAX_CELLS, fit};

use crate::{Error, Result};

/// The most pixels that a picture may have: 64 megapixels, 192 MB as RGB.
pub const MAX_PIXELS: u64 = 64_000_000;

/// The longest side that a picture may have, in pixels.
pub const MAX_SIDE: u32 = 16_384;

/// An upright picture: 8-bit RGB, row-major, no alpha, at least one pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Picture {
    /// Decodes a JPEG, PNG or WebP file, recognised by its content.
    ///
    /// The declared dimensions are checked before anything is decoded. EXIF orientation is
    /// applied, alpha is composited on white, 16 bits become 8 by rounding, grey and palette
    /// become RGB. Of an animation the first frame is taken, transparent where it covers nothing,
    /// but of an APNG the picture that programs without animation show.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the file is of another format, which is named if it is a known
    /// one, or of a kind that is not supported, such as 12 bits for each channel; [`Error::Input`]
    /// if it is empty, cut short or broken, or its size is beyond [`MAX_PIXELS`] or [`MAX_SIDE`];
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        decode::decode(bytes, decode::Orient::Upright)
    }

    /// Decodes like [`Picture::decode`] but leaves the pixels in the orientation in which they are
    /// stored: masks of data sets are drawn over those.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the file is of another format, which is named if it is a known
    /// one, or of a kind that is not supported, such as 12 bits for each channel; [`Error::Input`]
    /// if it is empty, cut short or broken, or its size is beyond [`MAX_PIXELS`] or [`MAX_SIDE`];
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    #[cfg(feature = "cli")]
    pub fn decode_as_stored(bytes: &[u8]) -> Result<Self> {
        decode::decode(bytes, decode::Orient::Stored)
    }

    /// A picture from straight (not premultiplied) 8-bit RGBA, as a canvas gives it; alpha is
    /// composited on white.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if `rgba` is not `width * height * 4` bytes, or if the size is zero or
    /// beyond [`MAX_PIXELS`] or [`MAX_SIDE`]; [`Error::OutOfMemory`] if the pixels do not fit in
    /// memory.
    pub fn from_rgba(width: u32, height: u32, rgba: &[u8]) -> Result<Self> {
        let pixels = check_size(width, height)?;
        check_length(rgba.len(), pixels, 4, "RGBA")?;
        let mut rgb = allocate(pixels * 3)?;
        for (target, source) in rgb.chunks_exact_mut(3).zip(rgba.chunks_exact(4)) {
            if let [r, g, b, a] = *source {
                target.copy_from_slice(&on_white([r, g, b], a));
            }
        }
        Ok(Self { width, height, rgb })
    }

    /// A picture from row-major 8-bit RGB.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if `rgb` is not `width * height * 3` bytes, or if the size is zero or
    /// beyond [`MAX_PIXELS`] or [`MAX_SIDE`].
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self> {
        let pixels = check_size(width, height)?;
        check_length(rgb.len(), pixels, 3, "RGB")?;
        Ok(Self { width, height, rgb })
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels: `[height, width, 3]`, row-major.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The pixels as opaque RGBA: `[height, width, 4]`, what a canvas takes.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub fn to_rgba(&self) -> Result<Vec<u8>> {
        let mut rgba = allocate(self.rgb.len() / 3 * 4)?;
        for (target, source) in rgba.chunks_exact_mut(4).zip(self.rgb.chunks_exact(3)) {
            target[..3].copy_from_slice(source);
            target[3] = u8::MAX;
        }
        Ok(rgba)
    }

    /// The picture at another size, antialiased: bicubic with a = -0.5 (Catmull-Rom), the kernel
    /// widened by the scale when shrinking. This is PIL's `BICUBIC`, which CLIP's preprocessing
    /// uses; results agree within one level of 255.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the size is zero or beyond [`MAX_PIXELS`] or [`MAX_SIDE`];
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub fn resize(&self, width: u32, height: u32) -> Result<Self> {
        resize::resize(self, width, height)
    }

    /// The picture at another size, bilinear without antialiasing: each pixel is read between its
    /// four neighbours. This is `OpenCV`'s `INTER_LINEAR`, which mmsegmentation resizes with;
    /// results agree within one level of 255.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the size is zero or beyond [`MAX_PIXELS`] or [`MAX_SIDE`];
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    #[cfg(feature = "cli")]
    pub fn resize_bilinear(&self, width: u32, height: u32) -> Result<Self> {
        resize::resize_bilinear(self, width, height)
    }

    /// The rectangle of `width` by `height` pixels whose top left pixel is `(x, y)`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the rectangle is empty or leaves the picture; [`Error::OutOfMemory`] if
    /// the pixels do not fit in memory.
    pub fn crop(&self, x: u32, y: u32, width: u32, height: u32) -> Result<Self> {
        let inside = |start: u32, length: u32, side: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= side)
        };
        if !inside(x, width, self.width) || !inside(y, height, self.height) {
            return Err(Error::input(format!(
                "the rectangle {width}x{height} at ({x}, {y}) is not inside the picture of {}x{}",
                self.width, self.height
            )));
        }
        let mut rgb = allocate(width as usize * height as usize * 3)?;
        let row_bytes = width as usize * 3;
        let source_rows = self.rgb.chunks_exact(self.width as usize * 3);
        for (target, source) in rgb
            .chunks_exact_mut(row_bytes)
            .zip(source_rows.skip(y as usize))
        {
            let start = x as usize * 3;
            target.copy_from_slice(&source[start..start + row_bytes]);
        }
        Ok(Self { width, height, rgb })
    }

    /// The normalised planes `[3, height, width]`: `(value / 255 - mean) / std` per channel.
    ///
    /// Meant for a picture that [`fit`] has bounded: twelve bytes for each pixel.
    #[must_use]
    pub fn to_planes(&self, mean: [f32; 3], std: [f32; 3]) -> Vec<f32> {
        let pixels = self.rgb.len() / 3;
        let mut planes = Vec::with_capacity(self.rgb.len());
        for (channel, (mean, std)) in mean.into_iter().zip(std).enumerate() {
            let values = self.rgb.iter().skip(channel).step_by(3).take(pixels);
            planes.extend(values.map(|&value| (f32::from(value) / 255.0 - mean) / std));
        }
        planes
    }
}

/// Checks dimensions against the limits and returns the number of pixels.
pub(crate) fn check_size(width: u32, height: u32) -> Result<usize> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(Error::input(format!(
            "a picture of {width}x{height} has no pixels; give one with at least one pixel"
        )));
    }
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(Error::input(format!(
            "the picture is too large: {width}x{height} pixels; at most {} megapixels and \
             {MAX_SIDE} pixels a side can be used. Scale it down first.",
            MAX_PIXELS / 1_000_000
        )));
    }
    usize::try_from(pixels).map_err(|_| Error::out_of_memory(too_little_memory(pixels)))
}

fn check_length(found: usize, pixels: usize, channels: usize, layout: &str) -> Result<()> {
    let wanted = pixels * channels;
    if found == wanted {
        return Ok(());
    }
    Err(Error::input(format!(
        "{layout} data of {found} bytes does not match the given width and height, \
         which need {wanted}"
    )))
}

/// A buffer of zeros whose size comes from the input, or [`Error::OutOfMemory`].
pub(crate) fn allocate(bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer
        .try_reserve_exact(bytes)
        .map_err(|_| Error::out_of_memory(too_little_memory(bytes as u64)))?;
    buffer.resize(bytes, 0);
    Ok(buffer)
}

fn too_little_memory(bytes: u64) -> String {
    format!(
        "not enough memory for {} MB of pixels; use a smaller picture",
        bytes.div_ceil(1_000_000)
    )
}

/// Straight alpha over white, rounded.
fn on_white(rgb: [u8; 3], alpha: u8) -> [u8; 3] {
    let alpha = u32::from(alpha);
    rgb.map(|value| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

#[cfg(test)]
mod tests;
