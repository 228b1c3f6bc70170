//! Hierarchical grouping, as in selective search (Uijlings et al., IJCV 104(2), 2013).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use super::color::Lab;
use super::graph::Segments;

/// Bins of each colour channel's histogram (section 3.2 of the paper).
const COLOR_BINS: usize = 25;

/// Directions of the gradient in the texture histogram.
const DIRECTIONS: usize = 8;

/// Bins of the gradient's strength in each direction.
const STRENGTH_BINS: usize = 10;

/// The gradient, in lightness for each pixel, from which on the last bin counts.
const STRONGEST: f32 = 40.0;

/// The mean difference in Lab across a border from which on it counts as sharp.
const SHARP: f32 = 20.0;

const COLORS: usize = 3 * COLOR_BINS;
const TEXTURES: usize = DIRECTIONS * STRENGTH_BINS;

/// The binary tree of merges: first the segments by their number, then each merge behind what it
/// merges, last the whole picture.
pub(super) struct Hierarchy {
    pub(super) nodes: Vec<Node>,
}

impl Hierarchy {
    /// Pixels of the whole picture.
    pub(super) fn pixels(&self) -> u32 {
        self.nodes.last().map_or(0, |whole| whole.area)
    }

    /// How much a node looks like one thing, 0 to about 50: the mean difference in Lab across its
    /// outline, less for what the frame cuts off, for what is ragged, and for what fills the
    /// picture.
    ///
    /// `contrast · inside / perimeter · √(√area / perimeter) · (1 − area / picture)`, the perimeter
    /// being the outline inside the picture and on its frame.
    pub(super) fn salience(&self, node: &Node) -> f32 {
        let area = node.area as f32;
        let inside = node.outline.length;
        let perimeter = inside + node.frame;
        let compactness = (area.sqrt() / perimeter).sqrt();
        let elsewhere = 1.0 - area / self.pixels() as f32;
        node.outline.contrast() * inside / perimeter * compactness * elsewhere
    }

    /// The segments that a node was merged from.
    pub(super) fn segments_of(&self, number: usize) -> Vec<usize> {
        let (mut segments, mut open) = (Vec::new(), vec![number]);
        while let Some(number) = open.pop() {
            match self.nodes[number].children {
                Some(children) => open.extend(children),
                None => segments.push(number),
            }
        }
        segments
    }
}

/// A segment, or two nodes merged.
#[derive(Clone)]
pub(super) struct Node {
    /// Pixels.
    pub(super) area: u32,
    /// The smallest upright rectangle around it.
    pub(super) bounds: Bounds,
    /// What was merged; `None` for a segment.
    pub(super) children: Option<[usize; 2]>,
    /// What it was merged into; `None` for the whole picture.
    pub(super) parent: Option<usize>,
    /// Its outline inside the picture.
    pub(super) outline: Outline,
    /// Sides of its pixels on the frame of the picture.
    pub(super) frame: f32,
}

/// An upright rectangle of whole pixels, right and bottom beyond the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) right: u32,
    pub(super) bottom: u32,
}

impl Bounds {
    fn around(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// `[x, y, width, height]`.
    pub(super) fn to_box(self) -> [u32; 4] {
        let (width, height) = (self.right - self.left, self.bottom - self.top);
        [self.left, self.top, width, height]
    }

    fn area(self) -> f32 {
        (self.right - self.left) as f32 * (self.bottom - self.top) as f32
    }
}

/// A border between pixels.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outline {
    /// Pairs of pixels, beside or above each other, that it separates.
    pub(super) length: f32,
    /// The sum of their differences in Lab.
    pub(super) difference: f32,
}

impl Outline {
    fn add(&mut self, other: Self) {
        self.length += other.length;
        self.difference += other.difference;
    }

    fn subtract(&mut self, other: Self) {
        self.length -= other.length;
        self.difference -= other.difference;
    }

    /// The mean difference across it; zero if there is none.
    pub(super) fn contrast(self) -> f32 {
        // What was subtracted leaves a rounding error, on either side of zero.
        self.difference.max(0.0) / self.length.max(1.0)
    }
}

/// How strongly the border between two nodes suggests that they belong together.
///
/// The paper diversifies its regions by grouping several times with different similarities; these
/// are the two that we group with.
#[derive(Debug, Clone, Copy)]
enum Bond {
    /// The larger the border's share of either's outline, the more alike: a part grows into what
    /// surrounds it, so stripes and spots end up in their thing.
    Enclosed,
    /// The fainter the border, the more alike: growth stops at sharp outlines, so a thing of
    /// many shades stays one where its background is yet another.
    Faint,
}

impl Bond {
    /// `Enclosed` 0..1; `Faint` 0..2, since sharp borders have four other similarities to outvote.
    fn strength(self, border: Outline, one: Outline, other: Outline) -> f32 {
        match self {
            Self::Enclosed => border.length / one.length.min(other.length).max(1.0),
            Self::Faint => 2.0 * (1.0 - (border.contrast() / SHARP).min(1.0)),
        }
    }
}

