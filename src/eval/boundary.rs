//! Boundary IoU (Cheng et al., CVPR 2021, arXiv 2103.16562): intersection over union of what lies
//! near the boundaries of truth and answer, which tells how good edges are where mean IoU hardly does.

use serde::{Deserialize, Serialize};

use super::confusion::mean;
use crate::error::{Error, Result};

/// How far from a boundary pixels count, as a share of the picture's diagonal: the published one.
const REACH: f64 = 0.02;

/// How many pixels near boundaries truth and answer have, and share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundaries {
    /// `[classes]`: pixels that are near the boundary of the class in both.
    both: Vec<u64>,
    /// `[classes]`: those in the truth.
    truth: Vec<u64>,
    /// `[classes]`: those in the answer.
    answer: Vec<u64>,
}

impl Boundaries {
    /// None yet, of so many classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        let none = || vec![0; classes];
        Self {
            both: none(),
            truth: none(),
            answer: none(),
        }
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.both.len()
    }

    /// Counts a picture of this width. A pixel of a class is near its boundary if a square of
    /// `2 · d + 1` pixels around it holds another class or leaves the picture; `d` is 2 % of the
    /// diagonal, rounded, at least 1. Pixels whose true class is not counted are no pixels of the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the two differ in length or are no rows of this width.
    pub fn add(&mut self, truth: &[u8], answer: &[u8], width: usize) -> Result<()> {
        if width == 0 || truth.len() != answer.len() || !truth.len().is_multiple_of(width) {
            return Err(Error::input(format!(
                "a truth of {} pixels and an answer of {} are not of the same width, {width}",
                truth.len(),
                answer.len()
            )));
        }
        let reach = reach(width, truth.len() / width);
        let near = [truth, answer].map(|labels| near_boundaries(labels, width, reach));
        for (index, (&t, &a)) in truth.iter().zip(answer).enumerate() {
            let (t, a) = (usize::from(t), usize::from(a));
            let classes = self.classes();
            if t >= classes {
                continue;
            }
            let [in_truth, in_answer] = [near[0][index], near[1][index] && a < classes];
            self.truth[t] += u64::from(in_truth);
            if in_answer {
                self.answer[a] += 1;
            }
            self.both[t] += u64::from(in_truth && in_answer && t == a);
        }
        Ok(())
    }

    /// Adds what another tally of the same classes has counted.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if it has another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.classes() != other.classes() {
            return Err(Error::input(format!(
                "boundaries of {} classes cannot be added to those of {}",
                other.classes(),
                self.classes()
            )));
        }
        for (sums, counts) in [
            (&mut self.both, &other.both),
            (&mut self.truth, &other.truth),
            (&mut self.answer, &other.answer),
        ] {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        Ok(())
    }

    /// Boundary IoU of each class; `None` for one that has no boundary in truth and answer.
    #[must_use]
    pub fn iou(&self) -> Vec<Option<f64>> {
        let counts = self.truth.iter().zip(&self.answer).zip(&self.both);
        counts
            .map(|((truth, answer), &both)| {
                let union = truth + answer - both;
                (union > 0).then(|| both as f64 / union as f64)
            })
            .collect()
    }

    /// The mean of [`Boundaries::iou`] over the classes that it is there for.
    #[must_use]
    pub fn mean_iou(&self) -> f64 {
        mean(&self.iou())
    }
}

/// How many pixels from a boundary are near it, in a picture of this size.
fn reach(width: usize, height: usize) -> usize {
    let diagonal = (width as f64).hypot(height as f64);
    ((REACH * diagonal).round() as usize).max(1)
}

