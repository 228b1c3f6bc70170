//! Smooth outlines: the borders between regions simplified, each once for both of its sides.

use std::collections::HashMap;
use std::ops::Range;

use super::contour::signed_area;
use super::simplify::{HalfPixels, fewest_segments, turns};
use super::{LabelMap, Point, Polygon, Ring};

/// Below this many half pixels, a border that smoothing cannot keep apart from another is left as
/// it is.
const FINEST: f64 = 0.1;

/// Side of the squares, in half pixels, in which segments are compared with one another.
const SQUARE: i64 = 8;

/// The polygons with borders smoothed within `tolerance` pixels, in their order.
///
/// Where three regions or more meet, or two in a corner, points stay; so do the picture's edges.
/// The lines between are shared by the regions on both sides and are smoothed once, so that no gap
/// opens between neighbours. Lines that would cross or touch afterwards are smoothed less.
pub(super) fn smooth(map: &LabelMap, regions: &[&Polygon], tolerance: f64) -> Vec<Polygon<f64>> {
    if tolerance <= 0.0 {
        return regions.iter().map(|region| exact(region)).collect();
    }
    let mut borders = Borders::new(map, regions, 2.0 * tolerance);
    while borders.refine() {}
    borders
        .regions
        .iter()
        .map(|rings| polygon(rings.iter().map(|ring| borders.points(ring)).collect()))
        .collect()
}

fn exact(region: &Polygon) -> Polygon<f64> {
    let ring = |ring: &Ring| ring.iter().map(|point| point.map(f64::from)).collect();
    polygon(region.rings().map(ring).collect())
}

/// The first ring is the exterior.
fn polygon(mut rings: Vec<Ring<f64>>) -> Polygon<f64> {
    let holes = rings.split_off(1);
    Polygon {
        exterior: rings.pop().unwrap_or_default(),
        holes,
    }
}

/// A line between two nodes, or around without any; then its first point is its last, too.
struct Arc {
    /// Corners, and between them the middle of each edge and what is half a pixel from its ends.
    points: Vec<HalfPixels>,
    /// The pieces that are straight now, without gaps from the first point to the last.
    segments: Vec<Segment>,
}

/// A straight line that stands for the points from one index to another.
#[derive(Clone, Copy)]
struct Segment {
    from: usize,
    to: usize,
    /// In half pixels; zero for an edge between pixels.
    tolerance: f64,
}

/// An arc as a ring runs through it.
#[derive(Clone, Copy)]
struct Passage {
    arc: usize,
    backwards: bool,
}

type Passages = Vec<Passage>;

/// All borders of a map and the rings that they make.
struct Borders {
    arcs: Vec<Arc>,
    /// Of each region the exterior, then the holes.
    regions: Vec<Vec<Passages>>,
}

impl Borders {
    fn new(map: &LabelMap, regions: &[&Polygon], tolerance: f64) -> Self {
        let mut arcs = Vec::new();
        let mut known: HashMap<[Point; 2], usize> = HashMap::new();
        let corners = Corners(map);
        let mut passages = |ring: &Ring| -> Passages {
            let lines = corners.cut(ring).into_iter();
            lines
                .map(|mut line| {
                    // Both sides see the same line from opposite ends.
                    let [start, end] = [[line[0], line[1]], {
                        let last = line.len() - 1;
                        [line[last], line[last - 1]]
                    }];
                    let backwards = end < start;
                    if backwards {
                        line.reverse();
                    }
                    let arc = *known.entry(start.min(end)).or_insert_with(|| {
                        arcs.push(Arc::new(&line, corners.is_edge(&line), tolerance));
                        arcs.len() - 1
                    });
                    Passage { arc, backwards }
                })
                .collect()
        };
        let regions = regions
            .iter()
            .map(|region| region.rings().map(&mut passages).collect())
            .collect();
        Self { arcs, regions }
    }

    /// A ring as it is now, in pixels.
    fn points(&self, ring: &Passages) -> Ring<f64> {
        let mut points = Vec::new();
        for passage in ring {
            let arc = &self.arcs[passage.arc];
            let starts = arc.segments.iter().map(|segment| segment.from);
            let ends = arc.segments.iter().rev().map(|segment| segment.to);
            let pixels = |index: usize| arc.points[index].map(|half| half as f64 / 2.0);
            if passage.backwards {
                points.extend(ends.map(pixels));
            } else {
                points.extend(starts.map(pixels));
            }
        }
        points
    }

