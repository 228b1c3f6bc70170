//! Parts of labels that are too small to be meant.

use std::collections::BTreeMap;

use super::segments::Segments;

/// Parts below this share of the picture cannot be seen.
const TINY: f64 = 0.0002;

/// A part below this share of the picture is a speck if its label has a much larger part elsewhere.
const SPECK: f64 = 0.003;

/// A part below this share of the picture is a pinhole if one other label surrounds it, and its own
/// has a much larger part elsewhere; and it is no thing at all if it is rather not what it is said to
/// be.
const SMALL: f64 = 0.01;

/// How many times as large a much larger part is.
const MUCH: u64 = 4;

/// The share of its border that a label has around a part that it surrounds.
const AROUND: f64 = 0.97;

/// The least probability of what is rather so than not.
const RATHER: f64 = 0.5;

/// How often parts are looked for anew: those that have grown are large now, and others have new
/// neighbours.
const PASSES: usize = 3;

/// Segments of one label that touch.
#[derive(Debug, Clone, Default)]
struct Part {
    pixels: u64,
    /// The sum of the probability of its label over its pixels.
    likely: f64,
    at_edge: bool,
    /// Pairs of pixels at its border, by the label beyond.
    beyond: BTreeMap<u8, u64>,
}

/// Gives parts of the labels of segments that are too small to be meant to what surrounds them.
/// `shares` has the probability of each label in each segment.
pub(super) fn clean(
    segments: &Segments,
    mut labels: Vec<u8>,
    shares: &BTreeMap<u8, Vec<f32>>,
) -> Vec<u8> {
    let borders = segments.borders();
    let at_edge = segments.at_edge();
    let all: u64 = segments.sizes.iter().copied().map(u64::from).sum();
    for _ in 0..PASSES {
        let of_segments = connected(&labels, &borders);
        let parts = parts(segments, shares, &labels, &of_segments, &borders, &at_edge);
        let largest = largest_of_labels(&parts, &of_segments, &labels);
        let new: Vec<u8> = labels
            .iter()
            .zip(&of_segments)
            .map(|(label, part)| {
                let part = &parts[part];
                let minor = part.pixels * MUCH < largest[label];
                part.other_label(minor, all).unwrap_or(*label)
            })
            .collect();
        if new == labels {
            break;
        }
        labels = new;
    }
    labels
}

impl Part {
    /// The label that the part should have, if not its own. `minor`: whether its label has a much
    /// larger part.
    fn other_label(&self, minor: bool, all: u64) -> Option<u8> {
        let share = self.pixels as f64 / all as f64;
        let border: u64 = self.beyond.values().sum();
        // The first of the longest, since labels ascend.
        let (label, longest) = self.beyond.iter().rev().max_by_key(|(_, pairs)| **pairs)?;
        let surrounded = !self.at_edge && *longest as f64 >= AROUND * border as f64;
        let unlikely = self.likely < RATHER * self.pixels as f64;
        let goes = share < TINY
            || (share < SPECK && minor)
            || (share < SMALL && (unlikely || (surrounded && minor)));
        goes.then_some(*label)
    }
}

/// The part that each segment belongs to, called after one of its segments.
fn connected(labels: &[u8], borders: &[(u32, u32, u32)]) -> Vec<u32> {
    fn root(parents: &mut [u32], mut segment: u32) -> u32 {
        while parents[segment as usize] != segment {
            let above = parents[parents[segment as usize] as usize];
            parents[segment as usize] = above;
            segment = above;
        }
        segment
    }
    let mut parents: Vec<u32> = (0..labels.len() as u32).collect();
    for &(a, b, _) in borders {
        if labels[a as usize] == labels[b as usize] {
            let (a, b) = (root(&mut parents, a), root(&mut parents, b));
            parents[a.max(b) as usize] = a.min(b);
        }
    }
    (0..labels.len() as u32)
        .map(|segment| root(&mut parents, segment))
        .collect()
}

fn parts(
    segments: &Segments,
    shares: &BTreeMap<u8, Vec<f32>>,
    labels: &[u8],
    of_segments: &[u32],
    borders: &[(u32, u32, u32)],
    at_edge: &[bool],
) -> BTreeMap<u32, Part> {
    let mut parts: BTreeMap<u32, Part> = BTreeMap::new();
    for (segment, name) in of_segments.iter().enumerate() {
        let part = parts.entry(*name).or_default();
        let pixels = segments.sizes[segment];
        part.pixels += u64::from(pixels);
        let likely = shares
            .get(&labels[segment])
            .map_or(0.0, |shares| shares[segment]);
        part.likely += f64::from(likely) * f64::from(pixels);
        part.at_edge |= at_edge[segment];
    }
    for &(a, b, pairs) in borders {
        let (a, b) = (a as usize, b as usize);
        for (one, other) in [(a, b), (b, a)] {
            if labels[one] != labels[other]
                && let Some(part) = parts.get_mut(&of_segments[one])
            {
                *part.beyond.entry(labels[other]).or_default() += u64::from(pairs);
            }
        }
    }
    parts
}

/// The pixels of the largest part of each label.
fn largest_of_labels(
    parts: &BTreeMap<u32, Part>,
    of_segments: &[u32],
    labels: &[u8],
) -> BTreeMap<u8, u64> {
    let mut largest: BTreeMap<u8, u64> = BTreeMap::new();
    for (part, label) in of_segments.iter().zip(labels) {
        let pixels = largest.entry(*label).or_default();
        *pixels = (*pixels).max(parts[part].pixels);
    }
    largest
}
