//! What pictures show beside the things that people ask for.

use super::bank::TextBank;
use super::coverage::choose;
use super::words::{Class, parse_words};
use crate::error::Result;

/// What the background is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Background {
    /// The bundle's background words, or for photographs common words for what they show: words
    /// too close to one that the user asks for are left out, and of the rest those are taken that
    /// cover it best.
    #[default]
    Auto,
    /// Every pixel gets one of the user's classes.
    None,
    /// These words.
    Words(Vec<String>),
}

impl std::fmt::Display for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Words(words) => f.write_str(&words.join(", ")),
        }
    }
}

impl Background {
    /// The names of the background but for those that are asked for: its own words, those that the
    /// model comes with, or for photographs the lexicon if the bank has all its vectors, else the
    /// usual few.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::Error::Input) if its words are no words.
    pub fn names(&self, asked: &[&str], own: &[String], bank: &TextBank) -> Result<Vec<String>> {
        let names = match self {
            Self::None => Vec::new(),
            Self::Words(words) => names_of(&parse_words(words)?).map(String::from).collect(),
            Self::Auto if !own.is_empty() => own.to_vec(),
            Self::Auto if bank.knows(photo_lexicon()) => {
                photo_lexicon().map(String::from).collect()
            }
            Self::Auto => PHOTO_BACKGROUND.map(String::from).to_vec(),
        };
        let asked: Vec<String> = asked.iter().map(|name| name.to_lowercase()).collect();
        Ok(names
            .into_iter()
            .filter(|name| !asked.contains(&name.to_lowercase()))
            .collect())
    }

    /// Which of the vectors of its names stand for it beside these classes: all of them, unless it
    /// chooses by itself.
    pub(super) fn choose(&self, names: Vec<Vec<f32>>, classes: &[Vec<f32>]) -> Vec<Vec<f32>> {
        if *self != Self::Auto {
            return names;
        }
        choose(&slices(&names), &slices(classes), TOO_CLOSE, ENOUGH)
            .into_iter()
            .map(|index| names[index].clone())
            .collect()
    }
}

/// All names of all classes.
pub(super) fn names_of(classes: &[Class]) -> impl Iterator<Item = &str> {
    classes
        .iter()
        .flat_map(|class| &class.names)
        .map(String::as_str)
}

fn slices(rows: &[Vec<f32>]) -> Vec<&[f32]> {
    rows.iter().map(Vec::as_slice).collect()
}

/// A background word this close to one of the user's, by their cosine, would take its pixels.
const TOO_CLOSE: f32 = 0.9;

/// Background words that are enough to cover what pictures show.
const ENOUGH: usize = 64;

/// The background names for photographs: what the evaluation protocol of SCLIP (arXiv 2312.01597)
/// and its followers uses for Pascal VOC and COCO-Object. How the background is named matters more
/// for the result than the choice of attention.
pub const PHOTO_BACKGROUND: [&str; 26] = [
    "sky", "wall", "tree", "wood", "grass", "road", "sea", "river", "mountain", "sands", "desk",
    "bed", "building", "cloud", "lamp", "door", "window", "wardrobe", "ceiling", "shelf",
    "curtain", "stair", "floor", "hill", "rail", "fence",
];

/// Common words for what photographs show around the things that people ask for: stuff, places
/// and furniture. Too many to embed for one answer, so they serve where their vectors are ready.
pub fn photo_lexicon() -> impl Iterator<Item = &'static str> {
    include_str!("lexicon.txt").lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lexicon_has_each_word_once() {
        let mut words: Vec<&str> = photo_lexicon().collect();
        assert!(words.len() > 150 && words.iter().all(|w| !w.is_empty() && w.trim() == *w));
        words.sort_unstable();
        assert!(words.windows(2).all(|w| w[0] != w[1]));
    }
}
