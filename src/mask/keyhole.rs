//! Polygons with holes as single rings, for formats that know no holes.

use super::{Polygon, Ring};

/// The polygon as one ring: from its left end, each hole is reached by a horizontal cut that runs
/// there and back. Rasterised, the cuts have no width.
pub(super) fn without_holes(polygon: &Polygon<f64>) -> Ring<f64> {
    let mut ring = polygon.exterior.clone();
    let mut holes: Vec<Ring<f64>> = polygon.holes.iter().map(from_left_end).collect();
    // A cut to the left meets the exterior or a hole that begins further left.
    holes.sort_by(|a, b| a[0][0].total_cmp(&b[0][0]));
    for hole in holes {
        let [x, y] = hole[0];
        if let Some((edge, meets)) = nearest_to_the_left(&ring, [x, y]) {
            let cut = [[meets, y]].into_iter().chain(hole);
            let back = [[x, y], [meets, y]];
            ring.splice(edge + 1..edge + 1, cut.chain(back));
        }
    }
    ring.dedup();
    ring
}

/// The ring from its leftmost point on, the topmost of these.
fn from_left_end(ring: &Ring<f64>) -> Ring<f64> {
    let order = |a: &[f64; 2], b: &[f64; 2]| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]));
    let first = (0..ring.len()).min_by(|&a, &b| order(&ring[a], &ring[b]));
    let mut ring = ring.clone();
    ring.rotate_left(first.unwrap_or(0));
    ring
}

/// The edge that a ray from a point to the left meets first, by its first point, and where.
fn nearest_to_the_left(ring: &Ring<f64>, [x, y]: [f64; 2]) -> Option<(usize, f64)> {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1)).enumerate();
    edges
        .filter_map(|(edge, (a, b))| {
            let [low, high] = [a[1].min(b[1]), a[1].max(b[1])];
            if !(low..=high).contains(&y) {
                return None;
            }
            let meets = if a[1].total_cmp(&b[1]).is_eq() {
                a[0].max(b[0])
            } else {
                a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
            };
            (meets <= x).then_some((edge, meets))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
}
