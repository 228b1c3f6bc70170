//! Labels along the edges of the picture.
//!
//! Scores come on a grid that is coarser than the picture, and refinements that look at single pixels
//! leave speckle where a thing has a pattern. So the picture is cut into segments of one colour
//! ([`segments`]), at several levels, and each segment gets the mean of the scores of its pixels, the mean
//! over levels. Its label is the one that these, the colours of the picture's labels ([`colors`]) and its
//! neighbours speak for ([`potts`]); what is too small to be meant goes to what surrounds it ([`specks`]).
//! That beats filters guided by colours: `docs/methods.md` has the numbers.
//!
//! Pictures of more than [`WORKING_PIXELS`] are cut at that size, and pixels at borders choose between
//! the labels around them by their colour at full size ([`snap`]), so that time and memory are linear in pixels, and
//! memory beside the labels does not grow with the picture.

mod colors;
mod potts;
mod segments;
mod snap;
mod specks;

use std::collections::BTreeMap;

use crate::clip::Grid;
use crate::dense::ScoreMap;
use crate::error::Result;
use crate::image::{Interpolation, Picture};
use crate::mask::UNLABELLED;

use potts::Evidence;
use segments::Segments;

/// The most pixels at which a picture is cut into segments.
const WORKING_PIXELS: f64 = (1 << 19) as f64;

/// The most likely class of each pixel of the picture, row-major; [`UNLABELLED`] where that is a class
/// from `background` on, or its probability is below `threshold`.
///
/// # Errors
///
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory) if the pixels do not fit in memory.
pub(crate) fn label(
    scores: &ScoreMap,
    picture: &Picture,
    background: usize,
    threshold: f32,
) -> Result<Vec<u8>> {
    let (width, height) = working_size(picture.width(), picture.height());
    let small = if (width, height) == (picture.width(), picture.height()) {
        None
    } else {
        Some(picture.resize(width, height)?)
    };
    let working = small.as_ref().unwrap_or(picture);
    let segments = Segments::cut(working);
    let votes = Votes::new(scores, &segments)?;
    let shares = votes.shares(background, threshold)?;
    let evidence = Evidence {
        colors: &colors::log_ratios(&segments, working, &shares),
        shares: &shares,
        threshold,
    };
    let labels = potts::settle(&segments, votes.labels(background, threshold)?, &evidence);
    let labels = specks::clean(&segments, labels, &shares);
    let labels: Vec<u8> = segments
        .of_pixels
        .iter()
        .map(|s| labels[*s as usize])
        .collect();
    Ok(snap::snap(&labels, working, picture))
}

/// The size at which to cut a picture: its own, or one of its shape with [`WORKING_PIXELS`].
fn working_size(width: u32, height: u32) -> (u32, u32) {
    let scale = (WORKING_PIXELS / (f64::from(width) * f64::from(height))).sqrt();
    if scale >= 1.0 {
        return (width, height);
    }
    let side = |side: u32| (f64::from(side) * scale).round().max(1.0) as u32;
    (side(width), side(height))
}

/// What segments vote for.
struct Votes {
    /// The scores of each class in each segment, on a line of cells, one a segment.
    scores: ScoreMap,
    /// The class with the largest score in each segment.
    best: Vec<usize>,
}

impl Votes {
    fn new(scores: &ScoreMap, segments: &Segments) -> Result<Self> {
        let (classes, count) = (scores.classes(), segments.count());
        let means = segments.mean_over_levels(&sums(scores, segments), classes);
        let mut values = vec![0.0; means.len()];
        for (segment, means) in means.chunks_exact(classes).enumerate() {
            for (class, mean) in means.iter().enumerate() {
                values[class * count + segment] = *mean;
            }
        }
        let line = Grid {
            rows: 1,
            cols: count,
        };
        Ok(Self {
            best: means.chunks_exact(classes).map(largest).collect(),
            scores: ScoreMap::new(classes, line, values, scores.kind())?,
        })
    }

    /// The label of each segment; [`UNLABELLED`] as in [`label`].
    fn labels(&self, background: usize, threshold: f32) -> Result<Vec<u8>> {
        let likely = match threshold {
            0.0 => None,
            _ => Some(self.scores.probabilities()),
        };
        let label = |(segment, best): (usize, &usize)| {
            let sure = likely
                .as_ref()
                .is_none_or(|l| l.class(*best)[segment] >= threshold);
            if sure {
                named(*best, background)
            } else {
                UNLABELLED
            }
        };
        Ok(self.best.iter().enumerate().map(label).collect())
    }

    /// For each label that occurs, the probability that it is the right one in each segment: among all
    /// classes where there is a threshold for it, otherwise among those that occur, since what cannot be a
    /// label anywhere has no part in it.
    fn shares(&self, background: usize, threshold: f32) -> Result<BTreeMap<u8, Vec<f32>>> {
        let mut winners = self.best.clone();
        winners.sort_unstable();
        winners.dedup();
        let likely = if threshold > 0.0 {
            self.scores.probabilities().select(&winners)?
        } else {
            self.scores.select(&winners)?.probabilities()
        };
        let mut shares = BTreeMap::from([(UNLABELLED, vec![0.0; self.best.len()])]);
        for (row, class) in winners.into_iter().enumerate() {
            let sums = shares.entry(named(class, background));
            let sums = sums.or_insert_with(|| vec![0.0; self.best.len()]);
            for (sum, share) in sums.iter_mut().zip(likely.class(row)) {
                *sum += share;
            }
        }
        Ok(shares)
    }
}

/// The label of a class, of which those from `background` on have none.
fn named(class: usize, background: usize) -> u8 {
    if class < background {
        class as u8
    } else {
        UNLABELLED
    }
}

/// The first of the largest numbers.
fn largest(values: &[f32]) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = place;
        }
    }
    best
}

/// The sums of the scores over the pixels of each segment, `[segments, classes]`, interpolated
/// bilinearly between the centres of cells.
fn sums(scores: &ScoreMap, segments: &Segments) -> Vec<f32> {
    let classes = scores.classes();
    let [down, across] = scores.axes();
    let lines = Interpolation::new(segments.height, &down);
    let columns = Interpolation::new(segments.width, &across);
    let places: Vec<_> = (0..segments.width).map(|x| columns.at(x)).collect();
    let cols = across.cells();
    let mut line = vec![0.0; cols];
    let mut cells = vec![0.0; cols * classes];
    let mut sums = vec![0.0; segments.count() * classes];
    for (y, row) in segments.of_pixels.chunks_exact(segments.width).enumerate() {
        for class in 0..classes {
            lines.blend(scores.class(class), y, &mut line);
            for (cell, score) in cells.chunks_exact_mut(classes).zip(&line) {
                cell[class] = *score;
            }
        }
        for (segment, (left, right, weight)) in row.iter().zip(&places) {
            let sums = &mut sums[*segment as usize * classes..][..classes];
            let (left, right) = (&cells[left * classes..], &cells[right * classes..]);
            for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
                *sum += left + (right - left) * weight;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests;
