//! Pixel-adaptive mask refinement (Araslanov and Roth, CVPR 2020, arXiv 2005.08104).
//!
//! Each pixel's scores become, again and again, a weighted mean of the scores of sixteen pixels
//! around it: eight at each of two distances. A neighbour weighs more the more its colour is like
//! the pixel's, measured against how much colours differ around there.

use crate::error::{Error, Result};
use crate::image::Picture;

/// The most pixels, about, at which pictures are refined.
const WORKING_PIXELS: f64 = 336.0 * 448.0;

/// The two distances, for a picture whose short side is [`SHORT_SIDE`].
const DILATIONS: [u64; 2] = [8, 16];

/// The short side to which the published numbers belong.
const SHORT_SIDE: u64 = 336;

/// Rows down and pixels right, to the neighbours at distance one.
const AROUND: [(isize, isize); 8] = [
    (-1, -1),
    (-1, 0),
    (-1, 1),
    (0, -1),
    (0, 1),
    (1, -1),
    (1, 0),
    (1, 1),
];

/// Those at each of the two distances.
const NEIGHBOURS: usize = 2 * AROUND.len();

/// The pixel and its eight neighbours, at each of two distances.
const SAMPLES: f32 = 18.0;

/// The share of the standard deviation over which a difference in colour counts as one.
const SOFTNESS: f32 = 0.1;

/// Keeps the division defined where all is of one colour: 1e-8 of white.
const EPSILON: f32 = 1e-8 * 255.0;

/// Pixels that are handled at once.
const LANES: usize = 16;

/// Classes that are handled at once: enough that reading the weights is shared, few enough that
/// two copies of their scores are small.
const GROUP: usize = 4;

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

/// The two distances of neighbours for a picture with this short side: 8 and 16 pixels of 336,
/// and at least 1 and 2.
pub(super) fn dilations(short_side: u32) -> [usize; 2] {
    let scaled = DILATIONS.map(|d| (d * u64::from(short_side) + SHORT_SIDE / 2) / SHORT_SIDE);
    [scaled[0].max(1) as usize, scaled[1].max(2) as usize]
}

/// Refines scores, `[classes, height, width]`, along the picture of that size.
///
/// Outside the picture its outermost pixels are repeated. Every result lies between the smallest
/// and the largest score of its class.
///
/// # Errors
///
/// [`Error::Internal`] if there are no scores, or their number or the picture's size is not as
/// said.
pub(super) fn refine(
    scores: &[f32],
    classes: usize,
    width: usize,
    height: usize,
    picture: &Picture,
    dilations: [usize; 2],
    iterations: usize,
) -> Result<Vec<f32>> {
    let of_picture = (picture.width() as usize, picture.height() as usize);
    if classes == 0 || scores.len() != classes * width * height || of_picture != (width, height) {
        return Err(Error::internal(format!(
            "{} scores of {width}x{height} for {classes} classes and a picture of {}x{}",
            scores.len(),
            picture.width(),
            picture.height()
        )));
    }
    let frame = Frame::new(width, height, dilations);
    let affinities = frame.affinities(picture);
    let mut refined = Vec::with_capacity(scores.len());
    for group in scores.chunks(GROUP * width * height) {
        let mut current = frame.pad(group.iter().copied());
        let mut next = vec![0.0; current.len()];
        for _ in 0..iterations {
            frame.propagate(&affinities, &current, &mut next);
            std::mem::swap(&mut current, &mut next);
        }
        for row in current.chunks_exact(frame.stride) {
            refined.extend_from_slice(&row[frame.margin..][..width]);
        }
    }
    Ok(refined)
}

/// How planes of `[height, width]` are laid out: rows of `stride`, the pixels after a margin as
/// wide as a neighbour can be away, both margins filled with the row's outermost pixel.
///
/// So a row's neighbours on one side are one slice, and whole blocks of [`LANES`] pixels cover
/// the row.
struct Frame {
    width: usize,
    height: usize,
    margin: usize,
    stride: usize,
    /// Blocks of [`LANES`] pixels that cover a row.
    blocks: usize,
    /// Rows down and pixels right, of each neighbour.
    offsets: [(isize, isize); NEIGHBOURS],
}

impl Frame {
    fn new(width: usize, height: usize, dilations: [usize; 2]) -> Self {
        let margin = dilations[0].max(dilations[1]);
        let offsets = std::array::from_fn(|neighbour| {
            let distance = dilations[neighbour / AROUND.len()] as isize;
            let (down, right) = AROUND[neighbour % AROUND.len()];
            (down * distance, right * distance)
        });
        Self {
            width,
            height,
            margin,
            stride: width.next_multiple_of(LANES) + 2 * margin,
            blocks: width.div_ceil(LANES),
            offsets,
        }
    }

    /// Planes of `[height, width]`, one after the other, in this layout.
    fn pad(&self, mut values: impl Iterator<Item = f32>) -> Vec<f32> {
        let mut planes = Vec::new();
        loop {
            let start = planes.len();
            planes.extend(std::iter::repeat_n(0.0, self.margin));
            planes.extend(values.by_ref().take(self.width));
            if planes.len() == start + self.margin {
                planes.truncate(start);
                return planes;
            }
            planes.resize(start + self.stride, 0.0);
            self.fill_margins(&mut planes[start..]);
        }
    }

