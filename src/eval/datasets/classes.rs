//! Class lists: one class a line, its names between commas, the class's own name first.
//!
//! The lists beside this file follow the order and meaning of the data sets' own lists
//! (`59_labels.txt` and the segmentation classes of PASCAL, `labels.txt` of COCO-Stuff,
//! `objectInfo150.txt` of ADE20K, `labels.py` of the Cityscapes scripts). A name that reads badly
//! in "a photo of a …" is put into words, and common other words for the same thing are added;
//! several names for a class is what the protocol of SCLIP (arXiv 2312.01597) and its followers
//! measures with.

use super::DatasetKind;
use crate::error::{Error, Result};
use crate::prompt::parse_words;

/// The names of each class of a data set, without the background.
pub(super) fn of(kind: DatasetKind) -> Result<Vec<Vec<String>>> {
    const THINGS: &str = include_str!("classes/coco-things.txt");
    match kind {
        DatasetKind::Voc20 | DatasetKind::Voc21 => parse_classes(include_str!("classes/voc.txt")),
        DatasetKind::Context59 | DatasetKind::Context60 => {
            parse_classes(include_str!("classes/context.txt"))
        }
        DatasetKind::CocoObject => parse_classes(THINGS),
        DatasetKind::CocoStuff => {
            parse_classes(&[THINGS, include_str!("classes/coco-stuff.txt")].concat())
        }
        DatasetKind::Ade20k => parse_classes(include_str!("classes/ade20k.txt")),
        DatasetKind::Cityscapes => parse_classes(include_str!("classes/cityscapes.txt")),
        DatasetKind::Camvid => parse_classes(include_str!("classes/camvid.txt")),
    }
}

/// Reads a class list: one class a line, its names between commas (or slashes), the class's own
/// name first. Blank lines are passed over. The rules for names are those of [`parse_words`].
///
/// # Errors
/// [`Error::Input`] if there is no class or an empty name, and as [`parse_words`]: above all if a
/// name comes twice in the whole list, upper and lower case not being told apart.
pub fn parse_classes(text: &str) -> Result<Vec<Vec<String>>> {
    let mut words = Vec::new();
    let lines = text.trim_start_matches('\u{feff}').lines();
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.trim().is_empty()) {
        if line.split([',', '/']).any(|name| name.trim().is_empty()) {
            return Err(Error::input(format!(
                "Line {number} of the class list has an empty name. Remove the comma."
            )));
        }
        words.push(line.replace(',', "/"));
    }
    if words.is_empty() {
        return Err(Error::input(
            "The class list has no classes. Write one on each line.",
        ));
    }
    let classes = parse_words(&words).map_err(|e| e.context("In the class list"))?;
    Ok(classes.into_iter().map(|class| class.names).collect())
}