    /// Smooths less what is in the way of something else. False if nothing was.
    fn refine(&mut self) -> bool {
        let mut bad: Vec<(usize, usize)> = self.crossings();
        bad.extend(self.swallowing());
        bad.extend(self.turned_over());
        bad.sort_unstable();
        bad.dedup();
        let mut refined = false;
        for of_arc in bad.chunk_by(|a, b| a.0 == b.0) {
            refined |= self.arcs[of_arc[0].0].refine(of_arc.iter().map(|&(_, segment)| segment));
        }
        refined
    }

    fn segments(&self) -> impl Iterator<Item = ((usize, usize), Line)> {
        self.arcs.iter().enumerate().flat_map(|(index, arc)| {
            let line = |segment: &Segment| [arc.points[segment.from], arc.points[segment.to]];
            let lines = arc.segments.iter().map(line).enumerate();
            lines.map(move |(segment, line)| ((index, segment), line))
        })
    }

    /// The segments that cross or touch others, but for ends that they share.
    fn crossings(&self) -> Vec<(usize, usize)> {
        let segments: Vec<_> = self.segments().collect();
        let mut squares: Vec<([i64; 2], usize)> = Vec::new();
        for (index, (_, line)) in segments.iter().enumerate() {
            squares.extend(squares_of(line).map(|square| (square, index)));
        }
        squares.sort_unstable();
        let mut crossing = vec![false; segments.len()];
        for near in squares.chunk_by(|a, b| a.0 == b.0) {
            for (place, &(_, a)) in near.iter().enumerate() {
                for &(_, b) in &near[place + 1..] {
                    if are_in_conflict(&segments[a].1, &segments[b].1) {
                        (crossing[a], crossing[b]) = (true, true);
                    }
                }
            }
        }
        let bad = segments
            .iter()
            .zip(crossing)
            .filter(|(_, crossing)| *crossing);
        bad.map(|((place, _), _)| *place).collect()
    }

    /// The segments that have left a whole line on their other side. It begins between them and
    /// the points that they stand for.
    fn swallowing(&self) -> Vec<(usize, usize)> {
        let mut starts: Vec<HalfPixels> = self.arcs.iter().map(|arc| arc.points[0]).collect();
        starts.sort_unstable();
        starts.dedup();
        let mut swallowing = Vec::new();
        for (index, arc) in self.arcs.iter().enumerate() {
            for (place, segment) in arc.segments.iter().enumerate() {
                // What a line passes within less than a pixel is no corner between pixels.
                if segment.tolerance < 2.0 {
                    continue;
                }
                let passed = &arc.points[segment.from..=segment.to];
                if starts_in_bounds(&starts, passed).any(|start| is_inside(passed, start)) {
                    swallowing.push((index, place));
                }
            }
        }
        swallowing
    }

    /// All segments of rings that are no longer wound as their place in the polygon asks.
    fn turned_over(&self) -> Vec<(usize, usize)> {
        let mut turned_over = Vec::new();
        for rings in &self.regions {
            for (place, ring) in rings.iter().enumerate() {
                let area = signed_area(&self.points(ring));
                if (place == 0 && area > 0.0) || (place > 0 && area < 0.0) {
                    continue;
                }
                for arc in ring.iter().map(|passage| passage.arc) {
                    let segments = 0..self.arcs[arc].segments.len();
                    turned_over.extend(segments.map(|segment| (arc, segment)));
                }
            }
        }
        turned_over
    }
}

impl Arc {
    fn new(line: &[Point], is_edge: bool, tolerance: f64) -> Self {
        let halves = |point: Point| point.map(|pixels| 2 * i64::from(pixels));
        let mut points = vec![halves(line[0])];
        for pair in line.windows(2) {
            let [a, b] = [halves(pair[0]), halves(pair[1])];
            let length = (b[0] - a[0]).abs() + (b[1] - a[1]).abs();
            let along =
                |half: i64| [0, 1].map(|axis| a[axis] + (b[axis] - a[axis]) * half / length);
            // Half a pixel from its ends and its middle.
            let mut places = vec![1, length / 2, length - 1];
            places.dedup();
            points.extend(places.into_iter().map(along));
            points.push(b);
        }
        let tolerance = if is_edge { 0.0 } else { tolerance };
        let is_closed = line.first() == line.last();
        if is_closed && tolerance > 0.0 {
            // The best place to begin at is an end of a segment, which shows only afterwards.
            let kept = fewest_segments(&points, tolerance);
            points.pop();
            points.rotate_left(kept[kept.len() / 2]);
            points.push(points[0]);
        }
        let mut arc = Self {
            segments: Vec::new(),
            points,
        };
        arc.segments = arc.simplified(0..arc.points.len(), tolerance);
        arc
    }

