//! Pixel-adaptive mask refinement (Araslanov and Roth, CVPR 2020, arXiv 2005.08104).
//!
//! Each pixel's scores become, again and again, a weighted mean of the scores of sixteen pixels
//! around it: eight at some distance and eight at twice that. A neighbour weighs more the more its
//! colour is like the pixel's, measured against how much colours differ around there.
//!
//! # Phases
//!
//! The weights of a picture are sixteen times as large as one class's scores, and every step reads
//! all of them: as the pixels lie in memory, a step takes as long as memory takes. But pixels whose
//! rows and columns leave other remainders on division by the distance are not each other's
//! neighbours. So a picture falls into `distance²` small pictures, its phases, on which the
//! neighbours are one and two pixels away, and each of which takes all its steps within a core's
//! cache.
//!
//! Only the edges tie phases together: outside the picture its outermost pixels are repeated, and
//! a phase needs what these are after each step. Those of the first and the last row belong to two
//! rows of phases, those of the first and the last column to two columns of phases. Where these
//! cross, up to four phases step together, first of all; then the other phases of those rows and
//! columns, which leave behind what the outermost pixels were after each step; then all others,
//! each on its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::image::Picture;
use crate::kernel::cpu::{Functions, Simd, SimdOp, run};
use crate::parallel::for_each_chunk;

/// The most pixels, about, at which pictures are refined.
const WORKING_PIXELS: f64 = 336.0 * 448.0;

/// The distance of the nearer neighbours, for a picture whose short side is [`SHORT_SIDE`].
const DISTANCE: u64 = 8;

/// The short side to which the published numbers belong.
const SHORT_SIDE: u64 = 336;

/// Rows down and pixels right, to the neighbours at distance one.
const AROUND: [(usize, usize); 8] = [
    (0, 0),
    (0, 1),
    (0, 2),
    (1, 0),
    (1, 2),
    (2, 0),
    (2, 1),
    (2, 2),
];

/// The neighbours of a pixel, at both distances.
const NEIGHBOURS: usize = 2 * AROUND.len();

/// The pixel and its eight neighbours, at each of two distances.
const SAMPLES: f32 = 18.0;

/// The share of the standard deviation over which a difference in colour counts as one.
const SOFTNESS: f32 = 0.1;

/// Keeps the division defined where all is of one colour: 1e-8 of white.
const EPSILON: f32 = 1e-8 * 255.0;

/// Pixels that are handled at once.
const LANES: usize = 8;

/// Pixels of a phase that a neighbour can be away.
const MARGIN: usize = 2;

/// Classes that are handled at once: as many as their sums fit in registers beside each other, so
/// that reading a weight serves all of them.
const GROUP: usize = 8;

/// A number for each neighbour of each pixel of a block.
type Weights = [[f32; LANES]; NEIGHBOURS];

/// The size at which to refine a picture of `width` by `height`: that size, or one of the same
/// shape with about 336 · 448 pixels if it has more.
pub(super) fn working_size(width: u32, height: u32) -> (u32, u32) {
    let (width_f, height_f) = (f64::from(width), f64::from(height));
    let scale = (WORKING_PIXELS / (width_f * height_f)).sqrt();
    if scale >= 1.0 {
        return (width, height);
    }
    let side = |side: f64| (side * scale).round().max(1.0) as u32;
    (side(width_f), side(height_f))
}

/// The distance of the nearer neighbours for a picture with this short side: 8 pixels of 336, and at
/// least 1.
pub(super) fn distance(short_side: u32) -> usize {
    let scaled = (DISTANCE * u64::from(short_side) + SHORT_SIDE / 2) / SHORT_SIDE;
    scaled.max(1) as usize
}

