//! ADE20K, as the scene parsing challenge of 2016 published it.

use std::path::Path;

use super::labels::LabelTable;
use super::{FoundFiles, Item, Truth, files};
use crate::error::Result;

const CLASSES: u8 = 150;
const ROOTS: [&str; 2] = ["", "ADEChallengeData2016"];
const PICTURES: &str = "images/validation";
const MASKS: &str = "annotations/validation";

pub(super) fn find(dir: &Path) -> Result<FoundFiles> {
    for root in ROOTS.map(|root| dir.join(root)) {
        let ids = files::stems(&root.join(PICTURES), ".jpg")?;
        if ids.is_empty() {
            continue;
        }
        let item = |id: String| Item {
            picture: root.join(PICTURES).join(format!("{id}.jpg")),
            truth: root.join(MASKS).join(format!("{id}.png")),
            id,
        };
        return Ok(FoundFiles {
            items: ids.into_iter().map(item).collect(),
            truth: Truth::Labels(LabelTable::zero_ignored(CLASSES)),
        });
    }
    let looked_for = [
        "images/validation/*.jpg",
        "ADEChallengeData2016/images/validation/*.jpg",
    ];
    Err(files::not_found("ADE20K", dir, &looked_for))
}
