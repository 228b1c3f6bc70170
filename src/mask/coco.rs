//! COCO annotation files.

use serde::Serialize;

use super::export::{Export, ExportFile, check_name, json};
use super::objects::Coordinate;
use super::{AnnotatedPicture, Legend, Object, Ring};
use crate::Result;

/// How masks are written in a COCO file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CocoMasks {
    /// Polygons, as annotation tools want them; run lengths where a mask has holes, which COCO's
    /// polygons cannot express.
    Polygons,
    /// Run lengths: the very pixels.
    Runs,
}

/// A COCO object-detection file in the making: one legend, any number of pictures.
///
/// It has what readers of COCO's own files rely on: `info` and `licenses`, ids that begin at 1
/// (category ids are the class index plus one), and one annotation for each object. Run lengths are
/// uncompressed as in COCO's own files. `iscrowd` is 0 for all: evaluation leaves out what is 1.
/// Area and box are those of the pixels.
#[derive(Debug, Clone)]
pub struct CocoDataset {
    legend: Legend,
    masks: CocoMasks,
    images: Vec<Image>,
    annotations: Vec<Annotation>,
}

#[derive(Serialize)]
struct CocoFile<'a> {
    info: CocoInfo,
    licenses: [(); 0],
    images: &'a [Image],
    annotations: &'a [Annotation],
    categories: Vec<Category<'a>>,
}

#[derive(Serialize)]
struct CocoInfo {
    description: &'static str,
    version: &'static str,
    contributor: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct Image {
    id: usize,
    width: u32,
    height: u32,
    file_name: String,
}

#[derive(Debug, Clone, Serialize)]
struct Annotation {
    id: usize,
    image_id: usize,
    category_id: u32,
    segmentation: CocoSegmentation,
    area: u64,
    bbox: [u32; 4],
    iscrowd: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum CocoSegmentation {
    /// One flat list `x, y, x, y, ...` for each region.
    Polygons(Vec<Vec<Coordinate>>),
    Runs {
        /// Height, then width.
        size: [u32; 2],
        counts: Vec<u32>,
    },
}

#[derive(Serialize)]
struct Category<'a> {
    id: u32,
    name: &'a str,
    supercategory: &'static str,
}

impl CocoDataset {
    /// A file without pictures, its categories the entries of the legend.
    #[must_use]
    pub fn new(legend: Legend, masks: CocoMasks) -> Self {
        Self {
            legend,
            masks,
            images: Vec::new(),
            annotations: Vec::new(),
        }
    }

    /// The text of the COCO file.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`](crate::Error::Internal) if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let categories = (1u32..).zip(self.legend.entries());
        json(&CocoFile {
            info: CocoInfo {
                description: "Masks for words",
                version: env!("CARGO_PKG_VERSION"),
                contributor: "wordmask",
            },
            licenses: [],
            images: &self.images,
            annotations: &self.annotations,
            categories: categories
                .map(|(id, entry)| Category {
                    id,
                    name: &entry.name,
                    supercategory: "",
                })
                .collect(),
        })
    }
}

impl Export for CocoDataset {
    fn add(&mut self, picture: &AnnotatedPicture<'_>) -> Result<Vec<ExportFile>> {
        check_name(picture)?;
        let image_id = self.images.len() + 1;
        let mut annotations = Vec::new();
        for (object, _) in picture.named_objects()? {
            annotations.push(Annotation {
                id: self.annotations.len() + annotations.len() + 1,
                image_id,
                category_id: u32::from(object.class) + 1,
                segmentation: segmentation(object, self.masks)?,
                area: object.area(),
                bbox: object.bounding_box(),
                iscrowd: 0,
                score: object.score,
            });
        }
        self.annotations.append(&mut annotations);
        self.images.push(Image {
            id: image_id,
            width: picture.map.width,
            height: picture.map.height,
            file_name: picture.file_name.to_owned(),
        });
        Ok(Vec::new())
    }

    fn finish(&self) -> Result<Vec<ExportFile>> {
        Ok(vec![ExportFile::new("annotations.json", self.to_json()?)])
    }
}

/// The objects of one picture as the text of a COCO file; see [`CocoDataset`].
///
/// # Errors
///
/// [`Error::Input`](crate::Error::Input) if the name is empty, or if the map uses a class that the
/// legend lacks or has 2³² pixels or more; [`Error::OutOfMemory`](crate::Error::OutOfMemory) if the
/// masks do not fit in memory.
pub fn to_coco(picture: &AnnotatedPicture<'_>, masks: CocoMasks) -> Result<String> {
    let mut dataset = CocoDataset::new(picture.legend.clone(), masks);
    dataset.add(picture)?;
    dataset.to_json()
}

fn segmentation(object: &Object, masks: CocoMasks) -> Result<CocoSegmentation> {
    if masks == CocoMasks::Runs || object.has_holes() {
        let runs = object.rle()?;
        return Ok(CocoSegmentation::Runs {
            size: [runs.height(), runs.width()],
            counts: runs.counts().to_vec(),
        });
    }
    let rings = object.polygons.iter().map(|polygon| &polygon.exterior);
    let flat = |ring: &Ring<f64>| ring.iter().flatten().copied().map(Coordinate).collect();
    Ok(CocoSegmentation::Polygons(rings.map(flat).collect()))
}