    /// Segments for the points in this range.
    fn simplified(&self, range: Range<usize>, tolerance: f64) -> Vec<Segment> {
        let first = range.start;
        let points = &self.points[range];
        let (kept, tolerance) = if tolerance < FINEST {
            (corners(points), 0.0)
        } else {
            (fewest_segments(points, tolerance), tolerance)
        };
        let segment = |pair: &[usize]| Segment {
            from: first + pair[0],
            to: first + pair[1],
            tolerance,
        };
        kept.windows(2).map(segment).collect()
    }

    /// Halves the tolerance of some segments. False if none had any left.
    fn refine(&mut self, bad: impl Iterator<Item = usize>) -> bool {
        let mut is_bad = vec![false; self.segments.len()];
        for segment in bad {
            is_bad[segment] = true;
        }
        let mut refined = false;
        let before = std::mem::take(&mut self.segments);
        for (segment, is_bad) in before.into_iter().zip(is_bad) {
            if !is_bad || segment.tolerance == 0.0 {
                self.segments.push(segment);
                continue;
            }
            refined = true;
            let range = segment.from..segment.to + 1;
            let finer = self.simplified(range, segment.tolerance / 2.0);
            self.segments.extend(finer);
        }
        refined
    }
}

/// The ends and where the line turns between.
fn corners(points: &[HalfPixels]) -> Vec<usize> {
    let last = points.len() - 1;
    let stays = |&index: &usize| index == 0 || index == last || turns(points, index);
    (0..=last).filter(stays).collect()
}

/// The corners between the pixels of a map.
struct Corners<'a>(&'a LabelMap);

impl Corners<'_> {
    /// Where three borders or four meet, those of the picture counted.
    fn is_node(&self, [x, y]: Point) -> bool {
        let (left, above) = (x.wrapping_sub(1), y.wrapping_sub(1));
        let (top_left, top_right) = (self.label(left, above), self.label(x, above));
        let (bottom_left, bottom_right) = (self.label(left, y), self.label(x, y));
        let borders = [
            top_left != top_right,
            bottom_left != bottom_right,
            top_left != bottom_left,
            top_right != bottom_right,
        ];
        borders.into_iter().filter(|is_border| *is_border).count() > 2
    }

    /// The label of a pixel; `None` outside of the picture (-1 wraps to outside).
    fn label(&self, x: u32, y: u32) -> Option<u8> {
        let inside = x < self.0.width && y < self.0.height;
        inside.then(|| self.0.labels[y as usize * self.0.width as usize + x as usize])
    }

    /// Whether a line between nodes lies along the picture's edge; it does as a whole or not at all.
    fn is_edge(&self, line: &[Point]) -> bool {
        let along = |axis: usize, place: u32| line[..2].iter().all(|point| point[axis] == place);
        along(0, 0) || along(0, self.0.width) || along(1, 0) || along(1, self.0.height)
    }

    /// Cuts a ring at its nodes into lines that begin and end there. A ring without any becomes one
    /// line that ends where it begins, at its first point in order.
    fn cut(&self, ring: &Ring) -> Vec<Vec<Point>> {
        let mut stops: Vec<(Point, bool)> = Vec::with_capacity(ring.len());
        for (&corner, &next) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            stops.push((corner, self.is_node(corner)));
            stops.extend(
                between(corner, next)
                    .filter(|at| self.is_node(*at))
                    .map(|at| (at, true)),
            );
        }
        let first_node = stops.iter().position(|(_, is_node)| *is_node);
        let first = first_node.or_else(|| {
            let least = stops.iter().enumerate().min_by_key(|(_, stop)| stop.0);
            least.map(|(index, _)| index)
        });
        stops.rotate_left(first.unwrap_or(0));
        stops.push(stops[0]);
        let mut lines = Vec::new();
        let mut line = Vec::new();
        for (index, &(point, is_node)) in stops.iter().enumerate() {
            line.push(point);
            let is_last = index + 1 == stops.len();
            if index > 0 && (is_node || is_last) {
                lines.push(std::mem::replace(&mut line, vec![point]));
            }
        }
        lines
    }
}