/// For each pixel, whether another label or the outside of the picture is within `reach` rows and
/// columns.
fn near_boundaries(labels: &[u8], width: usize, reach: usize) -> Vec<bool> {
    let height = labels.len() / width;
    // Whether the pixels of the same row are all of one label.
    let mut alike = vec![false; labels.len()];
    for (row, alike) in labels.chunks(width).zip(alike.chunks_mut(width)) {
        each_run(
            row.len(),
            |i, j| row[i] == row[j],
            |run, x| {
                alike[x] = is_inside(&run, x, reach);
            },
        );
    }
    let mut near = vec![true; labels.len()];
    for x in 0..width {
        let at = |y: usize| y * width + x;
        let joined =
            |i: usize, j: usize| alike[at(i)] && alike[at(j)] && labels[at(i)] == labels[at(j)];
        each_run(height, joined, |run, y| {
            near[at(y)] = !(alike[at(y)] && is_inside(&run, y, reach));
        });
    }
    near
}

/// Whether a place is at least so far from both ends of a run that another one is `reach` away.
fn is_inside(run: &std::ops::Range<usize>, place: usize, reach: usize) -> bool {
    place >= run.start + reach && place + reach < run.end
}

/// Calls `each` with every place of a line and the run of neighbours that are joined to it.
fn each_run(
    len: usize,
    joined: impl Fn(usize, usize) -> bool,
    mut each: impl FnMut(std::ops::Range<usize>, usize),
) {
    let mut start = 0;
    for end in 1..=len {
        if end < len && joined(end - 1, end) {
            continue;
        }
        for place in start..end {
            each(start..end, place);
        }
        start = end;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, pixel by pixel.
    fn near_by_definition(labels: &[u8], width: usize, reach: isize) -> Vec<bool> {
        let height = labels.len() / width;
        let label = |x: isize, y: isize| {
            let inside = (0..width as isize).contains(&x) && (0..height as isize).contains(&y);
            inside.then(|| labels[y as usize * width + x as usize])
        };
        let places = (0..height as isize).flat_map(|y| (0..width as isize).map(move |x| (x, y)));
        places
            .map(|(x, y)| {
                let square =
                    (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
                square
                    .into_iter()
                    .any(|(dx, dy)| label(x + dx, y + dy) != label(x, y))
            })
            .collect()
    }

    #[test]
    fn boundaries_score_what_was_computed_by_hand() {
        // A reach of one pixel: only the middle of three by three pixels is not near a boundary.
        let truth = [0; 9];
        let mut answer = truth;
        answer[0] = 1;
        let mut boundaries = Boundaries::new(2);
        boundaries.add(&truth, &answer, 3).unwrap();
        // In the answer the middle is near one, too, and the corner is not of the class.
        assert_eq!(boundaries.iou(), vec![Some(7.0 / 9.0), Some(0.0)]);
        assert!((boundaries.mean_iou() - 7.0 / 18.0).abs() < 1e-12);
    }

    #[test]
    fn add_refuses_what_does_not_fit() {
        let mut boundaries = Boundaries::new(2);
        assert!(boundaries.add(&[0, 0], &[0], 1).is_err());
        assert!(boundaries.add(&[0, 0, 0], &[0, 0, 0], 2).is_err());
        assert!(boundaries.add(&[], &[], 0).is_err());
        assert!(boundaries.merge(&Boundaries::new(3)).is_err());
    }

    #[test]
    fn reach_is_two_percent_of_the_diagonal() {
        assert_eq!(
            [reach(640, 480), reach(4, 3), reach(2048, 1024)],
            [16, 1, 46]
        );
    }

    proptest! {
        #[test]
        fn near_boundaries_are_those_of_the_definition(
            labels in prop::collection::vec(0u8..2, 1..120), width in 1usize..12, reach in 1usize..4,
        ) {
            let width = width.min(labels.len());
            let labels = &labels[..labels.len() / width * width];
            prop_assert_eq!(
                near_boundaries(labels, width, reach),
                near_by_definition(labels, width, reach as isize)
            );
        }

        #[test]
        fn a_perfect_answer_scores_one(truth in prop::collection::vec(0u8..5, 1..50)) {
            let mut boundaries = Boundaries::new(5);
            boundaries.add(&truth, &truth, truth.len()).unwrap();
            prop_assert_eq!(boundaries.mean_iou(), 1.0);
        }
    }
}
