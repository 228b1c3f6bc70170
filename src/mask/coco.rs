//! COCO annotation files.

use serde::Serialize;

use super::{LabelMap, Legend, Polygon, Rle, polygons};
use crate::{Error, Result};

#[derive(Serialize)]
struct Dataset<'a> {
    images: [Image<'a>; 1],
    annotations: Vec<Annotation>,
    categories: Vec<Category<'a>>,
}

#[derive(Serialize)]
struct Image<'a> {
    id: u32,
    width: u32,
    height: u32,
    file_name: &'a str,
}

#[derive(Serialize)]
struct Annotation {
    id: usize,
    image_id: u32,
    category_id: u32,
    segmentation: Segmentation,
    area: u64,
    bbox: [u32; 4],
    iscrowd: u8,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Segmentation {
    /// One flat list `x, y, x, y, ...` for each region.
    Polygons(Vec<Vec<u32>>),
    Runs {
        size: [u32; 2],
        counts: String,
    },
}

#[derive(Serialize)]
struct Category<'a> {
    id: u32,
    name: &'a str,
    supercategory: &'a str,
}

const IMAGE_ID: u32 = 1;

/// The label map as the text of a COCO object-detection file: one image, one category for each
/// entry of the legend, one annotation for each class that has pixels.
///
/// Category ids are the class index plus one, since COCO's begin at 1. A class without holes is
/// written as polygons (`iscrowd` 0); one with holes, which COCO's polygons cannot say, as
/// compressed run lengths (`iscrowd` 1). Area and box are those of the pixels.
///
/// # Errors
/// [`Error::Input`] if the map uses a class that the legend lacks or has 2³² pixels or more;
/// [`Error::OutOfMemory`].
pub fn to_coco(map: &LabelMap, legend: &Legend, file_name: &str) -> Result<String> {
    let regions = polygons(map)?;
    let present = map.present_in(legend)?;
    let annotations = (1usize..).zip(present).map(|(id, (class, _, _))| {
        let regions = regions.get(&class).map_or(&[][..], Vec::as_slice);
        annotate(map, class, id, regions)
    });
    let categories = (1u32..).zip(legend.entries()).map(|(id, entry)| Category {
        id,
        name: &entry.name,
        supercategory: "",
    });
    let dataset = Dataset {
        images: [Image {
            id: IMAGE_ID,
            width: map.width,
            height: map.height,
            file_name,
        }],
        annotations: annotations.collect::<Result<_>>()?,
        categories: categories.collect(),
    };
    serde_json::to_string(&dataset).map_err(|error| Error::internal(format!("COCO: {error}")))
}

fn annotate(map: &LabelMap, class: u8, id: usize, regions: &[Polygon]) -> Result<Annotation> {
    let runs = Rle::of_class(map, class)?;
    let has_holes = regions.iter().any(|region| !region.holes.is_empty());
    let segmentation = if has_holes {
        Segmentation::Runs {
            size: [map.height, map.width],
            counts: runs.to_coco_string(),
        }
    } else {
        let flat = |region: &Polygon| region.exterior.iter().flatten().copied().collect();
        Segmentation::Polygons(regions.iter().map(flat).collect())
    };
    Ok(Annotation {
        id,
        image_id: IMAGE_ID,
        category_id: u32::from(class) + 1,
        segmentation,
        area: runs.area(),
        bbox: runs.bounding_box(),
        iscrowd: u8::from(has_holes),
    })
}