/// Refines scores, `[classes, height, width]`, along the picture of that size, with neighbours at
/// `distance` and twice that.
///
/// Outside the picture its outermost pixels are repeated. Every result is a weighted mean of scores
/// of its class, with weights that are the same for all classes.
///
/// # Errors
///
/// [`Error::Internal`] if there are no scores, their number or the picture's size is not as said,
/// or the distance is zero.
pub(super) fn refine(
    scores: &[f32],
    classes: usize,
    width: usize,
    height: usize,
    picture: &Picture,
    distance: usize,
    iterations: usize,
) -> Result<Vec<f32>> {
    let of_picture = (picture.width() as usize, picture.height() as usize);
    let fits = scores.len() == classes * width * height && of_picture == (width, height);
    if classes == 0 || distance == 0 || !fits {
        return Err(Error::internal(format!(
            "{} scores of {width}x{height} for {classes} classes, a picture of {}x{} and a distance of {distance}",
            scores.len(),
            picture.width(),
            picture.height()
        )));
    }
    let phases = Phases::new(width, height, distance);
    let affinities = phases.affinities(picture);
    let group = GROUP * width * height;
    let mut refined = vec![0.0; scores.len()];
    for_each_chunk(&mut refined, group, |index, refined| {
        let scores = &scores[index * group..][..refined.len()];
        phases.refine(&affinities, scores, refined, iterations);
    });
    Ok(refined)
}

/// The phases of a picture.
struct Phases {
    width: usize,
    height: usize,
    distance: usize,
    /// Row by row.
    all: Vec<Phase>,
    /// Phases in a row of phases.
    across: usize,
}

/// The pixels of every so manieth row and column, from a first one on.
///
/// Planes of it lie in memory row by row: first the first row of each plane, then the second of each.
/// Around the pixels is a margin of what lies outside the picture.
struct Phase {
    /// The first row and column.
    first: [usize; 2],
    rows: usize,
    cols: usize,
    /// Blocks of [`LANES`] pixels that cover a row.
    blocks: usize,
    /// Numbers that a row takes.
    stride: usize,
}

impl Phases {
    fn new(width: usize, height: usize, distance: usize) -> Self {
        let (across, down) = (distance.min(width), distance.min(height));
        let phase = |row: usize, col: usize| {
            let cols = (width - col).div_ceil(distance);
            let blocks = cols.div_ceil(LANES);
            Phase {
                first: [row, col],
                rows: (height - row).div_ceil(distance),
                cols,
                blocks,
                stride: blocks * LANES + 2 * MARGIN,
            }
        };
        let all = (0..down).flat_map(|row| (0..across).map(move |col| phase(row, col)));
        Self {
            width,
            height,
            distance,
            all: all.collect(),
            across,
        }
    }

    /// The weights of the neighbours of each block of pixels, `[rows, blocks of a row]` of each phase.
    fn affinities(&self, picture: &Picture) -> Vec<Vec<Weights>> {
        let mut affinities = vec![Vec::new(); self.all.len()];
        for_each_chunk(&mut affinities, 1, |index, affinities| {
            let phase = &self.all[index];
            let channels = self.channels(phase, picture);
            for affinities in affinities {
                *affinities = vec![[[0.0; LANES]; NEIGHBOURS]; phase.rows * phase.blocks];
                run(Affinities {
                    phase,
                    channels: &channels,
                    affinities,
                });
            }
        });
        affinities
    }

    /// The three planes of a phase of the picture, margins included.
    fn channels(&self, phase: &Phase, picture: &Picture) -> Vec<f32> {
        let mut channels = Vec::with_capacity(phase.len(3));
        for row in 0..phase.rows + 2 * MARGIN {
            let y = self.pixel(phase.first[0], row, self.height);
            let line = &picture.rgb()[y * self.width * 3..][..self.width * 3];
            for channel in 0..3 {
                channels.extend((0..phase.stride).map(|col| {
                    let x = self.pixel(phase.first[1], col, self.width);
                    f32::from(line[x * 3 + channel])
                }));
            }
        }
        channels
    }

    /// The row or column of the picture that a row or column of a phase shows, margins counted.
    fn pixel(&self, first: usize, index: usize, side: usize) -> usize {
        let pixel = (first + index * self.distance).saturating_sub(MARGIN * self.distance);
        if index < MARGIN {
            0
        } else {
            pixel.min(side - 1)
        }
    }

    /// Refines the scores of a few classes, `[classes, height, width]`.
    fn refine(
        &self,
        affinities: &[Vec<Weights>],
        scores: &[f32],
        refined: &mut [f32],
        iterations: usize,
    ) {
        let classes = scores.len() / (self.width * self.height);
        let mut planes: Vec<Mutex<Planes>> = Vec::new();
        planes.resize_with(self.all.len(), Mutex::default);
        for_each_chunk(&mut planes, self.across, |row, planes| {
            self.split(row, planes, scores, classes);
        });
        let borders = Borders::new(self, classes, iterations);
        for mut together in self.schedule() {
            for_each_chunk(&mut together, 1, |_, together| {
                for phases in together {
                    self.evolve(phases, affinities, &planes, &borders, classes, iterations);
                }
            });
        }
        for_each_chunk(refined, self.width, |index, line| {
            let (class, y) = (index / self.height, index % self.height);
            self.join(y, class, classes, &planes, line);
        });
    }

