#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::mask::UNLABELLED;

fn bytes(file: &[u8]) -> Vec<u8> {
    Picture::decode(file)
        .unwrap()
        .rgb()
        .iter()
        .step_by(3)
        .copied()
        .collect()
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/matte/", $name, ".png")).as_slice()
    };
}

/// What the reference knows of its pixels.
struct Known {
    width: usize,
    share: Vec<u8>,
    by_hand: Vec<u8>,
}

impl Evidence for Known {
    fn is_by_hand(&self, x: usize, y: usize) -> bool {
        self.by_hand[y * self.width + x] > 0
    }

    fn share(&self, x: usize, y: usize) -> Option<f32> {
        Some(f32::from(self.share[y * self.width + x]) / 255.0)
    }
}

/// The picture, its labels and what else is known of it: `tests/fixtures/make_matte.py`.
fn reference() -> (Picture, LabelMap, Known) {
    let picture = Picture::decode(fixture!("picture")).unwrap();
    let labels = bytes(fixture!("labels"));
    let map = LabelMap::new(picture.width(), picture.height(), labels).unwrap();
    let known = Known {
        width: picture.width() as usize,
        share: bytes(fixture!("share")),
        by_hand: bytes(fixture!("by-hand")),
    };
    (picture, map, known)
}

/// By a level where rounding goes the other way: f32 here, f64 there.
#[track_caller]
fn assert_alike(found: &[u8], expected: &[u8]) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found.abs_diff(*expected) <= 1, "{at}: {found}, {expected}");
    }
}

#[test]
fn matte_matches_reference() {
    let (picture, map, known) = reference();
    for (feather, labels, all) in [
        (1, fixture!("labels-1"), fixture!("alpha-1")),
        (4, fixture!("labels-4"), fixture!("alpha-4")),
        (10, fixture!("labels-10"), fixture!("alpha-10")),
    ] {
        let by_labels = matte(&map, &picture, &[1], feather, &()).unwrap();
        assert_alike(by_labels.alpha(), &bytes(labels));
        let by_all = matte(&map, &picture, &[1], feather, &known).unwrap();
        assert_alike(by_all.alpha(), &bytes(all));
    }
}

#[test]
fn matte_gives_a_mixed_pixel_its_share() {
    // Red, a column of both, dark: labels put the column where most of it is.
    for mixed in [0.25f32, 0.5, 0.75] {
        let row = |x: usize| match x {
            0..6 => [220, 20, 20],
            6 => [220.0, 20.0, 20.0f32].map(|v| (v * mixed + 20.0 * (1.0 - mixed)) as u8),
            _ => [20, 20, 20],
        };
        let rgb: Vec<u8> = (0..12 * 12).flat_map(|at| row(at % 12)).collect();
        let picture = Picture::from_rgb(12, 12, rgb).unwrap();
        let labels = (0..144).map(|at| u8::from(at % 12 > if mixed < 0.5 { 5 } else { 6 }));
        let map = LabelMap::new(12, 12, labels.collect()).unwrap();
        let alpha = matte(&map, &picture, &[0], 4, &()).unwrap().into_alpha();
        let row = &alpha[5 * 12..6 * 12];
        assert_eq!((row[1], row[10]), (255, 0), "{row:?}");
        let error = f32::from(row[6]) / 255.0 - mixed;
        assert!(error.abs() < 0.15, "{mixed}: {row:?}");
    }
}

#[test]
fn matte_without_feather_is_the_labels() {
    let (picture, map, known) = reference();
    let hard = matte(&map, &picture, &[0, 1], 0, &known).unwrap();
    for (alpha, label) in hard.alpha().iter().zip(map.labels()) {
        assert_eq!(*alpha, if *label == UNLABELLED { 0 } else { 255 });
    }
}

#[test]
fn matte_knows_nothing_of_borders_between_wanted_classes() {
    let rgb = (0..20 * 20 * 3).map(|i| (i * 37 % 251) as u8).collect();
    let picture = Picture::from_rgb(20, 20, rgb).unwrap();
    let map = LabelMap::new(20, 20, (0..400).map(|at| u8::from(at % 20 < 9)).collect()).unwrap();
    let both = matte(&map, &picture, &[0, 1], 5, &()).unwrap();
    assert_eq!(both.alpha(), [255; 400]);
    assert_eq!(both.bounding_box(), Some([0, 0, 20, 20]));
    let none = matte(&map, &picture, &[], 5, &()).unwrap();
    assert_eq!(none.alpha(), [0; 400]);
    assert_eq!(none.bounding_box(), None);
}

#[test]
fn matte_refuses_other_sizes_and_too_wide_a_feather() {
    let (picture, map, _) = reference();
    let small = Picture::from_rgb(1, 1, vec![0; 3]).unwrap();
    assert!(matte(&map, &small, &[1], 1, &()).is_err());
    let error = matte(&map, &picture, &[1], MAX_FEATHER + 1, &()).unwrap_err();
    assert_eq!(error.code(), "input");
    assert!(matte(&map, &picture, &[1], MAX_FEATHER, &()).is_ok());
}

#[test]
fn default_feather_grows_with_the_picture() {
    let of = |width, height| default_feather(width, height);
    assert_eq!([of(40, 30), of(640, 480), of(1000, 1000)], [2, 3, 6]);
    assert_eq!(of(6000, 4000), 8);
}

