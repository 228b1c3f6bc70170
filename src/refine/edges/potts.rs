//! Labels of segments that agree with the scores, with the colours and with each other.
//!
//! A Potts model over the segments, whose energy falls label by label until none changes any more
//! (iterated conditional modes: Besag, J. R. Stat. Soc. B 48(3), 1986).

use std::collections::BTreeMap;

use super::segments::Segments;
use crate::mask::UNLABELLED;

/// The power of the probability of a label in its energy: below 1, since neighbouring pixels are scored
/// by the same cells and so are no independent witnesses.
const TRUST: f32 = 0.7;

/// Added to that, so that no label is impossible.
const FLOOR: f32 = 0.1;

/// The energy of a pair of pixels beside or above each other with two labels.
const BORDER: f32 = 2.0;

/// The most sweeps over all segments; most pictures need three or four.
const SWEEPS: usize = 10;

/// What decides on a label.
pub(super) struct Evidence<'a> {
    /// For each label, its probability in each segment.
    pub(super) shares: &'a BTreeMap<u8, Vec<f32>>,
    /// For each label and segment, the logarithm of how the segment's colour favours the label.
    pub(super) colors: &'a BTreeMap<u8, Vec<f32>>,
    /// The least probability of a label.
    pub(super) threshold: f32,
}

impl Evidence<'_> {
    /// The energy of each label that a segment may have, for each of its pixels.
    fn energies(&self, segment: usize, has_background: bool) -> Vec<(u8, f32)> {
        let allowed = |label: u8, share: f32| match label {
            UNLABELLED => has_background,
            _ => share >= self.threshold,
        };
        let rows = self.shares.iter().zip(self.colors.values());
        rows.map(|((label, shares), colors)| (*label, shares[segment], colors[segment]))
            .filter(|(label, share, _)| allowed(*label, *share))
            .map(|(label, share, color)| (label, -(share.powf(TRUST) + FLOOR).ln() - color))
            .collect()
    }
}

/// Settles the labels of segments, which begin as given. Those without a label keep none where there is
/// no background and nothing is likely enough.
pub(super) fn settle(segments: &Segments, mut labels: Vec<u8>, evidence: &Evidence) -> Vec<u8> {
    let neighbours = neighbours(segments);
    let background = evidence.shares.get(&UNLABELLED);
    let has_background = background.is_some_and(|shares| shares.iter().any(|share| *share > 0.0));
    let energies: Vec<_> = (0..segments.count())
        .map(|segment| evidence.energies(segment, has_background))
        .collect();
    for _ in 0..SWEEPS {
        let mut changed = false;
        for (segment, energies) in energies.iter().enumerate() {
            let border = |label: u8| -> f32 {
                let others = neighbours[segment].iter();
                let others = others.filter(|(other, _)| labels[*other as usize] != label);
                others.map(|(_, pairs)| *pairs as f32).sum()
            };
            let size = segments.sizes[segment] as f32;
            let energy = |(label, own): &(u8, f32)| (*label, own * size + BORDER * border(*label));
            let least = energies
                .iter()
                .map(energy)
                .min_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((label, _)) = least
                && label != labels[segment]
            {
                labels[segment] = label;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    labels
}

/// The segments that touch each segment, with the pairs of pixels at the border.
fn neighbours(segments: &Segments) -> Vec<Vec<(u32, u32)>> {
    let mut neighbours = vec![Vec::new(); segments.count()];
    for (a, b, pairs) in segments.borders() {
        neighbours[a as usize].push((b, pairs));
        neighbours[b as usize].push((a, pairs));
    }
    neighbours
}