    /// Phases that step together, in the order of what needs what: those of one item need no others
    /// than those of the items before.
    fn schedule(&self) -> [Vec<Vec<usize>>; 3] {
        let [rows, cols] = [self.height, self.width].map(|side| families(side, self.distance));
        let together = |rows: &[usize], cols: &[usize]| -> Vec<usize> {
            let row = |row: &usize| row * self.across;
            rows.iter()
                .flat_map(|r| cols.iter().map(move |col| row(r) + col))
                .collect()
        };
        let mut schedule = [Vec::new(), Vec::new(), Vec::new()];
        for (r, rows) in rows.iter().enumerate() {
            for (c, cols) in cols.iter().enumerate() {
                schedule[r.min(1) + c.min(1)].push(together(rows, cols));
            }
        }
        schedule
    }

    /// Sets up the planes of a row of phases.
    fn split(&self, row: usize, planes: &mut [Mutex<Planes>], scores: &[f32], classes: usize) {
        for (phase, planes) in self.all[row * self.across..].iter().zip(planes) {
            let mut current = vec![0.0; phase.len(classes)];
            for (index, target) in phase.lines(&mut current, classes) {
                let y = row + index / classes * self.distance;
                let line = (index % classes * self.height + y) * self.width;
                let line = &scores[line..][..self.width];
                for (target, pixels) in target.iter_mut().zip(line.chunks(self.distance)) {
                    *target = pixels[phase.first[1]];
                }
            }
            let next = vec![0.0; current.len()];
            *planes.get_mut().unwrap_or_else(PoisonError::into_inner) = Planes { current, next };
        }
    }

    /// Puts a row of pixels together again.
    fn join(
        &self,
        y: usize,
        class: usize,
        classes: usize,
        planes: &[Mutex<Planes>],
        line: &mut [f32],
    ) {
        let (row, first) = (y / self.distance, y % self.distance * self.across);
        for (col, planes) in planes[first..][..self.across].iter().enumerate() {
            let phase = &self.all[first + col];
            let planes = planes.lock().unwrap_or_else(PoisonError::into_inner);
            let start = phase.place(row, class, classes);
            let values = &planes.current[start..][..phase.cols];
            for (pixels, value) in line.chunks_mut(self.distance).zip(values) {
                pixels[col] = *value;
            }
        }
    }

    /// Takes all steps of phases that need each other.
    fn evolve(
        &self,
        phases: &[usize],
        affinities: &[Vec<Weights>],
        planes: &[Mutex<Planes>],
        borders: &Borders,
        classes: usize,
        iterations: usize,
    ) {
        for step in 0..iterations {
            for &index in phases {
                let planes = planes[index].lock().unwrap_or_else(PoisonError::into_inner);
                borders.publish(self, &self.all[index], step, &planes.current, classes);
            }
            for &index in phases {
                let phase = &self.all[index];
                let mut planes = planes[index].lock().unwrap_or_else(PoisonError::into_inner);
                let Planes { current, next } = &mut *planes;
                borders.fill_margins(self, phase, step, current, classes);
                run(Propagation {
                    phase,
                    affinities: &affinities[index],
                    source: current,
                    classes,
                    target: next,
                });
                std::mem::swap(current, next);
            }
        }
    }
}

/// Phases along one side that step together: the one that holds the first pixel and the one that
/// holds the last, which need each other; then each other one.
fn families(side: usize, distance: usize) -> Vec<Vec<usize>> {
    let last = (side - 1) % distance;
    let mut families = vec![vec![0]];
    if last != 0 {
        families[0].push(last);
    }
    let others = (1..distance.min(side)).filter(|&phase| phase != last);
    families.extend(others.map(|phase| vec![phase]));
    families
}

impl Phase {
    /// Numbers that so many planes take.
    fn len(&self, planes: usize) -> usize {
        (self.rows + 2 * MARGIN) * planes * self.stride
    }

    /// Where the pixels of a row of a plane begin.
    #[inline(always)]
    fn place(&self, row: usize, plane: usize, planes: usize) -> usize {
        ((row + MARGIN) * planes + plane) * self.stride + MARGIN
    }