    fn fill_margins(&self, row: &mut [f32]) {
        let end = self.margin + self.width;
        let (first, last) = (row[self.margin], row[end - 1]);
        row[..self.margin].fill(first);
        row[end..].fill(last);
    }

    /// Where in a plane the neighbours of row `y` begin.
    fn neighbours(&self, y: usize) -> [usize; NEIGHBOURS] {
        self.offsets.map(|(down, right)| {
            let row = y.saturating_add_signed(down).min(self.height - 1);
            row * self.stride + self.margin.saturating_add_signed(right)
        })
    }

    /// The weights of the neighbours of each block of pixels, `[height, blocks of a row]`.
    fn affinities(&self, picture: &Picture) -> Vec<Weights> {
        let channels = [0, 1, 2].map(|channel| {
            let values = picture.rgb().iter().skip(channel).step_by(3);
            self.pad(values.map(|&value| f32::from(value)))
        });
        let mut affinities = Vec::with_capacity(self.height * self.blocks);
        for y in 0..self.height {
            let neighbours = self.neighbours(y);
            let row = y * self.stride + self.margin;
            for x in (0..self.blocks).map(|block| block * LANES) {
                let mut weights = [[0.0; LANES]; NEIGHBOURS];
                for plane in &channels {
                    let centre = lanes(plane, row + x);
                    let near = neighbours.map(|start| lanes(plane, start + x));
                    subtract_differences(&mut weights, &centre, &near);
                }
                to_softmax(&mut weights);
                affinities.push(weights);
            }
        }
        affinities
    }

    /// Replaces the scores of each pixel by the weighted mean of its neighbours'.
    fn propagate(&self, affinities: &[Weights], source: &[f32], target: &mut [f32]) {
        let plane = self.height * self.stride;
        for (y, affinities) in affinities.chunks_exact(self.blocks).enumerate() {
            let neighbours = self.neighbours(y);
            let classes = source.chunks_exact(plane);
            for (source, target) in classes.zip(target.chunks_exact_mut(plane)) {
                let target = &mut target[y * self.stride..][..self.stride];
                let blocks = target[self.margin..].chunks_exact_mut(LANES);
                for (block, (weights, target)) in affinities.iter().zip(blocks).enumerate() {
                    let mut sums = [0.0; LANES];
                    for (weights, start) in weights.iter().zip(neighbours) {
                        let near = lanes(source, start + block * LANES);
                        for lane in 0..LANES {
                            sums[lane] += weights[lane] * near[lane];
                        }
                    }
                    target.copy_from_slice(&sums);
                }
                self.fill_margins(target);
            }
        }
    }
}

/// A block of pixels from `start` on. By value, so that its length is known where it is used.
fn lanes(plane: &[f32], start: usize) -> [f32; LANES] {
    let mut block = [0.0; LANES];
    block.copy_from_slice(&plane[start..][..LANES]);
    block
}

/// `weights −= |near − centre| / (tiny + 0.1 σ) / 3` for one of the three channels.
///
/// σ is the standard deviation over the neighbours and the pixel itself, which counts twice. From
/// differences to the pixel its square is computed without loss: they are whole numbers, of
/// which two at least are zero.
fn subtract_differences(weights: &mut Weights, centre: &[f32; LANES], near: &Weights) {
    let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
    for near in near {
        for lane in 0..LANES {
            let difference = near[lane] - centre[lane];
            sums[lane] += difference;
            squares[lane] += difference * difference;
        }
    }
    let mut factors = [0.0; LANES];
    for lane in 0..LANES {
        let square: f32 = squares[lane] - sums[lane] * sums[lane] / SAMPLES;
        let deviation = (square / (SAMPLES - 1.0)).sqrt();
        factors[lane] = 1.0 / (3.0 * (EPSILON + SOFTNESS * deviation));
    }
    for (weights, near) in weights.iter_mut().zip(near) {
        for lane in 0..LANES {
            weights[lane] -= (near[lane] - centre[lane]).abs() * factors[lane];
        }
    }
}

