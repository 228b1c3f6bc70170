//! Polygons with holes, exactly along the edges between pixels (crack following).

use std::collections::{BTreeMap, HashMap};

use super::{LabelMap, UNLABELLED};
use crate::Result;
use crate::image::allocate;

/// A corner between pixels, `[x, y]` with y pointing down; pixel (0, 0) lies between `[0, 0]`
/// and `[1, 1]`.
pub type Point = [u32; 2];

/// A closed line without its repeated last point; it never crosses or touches itself.
pub type Ring<T = u32> = Vec<[T; 2]>;

/// One connected region: pixels that share edges (4-connected).
///
/// The exterior has a positive and every hole a negative shoelace area in these coordinates,
/// which on a screen, where y points down, looks clockwise and counterclockwise. Rings may touch
/// one another in single points, as the OGC simple-features rules for polygons allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polygon<T = u32> {
    /// The outer ring.
    pub exterior: Ring<T>,
    /// The inner rings.
    pub holes: Vec<Ring<T>>,
}

impl<T: Copy + Into<f64>> Polygon<T> {
    /// The area in pixels; for a polygon as traced, the exact number of pixels.
    #[must_use]
    pub fn area(&self) -> f64 {
        self.rings().map(signed_area).sum()
    }
}

impl<T> Polygon<T> {
    /// The exterior, then the holes.
    pub fn rings(&self) -> impl Iterator<Item = &Ring<T>> {
        std::iter::once(&self.exterior).chain(&self.holes)
    }
}

/// The polygons of every class in the map, regions in the order of their first pixel.
///
/// # Errors
///
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory) if the outlines do not fit in memory.
pub fn polygons(map: &LabelMap) -> Result<BTreeMap<u8, Vec<Polygon>>> {
    let mut by_class: BTreeMap<u8, Vec<Polygon>> = BTreeMap::new();
    for region in regions(map)? {
        let of_class = by_class.entry(region.label).or_default();
        of_class.push(region.polygon);
    }
    Ok(by_class)
}

/// Pixels `start..end` of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) row: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// One connected region with its pixels.
pub(super) struct Region {
    pub(super) label: u8,
    pub(super) polygon: Polygon,
    /// In reading order.
    pub(super) spans: Vec<Span>,
}

/// The regions of all classes, in the order of their first pixel.
pub(super) fn regions(map: &LabelMap) -> Result<Vec<Region>> {
    let runs = Regions::new(map).runs;
    let mut tracer = Tracer::new(map)?;
    let mut regions: BTreeMap<usize, Region> = BTreeMap::new();
    for run in &runs {
        let region = regions.entry(run.parent).or_insert_with(|| Region {
            label: run.label,
            polygon: Polygon {
                exterior: Vec::new(),
                holes: Vec::new(),
            },
            spans: Vec::new(),
        });
        region.spans.push(run.span);
        for x in run.span.start..run.span.end {
            let Some(line) = tracer.follow([x, run.span.row], run.label) else {
                continue;
            };
            for ring in tracer.split(line, run.label) {
                if signed_area(&ring) > 0.0 {
                    region.polygon.exterior = ring;
                } else {
                    region.polygon.holes.push(ring);
                }
            }
        }
    }
    Ok(regions.into_values().collect())
}

/// Pixels of one row with one label.
struct LabelRun {
    span: Span,
    label: u8,
    /// While joining, another run of the same region that comes no later, or the run itself;
    /// afterwards, the region's first run.
    parent: usize,
}

/// The labelled runs of a map in reading order, joined into 4-connected regions (union-find).
struct Regions {
    runs: Vec<LabelRun>,
}

impl Regions {
    fn new(map: &LabelMap) -> Self {
        let mut regions = Self { runs: Vec::new() };
        let mut above = 0..0;
        for (row, labels) in (0u32..).zip(map.rows()) {
            let first = regions.runs.len();
            let mut start = 0u32;
            for same in labels.chunk_by(|a, b| a == b) {
                let end = start + same.len() as u32;
                if same[0] != UNLABELLED {
                    let parent = regions.runs.len();
                    regions.runs.push(LabelRun {
                        span: Span { row, start, end },
                        label: same[0],
                        parent,
                    });
                }
                start = end;
            }
            let here = first..regions.runs.len();
            regions.join(above, here.clone());
            above = here;
        }
        // Parents come before children, so one pass in order makes every parent a root.
        for index in 0..regions.runs.len() {
            regions.runs[index].parent = regions.runs[regions.runs[index].parent].parent;
        }
        regions
    }

    /// Joins the runs of two successive rows that share an edge and a label.
    fn join(&mut self, above: std::ops::Range<usize>, here: std::ops::Range<usize>) {
        let (mut upper, mut lower) = (above.start, here.start);
        while upper < above.end && lower < here.end {
            let (a, b) = (&self.runs[upper], &self.runs[lower]);
            let a_ends_first = a.span.end <= b.span.end;
            let touch = a.span.start < b.span.end && b.span.start < a.span.end;
            if a.label == b.label && touch {
                let (root_a, root_b) = (self.root(upper), self.root(lower));
                let (first, second) = (root_a.min(root_b), root_a.max(root_b));
                self.runs[second].parent = first;
                // Keeps paths short without a second structure.
                self.runs[lower].parent = first;
                self.runs[upper].parent = first;
            }
            if a_ends_first {
                upper += 1;
            } else {
                lower += 1;
            }
        }
    }

