//! The text half of a model: names to unit vectors, each computed once.

use std::sync::OnceLock;

use super::background::{Background, names_of};
#[cfg(feature = "cli")]
use super::bank::embed_with;
#[cfg(feature = "cli")]
use super::templates::imagenet_templates;
use super::words::{Class, check_classes};
use super::{ClassVectors, TextBank};
use crate::clip::{TextTower, Tokenizer};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The text half of a model: ready vectors, and once it is loaded the tower that makes others.
#[derive(Debug)]
pub struct TextEncoder {
    bank: TextBank,
    tower: OnceLock<(Tokenizer, TextTower)>,
    /// Numbers of a vector.
    projection: usize,
    /// The names that make up the background of pictures of the kind that the model was trained on.
    background: Vec<String>,
}

impl TextEncoder {
    /// An encoder that knows no names and has no tower yet.
    #[must_use]
    pub fn new(projection: usize, background: Vec<String>) -> Self {
        Self {
            bank: TextBank::default(),
            tower: OnceLock::new(),
            projection,
            background,
        }
    }

    /// Whether the text tower has been loaded.
    #[must_use]
    pub fn has_tower(&self) -> bool {
        self.tower.get().is_some()
    }

    /// Takes the text tower. One that is there already is kept: it is the same.
    pub fn set_tower(&self, tokenizer: Tokenizer, tower: TextTower) {
        let _ = self.tower.set((tokenizer, tower));
    }

    /// Takes the ready vectors of a bundle, which has checked them.
    pub fn insert_ready(&self, vectors: impl IntoIterator<Item = (String, Vec<f32>)>) {
        self.bank.insert(vectors);
    }

    /// Takes a caller's vectors of names, so that the text tower is not asked for these.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if a vector is not of the model's space or has no direction.
    pub fn insert(&self, vectors: Vec<(String, Vec<f32>)>) -> Result<()> {
        for (name, vector) in &vectors {
            if vector.len() != self.projection {
                return Err(Error::input(format!(
                    "the vector of {name:?} has {} numbers, but the model's have {}.",
                    vector.len(),
                    self.projection
                )));
            }
            // A direction of no length, or of none that is a number, would win nowhere or everywhere.
            let length = vector.iter().map(|v| v * v).sum::<f32>();
            if !(length.is_finite() && length > 0.0) {
                return Err(Error::input(format!(
                    "the vector of {name:?} is zero or not made of numbers."
                )));
            }
        }
        self.bank.insert(vectors);
        Ok(())
    }

    /// Whether all the words that these classes and this background need have vectors already.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the background words are no words.
    pub fn knows(&self, classes: &[Class], background: &Background) -> Result<bool> {
        let asked: Vec<&str> = names_of(classes).collect();
        let others = background.names(&asked, &self.background, &self.bank)?;
        let others = others.iter().map(String::as_str);
        Ok(self.bank.knows(asked.into_iter().chain(others)))
    }

    /// The unit vectors of names, `[names, projection]`; see [`TextBank::embed`].
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a name needs the text tower and it has not been loaded;
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails.
    pub async fn embed(
        &self,
        names: &[&str],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        if !self.bank.knows(names.iter().copied()) {
            let (tokenizer, tower) = self.tower()?;
            self.bank.embed(names, tokenizer, tower, progress).await?;
        }
        self.bank.vectors(names)
    }

    /// The unit vectors of names by CLIP's 80 `ImageNet` templates alone, as published evaluations
    /// embed them; for each the text tower is asked, whether its vector by all templates is ready
    /// or not.
    ///
    /// # Shapes
    ///
    /// - output: `[names, projection]`
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the text tower has not been loaded; [`Error::Cancelled`] if `progress`
    /// asks to stop; [`Error::Device`] if the device fails.
    #[cfg(feature = "cli")]
    pub async fn embed_imagenet(
        &self,
        names: &[&str],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        let (tokenizer, tower) = self.tower()?;
        embed_with(imagenet_templates(), names, tokenizer, tower, progress).await
    }

    /// The vectors of classes and of the background that suits them.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if [`check_classes`] refuses the classes or the background words are no
    /// words; [`Error::Model`] if a name needs the text tower and it has not been loaded;
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails.
    pub async fn classes(
        &self,
        classes: &[Class],
        background: &Background,
        progress: &mut impl Progress,
    ) -> Result<ClassVectors> {
        check_classes(classes)?;
        let asked: Vec<&str> = names_of(classes).collect();
        let others = background.names(&asked, &self.background, &self.bank)?;
        let names = asked.iter().copied();
        let names: Vec<&str> = names.chain(others.iter().map(String::as_str)).collect();
        // In one go, so that the text tower's batches are full.
        let mut vectors = self.embed(&names, progress).await?;
        let others = background.choose(vectors.split_off(asked.len()), &vectors);
        let counts = classes.iter().map(|class| class.names.len()).collect();
        Ok(ClassVectors::new(counts, vectors, others))
    }

    fn tower(&self) -> Result<&(Tokenizer, TextTower)> {
        self.tower.get().ok_or_else(|| {
            Error::model("The text tower, which these words need, has not been loaded.")
        })
    }
}
