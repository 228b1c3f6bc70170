//! Text embeddings that were computed once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use super::templates::{fill, templates};
use crate::clip::{TextTower, Tokenizer};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Remembers the vector of every name asked for, so that a word costs the text tower only once.
#[derive(Debug, Default)]
pub struct TextBank {
    vectors: Mutex<HashMap<String, Vec<f32>>>,
}

impl TextBank {
    /// Embeds names that the bank does not know yet: each template filled with the name, embedded,
    /// normalised; their mean, normalised again (MaskCLIP, arXiv 2112.01071, section 3.2).
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the tokenizer does not fit the text tower; [`Error::Cancelled`] if
    /// `progress` asks to stop; [`Error::Device`] if the device fails.
    pub async fn embed(
        &self,
        names: &[&str],
        tokenizer: &Tokenizer,
        tower: &TextTower,
        progress: &mut impl Progress,
    ) -> Result<()> {
        let unknown: BTreeSet<String> = {
            let known = self.lock();
            let keys = names.iter().map(|name| key(name));
            keys.filter(|key| !known.contains_key(key)).collect()
        };
        let vectors = embed_with(templates(), &unknown, tokenizer, tower, progress).await?;
        self.lock().extend(unknown.into_iter().zip(vectors));
        Ok(())
    }

    /// The unit vectors of names that the bank knows.
    ///
    /// # Shapes
    ///
    /// - output: a row of `projection` numbers for each name
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if it does not know a name.
    pub fn vectors(&self, names: &[&str]) -> Result<Vec<Vec<f32>>> {
        let known = self.lock();
        names
            .iter()
            .map(|name| {
                let vector = known.get(&key(name)).cloned();
                vector.ok_or_else(|| Error::internal(format!("no vector for {name:?}")))
            })
            .collect()
    }

    /// Whether the vectors of all these names are there already.
    pub fn knows<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        let known = self.lock();
        names.all(|name| known.contains_key(&key(name)))
    }

    /// Takes ready vectors, so that these names do not cost the text tower anything.
    pub fn insert(&self, vectors: impl IntoIterator<Item = (String, Vec<f32>)>) {
        let vectors = vectors
            .into_iter()
            .map(|(name, vector)| (key(&name), vector));
        self.lock().extend(vectors);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<f32>>> {
        // A vector is inserted whole or not at all, so a poisoned map is still a sound one.
        self.vectors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The unit vector of each name by these templates: each filled with the name, embedded,
/// normalised; their mean, normalised again.
pub(super) async fn embed_with(
    templates: &[&str],
    names: impl IntoIterator<Item = impl AsRef<str>>,
    tokenizer: &Tokenizer,
    tower: &TextTower,
    progress: &mut impl Progress,
) -> Result<Vec<Vec<f32>>> {
    let mut texts = Vec::new();
    for name in names {
        for template in templates {
            texts.push(tokenizer.encode(&fill(template, name.as_ref()))?);
        }
    }
    let rows = tower.embed(&texts, progress).await?;
    Ok(rows
        .chunks_exact(templates.len())
        .map(mean_direction)
        .collect())
}

/// CLIP reads words in lower case, so `Cat` is `cat`.
fn key(name: &str) -> String {
    name.to_lowercase()
}

/// The direction of the mean of the directions of `rows`.
fn mean_direction(rows: &[Vec<f32>]) -> Vec<f32> {
    let mut mean = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        let length = length(row);
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += value / length;
        }
    }
    let length = length(&mean);
    for value in &mut mean {
        *value /= length;
    }
    mean
}

fn length(row: &[f32]) -> f32 {
    row.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_rows_weigh_no_more_than_short_ones() {
        let mean = mean_direction(&[vec![100.0, 0.0], vec![0.0, 0.01]]);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        assert!(
            (mean[0] - half).abs() < 1e-6 && (mean[1] - half).abs() < 1e-6,
            "{mean:?}"
        );
    }
}
