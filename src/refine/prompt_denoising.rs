//! Prompt denoising (MaskCLIP, arXiv 2112.01071, section 3.3).

use crate::dense::{ScoreKind, ScoreMap};

/// A class whose probability nowhere reaches this is taken to be absent.
const THRESHOLD: f32 = 0.5;

/// A cosine that no softmax over cosines lets through.
const ABSENT: f32 = -100.0;

/// Removes the classes that are nowhere likely. If that would remove all, none is removed: a
/// label map without any class answers nobody's question.
pub(super) fn denoise(mut scores: ScoreMap) -> ScoreMap {
    let probabilities = scores.probabilities();
    let present: Vec<bool> = (0..scores.classes())
        .map(|class| probabilities.class(class).iter().any(|p| *p >= THRESHOLD))
        .collect();
    if !present.contains(&true) {
        return scores;
    }
    let absent = match scores.kind() {
        ScoreKind::Cosine { .. } => ABSENT,
        ScoreKind::Weight => 0.0,
    };
    for (class, present) in present.into_iter().enumerate() {
        if !present {
            scores.class_mut(class).fill(absent);
        }
    }
    scores
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clip::Grid;

    #[test]
    fn only_what_is_nowhere_likely_goes() {
        let grid = Grid { rows: 1, cols: 2 };
        let kind = ScoreKind::Cosine { scale: 100.0 };
        let scores = ScoreMap::new(3, grid, vec![0.3, 0.1, 0.1, 0.3, 0.2, 0.2], kind).unwrap();
        let denoised = denoise(scores);
        assert_eq!(denoised.class(0), &[0.3, 0.1]);
        assert_eq!(denoised.class(1), &[0.1, 0.3]);
        assert_eq!(denoised.class(2), &[ABSENT, ABSENT]);
    }

    #[test]
    fn something_always_stays() {
        let grid = Grid { rows: 1, cols: 1 };
        let kind = ScoreKind::Cosine { scale: 1.0 };
        let scores = ScoreMap::new(3, grid, vec![0.1, 0.1, 0.1], kind).unwrap();
        assert_eq!(denoise(scores.clone()), scores);
    }
}
