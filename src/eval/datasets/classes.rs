//! Class lists: one class a line, its names between commas, the class's own name first.
//!
//! Two lists for each data set lie beside this file, both in the order of the data set's own list
//! (`59_labels.txt` and the segmentation classes of PASCAL, `labels.txt` of COCO-Stuff,
//! `objectInfo150.txt` of ADE20K, `labels.py` of the Cityscapes scripts):
//!
//! - `classes/sclip/*.txt` has the names with which SCLIP (arXiv 2312.01597) publishes its
//!   results, letter by letter those of `configs/cls_*.txt` in its repository
//!   (`wangf3014/SCLIP`), `pottedplant` and `chestofdrawers` included, and the names of the
//!   background where it is a class. `CamVid` is not among its data sets.
//! - `classes/*.txt` has this project's own names: a name that reads badly in "a photo of a …" is
//!   put into words, and common other words for the same thing are added. They suit the model
//!   better and differ from SCLIP's in every data set, so that what is measured with them cannot
//!   stand beside a paper's number.

use std::collections::{HashMap, HashSet};

use super::DatasetKind;
use crate::error::{Error, Result};
use crate::prompt::{class_lists, parse_words};

/// The names by which the classes of a data set are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassNames {
    /// The names of the background, where the list has a line for it.
    pub background: Option<Vec<String>>,
    /// The names of each class, the class's own name first, in the data set's order.
    pub classes: Vec<Vec<String>>,
}

impl ClassNames {
    /// The names that this project measures a data set with.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the list is broken.
    pub fn own(kind: DatasetKind) -> Result<Self> {
        let text = match kind {
            DatasetKind::Voc20 | DatasetKind::Voc21 => class_lists::VOC,
            DatasetKind::Context59 | DatasetKind::Context60 => class_lists::CONTEXT,
            DatasetKind::CocoObject => class_lists::COCO_THINGS,
            DatasetKind::CocoStuff => &[class_lists::COCO_THINGS, class_lists::COCO_STUFF].concat(),
            DatasetKind::Ade20k => class_lists::ADE20K,
            DatasetKind::Cityscapes => class_lists::CITYSCAPES,
            DatasetKind::Camvid => class_lists::CAMVID,
        };
        Self::from_lines(kind, parse_classes(text)?)
    }

    /// The names that SCLIP publishes its results with; `None` for a data set that it does not
    /// measure.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the list is broken.
    pub fn sclip(kind: DatasetKind) -> Result<Option<Self>> {
        let text = match kind {
            DatasetKind::Voc20 | DatasetKind::Voc21 => include_str!("classes/sclip/voc21.txt"),
            DatasetKind::Context59 | DatasetKind::Context60 => {
                include_str!("classes/sclip/context60.txt")
            }
            DatasetKind::CocoObject => include_str!("classes/sclip/coco-object.txt"),
            DatasetKind::CocoStuff => include_str!("classes/sclip/coco-stuff.txt"),
            DatasetKind::Ade20k => include_str!("classes/sclip/ade20k.txt"),
            DatasetKind::Cityscapes => include_str!("classes/sclip/cityscapes.txt"),
            DatasetKind::Camvid => return Ok(None),
        };
        let mut lines = parse_classes(text)?;
        // The published lists without a background are those with one, less its line.
        if matches!(kind, DatasetKind::Voc20 | DatasetKind::Context59) {
            lines.remove(0);
        }
        Self::from_lines(kind, lines).map(Some)
    }

    /// The lines of a list, as [`parse_classes`] reads them, as names of a data set. Of a data set
    /// with background, a list of one line more than it has classes names the background first;
    /// such a name may be a class's too, as `bed` is in SCLIP's list for COCO.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the number of lines is not the data set's, or a name is that of two
    /// classes, whatever the case of their letters.
    pub fn from_lines(kind: DatasetKind, mut lines: Vec<Vec<String>>) -> Result<Self> {
        let wanted = kind.class_count();
        let background =
            (kind.has_background() && lines.len() == wanted + 1).then(|| lines.remove(0));
        if lines.len() != wanted {
            let or_background = if kind.has_background() {
                ", or one more with the background first"
            } else {
                ""
            };
            return Err(Error::input(format!(
                "The class list has {} classes, but {} has {wanted}. Write one line for each{or_background}, in its order.",
                lines.len(),
                kind.title(),
            )));
        }
        refuse_shared_names(&lines)?;
        Ok(Self {
            background,
            classes: lines,
        })
    }
}

/// Reads a class list: one class a line, its names between commas (or slashes), the class's own
/// name first. Blank lines are passed over. The rules for one name are those of [`parse_words`];
/// a class may have as many names as a line of [`parse_words`] has words.
///
/// # Errors
///
/// [`Error::Input`] if there is no class, or if [`parse_words`] refuses a line: above all one that
/// has an empty name or a name twice, whatever the case of its letters.
pub fn parse_classes(text: &str) -> Result<Vec<Vec<String>>> {
    let mut lists = Vec::new();
    let lines = text.trim_start_matches('\u{feff}').lines();
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.trim().is_empty()) {
        let names: Vec<&str> = line.split([',', '/']).collect();
        if names.iter().any(|name| name.trim().is_empty()) {
            return Err(Error::input(format!(
                "Line {number} of the class list has an empty name. Remove the comma."
            )));
        }
        refuse_twice(&names)
            .map_err(|e| e.context(format_args!("In line {number} of the class list")))?;
        let names = parse_words(&names)
            .map_err(|e| e.context(format_args!("In line {number} of the class list")))?;
        lists.push(names.into_iter().map(|class| class.name).collect());
    }
    if lists.is_empty() {
        return Err(Error::input(
            "The class list has no classes. Write one on each line.",
        ));
    }
    Ok(lists)
}

/// A name that comes twice in one class was meant to be another.
fn refuse_twice(names: &[&str]) -> Result<()> {
    let mut seen = HashSet::new();
    let twice = |name: &&&str| !seen.insert(name.trim().to_lowercase());
    match names.iter().find(twice) {
        Some(name) => Err(Error::input(format!(
            "“{}” is there twice. Leave one out.",
            name.trim()
        ))),
        None => Ok(()),
    }
}

/// Of two classes with one name, the later one could never be answered.
fn refuse_shared_names(classes: &[Vec<String>]) -> Result<()> {
    let mut owners: HashMap<String, &str> = HashMap::new();
    for names in classes {
        let own = names.first().map_or("", String::as_str);
        for name in names {
            if let Some(owner) = owners.insert(name.to_lowercase(), own) {
                return Err(Error::input(format!(
                    "In the class list: “{name}” is a name of two classes, “{owner}” and “{own}”. Leave one out."
                )));
            }
        }
    }
    Ok(())
}