    /// The pixels of each row of each plane, `[rows, planes]`, with its number.
    fn lines<'a>(
        &'a self,
        planes: &'a mut [f32],
        count: usize,
    ) -> impl Iterator<Item = (usize, &'a mut [f32])> {
        let margin = MARGIN * count;
        let lines = planes.chunks_exact_mut(self.stride).skip(margin);
        let lines = lines.take(self.rows * count).enumerate();
        lines.map(|(index, line)| (index, &mut line[MARGIN..][..self.cols]))
    }

    /// Where, seen from the first pixel of a row of the first plane, less the margins, the neighbours
    /// are.
    #[inline(always)]
    fn neighbours(&self, planes: usize) -> [usize; NEIGHBOURS] {
        std::array::from_fn(|neighbour| {
            let distance = 1 + neighbour / AROUND.len();
            let (down, right) = AROUND[neighbour % AROUND.len()];
            let at = |steps: usize| MARGIN - distance + steps * distance;
            at(down) * planes * self.stride + at(right)
        })
    }
}

/// What a phase holds: scores before and after a step.
#[derive(Debug, Clone, Default)]
struct Planes {
    current: Vec<f32>,
    next: Vec<f32>,
}

/// The outermost pixels of the picture after each step.
///
/// Written by the phases that hold them and read by all, never at the same time; atomic so that
/// cores may share them.
struct Borders {
    /// First and last row, `[steps, classes, width]`.
    rows: [Vec<AtomicU32>; 2],
    /// First and last column, `[steps, classes, height]`.
    cols: [Vec<AtomicU32>; 2],
}

impl Borders {
    fn new(phases: &Phases, classes: usize, steps: usize) -> Self {
        let lines = |side: usize| -> Vec<AtomicU32> {
            std::iter::repeat_with(AtomicU32::default)
                .take(steps * classes * side)
                .collect()
        };
        Self {
            rows: [lines(phases.width), lines(phases.width)],
            cols: [lines(phases.height), lines(phases.height)],
        }
    }

    /// Keeps what a phase holds of them.
    fn publish(
        &self,
        phases: &Phases,
        phase: &Phase,
        step: usize,
        current: &[f32],
        classes: usize,
    ) {
        let Phases {
            width,
            height,
            distance,
            ..
        } = *phases;
        let [top, left] = phase.first;
        let holds_row = [top == 0, top == (height - 1) % distance];
        let holds_col = [left == 0, left == (width - 1) % distance];
        for class in 0..classes {
            let line = step * classes + class;
            for (at_end, border) in self.rows.iter().enumerate() {
                if holds_row[at_end] {
                    let row = at_end * (phase.rows - 1);
                    let values = &current[phase.place(row, class, classes)..][..phase.cols];
                    let border = border[line * width + left..].iter().step_by(distance);
                    for (border, value) in border.zip(values) {
                        border.store(value.to_bits(), Ordering::Relaxed);
                    }
                }
            }
            for (at_end, border) in self.cols.iter().enumerate() {
                if holds_col[at_end] {
                    let col = at_end * (phase.cols - 1);
                    let border = border[line * height + top..].iter().step_by(distance);
                    for (row, border) in (0..phase.rows).zip(border) {
                        let value = current[phase.place(row, class, classes) + col];
                        border.store(value.to_bits(), Ordering::Relaxed);
                    }
                }
            }
        }
    }

    /// Fills a phase's margins with them.
    fn fill_margins(
        &self,
        phases: &Phases,
        phase: &Phase,
        step: usize,
        current: &mut [f32],
        classes: usize,
    ) {
        let Phases {
            width,
            height,
            distance,
            ..
        } = *phases;
        let value = |border: &AtomicU32| f32::from_bits(border.load(Ordering::Relaxed));
        let [top, left] = phase.first;
        for (y, rows) in current.chunks_exact_mut(phase.stride * classes).enumerate() {
            let inside = (MARGIN..MARGIN + phase.rows).contains(&y);
            let at_end = usize::from(y >= MARGIN);
            for (class, row) in rows.chunks_exact_mut(phase.stride).enumerate() {
                let line = step * classes + class;
                let (first, last) = if inside {
                    let pixel = line * height + top + (y - MARGIN) * distance;
                    (value(&self.cols[0][pixel]), value(&self.cols[1][pixel]))
                } else {
                    let border = &self.rows[at_end][line * width..][..width];
                    let pixels = border.chunks(distance);
                    for (target, pixels) in row[MARGIN..][..phase.cols].iter_mut().zip(pixels) {
                        *target = value(&pixels[left]);
                    }
                    (value(&border[0]), value(&border[width - 1]))
                };
                row[..MARGIN].fill(first);
                row[MARGIN + phase.cols..].fill(last);
            }
        }
    }
}

