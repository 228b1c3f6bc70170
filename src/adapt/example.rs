//! What a student learns from: a picture with the teacher's labels.

use half::f16;

use crate::clip::Grid;
use crate::dense::FeatureReading;
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::mask::UNLABELLED;
use crate::progress::Progress;
use crate::prompt::Background;
use crate::segmenter::{EncodeOptions, Options, Segmenter};
use crate::student::{StudentConfig, StudentKind, resized};

/// A picture at the size at which a student sees it, with labels.
#[derive(Debug, Clone)]
pub struct Example {
    pub(super) grid: Grid,
    /// `[pixels, 3]`
    pub(super) rgb: Vec<u8>,
    /// The class of each pixel, [`UNLABELLED`] where there is none.
    pub(super) labels: Vec<u8>,
    /// How much each label counts, 255 as much as can be.
    pub(super) weights: Vec<u8>,
    /// For a head: the teacher's cells.
    pub(super) cells: Option<StoredCells>,
}

/// Features of cells in half precision, of which there are many pictures' worth.
#[derive(Debug, Clone)]
pub(super) struct StoredCells {
    pub(super) grid: Grid,
    pub(super) features: Vec<f16>,
}

impl Example {
    /// The picture with its teacher's labels.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the picture cannot be used; [`Error::Model`] if a word needs the text
    /// tower and it has not been loaded; [`Error::Cancelled`] if `progress` asks to stop;
    /// [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if there is no room.
    pub async fn from_teacher(
        teacher: &Segmenter,
        picture: Picture,
        student: &StudentConfig,
        options: &Options,
        progress: &mut impl Progress,
    ) -> Result<Self> {
        let small = resized(&picture, student.kind, student.size)?;
        let image = teacher
            .encode(picture, &EncodeOptions::default(), progress)
            .await?;
        let classes = &student.classes;
        let answer = teacher.segment(&image, classes, options, progress).await?;
        let (width, height) = (small.width() as usize, small.height() as usize);
        let nothing = match options.background {
            Background::None => UNLABELLED,
            _ => classes.len() as u8,
        };
        let labels = answer.labels().resampled(width, height);
        let labels: Vec<u8> = labels
            .into_iter()
            .map(|label| if label == UNLABELLED { nothing } else { label })
            .collect();
        let likely = answer.likelihoods(&labels, width, height);
        let cells = match student.kind {
            StudentKind::Compact => None,
            StudentKind::Head => {
                let reading = FeatureReading::from(&teacher.pipeline_for(options));
                let plane = teacher.cell_plane(&image, reading, progress).await?;
                Some(StoredCells {
                    grid: plane.grid,
                    features: plane.features.iter().map(|x| f16::from_f32(*x)).collect(),
                })
            }
        };
        Ok(Self {
            grid: Grid {
                rows: height,
                cols: width,
            },
            rgb: small.rgb().to_vec(),
            weights: likely.iter().map(|p| (p * 255.0).round() as u8).collect(),
            labels,
            cells,
        })
    }

    /// The bytes that it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let cells = self.cells.as_ref().map_or(0, |cells| cells.features.len());
        self.rgb.len() + self.labels.len() + self.weights.len() + 2 * cells
    }
}

/// The fixed text vectors of a student's classes, the background's last, each the mean direction of
/// its names.
///
/// # Errors
///
/// [`Error::Model`] if a name needs the text tower and it has not been loaded;
/// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails.
pub async fn text_vectors(
    teacher: &Segmenter,
    student: &StudentConfig,
    background: &Background,
    progress: &mut impl Progress,
) -> Result<Vec<f32>> {
    let vectors = teacher
        .class_vectors(&student.classes, background, progress)
        .await?;
    let mut out = Vec::new();
    for names in vectors.by_class() {
        let mut mean = vec![0.0f32; names.first().map_or(0, Vec::len)];
        for name in names {
            mean.iter_mut().zip(name).for_each(|(m, x)| *m += x);
        }
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        if length <= 0.0 {
            return Err(Error::internal("a class whose names cancel out"));
        }
        out.extend(mean.iter().map(|x| x / length));
    }
    Ok(out)
}
