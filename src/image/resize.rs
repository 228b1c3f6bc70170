//! Another size: antialiased resampling, and the size that a patch grid needs.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::{MAX_PIXELS, MAX_SIDE, Picture, allocate, check_size};
use crate::{Error, Result};

/// A sensible last argument for [`fit`]: 64 by 64 cells.
///
/// Attention's cost grows with the square of the number of cells; at this many, one layer's
/// attention map of one head is 64 MiB of `f32`.
pub const MAX_CELLS: u32 = 4096;

/// The size at which to encode a picture of `width` by `height`.
///
/// The shape is kept, the short side becomes about `short_side`, and both sides are rounded to
/// the nearest multiple of `multiple` (a patch's side), at least one. If that makes more than
/// `max_cells` squares of `multiple` by `multiple`, or more pixels than [`Picture::resize`] makes,
/// both sides shrink by one factor until they fit. A shape so long that its short side is already
/// one multiple gets its long side cut, so no picture, however extreme, gives more.
///
/// Any argument of zero counts as one; `multiple` is at most [`MAX_SIDE`].
#[must_use]
pub fn fit(width: u32, height: u32, short_side: u32, multiple: u32, max_cells: u32) -> (u32, u32) {
    let multiple = multiple.max(1);
    let most_pixels = MAX_PIXELS / u64::from(multiple).pow(2);
    let max_cells = u64::from(max_cells).min(most_pixels).max(1) as f64;
    let max_side = f64::from((MAX_SIDE / multiple).max(1));
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let scale = f64::from(short_side.max(1)) / width.min(height) / f64::from(multiple);
    let (columns, rows) = (width * scale, height * scale);
    let whole = (columns.round().max(1.0), rows.round().max(1.0));
    let (columns, rows) = if whole.0 * whole.1 <= max_cells && whole.0.max(whole.1) <= max_side {
        whole
    } else {
        shrink(columns, rows, max_cells, max_side)
    };
    (columns as u32 * multiple, rows as u32 * multiple)
}

/// Whole numbers of columns and rows in about the given proportion, each at most `max_side` and
/// their product at most `max_cells`.
fn shrink(columns: f64, rows: f64, max_cells: f64, max_side: f64) -> (f64, f64) {
    let (shorter, longer) = (columns.min(rows), columns.max(rows));
    let fitting = (max_cells / (columns * rows)).sqrt();
    let factor = fitting.min(max_side / longer).min(1.0);
    let short = (shorter * factor).floor().max(1.0);
    // The long side follows what rounding has left of the short one, which may be half of it.
    let long = (short * longer / shorter).round();
    let long = long.min((max_cells / short).floor()).min(max_side);
    if columns < rows {
        (short, long)
    } else {
        (long, short)
    }
}

pub(super) fn resize(picture: &Picture, width: u32, height: u32) -> Result<Picture> {
    // Catmull-Rom is the bicubic kernel with a = -0.5, as PIL's `bicubic_filter` (Resample.c).
    let antialiased = ResizeAlg::Convolution(FilterType::CatmullRom);
    resize_with(picture, width, height, antialiased)
}

#[cfg(feature = "cli")]
pub(super) fn resize_bilinear(picture: &Picture, width: u32, height: u32) -> Result<Picture> {
    let between_neighbours = ResizeAlg::Interpolation(FilterType::Bilinear);
    resize_with(picture, width, height, between_neighbours)
}

fn resize_with(picture: &Picture, width: u32, height: u32, kernel: ResizeAlg) -> Result<Picture> {
    let pixels = check_size(width, height)?;
    if (width, height) == (picture.width, picture.height) {
        return Ok(picture.clone());
    }
    let mut rgb = allocate(pixels * 3)?;
    // By the type of its pixels: by a value, all types that there are would be compiled in.
    let source = TypedImageRef::<U8x3>::from_buffer(picture.width, picture.height, &picture.rgb)
        .map_err(|error| Error::internal(format!("resize source: {error}")))?;
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, &mut rgb)
        .map_err(|error| Error::internal(format!("resize target: {error}")))?;
    let options = ResizeOptions::new().resize_alg(kernel);
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(|error| Error::internal(format!("resize: {error}")))?;
    Picture::from_rgb(width, height, rgb)
}
