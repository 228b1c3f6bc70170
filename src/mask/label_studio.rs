//! Tasks of Label Studio.

use std::fmt::Write;

use serde::Serialize;

use super::export::{Export, ExportFile, check_name, json};
use super::keyhole::without_holes;
use super::xml::escape;
use super::{AnnotatedPicture, Legend, Object};
use crate::Result;

/// `tasks.json` with a task for each picture, its masks as predictions, so that people correct them
/// there: a polygon in percent of the sides for each connected part, a hole joined to the outline by
/// a cut without width; and `config.xml`, the labelling interface that the tasks need.
pub(super) struct LabelStudio {
    legend: Legend,
    tasks: Vec<Task>,
}

/// What the elements of the labelling interface are called.
const CONTROL: &str = "label";
const PICTURE: &str = "image";

/// Where a server with local files switched on finds those of a project's folder.
const LOCAL_FILES: &str = "/data/local-files/?d=";

#[derive(Serialize)]
struct Task {
    data: Data,
    predictions: [Prediction; 1],
}

#[derive(Serialize)]
struct Data {
    image: String,
}

#[derive(Serialize)]
struct Prediction {
    model_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    result: Vec<Region>,
}

#[derive(Serialize)]
struct Region {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    from_name: &'static str,
    to_name: &'static str,
    original_width: u32,
    original_height: u32,
    image_rotation: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    value: Outline,
}

#[derive(Serialize)]
struct Outline {
    points: Vec<[f64; 2]>,
    closed: bool,
    polygonlabels: [String; 1],
}

impl LabelStudio {
    pub(super) fn new(legend: Legend) -> Self {
        Self {
            legend,
            tasks: Vec::new(),
        }
    }

    fn config(&self) -> String {
        let mut labels = String::new();
        for entry in self.legend.entries() {
            let (name, color) = (escape(&entry.name), entry.hex());
            let _ = writeln!(
                labels,
                r#"    <Label value="{name}" background="{color}"/>"#
            );
        }
        format!(
            "<View>\n  <Image name=\"{PICTURE}\" value=\"$image\" zoom=\"true\"/>\n  \
             <PolygonLabels name=\"{CONTROL}\" toName=\"{PICTURE}\">\n{labels}  \
             </PolygonLabels>\n</View>\n"
        )
    }
}

impl Export for LabelStudio {
    fn add(&mut self, picture: &AnnotatedPicture<'_>) -> Result<Vec<ExportFile>> {
        check_name(picture)?;
        let size = [picture.map.width, picture.map.height];
        let mut result = Vec::new();
        for (object, entry) in picture.named_objects()? {
            for polygon in &object.polygons {
                let percent = |[x, y]: [f64; 2]| {
                    [
                        x * 100.0 / f64::from(size[0]),
                        y * 100.0 / f64::from(size[1]),
                    ]
                };
                result.push(Region {
                    id: format!("region-{}", result.len() + 1),
                    kind: "polygonlabels",
                    from_name: CONTROL,
                    to_name: PICTURE,
                    original_width: size[0],
                    original_height: size[1],
                    image_rotation: 0,
                    score: object.score,
                    value: Outline {
                        points: without_holes(polygon).into_iter().map(percent).collect(),
                        closed: true,
                        polygonlabels: [entry.name.clone()],
                    },
                });
            }
        }
        self.tasks.push(Task {
            data: Data {
                image: format!("{LOCAL_FILES}{}", picture.file_name),
            },
            predictions: [Prediction {
                model_version: concat!("wordmask ", env!("CARGO_PKG_VERSION")),
                score: mean_score(picture.objects),
                result,
            }],
        });
        Ok(Vec::new())
    }

    fn finish(&self) -> Result<Vec<ExportFile>> {
        Ok(vec![
            ExportFile::new("tasks.json", json(&self.tasks)?),
            ExportFile::new("config.xml", self.config()),
        ])
    }
}

/// The mean over all pixels with a score: what tasks are sorted by.
fn mean_score(objects: &[Object]) -> Option<f32> {
    let scored = objects.iter().filter_map(|object| {
        let area = object.area() as f64;
        object.score.map(|score| [f64::from(score) * area, area])
    });
    let sums = scored.reduce(|a, b| [a[0] + b[0], a[1] + b[1]]);
    sums.map(|[score, area]| (score / area) as f32)
}
