//! Segments of one colour, at several levels, each level made of segments of the one before.
//!
//! Graph-based segmentation (Felzenszwalb and Huttenlocher, IJCV 59(2), 2004) of the slightly blurred
//! picture. Levels after the first go on joining with a larger `k` instead of starting anew, which the
//! paper does not do: they nest, and so cost no second sum over pixels.

use std::collections::BTreeMap;

use crate::image::Picture;

/// `k` of the paper at each level, for colours of 0 to 255: how strongly large segments are preferred.
const LEVELS: [f32; 3] = [50.0, 200.0, 800.0];

/// Segments smaller than this share of the picture are joined to their most alike neighbour at the
/// first level: 20 pixels of a picture of 640 by 640.
const LEAST_SHARE: f32 = 1.0 / 20_000.0;

/// The weights of a pixel and of its two neighbours along an axis: a Gaussian of σ = 0.5, as the paper
/// has it about, cut off after one pixel.
const BLUR: [f32; 2] = [0.786_986, 0.106_507];

/// How many steps of an edge's weight make one level of colour: edges are sorted by whole steps.
const STEPS: f32 = 8.0;

/// More than the heaviest edge has, black to white in three channels, in steps.
const BUCKETS: usize = 442 * STEPS as usize;

/// No edge leads out of the picture.
const OUTSIDE: u16 = u16::MAX;

/// A picture cut into segments.
pub(super) struct Segments {
    pub(super) width: usize,
    pub(super) height: usize,
    /// The segment of each pixel at the first level, row-major.
    pub(super) of_pixels: Vec<u32>,
    /// The number of pixels of each segment.
    pub(super) sizes: Vec<u32>,
    /// For each level, the first included, the joined segment that each segment belongs to, numbered
    /// from 0 on.
    levels: Vec<Vec<u32>>,
}

impl Segments {
    /// Cuts a picture.
    pub(super) fn cut(picture: &Picture) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let weights = weights(&blurred(picture), width);
        let mut edges = Sorted::new(&weights, width);
        let mut forest = Forest::new(width * height);
        edges.retain(|a, b, weight| forest.join_alike(a, b, weight, LEVELS[0]));
        let least = (LEAST_SHARE * (width * height) as f32) as u32;
        edges.retain(|a, b, _| forest.join_small(a, b, least));
        let (of_pixels, roots) = forest.numbered();
        let sizes = roots
            .iter()
            .map(|root| forest.size[*root as usize])
            .collect();
        let mut levels = vec![(0..roots.len() as u32).collect()];
        for k in &LEVELS[1..] {
            edges.retain(|a, b, weight| forest.join_alike(a, b, weight, *k));
            levels.push(forest.joined(&roots));
        }
        Self {
            levels,
            width,
            height,
            of_pixels,
            sizes,
        }
    }

    /// How many segments there are at the first level; at least one.
    pub(super) fn count(&self) -> usize {
        self.sizes.len()
    }

    /// The mean over the levels of the mean over the pixels of the segment, from sums over the
    /// segments of the first level.
    ///
    /// # Shapes
    ///
    /// - `sums`: `[segments, classes]`
    /// - output: `[segments, classes]`
    pub(super) fn mean_over_levels(&self, sums: &[f32], classes: usize) -> Vec<f32> {
        let mut means = vec![0.0; sums.len()];
        let mut sizes = vec![0u32; self.count()];
        let mut joined = vec![0.0; sums.len()];
        for groups in &self.levels {
            sizes.fill(0);
            joined.fill(0.0);
            let rows = sums.chunks_exact(classes).zip(&self.sizes);
            for (group, (sums, size)) in groups.iter().zip(rows) {
                sizes[*group as usize] += size;
                let all = &mut joined[*group as usize * classes..][..classes];
                for (all, sum) in all.iter_mut().zip(sums) {
                    *all += sum;
                }
            }
            for (group, means) in groups.iter().zip(means.chunks_exact_mut(classes)) {
                let group = *group as usize;
                let share = 1.0 / (sizes[group] as f32 * self.levels.len() as f32);
                for (mean, sum) in means.iter_mut().zip(&joined[group * classes..]) {
                    *mean += sum * share;
                }
            }
        }
        means
    }

    /// How many pairs of pixels beside and above each other lie in two segments, for each two that
    /// touch: `(smaller, larger, pairs)`, ascending.
    pub(super) fn borders(&self) -> Vec<(u32, u32, u32)> {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        let mut add = |a: u32, b: u32| {
            if a != b {
                pairs.push((a.min(b), a.max(b)));
            }
        };
        for row in self.of_pixels.chunks_exact(self.width) {
            for (a, b) in row.iter().zip(&row[1..]) {
                add(*a, *b);
            }
        }
        for (a, b) in self.of_pixels.iter().zip(&self.of_pixels[self.width..]) {
            add(*a, *b);
        }
        pairs.sort_unstable();
        let runs = pairs.chunk_by(|a, b| a == b);
        runs.map(|run| (run[0].0, run[0].1, run.len() as u32))
            .collect()
    }

    /// Whether each segment reaches the picture's edge.
    pub(super) fn at_edge(&self) -> Vec<bool> {
        let mut at_edge = vec![false; self.count()];
        let last = self.of_pixels.len() - self.width;
        let sides = self.of_pixels.chunks_exact(self.width);
        let sides = sides.flat_map(|row| [row[0], row[self.width - 1]]);
        let outer = self.of_pixels[..self.width]
            .iter()
            .chain(&self.of_pixels[last..]);
        for segment in outer.copied().chain(sides) {
            at_edge[segment as usize] = true;
        }
        at_edge
    }
}

