//! Data sets in the formats of annotation and training tools.

use super::ade::Ade;
use super::coco::{CocoDataset, CocoMasks};
use super::cvat::Cvat;
use super::label_studio::LabelStudio;
use super::labelme::Labelme;
use super::voc::Voc;
use super::yolo::Yolo;
use super::{AnnotatedPicture, Legend};
use crate::{Error, Result};

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    /// Where it belongs below the export's folder, with `/` between folders.
    pub path: String,
    /// Its bytes.
    pub contents: Vec<u8>,
}

impl ExportFile {
    pub(super) fn new(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            contents: contents.into(),
        }
    }
}

/// A data set in the making: pictures are added one after the other, then it is finished.
pub trait Export {
    /// Adds a picture. Returns the files that are its own.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the picture has no name, uses a class that the legend lacks, or has more
    /// than the format can express; [`Error::OutOfMemory`] if its masks do not fit in memory.
    fn add(&mut self, picture: &AnnotatedPicture<'_>) -> Result<Vec<ExportFile>>;

    /// The files that belong to all pictures together.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if they cannot be written.
    fn finish(&self) -> Result<Vec<ExportFile>>;
}

/// A format of data sets.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// What people call it on the command line and in code.
    pub name: &'static str,
    /// Whether the files of a picture are called as the picture is, whatever its ending: two
    /// pictures that differ in nothing else cannot be in one data set.
    pub goes_by_stem: bool,
    new: fn(Legend) -> Box<dyn Export>,
}

/// All formats.
pub const FORMATS: [Format; 8] = [
    Format {
        name: "coco",
        goes_by_stem: false,
        new: |legend| Box::new(CocoDataset::new(legend, CocoMasks::Polygons)),
    },
    Format {
        name: "coco-rle",
        goes_by_stem: false,
        new: |legend| Box::new(CocoDataset::new(legend, CocoMasks::Runs)),
    },
    Format {
        name: "yolo",
        goes_by_stem: true,
        new: |legend| Box::new(Yolo::new(legend)),
    },
    Format {
        name: "voc",
        goes_by_stem: true,
        new: |legend| Box::new(Voc::new(legend)),
    },
    Format {
        name: "labelme",
        goes_by_stem: true,
        new: |_| Box::new(Labelme),
    },
    Format {
        name: "label-studio",
        goes_by_stem: false,
        new: |legend| Box::new(LabelStudio::new(legend)),
    },
    Format {
        name: "cvat",
        goes_by_stem: false,
        new: |legend| Box::new(Cvat::new(legend)),
    },
    Format {
        name: "ade",
        goes_by_stem: true,
        new: |legend| Box::new(Ade::new(legend)),
    },
];

impl Format {
    /// The format of this name.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if there is none.
    pub fn find(name: &str) -> Result<Self> {
        let found = FORMATS.into_iter().find(|format| format.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
            Error::input(format!(
                "there is no export format {name:?}; the formats are {}",
                names.join(", ")
            ))
        })
    }

    /// A data set without pictures, its classes those of the legend.
    #[must_use]
    pub fn dataset(&self, legend: Legend) -> Box<dyn Export> {
        (self.new)(legend)
    }
}

/// JSON for a file.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal(format!("JSON: {error}")))
}

/// Refuses a picture that readers could not look up.
pub(super) fn check_name(picture: &AnnotatedPicture<'_>) -> Result<()> {
    if picture.file_name.is_empty() {
        return Err(Error::input(
            "a picture in an export needs a file name; give the one that it is stored under",
        ));
    }
    Ok(())
}
