//! What an evaluation leaves to look at: overlays and label maps, a folder a setting.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::image::Picture;
use crate::mask::{LabelMap, Legend, LegendEntry, UNLABELLED, label_png, overlay_png};

/// How much of a class's colour lies over the picture.
const OPACITY: f32 = 0.55;

/// Where pictures of the answers go, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Save {
    /// The folder that gets one of its own for each setting.
    pub folder: PathBuf,
    /// `ID.overlay.png`: the picture with the classes painted over it.
    pub overlays: bool,
    /// `ID.labels.png`: the answer in the numbers in which it was compared with the truth.
    pub labels: bool,
}

/// An answer in the numbers of the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// A class for each pixel; [`UNLABELLED`] where none was found.
    pub(super) labels: Vec<u8>,
    /// Whether 0 is the background and classes follow.
    pub(super) has_background: bool,
}

impl Save {
    /// Writes what is wanted of one answer.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a folder or file cannot be written; [`Error::OutOfMemory`] if a PNG does
    /// not fit in memory.
    pub(super) fn write(
        &self,
        setting: &str,
        id: &str,
        picture: &Picture,
        answer: &Answer,
        classes: &[&str],
    ) -> Result<()> {
        let folder = self.folder.join(setting);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
        let map = |labels: Vec<u8>| LabelMap::new(picture.width(), picture.height(), labels);
        let things = Legend::from_names(classes.iter().copied())?;
        if self.overlays {
            let shown = map(answer.without_background())?;
            let png = overlay_png(&shown, &things, picture, OPACITY)?;
            write_file(&folder.join(format!("{id}.overlay.png")), &png)?;
        }
        if self.labels {
            let legend = answer.legend(things)?;
            let png = label_png(&map(answer.labels.clone())?, &legend)?;
            write_file(&folder.join(format!("{id}.labels.png")), &png)?;
        }
        Ok(())
    }
}

impl Answer {
    /// The labels of things alone, counted from 0.
    fn without_background(&self) -> Vec<u8> {
        let thing = |&label: &u8| match label {
            UNLABELLED => UNLABELLED,
            label if self.has_background => label.checked_sub(1).unwrap_or(UNLABELLED),
            label => label,
        };
        self.labels.iter().map(thing).collect()
    }

    /// Names and colours in the numbers of the truth.
    fn legend(&self, things: Legend) -> Result<Legend> {
        if !self.has_background {
            return Ok(things);
        }
        let background = LegendEntry {
            name: "background".into(),
            color: [0; 3],
        };
        Legend::new([&[background], things.entries()].concat())
    }
}

/// Writes a file.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be written, naming it.
pub(super) fn write_file(path: &Path, contents: &[u8]) -> Result<()> {
    std::fs::write(path, contents).map_err(|e| Error::io(path, e))
}
