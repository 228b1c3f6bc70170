//! The words whose vectors an import makes ready.

use std::collections::HashSet;

use super::background::{PHOTO_BACKGROUND, photo_lexicon};
use super::class_lists::{ADE20K, COCO_STUFF, COCO_THINGS, CONTEXT, VOC};

/// The class lists of the data sets: a line for each class, its names between commas.
const CLASSES: [&str; 5] = [VOC, CONTEXT, COCO_THINGS, COCO_STUFF, ADE20K];

/// What people are likely to ask a model for photographs: every name of the classes of PASCAL VOC,
/// PASCAL Context, COCO-Stuff and ADE20K, the background names, the lexicon of
/// [`photo_lexicon`], and common nouns. Each word comes once.
pub fn common_words() -> impl Iterator<Item = &'static str> {
    let classes = CLASSES.into_iter().flat_map(|list| list.split([',', '\n']));
    let nouns = include_str!("common_words.txt").lines();
    let nouns = nouns.filter(|line| !line.starts_with('#'));
    let mut seen = HashSet::new();
    classes
        .chain(PHOTO_BACKGROUND)
        .chain(photo_lexicon())
        .chain(nouns)
        .map(str::trim)
        .filter(move |word| !word.is_empty() && seen.insert(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::parse_words;

    #[test]
    fn every_common_word_is_a_name_that_people_could_type() {
        let words: Vec<&str> = common_words().collect();
        assert!(words.len() >= 1000, "{}", words.len());
        let different: HashSet<&str> = words.iter().copied().collect();
        assert_eq!(different.len(), words.len());
        for word in words {
            assert_eq!(word.to_lowercase(), word);
            let class = &parse_words(&[word]).unwrap()[0];
            assert_eq!(class.names, [word]);
        }
    }

    #[test]
    fn the_list_itself_is_long_and_has_each_word_once() {
        let lines = include_str!("common_words.txt").lines();
        let mut words: Vec<&str> = lines
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
            .collect();
        assert!(words.len() >= 1000, "{}", words.len());
        words.sort_unstable();
        assert!(words.windows(2).all(|w| w[0] != w[1]));
    }

    #[test]
    fn the_names_of_the_data_sets_are_among_them() {
        let words: HashSet<&str> = common_words().collect();
        for word in [
            "tv",
            "aeroplane",
            "houseplant",
            "ceiling tile",
            "sconce",
            "rail",
            "asphalt",
        ] {
            assert!(words.contains(word), "{word}");
        }
    }
}
