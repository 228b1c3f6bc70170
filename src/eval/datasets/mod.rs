//! Data sets with true masks, read from the folders in which they are published.
//!
//! | name | classes | label values in the files | truth here |
//! | --- | --- | --- | --- |
//! | `voc20` | 20 | 0 background, 1..=20 objects, 255 border | 1..=20 → 0..=19, the rest not counted |
//! | `voc21` | 20 + background | the same | as in the files |
//! | `context59` | 59 | 0 none of the classes, 1..=59 | 1..=59 → 0..=58, 0 not counted |
//! | `context60` | 59 + background | the same | as in the files |
//! | `coco-object` | 80 + background | several, see below | background 0, objects 1..=80 |
//! | `coco-stuff` | 171 | category - 1 with gaps, or 0..=170 without; 255 unlabelled | 0..=170 |
//! | `ade20k` | 150 | 0 other, 1..=150 | 1..=150 → 0..=149, 0 not counted |
//! | `cityscapes` | 19 | 0..=33 (`labelIds`), or 0..=18 (`labelTrainIds`) | train identifiers 0..=18 |
//! | `camvid` | 11 | a colour for each of 32 classes, or 0..=10 and 11 unlabelled | 0..=10 |
//!
//! 255 means "not counted" everywhere, in the files and in [`Sample::truth`]. That the zero of
//! `voc20`, `context59` and `ade20k` is not counted and the others move down by one is what
//! mmsegmentation calls `reduce_zero_label`.
//!
//! # Folders
//!
//! Measured is the validation split, on which results are published; of `CamVid` that is the test
//! split. Where several layouts are listed, the first one that is there is read.
//!
//! - **PASCAL VOC 2012** (Everingham et al., IJCV 2015): `ImageSets/Segmentation/val.txt`,
//!   `JPEGImages/*.jpg`, `SegmentationClass/*.png`, in the folder given, its `VOC2012/` or its
//!   `VOCdevkit/VOC2012/`.
//! - **PASCAL Context** (Mottaghi et al., CVPR 2014), on the pictures of VOC 2010: the list
//!   `ImageSets/SegmentationContext/val.txt`, `pascalcontext_val.txt` or VOC's own
//!   `ImageSets/Main/val.txt`, in the folder given, its `VOC2010/` or its `VOCdevkit/VOC2010/`;
//!   masks in `SegmentationClassContext/*.png` (mmsegmentation's conversion, classes by alphabet)
//!   or `59_context_labels/*.png` (the authors' files, in the order of their `59_labels.txt`).
//! - **COCO** (Lin et al., ECCV 2014): pictures in `images/val2017/` or `val2017/`.
//!   - **COCO-Stuff** (Caesar et al., CVPR 2018): `*_labelTrainIds.png` (mmsegmentation's
//!     conversion) or the published `*.png`, in `annotations/val2017/`, `stuffthingmaps/val2017/`
//!     or `stuffthingmaps_trainval2017/val2017/`.
//!   - **COCO-Object**: `annotations/val2017/*_instanceTrainIds.png`; or the masks of COCO-Stuff
//!     with everything that is no object as background, from which `GroupViT` (Xu et al., CVPR
//!     2022) makes those files and on which results are published; or
//!     `annotations/instances_val2017.json`, see below.
//! - **ADE20K** (Zhou et al., CVPR 2017), as `ADEChallengeData2016`: `images/validation/*.jpg`,
//!   `annotations/validation/*.png`.
//! - **Cityscapes** (Cordts et al., CVPR 2016): `leftImg8bit/val/*/*_leftImg8bit.png`,
//!   `gtFine/val/*/*_gtFine_labelTrainIds.png` or `*_gtFine_labelIds.png`.
//! - **`CamVid`** (Brostow et al., ECCV 2008): `test/*.png` with `testannot/*.png` (`SegNet`'s) or
//!   `test_labels/*_L.png`, in the folder given or its `CamVid/`; or the published
//!   `701_StillsRaw_full/*.png` with `LabeledApproved_full/*_L.png`, of which the frames of
//!   `SegNet`'s test split are taken.
//!
//! # Object masks of COCO
//!
//! Out of the JSON file an object is painted with its class over the background: larger objects
//! first, by the file's `area`, so that a smaller one in front is seen. A polygon covers the
//! pixels whose centre lies inside by the even-odd rule, an edge belonging to the side right of or
//! below it; an object of several polygons is their union. (The tools of COCO trace polygons on a
//! five times finer grid; along edges that can differ by a pixel.) Crowds are not counted, except
//! where an object is painted over them.

