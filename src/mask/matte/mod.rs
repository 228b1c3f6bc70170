//! Alpha of classes: how much of each pixel belongs to them, soft along their border.
//!
//! Only pixels near the border get a fraction. It is the mean of what the pixels of a window around
//! belong to, weighted as the guided filter weights them (He, Sun and Tang, "Guided Image
//! Filtering", 2013, equation 11): where a window has two colours, a pixel between them gets
//! exactly its share of either. Weights below zero, which that filter has, count as zero, so that
//! no alpha falls when a score rises. docs/methods.md has what else was measured.

mod band;
mod kernel;
#[cfg(test)]
mod tests;

use super::{LabelMap, same_size};
use crate::image::{Picture, allocate};
use crate::parallel::for_each_chunk;
use crate::{Error, Result};
use band::{BAND, mark};
pub(super) use kernel::Window;

/// The widest feather, in pixels.
pub const MAX_FEATHER: u32 = 100;

/// Rows that one core does before it takes others.
pub(super) const ROWS: usize = 32;

/// Alpha of a picture's pixels, row-major: 0 = outside, 255 = inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matte {
    width: u32,
    height: u32,
    alpha: Vec<u8>,
}

/// What is known of pixels beyond their labels. `()` knows nothing.
pub trait Evidence: Sync {
    /// Whether the label of a pixel was set by hand. Its alpha stays on that side of one half.
    fn is_by_hand(&self, x: usize, y: usize) -> bool;

    /// The part of the scores of a pixel that the classes have, 0..=1, if it is known. From one half
    /// on it speaks for them; it counts where it contradicts the label.
    fn share(&self, x: usize, y: usize) -> Option<f32>;
}

impl Evidence for () {
    fn is_by_hand(&self, _x: usize, _y: usize) -> bool {
        false
    }

    fn share(&self, _x: usize, _y: usize) -> Option<f32> {
        None
    }
}

/// The feather of a picture of this size unless another is asked for: a 160th of its short side, 2
/// to 8 pixels.
#[must_use]
pub fn default_feather(width: u32, height: u32) -> u32 {
    ((width.min(height) + 80) / 160).clamp(2, 8)
}

/// The alpha of classes together.
///
/// Pixels further than `feather` from the border, along rows and columns, have 0 or 255; with a
/// feather of 0 all have. `evidence` is asked about the others.
///
/// # Errors
///
/// [`Error::Input`] if picture and map differ in size, or if `feather` is above [`MAX_FEATHER`];
/// [`Error::OutOfMemory`] if the alpha does not fit in memory.
pub fn matte(
    map: &LabelMap,
    picture: &Picture,
    classes: &[u8],
    feather: u32,
    evidence: &impl Evidence,
) -> Result<Matte> {
    same_size(map, picture)?;
    if feather > MAX_FEATHER {
        return Err(Error::input(format!(
            "A feather of {feather} pixels is too wide: {MAX_FEATHER} is the most."
        )));
    }
    let width = map.width as usize;
    let mut inside = allocate(map.labels.len())?;
    for (inside, label) in inside.iter_mut().zip(&map.labels) {
        *inside = if classes.contains(label) { u8::MAX } else { 0 };
    }
    if feather == 0 {
        return Ok(Matte::new(map, inside));
    }
    let mut alpha = allocate(inside.len())?;
    for_each_chunk(&mut alpha, ROWS * width, |chunk, alpha| {
        mark(&inside, width, feather as usize, chunk * ROWS, alpha);
    });
    let mut membership = inside;
    for_each_chunk(&mut membership, ROWS * width, |chunk, membership| {
        let first = chunk * ROWS * width;
        for (at, inside) in (first..).zip(membership) {
            let (x, y) = (at % width, at / width);
            if alpha[at] == BAND && !evidence.is_by_hand(x, y) {
                *inside = evidence
                    .share(x, y)
                    .map_or(*inside, |share| belonging(*inside, share));
            }
        }
    });
    let window = Window::new(feather as usize);
    for_each_chunk(&mut alpha, ROWS * width, |chunk, alpha| {
        let first = chunk * ROWS * width;
        for (at, alpha) in (first..).zip(alpha) {
            let (x, y) = (at % width, at / width);
            if *alpha == BAND {
                let found = to_alpha(window.mean(picture, &membership, x, y));
                *alpha = match membership[at] {
                    _ if !evidence.is_by_hand(x, y) => found,
                    0 => found.min(HALF),
                    _ => found.max(HALF + 1),
                };
            }
        }
    });
    Ok(Matte::new(map, alpha))
}

/// The largest alpha that is nearer to outside.
const HALF: u8 = 127;

/// How much a pixel belongs to the classes, 0 to 255, by its label and their share of the scores.
fn belonging(inside: u8, share: f32) -> u8 {
    let label = f32::from(inside) / 255.0;
    ((label + share - 0.5).clamp(0.0, 1.0) * 255.0).round() as u8
}

/// What is left of either side where a window should be all of the other: chosen of 0, 0.05 and 0.1
/// by the error at sharp and soft edges.
const REST: f32 = 0.05;

/// The mean of a window, 0 to 255, as alpha.
fn to_alpha(mean: f32) -> u8 {
    let share = ((mean / 255.0 - REST) / (1.0 - 2.0 * REST)).clamp(0.0, 1.0);
    (share * 255.0).round() as u8
}

impl Matte {
    fn new(map: &LabelMap, alpha: Vec<u8>) -> Self {
        let (width, height) = (map.width, map.height);
        Self {
            width,
            height,
            alpha,
        }
    }

    #[cfg(test)]
    pub(super) fn from_alpha(width: u32, height: u32, alpha: Vec<u8>) -> Self {
        Self {
            width,
            height,
            alpha,
        }
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

    /// The alpha of each pixel, `[height, width]`.
    #[must_use]
    pub fn alpha(&self) -> &[u8] {
        &self.alpha
    }

    /// The alpha alone.
    #[must_use]
    pub fn into_alpha(self) -> Vec<u8> {
        self.alpha
    }

    /// Left, top, width and height of the smallest rectangle around every pixel with an alpha;
    /// `None` where there is none.
    #[must_use]
    pub fn bounding_box(&self) -> Option<[u32; 4]> {
        let is_seen = |alpha: &u8| *alpha > 0;
        let (mut left, mut right) = (usize::MAX, 0);
        let (mut top, mut bottom) = (usize::MAX, 0);
        for (y, row) in self.alpha.chunks_exact(self.width as usize).enumerate() {
            let Some(first) = row.iter().position(is_seen) else {
                continue;
            };
            let last = row.iter().rposition(is_seen).unwrap_or(first);
            (left, right) = (left.min(first), right.max(last));
            (top, bottom) = (top.min(y), y);
        }
        let side = |from: usize, to: usize| (to - from + 1) as u32;
        (top != usize::MAX).then(|| {
            [
                left as u32,
                top as u32,
                side(left, right),
                side(top, bottom),
            ]
        })
    }
}
