//! COCO annotation files.

use serde::Serialize;

use super::{LabelMap, Legend, Polygon, Rle, polygons};
use crate::{Error, Result};

/// A COCO object-detection file in the making: one legend, any number of pictures.
///
/// It has what readers of COCO's own files rely on: `info` and `licenses`, ids that begin at 1
/// (category ids are the class index plus one), and one annotation for each class that has pixels
/// in a picture. A class without holes is written as polygons; one with holes, which COCO's
/// polygons cannot express, as run lengths, uncompressed as in COCO's own files. `iscrowd` is 0 in
/// both: evaluation leaves out what is 1. Area and box are those of the pixels.
#[derive(Debug, Clone)]
pub struct CocoDataset {
    legend: Legend,
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
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum CocoSegmentation {
    /// One flat list `x, y, x, y, ...` for each region.
    Polygons(Vec<Vec<u32>>),
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
    pub fn new(legend: Legend) -> Self {
        Self {
            legend,
            images: Vec::new(),
            annotations: Vec::new(),
        }
    }

    /// Adds a picture with its masks. `file_name` is what readers look the picture up by: its name
    /// or its path below the folder of all pictures, with `/` between folders.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the name is empty, or if the map uses a class that the legend lacks or
    /// has 2³² pixels or more; [`Error::OutOfMemory`] if the outlines do not fit in memory.
    pub fn add(&mut self, map: &LabelMap, file_name: &str) -> Result<()> {
        if file_name.is_empty() {
            return Err(Error::input(
                "a picture in a COCO file needs a file name; give the one that it is stored under",
            ));
        }
        let regions = polygons(map)?;
        let image_id = self.images.len() + 1;
        let mut annotations = Vec::new();
        for (class, _, _) in map.present_in(&self.legend)? {
            let id = self.annotations.len() + annotations.len() + 1;
            let regions = regions.get(&class).map_or(&[][..], Vec::as_slice);
            annotations.push(annotate(map, class, [id, image_id], regions)?);
        }
        self.annotations.append(&mut annotations);
        self.images.push(Image {
            id: image_id,
            width: map.width,
            height: map.height,
            file_name: file_name.to_owned(),
        });
        Ok(())
    }

    /// The text of the COCO file.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        let categories = (1u32..).zip(self.legend.entries());
        let file = CocoFile {
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
        };
        serde_json::to_string(&file).map_err(|error| Error::internal(format!("COCO: {error}")))
    }
}

/// The label map as the text of a COCO object-detection file with one image; see [`CocoDataset`].
///
/// # Errors
///
/// [`Error::Input`] if the name is empty, or if the map uses a class that the legend lacks or has
/// 2³² pixels or more; [`Error::OutOfMemory`] if the outlines do not fit in memory.
pub fn to_coco(map: &LabelMap, legend: &Legend, file_name: &str) -> Result<String> {
    let mut dataset = CocoDataset::new(legend.clone());
    dataset.add(map, file_name)?;
    dataset.to_json()
}

fn annotate(
    map: &LabelMap,
    class: u8,
    [id, image_id]: [usize; 2],
    regions: &[Polygon],
) -> Result<Annotation> {
    let runs = Rle::from_class(map, class)?;
    let has_holes = regions.iter().any(|region| !region.holes.is_empty());
    let segmentation = if has_holes {
        CocoSegmentation::Runs {
            size: [map.height, map.width],
            counts: runs.counts().to_vec(),
        }
    } else {
        let flat = |region: &Polygon| region.exterior.iter().flatten().copied().collect();
        CocoSegmentation::Polygons(regions.iter().map(flat).collect())
    };
    Ok(Annotation {
        id,
        image_id,
        category_id: u32::from(class) + 1,
        segmentation,
        area: runs.area(),
        bbox: runs.bounding_box(),
        iscrowd: 0,
    })
}