/// The points strictly between two on a horizontal or vertical line.
fn between(from: Point, to: Point) -> impl Iterator<Item = Point> {
    let distance = from[0].abs_diff(to[0]) + from[1].abs_diff(to[1]);
    let step = move |axis: usize, by: u32| match to[axis].cmp(&from[axis]) {
        std::cmp::Ordering::Greater => from[axis] + by,
        std::cmp::Ordering::Equal => from[axis],
        std::cmp::Ordering::Less => from[axis] - by,
    };
    (1..distance).map(move |by| [step(0, by), step(1, by)])
}

type Line = [HalfPixels; 2];

/// Twice the area of the triangle with a line: on which side of it a point is.
fn side([a, b]: &Line, point: HalfPixels) -> i64 {
    (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
}

/// Whether two segments have a point in common that is not an end of both, or are the same.
fn are_in_conflict(one: &Line, other: &Line) -> bool {
    let sides = |line: &Line, of: &Line| of.map(|point| side(line, point).signum());
    let ([c, d], [a, b]) = (sides(one, other), sides(other, one));
    if c * d < 0 && a * b < 0 {
        return true;
    }
    let meets = |line: &Line, point: HalfPixels, side: i64| {
        side == 0 && !line.contains(&point) && is_in_bounds(line, point)
    };
    meets(one, other[0], c)
        || meets(one, other[1], d)
        || meets(other, one[0], a)
        || meets(other, one[1], b)
        || (one.contains(&other[0]) && one.contains(&other[1]))
}

fn is_in_bounds([a, b]: &Line, point: HalfPixels) -> bool {
    (0..2).all(|axis| (a[axis].min(b[axis])..=a[axis].max(b[axis])).contains(&point[axis]))
}

/// The squares of the grid that a segment runs through, and perhaps some beside them.
fn squares_of(&[a, b]: &Line) -> impl Iterator<Item = [i64; 2]> {
    let (a, b) = if a[0] <= b[0] { (a, b) } else { (b, a) };
    let columns = a[0].div_euclid(SQUARE)..=b[0].div_euclid(SQUARE);
    columns.flat_map(move |column| {
        let height_at = |x: i64| {
            let run = b[0] - a[0];
            a[1] as f64 + (b[1] - a[1]) as f64 * (x - a[0]) as f64 / run.max(1) as f64
        };
        let (from, to) = if a[0] == b[0] {
            (a[1] as f64, b[1] as f64)
        } else {
            let left = (column * SQUARE).max(a[0]);
            let right = ((column + 1) * SQUARE).min(b[0]);
            (height_at(left), height_at(right))
        };
        let row = |y: f64| (y as i64).div_euclid(SQUARE);
        // A place on the line between two squares belongs to both.
        let rows = row((from.min(to) - 1.0).floor())..=row((from.max(to) + 1.0).ceil());
        rows.map(move |row| [column, row])
    })
}

/// The points among `sorted` within the bounds of others.
fn starts_in_bounds<'a>(
    sorted: &'a [HalfPixels],
    points: &[HalfPixels],
) -> impl Iterator<Item = HalfPixels> + use<'a> {
    let bounds = |axis: usize| {
        let values = points.iter().map(|point| point[axis]);
        values.fold((i64::MAX, i64::MIN), |(least, most), value| {
            (least.min(value), most.max(value))
        })
    };
    let (x, y) = (bounds(0), bounds(1));
    let first = sorted.partition_point(|start| start[0] < x.0);
    let near = sorted[first..]
        .iter()
        .take_while(move |start| start[0] <= x.1);
    near.copied()
        .filter(move |start| (y.0..=y.1).contains(&start[1]))
}

/// Whether a point is within a ring and on none of its lines (even-odd rule).
fn is_inside(ring: &[HalfPixels], point: HalfPixels) -> bool {
    let mut inside = false;
    for (&a, &b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let line = [a, b];
        let side = side(&line, point);
        if side == 0 && is_in_bounds(&line, point) {
            return false;
        }
        if (a[1] > point[1]) != (b[1] > point[1]) && (side > 0) == (b[1] > a[1]) {
            inside = !inside;
        }
    }
    inside
}
