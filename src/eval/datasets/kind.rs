//! The data sets by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A data set, by the name that the command line uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetKind {
    /// PASCAL VOC 2012, 20 classes; the background is not counted.
    Voc20,
    /// PASCAL VOC 2012, 20 classes and the background.
    Voc21,
    /// PASCAL Context, 59 classes; the background is not counted.
    Context59,
    /// PASCAL Context, 59 classes and the background.
    Context60,
    /// The objects of COCO, 80 classes and the background.
    CocoObject,
    /// COCO-Stuff, 171 classes.
    CocoStuff,
    /// ADE20K, 150 classes.
    Ade20k,
    /// Cityscapes, 19 classes.
    Cityscapes,
    /// `CamVid`, 11 classes.
    Camvid,
}

impl DatasetKind {
    /// All data sets.
    pub const ALL: [Self; 9] = [
        Self::Voc20,
        Self::Voc21,
        Self::Context59,
        Self::Context60,
        Self::CocoObject,
        Self::CocoStuff,
        Self::Ade20k,
        Self::Cityscapes,
        Self::Camvid,
    ];

    /// The name of the data set, for programs and the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Voc20 => "voc20",
            Self::Voc21 => "voc21",
            Self::Context59 => "context59",
            Self::Context60 => "context60",
            Self::CocoObject => "coco-object",
            Self::CocoStuff => "coco-stuff",
            Self::Ade20k => "ade20k",
            Self::Cityscapes => "cityscapes",
            Self::Camvid => "camvid",
        }
    }

    /// The name for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Voc20 | Self::Voc21 => "PASCAL VOC 2012",
            Self::Context59 | Self::Context60 => "PASCAL Context",
            Self::CocoObject => "COCO-Object",
            Self::CocoStuff => "COCO-Stuff",
            Self::Ade20k => "ADE20K",
            Self::Cityscapes => "Cityscapes",
            Self::Camvid => "CamVid",
        }
    }

    /// The number of classes, the background not counted in.
    #[must_use]
    pub fn class_count(self) -> usize {
        match self {
            Self::Voc20 | Self::Voc21 => 20,
            Self::Context59 | Self::Context60 => 59,
            Self::CocoObject => 80,
            Self::CocoStuff => 171,
            Self::Ade20k => 150,
            Self::Cityscapes => 19,
            Self::Camvid => 11,
        }
    }

    /// Whether the background is a class, the one before all others.
    #[must_use]
    pub fn has_background(self) -> bool {
        matches!(self, Self::Voc21 | Self::Context60 | Self::CocoObject)
    }
}

impl fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DatasetKind {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::Input`] if the word is none of the names, listing them.
    fn from_str(word: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == word)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                Error::input(format!(
                    "There is no data set “{word}”; choose one of {names}."
                ))
            })
    }
}
