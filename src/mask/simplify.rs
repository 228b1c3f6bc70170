//! A line of pixel edges in as few straight segments as a tolerance allows.

/// A place in half pixels, so that the middles of pixel edges are whole numbers.
pub(super) type HalfPixels = [i64; 2];

/// How many points a segment may pass over. It bounds the time for long straight borders, which
/// are cut into pieces of this length; others end long before.
const REACH: usize = 1000;

/// Lets distances that equal the tolerance pass in spite of rounding.
const ROUNDING: f64 = 1e-9;

/// The points that a line from the first to the last one keeps: the fewest whose segments stay
/// within `tolerance` half pixels of every point that they pass over, and of those the closest to
/// them (least squares). Indices, ascending, first and last included.
///
/// Segments between points of the line whose points in between are all that near to the segment can
/// be moved onto the line without any place moving further than the tolerance. So what is further
/// from the line than that stays on its side.
pub(super) fn fewest_segments(points: &[HalfPixels], tolerance: f64) -> Vec<usize> {
    let mut best = vec![Reached::default(); points.len()];
    best[0] = Reached {
        segments: 0,
        error: 0.0,
        from: 0,
    };
    let mut sight = Sight::new(tolerance + ROUNDING);
    for from in 0..points.len() {
        sight.start(points[from]);
        for to in (from + 1..points.len()).take(REACH) {
            if let Some(error) = sight.error_of_segment_to(points[to]) {
                let reached = Reached {
                    segments: best[from].segments + 1,
                    error: best[from].error + error,
                    from,
                };
                if reached.is_better_than(&best[to]) {
                    best[to] = reached;
                }
            }
            if !sight.pass(points[to]) {
                break;
            }
        }
    }
    let mut kept = vec![points.len() - 1];
    while let Some(&last) = kept.last()
        && last > 0
    {
        kept.push(best[last].from);
    }
    kept.reverse();
    kept
}

/// Whether a line turns at a point.
pub(super) fn turns(points: &[HalfPixels], index: usize) -> bool {
    match points.get(index.wrapping_sub(1)..index + 2) {
        Some(&[a, b, c]) => (a[0] == b[0]) != (b[0] == c[0]),
        _ => false,
    }
}

/// How well a point is reached from the first.
#[derive(Clone, Copy)]
struct Reached {
    segments: u32,
    /// Sum of squared distances.
    error: f64,
    from: usize,
}

impl Default for Reached {
    fn default() -> Self {
        Self {
            segments: u32::MAX,
            error: f64::INFINITY,
            from: 0,
        }
    }
}

impl Reached {
    fn is_better_than(&self, other: &Self) -> bool {
        (self.segments, self.error) < (other.segments, other.error)
    }
}

type Vector = [f64; 2];

fn cross(a: Vector, b: Vector) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

/// Directions from `right` turning to `left`, less than half a turn.
#[derive(Clone, Copy)]
struct Cone {
    right: Vector,
    left: Vector,
}

impl Cone {
    /// The directions whose rays pass a point within a distance that is shorter than that to the point.
    fn around(point: Vector, distance: f64) -> Self {
        let length_squared = point[0] * point[0] + point[1] * point[1];
        let along = (length_squared - distance * distance).sqrt();
        let turned = |side: f64| {
            [
                point[0] * along - point[1] * side,
                point[1] * along + point[0] * side,
            ]
        };
        Self {
            right: turned(-distance),
            left: turned(distance),
        }
    }

    fn has(&self, direction: Vector) -> bool {
        cross(self.right, direction) >= 0.0 && cross(direction, self.left) >= 0.0
    }

    fn intersection(self, other: Self) -> Option<Self> {
        let one_of = |mine: Vector, others: Vector| {
            if other.has(mine) {
                Some(mine)
            } else {
                self.has(others).then_some(others)
            }
        };
        Some(Self {
            right: one_of(self.right, other.right)?,
            left: one_of(self.left, other.left)?,
        })
    }
}

