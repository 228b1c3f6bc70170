//! The 80 object classes of COCO and the background.

use std::path::Path;

use super::labels::LabelTable;
use super::{FoundFiles, IGNORED, Truth, coco, coco_instances, files};
use crate::error::Result;

const TITLE: &str = "COCO-Object";
const CONVERTED: &str = "_instanceTrainIds.png";
const STUFF: &str = ".png";
const INSTANCES: &str = "annotations/instances_val2017.json";

pub(super) fn find(dir: &Path) -> Result<FoundFiles> {
    let (pictures, ids) = coco::pictures(TITLE, dir)?;
    let first = ids.first().map_or("", String::as_str);
    let folder = |suffix: &str| coco::mask_folder(dir, first, suffix);
    let (masks, suffix, table) = if let Some(masks) = folder(CONVERTED) {
        (masks, CONVERTED, LabelTable::same(coco::THINGS + 1))
    } else if let Some(masks) = folder(STUFF) {
        (masks, STUFF, without_stuff())
    } else if dir.join(INSTANCES).is_file() {
        return coco_instances::find(&pictures, &dir.join(INSTANCES));
    } else {
        let looked_for = [
            format!("annotations/val2017/{first}{CONVERTED}"),
            format!("stuffthingmaps/val2017/{first}{STUFF}"),
            INSTANCES.to_owned(),
        ];
        let looked_for = looked_for.each_ref().map(String::as_str);
        return Err(files::not_found(TITLE, dir, &looked_for));
    };
    Ok(FoundFiles {
        items: coco::items(&pictures, ids, &masks, suffix),
        truth: Truth::Labels(table),
    })
}

/// COCO-Stuff's masks, stuff and what is unlabelled being background, as `GroupViT` has it.
fn without_stuff() -> LabelTable {
    let labels = coco::stuff_labels().map(|(label, class)| {
        let is_thing = class < coco::THINGS;
        (label, if is_thing { class + 1 } else { 0 })
    });
    LabelTable::new(labels.chain([(IGNORED, 0)]))
}
