//! JSON files of labelme.

use serde::Serialize;

use super::export::{Export, ExportFile, check_name, json};
use super::keyhole::without_holes;
use super::objects::Coordinate;
use super::{AnnotatedPicture, Object};
use crate::Result;

/// `NAME.json` for each picture, to lie beside it: a polygon for each connected part; the parts of
/// one object are a group. A hole is joined to the outline by a cut without width.
pub(super) struct Labelme;

/// The version of the format, which labelme 4 to 6 read.
const VERSION: &str = "5.0.0";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LabelFile<'a> {
    version: &'static str,
    flags: Flags,
    shapes: Vec<Shape<'a>>,
    image_path: &'a str,
    /// Left out: the picture is read from its file.
    image_data: Option<()>,
    image_height: u32,
    image_width: u32,
}

#[derive(Serialize)]
struct Flags {}

#[derive(Serialize)]
struct Shape<'a> {
    label: &'a str,
    points: Vec<[Coordinate; 2]>,
    group_id: Option<usize>,
    description: String,
    shape_type: &'static str,
    flags: Flags,
}

impl Export for Labelme {
    fn add(&mut self, picture: &AnnotatedPicture<'_>) -> Result<Vec<ExportFile>> {
        check_name(picture)?;
        let mut shapes = Vec::new();
        for (number, (object, entry)) in picture.named_objects()?.enumerate() {
            for polygon in &object.polygons {
                let points = without_holes(polygon).into_iter();
                shapes.push(Shape {
                    label: &entry.name,
                    points: points.map(|point| point.map(Coordinate)).collect(),
                    group_id: (object.polygons.len() > 1).then_some(number + 1),
                    description: described(object),
                    shape_type: "polygon",
                    flags: Flags {},
                });
            }
        }
        let file = LabelFile {
            version: VERSION,
            flags: Flags {},
            shapes,
            image_path: base_name(picture.file_name),
            image_data: None,
            image_height: picture.map.height,
            image_width: picture.map.width,
        };
        let path = format!("{}.json", picture.stem());
        Ok(vec![ExportFile::new(path, json(&file)?)])
    }

    fn finish(&self) -> Result<Vec<ExportFile>> {
        Ok(Vec::new())
    }
}

/// The format has no place for a score but the text that people see.
fn described(object: &Object) -> String {
    let score = object.score.map(|score| format!("score {score:.3}"));
    score.unwrap_or_default()
}

/// Relative to the JSON file, which lies in the same folder.
fn base_name(file_name: &str) -> &str {
    file_name.rsplit('/').next().unwrap_or(file_name)
}
