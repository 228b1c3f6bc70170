//! The confusion matrix, and what is read off it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::mask::UNLABELLED;

/// How often each true class was answered with each class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    classes: usize,
    /// `[truth, answer]`
    counts: Vec<u64>,
    /// Pixels of each true class that were left unlabelled.
    unlabelled: Vec<u64>,
}

impl Confusion {
    /// An empty matrix.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            counts: vec![0; classes * classes],
            unlabelled: vec![0; classes],
        }
    }

    /// Counts a picture: pairs of true and answered class of its pixels. Pixels whose true class
    /// is outside the matrix are not counted, as data sets mark what is undecided so. An answer of
    /// [`UNLABELLED`] is a wrong one.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the two differ in length, or an answer is outside the matrix.
    pub fn add(&mut self, truth: &[u8], answer: &[u8]) -> Result<()> {
        if truth.len() != answer.len() {
            return Err(Error::input(format!(
                "a truth of {} pixels cannot be compared with an answer of {}",
                truth.len(),
                answer.len()
            )));
        }
        for (&truth, &answer) in truth.iter().zip(answer) {
            let (truth, answer) = (usize::from(truth), usize::from(answer));
            if truth >= self.classes {
                continue;
            }
            if answer == usize::from(UNLABELLED) {
                self.unlabelled[truth] += 1;
                continue;
            }
            if answer >= self.classes {
                return Err(Error::input(format!(
                    "the answer has class {answer}, but there are only {}",
                    self.classes
                )));
            }
            self.counts[truth * self.classes + answer] += 1;
        }
        Ok(())
    }

    /// Intersection over union of each class; `None` for one that neither truth nor answer has.
    #[must_use]
    pub fn iou(&self) -> Vec<Option<f64>> {
        (0..self.classes)
            .map(|class| {
                let hit = self.counts[class * self.classes + class];
                let truth = self.unlabelled[class] + self.row(class).iter().sum::<u64>();
                let answer: u64 = self.counts.iter().skip(class).step_by(self.classes).sum();
                let union = truth + answer - hit;
                (union > 0).then(|| hit as f64 / union as f64)
            })
            .collect()
    }

    /// The mean of [`Confusion::iou`] over the classes that it is there for.
    #[must_use]
    pub fn mean_iou(&self) -> f64 {
        let present: Vec<f64> = self.iou().into_iter().flatten().collect();
        present.iter().sum::<f64>() / present.len().max(1) as f64
    }

    /// The share of counted pixels answered rightly.
    #[must_use]
    pub fn pixel_accuracy(&self) -> f64 {
        let hits: u64 = self.counts.iter().step_by(self.classes + 1).sum();
        let all: u64 = self.counts.iter().chain(&self.unlabelled).sum();
        hits as f64 / all.max(1) as f64
    }

    fn row(&self, class: usize) -> &[u64] {
        &self.counts[class * self.classes..(class + 1) * self.classes]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let mut confusion = Confusion::new(3);
        confusion.add(&[0, 0, 1, 1, 255], &[0, 1, 1, 1, 0]).unwrap();
        assert_eq!(confusion.iou(), vec![Some(0.5), Some(2.0 / 3.0), None]);
        assert!((confusion.mean_iou() - 7.0 / 12.0).abs() < 1e-12);
        assert!((confusion.pixel_accuracy() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn unlabelled_pixels_are_misses() {
        let mut confusion = Confusion::new(2);
        confusion
            .add(&[0, 0, 1, 1], &[0, UNLABELLED, 1, 1])
            .unwrap();
        assert_eq!(confusion.iou(), vec![Some(0.5), Some(1.0)]);
        assert!((confusion.pixel_accuracy() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut confusion = Confusion::new(2);
        assert!(confusion.add(&[0], &[0, 1]).is_err());
        assert!(confusion.add(&[0], &[2]).is_err());
    }

    proptest! {
        #[test]
        fn a_perfect_answer_scores_one(truth in prop::collection::vec(0u8..5, 1..50)) {
            let mut confusion = Confusion::new(5);
            confusion.add(&truth, &truth).unwrap();
            prop_assert_eq!(confusion.mean_iou(), 1.0);
            prop_assert_eq!(confusion.pixel_accuracy(), 1.0);
        }
    }
}