/// The colours of a picture, blurred, outermost pixels repeated.
fn blurred(picture: &Picture) -> Vec<[f32; 3]> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (colors, _) = picture.rgb().as_chunks::<3>();
    let mix = |one: [f32; 3], middle: [f32; 3], other: [f32; 3]| -> [f32; 3] {
        std::array::from_fn(|c| BLUR[0] * middle[c] + BLUR[1] * (one[c] + other[c]))
    };
    let mut across = Vec::with_capacity(colors.len());
    for row in colors.chunks_exact(width) {
        let at = |x: usize| row[x].map(f32::from);
        across.extend(
            (0..width).map(|x| mix(at(x.saturating_sub(1)), at(x), at((x + 1).min(width - 1)))),
        );
    }
    let row = |y: usize| &across[y * width..][..width];
    let mut both = Vec::with_capacity(colors.len());
    for y in 0..height {
        let (above, below) = (row(y.saturating_sub(1)), row((y + 1).min(height - 1)));
        let rows = above.iter().zip(row(y)).zip(below);
        both.extend(rows.map(|((above, here), below)| mix(*above, *here, *below)));
    }
    both
}

/// The neighbours of a pixel that its edges lead to, as steps right and down: right, below, and both
/// diagonals below.
const AROUND: [(isize, usize); 4] = [(1, 0), (0, 1), (1, 1), (-1, 1)];

/// The distance to the neighbour that an edge in this direction leads to, in pixels.
fn offset(direction: usize, width: usize) -> usize {
    let (right, down) = AROUND[direction];
    (down * width).wrapping_add_signed(right)
}

/// The weight of each edge of each pixel, in steps; [`OUTSIDE`] where there is no neighbour.
fn weights(colors: &[[f32; 3]], width: usize) -> Vec<[u16; 4]> {
    let place = |index: usize| (index % width, index / width);
    let height = colors.len() / width;
    let weight = |index: usize, direction: usize| {
        let ((x, y), (right, down)) = (place(index), AROUND[direction]);
        let inside = x.checked_add_signed(right).is_some_and(|x| x < width) && y + down < height;
        if !inside {
            return OUTSIDE;
        }
        let (a, b) = (colors[index], colors[index + offset(direction, width)]);
        let squares = (0..3).map(|c| (a[c] - b[c]) * (a[c] - b[c]));
        (squares.sum::<f32>().sqrt() * STEPS) as u16
    };
    (0..colors.len())
        .map(|index| std::array::from_fn(|direction| weight(index, direction)))
        .collect()
}

/// All edges, the lightest first, those of equal weight by their pixels.
struct Sorted {
    /// Four times the pixel, and the direction.
    edges: Vec<u32>,
    /// The first edge of each weight, and the end.
    starts: Vec<usize>,
    width: usize,
}

