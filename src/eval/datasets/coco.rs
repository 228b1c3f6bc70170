//! What the data sets on the pictures of COCO share.

use std::path::{Path, PathBuf};

use super::{Item, files};
use crate::error::Result;

/// The number of object classes; the classes of COCO-Stuff begin with them.
pub(super) const THINGS: u8 = 80;

/// The last category identifier of COCO-Stuff. They count from 1; objects end at 90.
const LAST_ID: u8 = 182;

/// Identifiers that were planned and are no categories (street sign, hat, shoe, ...).
const UNUSED_IDS: [u8; 11] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91];

/// The class of a category identifier: its place among those in use.
pub(super) fn class_of(id: u8) -> Option<u8> {
    if !(1..=LAST_ID).contains(&id) || UNUSED_IDS.contains(&id) {
        return None;
    }
    let unused_before = UNUSED_IDS.iter().filter(|unused| **unused < id).count();
    Some(id - 1 - unused_before as u8)
}

/// Label and class of every category in COCO-Stuff's masks, whose labels are identifiers less one.
pub(super) fn stuff_labels() -> impl Iterator<Item = (u8, u8)> {
    (1..=LAST_ID).filter_map(|id| Some((id - 1, class_of(id)?)))
}

/// The validation pictures: their folder, and their names without `.jpg`.
pub(super) fn pictures(title: &str, dir: &Path) -> Result<(PathBuf, Vec<String>)> {
    for folder in ["images/val2017", "val2017"].map(|folder| dir.join(folder)) {
        let ids = files::stems(&folder, ".jpg")?;
        if !ids.is_empty() {
            return Ok((folder, ids));
        }
    }
    let looked_for = ["images/val2017/*.jpg", "val2017/*.jpg"];
    Err(files::not_found(title, dir, &looked_for))
}

/// The folder that holds the mask `<id><suffix>`.
pub(super) fn mask_folder(dir: &Path, id: &str, suffix: &str) -> Option<PathBuf> {
    [
        "annotations/val2017",
        "stuffthingmaps/val2017",
        "stuffthingmaps_trainval2017/val2017",
    ]
    .map(|folder| dir.join(folder))
    .into_iter()
    .find(|folder| folder.join(format!("{id}{suffix}")).is_file())
}

/// Pictures with masks of that ending.
pub(super) fn items(pictures: &Path, ids: Vec<String>, masks: &Path, suffix: &str) -> Vec<Item> {
    let item = |id: String| Item {
        picture: pictures.join(format!("{id}.jpg")),
        truth: masks.join(format!("{id}{suffix}")),
        id,
    };
    ids.into_iter().map(item).collect()
}
