//! What pictures show beside the things that people ask for.

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
