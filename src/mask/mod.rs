//! Label maps, the objects in them, and their exports. Independent of models.
//!
//! [`polygons`] follow the edges between pixels and give back the same pixels when they are read
//! again. The outlines of [`objects`] are smooth, within a tolerance of these edges.

mod ade;
mod coco;
mod contour;
mod cutout;
mod cvat;
mod export;
mod geojson;
mod keyhole;
mod label_studio;
mod labelme;
mod legend;
mod matte;
mod objects;
mod outline;
mod png;
mod rle;
mod simplify;
mod svg;
mod voc;
mod xml;
mod yolo;

pub use coco::{CocoDataset, CocoMasks, to_coco};
pub use contour::{Point, Polygon, Ring, polygons};
pub use cutout::{Backdrop, Cutout, CutoutOptions, MAX_BLUR, cutout};
pub use export::{Export, ExportFile, FORMATS, Format};
pub use geojson::to_geojson;
pub use legend::{Legend, LegendEntry, color};
pub use matte::{Evidence, MAX_FEATHER, Matte, default_feather, matte};
pub use objects::{AnnotatedPicture, Object, ObjectOptions, objects};
pub use png::{label_png, overlay_png, read_label_png};
pub use rle::Rle;
pub use svg::to_svg;

use crate::image::Picture;
use crate::{Error, Result};

/// The label of a pixel that belongs to no class.
pub const UNLABELLED: u8 = 255;

/// One class index for each pixel, row-major; [`UNLABELLED`] where there is none.
///
/// ```
/// use wordmask::mask::{LabelMap, UNLABELLED};
///
/// let map = LabelMap::new(3, 1, vec![0, 0, UNLABELLED])?;
/// let present: Vec<_> = map.present().collect();
/// assert_eq!(present, [(0, 2)]);
/// # Ok::<(), wordmask::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMap {
    width: u32,
    height: u32,
    labels: Vec<u8>,
}

impl LabelMap {
    /// A label map from `[height, width]` class indices.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if a side is zero or longer than `i32::MAX`, or if `labels` is not
    /// `width * height` long.
    pub fn new(width: u32, height: u32, labels: Vec<u8>) -> Result<Self> {
        const MAX_SIDE: u32 = i32::MAX.unsigned_abs();
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || width > MAX_SIDE || height > MAX_SIDE {
            return Err(Error::input(format!(
                "a label map cannot have a size of {width}x{height}"
            )));
        }
        if labels.len() as u64 != pixels {
            return Err(Error::input(format!(
                "{} labels do not fill a label map of {width}x{height}",
                labels.len()
            )));
        }
        Ok(Self {
            width,
            height,
            labels,
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

    /// The labels, `[height, width]`, row-major.
    #[must_use]
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// How many pixels have each label; at index 255 those without one.
    #[must_use]
    pub fn counts(&self) -> [u64; 256] {
        let mut counts = [0; 256];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// The classes that own at least one pixel, ascending, with their number of pixels.
    pub fn present(&self) -> impl Iterator<Item = (u8, u64)> {
        (0..UNLABELLED)
            .zip(self.counts())
            .filter(|&(_, pixels)| pixels > 0)
    }

    /// The class index plus one at each pixel, 0 where there is none: what data sets store.
    fn counted_from_one(&self) -> Self {
        let labels = self.labels.iter().map(|label| label.wrapping_add(1));
        Self {
            width: self.width,
            height: self.height,
            labels: labels.collect(),
        }
    }

    fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.labels.chunks_exact(self.width as usize)
    }

    /// The classes that own at least one pixel, with their legend entries and pixels.
    fn present_in<'a>(&self, legend: &'a Legend) -> Result<Vec<(u8, &'a LegendEntry, u64)>> {
        self.present()
            .map(|(class, pixels)| {
                let entry = legend.entries().get(usize::from(class)).ok_or_else(|| {
                    Error::input(format!(
                        "the label map uses class {class}, but the legend has only {} entries",
                        legend.entries().len()
                    ))
                })?;
                Ok((class, entry, pixels))
            })
            .collect()
    }
}

fn same_size(map: &LabelMap, picture: &Picture) -> Result<()> {
    if (map.width, map.height) == (picture.width(), picture.height()) {
        return Ok(());
    }
    Err(Error::input(format!(
        "the label map is {}x{} and the picture {}x{}; they must have one size",
        map.width,
        map.height,
        picture.width(),
        picture.height()
    )))
}

#[cfg(test)]
mod tests;