mod ade20k;
mod camvid;
mod cityscapes;
mod classes;
mod coco;
mod coco_instances;
mod coco_object;
mod coco_stuff;
mod context;
mod files;
mod kind;
mod labels;
mod polygon;
mod voc;

pub use classes::{ClassNames, parse_classes};
pub use kind::DatasetKind;

use std::path::{Path, PathBuf};

use self::coco_instances::Instances;
use self::labels::{ColorTable, LabelTable};
use crate::error::{Error, Result};
use crate::image::Picture;

/// The label of pixels that are not counted.
const IGNORED: u8 = 255;

/// A data set on disk: its classes, and its pictures with their true masks.
#[derive(Debug)]
pub struct Dataset {
    kind: DatasetKind,
    dir: PathBuf,
    names: ClassNames,
    items: Vec<Item>,
    truth: Truth,
}

/// A picture and its truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The picture.
    pub picture: Picture,
    /// The true class of each pixel, `[height, width]`, row-major, of the picture's size; 255 is
    /// not counted. With [`Dataset::has_background`], 0 is the background and `i + 1` is class
    /// `i` of [`Dataset::names`]; without, `i` is class `i`.
    pub truth: Vec<u8>,
}

/// Where one picture and its truth are.
#[derive(Debug)]
struct Item {
    id: String,
    picture: PathBuf,
    /// The file that holds the truth: a mask of its own, or one file for all.
    truth: PathBuf,
}

/// How files are turned into classes.
#[derive(Debug)]
enum Truth {
    /// Masks whose pixel values are labels.
    Labels(LabelTable),
    /// Masks whose colours are labels.
    Colors(ColorTable),
    /// The objects of each item, in the items' order.
    Instances(Vec<Instances>),
}

/// What was found in a folder.
struct FoundFiles {
    items: Vec<Item>,
    truth: Truth,
}

