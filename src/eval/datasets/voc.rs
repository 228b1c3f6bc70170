//! PASCAL VOC 2012.

use std::path::Path;

use super::labels::LabelTable;
use super::{FoundFiles, Item, Truth, files};
use crate::error::Result;

const CLASSES: u8 = 20;
const LIST: &str = "ImageSets/Segmentation/val.txt";
/// Where the data set may be in the folder given: itself, or as the archive unpacks.
const ROOTS: [&str; 3] = ["", "VOC2012", "VOCdevkit/VOC2012"];

pub(super) fn find(dir: &Path, background: bool) -> Result<FoundFiles> {
    let root = ROOTS
        .iter()
        .map(|root| dir.join(root))
        .find(|root| root.join(LIST).is_file())
        .ok_or_else(|| {
            let looked_for = ROOTS.map(|root| Path::new(root).join(LIST).display().to_string());
            files::not_found(
                "PASCAL VOC 2012",
                dir,
                &looked_for.each_ref().map(String::as_str),
            )
        })?;
    let items = items(&root, &root.join(LIST), &root.join("SegmentationClass"))?;
    let table = if background {
        LabelTable::same(CLASSES + 1)
    } else {
        LabelTable::zero_ignored(CLASSES)
    };
    Ok(FoundFiles {
        items,
        truth: Truth::Labels(table),
    })
}

/// What a list names, with masks in a folder of their own; also the layout of PASCAL Context.
pub(super) fn items(root: &Path, list: &Path, masks: &Path) -> Result<Vec<Item>> {
    let ids = files::read_list(list)?;
    if ids.is_empty() {
        return Err(files::broken(list, "it lists no picture"));
    }
    let item = |id: String| Item {
        picture: root.join("JPEGImages").join(format!("{id}.jpg")),
        truth: masks.join(format!("{id}.png")),
        id,
    };
    Ok(ids.into_iter().map(item).collect())
}
