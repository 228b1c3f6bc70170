//! YOLO segmentation, as Ultralytics' tools read it.

use std::fmt::Write;

use super::export::{Export, ExportFile, check_name, json};
use super::keyhole::without_holes;
use super::{AnnotatedPicture, Legend};
use crate::Result;

/// `labels/NAME.txt` for each picture: a line for each connected part, its class and its outline in
/// shares of the picture's sides; and `data.yaml`, which names the classes. The pictures belong
/// into `images`, beside `labels`. A hole is joined to the outline by a cut without width.
pub(super) struct Yolo {
    legend: Legend,
}

impl Yolo {
    pub(super) fn new(legend: Legend) -> Self {
        Self { legend }
    }
}

impl Export for Yolo {
    fn add(&mut self, picture: &AnnotatedPicture<'_>) -> Result<Vec<ExportFile>> {
        check_name(picture)?;
        let size = [picture.map.width, picture.map.height].map(f64::from);
        let mut text = String::new();
        for (object, _) in picture.named_objects()? {
            for polygon in &object.polygons {
                let _ = write!(text, "{}", object.class);
                for [x, y] in without_holes(polygon) {
                    let _ = write!(text, " {} {}", share(x / size[0]), share(y / size[1]));
                }
                text.push('\n');
            }
        }
        let path = format!("labels/{}.txt", picture.stem());
        Ok(vec![ExportFile::new(path, text)])
    }

    fn finish(&self) -> Result<Vec<ExportFile>> {
        // A number as key, and a name as JSON writes it, which YAML reads alike.
        let mut yaml = String::from("path: .\ntrain: images\nval: images\nnames:\n");
        for (class, entry) in self.legend.entries().iter().enumerate() {
            let _ = writeln!(yaml, "  {class}: {}", json(&entry.name)?);
        }
        Ok(vec![ExportFile::new("data.yaml", yaml)])
    }
}

/// Six digits are a hundredth of a pixel of the largest pictures.
fn share(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}