/// Pictures of up to 20 by 14 pixels with labels, what is known of each pixel, and one that rises.
#[derive(Debug)]
struct Case {
    picture: Picture,
    labels: Vec<u8>,
    share: Vec<u8>,
    by_hand: Vec<u8>,
    feather: u32,
    raised: usize,
    by: u8,
}

impl Case {
    fn matte(&self) -> Matte {
        let (width, height) = (self.picture.width(), self.picture.height());
        let map = LabelMap::new(width, height, self.labels.clone()).unwrap();
        let known = Known {
            width: width as usize,
            share: self.share.clone(),
            by_hand: self.by_hand.clone(),
        };
        matte(&map, &self.picture, &[1], self.feather, &known).unwrap()
    }
}

fn cases() -> impl Strategy<Value = Case> {
    (1u32..20, 1u32..14).prop_flat_map(|(width, height)| {
        let pixels = (width * height) as usize;
        // Few colours, so that windows have edges.
        let color = prop_oneof![Just([20u8, 30, 40]), Just([200, 60, 50]), any::<[u8; 3]>()];
        let label = prop_oneof![4 => Just(1u8), 3 => Just(0), 1 => Just(UNLABELLED)];
        let by_hand = prop_oneof![7 => Just(0u8), 1 => Just(1)];
        (
            prop::collection::vec(color, pixels),
            prop::collection::vec(label, pixels),
            prop::collection::vec(any::<u8>(), pixels),
            prop::collection::vec(by_hand, pixels),
            0u32..9,
            0..pixels,
            1u8..255,
        )
            .prop_map(
                move |(colors, labels, share, by_hand, feather, raised, by)| {
                    let rgb = colors.as_flattened().to_vec();
                    Case {
                        picture: Picture::from_rgb(width, height, rgb).unwrap(),
                        labels,
                        share,
                        by_hand,
                        feather,
                        raised,
                        by,
                    }
                },
            )
    })
}

proptest! {
    #[test]
    fn alpha_is_monotone_in_scores_and_in_labels(mut case in cases()) {
        let before = case.matte();
        case.share[case.raised] = case.share[case.raised].saturating_add(case.by);
        let by_score = case.matte();
        case.labels[case.raised] = 1;
        let by_label = case.matte();
        for (lower, higher) in [(&before, &by_score), (&by_score, &by_label)] {
            for (lower, higher) in lower.alpha().iter().zip(higher.alpha()) {
                prop_assert!(lower <= higher);
            }
        }
    }

    #[test]
    fn alpha_of_what_was_set_by_hand_stays_on_its_side(case in cases()) {
        let found = case.matte();
        let pixels = found.alpha().iter().zip(&case.labels).zip(&case.by_hand);
        for ((alpha, label), by_hand) in pixels {
            if *by_hand > 0 {
                prop_assert_eq!(*alpha > 127, *label == 1);
            }
        }
    }

    #[test]
    fn alpha_is_known_away_from_borders(case in cases()) {
        let (width, found) = (case.picture.width() as usize, case.matte());
        let reach = case.feather as usize;
        for (at, alpha) in found.alpha().iter().enumerate() {
            let (x, y) = (at % width, at / width);
            let near = |other: usize| {
                (other % width).abs_diff(x) <= reach && (other / width).abs_diff(y) <= reach
            };
            let labels = (0..case.labels.len()).filter(|other| near(*other));
            let inside: Vec<bool> = labels.map(|other| case.labels[other] == 1).collect();
            if inside.iter().all(|inside| *inside) {
                prop_assert_eq!(*alpha, 255);
            } else if !inside.contains(&true) {
                prop_assert_eq!(*alpha, 0);
            }
        }
    }

    #[test]
    fn bounding_box_holds_all_that_is_seen_and_no_more(case in cases()) {
        let found = case.matte();
        let width = found.width() as usize;
        let seen: Vec<(usize, usize)> = (0..found.alpha().len())
            .filter(|at| found.alpha()[*at] > 0)
            .map(|at| (at % width, at / width))
            .collect();
        let Some([x, y, w, h]) = found.bounding_box().map(|b| b.map(|side| side as usize)) else {
            prop_assert!(seen.is_empty());
            return Ok(());
        };
        prop_assert_eq!(seen.iter().map(|p| p.0).min(), Some(x));
        prop_assert_eq!(seen.iter().map(|p| p.0).max(), Some(x + w - 1));
        prop_assert_eq!(seen.iter().map(|p| p.1).min(), Some(y));
        prop_assert_eq!(seen.iter().map(|p| p.1).max(), Some(y + h - 1));
    }
}

#[test]
fn matte_is_the_same_on_any_number_of_threads() {
    let rgb = (0..70 * 90 * 3u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let picture = Picture::from_rgb(70, 90, rgb).unwrap();
    let labels = (0..70 * 90)
        .map(|at| u8::from((at % 70 + at / 70) % 31 < 12))
        .collect();
    let map = LabelMap::new(70, 90, labels).unwrap();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| matte(&map, &picture, &[1], 5, &()).unwrap())
    };
    assert_eq!(on(1), on(3));
}
