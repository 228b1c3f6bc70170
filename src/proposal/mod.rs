//! Class-agnostic regions, without a second network.
//!
//! [`propose`] cuts a picture into segments (`graph`), groups them into hierarchies
//! (`grouping`) and chooses among the groups (`choice`). Plain Rust on the CPU; the same input gives
//! the same output.

mod choice;
mod color;
mod graph;
mod grouping;
mod region;
#[cfg(test)]
mod tests;

pub use region::Region;

use choice::Candidate;
use color::Lab;
use grouping::Hierarchy;

use crate::image::Picture;
use crate::mask::{LabelMap, Rle, UNLABELLED};
use crate::{Error, Result};

/// The longer side, in pixels, at which regions are found. Smaller pictures stay as they are.
pub const WORKING_SIDE: u32 = 256;

/// Regions of a picture, at a working size of its shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposals {
    /// Pixels across at the working size.
    pub width: u32,
    /// Pixels down at the working size.
    pub height: u32,
    /// The whole picture, then the others, what is worth naming most first. Regions overlap.
    pub regions: Vec<Region>,
}

/// At most `budget` regions that may be things, or the stuff between them.
///
/// The picture, its longer side scaled down to [`WORKING_SIDE`], is cut into small segments by
/// Felzenszwalb and Huttenlocher's graph-based segmentation; those are grouped into hierarchies as
/// in selective search (Uijlings et al. 2013), by two sets of similarities. Of all segments and
/// groups, the whole picture comes first, so that every pixel is in at least one region. Then
/// comes, again and again, the one that gains most: large, sharply outlined, and unlike the others
/// before it. Near-duplicates of those (intersection over union above 0.9) and tiny ones (below a
/// thousandth of the picture) are left out, so there may be fewer than `budget`. A smaller budget
/// gives the first of the regions that a larger one gives.
///
/// # Errors
///
/// [`Error::Input`] if the budget is zero; [`Error::OutOfMemory`] if the pixels do not fit in
/// memory.
pub fn propose(picture: &Picture, budget: usize) -> Result<Proposals> {
    if budget == 0 {
        return Err(Error::input(
            "no regions were asked for; ask for at least one",
        ));
    }
    let (width, height) = working_size(picture.width(), picture.height());
    let lab = Lab::from_picture(&picture.resize(width, height)?);
    let segments = graph::segment(&lab);
    let hierarchies = grouping::group(&lab, &segments);
    let members = segments.members();
    let regions = choice::choose(&hierarchies, budget)
        .iter()
        .map(|chosen| region(&lab, &members, &hierarchies, chosen))
        .collect();
    Ok(Proposals {
        width,
        height,
        regions,
    })
}

impl Proposals {
    /// A region at the size of the picture: each pixel has the value of the nearest one at the working size.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if the mask does not fit in memory.
    pub fn mask(&self, region: &Region, picture: &Picture) -> Result<Rle> {
        let (width, height) = (picture.width(), picture.height());
        let columns: Vec<usize> = (0..width).map(|x| nearest(x, width, self.width)).collect();
        let mut labels = crate::image::allocate(width as usize * height as usize)?;
        for (y, line) in (0..height).zip(labels.chunks_exact_mut(width as usize)) {
            let row = nearest(y, height, self.height);
            for (label, &column) in line.iter_mut().zip(&columns) {
                *label = if region.contains(column, row) {
                    INSIDE
                } else {
                    UNLABELLED
                };
            }
        }
        Rle::from_class(&LabelMap::new(width, height, labels)?, INSIDE)
    }

    /// The region that is most likely meant by a click on a pixel of the picture.
    ///
    /// Of the regions that hold it, the one with the largest `salience · ⁴√area`, salience being
    /// the mean difference in Lab across its outline, less for what the picture's frame cuts off,
    /// for what is ragged and for what fills the picture. So neither the speck under the pointer
    /// is the answer nor, unless there is nothing else, the whole picture.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the pixel is outside the picture.
    pub fn region_at(&self, x: u32, y: u32, picture: &Picture) -> Result<&Region> {
        let (width, height) = (picture.width(), picture.height());
        if x >= width || y >= height {
            return Err(Error::input(format!(
                "({x}, {y}) is outside the picture of {width}x{height} pixels"
            )));
        }
        let (column, row) = (
            nearest(x, width, self.width),
            nearest(y, height, self.height),
        );
        self.regions
            .iter()
            .filter(|region| region.contains(column, row))
            .max_by(|a, b| a.appeal().total_cmp(&b.appeal()))
            .ok_or_else(|| Error::internal("a pixel without a region"))
    }
}

/// The label of a pixel in a region.
const INSIDE: u8 = 0;

/// The shape of a picture with its longer side at most [`WORKING_SIDE`].
fn working_size(width: u32, height: u32) -> (u32, u32) {
    let scale = (f64::from(WORKING_SIDE) / f64::from(width.max(height))).min(1.0);
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

/// The pixel of a line of `to` pixels that covers the middle of a pixel of a line of `from`.
fn nearest(place: u32, from: u32, to: u32) -> usize {
    let middle = (2 * u64::from(place) + 1) * u64::from(to);
    (middle / (2 * u64::from(from))) as usize
}

fn region(
    lab: &Lab,
    members: &[Vec<usize>],
    hierarchies: &[Hierarchy],
    chosen: &Candidate<'_>,
) -> Region {
    let segments = hierarchies[chosen.hierarchy].segments_of(chosen.number);
    let pixels = segments
        .iter()
        .flat_map(|&segment| members[segment].iter().copied());
    let salience = hierarchies[chosen.hierarchy].salience(chosen.node);
    let bounding_box = chosen.node.bounds.to_box();
    Region::new(lab.width, lab.height, pixels, bounding_box, salience)
}