/// One hierarchy for each [`Bond`], over the same segments.
pub(super) fn group(lab: &Lab, segments: &Segments) -> [Hierarchy; 2] {
    let start = Grouping::new(lab, segments);
    [Bond::Enclosed, Bond::Faint].map(|bond| start.clone().run(bond))
}

/// Two neighbouring nodes, `a < b`.
#[derive(PartialEq)]
struct Pair {
    similarity: f32,
    a: usize,
    b: usize,
}

impl Eq for Pair {}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.similarity
            .total_cmp(&other.similarity)
            .then_with(|| (other.a, other.b).cmp(&(self.a, self.b)))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The state while merging.
#[derive(Clone)]
struct Grouping {
    pixels: f32,
    nodes: Vec<Node>,
    looks: Vec<Histograms>,
    /// The border to each neighbour of a node that is not merged yet.
    neighbours: Vec<BTreeMap<usize, Outline>>,
}

/// Histograms of a node, each summing to one.
#[derive(Clone)]
struct Histograms {
    color: [f32; COLORS],
    texture: [f32; TEXTURES],
}

impl Grouping {
    fn new(lab: &Lab, segments: &Segments) -> Self {
        let neighbours = neighbours(lab, segments);
        let mut nodes: Vec<Node> = neighbours.iter().map(leaf).collect();
        for (pixel, &segment) in segments.labels.iter().enumerate() {
            let (x, y) = ((pixel % lab.width) as u32, (pixel / lab.width) as u32);
            let node = &mut nodes[segment];
            node.area += 1;
            node.frame += sides_on_frame(lab, pixel);
            node.bounds = node.bounds.around(Bounds {
                left: x,
                top: y,
                right: x + 1,
                bottom: y + 1,
            });
        }
        Self {
            pixels: lab.pixels.len() as f32,
            looks: looks(lab, segments, &nodes),
            nodes,
            neighbours,
        }
    }

    /// Merges the two most alike neighbours, again and again, until one node is left.
    ///
    /// Two nodes are alike by the sum of the paper's four similarities of 0..1 (section 3.2), of
    /// colour and of texture (histogram intersection), of size (small ones merge early) and of
    /// fill (what lies inside the other's bounding box merges early), and of a fifth, `bond`.
    /// Equally alike pairs merge in the order of their numbers.
    fn run(mut self, bond: Bond) -> Hierarchy {
        let mut queue = BinaryHeap::new();
        for (a, around) in self.neighbours.iter().enumerate() {
            for (&b, &border) in around.range(a + 1..) {
                queue.push(self.pair(a, b, border, bond));
            }
        }
        while let Some(Pair { a, b, .. }) = queue.pop() {
            if self.nodes[a].parent.is_some() || self.nodes[b].parent.is_some() {
                continue;
            }
            let merged = self.merge(a, b);
            for (&other, &border) in &self.neighbours[merged] {
                queue.push(self.pair(other, merged, border, bond));
            }
        }
        Hierarchy { nodes: self.nodes }
    }

    fn pair(&self, a: usize, b: usize, border: Outline, bond: Bond) -> Pair {
        let (one, other) = (&self.nodes[a], &self.nodes[b]);
        let area = (one.area + other.area) as f32;
        let size = 1.0 - area / self.pixels;
        let fill = 1.0 - (one.bounds.around(other.bounds).area() - area) / self.pixels;
        let color = common(&self.looks[a].color, &self.looks[b].color);
        let texture = common(&self.looks[a].texture, &self.looks[b].texture);
        let bond = bond.strength(border, one.outline, other.outline);
        Pair {
            similarity: color + texture + size + fill + bond,
            a,
            b,
        }
    }

    /// Merges two neighbours and returns the number of the new node.
    fn merge(&mut self, a: usize, b: usize) -> usize {
        let merged = self.nodes.len();
        let seam = self.neighbours[a].get(&b).copied().unwrap_or_default();
        let (one, other) = (&self.nodes[a], &self.nodes[b]);
        let mut outline = one.outline;
        outline.add(other.outline);
        outline.subtract(seam);
        outline.subtract(seam);
        let node = Node {
            area: one.area + other.area,
            bounds: one.bounds.around(other.bounds),
            children: Some([a, b]),
            parent: None,
            outline,
            frame: one.frame + other.frame,
        };
        let share = one.area as f32 / node.area as f32;
        self.looks.push(self.looks[a].mixed(&self.looks[b], share));
        self.nodes.push(node);
        for child in [a, b] {
            self.nodes[child].parent = Some(merged);
        }
        self.join_neighbours(a, b, merged);
        merged
    }

    fn join_neighbours(&mut self, a: usize, b: usize, merged: usize) {
        let mut joined = std::mem::take(&mut self.neighbours[a]);
        for (other, border) in std::mem::take(&mut self.neighbours[b]) {
            joined.entry(other).or_default().add(border);
        }
        joined.remove(&a);
        joined.remove(&b);
        for (&other, &border) in &joined {
            let around = &mut self.neighbours[other];
            around.remove(&a);
            around.remove(&b);
            around.insert(merged, border);
        }
        self.neighbours.push(joined);
    }
}