impl Sorted {
    fn new(weights: &[[u16; 4]], width: usize) -> Self {
        let mut starts = vec![0; BUCKETS + 1];
        let inside = || {
            let all = weights.as_flattened().iter().enumerate();
            all.filter(|(_, weight)| **weight != OUTSIDE)
        };
        for (_, weight) in inside() {
            starts[usize::from(*weight) + 1] += 1;
        }
        for bucket in 0..BUCKETS {
            starts[bucket + 1] += starts[bucket];
        }
        let mut next = starts.clone();
        let mut edges = vec![0; starts[BUCKETS]];
        for (edge, weight) in inside() {
            let place = &mut next[usize::from(*weight)];
            edges[*place] = edge as u32;
            *place += 1;
        }
        Self {
            edges,
            starts,
            width,
        }
    }

    /// Calls `take` with the two pixels and the weight of each edge, and forgets those of which it says
    /// that they do not matter any more.
    fn retain(&mut self, mut take: impl FnMut(u32, u32, f32) -> bool) {
        let (mut begin, mut kept) = (0, 0);
        for bucket in 0..BUCKETS {
            let end = self.starts[bucket + 1];
            let weight = bucket as f32 / STEPS;
            self.starts[bucket] = kept;
            for index in begin..end {
                let edge = self.edges[index];
                let pixel = edge / 4;
                let other = pixel + offset(edge as usize % 4, self.width) as u32;
                if take(pixel, other, weight) {
                    self.edges[kept] = edge;
                    kept += 1;
                }
            }
            begin = end;
        }
        self.starts[BUCKETS] = kept;
        self.edges.truncate(kept);
    }
}

/// Disjoint sets of pixels.
struct Forest {
    parent: Vec<u32>,
    size: Vec<u32>,
    /// The heaviest edge that was needed to join a set, by root.
    inner: Vec<f32>,
}

impl Forest {
    fn new(pixels: usize) -> Self {
        Self {
            parent: (0..pixels as u32).collect(),
            size: vec![1; pixels],
            inner: vec![0.0; pixels],
        }
    }

    fn root(&mut self, mut pixel: u32) -> u32 {
        loop {
            let parent = self.parent[pixel as usize];
            if parent == pixel {
                return pixel;
            }
            let above = self.parent[parent as usize];
            self.parent[pixel as usize] = above;
            pixel = above;
        }
    }

    /// Joins the sets of two pixels if the edge between them is not heavier than what both allow.
    /// Returns whether they are still two.
    fn join_alike(&mut self, a: u32, b: u32, weight: f32, k: f32) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        let allowed = |root: u32| self.inner[root as usize] + k / self.size[root as usize] as f32;
        if a == b {
            return false;
        }
        if weight > allowed(a).min(allowed(b)) {
            return true;
        }
        let joined = self.join(a, b);
        // At a later level a set may hold heavier edges than this.
        let inner = &mut self.inner[joined as usize];
        *inner = inner.max(weight);
        false
    }

    /// Joins the sets of two pixels if one of them is smaller than `least`. That says nothing about how
    /// unlike the pixels of a segment may be, so `inner` stays that of the larger one. Returns whether
    /// they are still two.
    fn join_small(&mut self, a: u32, b: u32, least: u32) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return false;
        }
        if self.size[a as usize].min(self.size[b as usize]) >= least {
            return true;
        }
        self.join(a, b);
        false
    }

    /// Joins two sets, given by their roots, and returns the root, which is that of the larger one.
    fn join(&mut self, a: u32, b: u32) -> u32 {
        let smaller = self.size[a as usize] < self.size[b as usize];
        let (small, large) = if smaller { (a, b) } else { (b, a) };
        self.parent[small as usize] = large;
        self.size[large as usize] += self.size[small as usize];
        large
    }

    /// The sets of some pixels, numbered in the order in which they come.
    fn joined(&mut self, pixels: &[u32]) -> Vec<u32> {
        let mut numbers = BTreeMap::new();
        let number = |pixel: &u32| {
            let next = numbers.len() as u32;
            *numbers.entry(self.root(*pixel)).or_insert(next)
        };
        pixels.iter().map(number).collect()
    }

    /// The sets numbered in the order of their first pixels: that of each pixel, and the roots.
    fn numbered(&mut self) -> (Vec<u32>, Vec<u32>) {
        let mut numbers = vec![u32::MAX; self.parent.len()];
        let mut roots = Vec::new();
        let of_pixels = (0..self.parent.len() as u32).map(|pixel| {
            let root = self.root(pixel);
            let number = &mut numbers[root as usize];
            if *number == u32::MAX {
                *number = roots.len() as u32;
                roots.push(root);
            }
            *number
        });
        (of_pixels.collect(), roots)
    }
}
