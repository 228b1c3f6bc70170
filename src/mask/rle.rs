//! COCO's run-length encoding (the `maskApi.c` of pycocotools).

use super::LabelMap;
use crate::{Error, Result};

/// A binary mask as runs in column-major order: `counts[0]` pixels outside, `counts[1]` inside,
/// and so on. Only the first run can be empty. The runs add up to `width * height`.
///
/// ```
/// use wordmask::mask::{LabelMap, Rle};
///
/// let map = LabelMap::new(2, 2, vec![1, 0, 1, 1])?;
/// let mask = Rle::from_class(&map, 1)?;
/// assert_eq!(mask.counts(), [0, 2, 1, 1]);
/// assert_eq!(Rle::from_coco_string(2, 2, &mask.to_coco_string())?, mask);
/// # Ok::<(), wordmask::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rle {
    width: u32,
    height: u32,
    counts: Vec<u32>,
}

impl Rle {
    /// The pixels of one class.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the map has 2³² pixels or more.
    pub fn from_class(map: &LabelMap, class: u8) -> Result<Self> {
        Self::from_class_at(map, class, [0, 0], [map.width, map.height])
    }

    /// The pixels of one class in a part of a picture, which lies at `[x, y]` in it.
    pub(super) fn from_class_at(
        part: &LabelMap,
        class: u8,
        [left, top]: [u32; 2],
        [width, height]: [u32; 2],
    ) -> Result<Self> {
        check_pixels(width, height)?;
        let mut counts = Vec::new();
        // A run outside goes on from column to column.
        let (mut inside, mut run) = (false, left * height);
        let mut add = |is_inside: bool, pixels: u32| {
            if pixels > 0 && is_inside != inside {
                counts.push(run);
                (inside, run) = (is_inside, 0);
            }
            run += pixels;
        };
        let below = height - top - part.height;
        for x in 0..part.width as usize {
            add(false, top);
            for label in part.labels[x..].iter().step_by(part.width as usize) {
                add(*label == class, 1);
            }
            add(false, below);
        }
        add(false, (width - left - part.width) * height);
        counts.push(run);
        Ok(Self {
            width,
            height,
            counts,
        })
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

    /// The runs: outside, inside, outside, ...
    #[must_use]
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The number of pixels inside.
    #[must_use]
    pub fn area(&self) -> u64 {
        self.counts
            .iter()
            .skip(1)
            .step_by(2)
            .copied()
            .map(u64::from)
            .sum()
    }

    /// The smallest upright rectangle around the inside, `[x, y, width, height]`; all zero for an
    /// empty mask.
    #[must_use]
    pub fn bounding_box(&self) -> [u32; 4] {
        let (mut left, mut top, mut right, mut bottom) = (self.width, self.height, 0, 0);
        let mut position = 0;
        for (index, &count) in self.counts.iter().enumerate() {
            if index % 2 == 1 && count > 0 {
                let last = position + count - 1;
                let (first_column, last_column) = (position / self.height, last / self.height);
                left = left.min(first_column);
                right = right.max(last_column + 1);
                if first_column == last_column {
                    top = top.min(position % self.height);
                    bottom = bottom.max(last % self.height + 1);
                } else {
                    // A run over a column's end covers its last and the next one's first pixel.
                    (top, bottom) = (0, self.height);
                }
            }
            position += count;
        }
        if right == 0 {
            return [0; 4];
        }
        [left, top, right - left, bottom - top]
    }

    /// The mask as `[height, width]` booleans, row-major.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if the mask does not fit in memory.
    pub fn to_mask(&self) -> Result<Vec<bool>> {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut mask = Vec::new();
        mask.try_reserve_exact(width * height).map_err(|_| {
            Error::out_of_memory(format!("not enough memory for a mask of {width}x{height}"))
        })?;
        mask.resize(width * height, false);
        let mut position = 0;
        for (index, &count) in self.counts.iter().enumerate() {
            let end = position + count as usize;
            if index % 2 == 1 {
                for pixel in position..end {
                    mask[pixel % height * width + pixel / height] = true;
                }
            }
            position = end;
        }
        Ok(mask)
    }

    /// The compressed string of COCO files (`rleToString`): from the fourth run on, the
    /// difference to the run two before; each number in groups of five bits, low group first,
    /// bit 5 saying that more follow, two's complement, offset by 48 to printable characters.
    #[must_use]
    pub fn to_coco_string(&self) -> String {
        let mut text = String::new();
        for (index, &count) in self.counts.iter().enumerate() {
            let before = if index > 2 { self.counts[index - 2] } else { 0 };
            let mut value = i64::from(count) - i64::from(before);
            loop {
                let group = (value & 0x1f) as u8;
                value >>= 5;
                let sign_is_clear = if group & 0x10 == 0 {
                    value == 0
                } else {
                    value == -1
                };
                if sign_is_clear {
                    text.push(char::from(group + 48));
                    break;
                }
                text.push(char::from((group | 0x20) + 48));
            }
        }
        text
    }

    /// Reads the compressed string of COCO files (`rleFrString`).
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the text is not such a string, or if its runs do not add up to
    /// `width * height`.
    pub fn from_coco_string(width: u32, height: u32, text: &str) -> Result<Self> {
        let pixels = check_pixels(width, height)?;
        let mut counts: Vec<u32> = Vec::new();
        let mut total = 0u64;
        let mut bytes = text.bytes();
        while let Some(difference) = next_number(&mut bytes)? {
            let index = counts.len();
            let before = if index > 2 { counts[index - 2] } else { 0 };
            let count = u32::try_from(difference + i64::from(before))
                .map_err(|_| broken("a run has an impossible length"))?;
            total += u64::from(count);
            if total > u64::from(pixels) {
                return Err(broken("its runs are longer than the mask"));
            }
            counts.push(count);
        }
        if total != u64::from(pixels) {
            return Err(broken("its runs are shorter than the mask"));
        }
        Ok(Self {
            width,
            height,
            counts,
        })
    }
}

/// The number of pixels, if runs of that length fit in 32 bits as COCO's do.
fn check_pixels(width: u32, height: u32) -> Result<u32> {
    width
        .checked_mul(height)
        .filter(|&pixels| pixels > 0)
        .ok_or_else(|| {
            Error::input(format!(
                "a mask of {width}x{height} cannot be written as COCO run lengths"
            ))
        })
}

/// The next number of a compressed string; `None` at its end.
fn next_number(bytes: &mut impl Iterator<Item = u8>) -> Result<Option<i64>> {
    // A difference of two 32-bit runs needs 33 bits: seven groups of five.
    const MAX_GROUPS: u32 = 7;
    let Some(mut byte) = bytes.next() else {
        return Ok(None);
    };
    let mut value = 0i64;
    for shift in (0..MAX_GROUPS).map(|group| group * 5) {
        let group = byte
            .checked_sub(48)
            .filter(|&group| group < 64)
            .ok_or_else(|| broken("it has a character that cannot occur"))?;
        value |= i64::from(group & 0x1f) << shift;
        if group & 0x20 == 0 {
            let negative = group & 0x10 != 0;
            return Ok(Some(if negative {
                value - (1 << (shift + 5))
            } else {
                value
            }));
        }
        byte = bytes.next().ok_or_else(|| broken("it is cut short"))?;
    }
    Err(broken("a number is too long"))
}

fn broken(why: &str) -> Error {
    Error::input(format!("this is not a COCO run-length string: {why}"))
}