impl Histograms {
    fn mixed(&self, other: &Self, share: f32) -> Self {
        let mix = |a: f32, b: f32| a * share + b * (1.0 - share);
        Self {
            color: std::array::from_fn(|bin| mix(self.color[bin], other.color[bin])),
            texture: std::array::from_fn(|bin| mix(self.texture[bin], other.texture[bin])),
        }
    }
}

/// What two histograms have in common: the sum of the smaller bins.
fn common(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a.min(*b)).sum()
}

/// A segment with these borders, without its pixels.
fn leaf(borders: &BTreeMap<usize, Outline>) -> Node {
    let mut outline = Outline::default();
    for border in borders.values() {
        outline.add(*border);
    }
    Node {
        area: 0,
        bounds: Bounds {
            left: u32::MAX,
            top: u32::MAX,
            right: 0,
            bottom: 0,
        },
        children: None,
        parent: None,
        outline,
        frame: 0.0,
    }
}

fn sides_on_frame(lab: &Lab, pixel: usize) -> f32 {
    let (x, y) = (pixel % lab.width, pixel / lab.width);
    let sides = [x == 0, y == 0, x + 1 == lab.width, y + 1 == lab.height];
    sides.into_iter().filter(|on_frame| *on_frame).count() as f32
}

/// For each segment its neighbours and the borders to them.
fn neighbours(lab: &Lab, segments: &Segments) -> Vec<BTreeMap<usize, Outline>> {
    let mut borders = vec![BTreeMap::<usize, Outline>::new(); segments.count];
    let pixels = lab.pixels.len();
    for pixel in 0..pixels {
        let right = ((pixel + 1) % lab.width != 0).then_some(pixel + 1);
        let below = (pixel + lab.width < pixels).then_some(pixel + lab.width);
        for other in [right, below].into_iter().flatten() {
            let (a, b) = (segments.labels[pixel], segments.labels[other]);
            if a != b {
                let border = Outline {
                    length: 1.0,
                    difference: lab.distance(pixel, other),
                };
                borders[a].entry(b).or_default().add(border);
                borders[b].entry(a).or_default().add(border);
            }
        }
    }
    borders
}

/// The histograms of each segment.
fn looks(lab: &Lab, segments: &Segments, nodes: &[Node]) -> Vec<Histograms> {
    let directions: [[f32; 2]; DIRECTIONS] = std::array::from_fn(|direction| {
        let angle = direction as f32 * std::f32::consts::TAU / DIRECTIONS as f32;
        [angle.cos(), angle.sin()]
    });
    let empty = || Histograms {
        color: [0.0; COLORS],
        texture: [0.0; TEXTURES],
    };
    let mut looks: Vec<Histograms> = (0..segments.count).map(|_| empty()).collect();
    for (pixel, &segment) in segments.labels.iter().enumerate() {
        let area = nodes[segment].area as f32;
        let look = &mut looks[segment];
        for (channel, bin) in color_bins(lab.pixels[pixel]).into_iter().enumerate() {
            look.color[channel * COLOR_BINS + bin] += 1.0 / (3.0 * area);
        }
        let [dx, dy] = gradient(lab, pixel);
        for (direction, [cos, sin]) in directions.into_iter().enumerate() {
            let strength = (dx * cos + dy * sin).max(0.0) / STRONGEST;
            // The square root spreads the many weak gradients over the bins.
            let bin = bin(strength.sqrt(), STRENGTH_BINS);
            look.texture[direction * STRENGTH_BINS + bin] += 1.0 / (DIRECTIONS as f32 * area);
        }
    }
    looks
}

fn color_bins([lightness, green_red, blue_yellow]: [f32; 3]) -> [usize; 3] {
    [
        bin(lightness / 100.0, COLOR_BINS),
        bin((green_red + 64.0) / 128.0, COLOR_BINS),
        bin((blue_yellow + 64.0) / 128.0, COLOR_BINS),
    ]
}

/// The bin of a value of 0..1; what lies outside belongs to the first or last one.
fn bin(value: f32, bins: usize) -> usize {
    ((value * bins as f32) as usize).min(bins - 1)
}

/// The lightness's slope to the right and downwards, from the neighbours on either side.
fn gradient(lab: &Lab, pixel: usize) -> [f32; 2] {
    let (x, y) = (pixel % lab.width, pixel / lab.width);
    let lightness = |x: usize, y: usize| lab.pixels[y * lab.width + x][0];
    let (right, below) = ((x + 1).min(lab.width - 1), (y + 1).min(lab.height - 1));
    [
        (lightness(right, y) - lightness(x.saturating_sub(1), y)) / 2.0,
        (lightness(x, below) - lightness(x, y.saturating_sub(1))) / 2.0,
    ]
}
