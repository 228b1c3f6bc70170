//! What lies behind a cut-out.

use super::decontaminate::surely;
use super::{Matte, ROWS};
use crate::image::{Picture, allocate};
use crate::parallel::for_each_chunk;
use crate::{Error, Result};

/// The strongest blur, as a standard deviation in pixels.
pub const MAX_BLUR: f32 = 1000.0;

/// What lies behind a cut-out.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Backdrop {
    /// Nothing.
    #[default]
    Transparent,
    /// A colour, sRGB.
    Color([u8; 3]),
    /// The rest of the picture, blurred with this standard deviation in pixels. What is cut out has
    /// no part in it.
    Blur(f32),
    /// Another picture, as large as it must be to cover everything, from its middle.
    Picture(Picture),
}

/// A background that is ready to be looked up.
pub(super) enum Ground<'a> {
    Transparent,
    Color([u8; 3]),
    Blurred(Blurred<'a>),
    Picture(Picture),
}

impl<'a> Ground<'a> {
    /// The background of a cut-out of this size.
    pub(super) fn new(
        backdrop: &Backdrop,
        picture: &'a Picture,
        matte: &Matte,
        size: (u32, u32),
    ) -> Result<Self> {
        Ok(match backdrop {
            Backdrop::Transparent => Self::Transparent,
            Backdrop::Color(color) => Self::Color(*color),
            Backdrop::Blur(sigma) => Self::Blurred(Blurred::new(picture, matte, *sigma)?),
            Backdrop::Picture(other) => Self::Picture(cover(other, size)?),
        })
    }

    /// A pixel on this background, at its `place` in the picture and in the cut-out.
    pub(super) fn under(
        &self,
        color: [u8; 3],
        alpha: u8,
        place: (usize, usize),
        (across, down): (usize, usize),
    ) -> [u8; 4] {
        let behind = match self {
            Self::Transparent => {
                let [r, g, b] = color;
                return [r, g, b, alpha];
            }
            Self::Color(color) => *color,
            _ if alpha == u8::MAX => color,
            Self::Blurred(blurred) => blurred.at(place),
            Self::Picture(picture) => {
                let at = down * picture.width() as usize + across;
                picture.rgb().as_chunks::<3>().0[at]
            }
        };
        let alpha = u32::from(alpha);
        let [r, g, b] = std::array::from_fn(|channel| {
            let (before, behind) = (u32::from(color[channel]), u32::from(behind[channel]));
            ((before * alpha + behind * (255 - alpha) + 127) / 255) as u8
        });
        [r, g, b, u8::MAX]
    }
}

/// The middle of a picture at the size at which it covers so many pixels.
fn cover(picture: &Picture, (width, height): (u32, u32)) -> Result<Picture> {
    let [across, down] = [(width, picture.width()), (height, picture.height())]
        .map(|(wanted, own)| f64::from(wanted) / f64::from(own));
    let scale = across.max(down);
    // What would be cut off goes first, so that no more is made than is needed.
    let part = |wanted: u32, own: u32| {
        let part = (f64::from(wanted) / scale).round() as u32;
        part.clamp(1, own)
    };
    let (part_width, part_height) = (part(width, picture.width()), part(height, picture.height()));
    let x = (picture.width() - part_width) / 2;
    let y = (picture.height() - part_height) / 2;
    picture
        .crop(x, y, part_width, part_height)?
        .resize(width, height)
}

/// The most pixels of a picture that is blurred; larger ones are made smaller first.
const MOST: usize = 4_000_000;

/// A picture without a thing, blurred, on blocks of pixels: no blur needs more than it leaves.
pub(super) struct Blurred<'a> {
    picture: &'a Picture,
    /// Pixels a side of a block.
    block: usize,
    columns: usize,
    /// Of each block red, green, blue, and whether there is a colour: 0 or 255.
    blocks: Vec<u8>,
}

impl<'a> Blurred<'a> {
    fn new(picture: &'a Picture, matte: &Matte, sigma: f32) -> Result<Self> {
        if !(sigma > 0.0 && sigma <= MAX_BLUR) {
            return Err(Error::input(format!(
                "A blur of {sigma} pixels is none: give more than 0 and at most {MAX_BLUR}."
            )));
        }
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let least = (width * height).div_ceil(MOST).isqrt();
        let block = (sigma as usize / 3).max(least).max(1);
        let columns = width.div_ceil(block);
        let rows = height.div_ceil(block);
        let means = means(picture, matte, block, columns, rows)?;
        // Blocks and reading between them have blurred as much as this already.
        let done = (block * block - 1) as f32 / 4.0;
        let kernel = bell((sigma * sigma - done).max(0.0).sqrt() / block as f32);
        let mut blocks = allocate(means.len())?;
        for_each_chunk(&mut blocks, ROWS * columns * 4, |chunk, blocks| {
            blur(&means, columns, rows, &kernel, chunk * ROWS, blocks);
        });
        Ok(Self {
            picture,
            block,
            columns,
            blocks,
        })
    }

