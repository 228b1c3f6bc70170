//! The report of an evaluation, and how the reports of its parts add up.

use serde::{Deserialize, Serialize};

use super::conditions::Conditions;
use super::{Boundaries, Confusion, EvalShard};
use crate::device::DeviceKind;
use crate::error::{Error, Result};
use crate::segmenter::Pipeline;

/// What was measured of one setting with one background.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Method and refinements.
    pub setting: Pipeline,
    /// The background: auto, none or its words.
    pub background: String,
    /// The name of the pictures that were measured on.
    pub set: String,
    /// The model's name.
    pub model: String,
    /// The kind of device that the model ran on.
    pub device: DeviceKind,
    /// Number of pictures measured.
    pub pictures: usize,
    /// Which part of the pictures.
    pub shard: EvalShard,
    /// Mean intersection over union over the classes, and the background if there is one.
    pub miou: f64,
    /// Mean boundary IoU (arXiv 2103.16562) over the classes that have boundaries.
    pub boundary_iou: f64,
    /// Mean over the same classes of the share of a class's pixels that is answered rightly.
    pub macc: f64,
    /// Share of pixels answered rightly.
    pub pixel_accuracy: f64,
    /// Intersection over union and accuracy by class.
    pub iou: Vec<ClassIou>,
    /// Mean wall-clock time to encode a picture and segment it, words known.
    pub seconds_per_picture: f64,
    /// Pictures that could not be used.
    pub failures: Vec<Failure>,
    /// Everything that the numbers depend on.
    pub conditions: Conditions,
    /// How often each class was answered with each, in the order of [`Report::iou`].
    pub confusion: Confusion,
    /// Pixels near boundaries, in the same order.
    pub boundaries: Boundaries,
}

/// One class of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassIou {
    /// The name of the class.
    pub name: String,
    /// Intersection over union; `None` if no picture has the class and no answer claimed it.
    pub iou: Option<f64>,
    /// Boundary IoU; `None` if the class has no boundary in truth and answer.
    pub boundary_iou: Option<f64>,
    /// The share of the class's pixels that is answered rightly; `None` if no picture has the class.
    pub accuracy: Option<f64>,
}

/// A picture that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The place of the picture in the data set, from 0.
    pub index: usize,
    /// The name of the picture in the data set.
    pub picture: String,
    /// Why the picture could not be used, a sentence for people.
    pub message: String,
}

impl Report {
    /// Fills in what follows from what was counted.
    pub(super) fn with_counts(mut self, confusion: Confusion, boundaries: Boundaries) -> Self {
        self.miou = confusion.mean_iou();
        self.boundary_iou = boundaries.mean_iou();
        self.macc = confusion.mean_accuracy();
        self.pixel_accuracy = confusion.pixel_accuracy();
        let numbers = confusion.iou().into_iter().zip(confusion.accuracy());
        let numbers = numbers.zip(boundaries.iou());
        for (class, ((iou, accuracy), boundary)) in self.iou.iter_mut().zip(numbers) {
            (class.iou, class.accuracy, class.boundary_iou) = (iou, accuracy, boundary);
        }
        (self.confusion, self.boundaries) = (confusion, boundaries);
        self
    }

    /// One report of the reports of all shards, the same as one run over all pictures gives, but
    /// for times.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if a shard is missing or there twice, or if the reports were not made under
    /// the same conditions.
    pub fn merge(mut parts: Vec<Self>) -> Result<Self> {
        parts.sort_by_key(|part| part.shard);
        let mut parts = parts.into_iter();
        let Some(mut merged) = parts.next() else {
            return Err(Error::input("There are no reports to merge."));
        };
        let count = merged.shard.count();
        let mut confusion = merged.confusion.clone();
        let mut boundaries = merged.boundaries.clone();
        let mut seconds = merged.seconds_per_picture * merged.pictures as f64;
        let mut shards = vec![merged.shard];
        for part in parts {
            merged.check_like(&part)?;
            confusion.merge(&part.confusion)?;
            boundaries.merge(&part.boundaries)?;
            seconds += part.seconds_per_picture * part.pictures as f64;
            merged.pictures += part.pictures;
            merged.failures.extend(part.failures);
            shards.push(part.shard);
        }
        if !shards.iter().copied().eq(EvalShard::all(count)) {
            let found: Vec<String> = shards.iter().map(ToString::to_string).collect();
            return Err(Error::input(format!(
                "Shards {} are here, but 1/{count} to {count}/{count} are needed, each once. Name the reports of all of them.",
                found.join(", ")
            )));
        }
        merged.shard = EvalShard::WHOLE;
        merged.failures.sort_by_key(|failure| failure.index);
        merged.seconds_per_picture = seconds / merged.pictures.max(1) as f64;
        Ok(merged.with_counts(confusion, boundaries))
    }

    fn check_like(&self, other: &Self) -> Result<()> {
        let differs = match self.conditions.difference(&other.conditions) {
            Some(difference) => difference,
            None if (&self.setting, &self.background) != (&other.setting, &other.background) => {
                format!(
                    "{} with background {} in one, {} with {} in the other",
                    self.setting, self.background, other.setting, other.background
                )
            }
            None => return Ok(()),
        };
        Err(Error::input(format!(
            "Shards {} and {} were not measured alike: {differs}. Measure one of them again.",
            self.shard, other.shard
        )))
    }
}