impl Dataset {
    /// Finds the pictures and masks of a data set in a folder, in one of the layouts that the
    /// module's page lists. Reads lists and folders, and the JSON file of COCO, but no picture.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the folder has none of the layouts, saying what was looked for, if it
    /// has no picture, if a picture or mask that belongs to it is missing, or if a list is broken;
    /// [`Error::Io`] if something that is there cannot be read.
    pub fn open(kind: DatasetKind, dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            return Err(Error::input(format!(
                "{} is not a folder; give the one with {} in it.",
                dir.display(),
                kind.title()
            )));
        }
        let source = match kind {
            DatasetKind::Voc20 => voc::find(dir, false),
            DatasetKind::Voc21 => voc::find(dir, true),
            DatasetKind::Context59 => context::find(dir, false),
            DatasetKind::Context60 => context::find(dir, true),
            DatasetKind::CocoObject => coco_object::find(dir),
            DatasetKind::CocoStuff => coco_stuff::find(dir),
            DatasetKind::Ade20k => ade20k::find(dir),
            DatasetKind::Cityscapes => cityscapes::find(dir),
            DatasetKind::Camvid => camvid::find(dir),
        }?;
        files::check(&source.items)?;
        Ok(Self {
            kind,
            dir: dir.to_owned(),
            names: ClassNames::own(kind)?,
            items: source.items,
            truth: source.truth,
        })
    }

    /// The data set with other names for its classes.
    #[must_use]
    pub fn with_names(mut self, names: ClassNames) -> Self {
        self.names = names;
        self
    }

    /// Which data set this is.
    #[must_use]
    pub fn kind(&self) -> DatasetKind {
        self.kind
    }

    /// The folder that the data set was opened from.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The names of the classes, this project's own unless others were given.
    #[must_use]
    pub fn names(&self) -> &ClassNames {
        &self.names
    }

    /// Whether 0 in [`Sample::truth`] is the background instead of the first class.
    #[must_use]
    pub fn has_background(&self) -> bool {
        self.kind.has_background()
    }

    /// The number of pictures; at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no picture, which [`Dataset::open`] refuses.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What the data set calls a picture: the name of its file without what all names share.
    /// Unique, the same at every opening, and fit for a file name. Empty from [`Dataset::len`] on.
    #[must_use]
    pub fn id(&self, index: usize) -> &str {
        self.items.get(index).map_or("", |item| &item.id)
    }

    /// A line for each picture: its file, the file of its truth and their sizes in bytes. Two data
    /// sets with the same lines have, as far as can be known without reading them, the same files.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if a file is gone; [`Error::Io`] if its size cannot be read.
    pub fn listing(&self) -> Result<Vec<String>> {
        let entry = |path: &Path| -> Result<String> {
            let name = path.strip_prefix(&self.dir).unwrap_or(path);
            Ok(format!("{} {}", name.display(), files::size(path)?))
        };
        self.items
            .iter()
            .map(|item| Ok(format!("{} {}", entry(&item.picture)?, entry(&item.truth)?)))
            .collect()
    }

    /// The files that the truth is read from, relative to the folder: one of the layouts that the
    /// module's page lists, `SegmentationClass/*.png`.
    #[must_use]
    pub fn truth_files(&self) -> String {
        let relative = |item: &Item| -> PathBuf {
            let path = item.truth.strip_prefix(&self.dir).unwrap_or(&item.truth);
            path.to_owned()
        };
        let (Some(first), Some(last)) = (self.items.first(), self.items.last()) else {
            return String::new();
        };
        let (path, other) = (relative(first), relative(last));
        if matches!(self.truth, Truth::Instances(_)) {
            return path.display().to_string();
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let suffix = name.strip_prefix(&first.id).unwrap_or(&name);
        // Of pictures in several folders, such as a city each, the folder that has them all.
        let shared = path.parent().zip(other.parent()).map(|(a, b)| {
            let parts = a.components().zip(b.components());
            let same = parts.take_while(|(a, b)| a == b).map(|(a, _)| a);
            (same.collect::<PathBuf>(), a == b)
        });
        let (folder, is_one) = shared.unwrap_or_default();
        let any = if is_one { "*" } else { "*/*" };
        folder.join(format!("{any}{suffix}")).display().to_string()
    }

    /// Reads a picture and its truth. The picture keeps the orientation in which it is stored,
    /// whatever its EXIF data: masks are drawn over the stored pixels.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if there is no picture of that index, or, naming the file, if picture or
    /// mask is gone, broken or cut short, if the two differ in size, or if the mask has labels that
    /// are not the data set's; [`Error::Unsupported`] if the picture is of a kind that cannot be
    /// decoded; [`Error::Io`] if a file cannot be read; [`Error::OutOfMemory`] if the pixels do not
    /// fit in memory.
    pub fn read(&self, index: usize) -> Result<Sample> {
        let item = self.items.get(index).ok_or_else(|| {
            Error::input(format!(
                "There is no picture {index}: {} has {} here, counted from 0.",
                self.kind.title(),
                self.items.len()
            ))
        })?;
        let bytes = files::read(&item.picture)?;
        let picture = Picture::decode_as_stored(&bytes)
            .map_err(|error| files::in_file(&item.picture, error))?;
        let size = (picture.width(), picture.height());
        let truth = match &self.truth {
            Truth::Labels(table) => table.read(&item.truth, size),
            Truth::Colors(table) => table.read(&item.truth, size),
            Truth::Instances(images) => images
                .get(index)
                .ok_or_else(|| Error::internal("a picture of COCO without its objects"))?
                .paint(size)
                .map_err(|error| files::in_file(&item.truth, error)),
        }?;
        Ok(Sample { picture, truth })
    }
}

#[cfg(test)]
mod tests;
