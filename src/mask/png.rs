//! PNG files: the labels themselves, an overlay on the picture.

use std::io::Cursor;

use ::png::{
    BitDepth, ColorType, Compression, Decoder, DecodingError, Encoder, EncodingError, Filter,
};

use super::{LabelMap, Legend, UNLABELLED, same_size};
use crate::image::{Picture, allocate, check_size};
use crate::{Error, Result};

/// The label map as an indexed 8-bit PNG: index = class, palette = the legend's colours, index
/// 255 transparent. Reading the indices back gives the labels.
///
/// # Errors
///
/// [`Error::Input`] if the map uses a class that the legend lacks.
pub fn label_png(map: &LabelMap, legend: &Legend) -> Result<Vec<u8>> {
    map.present_in(legend)?;
    let mut palette = vec![0; 256 * 3];
    for (slot, entry) in palette.chunks_exact_mut(3).zip(legend.entries()) {
        slot.copy_from_slice(&entry.color);
    }
    let mut alpha = vec![u8::MAX; 256];
    alpha[usize::from(UNLABELLED)] = 0;
    encode(map.size(), ColorType::Indexed, &map.labels, |encoder| {
        encoder.set_palette(palette);
        encoder.set_trns(alpha);
        compress_labels(encoder);
    })
}

/// The labels as an 8-bit PNG with this palette.
pub(super) fn palette_png(map: &LabelMap, palette: &[[u8; 3]; 256]) -> Result<Vec<u8>> {
    encode(map.size(), ColorType::Indexed, &map.labels, |encoder| {
        encoder.set_palette(palette.as_flattened().to_vec());
        compress_labels(encoder);
    })
}

/// The labels as an 8-bit PNG without colours: grey values.
pub(super) fn grey_png(map: &LabelMap) -> Result<Vec<u8>> {
    encode(
        map.size(),
        ColorType::Grayscale,
        &map.labels,
        compress_labels,
    )
}

/// Labels repeat in long runs and from row to row, which deflate's own search finds best in what is
/// not filtered. Without that search, the files are twenty times as large.
fn compress_labels(encoder: &mut Encoder<&mut Vec<u8>>) {
    encoder.set_compression(Compression::Balanced);
    encoder.set_filter(Filter::NoFilter);
}

/// Reads a label map from a PNG of at most 8 bits, grey or with a palette: the numbers, not the
/// colours, are the labels. What [`label_png`] writes gives back the same map.
///
/// # Errors
///
/// [`Error::Input`] if it is no such PNG, is broken, or has more pixels than a picture may have;
/// [`Error::OutOfMemory`] if the pixels do not fit in memory.
pub fn read_label_png(bytes: &[u8]) -> Result<LabelMap> {
    let broken = |error: DecodingError| {
        Error::input(format!(
            "this label map is no PNG that can be read ({error})."
        ))
    };
    let mut reader = Decoder::new(Cursor::new(bytes))
        .read_info()
        .map_err(broken)?;
    let (width, height) = reader.info().size();
    let (color, depth) = (reader.info().color_type, reader.info().bit_depth);
    let bits = match (color, depth) {
        (ColorType::Grayscale | ColorType::Indexed, BitDepth::One) => 1,
        (ColorType::Grayscale | ColorType::Indexed, BitDepth::Two) => 2,
        (ColorType::Grayscale | ColorType::Indexed, BitDepth::Four) => 4,
        (ColorType::Grayscale | ColorType::Indexed, BitDepth::Eight) => 8,
        _ => {
            return Err(Error::input(
                "a label map is an 8-bit PNG, grey or with a palette; this one has other pixels.",
            ));
        }
    };
    let pixels = check_size(width, height)?;
    let row_bytes = (width as usize * bits).div_ceil(8);
    let mut rows = allocate(row_bytes * height as usize)?;
    reader.next_frame(&mut rows).map_err(broken)?;
    if bits == 8 {
        return LabelMap::new(width, height, rows);
    }
    let mut labels = allocate(pixels)?;
    let rows = rows.chunks_exact(row_bytes);
    for (labels, row) in labels.chunks_exact_mut(width as usize).zip(rows) {
        unpack(row, bits, labels);
    }
    LabelMap::new(width, height, labels)
}

/// Takes samples of fewer than 8 bits apart; the first has a byte's highest bits.
fn unpack(packed: &[u8], bits: usize, samples: &mut [u8]) {
    let mask = u8::MAX >> (8 - bits);
    for (index, sample) in samples.iter_mut().enumerate() {
        let place = index * bits;
        *sample = packed[place / 8] >> (8 - bits - place % 8) & mask;
    }
}

/// The picture with every class painted over it in its colour, as an RGB PNG of the picture's
/// size. `opacity` is 0 (the picture alone) to 1 (the colours alone).
///
/// # Errors
///
/// [`Error::Input`] if picture and map differ in size, if `opacity` is not in 0 to 1, or if the map
/// uses a class that the legend lacks; [`Error::OutOfMemory`] if the pixels do not fit in memory.
pub fn overlay_png(
    map: &LabelMap,
    legend: &Legend,
    picture: &Picture,
    opacity: f32,
) -> Result<Vec<u8>> {
    same_size(map, picture)?;
    map.present_in(legend)?;
    if !(0.0..=1.0).contains(&opacity) {
        return Err(Error::input(format!(
            "an opacity of {opacity} is not between 0 and 1"
        )));
    }
    let mut rgb = allocate(picture.rgb().len())?;
    rgb.copy_from_slice(picture.rgb());
    for (pixel, &label) in rgb.chunks_exact_mut(3).zip(&map.labels) {
        if let Some(entry) = legend.entries().get(usize::from(label)) {
            for (value, color) in pixel.iter_mut().zip(entry.color) {
                let below = f32::from(*value);
                *value = (below + (f32::from(color) - below) * opacity).round() as u8;
            }
        }
    }
    encode(map.size(), ColorType::Rgb, &rgb, |_| ())
}

/// An 8-bit PNG of width and height.
pub(super) fn encode(
    (width, height): (u32, u32),
    color: ColorType,
    data: &[u8],
    set_up: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    // Of photographs, a search would take ten times as long to make files a twentieth smaller.
    encoder.set_compression(Compression::Fast);
    set_up(&mut encoder);
    let write = |encoder: Encoder<&mut Vec<u8>>| -> Result<(), EncodingError> {
        let mut writer = encoder.write_header()?;
        writer.write_image_data(data)?;
        writer.finish()
    };
    write(encoder).map_err(|error| Error::internal(format!("PNG encoder: {error}")))?;
    Ok(file)
}
