//! Index PNGs as the scene parsing benchmark of ADE20K has them.

use std::fmt::Write;

use super::export::{Export, ExportFile, check_name};
use super::png::grey_png;
use super::{AnnotatedPicture, Legend};
use crate::Result;

/// `annotations/NAME.png` for each picture, a grey value for each class from 1 on, 0 where there is
/// none; and `objectInfo.txt`, a table of the values and the classes' names.
pub(super) struct Ade {
    legend: Legend,
}

impl Ade {
    pub(super) fn new(legend: Legend) -> Self {
        Self { legend }
    }
}

impl Export for Ade {
    fn add(&mut self, picture: &AnnotatedPicture<'_>) -> Result<Vec<ExportFile>> {
        check_name(picture)?;
        picture.map.present_in(picture.legend)?;
        let path = format!("annotations/{}.png", picture.stem());
        let png = grey_png(&picture.map.counted_from_one())?;
        Ok(vec![ExportFile::new(path, png)])
    }

    fn finish(&self) -> Result<Vec<ExportFile>> {
        let mut table = String::from("Idx\tName\n");
        for (index, entry) in (1..).zip(self.legend.entries()) {
            // Neither may occur in a cell.
            let name = entry.name.replace(['\t', '\n', '\r'], " ");
            let _ = writeln!(table, "{index}\t{name}");
        }
        Ok(vec![ExportFile::new("objectInfo.txt", table)])
    }
}
