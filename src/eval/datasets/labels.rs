//! From masks in PNG files to classes.

use std::io::Cursor;
use std::path::Path;

use ::png::{BitDepth, ColorType, Decoder, Transformations};

use super::{IGNORED, files};
use crate::error::{Error, Result};
use crate::image::allocate;

/// Which class each label is.
#[derive(Debug)]
pub(super) struct LabelTable(Box<[Option<u8>; 256]>);

impl LabelTable {
    /// From pairs of label and class. 255 is not counted, and other labels are errors.
    pub(super) fn new(pairs: impl IntoIterator<Item = (u8, u8)>) -> Self {
        let mut table = Box::new([None; 256]);
        table[usize::from(IGNORED)] = Some(IGNORED);
        for (label, class) in pairs {
            table[usize::from(label)] = Some(class);
        }
        Self(table)
    }

    /// Labels `0..labels` are classes as they are.
    pub(super) fn same(labels: u8) -> Self {
        Self::new((0..labels).zip(0..))
    }

    /// Labels `1..=classes` are the classes from 0 on; 0 is not counted.
    pub(super) fn zero_ignored(classes: u8) -> Self {
        Self::new((1..=classes).zip(0..).chain([(0, IGNORED)]))
    }

    fn class(&self, label: u16) -> Option<u8> {
        *self.0.get(usize::from(label))?
    }

    /// Reads a mask of labels: grey of any depth, or indices into a palette, whose colours do not
    /// matter. `size` is the picture's width and height.
    pub(super) fn read(&self, path: &Path, size: (u32, u32)) -> Result<Vec<u8>> {
        let mask = decode(path, size, Transformations::IDENTITY)?;
        if !matches!(mask.color, ColorType::Grayscale | ColorType::Indexed) {
            return Err(files::broken(
                path,
                "its pixels are colours, where labels were expected",
            ));
        }
        let mut classes = allocate(size.0 as usize * size.1 as usize)?;
        let rows = classes.chunks_exact_mut(size.0 as usize);
        for (row, line) in rows.zip(mask.data.chunks_exact(mask.line_bytes)) {
            for (x, target) in row.iter_mut().enumerate() {
                let label = sample(line, x, mask.depth);
                *target = self.class(label).ok_or_else(|| {
                    files::broken(path, &format!("the data set has no label {label}"))
                })?;
            }
        }
        Ok(classes)
    }
}

/// Which class each colour is.
#[derive(Debug)]
pub(super) struct ColorTable(pub(super) &'static [([u8; 3], u8)]);

impl ColorTable {
    fn class(&self, color: &[u8]) -> Option<u8> {
        let entry = self.0.iter().find(|(known, _)| known == color)?;
        Some(entry.1)
    }

    /// Reads a mask of colours, 8 bits for each channel or with a palette. `size` is the
    /// picture's width and height. Pixels of unknown colours are not counted, as hand-painted
    /// masks have a few; more than one in a hundred are an error.
    pub(super) fn read(&self, path: &Path, size: (u32, u32)) -> Result<Vec<u8>> {
        let mask = decode(path, size, Transformations::EXPAND)?;
        let channels = match (mask.color, mask.depth) {
            (ColorType::Rgb, BitDepth::Eight) => 3,
            (ColorType::Rgba, BitDepth::Eight) => 4,
            _ => {
                return Err(files::broken(
                    path,
                    "its pixels are not 8-bit colours, which stand for the classes",
                ));
            }
        };
        let mut classes = allocate(size.0 as usize * size.1 as usize)?;
        let mut unknown = 0usize;
        for (target, pixel) in classes.iter_mut().zip(mask.data.chunks_exact(channels)) {
            *target = self.class(&pixel[..3]).unwrap_or_else(|| {
                unknown += 1;
                IGNORED
            });
        }
        if unknown > classes.len() / 100 {
            return Err(files::broken(
                path,
                &format!(
                    "{unknown} of its {} pixels have colours that stand for no class",
                    classes.len()
                ),
            ));
        }
        Ok(classes)
    }
}

/// A decoded PNG file, its samples as they are stored.
struct DecodedPng {
    color: ColorType,
    depth: BitDepth,
    line_bytes: usize,
    data: Vec<u8>,
}

/// Decodes a PNG file, if it has the size of its picture.
fn decode(path: &Path, size: (u32, u32), transformations: Transformations) -> Result<DecodedPng> {
    let bytes = files::read(path)?;
    let explain = |error: ::png::DecodingError| {
        files::broken(path, &format!("this PNG file is broken ({error})"))
    };
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(transformations);
    let mut reader = decoder.read_info().map_err(explain)?;
    let found = reader.info().size();
    if found != size {
        return Err(Error::input(format!(
            "{} has {}x{} pixels, but its picture has {}x{}. Get both from the same place.",
            path.display(),
            found.0,
            found.1,
            size.0,
            size.1
        )));
    }
    let length = reader
        .output_buffer_size()
        .ok_or_else(|| files::broken(path, "it does not fit in memory"))?;
    let mut data = allocate(length).map_err(|error| files::in_file(path, error))?;
    let frame = reader.next_frame(&mut data).map_err(explain)?;
    reader.finish().map_err(explain)?;
    Ok(DecodedPng {
        color: frame.color_type,
        depth: frame.bit_depth,
        line_bytes: frame.line_size,
        data,
    })
}

/// Sample `x` of a line of one channel. Samples of less than 8 bits are packed from the high bits
/// on, those of 16 have the high byte first.
fn sample(line: &[u8], x: usize, depth: BitDepth) -> u16 {
    match depth {
        BitDepth::Sixteen => u16::from_be_bytes([line[2 * x], line[2 * x + 1]]),
        BitDepth::Eight => line[x].into(),
        BitDepth::One | BitDepth::Two | BitDepth::Four => {
            let bits = depth as usize;
            let shift = 8 - bits - x * bits % 8;
            u16::from(line[x * bits / 8] >> shift) & ((1 << bits) - 1)
        }
    }
}