    /// The colour at a pixel, read between the middles of blocks. Where there is none near by, the
    /// picture's own.
    fn at(&self, (x, y): (usize, usize)) -> [u8; 3] {
        let rows = self.blocks.len() / 4 / self.columns;
        let between = |pixel: usize, blocks: usize| {
            let place = (pixel as f32 + 0.5) / self.block as f32 - 0.5;
            let place = place.clamp(0.0, (blocks - 1) as f32);
            let first = place as usize;
            (first, (first + 1).min(blocks - 1), place - first as f32)
        };
        let (left, right, across) = between(x, self.columns);
        let (top, bottom, down) = between(y, rows);
        let mut sum = Weighted::default();
        for (row, near_row) in [(top, 1.0 - down), (bottom, down)] {
            for (column, near) in [(left, 1.0 - across), (right, across)] {
                sum.add(near_row * near, self.block_at(row * self.columns + column));
            }
        }
        let own = self.picture.rgb().as_chunks::<3>().0[y * self.picture.width() as usize + x];
        sum.mean().map_or(own, |[r, g, b, _]| [r, g, b])
    }

    fn block_at(&self, at: usize) -> [u8; 4] {
        self.blocks.as_chunks::<4>().0[at]
    }
}

/// The mean colours of blocks, and how much of each is behind, 0 to 255.
fn means(
    picture: &Picture,
    matte: &Matte,
    block: usize,
    columns: usize,
    rows: usize,
) -> Result<Vec<u8>> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let colors = picture.rgb().as_chunks::<3>().0;
    let surely = surely();
    let mut means = allocate(columns * rows * 4)?;
    for_each_chunk(&mut means, columns * 4, |row, means| {
        let lines = row * block..((row + 1) * block).min(height);
        for (column, mean) in means.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let pixels = column * block..((column + 1) * block).min(width);
            let mut sum = Weighted::default();
            for y in lines.clone() {
                for at in y * width + pixels.start..y * width + pixels.end {
                    let [r, g, b] = colors[at];
                    let behind = surely[usize::from(255 - matte.alpha()[at])];
                    sum.add(behind, [r, g, b, u8::MAX]);
                }
            }
            let share = sum.weight / (lines.len() * pixels.len()) as f32;
            if let Some([r, g, b, _]) = sum.mean() {
                *mean = [r, g, b, (share * 255.0).round() as u8];
            }
        }
    });
    Ok(means)
}

/// Half a Gauss bell, from its middle on.
fn bell(sigma: f32) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as usize;
    let bell = |away: usize| (-(away as f32 / sigma.max(0.01)).powi(2) / 2.0).exp();
    (0..=reach).map(bell).collect()
}

/// Blurs, from row `first` on, as many rows as `blurred` holds: across, then down. A block weighs as
/// much as of it is behind.
fn blur(
    means: &[u8],
    columns: usize,
    rows: usize,
    kernel: &[f32],
    first: usize,
    blurred: &mut [u8],
) {
    let reach = kernel.len() - 1;
    let last = first + blurred.len() / 4 / columns;
    let start = first.saturating_sub(reach);
    let around =
        |place: usize, length: usize| place.saturating_sub(reach)..(place + reach + 1).min(length);
    let mut across = Vec::with_capacity(((last + reach).min(rows) - start) * columns);
    for row in start..(last + reach).min(rows) {
        let row = &means.as_chunks::<4>().0[row * columns..(row + 1) * columns];
        across.extend((0..columns).map(|column| {
            let mut sum = Weighted::default();
            for other in around(column, columns) {
                sum.add(kernel[other.abs_diff(column)], row[other]);
            }
            sum
        }));
    }
    let blurred = blurred.chunks_exact_mut(columns * 4);
    for (row, blurred) in (first..last).zip(blurred) {
        for (column, block) in blurred.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let mut sum = Weighted::default();
            for other in around(row, rows) {
                let weight = kernel[other.abs_diff(row)];
                sum.add_sum(weight, &across[(other - start) * columns + column]);
            }
            *block = sum.mean().unwrap_or_default();
        }
    }
}

/// A sum of colours that weigh what their fourth value says.
#[derive(Default)]
struct Weighted {
    sum: [f32; 3],
    weight: f32,
}

impl Weighted {
    fn add(&mut self, weight: f32, [r, g, b, own]: [u8; 4]) {
        let weight = weight * f32::from(own) / 255.0;
        for (sum, value) in self.sum.iter_mut().zip([r, g, b]) {
            *sum += weight * f32::from(value);
        }
        self.weight += weight;
    }

    fn add_sum(&mut self, weight: f32, other: &Self) {
        for (sum, value) in self.sum.iter_mut().zip(other.sum) {
            *sum += weight * value;
        }
        self.weight += weight * other.weight;
    }

    /// The mean colour, and 255; `None` of nothing.
    fn mean(&self) -> Option<[u8; 4]> {
        let [r, g, b] = self.sum.map(|sum| (sum / self.weight).round() as u8);
        (self.weight > 0.0).then_some([r, g, b, u8::MAX])
    }
}