    /// The first run of the region that this run belongs to.
    fn root(&self, mut index: usize) -> usize {
        while self.runs[index].parent != index {
            index = self.runs[index].parent;
        }
        index
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Heading {
    Right,
    Down,
    Left,
    Up,
}

impl Heading {
    fn turned_right(self) -> Self {
        match self {
            Self::Right => Self::Down,
            Self::Down => Self::Left,
            Self::Left => Self::Up,
            Self::Up => Self::Right,
        }
    }

    fn turned_left(self) -> Self {
        self.turned_right().turned_right().turned_right()
    }

    fn step(self, [x, y]: Point) -> Point {
        match self {
            Self::Right => [x + 1, y],
            Self::Down => [x, y + 1],
            Self::Left => [x - 1, y],
            Self::Up => [x, y - 1],
        }
    }
}

/// Whether the four pixels around a corner are of the class.
struct Around {
    /// Left, then right.
    top: [bool; 2],
    /// Left, then right.
    bottom: [bool; 2],
}

impl Around {
    /// Only two pixels that touch in this corner alone: the one place where a line can meet
    /// itself.
    fn is_saddle(&self) -> bool {
        let [left, right] = self.top;
        left != right && self.bottom == [right, left]
    }

    /// The direction in which the line leaves this corner, with the class on its right hand. At a
    /// saddle it stays with its own pixel, which makes regions 4-connected.
    fn turn(&self, heading: Heading) -> Heading {
        let ([top_left, top_right], [bottom_left, bottom_right]) = (self.top, self.bottom);
        let (ahead_left, ahead_right) = match heading {
            Heading::Right => (top_right, bottom_right),
            Heading::Down => (bottom_right, bottom_left),
            Heading::Left => (bottom_left, top_left),
            Heading::Up => (top_left, top_right),
        };
        match (ahead_left, ahead_right) {
            (_, false) => heading.turned_right(),
            (true, true) => heading.turned_left(),
            (false, true) => heading,
        }
    }
}

struct Tracer<'a> {
    map: &'a LabelMap,
    /// One bit for each pixel: has the edge above it been followed?
    followed: Vec<u8>,
}

impl<'a> Tracer<'a> {
    fn new(map: &'a LabelMap) -> Result<Self> {
        let followed = allocate(map.labels.len().div_ceil(8))?;
        Ok(Self { map, followed })
    }

    /// Follows the edge above this pixel around its region, unless that has been done or there
    /// is no edge. Must be called in reading order: then the line begins at a corner.
    fn follow(&mut self, pixel: Point, label: u8) -> Option<Ring> {
        let [x, y] = pixel;
        if self.is(x, y.wrapping_sub(1), label) || self.mark(pixel) {
            return None;
        }
        let mut line = vec![pixel];
        let (mut at, mut heading) = (pixel, Heading::Right);
        loop {
            at = heading.step(at);
            let next = self.around(at, label).turn(heading);
            if at == pixel && next == Heading::Right {
                return Some(line);
            }
            if next != heading {
                line.push(at);
                heading = next;
            }
            if heading == Heading::Right {
                self.mark(at);
            }
        }
    }

    /// Cuts a line that meets itself into rings that do not.
    fn split(&self, line: Ring, label: u8) -> Vec<Ring> {
        let mut rings = Vec::new();
        let mut open = Vec::new();
        let mut saddles: HashMap<Point, usize> = HashMap::new();
        for point in line {
            if self.around(point, label).is_saddle() {
                if let Some(&first) = saddles.get(&point) {
                    let ring: Ring = open.split_off(first);
                    for point in &ring {
                        saddles.remove(point);
                    }
                    rings.push(ring);
                }
                saddles.insert(point, open.len());
            }
            open.push(point);
        }
        rings.push(open);
        rings
    }

    /// Marks the edge above a pixel and returns whether it had been marked.
    fn mark(&mut self, [x, y]: Point) -> bool {
        let pixel = y as usize * self.map.width as usize + x as usize;
        let (byte, bit) = (&mut self.followed[pixel / 8], 1 << (pixel % 8));
        let before = *byte & bit != 0;
        *byte |= bit;
        before
    }

    fn around(&self, [x, y]: Point, label: u8) -> Around {
        let (left, above) = (x.wrapping_sub(1), y.wrapping_sub(1));
        Around {
            top: [self.is(left, above, label), self.is(x, above, label)],
            bottom: [self.is(left, y, label), self.is(x, y, label)],
        }
    }

    /// Whether the pixel has the label; outside the map none has (-1 wraps to outside).
    fn is(&self, x: u32, y: u32, label: u8) -> bool {
        x < self.map.width
            && y < self.map.height
            && self.map.labels[y as usize * self.map.width as usize + x as usize] == label
    }
}

/// The signed shoelace area; positive for exteriors.
pub(super) fn signed_area<T: Copy + Into<f64>>(ring: &Ring<T>) -> f64 {
    let next = ring.iter().cycle().skip(1);
    let doubled: f64 = ring
        .iter()
        .zip(next)
        .map(|(a, b)| a[0].into() * b[1].into() - b[0].into() * a[1].into())
        .sum();
    doubled / 2.0
}