/// Computes the weights of a phase.
struct Affinities<'a> {
    phase: &'a Phase,
    channels: &'a [f32],
    affinities: &'a mut [Weights],
}

impl SimdOp for Affinities<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(self) {
        let Phase { blocks, stride, .. } = *self.phase;
        let neighbours = self.phase.neighbours(3);
        let centre = MARGIN * (3 * stride + 1);
        for (row, weights) in self.affinities.chunks_exact_mut(blocks).enumerate() {
            for (block, weights) in weights.iter_mut().enumerate() {
                for channel in 0..3 {
                    let shift = (row * 3 + channel) * stride + block * LANES;
                    let channel = &self.channels[shift..];
                    subtract_differences::<L>(weights, channel, centre, &neighbours);
                }
                to_softmax::<L>(weights);
            }
        }
    }
}

/// Takes a step: the scores of each pixel become the weighted mean of its neighbours'.
struct Propagation<'a> {
    phase: &'a Phase,
    affinities: &'a [Weights],
    source: &'a [f32],
    classes: usize,
    target: &'a mut [f32],
}

impl SimdOp for Propagation<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Simd>(mut self) {
        let mut class = 0;
        while class < self.classes {
            class += match self.classes - class {
                1 => self.step::<L, 1>(class),
                2 | 3 => self.step::<L, 2>(class),
                4..8 => self.step::<L, 4>(class),
                _ => self.step::<L, GROUP>(class),
            };
        }
    }
}

impl Propagation<'_> {
    /// Takes the step for `CLASSES` classes from one on, and returns how many these are.
    #[inline(always)]
    fn step<L: Simd, const CLASSES: usize>(&mut self, class: usize) -> usize {
        let Phase { blocks, stride, .. } = *self.phase;
        let neighbours = self.phase.neighbours(self.classes);
        for (row, weights) in self.affinities.chunks_exact(blocks).enumerate() {
            let source = &self.source[(row * self.classes + class) * stride..];
            let target = &mut self.target[self.phase.place(row, class, self.classes)..];
            for (block, weights) in weights.iter().enumerate() {
                for part in (0..LANES).step_by(L::COUNT) {
                    let x = block * LANES + part;
                    let mut sums = [L::splat(0.0); CLASSES];
                    for (weights, start) in weights.iter().zip(neighbours) {
                        let weight = L::load(&weights[part..]);
                        for (class, sum) in sums.iter_mut().enumerate() {
                            let near = L::load(&source[start + class * stride + x..]);
                            *sum = weight.mul_add(near, *sum);
                        }
                    }
                    for (class, sum) in sums.into_iter().enumerate() {
                        sum.store(&mut target[class * stride + x..]);
                    }
                }
            }
        }
        CLASSES
    }
}

/// `weights −= |near − centre| / (tiny + 0.1 σ) / 3` for one of the three channels, of which a pixel
/// and its neighbours lie at these places.
///
/// σ is the standard deviation over the neighbours and the pixel itself, which counts twice. From
/// differences to the pixel its square is computed without loss: they are whole numbers, of
/// which two at least are zero.
#[inline(always)]
fn subtract_differences<L: Simd>(
    weights: &mut Weights,
    channel: &[f32],
    centre: usize,
    neighbours: &[usize; NEIGHBOURS],
) {
    for part in (0..LANES).step_by(L::COUNT) {
        let centre = L::load(&channel[centre + part..]);
        let (mut sum, mut squares) = (L::splat(0.0), L::splat(0.0));
        let mut differences = [centre; NEIGHBOURS];
        for (difference, start) in differences.iter_mut().zip(neighbours) {
            *difference = L::load(&channel[start + part..]).sub(centre);
            sum = sum.add(*difference);
            squares = difference.mul_add(*difference, squares);
        }
        let square = squares.sub(sum.mul(sum).div(L::splat(SAMPLES)));
        let deviation = square.div(L::splat(SAMPLES - 1.0)).sqrt();
        let scale = deviation.mul_add(L::splat(3.0 * SOFTNESS), L::splat(3.0 * EPSILON));
        let factor = L::splat(-1.0).div(scale);
        for (weights, difference) in weights.iter_mut().zip(differences) {
            let weight = difference.abs().mul_add(factor, L::load(&weights[part..]));
            weight.store(&mut weights[part..]);
        }
    }
}