/// What can be seen from a point past the points that follow it: the shortcuts of Imai and Iri
/// (1988), found with a cone of directions.
struct Sight {
    tolerance: f64,
    from: HalfPixels,
    /// `None` while all directions are open.
    cone: Option<Cone>,
    /// What was passed, relative to `from`, each with the square of the largest distance so far.
    passed: Vec<(Vector, f64)>,
    /// Sums over the points that were passed: xx, xy, yy.
    moments: [f64; 3],
}

impl Sight {
    fn new(tolerance: f64) -> Self {
        Self {
            tolerance,
            from: [0, 0],
            cone: None,
            passed: Vec::new(),
            moments: [0.0; 3],
        }
    }

    /// Looks from another point.
    fn start(&mut self, from: HalfPixels) {
        self.from = from;
        self.cone = None;
        self.passed.clear();
        self.moments = [0.0; 3];
    }

    fn relative(&self, [x, y]: HalfPixels) -> Vector {
        [(x - self.from[0]) as f64, (y - self.from[1]) as f64]
    }

    /// The squared distances of all that was passed, if the segment is within the tolerance.
    fn error_of_segment_to(&self, point: HalfPixels) -> Option<f64> {
        let [x, y] = self.relative(point);
        let length_squared = x * x + y * y;
        // Beyond the end, distances are those to the end.
        let last = self.passed.iter().rev();
        let mut beyond = last.take_while(|(_, farthest)| *farthest > length_squared);
        let ends = beyond.all(|(place, _)| {
            let to_end = [place[0] - x, place[1] - y];
            to_end[0].hypot(to_end[1]) <= self.tolerance
        });
        let is_seen = self.cone.is_none_or(|cone| cone.has([x, y]));
        let [xx, xy, yy] = self.moments;
        let error = (x * x * yy - 2.0 * x * y * xy + y * y * xx) / length_squared.max(1.0);
        (ends && is_seen).then_some(error)
    }

    /// Goes on past a point. False if nothing can be seen behind it.
    fn pass(&mut self, point: HalfPixels) -> bool {
        let place = self.relative(point);
        let [x, y] = place;
        let length_squared = x * x + y * y;
        let before = self.passed.last().map_or(0.0, |(_, farthest)| *farthest);
        self.passed.push((place, before.max(length_squared)));
        self.moments[0] += x * x;
        self.moments[1] += x * y;
        self.moments[2] += y * y;
        if length_squared <= self.tolerance * self.tolerance {
            return true;
        }
        let around = Cone::around(place, self.tolerance);
        self.cone = match self.cone {
            None => Some(around),
            Some(cone) => match cone.intersection(around) {
                None => return false,
                both => both,
            },
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The corners and the middles of edges of stairs that go `run` pixels right and one down.
    fn stairs(run: i64, steps: i64) -> Vec<HalfPixels> {
        let mut points = vec![[0, 0]];
        for step in 0..steps {
            let (x, y) = (2 * run * step, 2 * step);
            points.extend([
                [x + run, y],
                [x + 2 * run, y],
                [x + 2 * run, y + 1],
                [x + 2 * run, y + 2],
            ]);
        }
        points
    }

    #[test]
    fn fewest_segments_makes_stairs_a_straight_line() {
        for run in 1..6 {
            let points = stairs(run, 40);
            let kept = fewest_segments(&points, 1.0);
            // One segment along the stairs, and one at each end, which lies on a corner.
            assert!(kept.len() <= 4, "{run}: {kept:?}");
        }
    }

    #[test]
    fn fewest_segments_keeps_a_corner() {
        let points = [[0, 0], [10, 0], [20, 0], [20, 10], [20, 20]];
        assert_eq!(fewest_segments(&points, 1.0), [0, 2, 4]);
    }

    #[test]
    fn fewest_segments_does_not_cut_off_what_turns_back() {
        // A spike whose points all lie in the direction of the end, and beyond it.
        let points = [[0, 0], [20, 0], [40, 0], [40, 1], [20, 1], [10, 1]];
        let kept = fewest_segments(&points, 1.0);
        assert!(kept.len() > 2, "{kept:?}");
    }

    #[test]
    fn fewest_segments_bounds_the_length_of_segments() {
        let points: Vec<HalfPixels> = (0..2500).map(|x| [x, 0]).collect();
        assert_eq!(fewest_segments(&points, 1.0).len(), 4);
    }
}
