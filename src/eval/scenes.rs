//! The procedural scenes as a data set.

use std::time::Instant;

use serde::Serialize;

use super::Confusion;
use crate::clip::Unpaced;
use crate::device::Kind;
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::mask::UNLABELLED;
use crate::prompt::parse_words;
use crate::scene::{THINGS, TRAINING_SEEDS, generate};
use crate::segmenter::{Options, Segmenter};

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The method.
    pub method: &'static str,
    /// Whether the last block's residuals and feed-forward part were kept.
    pub residual: bool,
    /// The refinements, in order.
    pub refine: Vec<crate::refine::Refinement>,
    /// The model's name.
    pub model: String,
    /// Where it ran.
    pub device: Kind,
    /// Number of pictures.
    pub pictures: u32,
    /// The seed of the first one.
    pub seed: u64,
    /// Mean intersection over union, over all kinds of things and the background.
    pub miou: f64,
    /// Share of pixels answered rightly.
    pub pixel_accuracy: f64,
    /// Intersection over union by class.
    pub iou: Vec<ClassIou>,
    /// Mean wall-clock time to encode a picture and segment it, words known.
    pub seconds_per_picture: f64,
}

/// One class of a report.
#[derive(Debug, Clone, Serialize)]
pub struct ClassIou {
    /// Its name.
    pub name: String,
    /// `None` if no picture has it and no answer claimed it.
    pub iou: Option<f64>,
}

/// Segments `count` scenes from `seed` on, asking each for all kinds of things, and compares.
///
/// # Errors
///
/// [`Error::Input`] for seeds that the built-in model was trained on, and those of [`Segmenter`].
pub async fn evaluate_scenes(
    segmenter: &Segmenter,
    seed: u64,
    count: u32,
    options: &Options,
    size: Option<u32>,
    mut progress: impl FnMut(u32),
) -> Result<Report> {
    if seed.saturating_add(u64::from(count)) > TRAINING_SEEDS || count == 0 {
        return Err(Error::input(format!(
            "Scenes to measure with have seeds below {TRAINING_SEEDS}, and there must be at least one; seeds from there on are for training."
        )));
    }
    let names: Vec<&str> = THINGS.iter().map(|kind| kind.name).collect();
    let classes = parse_words(&names)?;
    let mut confusion = Confusion::new(1 + classes.len());
    let mut seconds = 0.0;
    for index in 0..count {
        let scene = generate(seed + u64::from(index));
        let picture = Picture::from_rgb(scene.width as u32, scene.height as u32, scene.rgb)?;
        if index == 0 {
            // The words are embedded once; a picture's time should not hold that.
            let image = segmenter
                .encode(picture.clone(), size, &mut Unpaced)
                .await?;
            segmenter
                .segment(&image, &classes, options, &mut Unpaced)
                .await?;
        }
        let start = Instant::now();
        let image = segmenter.encode(picture, size, &mut Unpaced).await?;
        let result = segmenter
            .segment(&image, &classes, options, &mut Unpaced)
            .await?;
        seconds += start.elapsed().as_secs_f64();
        let answer: Vec<u8> = result
            .labels()
            .labels()
            .iter()
            .map(|&l| as_truth(l))
            .collect();
        confusion.add(&scene.truth, &answer)?;
        progress(index + 1);
    }
    Ok(report(segmenter, seed, count, options, &confusion, seconds))
}

/// From the answer's classes, background unlabelled, to the truth's, background first.
fn as_truth(label: u8) -> u8 {
    if label == UNLABELLED { 0 } else { label + 1 }
}

fn report(
    segmenter: &Segmenter,
    seed: u64,
    count: u32,
    options: &Options,
    confusion: &Confusion,
    seconds: f64,
) -> Report {
    let names = std::iter::once("background").chain(THINGS.iter().map(|kind| kind.name));
    Report {
        method: "maskclip",
        residual: options.residual,
        refine: options.refine.clone(),
        model: segmenter.manifest().name.clone(),
        device: segmenter.compute().kind,
        pictures: count,
        seed,
        miou: confusion.mean_iou(),
        pixel_accuracy: confusion.pixel_accuracy(),
        iou: names
            .zip(confusion.iou())
            .map(|(name, iou)| ClassIou {
                name: name.into(),
                iou,
            })
            .collect(),
        seconds_per_picture: seconds / f64::from(count),
    }
}
