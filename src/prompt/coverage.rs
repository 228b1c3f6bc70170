//! Background names that suit the classes, chosen from a lexicon without any labelled picture.
//!
//! The recipe of VABS (`wookat/ovss-vocab-audit`): names close to a class go, and of the rest
//! those are taken that stand for the others best. That is the facility location problem, whose
//! greedy answer is at least 63 % as good as the best (Nemhauser, Wolsey and Fisher, 1978).

use crate::vector::dot;

/// Picks up to `limit` words from a lexicon to name the background with, and returns their
/// indices in the order of picking, the most telling word first.
///
/// Words whose cosine with a class is `nearest` or more are left out: they would take the class's
/// pixels. Each pick is the word that raises most the sum, over all words kept, of the largest
/// cosine with a picked word; of equals the first. `nearest` 0.90 and `limit` 64 are the published
/// numbers.
///
/// Takes time in proportion to the square of the number of words: meant for a few hundred.
///
/// # Shapes
///
/// - `lexicon`, `classes`: unit vectors of one length
#[must_use]
pub fn choose(lexicon: &[&[f32]], classes: &[&[f32]], nearest: f32, limit: usize) -> Vec<usize> {
    let far = |word: &[f32]| classes.iter().all(|class| dot(word, class) < nearest);
    let kept: Vec<usize> = (0..lexicon.len())
        .filter(|&word| far(lexicon[word]))
        .collect();
    let alike: Vec<Vec<f32>> = kept
        .iter()
        .map(|&word| {
            kept.iter()
                .map(|&other| dot(lexicon[word], lexicon[other]))
                .collect()
        })
        .collect();
    // No cosine is less than this, so the first pick raises the sum as any other does.
    let mut covered = vec![-1.0; kept.len()];
    let mut open: Vec<usize> = (0..kept.len()).collect();
    let mut picked = Vec::new();
    while picked.len() < limit
        && let Some(place) = largest(open.iter().map(|&word| gain(&alike[word], &covered)))
    {
        let word = open.remove(place);
        for (covered, alike) in covered.iter_mut().zip(&alike[word]) {
            *covered = alike.max(*covered);
        }
        picked.push(kept[word]);
    }
    picked
}

/// By how much a word with these cosines raises the sum of the largest ones.
fn gain(alike: &[f32], covered: &[f32]) -> f64 {
    let raises = alike.iter().zip(covered);
    raises
        .map(|(alike, covered)| f64::from((alike - covered).max(0.0)))
        .sum()
}

/// The place of the largest value, the first of equals.
fn largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    let best = values
        .enumerate()
        .reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use proptest::prelude::*;

    /// The unit vector in the plane at this angle.
    fn at(degrees: f32) -> Vec<f32> {
        let (sin, cos) = degrees.to_radians().sin_cos();
        vec![cos, sin]
    }

    fn slices(vectors: &[Vec<f32>]) -> Vec<&[f32]> {
        vectors.iter().map(Vec::as_slice).collect()
    }

    fn choose_of(
        lexicon: &[Vec<f32>],
        classes: &[Vec<f32>],
        nearest: f32,
        limit: usize,
    ) -> Vec<usize> {
        choose(&slices(lexicon), &slices(classes), nearest, limit)
    }

    #[test]
    fn each_cluster_gets_a_word_that_stands_for_it() {
        // The sum of cosines is largest at 30 degrees: 3.275, before 2.894 at 20. That leaves the
        // other three, for whom the middle one does most: 3.485, the outer ones 3.440.
        let lexicon = [0.0, 10.0, 20.0, 30.0, 120.0, 130.0, 140.0].map(at);
        assert_eq!(choose_of(&lexicon, &[], 0.9, 2), [3, 5]);
    }

    #[test]
    fn words_near_a_class_are_left_out() {
        // cos 25° = 0.906, cos 26° = 0.899.
        let lexicon = [0.0, 25.0, 26.0, 90.0].map(at);
        let mut picked = choose_of(&lexicon, &[at(0.0)], 0.9, 64);
        picked.sort_unstable();
        assert_eq!(picked, [2, 3]);
        assert_eq!(choose_of(&lexicon, &[at(0.0), at(90.0)], 0.9, 64), [2]);
        assert!(choose_of(&lexicon, &lexicon, 0.9, 64).is_empty());
    }

    #[test]
    fn exactly_as_near_as_the_bound_is_too_near() {
        assert!(choose_of(&[vec![1.0, 0.0]], &[vec![0.5, 0.0]], 0.5, 1).is_empty());
    }

    #[test]
    fn of_equals_the_first_is_picked() {
        let lexicon = [90.0, 0.0, 90.0, 0.0].map(at);
        assert_eq!(choose_of(&lexicon, &[], 0.9, 4), [0, 1, 2, 3]);
    }

    #[test]
    fn nothing_to_pick() {
        assert!(choose_of(&[], &[at(0.0)], 0.9, 64).is_empty());
        assert!(choose_of(&[at(0.0)], &[], 0.9, 0).is_empty());
    }

    /// Unit vectors of nine numbers, more than a chunk.
    fn vectors(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<f32>>> {
        let vector = prop::collection::vec(-1.0f32..1.0, 9).prop_map(|mut vector| {
            vector[0] += 2.0;
            let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            vector.iter().map(|x| x / norm).collect()
        });
        prop::collection::vec(vector, count)
    }

    fn slow_cosine(a: &[f32], b: &[f32]) -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    }

    proptest! {
        #[test]
        fn every_pick_is_the_best_one(
            lexicon in vectors(0..12), classes in vectors(0..3), limit in 0usize..14,
        ) {
            let nearest = 0.9;
            let picked = choose_of(&lexicon, &classes, nearest, limit);
            let near = |word: usize| classes.iter().any(|c| slow_cosine(&lexicon[word], c) >= f64::from(nearest));
            let kept: Vec<usize> = (0..lexicon.len()).filter(|&word| !near(word)).collect();
            prop_assert_eq!(picked.len(), limit.min(kept.len()));
            let coverage = |picks: &[usize]| -> f64 {
                kept.iter().map(|&word| {
                    let cosines = picks.iter().map(|&pick| slow_cosine(&lexicon[word], &lexicon[pick]));
                    cosines.fold(f64::NEG_INFINITY, f64::max)
                }).sum()
            };
            for count in 1..=picked.len() {
                let (before, pick) = (&picked[..count - 1], picked[count - 1]);
                prop_assert!(kept.contains(&pick) && !before.contains(&pick));
                let reached = coverage(&picked[..count]);
                for &other in kept.iter().filter(|word| !before.contains(word)) {
                    prop_assert!(reached >= coverage(&[before, &[other]].concat()) - 1e-5);
                }
            }
        }
    }

    #[test]
    fn choices_are_those_of_the_reference() {
        for (case, limit) in [("words", 8), ("few", 8), ("tied", 3)] {
            let rows = |name: &str| {
                let (values, shape) = fixtures::tensor(&format!("lexicon.{case}.{name}"));
                let rows = values.chunks_exact(shape[1]).map(<[f32]>::to_vec);
                rows.collect::<Vec<_>>()
            };
            let (words, classes) = (rows("words"), rows("classes"));
            let picked = choose(&slices(&words), &slices(&classes), 0.9, limit);
            assert_eq!(
                picked,
                fixtures::indices(&format!("lexicon.{case}.picked")),
                "{case}"
            );
        }
    }
}
