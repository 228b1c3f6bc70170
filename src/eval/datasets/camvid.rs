//! `CamVid`, its 32 classes grouped into the 11 of `SegNet` (Badrinarayanan et al., TPAMI 2017).

use std::path::Path;

use super::labels::{ColorTable, LabelTable};
use super::{FoundFiles, IGNORED, Item, Truth, files};
use crate::error::Result;

const ROOTS: [&str; 2] = ["", "CamVid"];
const UNLABELLED: u8 = 11;

struct Folders {
    /// The folder of the pictures.
    pictures: &'static str,
    /// The folder of the masks.
    masks: &'static str,
    /// What the name of a mask has after the picture's.
    mask: &'static str,
    /// Whether masks are colours of the 32 classes, not labels of the 11.
    colored: bool,
    /// Whether the folder has pictures of all splits.
    all_splits: bool,
}

const LAYOUTS: [Folders; 3] = [
    Folders {
        pictures: "test",
        masks: "testannot",
        mask: ".png",
        colored: false,
        all_splits: false,
    },
    Folders {
        pictures: "test",
        masks: "test_labels",
        mask: "_L.png",
        colored: true,
        all_splits: false,
    },
    Folders {
        pictures: "701_StillsRaw_full",
        masks: "LabeledApproved_full",
        mask: "_L.png",
        colored: true,
        all_splits: true,
    },
];

/// The colours of the 32 classes, by the class of the 11 that each belongs to. Colours are from
/// the data set's `label_colors.txt`; the groups are those that `SegNet`'s masks were made with,
/// as MATLAB's semantic segmentation example lists them too.
pub(super) const COLORS: &[([u8; 3], u8)] = &[
    // sky
    ([128, 128, 128], 0),
    // building, bridge, wall, tunnel, archway
    ([128, 0, 0], 1),
    ([0, 128, 64], 1),
    ([64, 192, 0], 1),
    ([64, 0, 64], 1),
    ([192, 0, 128], 1),
    // column or pole, traffic cone
    ([192, 192, 128], 2),
    ([0, 0, 64], 2),
    // road, markings of lanes, other markings
    ([128, 64, 128], 3),
    ([128, 0, 192], 3),
    ([192, 0, 64], 3),
    // pavement, parking block, road shoulder
    ([0, 0, 192], 4),
    ([64, 192, 128], 4),
    ([128, 128, 192], 4),
    // tree, other vegetation
    ([128, 128, 0], 5),
    ([192, 192, 0], 5),
    // sign, text, traffic light
    ([192, 128, 128], 6),
    ([128, 128, 64], 6),
    ([0, 64, 64], 6),
    // fence
    ([64, 64, 128], 7),
    // car, pick-up, truck or bus, train, other moving object
    ([64, 0, 128], 8),
    ([64, 128, 192], 8),
    ([192, 128, 192], 8),
    ([192, 64, 128], 8),
    ([128, 64, 64], 8),
    // pedestrian, child, pram or luggage, animal
    ([64, 64, 0], 9),
    ([192, 128, 64], 9),
    ([64, 0, 192], 9),
    ([64, 128, 64], 9),
    // cyclist, motorcycle or scooter
    ([0, 128, 192], 10),
    ([192, 0, 192], 10),
    // void
    ([0, 0, 0], IGNORED),
];

pub(super) fn find(dir: &Path) -> Result<FoundFiles> {
    for root in ROOTS.map(|root| dir.join(root)) {
        for layout in &LAYOUTS {
            if let Some(source) = layout.find(&root)? {
                return Ok(source);
            }
        }
    }
    let looked_for = LAYOUTS.map(|layout| {
        format!(
            "{}/*.png with {}/*{}",
            layout.pictures, layout.masks, layout.mask
        )
    });
    Err(files::not_found(
        "CamVid",
        dir,
        &looked_for.each_ref().map(String::as_str),
    ))
}

impl Folders {
    /// The data set in this layout, if it is there.
    fn find(&self, root: &Path) -> Result<Option<FoundFiles>> {
        let (pictures, masks) = (root.join(self.pictures), root.join(self.masks));
        if !masks.is_dir() {
            return Ok(None);
        }
        let mut ids = files::stems(&pictures, ".png")?;
        ids.retain(|id| !self.all_splits || is_test(id));
        if ids.is_empty() {
            return Ok(None);
        }
        let item = |id: String| Item {
            picture: pictures.join(format!("{id}.png")),
            truth: masks.join(format!("{id}{}", self.mask)),
            id,
        };
        let truth = if self.colored {
            Truth::Colors(ColorTable(COLORS))
        } else {
            let labels = (0..UNLABELLED).zip(0..).chain([(UNLABELLED, IGNORED)]);
            Truth::Labels(LabelTable::new(labels))
        };
        Ok(Some(FoundFiles {
            items: ids.into_iter().map(item).collect(),
            truth,
        }))
    }
}

/// Whether a frame is of the 233 test pictures: all of sequence `Seq05VD` by day, and the second
/// half of `0001TP` at dusk.
fn is_test(id: &str) -> bool {
    const FIRST_AT_DUSK: u32 = 8550;
    let at_dusk = id
        .strip_prefix("0001TP_")
        .and_then(|frame| frame.parse().ok());
    id.starts_with("Seq05VD_") || at_dusk.is_some_and(|frame: u32| frame >= FIRST_AT_DUSK)
}
