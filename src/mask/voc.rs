//! PASCAL VOC: palette PNGs of classes and objects, and boxes.

use std::fmt::Write;

use super::export::{Export, ExportFile, check_name};
use super::png::palette_png;
use super::xml::escape;
use super::{AnnotatedPicture, LabelMap, Legend, UNLABELLED};
use crate::{Error, Result};

/// The most values that a picture of the format can tell apart: 0 is the background and 255 the
/// void between objects.
const MAX_VALUES: usize = 254;

/// For each picture `SegmentationClass/NAME.png`, a value for each class from 1 on in the colours
/// of the legend, `SegmentationObject/NAME.png`, if objects are parts of classes, a value for each
/// of them, and `Annotations/NAME.xml` with their boxes. For all, `ImageSets/Segmentation` and
/// `ImageSets/Main` list the names, and `labelmap.txt` the classes with their colours, as CVAT and
/// Datumaro read them. The pictures belong into `JPEGImages`.
///
/// Boxes count pixels from 1, as the development kit does, both ends included.
pub(super) struct Voc {
    legend: Legend,
    names: String,
}

impl Voc {
    pub(super) fn new(legend: Legend) -> Self {
        Self {
            legend,
            names: String::new(),
        }
    }

    fn palette(&self) -> [[u8; 3]; 256] {
        let mut palette = [[0; 3]; 256];
        for (color, entry) in palette[1..].iter_mut().zip(self.legend.entries()) {
            *color = entry.color;
        }
        palette
    }
}

impl Export for Voc {
    fn add(&mut self, picture: &AnnotatedPicture<'_>) -> Result<Vec<ExportFile>> {
        check_name(picture)?;
        let highest = picture.map.present_in(picture.legend)?.pop();
        if let Some((class, _, _)) = highest {
            check_values("classes", usize::from(class) + 1)?;
        }
        let stem = picture.stem();
        let classes = palette_png(&picture.map.counted_from_one(), &self.palette())?;
        let mut files = vec![
            ExportFile::new(format!("SegmentationClass/{stem}.png"), classes),
            ExportFile::new(format!("Annotations/{stem}.xml"), annotation(picture)?),
        ];
        if picture.instances {
            check_values("objects", picture.objects.len())?;
            let objects = palette_png(&numbered(picture)?, &numbers())?;
            let path = format!("SegmentationObject/{stem}.png");
            files.push(ExportFile::new(path, objects));
        }
        let _ = writeln!(self.names, "{stem}");
        Ok(files)
    }

    fn finish(&self) -> Result<Vec<ExportFile>> {
        let mut classes = String::from("# label:color_rgb:parts:actions\nbackground:0,0,0::\n");
        for entry in self.legend.entries() {
            let [red, green, blue] = entry.color;
            // What separates fields and lines cannot be in a name.
            let name = entry.name.replace([':', '\n', '\r'], " ");
            let _ = writeln!(classes, "{name}:{red},{green},{blue}::");
        }
        let names = |set: &str| {
            ExportFile::new(format!("ImageSets/{set}/default.txt"), self.names.as_str())
        };
        Ok(vec![
            ExportFile::new("labelmap.txt", classes),
            names("Segmentation"),
            names("Main"),
        ])
    }
}

fn check_values(what: &str, count: usize) -> Result<()> {
    if count <= MAX_VALUES {
        return Ok(());
    }
    Err(Error::input(format!(
        "{count} {what} are too many for PASCAL VOC, whose pictures hold {MAX_VALUES}; use another format, or no instances"
    )))
}

/// The number of each pixel's object, from 1 on.
fn numbered(picture: &AnnotatedPicture<'_>) -> Result<LabelMap> {
    let mut labels = crate::image::allocate(picture.map.labels.len())?;
    for (number, object) in (1..UNLABELLED).zip(picture.objects) {
        for pixel in object.pixels() {
            labels[pixel] = number;
        }
    }
    LabelMap::new(picture.map.width, picture.map.height, labels)
}

/// The colours of the development kit: a number's bits, from the lowest on, are the highest of red,
/// green, blue, and again.
fn numbers() -> [[u8; 3]; 256] {
    let mut palette = [[0u8; 3]; 256];
    for (number, color) in palette.iter_mut().enumerate() {
        for bit in 0..8 {
            color[bit % 3] |= ((number >> bit & 1) as u8) << (7 - bit / 3);
        }
    }
    palette
}

fn annotation(picture: &AnnotatedPicture<'_>) -> Result<String> {
    let (folders, file) = match picture.file_name.rsplit_once('/') {
        Some((folders, file)) => (folders, file),
        None => ("", picture.file_name),
    };
    let mut xml = format!(
        "<annotation>\n  <folder>{}</folder>\n  <filename>{}</filename>\n  <source>\n    \
         <database>Unknown</database>\n    <annotation>wordmask</annotation>\n    \
         <image>Unknown</image>\n  </source>\n  <size>\n    <width>{}</width>\n    \
         <height>{}</height>\n    <depth>3</depth>\n  </size>\n  <segmented>1</segmented>\n",
        escape(folders),
        escape(file),
        picture.map.width,
        picture.map.height
    );
    for (object, entry) in picture.named_objects()? {
        let [left, top, width, height] = object.bounding_box();
        let _ = writeln!(
            xml,
            "  <object>\n    <name>{}</name>\n    <pose>Unspecified</pose>\n    \
             <truncated>0</truncated>\n    <difficult>0</difficult>\n    <occluded>0</occluded>\n    \
             <bndbox>\n      <xmin>{}</xmin>\n      <ymin>{}</ymin>\n      <xmax>{}</xmax>\n      \
             <ymax>{}</ymax>\n    </bndbox>\n  </object>",
            escape(&entry.name),
            left + 1,
            top + 1,
            left + width,
            top + height
        );
    }
    xml.push_str("</annotation>\n");
    Ok(xml)
}
