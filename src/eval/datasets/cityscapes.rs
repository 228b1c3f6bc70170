//! Cityscapes.

use std::path::Path;

use super::labels::LabelTable;
use super::{FoundFiles, IGNORED, Item, Truth, files};
use crate::error::Result;

const PICTURES: &str = "leftImg8bit/val";
const MASKS: &str = "gtFine/val";
const PICTURE: &str = "_leftImg8bit.png";
const TRAIN_IDS: &str = "_gtFine_labelTrainIds.png";
const LABEL_IDS: &str = "_gtFine_labelIds.png";

/// The label of each class, in the classes' order, in `labelIds` masks. Other labels up to
/// [`LAST_LABEL`] are not counted. From `labels.py` of the Cityscapes scripts.
const LABELS: [u8; 19] = [
    7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33,
];
const LAST_LABEL: u8 = 33;

pub(super) fn find(dir: &Path) -> Result<FoundFiles> {
    let mut pictures = Vec::new();
    for city in files::names(&dir.join(PICTURES))? {
        for id in files::stems(&dir.join(PICTURES).join(&city), PICTURE)? {
            pictures.push((city.clone(), id));
        }
    }
    pictures.sort_unstable();
    let mask = |(city, id): &(String, String), suffix: &str| {
        dir.join(MASKS).join(city).join(format!("{id}{suffix}"))
    };
    let first = pictures.first().ok_or_else(|| {
        files::not_found("Cityscapes", dir, &["leftImg8bit/val/*/*_leftImg8bit.png"])
    })?;
    let (suffix, table) = if mask(first, TRAIN_IDS).is_file() {
        (TRAIN_IDS, LabelTable::same(LABELS.len() as u8))
    } else {
        (LABEL_IDS, label_ids())
    };
    let items = pictures.iter().map(|picture| Item {
        id: picture.1.clone(),
        picture: dir
            .join(PICTURES)
            .join(&picture.0)
            .join(format!("{}{PICTURE}", picture.1)),
        truth: mask(picture, suffix),
    });
    Ok(FoundFiles {
        items: items.collect(),
        truth: Truth::Labels(table),
    })
}

fn label_ids() -> LabelTable {
    let ignored = (0..=LAST_LABEL).map(|label| (label, IGNORED));
    LabelTable::new(ignored.chain(LABELS.into_iter().zip(0..)))
}
