//! The confusion matrix, and what is read off it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::mask::UNLABELLED;

/// How often each true class was answered with each class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Counts", into = "Counts")]
pub struct Confusion {
    classes: usize,
    /// `[truth, answer]`
    counts: Vec<u64>,
    /// Pixels of each true class that were left unlabelled.
    unlabelled: Vec<u64>,
}

/// A matrix as it stands in a file: rows by true class, columns by answer.
#[derive(Serialize, Deserialize)]
struct Counts {
    counts: Vec<Vec<u64>>,
    unlabelled: Vec<u64>,
}

impl From<Confusion> for Counts {
    fn from(confusion: Confusion) -> Self {
        let rows = (0..confusion.classes).map(|class| confusion.row(class).to_vec());
        Self {
            counts: rows.collect(),
            unlabelled: confusion.unlabelled,
        }
    }
}

impl TryFrom<Counts> for Confusion {
    type Error = Error;

    fn try_from(Counts { counts, unlabelled }: Counts) -> Result<Self> {
        let classes = counts.len();
        if unlabelled.len() != classes || counts.iter().any(|row| row.len() != classes) {
            return Err(Error::input(format!(
                "a confusion matrix of {classes} classes is not square"
            )));
        }
        Ok(Self {
            classes,
            counts: counts.concat(),
            unlabelled,
        })
    }
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

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Adds what another matrix of the same classes has counted.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if it has another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.classes != other.classes {
            return Err(Error::input(format!(
                "a confusion matrix of {} classes cannot be added to one of {}",
                other.classes, self.classes
            )));
        }
        let sums = self.counts.iter_mut().chain(&mut self.unlabelled);
        for (sum, count) in sums.zip(other.counts.iter().chain(&other.unlabelled)) {
            *sum += count;
        }
        Ok(())
    }

    /// Intersection over union of each class; `None` for one that neither truth nor answer has.
    #[must_use]
    pub fn iou(&self) -> Vec<Option<f64>> {
        (0..self.classes)
            .map(|class| {
                let (hit, truth) = (self.hits(class), self.pixels(class));
                let answer: u64 = self.counts.iter().skip(class).step_by(self.classes).sum();
                let union = truth + answer - hit;
                (union > 0).then(|| hit as f64 / union as f64)
            })
            .collect()
    }

    /// The mean of [`Confusion::iou`] over the classes that it is there for.
    #[must_use]
    pub fn mean_iou(&self) -> f64 {
        mean(&self.iou())
    }

    /// The share of each class's pixels that is answered rightly; `None` for one that the truth
    /// does not have.
    #[must_use]
    pub fn accuracy(&self) -> Vec<Option<f64>> {
        (0..self.classes)
            .map(|class| {
                let pixels = self.pixels(class);
                (pixels > 0).then(|| self.hits(class) as f64 / pixels as f64)
            })
            .collect()
    }

    /// The mean of [`Confusion::accuracy`] over the classes that it is there for.
    #[must_use]
    pub fn mean_accuracy(&self) -> f64 {
        mean(&self.accuracy())
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

    /// Pixels of a class that are answered with it.
    fn hits(&self, class: usize) -> u64 {
        self.row(class)[class]
    }

    /// Pixels of a class in the truth.
    fn pixels(&self, class: usize) -> u64 {
        self.unlabelled[class] + self.row(class).iter().sum::<u64>()
    }
}

/// The mean of the numbers that are there, 0 if none is.
pub(super) fn mean(numbers: &[Option<f64>]) -> f64 {
    let present: Vec<f64> = numbers.iter().copied().flatten().collect();
    present.iter().sum::<f64>() / present.len().max(1) as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn confusion_scores_what_was_computed_by_hand() {
        let mut confusion = Confusion::new(3);
        confusion.add(&[0, 0, 1, 1, 255], &[0, 1, 1, 1, 0]).unwrap();
        assert_eq!(confusion.iou(), vec![Some(0.5), Some(2.0 / 3.0), None]);
        assert!((confusion.mean_iou() - 7.0 / 12.0).abs() < 1e-12);
        assert!((confusion.pixel_accuracy() - 0.75).abs() < 1e-12);
        assert_eq!(confusion.accuracy(), vec![Some(0.5), Some(1.0), None]);
        assert!((confusion.mean_accuracy() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn confusion_counts_unlabelled_pixels_as_misses() {
        let mut confusion = Confusion::new(2);
        confusion
            .add(&[0, 0, 1, 1], &[0, UNLABELLED, 1, 1])
            .unwrap();
        assert_eq!(confusion.iou(), vec![Some(0.5), Some(1.0)]);
        assert!((confusion.pixel_accuracy() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn add_refuses_what_does_not_fit() {
        let mut confusion = Confusion::new(2);
        assert!(confusion.add(&[0], &[0, 1]).is_err());
        assert!(confusion.add(&[0], &[2]).is_err());
    }

    #[test]
    fn confusion_reads_only_square_matrices() {
        let mut confusion = Confusion::new(2);
        confusion.add(&[0, 1, 1], &[1, 1, UNLABELLED]).unwrap();
        let text = serde_json::to_string(&confusion).unwrap();
        assert_eq!(text, r#"{"counts":[[0,1],[0,1]],"unlabelled":[0,1]}"#);
        assert_eq!(serde_json::from_str::<Confusion>(&text).unwrap(), confusion);
        for text in [
            r#"{"counts":[[0,1],[0]],"unlabelled":[0,1]}"#,
            r#"{"counts":[[0,1],[0,1]],"unlabelled":[0]}"#,
        ] {
            assert!(serde_json::from_str::<Confusion>(text).is_err(), "{text}");
        }
        assert!(confusion.merge(&Confusion::new(3)).is_err());
    }

    proptest! {
        #[test]
        fn merge_of_parts_is_the_whole(
            pixels in prop::collection::vec((0u8..6, 0u8..5), 1..80), at in 0usize..80,
        ) {
            let (truth, answer): (Vec<u8>, Vec<u8>) = pixels.into_iter().unzip();
            let at = at.min(truth.len());
            let [mut whole, mut first, mut second] = [(); 3].map(|()| Confusion::new(5));
            whole.add(&truth, &answer).unwrap();
            first.add(&truth[..at], &answer[..at]).unwrap();
            second.add(&truth[at..], &answer[at..]).unwrap();
            first.merge(&second).unwrap();
            prop_assert_eq!(first, whole);
        }

        #[test]
        fn confusion_scores_a_perfect_answer_one(truth in prop::collection::vec(0u8..5, 1..50)) {
            let mut confusion = Confusion::new(5);
            confusion.add(&truth, &truth).unwrap();
            prop_assert_eq!(confusion.mean_iou(), 1.0);
            prop_assert_eq!(confusion.pixel_accuracy(), 1.0);
        }
    }
}
