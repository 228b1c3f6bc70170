//! PASCAL Context.

use std::path::Path;

use super::labels::LabelTable;
use super::{FoundFiles, IGNORED, Truth, files, voc};
use crate::error::Result;

const ROOTS: [&str; 3] = ["", "VOC2010", "VOCdevkit/VOC2010"];
/// All three are the validation pictures of VOC 2010; the first lacks one of 5105.
const LISTS: [&str; 3] = [
    "ImageSets/SegmentationContext/val.txt",
    "pascalcontext_val.txt",
    "ImageSets/Main/val.txt",
];
const CONVERTED: &str = "SegmentationClassContext";
const ORIGINAL: &str = "59_context_labels";

/// The classes in the order of the authors' `59_labels.txt`, whose labels count from 1. The
/// converted masks and the class list have them by alphabet.
#[rustfmt::skip]
pub(super) const ORIGINAL_ORDER: [&str; 59] = [
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "table",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
    "bag", "bed", "bench", "book", "building", "cabinet", "ceiling", "cloth", "computer", "cup",
    "door", "fence", "floor", "flower", "food", "grass", "ground", "keyboard", "light", "mountain",
    "mouse", "curtain", "platform", "sign", "plate", "road", "rock", "shelves", "sidewalk", "sky",
    "snow", "bedclothes", "track", "tree", "truck", "wall", "water", "window", "wood",
];

pub(super) fn find(dir: &Path, background: bool) -> Result<FoundFiles> {
    let missing = |looked_for: &[&str]| files::not_found("PASCAL Context", dir, looked_for);
    let (root, list) = ROOTS
        .iter()
        .map(|root| dir.join(root))
        .find_map(|root| Some((root.clone(), files::first(&root, &LISTS)?)))
        .ok_or_else(|| missing(&LISTS))?;
    let (masks, order) = if let Some(masks) = files::first(&root, &[CONVERTED]) {
        (masks, by_alphabet())
    } else if let Some(masks) =
        files::first(&root, &[ORIGINAL]).or_else(|| files::first(dir, &[ORIGINAL]))
    {
        (masks, original_order())
    } else {
        return Err(missing(&[CONVERTED, ORIGINAL]));
    };
    let (zero, first) = if background { (0, 1) } else { (IGNORED, 0) };
    let classes = order.into_iter().map(|rank| first + rank);
    let table = LabelTable::new((1..).zip(classes).chain([(0, zero)]));
    Ok(FoundFiles {
        items: voc::items(&root, &list, &masks)?,
        truth: Truth::Labels(table),
    })
}

/// The class of label 1, of label 2, ... in the converted masks.
fn by_alphabet() -> Vec<u8> {
    (0..).take(ORIGINAL_ORDER.len()).collect()
}

/// The class of label 1, of label 2, ... in the authors' masks.
fn original_order() -> Vec<u8> {
    let rank = |name: &&str| ORIGINAL_ORDER.iter().filter(|other| *other < name).count() as u8;
    ORIGINAL_ORDER.iter().map(rank).collect()
}
