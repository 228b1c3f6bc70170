use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::eval::Confusion;

/// What `tests/fixtures/make_sclip.py` computed, on its own.
#[derive(Deserialize)]
struct Expected {
    /// How many names each class has, the background first.
    names: Vec<usize>,
    window: u32,
    stride: u32,
    pictures: Vec<Pictured>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Pictured {
    picture: (usize, usize),
    resized: (u32, u32),
    truth: Vec<String>,
    windows: Vec<Cells>,
}

#[derive(Deserialize)]
struct Cells {
    place: [u32; 4],
    /// `[names, rows, cols]`
    cells: Vec<Vec<Vec<f32>>>,
}

#[derive(Deserialize)]
struct Case {
    logit_scale: f32,
    prob_threshold: f32,
    area_threshold: f32,
    labels: Vec<Vec<String>>,
    miou: f64,
    macc: f64,
    accuracy: f64,
}

fn expected() -> Expected {
    let text = include_str!("../../../tests/fixtures/sclip/expected.json");
    serde_json::from_str(text).unwrap()
}

/// A digit a pixel; `.` is not counted.
fn labels(rows: &[String]) -> Vec<u8> {
    let label = |c: u8| if c == b'.' { 255 } else { c - b'0' };
    rows.iter().flat_map(|row| row.bytes().map(label)).collect()
}

fn plane(window: &Cells, kind: ScoreKind) -> Plane {
    Plane {
        names: window.cells.len(),
        height: window.cells[0].len(),
        width: window.cells[0][0].len(),
        values: window.cells.concat().concat(),
        kind,
    }
}

/// A protocol of classes with so many names each.
fn protocol(names: &[usize]) -> Sclip {
    Sclip {
        names: names
            .iter()
            .map(|count| vec!["name".into(); *count])
            .collect(),
        has_background: true,
        short_side: 336,
        windows: WINDOWS,
        logit_scale: 40.0,
        prob_threshold: 0.0,
        area_threshold: 0.0,
    }
}

#[test]
fn sclip_labels_and_means_match_an_independent_program() {
    let expected = expected();
    for case in &expected.cases {
        let sclip = Sclip {
            logit_scale: case.logit_scale,
            prob_threshold: case.prob_threshold,
            area_threshold: case.area_threshold,
            ..protocol(&expected.names)
        };
        let kind = ScoreKind::Cosine {
            scale: case.logit_scale,
        };
        let mut confusion = Confusion::new(expected.names.len());
        for (picture, wanted) in expected.pictures.iter().zip(&case.labels) {
            let windows: Vec<_> = picture
                .windows
                .iter()
                .map(|window| (plane(window, kind), window.place))
                .collect();
            let scores = Plane::mean_of_windows(&windows, picture.resized).unwrap();
            let found = sclip.decide(&scores, picture.picture);
            assert_eq!(found, labels(wanted));
            confusion.add(&labels(&picture.truth), &found).unwrap();
        }
        let found = [
            confusion.mean_iou(),
            confusion.mean_accuracy(),
            confusion.pixel_accuracy(),
        ];
        for (found, wanted) in found.iter().zip([case.miou, case.macc, case.accuracy]) {
            assert!((found - wanted).abs() < 1e-12, "{found} is not {wanted}");
        }
    }
}

#[test]
fn places_match_an_independent_program() {
    let Expected {
        window,
        stride,
        pictures,
        ..
    } = expected();
    let windows = Windows::Slide {
        size: window,
        stride,
    };
    for picture in pictures {
        let wanted: Vec<_> = picture.windows.iter().map(|w| w.place).collect();
        assert_eq!(places(picture.resized, windows), wanted);
    }
}

#[test]
fn resized_rounds_as_mmcv() {
    // VOC's usual sizes, COCO's, and one whose long side is what counts.
    assert_eq!(resized(500, 375, 336), (448, 336));
    assert_eq!(resized(333, 500, 336), (336, 505));
    assert_eq!(resized(640, 427, 448), (671, 448));
    assert_eq!(resized(2048, 1024, 560), (1120, 560));
    assert_eq!(resized(6600, 100, 336), (2048, 31));
}

/// A fourth of the size, each pixel lies between two and reads those; an antialiased kernel reads
/// all that it covers.
#[test]
fn resized_does_not_antialias() {
    let resized = |values: &[u8], width| {
        let rgb = values.iter().flat_map(|value| [*value; 3]).collect();
        let picture = Picture::from_rgb(values.len() as u32, 1, rgb).unwrap();
        let resized = picture.resize_bilinear(width, 1).unwrap();
        resized
            .rgb()
            .iter()
            .copied()
            .step_by(3)
            .collect::<Vec<u8>>()
    };
    assert_eq!(resized(&[0, 10, 20, 30, 200, 210, 220, 230], 2), [15, 215]);
    assert_eq!(resized(&[0, 100], 4), [0, 25, 75, 100]);
}

#[test]
fn published_values_are_those_of_the_configurations() {
    let published = |kind| {
        let names = ClassNames::sclip(kind).unwrap().unwrap();
        Sclip::published(kind, names).unwrap()
    };
    let voc = published(DatasetKind::Voc21);
    assert_eq!((voc.names.len(), voc.names[0].len()), (21, 26));
    assert_eq!((voc.logit_scale, voc.prob_threshold), (65.0, 0.1));
    assert_eq!((voc.area_threshold, voc.short_side), (0.1, 336));
    let object = published(DatasetKind::CocoObject);
    assert_eq!((object.names.len(), object.logit_scale), (81, 50.0));
    assert_eq!((object.prob_threshold, object.area_threshold), (0.1, 0.0));
    // A name that the background and a class share counts twice in the softmax.
    assert!(object.names[0].contains(&"bed".into()) && object.names[60] == ["bed"]);
    let context = published(DatasetKind::Context60);
    assert_eq!(context.names[0], ["background"]);
    assert_eq!((context.logit_scale, context.prob_threshold), (50.0, 0.1));
    for (kind, classes, short_side) in [
        (DatasetKind::Voc20, 20, 336),
        (DatasetKind::Context59, 59, 336),
        (DatasetKind::Ade20k, 150, 336),
        (DatasetKind::CocoStuff, 171, 448),
        (DatasetKind::Cityscapes, 19, 560),
    ] {
        let sclip = published(kind);
        assert!(!sclip.has_background);
        assert_eq!((sclip.names.len(), sclip.short_side), (classes, short_side));
        assert_eq!((sclip.logit_scale, sclip.prob_threshold), (40.0, 0.0));
        sclip.check().unwrap();
    }
}

#[test]
fn published_keeps_its_background_beside_a_class_list() {
    let names = ClassNames::own(DatasetKind::Voc21).unwrap();
    let sclip = Sclip::published(DatasetKind::Voc21, names.clone()).unwrap();
    assert_eq!((sclip.names.len(), sclip.names[0].len()), (21, 26));
    let names = ClassNames {
        background: Some(vec!["lawn".into()]),
        ..names
    };
    let sclip = Sclip::published(DatasetKind::Voc21, names).unwrap();
    assert_eq!(sclip.names[0], ["lawn"]);
}

#[test]
fn sclip_refuses_what_has_no_meaning() {
    let whole = protocol(&[1, 1]);
    whole.check().unwrap();
    let slide = |size, stride| Windows::Slide { size, stride };
    for (sclip, says) in [
        (
            Sclip {
                logit_scale: 0.0,
                ..whole.clone()
            },
            "logit scale",
        ),
        (
            Sclip {
                logit_scale: f32::NAN,
                ..whole.clone()
            },
            "logit scale",
        ),
        (
            Sclip {
                prob_threshold: 1.5,
                ..whole.clone()
            },
            "between 0 and 1",
        ),
        (
            Sclip {
                area_threshold: f32::NAN,
                ..whole.clone()
            },
            "between 0 and 1",
        ),
        (
            Sclip {
                prob_threshold: 0.1,
                has_background: false,
                ..whole.clone()
            },
            "this data set has none",
        ),
        (
            Sclip {
                area_threshold: 0.1,
                has_background: false,
                ..whole.clone()
            },
            "this data set has none",
        ),
        (
            Sclip {
                windows: slide(0, 0),
                ..whole.clone()
            },
            "do not cover",
        ),
        (
            Sclip {
                windows: slide(8, 9),
                ..whole.clone()
            },
            "do not cover",
        ),
        (
            Sclip {
                short_side: 0,
                ..whole.clone()
            },
            "at least one pixel",
        ),
    ] {
        let error = sclip.check().unwrap_err();
        assert_eq!(error.code(), "input");
        assert!(error.to_string().contains(says), "{error}");
    }
    for setting in [
        "clip-diy",
        "two-stage+pamr",
        "maskclip+key-smoothing",
        "sclip+prompt-denoising",
    ] {
        let error = Sclip::supports(&setting.parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("--protocol wordmask"), "{error}");
    }
    for setting in ["sclip", "pearl+tlp", "naclip+pamr", "maskclip+residual"] {
        Sclip::supports(&setting.parse().unwrap()).unwrap();
    }
}

#[test]
fn probabilities_keep_low_scores_at_a_large_scale() {
    let kind = ScoreKind::Cosine { scale: 100.0 };
    let scores = Plane {
        names: 2,
        width: 1,
        height: 1,
        values: vec![-0.9, -0.91],
        kind,
    };
    let share = scores.probabilities(&[-0.9], &scores.values)[0];
    assert!(
        (share - 1.0 / (1.0 + (-1.0f32).exp())).abs() < 1e-5,
        "{share}"
    );
}

proptest! {
    #[test]
    fn places_cover_every_pixel_and_stay_inside(
        width in 1u32..90, height in 1u32..90, size in 1u32..40, stride in 1u32..40,
    ) {
        let stride = stride.min(size);
        let mut seen = vec![false; (width * height) as usize];
        for [left, top, w, h] in places((width, height), Windows::Slide { size, stride }) {
            prop_assert!(left + w <= width && top + h <= height);
            for y in top..top + h {
                for x in left..left + w {
                    seen[(y * width + x) as usize] = true;
                }
            }
        }
        prop_assert!(seen.into_iter().all(|seen| seen));
    }
}