/// A softmax over the neighbours.
fn to_softmax(weights: &mut Weights) {
    let mut largest = [f32::NEG_INFINITY; LANES];
    for weights in &*weights {
        for lane in 0..LANES {
            largest[lane] = largest[lane].max(weights[lane]);
        }
    }
    let mut sums = [0.0; LANES];
    for weights in &mut *weights {
        for lane in 0..LANES {
            weights[lane] = (weights[lane] - largest[lane]).exp();
            sums[lane] += weights[lane];
        }
    }
    for weights in weights {
        for lane in 0..LANES {
            weights[lane] /= sums[lane];
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
        assert_eq!(dilations(336), [8, 16]);
        assert_eq!(dilations(168), [4, 8]);
        assert_eq!(dilations(300), [7, 14]);
        assert_eq!(dilations(1), [1, 2]);
        assert_eq!(dilations(30), [1, 2]);
    }

    #[test]
    fn in_one_color_all_neighbours_count_alike() {
        // One row: of each eight neighbours three are left, two here (above and below), three right.
        let picture = picture(3, &[90; 9]);
        let refined = refine(&[0.0, 0.0, 1.0], 1, 3, 1, &picture, [1, 2], 1).unwrap();
        assert_near(&refined, &[3.0 / 16.0, 6.0 / 16.0, 10.0 / 16.0], 1e-6);
    }

    #[test]
    fn an_edge_in_the_picture_stops_refinement() {
        // Each pixel has six neighbours of the other colour. Of the 18 samples six are 1 and twelve
        // 0: the variance is 18 · 1/3 · 2/3 / 17.
        let picture = picture(2, &[0, 0, 0, 255, 255, 255]);
        let refined = refine(&[0.0, 1.0], 1, 2, 1, &picture, [1, 2], 1).unwrap();
        let other = (-1.0 / (0.1 * (4.0f32 / 17.0).sqrt())).exp();
        let share = 6.0 * other / (10.0 + 6.0 * other);
        assert!((refined[0] / share - 1.0).abs() < 1e-4, "{refined:?}");
        assert_near(&refined, &[share, 1.0 - share], 1e-6);
    }

    #[test]
    fn channels_are_averaged_before_the_softmax() {
        // Only blue differs: a third of the penalty.
        let picture = picture(2, &[10, 20, 0, 10, 20, 255]);
        let refined = refine(&[0.0, 1.0], 1, 2, 1, &picture, [1, 2], 1).unwrap();
        let other = (-1.0 / (0.3 * (4.0f32 / 17.0).sqrt())).exp();
        let share = 6.0 * other / (10.0 + 6.0 * other);
        assert_near(&refined, &[share, 1.0 - share], 1e-6);
    }

    #[test]
    fn one_pixel_and_no_iterations_change_nothing() {
        let dot = picture(1, &[1, 2, 3]);
        assert_eq!(refine(&[0.3], 1, 1, 1, &dot, [8, 16], 10).unwrap(), [0.3]);
        let pair = picture(2, &[1, 2, 3, 4, 5, 6]);
        let scores = [0.3, 0.4];
        assert_eq!(refine(&scores, 1, 2, 1, &pair, [1, 2], 0).unwrap(), scores);
    }

    #[test]
    fn sizes_must_agree() {
        let picture = picture(2, &[0; 6]);
        for (scores, classes, width) in [(&[0.0; 3][..], 1, 2), (&[0.0; 3], 1, 3), (&[], 0, 2)] {
            let error = refine(scores, classes, width, 1, &picture, [1, 2], 1).unwrap_err();
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
            (width, rgb, classes, scores) in small(), near in 1usize..4, far in 2usize..20,
        ) {
            let height = rgb.len() / 3 / width;
            let found = refine(&scores, classes, width, height, &picture(width, &rgb), [near, far], 1);
            assert_near(&found.unwrap(), &refine_slowly(&scores, width, &rgb, [near, far]), 1e-5);
        }

        #[test]
        fn results_stay_between_the_extremes((width, rgb, classes, scores) in small()) {
            let height = rgb.len() / 3 / width;
            let picture = picture(width, &rgb);
            let refined = refine(&scores, classes, width, height, &picture, [1, 3], 10).unwrap();
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
            let refined = refine(&scores, classes, width, height, &picture, [2, 5], 10).unwrap();
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
            let straight = refine(scores, 1, width, height, &picture(width, &rgb), [1, 3], 3).unwrap();
            let turned = refine(&turn(scores), 1, height, width, &picture(height, &turned_rgb), [1, 3], 3);
            assert_near(&turned.unwrap(), &turn(&straight), 1e-5);
        }

        #[test]
        fn classes_do_not_touch_each_other((width, rgb, classes, scores) in small()) {
            let height = rgb.len() / 3 / width;
            let picture = picture(width, &rgb);
            let together = refine(&scores, classes, width, height, &picture, [1, 2], 2).unwrap();
            let pixels = width * height;
            for (class, wanted) in scores.chunks_exact(pixels).zip(together.chunks_exact(pixels)) {
                let alone = refine(class, 1, width, height, &picture, [1, 2], 2).unwrap();
                prop_assert_eq!(&alone[..], wanted);
            }
        }
    }

    #[test]
    fn answers_are_those_of_the_reference() {
        for case in ["near", "far", "flat", "half", "pixel"] {
            let (scores, shape) = fixtures::tensor(&format!("pamr.{case}.scores"));
            let picture = fixtures::picture(&format!("pamr.{case}.picture"));
            let dilations = fixtures::indices(&format!("pamr.{case}.dilations"));
            let (classes, height, width) = (shape[0], shape[1], shape[2]);
            let dilations = [dilations[0], dilations[1]];
            let found = refine(&scores, classes, width, height, &picture, dilations, 10).unwrap();
            fixtures::assert_close(&found, &format!("pamr.{case}.answer"), 1e-3);
        }
    }
}
