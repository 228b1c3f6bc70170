//! Classes cut out of their picture, on nothing or on another background.

mod backdrop;
mod decontaminate;
#[cfg(test)]
mod tests;

use super::matte::{Matte, ROWS};
use super::png::encode;
use crate::image::{Picture, allocate};
use crate::parallel::for_each_chunk;
use crate::{Error, Result};
use ::png::ColorType;
use backdrop::Ground;
pub use backdrop::{Backdrop, MAX_BLUR};
use decontaminate::Decontaminator;

/// How classes are cut out.
#[derive(Debug, Clone, Default)]
pub struct CutoutOptions {
    /// How far from the border the alpha may differ from 0 and 255, in pixels;
    /// [`default_feather`](super::default_feather) if `None`. 0 leaves the labels' hard edge.
    pub feather: Option<u32>,
    /// Whether the result is as small as what is seen of it.
    pub trim: bool,
    /// What lies behind.
    pub backdrop: Backdrop,
}

/// Classes cut out of their picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cutout {
    /// Where its left edge is in the picture, in pixels.
    pub x: u32,
    /// Where its upper edge is in the picture, in pixels.
    pub y: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The pixels, `[height, width, 4]`: red, green, blue, and alpha that they are not multiplied
    /// with. Those with an alpha of 0 are 0.
    pub rgba: Vec<u8>,
    /// Whether all of it is opaque, since it has a background.
    pub is_opaque: bool,
}

/// Cuts out of a picture what its matte shows, which was made with this feather.
///
/// Along a soft edge, colours have in them what was behind. It is taken out: a pixel gets the colour
/// of the thing that it is partly of. Where nothing is seen nothing is trimmed.
///
/// # Errors
///
/// [`Error::Input`] if picture and matte differ in size, or a blur is not above 0 and at most
/// [`MAX_BLUR`]; [`Error::OutOfMemory`] if the pixels do not fit in memory.
pub fn cutout(
    picture: &Picture,
    matte: &Matte,
    feather: u32,
    trim: bool,
    backdrop: &Backdrop,
) -> Result<Cutout> {
    if (matte.width(), matte.height()) != (picture.width(), picture.height()) {
        return Err(Error::input(format!(
            "the matte is {}x{} and the picture {}x{}; they must have one size",
            matte.width(),
            matte.height(),
            picture.width(),
            picture.height()
        )));
    }
    let whole = [0, 0, picture.width(), picture.height()];
    let seen = matte.bounding_box().filter(|_| trim);
    let [x, y, width, height] = seen.unwrap_or(whole);
    let ground = Ground::new(backdrop, picture, matte, (width, height))?;
    let decontaminator = Decontaminator::new(picture, matte, feather as usize);
    let mut rgba = allocate(width as usize * height as usize * 4)?;
    let row_bytes = width as usize * 4;
    for_each_chunk(&mut rgba, ROWS * row_bytes, |chunk, rows| {
        for (row, pixels) in rows.chunks_exact_mut(row_bytes).enumerate() {
            let down = chunk * ROWS + row;
            for (across, pixel) in pixels.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let place = (x as usize + across, y as usize + down);
                let (color, alpha) = decontaminator.pixel(place);
                *pixel = ground.under(color, alpha, place, (across, down));
            }
        }
    });
    Ok(Cutout {
        x,
        y,
        width,
        height,
        rgba,
        is_opaque: !matches!(backdrop, Backdrop::Transparent),
    })
}

impl Cutout {
    /// A PNG file, RGBA, or RGB if all of it is opaque.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if it cannot be written as a PNG; [`Error::OutOfMemory`] if the pixels do
    /// not fit in memory.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let size = (self.width, self.height);
        if self.is_opaque {
            encode(size, ColorType::Rgb, &self.rgb()?, |_| ())
        } else {
            encode(size, ColorType::Rgba, &self.rgba, |_| ())
        }
    }

    /// A lossless WebP file.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if it cannot be written as WebP.
    #[cfg(feature = "cli")]
    pub fn to_webp(&self) -> Result<Vec<u8>> {
        use ::image::ExtendedColorType;
        use ::image::codecs::webp::WebPEncoder;

        let mut file = Vec::new();
        let (width, height) = (self.width, self.height);
        let encoder = WebPEncoder::new_lossless(&mut file);
        let written = encoder.encode(&self.rgba, width, height, ExtendedColorType::Rgba8);
        written.map_err(|error| Error::internal(format!("WebP encoder: {error}")))?;
        Ok(file)
    }

    fn rgb(&self) -> Result<Vec<u8>> {
        let mut rgb = allocate(self.rgba.len() / 4 * 3)?;
        let pixels = self.rgba.as_chunks::<4>().0;
        for (target, source) in rgb.chunks_exact_mut(3).zip(pixels) {
            target.copy_from_slice(&source[..3]);
        }
        Ok(rgb)
    }
}
