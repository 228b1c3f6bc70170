//! CVAT for images 1.1.

use std::fmt::Write;

use super::export::{Export, ExportFile, check_name};
use super::xml::escape;
use super::{AnnotatedPicture, Legend, LegendEntry, Object, Polygon};
use crate::Result;

/// `annotations.xml` with all pictures: a polygon for each connected part, a mask for an object
/// with holes, which polygons of the format cannot have. The parts of one object are a group.
pub(super) struct Cvat {
    legend: Legend,
    images: String,
    count: usize,
    groups: usize,
}

impl Cvat {
    pub(super) fn new(legend: Legend) -> Self {
        Self {
            legend,
            images: String::new(),
            count: 0,
            groups: 0,
        }
    }

    fn polygons(&mut self, xml: &mut String, object: &Object, name: &str) {
        let group = if object.polygons.len() > 1 {
            self.groups += 1;
            format!(r#" group_id="{}""#, self.groups)
        } else {
            String::new()
        };
        for Polygon { exterior, .. } in &object.polygons {
            let points: Vec<String> = exterior.iter().map(|[x, y]| format!("{x},{y}")).collect();
            let _ = writeln!(
                xml,
                r#"    <polygon label="{name}" source="auto" occluded="0" points="{}" z_order="0"{group}></polygon>"#,
                points.join(";")
            );
        }
    }
}

impl Export for Cvat {
    fn add(&mut self, picture: &AnnotatedPicture<'_>) -> Result<Vec<ExportFile>> {
        check_name(picture)?;
        let mut xml = String::new();
        for (object, entry) in picture.named_objects()? {
            let name = escape(&entry.name);
            if object.has_holes() {
                mask(&mut xml, object, &name);
            } else {
                self.polygons(&mut xml, object, &name);
            }
        }
        let _ = writeln!(
            self.images,
            r#"  <image id="{}" name="{}" width="{}" height="{}">"#,
            self.count,
            escape(picture.file_name),
            picture.map.width,
            picture.map.height
        );
        self.images += &xml;
        self.images += "  </image>\n";
        self.count += 1;
        Ok(Vec::new())
    }

    fn finish(&self) -> Result<Vec<ExportFile>> {
        let labels: String = self.legend.entries().iter().map(label).collect();
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n  \
             <meta>\n    <task>\n      <size>{}</size>\n      <mode>annotation</mode>\n      \
             <labels>\n{labels}      </labels>\n    </task>\n  </meta>\n{}</annotations>\n",
            self.count, self.images
        );
        Ok(vec![ExportFile::new("annotations.xml", xml)])
    }
}

fn label(entry: &LegendEntry) -> String {
    format!(
        "        <label><name>{}</name><color>{}</color><attributes></attributes></label>\n",
        escape(&entry.name),
        entry.hex()
    )
}

/// The runs of an object's pixels within its box.
fn mask(xml: &mut String, object: &Object, name: &str) {
    let [left, top, width, height] = object.bounding_box();
    let runs: Vec<String> = object.row_runs().iter().map(u64::to_string).collect();
    let _ = writeln!(
        xml,
        r#"    <mask label="{name}" source="auto" occluded="0" rle="{}" left="{left}" top="{top}" width="{width}" height="{height}" z_order="0"></mask>"#,
        runs.join(", ")
    );
}
