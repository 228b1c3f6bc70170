//! What the colours of segments say about their labels.
//!
//! Scores come from cells that are larger than thin parts of things, so that a leg or a tail has the
//! scores of the ground around it. But it has the colours of the thing, or at least not those of the
//! ground: as in interactive segmentation (Boykov and Jolly, ICCV 2001; `GrabCut`, Rother et al., SIGGRAPH
//! 2004), each label has a histogram of its colours in this picture, made of the segments that are
//! probably its own.

use std::collections::BTreeMap;

use super::segments::Segments;
use crate::image::Picture;

/// Bins of a histogram along each channel.
const BINS: usize = 16;

/// Added to probabilities of colours, so that none is impossible.
const FLOOR: f32 = 2e-5;

/// The bins around a colour, with the weight of each.
type Place = [(usize, f32); 8];

/// For each label and segment, the logarithm of how many times as frequent the segment's colour is
/// among the label's as in the whole picture.
///
/// `shares` has the probability of each label in each segment.
pub(super) fn log_ratios(
    segments: &Segments,
    picture: &Picture,
    shares: &BTreeMap<u8, Vec<f32>>,
) -> BTreeMap<u8, Vec<f32>> {
    let places: Vec<Place> = means(segments, picture).into_iter().map(place).collect();
    let sizes = || segments.sizes.iter().map(|size| *size as f32);
    let all = likely(&places, sizes());
    let ratios = |shares: &Vec<f32>| {
        let own = likely(
            &places,
            sizes().zip(shares).map(|(size, share)| size * share),
        );
        let pairs = own.iter().zip(&all);
        pairs
            .map(|(own, all)| ((own + FLOOR) / (all + FLOOR)).ln())
            .collect()
    };
    shares
        .iter()
        .map(|(label, shares)| (*label, ratios(shares)))
        .collect()
}

/// The mean colour of each segment.
fn means(segments: &Segments, picture: &Picture) -> Vec<[f32; 3]> {
    let mut sums = vec![[0.0; 3]; segments.count()];
    let (colors, _) = picture.rgb().as_chunks::<3>();
    for (segment, color) in segments.of_pixels.iter().zip(colors) {
        for (sum, value) in sums[*segment as usize].iter_mut().zip(color) {
            *sum += f32::from(*value);
        }
    }
    let pairs = sums.into_iter().zip(&segments.sizes);
    pairs
        .map(|(sum, size)| sum.map(|sum| sum / *size as f32))
        .collect()
}

/// Where a colour lies between the centres of bins.
fn place(color: [f32; 3]) -> Place {
    let axes = color.map(|value| {
        let bin = value / 256.0 * BINS as f32 - 0.5;
        let bin = bin.clamp(0.0, (BINS - 1) as f32);
        let low = (bin as usize).min(BINS - 2);
        (low, bin - low as f32)
    });
    std::array::from_fn(|corner| {
        axes.iter()
            .enumerate()
            .fold((0, 1.0), |(bin, weight), (axis, (low, above))| {
                let up = corner >> axis & 1;
                let share = if up == 1 { *above } else { 1.0 - above };
                (bin * BINS + low + up, weight * share)
            })
    })
}

/// The probability of each place's colour in the histogram of all of them, with these masses.
fn likely(places: &[Place], masses: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut histogram = vec![0.0; BINS * BINS * BINS];
    let mut whole = 0.0;
    for (place, mass) in places.iter().zip(masses) {
        whole += mass;
        for (bin, weight) in place {
            histogram[*bin] += weight * mass;
        }
    }
    // A label that is nowhere likely has no colours.
    let whole = f32::max(whole, f32::MIN_POSITIVE);
    let at = |place: &Place| {
        let sum: f32 = place.iter().map(|(bin, w)| w * histogram[*bin]).sum();
        sum / whole
    };
    places.iter().map(at).collect()
}
