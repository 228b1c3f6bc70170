//! The objects of COCO out of its JSON file.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::{FoundFiles, IGNORED, Item, Truth, coco, files, polygon};
use crate::error::{Error, Result};
use crate::image::allocate;
use crate::mask::Rle;

/// The fields needed of `instances_*.json`.
#[derive(Deserialize)]
struct InstancesFile {
    images: Vec<ImageEntry>,
    annotations: Vec<AnnotationEntry>,
}

#[derive(Deserialize)]
struct ImageEntry {
    id: u64,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
struct AnnotationEntry {
    image_id: u64,
    category_id: u64,
    segmentation: Shape,
    area: f64,
    #[serde(default)]
    iscrowd: u8,
}

/// Where an object is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Shape {
    /// Polygons as `x, y, x, y, ...` in pixels.
    Polygons(Vec<Vec<f64>>),
    /// Runs in a mask of `[height, width]`.
    Runs { size: [u32; 2], counts: RunLengths },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RunLengths {
    Compressed(String),
    Plain(Vec<u32>),
}

/// The objects of one picture, in the order in which they are painted.
#[derive(Debug)]
pub(super) struct Instances {
    size: (u32, u32),
    objects: Vec<Object>,
}

#[derive(Debug)]
struct Object {
    /// What its pixels are in the truth.
    value: u8,
    area: f64,
    shape: Shape,
}

/// The pictures that the file lists, by name, with their objects.
pub(super) fn find(pictures: &Path, json: &Path) -> Result<FoundFiles> {
    let bytes = files::read(json)?;
    let file: InstancesFile = serde_json::from_slice(&bytes)
        .map_err(|error| files::broken(json, &format!("it is no COCO instance file ({error})")))?;
    let mut images = file.images;
    images.sort_unstable_by(|a, b| a.file_name.cmp(&b.file_name));
    let mut objects =
        objects_by_image(&images, file.annotations).map_err(|error| files::in_file(json, error))?;
    let mut items = Vec::new();
    let mut instances = Vec::new();
    for image in images {
        let name = &image.file_name;
        items.push(Item {
            id: name.strip_suffix(".jpg").unwrap_or(name).to_owned(),
            picture: pictures.join(name),
            truth: json.to_owned(),
        });
        instances.push(Instances::new(
            (image.width, image.height),
            objects.remove(&image.id).unwrap_or_default(),
        ));
    }
    if items.is_empty() {
        return Err(files::broken(json, "it lists no picture"));
    }
    Ok(FoundFiles {
        items,
        truth: Truth::Instances(instances),
    })
}

fn objects_by_image(
    images: &[ImageEntry],
    annotations: Vec<AnnotationEntry>,
) -> Result<HashMap<u64, Vec<Object>>> {
    let mut objects: HashMap<u64, Vec<Object>> = HashMap::new();
    for image in images {
        if objects.insert(image.id, Vec::new()).is_some() {
            return Err(Error::input(format!(
                "two pictures have the number {}. Download the file again.",
                image.id
            )));
        }
    }
    for annotation in annotations {
        let image = annotation.image_id;
        let of_image = objects.get_mut(&image).ok_or_else(|| {
            Error::input(format!(
                "an object is in picture {image}, which is not listed. Download the file again."
            ))
        })?;
        of_image.push(Object::new(annotation)?);
    }
    Ok(objects)
}

impl Object {
    fn new(annotation: AnnotationEntry) -> Result<Self> {
        let category = annotation.category_id;
        let class = u8::try_from(category)
            .ok()
            .and_then(coco::class_of)
            .filter(|class| *class < coco::THINGS)
            .ok_or_else(|| {
                Error::input(format!(
                    "an object in picture {} has category {category}, which is none of COCO's 80 \
                     object classes. Give the file that COCO published.",
                    annotation.image_id
                ))
            })?;
        let is_crowd = annotation.iscrowd != 0;
        Ok(Self {
            value: if is_crowd { IGNORED } else { class + 1 },
            area: annotation.area,
            shape: annotation.segmentation,
        })
    }
}

impl Instances {
    /// Sorts the objects: crowds first, then large before small.
    fn new(size: (u32, u32), mut objects: Vec<Object>) -> Self {
        objects.sort_by(|a, b| {
            let crowd_first = (a.value != IGNORED).cmp(&(b.value != IGNORED));
            crowd_first.then(b.area.total_cmp(&a.area))
        });
        Self { size, objects }
    }

    /// The truth of the picture, whose width and height are given to check them.
    pub(super) fn paint(&self, size: (u32, u32)) -> Result<Vec<u8>> {
        if size != self.size {
            return Err(Error::input(format!(
                "the picture should have {}x{} pixels, but has {}x{}. Get both from the same place.",
                self.size.0, self.size.1, size.0, size.1
            )));
        }
        let mut truth = allocate(size.0 as usize * size.1 as usize)?;
        for object in &self.objects {
            object.shape.paint(size, object.value, &mut truth)?;
        }
        Ok(truth)
    }
}

impl Shape {
    /// Sets the pixels of the shape in `[height, width]` values.
    fn paint(&self, (width, height): (u32, u32), value: u8, truth: &mut [u8]) -> Result<()> {
        match self {
            Self::Polygons(rings) => {
                for ring in rings {
                    polygon::fill(ring, (width, height), value, truth)?;
                }
                Ok(())
            }
            Self::Runs { size, .. } if *size != [height, width] => Err(Error::input(format!(
                "runs are of a mask of {}x{} pixels, but the picture has {width}x{height}. \
                 Download the file again.",
                size[1], size[0]
            ))),
            Self::Runs { counts, .. } => match counts {
                RunLengths::Compressed(text) => {
                    let rle = Rle::from_coco_string(width, height, text)?;
                    paint_runs(rle.counts(), width, value, truth)
                }
                RunLengths::Plain(counts) => paint_runs(counts, width, value, truth),
            },
        }
    }
}

/// Sets the pixels inside runs, which go down the columns: outside, inside, outside, ...
fn paint_runs(counts: &[u32], width: u32, value: u8, truth: &mut [u8]) -> Result<()> {
    let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    if total != truth.len() as u64 {
        return Err(Error::input(format!(
            "runs of {total} pixels do not make a mask of {}. Download the file again.",
            truth.len()
        )));
    }
    let width = width as usize;
    let height = truth.len() / width;
    let mut position = 0;
    for (index, &count) in counts.iter().enumerate() {
        let end = position + count as usize;
        if index % 2 == 1 {
            for pixel in position..end {
                truth[pixel % height * width + pixel / height] = value;
            }
        }
        position = end;
    }
    Ok(())
}
