//! Which classes can win anywhere.
//!
//! PAMR and bilinear interpolation make of a class's scores, at each pixel, a weighted mean, with
//! weights that are the same for all classes. So an inequality between classes that holds on every
//! cell holds at every pixel afterwards: if a mixture of other classes, with shares that add up to
//! one, is above a class everywhere, then so is, at each pixel, the largest of the others. The class
//! gets no pixel, and where only labels are wanted its scores need not be refined.

use crate::dense::ScoreMap;

/// By how much a mixture has to be above a class, as a share of the largest score of either: twice
/// what rounding in f32 can do. Ten steps of PAMR sum sixteen products each, which is off by at
/// most 160 · 2⁻²⁴; two interpolations, and the sums of the mixture, by less than a third of that.
const CLEARLY: f32 = 1.0 / (1 << 14) as f32;

/// Classes that a mixture is made of at most, counted as often as they are taken.
const PARTS: usize = 64;

/// The classes that may have the largest score at some pixel after weighted means like those of
/// PAMR and of bilinear interpolation, ascending.
pub(crate) fn contenders(scores: &ScoreMap) -> Vec<usize> {
    let winners = winners(scores);
    (0..scores.classes())
        .filter(|class| winners.contains(class) || !is_beaten(scores, *class, &winners))
        .collect()
}

/// The classes with the largest score of some cell, ascending.
fn winners(scores: &ScoreMap) -> Vec<usize> {
    let mut best = scores.class(0).to_vec();
    let mut winner = vec![0; best.len()];
    for class in 1..scores.classes() {
        for ((best, winner), score) in best.iter_mut().zip(&mut winner).zip(scores.class(class)) {
            if *score > *best {
                (*best, *winner) = (*score, class);
            }
        }
    }
    winner.sort_unstable();
    winner.dedup();
    winner
}

/// Looks for a mixture of winners that is clearly above a class on every cell.
///
/// By fictitious play: again and again the winner is added that does best on the cells on which the
/// mixture did worst so far, each counted as often as it was worst. That comes as near to the best
/// mixture as one likes if there are enough rounds; if there are not, a class is kept that could
/// have gone, which costs time and nothing else.
fn is_beaten(scores: &ScoreMap, class: usize, winners: &[usize]) -> bool {
    let own = scores.class(class);
    let mut above = vec![0.0f32; own.len()];
    let mut merits = vec![0.0f32; winners.len()];
    let mut largest = size(own);
    let mut worst = 0;
    for parts in 1..=PARTS {
        for (merit, winner) in merits.iter_mut().zip(winners) {
            *merit += scores.class(*winner)[worst];
        }
        let Some(best) = (0..winners.len()).max_by(|a, b| merits[*a].total_cmp(&merits[*b])) else {
            return false;
        };
        let part = scores.class(winners[best]);
        largest = largest.max(size(part));
        for ((above, part), own) in above.iter_mut().zip(part).zip(own) {
            *above += part - own;
        }
        let least;
        (worst, least) = smallest(&above);
        if least / parts as f32 > CLEARLY * largest {
            return true;
        }
    }
    false
}

/// The largest absolute value.
fn size(scores: &[f32]) -> f32 {
    scores
        .iter()
        .fold(0.0, |largest, score| largest.max(score.abs()))
}

/// Where the smallest number is, and which it is.
fn smallest(numbers: &[f32]) -> (usize, f32) {
    let least = numbers.iter().copied().fold(f32::INFINITY, f32::min);
    let place = numbers.iter().position(|number| *number == least);
    (place.unwrap_or(0), least)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clip::Grid;
    use crate::dense::ScoreKind;
    use crate::image::Picture;
    use crate::refine::refine_pixels;
    use proptest::prelude::*;

    fn map(classes: usize, rows: usize, values: Vec<f32>) -> ScoreMap {
        let cols = values.len() / classes / rows;
        let kind = ScoreKind::Cosine { scale: 100.0 };
        ScoreMap::new(classes, Grid { rows, cols }, values, kind).unwrap()
    }

    #[test]
    fn what_is_best_somewhere_stays() {
        let scores = map(3, 1, vec![0.3, 0.1, 0.1, 0.3, 0.2, 0.2]);
        // At the boundary, the third would be at 0.2 as the mean of both others is: nobody's.
        assert_eq!(contenders(&scores), [0, 1, 2]);
    }

    #[test]
    fn what_a_mixture_beats_goes() {
        // No one class is above the third on both cells, but the mean of both is.
        let scores = map(3, 1, vec![0.3, 0.1, 0.1, 0.3, 0.19, 0.19]);
        assert_eq!(contenders(&scores), [0, 1]);
        // It is best nowhere, but would be halfway between the cells.
        let scores = map(3, 1, vec![0.3, 0.1, 0.1, 0.3, 0.25, 0.25]);
        assert_eq!(contenders(&scores), [0, 1, 2]);
        // What prompt denoising removed.
        let scores = map(2, 1, vec![0.3, 0.1, -100.0, -100.0]);
        assert_eq!(contenders(&scores), [0]);
    }

    #[test]
    fn one_class_and_equal_classes_stay() {
        assert_eq!(contenders(&map(1, 1, vec![0.1])), [0]);
        assert_eq!(contenders(&map(2, 1, vec![0.1, 0.1])), [0, 1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Labels after PAMR are, pixel by pixel, those of contenders alone.
        #[test]
        fn labels_are_those_of_contenders(
            classes in 1usize..12, rows in 1usize..5, cols in 1usize..5,
            seed in prop::collection::vec(0.15f32..0.3, 12 * 16),
            levels in prop::collection::vec(-0.08f32..0.0, 12),
            colors in prop::collection::vec(any::<u8>(), 20 * 30 * 3),
        ) {
            let values = (0..classes * rows * cols)
                .map(|i| seed[i] + levels[i / (rows * cols)])
                .collect();
            let scores = map(classes, rows, values);
            let kept = contenders(&scores);
            let picture = Picture::from_rgb(30, 20, colors).unwrap();
            let labels = |scores: &ScoreMap, classes: usize| {
                refine_pixels(scores, &picture).unwrap().label(41, 37, classes, 0.0)
            };
            let all = labels(&scores, classes);
            let some = labels(&scores.select(&kept).unwrap(), kept.len());
            for (all, some) in all.into_iter().zip(some) {
                prop_assert_eq!(usize::from(all), kept[usize::from(some)]);
            }
        }
    }
}
