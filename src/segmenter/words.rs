//! From classes and a background to the vectors that cells are compared with.

use super::Segmenter;
use super::options::Background;
use crate::error::Result;
use crate::progress::Progress;
use crate::prompt::{Class, PHOTO_BACKGROUND, check_classes, choose, parse_words, photo_lexicon};

/// A background word this close to one of the user's, by their cosine, would take its pixels.
const TOO_CLOSE: f32 = 0.9;

/// Background words that are enough to cover what pictures show.
const ENOUGH: usize = 64;

/// The vectors of all names, class by class, the background's last.
pub(super) struct Words {
    /// How many names each class has.
    names: Vec<usize>,
    background: bool,
    /// Unit vectors, `[names, projection]`.
    pub(super) vectors: Vec<Vec<f32>>,
}

impl Words {
    /// Number of classes, the background counted in.
    pub(super) fn classes(&self) -> usize {
        self.names.len()
    }

    /// Whether the last class is the background.
    pub(super) fn has_background(&self) -> bool {
        self.background
    }

    /// Each class takes, at each place, the largest cosine of its names.
    ///
    /// # Shapes
    ///
    /// - `cosines`: `[names, places]`
    /// - output: `[classes, places]`
    pub(super) fn max_over_names(&self, cosines: &[f32], places: usize) -> Vec<f32> {
        let mut rows = cosines.chunks_exact(places);
        let mut values = Vec::with_capacity(self.classes() * places);
        for &names in &self.names {
            let mut best = vec![f32::NEG_INFINITY; places];
            for row in rows.by_ref().take(names) {
                for (best, cosine) in best.iter_mut().zip(row) {
                    *best = best.max(*cosine);
                }
            }
            values.extend(best);
        }
        values
    }

    /// Scores of places that are unit vectors on the host, `[places, projection]`.
    pub(super) fn scores(&self, places: &[Vec<f32>]) -> Vec<f32> {
        let cosines: Vec<f32> = self
            .vectors
            .iter()
            .flat_map(|word| places.iter().map(move |place| dot(word, place)))
            .collect();
        self.max_over_names(&cosines, places.len())
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Segmenter {
    /// Embeds the names of classes and background, so that no later call has to.
    ///
    /// # Errors
    ///
    /// Those of [`Segmenter::embed_names`], and [`Error::Input`](crate::Error::Input) for
    /// background words that are no words.
    #[cfg(feature = "cli")]
    pub async fn embed_words(&self, classes: &[Class], background: &Background) -> Result<()> {
        self.words(classes, background, &mut crate::progress::NoProgress)
            .await
            .map(|_| ())
    }

    pub(super) async fn words(
        &self,
        classes: &[Class],
        background: &Background,
        progress: &mut impl Progress,
    ) -> Result<Words> {
        check_classes(classes)?;
        let mut names: Vec<usize> = classes.iter().map(|c| c.names.len()).collect();
        let asked: Vec<&str> = classes
            .iter()
            .flat_map(|c| &c.names)
            .map(String::as_str)
            .collect();
        let background_names = self.background_names(background, &asked)?;
        let background_names: Vec<&str> = background_names.iter().map(String::as_str).collect();
        // In one go, so that the text tower's batches are full.
        let mut vectors = self
            .embed_names(&[&asked[..], &background_names].concat(), progress)
            .await?;
        let mut others = vectors.split_off(asked.len());
        if *background == Background::Auto {
            others = distinct(&others, &vectors);
        }
        if !others.is_empty() {
            names.push(others.len());
            vectors.append(&mut others);
        }
        Ok(Words {
            background: names.len() > classes.len(),
            names,
            vectors,
        })
    }

    /// The background's names but for those that the user asks for.
    pub(super) fn background_names(
        &self,
        background: &Background,
        asked: &[&str],
    ) -> Result<Vec<String>> {
        let names = match background {
            Background::None => Vec::new(),
            Background::Words(words) => {
                let classes = parse_words(words)?;
                classes.into_iter().flat_map(|c| c.names).collect()
            }
            Background::Auto if !self.manifest.background.is_empty() => {
                self.manifest.background.clone()
            }
            Background::Auto if self.bank.knows(photo_lexicon()) => {
                photo_lexicon().map(String::from).collect()
            }
            Background::Auto => PHOTO_BACKGROUND.map(String::from).to_vec(),
        };
        let asked: Vec<String> = asked.iter().map(|name| name.to_lowercase()).collect();
        Ok(names
            .into_iter()
            .filter(|name| !asked.contains(&name.to_lowercase()))
            .collect())
    }
}

fn slices(rows: &[Vec<f32>]) -> Vec<&[f32]> {
    rows.iter().map(Vec::as_slice).collect()
}

/// The background vectors that cover the rest best, none too close to a class.
fn distinct(lexicon: &[Vec<f32>], classes: &[Vec<f32>]) -> Vec<Vec<f32>> {
    choose(&slices(lexicon), &slices(classes), TOO_CLOSE, ENOUGH)
        .into_iter()
        .map(|index| lexicon[index].clone())
        .collect()
}