/// A softmax over the neighbours.
#[inline(always)]
fn to_softmax<L: Simd>(weights: &mut Weights) {
    let functions = Functions::get();
    for part in (0..LANES).step_by(L::COUNT) {
        let mut largest = L::splat(f32::NEG_INFINITY);
        for weights in &*weights {
            largest = largest.max(L::load(&weights[part..]));
        }
        let mut sum = L::splat(0.0);
        for weights in &mut *weights {
            let weight = functions.exp(L::load(&weights[part..]).sub(largest));
            sum = sum.add(weight);
            weight.store(&mut weights[part..]);
        }
        for weights in &mut *weights {
            L::load(&weights[part..])
                .div(sum)
                .store(&mut weights[part..]);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures;
    use proptest::prelude::*;

    fn picture(width: usize, rgb: &[u8]) -> Picture {
        let height = rgb.len() / 3 / width;
        Picture::from_rgb(width as u32, height as u32, rgb.to_vec()).unwrap()
    }

    fn assert_near(found: &[f32], wanted: &[f32], tolerance: f32) {
        assert_eq!(found.len(), wanted.len());
        for (place, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            assert!(
                (found - wanted).abs() <= tolerance,
                "{place}: {found} is not {wanted}"
            );
        }
    }

    #[test]
    fn large_pictures_are_refined_at_a_smaller_size() {
        assert_eq!(working_size(448, 336), (448, 336));
        assert_eq!(working_size(896, 672), (448, 336));
        assert_eq!(working_size(1008, 1344), (336, 448));
        assert_eq!(working_size(7, 5), (7, 5));
        assert_eq!(working_size(16_384, 1), (16_384, 1));
        let (width, height) = working_size(16_384, 100);
        assert!(width * height < 151_000 && (28..33).contains(&height));
    }

    #[test]
    fn distances_follow_the_size() {
        assert_eq!(distance(336), 8);
        assert_eq!(distance(168), 4);
        assert_eq!(distance(300), 7);
        assert_eq!(distance(1), 1);
        assert_eq!(distance(30), 1);
    }

    #[test]
    fn in_one_color_all_neighbours_count_alike() {
        // One row: of each eight neighbours three are left, two here (above and below), three right.
        let picture = picture(3, &[90; 9]);
        let refined = refine(&[0.0, 0.0, 1.0], 1, 3, 1, &picture, 1, 1).unwrap();
        assert_near(&refined, &[3.0 / 16.0, 6.0 / 16.0, 10.0 / 16.0], 1e-6);
    }

    #[test]
    fn an_edge_in_the_picture_stops_refinement() {
        // Each pixel has six neighbours of the other colour. Of the 18 samples six are 1 and twelve
        // 0: the variance is 18 · 1/3 · 2/3 / 17.
        let picture = picture(2, &[0, 0, 0, 255, 255, 255]);
        let refined = refine(&[0.0, 1.0], 1, 2, 1, &picture, 1, 1).unwrap();
        let other = (-1.0 / (0.1 * (4.0f32 / 17.0).sqrt())).exp();
        let share = 6.0 * other / (10.0 + 6.0 * other);
        assert!((refined[0] / share - 1.0).abs() < 1e-4, "{refined:?}");
        assert_near(&refined, &[share, 1.0 - share], 1e-6);
    }

    #[test]
    fn channels_are_averaged_before_the_softmax() {
        // Only blue differs: a third of the penalty.
        let picture = picture(2, &[10, 20, 0, 10, 20, 255]);
        let refined = refine(&[0.0, 1.0], 1, 2, 1, &picture, 1, 1).unwrap();
        let other = (-1.0 / (0.3 * (4.0f32 / 17.0).sqrt())).exp();
        let share = 6.0 * other / (10.0 + 6.0 * other);
        assert_near(&refined, &[share, 1.0 - share], 1e-6);
    }

    #[test]
    fn one_pixel_and_no_iterations_change_nothing() {
        let dot = picture(1, &[1, 2, 3]);
        assert_eq!(refine(&[0.3], 1, 1, 1, &dot, 8, 10).unwrap(), [0.3]);
        let pair = picture(2, &[1, 2, 3, 4, 5, 6]);
        let scores = [0.3, 0.4];
        assert_eq!(refine(&scores, 1, 2, 1, &pair, 1, 0).unwrap(), scores);
    }

    #[test]
    fn sizes_must_agree() {
        let picture = picture(2, &[0; 6]);
        for (scores, classes, width) in [(&[0.0; 3][..], 1, 2), (&[0.0; 3], 1, 3), (&[], 0, 2)] {
            let error = refine(scores, classes, width, 1, &picture, 1, 1).unwrap_err();
            assert_eq!(error.code(), "internal");
        }
    }

    /// One iteration as the formula says it, pixel by pixel, in f64.
    fn refine_slowly(scores: &[f32], width: usize, rgb: &[u8], dilations: [usize; 2]) -> Vec<f32> {
        let pixels = rgb.len() / 3;
        let height = pixels / width;
        let patch = |y: usize, x: usize, distance: usize| {
            let place = move |at: usize, step: isize, end: usize| {
                (at as isize + step * distance as isize).clamp(0, end as isize - 1) as usize
            };
            [-1, 0, 1]
                .into_iter()
                .flat_map(move |dy| [-1, 0, 1].map(|dx| (dy, dx)))
                .map(move |(dy, dx)| place(y, dy, height) * width + place(x, dx, width))
                .collect::<Vec<_>>()
        };
        let level = |pixel: usize, channel: usize| f64::from(rgb[pixel * 3 + channel]) / 255.0;
        let weights = |y: usize, x: usize| {
            let patches = dilations.map(|distance| patch(y, x, distance)).concat();
            let deviation = [0, 1, 2].map(|channel| {
                let mean = patches.iter().map(|&p| level(p, channel)).sum::<f64>() / 18.0;
                let squares = patches.iter().map(|&p| (level(p, channel) - mean).powi(2));
                (squares.sum::<f64>() / 17.0).sqrt()
            });
            let neighbours = [&patches[..4], &patches[5..13], &patches[14..]].concat();
            let exponentials: Vec<f64> = neighbours
                .iter()
                .map(|&near| {
                    let difference = [0, 1, 2].map(|channel| {
                        let centre = level(y * width + x, channel);
                        (centre - level(near, channel)).abs() / (1e-8 + 0.1 * deviation[channel])
                    });
                    (-difference.iter().sum::<f64>() / 3.0).exp()
                })
                .collect();
            let sum: f64 = exponentials.iter().sum();
            let shares = exponentials.into_iter().map(move |e| e / sum);
            neighbours.into_iter().zip(shares).collect::<Vec<_>>()
        };
        let all: Vec<_> = (0..pixels).map(|p| weights(p / width, p % width)).collect();
        let mean = |class: &[f32], pixel: usize| {
            let terms = all[pixel]
                .iter()
                .map(|&(near, share)| share * f64::from(class[near]));
            terms.sum::<f64>() as f32
        };
        scores
            .chunks_exact(pixels)
            .flat_map(|class| {
                (0..pixels)
                    .map(|pixel| mean(class, pixel))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Width, colours, and the scores of up to nine classes, more than a group.
    fn small() -> impl Strategy<Value = (usize, Vec<u8>, usize, Vec<f32>)> {
        (1usize..35, 1usize..6, 1usize..10).prop_flat_map(|(width, height, classes)| {
            let colors = prop_oneof![any::<u8>(), 100u8..103];
            (
                Just(width),
                prop::collection::vec(colors, width * height * 3),
                Just(classes),
                prop::collection::vec(-1.0f32..1.0, classes * width * height),
            )
        })
    }

    proptest! {
        #[test]
        fn the_fast_way_is_the_formula(
            (width, rgb, classes, scores) in small(), distance in 1usize..12,
        ) {
            let height = rgb.len() / 3 / width;
            let found = refine(&scores, classes, width, height, &picture(width, &rgb), distance, 1);
            assert_near(&found.unwrap(), &refine_slowly(&scores, width, &rgb, [distance, 2 * distance]), 1e-5);
        }

        #[test]
        fn results_stay_between_the_extremes((width, rgb, classes, scores) in small()) {
            let height = rgb.len() / 3 / width;
            let picture = picture(width, &rgb);
            let refined = refine(&scores, classes, width, height, &picture, 2, 10).unwrap();
            let pixels = width * height;
            for (after, before) in refined.chunks_exact(pixels).zip(scores.chunks_exact(pixels)) {
                let low = before.iter().copied().fold(f32::INFINITY, f32::min) - 1e-5;
                let high = before.iter().copied().fold(f32::NEG_INFINITY, f32::max) + 1e-5;
                prop_assert!(after.iter().all(|score| (low..=high).contains(score)));
            }
        }

        #[test]
        fn constants_stay((width, rgb, classes, _) in small(), value in -1.0f32..1.0) {
            let height = rgb.len() / 3 / width;
            let scores = vec![value; classes * width * height];
            let picture = picture(width, &rgb);
            let refined = refine(&scores, classes, width, height, &picture, 3, 10).unwrap();
            prop_assert!(refined.iter().all(|score| (score - value).abs() < 1e-5));
        }

        #[test]
        fn a_transposed_picture_gives_transposed_scores((width, rgb, _, scores) in small()) {
            let height = rgb.len() / 3 / width;
            let order: Vec<usize> = (0..width)
                .flat_map(|x| (0..height).map(move |y| y * width + x))
                .collect();
            let turned_rgb: Vec<u8> = order.iter().flat_map(|&p| rgb[p * 3..][..3].to_vec()).collect();
            let turn = |scores: &[f32]| -> Vec<f32> { order.iter().map(|&p| scores[p]).collect() };
            let scores = &scores[..width * height];
            let straight = refine(scores, 1, width, height, &picture(width, &rgb), 2, 3).unwrap();
            let turned = refine(&turn(scores), 1, height, width, &picture(height, &turned_rgb), 2, 3);
            assert_near(&turned.unwrap(), &turn(&straight), 1e-5);
        }

        #[test]
        fn classes_do_not_touch_each_other((width, rgb, classes, scores) in small()) {
            let height = rgb.len() / 3 / width;
            let picture = picture(width, &rgb);
            let together = refine(&scores, classes, width, height, &picture, 1, 2).unwrap();
            let pixels = width * height;
            for (class, wanted) in scores.chunks_exact(pixels).zip(together.chunks_exact(pixels)) {
                let alone = refine(class, 1, width, height, &picture, 1, 2).unwrap();
                prop_assert_eq!(&alone[..], wanted);
            }
        }
    }

    #[test]
    fn phases_that_step_together_come_before_those_that_need_them() {
        // 13 rows: the last one is of phase 0 as the first is; 14 columns: of phases 0 and 1.
        let [first, second, third] = Phases::new(14, 13, 4).schedule();
        assert_eq!(first, [vec![0, 1]]);
        assert_eq!(
            second,
            [vec![2], vec![3], vec![4, 5], vec![8, 9], vec![12, 13]]
        );
        assert_eq!(third.concat(), [6, 7, 10, 11, 14, 15]);
        assert_eq!(families(1, 8), [[0]]);
        assert_eq!(families(3, 8), [vec![0, 2], vec![1]]);
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let (width, height, classes) = (61, 45, 11);
        let rgb: Vec<u8> = (0..width * height * 3)
            .map(|i| (i * i % 251) as u8)
            .collect();
        let scores: Vec<f32> = (0..classes * width * height)
            .map(|i| (i as f32 * 0.37).sin())
            .collect();
        let picture = picture(width, &rgb);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let refined = pool
                .unwrap()
                .install(|| refine(&scores, classes, width, height, &picture, 3, 10).unwrap());
            refined.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(5));
    }

    #[test]
    fn answers_are_those_of_the_reference() {
        for case in ["near", "far", "flat", "half", "pixel"] {
            let (scores, shape) = fixtures::tensor(&format!("pamr.{case}.scores"));
            let picture = fixtures::picture(&format!("pamr.{case}.picture"));
            let dilations = fixtures::indices(&format!("pamr.{case}.dilations"));
            let (classes, height, width) = (shape[0], shape[1], shape[2]);
            assert_eq!(dilations[1], 2 * dilations[0]);
            let found =
                refine(&scores, classes, width, height, &picture, dilations[0], 10).unwrap();
            fixtures::assert_close(&found, &format!("pamr.{case}.answer"), 1e-3);
        }
    }
}
