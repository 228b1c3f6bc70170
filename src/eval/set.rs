//! What is measured with: pictures with known truth.

use super::datasets::{Dataset, Sample};
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::prompt::{Class, parse_words};
use crate::scene::{THINGS, TRAINING_SEEDS, generate};

/// Pictures with known truth.
#[derive(Debug)]
pub enum TestSet {
    /// Procedural scenes, all kinds of things asked for, the grounds being background.
    Scenes {
        /// Seed of the first one.
        seed: u64,
        /// Number of scenes.
        count: usize,
    },
    /// A published data set.
    Dataset(Dataset),
}

impl TestSet {
    /// Scenes that the built-in model never saw.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for seeds that it was trained on, or no scenes.
    pub fn scenes(seed: u64, count: usize) -> Result<Self> {
        if count == 0 || seed.saturating_add(count as u64) > TRAINING_SEEDS {
            return Err(Error::input(format!(
                "Scenes to measure with have seeds below {TRAINING_SEEDS}, and there must be at least one; seeds from there on are for training."
            )));
        }
        Ok(Self::Scenes { seed, count })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Scenes { seed, .. } => format!("scenes from seed {seed}"),
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

    /// Never: an empty set cannot be made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes to ask for, the background not among them.
    ///
    /// # Errors
    ///
    /// Those of [`parse_words`].
    pub fn classes(&self) -> Result<Vec<Class>> {
        let words: Vec<String> = match self {
            Self::Scenes { .. } => THINGS.iter().map(|kind| kind.name.to_owned()).collect(),
            Self::Dataset(dataset) => dataset.classes().iter().map(|c| c.join("/")).collect(),
        };
        parse_words(&words)
    }

    /// Whether the truth has a background class.
    #[must_use]
    pub fn has_background(&self) -> bool {
        match self {
            Self::Scenes { .. } => true,
            Self::Dataset(dataset) => dataset.has_background(),
        }
    }

    /// A name for files.
    #[must_use]
    pub fn id(&self, index: usize) -> String {
        match self {
            Self::Scenes { seed, .. } => format!("scene-{}", seed + index as u64),
            Self::Dataset(dataset) => dataset.id(index).replace(['/', '\\'], "-"),
        }
    }

    /// Reads or draws a picture.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] that names the file that cannot be used.
    pub fn read(&self, index: usize) -> Result<Sample> {
        match self {
            Self::Scenes { seed, .. } => {
                let scene = generate(seed + index as u64);
                Ok(Sample {
                    picture: Picture::from_rgb(scene.width as u32, scene.height as u32, scene.rgb)?,
                    truth: scene.truth,
                })
            }
            Self::Dataset(dataset) => dataset.read(index),
        }
    }
}
