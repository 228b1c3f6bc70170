//! COCO-Stuff, 80 classes of objects and 91 of stuff.

use std::path::Path;

use super::labels::LabelTable;
use super::{FoundFiles, Truth, coco, files};
use crate::error::Result;

const TITLE: &str = "COCO-Stuff";
const CLASSES: u8 = 171;
const CONVERTED: &str = "_labelTrainIds.png";
const ORIGINAL: &str = ".png";

pub(super) fn find(dir: &Path) -> Result<FoundFiles> {
    let (pictures, ids) = coco::pictures(TITLE, dir)?;
    let first = ids.first().map_or("", String::as_str);
    let folder = |suffix: &str| coco::mask_folder(dir, first, suffix);
    let (masks, suffix, table) = if let Some(masks) = folder(CONVERTED) {
        (masks, CONVERTED, LabelTable::same(CLASSES))
    } else if let Some(masks) = folder(ORIGINAL) {
        (masks, ORIGINAL, LabelTable::new(coco::stuff_labels()))
    } else {
        let looked_for = [
            format!("annotations/val2017/{first}{CONVERTED}"),
            format!("annotations/val2017/{first}{ORIGINAL}"),
            format!("stuffthingmaps/val2017/{first}{ORIGINAL}"),
        ];
        let looked_for = looked_for.each_ref().map(String::as_str);
        return Err(files::not_found(TITLE, dir, &looked_for));
    };
    Ok(FoundFiles {
        items: coco::items(&pictures, ids, &masks, suffix),
        truth: Truth::Labels(table),
    })
}
