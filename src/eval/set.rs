//! What is measured with: pictures with known truth.

use super::datasets::{Dataset, DatasetKind, Sample};
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::prompt::Class;
use crate::scene::{THINGS, TRAINING_SEEDS, generate_scaled};
use crate::segmenter::Background;

/// Pictures with known truth.
#[derive(Debug)]
pub enum TestSet {
    /// Procedural scenes, all kinds of things asked for, the grounds being background.
    Scenes {
        /// Seed of the first one.
        seed: u64,
        /// Number of scenes.
        count: usize,
        /// How many times as long the sides are as those of scenes to train on.
        scale: usize,
    },
    /// A published data set.
    Dataset(Dataset),
}

impl TestSet {
    /// Scenes that the built-in model never saw, `scale` times as large a side as those that it did.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the model was trained on a seed, no scenes are asked for, or the scale is zero.
    pub fn scenes(seed: u64, count: usize, scale: usize) -> Result<Self> {
        if scale == 0 {
            return Err(Error::input("Scenes cannot be scaled by 0."));
        }
        if count == 0 || seed.saturating_add(count as u64) > TRAINING_SEEDS {
            return Err(Error::input(format!(
                "Scenes to measure with have seeds below {TRAINING_SEEDS}, and there must be at least one; seeds from there on are for training."
            )));
        }
        Ok(Self::Scenes { seed, count, scale })
    }

    /// The name of the set, for people.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Scenes { seed, scale: 1, .. } => format!("scenes from seed {seed}"),
            Self::Scenes { seed, scale, .. } => {
                format!("scenes from seed {seed}, {scale} times as large")
            }
            Self::Dataset(dataset) => dataset.kind().to_string(),
        }
    }

    /// Number of pictures.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Scenes { count, .. } => *count,
            Self::Dataset(dataset) => dataset.len(),
        }
    }

    /// Whether there is no picture, which cannot be: an empty set cannot be made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes to segment, the background not among them.
    #[must_use]
    pub fn classes(&self) -> Vec<Class> {
        let class = |names: Vec<String>| Class {
            name: names.first().cloned().unwrap_or_default(),
            names,
        };
        match self {
            Self::Scenes { .. } => THINGS.map(|kind| class(vec![kind.name.to_owned()])).into(),
            Self::Dataset(dataset) => dataset.names().classes.iter().cloned().map(class).collect(),
        }
    }

    /// The background that the protocol of the pictures has: none for data sets in which it is no
    /// class; else the names that a class list has for it, or the model's own.
    #[must_use]
    pub fn background(&self) -> Background {
        if !self.has_background() {
            return Background::None;
        }
        let listed = match self {
            Self::Scenes { .. } => None,
            Self::Dataset(dataset) => dataset.names().background.clone(),
        };
        match listed {
            // A line without a name beside its label has nothing to look for.
            Some(names)
                if !names
                    .iter()
                    .all(|name| name.eq_ignore_ascii_case("background")) =>
            {
                Background::Words(names)
            }
            _ => Background::Auto,
        }
    }

    /// The data set that the pictures are of, if they are of one.
    #[must_use]
    pub fn kind(&self) -> Option<DatasetKind> {
        match self {
            Self::Scenes { .. } => None,
            Self::Dataset(dataset) => Some(dataset.kind()),
        }
    }

    /// Whether the truth has a background class.
    #[must_use]
    pub fn has_background(&self) -> bool {
        match self {
            Self::Scenes { .. } => true,
            Self::Dataset(dataset) => dataset.has_background(),
        }
    }

    /// The name of a picture, fit for files.
    #[must_use]
    pub fn id(&self, index: usize) -> String {
        match self {
            Self::Scenes { seed, .. } => format!("scene-{}", seed + index as u64),
            Self::Dataset(dataset) => dataset.id(index).replace(['/', '\\'], "-"),
        }
    }

    /// A line for each picture that tells it from others; see [`Dataset::listing`].
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if a file is gone; [`Error::Io`] if its size cannot be read.
    pub fn listing(&self) -> Result<Vec<String>> {
        match self {
            Self::Scenes { .. } => Ok((0..self.len()).map(|index| self.id(index)).collect()),
            Self::Dataset(dataset) => dataset.listing(),
        }
    }

    /// Reads or draws a picture.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] or [`Error::Unsupported`] if a file cannot be used, naming it;
    /// [`Error::Io`] if it cannot be read; [`Error::OutOfMemory`] if the pixels do not fit in
    /// memory.
    pub fn read(&self, index: usize) -> Result<Sample> {
        match self {
            Self::Scenes { seed, scale, .. } => {
                let scene = generate_scaled(seed + index as u64, *scale);
                Ok(Sample {
                    picture: Picture::from_rgb(scene.width as u32, scene.height as u32, scene.rgb)?,
                    truth: scene.truth,
                })
            }
            Self::Dataset(dataset) => dataset.read(index),
        }
    }
}
