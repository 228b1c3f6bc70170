//! Efficient graph-based segmentation (Felzenszwalb and Huttenlocher, IJCV 59(2), 2004).

use super::color::Lab;

/// `k` of the paper over the longer side: how strongly large segments are preferred. The paper
/// takes a larger `k` for a larger picture. Small here, because grouping can still join what was
/// cut, and never cut what was joined.
const SCALE: f32 = 0.1;

/// Segments smaller than this share of the picture are joined to their most alike neighbour.
const LEAST_SHARE: f32 = 1.0 / 1500.0;

/// The picture cut into connected segments.
pub(super) struct Segments {
    /// The segment of each pixel, row-major; segments are numbered in the order of their first
    /// pixel.
    pub(super) labels: Vec<usize>,
    /// How many there are; at least one.
    pub(super) count: usize,
}

impl Segments {
    /// The pixels of each segment, ascending.
    pub(super) fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.count];
        for (pixel, &segment) in self.labels.iter().enumerate() {
            members[segment].push(pixel);
        }
        members
    }
}

/// Cuts the picture where the difference between two segments exceeds the differences inside
/// both.
///
/// Pixels are joined along edges to their eight neighbours, the most alike first, if the edge is
/// not heavier than `Int(C) + k / |C|` of either segment, `Int(C)` being the heaviest edge that
/// was needed to join `C`. Edges of equal weight come in the order of their pixels.
pub(super) fn segment(lab: &Lab) -> Segments {
    let pixels = lab.pixels.len();
    let k = SCALE * lab.width.max(lab.height) as f32;
    let edges = sorted_edges(lab);
    let mut forest = Forest::new(pixels);
    for edge in &edges {
        let (a, b) = (forest.root(edge.a), forest.root(edge.b));
        if a != b && edge.weight <= forest.allowed(a, k).min(forest.allowed(b, k)) {
            forest.join(a, b, edge.weight);
        }
    }
    let least = (LEAST_SHARE * pixels as f32) as u32;
    for edge in &edges {
        let (a, b) = (forest.root(edge.a), forest.root(edge.b));
        if a != b && forest.size[a].min(forest.size[b]) < least {
            forest.join(a, b, edge.weight);
        }
    }
    forest.into_segments()
}

/// Two neighbouring pixels and how unlike they look.
struct Edge {
    a: usize,
    b: usize,
    weight: f32,
}

/// Every edge of the eight-neighbour grid, the lightest first.
fn sorted_edges(lab: &Lab) -> Vec<Edge> {
    let (width, height) = (lab.width, lab.height);
    // Weights are not negative, so their bits sort as they do; the place behind them makes the
    // order of equal weights that of the pixels.
    let mut keys = Vec::with_capacity(lab.pixels.len() * 4);
    for pixel in 0..lab.pixels.len() {
        let (x, y) = (pixel % width, pixel / width);
        let (left, right, below) = (x > 0, x + 1 < width, y + 1 < height);
        let there = [right, below, below && right, below && left];
        for (direction, _) in there.into_iter().enumerate().filter(|(_, there)| *there) {
            let weight = lab.distance(pixel, neighbour(pixel, direction, width));
            keys.push(u64::from(weight.to_bits()) << 32 | (pixel * 4 + direction) as u64);
        }
    }
    keys.sort_unstable();
    keys.into_iter()
        .map(|key| {
            let place = (key & u64::from(u32::MAX)) as usize;
            Edge {
                a: place / 4,
                b: neighbour(place / 4, place % 4, width),
                weight: f32::from_bits((key >> 32) as u32),
            }
        })
        .collect()
}

/// The pixel to the right, below, below to the right, below to the left.
fn neighbour(pixel: usize, direction: usize, width: usize) -> usize {
    pixel + [1, width, width + 1, width - 1][direction]
}

/// Disjoint sets of pixels.
struct Forest {
    parent: Vec<usize>,
    size: Vec<u32>,
    /// The heaviest edge that was needed to join a set, by root.
    inner: Vec<f32>,
}

impl Forest {
    fn new(pixels: usize) -> Self {
        Self {
            parent: (0..pixels).collect(),
            size: vec![1; pixels],
            inner: vec![0.0; pixels],
        }
    }

    fn root(&mut self, mut pixel: usize) -> usize {
        while self.parent[pixel] != pixel {
            self.parent[pixel] = self.parent[self.parent[pixel]];
            pixel = self.parent[pixel];
        }
        pixel
    }

    /// The heaviest edge along which this set may grow.
    fn allowed(&self, root: usize, k: f32) -> f32 {
        self.inner[root] + k / self.size[root] as f32
    }

    /// Joins two sets, given by their roots, along an edge not lighter than any before.
    fn join(&mut self, a: usize, b: usize, weight: f32) {
        let (small, large) = if self.size[a] < self.size[b] {
            (a, b)
        } else {
            (b, a)
        };
        self.parent[small] = large;
        self.size[large] += self.size[small];
        self.inner[large] = weight;
    }

    fn into_segments(mut self) -> Segments {
        let mut numbers = vec![usize::MAX; self.parent.len()];
        let mut count = 0;
        let labels = (0..self.parent.len())
            .map(|pixel| {
                let number = &mut numbers[self.root(pixel)];
                if *number == usize::MAX {
                    *number = count;
                    count += 1;
                }
                *number
            })
            .collect();
        Segments { labels, count }
    }
}
