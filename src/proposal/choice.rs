//! Which nodes of the hierarchies become regions.

use super::grouping::{Hierarchy, Node};

/// Nodes of a smaller share of the picture are too small to be named.
const LEAST_SHARE: f32 = 1.0 / 1000.0;

/// Of two nodes whose intersection over union exceeds this, one is enough.
const ALIKE: f32 = 0.9;

/// A node of one of the hierarchies.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) hierarchy: usize,
    pub(super) number: usize,
    pub(super) node: &'a Node,
}

/// At most `budget` nodes of hierarchies over the same segments: the whole picture, then always
/// the one of the largest gain.
///
/// A node's gain is its worth, `√(salience · area)`, times one minus its largest intersection over
/// union with a node chosen before: only what is new counts, so the choice spreads over places and
/// over sizes. Nodes below [`LEAST_SHARE`] and those too [`ALIKE`] to a chosen one are left out. Of
/// equal gains the first one wins.
///
/// The whole picture, there so that every pixel is in some region, takes nothing from the gain of
/// others: a sky that nearly fills it is still to be had without the aeroplane.
pub(super) fn choose(hierarchies: &[Hierarchy], budget: usize) -> Vec<Candidate<'_>> {
    let (mut chosen, open): (Vec<_>, Vec<_>) = candidates(hierarchies)
        .into_iter()
        .partition(|candidate| candidate.node.parent.is_none());
    let worths: Vec<f32> = open.iter().map(|open| worth(open, hierarchies)).collect();
    let mut overlaps = vec![0.0f32; open.len()];
    while chosen.len() < budget
        && let Some(best) = largest_gain(&worths, &overlaps)
    {
        chosen.push(open[best]);
        let shared = shared_pixels(hierarchies, &open[best]);
        for (overlap, other) in overlaps.iter_mut().zip(&open) {
            let both = shared[other.hierarchy][other.number];
            let either = open[best].node.area + other.node.area - both;
            *overlap = overlap.max(both as f32 / either as f32);
        }
    }
    chosen
}

/// Every node that is not tiny, once: the hierarchies share their segments and the whole picture.
fn candidates(hierarchies: &[Hierarchy]) -> Vec<Candidate<'_>> {
    let mut found = Vec::new();
    for (hierarchy, tree) in hierarchies.iter().enumerate() {
        let least = LEAST_SHARE * tree.pixels() as f32;
        for (number, node) in tree.nodes.iter().enumerate() {
            let shared = node.parent.is_none() || node.children.is_none();
            let tiny = node.parent.is_some() && (node.area as f32) < least;
            if !tiny && (hierarchy == 0 || !shared) {
                found.push(Candidate {
                    hierarchy,
                    number,
                    node,
                });
            }
        }
    }
    found
}

fn worth(candidate: &Candidate<'_>, hierarchies: &[Hierarchy]) -> f32 {
    let salience = hierarchies[candidate.hierarchy].salience(candidate.node);
    (salience * candidate.node.area as f32).sqrt()
}

/// How many pixels of the candidate each node of each hierarchy holds.
fn shared_pixels(hierarchies: &[Hierarchy], candidate: &Candidate<'_>) -> Vec<Vec<u32>> {
    let segments = hierarchies[candidate.hierarchy].segments_of(candidate.number);
    hierarchies
        .iter()
        .map(|hierarchy| {
            let mut pixels = vec![0; hierarchy.nodes.len()];
            for &segment in &segments {
                pixels[segment] = hierarchy.nodes[segment].area;
            }
            for (number, node) in hierarchy.nodes.iter().enumerate() {
                if let Some([a, b]) = node.children {
                    pixels[number] = pixels[a] + pixels[b];
                }
            }
            pixels
        })
        .collect()
}

fn largest_gain(worths: &[f32], overlaps: &[f32]) -> Option<usize> {
    let mut best = None;
    for (number, (worth, overlap)) in worths.iter().zip(overlaps).enumerate() {
        let gain = worth * (1.0 - overlap);
        if *overlap <= ALIKE && best.is_none_or(|(_, largest)| gain > largest) {
            best = Some((number, gain));
        }
    }
    best.map(|(number, _)| number)
}
