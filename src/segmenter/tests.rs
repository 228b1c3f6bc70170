//! What a caller may ask by mistake, of every public method: an error of the caller's, never a panic.

use pollster::block_on;

use super::*;
use crate::bundle::Bundle;
use crate::mask::{
    Backdrop, CocoMasks, CutoutOptions, LabelMap, MAX_FEATHER, ObjectOptions, Rle, UNLABELLED,
};
use crate::progress::NoProgress;
use crate::prompt::parse_words;

fn load() -> Segmenter {
    let mut bundle = Bundle::built_in().unwrap();
    block_on(Segmenter::load(&mut bundle, Preference::Cpu)).unwrap()
}

fn picture() -> Picture {
    Picture::from_rgb(48, 40, (0..48 * 40 * 3).map(|i| (i % 251) as u8).collect()).unwrap()
}

fn encode(segmenter: &Segmenter) -> EncodedImage {
    let options = EncodeOptions::default();
    block_on(segmenter.encode(picture(), &options, &mut NoProgress)).unwrap()
}

fn mask(width: u32, height: u32, inside: u8) -> Rle {
    let labels = vec![inside; (width * height) as usize];
    Rle::from_class(&LabelMap::new(width, height, labels).unwrap(), 1).unwrap()
}

/// That it is the caller's error, and its sentence.
#[track_caller]
fn refusal<T>(result: Result<T>) -> String {
    let error = result.err().expect("it was accepted");
    assert_eq!(error.code(), "input", "{error}");
    error.to_string()
}

#[test]
fn a_picture_of_another_model_is_refused_everywhere() {
    // The same bundle twice: the two may lie on different devices.
    let (one, other) = (load(), load());
    let image = encode(&one);
    let classes = parse_words(&["cat", "tree"]).unwrap();
    let (options, progress) = (Options::default(), &mut NoProgress);
    let masks = [mask(48, 40, 1)];
    for said in [
        refusal(block_on(
            other.segment(&image, &classes, &options, progress),
        )),
        refusal(block_on(other.prepare(&image, &options, progress))),
        refusal(block_on(other.classify(&image, &masks, &classes, progress))),
        refusal(block_on(other.cell_vectors(
            &image,
            Method::MaskClip,
            false,
            progress,
        ))),
        refusal(other.region_at(&image, 0, 0)),
    ] {
        assert!(said.contains("another model"), "{said}");
    }
    assert!(block_on(one.segment(&image, &classes, &options, progress)).is_ok());
}

#[test]
fn classes_that_are_none_are_refused() {
    let segmenter = load();
    let image = encode(&segmenter);
    let (options, progress) = (Options::default(), &mut NoProgress);
    let nameless = Class {
        name: "x".into(),
        names: Vec::new(),
    };
    let many = vec![parse_words(&["cat"]).unwrap().remove(0); 256];
    for (classes, word) in [
        (Vec::new(), "no classes"),
        (vec![nameless], "no name"),
        (many, "256"),
    ] {
        for said in [
            refusal(block_on(
                segmenter.segment(&image, &classes, &options, progress),
            )),
            refusal(block_on(segmenter.classify(
                &image,
                &[mask(48, 40, 1)],
                &classes,
                progress,
            ))),
            refusal(block_on(segmenter.classify(
                &image,
                &[],
                &classes,
                progress,
            ))),
            refusal(segmenter.missing_parts(&classes, &options)),
        ] {
            assert!(said.contains(word), "{said}");
        }
    }
    let classes = parse_words(&["cat"]).unwrap();
    let background = Options {
        background: Background::Words(Vec::new()),
        ..Options::default()
    };
    refusal(block_on(segmenter.segment(
        &image,
        &classes,
        &background,
        progress,
    )));
    // One class alone is sure of every mask; no masks have no names; no names have no vectors.
    let certain = block_on(segmenter.classify(&image, &[mask(48, 40, 1)], &classes, progress));
    assert_eq!(certain, Ok(vec![vec![1.0]]));
    assert_eq!(
        block_on(segmenter.classify(&image, &[], &classes, progress)),
        Ok(vec![])
    );
    assert_eq!(block_on(segmenter.embed_names(&[], progress)), Ok(vec![]));
}

#[test]
fn numbers_out_of_range_are_refused() {
    let segmenter = load();
    let image = encode(&segmenter);
    let classes = parse_words(&["cat", "tree"]).unwrap();
    let progress = &mut NoProgress;
    for threshold in [f32::NAN, f32::INFINITY, -0.1, 1.1] {
        let options = Options {
            threshold,
            ..Options::default()
        };
        refusal(block_on(
            segmenter.segment(&image, &classes, &options, progress),
        ));
    }
    for regions in [0, MAX_REGIONS + 1, usize::MAX] {
        let options = Options {
            parameters: Parameters {
                regions,
                ..Parameters::default()
            },
            ..Options::default()
        };
        refusal(block_on(segmenter.prepare(&image, &options, progress)));
    }
    for windows in [
        Windows::Slide { size: 0, stride: 8 },
        Windows::Slide { size: 8, stride: 0 },
        Windows::Slide {
            size: u32::MAX,
            stride: 8,
        },
        Windows::Slide {
            size: 16,
            stride: u32::MAX,
        },
    ] {
        let options = EncodeOptions {
            windows,
            ..EncodeOptions::default()
        };
        refusal(block_on(segmenter.encode(picture(), &options, progress)));
    }
    let sized = |size| EncodeOptions {
        size: Some(size),
        ..EncodeOptions::default()
    };
    refusal(block_on(segmenter.encode(picture(), &sized(0), progress)));
    for masks in [[mask(40, 48, 1)], [mask(48, 40, 0)], [mask(1, 1, 1)]] {
        refusal(block_on(
            segmenter.classify(&image, &masks, &classes, progress),
        ));
    }
    for (x, y) in [(48, 0), (0, 40), (u32::MAX, u32::MAX)] {
        refusal(segmenter.region_at(&image, x, y));
    }
    let projection = segmenter.manifest().architecture.projection;
    for vector in [
        vec![],
        vec![1.0; projection + 1],
        vec![0.0; projection],
        vec![f32::NAN; projection],
        vec![f32::MAX; projection],
    ] {
        refusal(segmenter.add_names(vec![("x".into(), vector)]));
    }
    let answer =
        block_on(segmenter.segment(&image, &classes, &Options::default(), progress)).unwrap();
    refusal(answer.scores(2));
    for classes in [&[2][..], &[0, usize::MAX], &[]] {
        refusal(answer.matte(classes, None));
        refusal(answer.cutout(classes, &CutoutOptions::default()));
    }
    refusal(answer.matte(&[0], Some(MAX_FEATHER + 1)));
    let backdrop = Backdrop::Blur(f32::NAN);
    let blurred = CutoutOptions {
        backdrop,
        ..CutoutOptions::default()
    };
    refusal(answer.cutout(&[0], &blurred));
    refusal(answer.overlay_png(f32::NAN));
    let smooth = ObjectOptions::default();
    refusal(answer.to_coco("", CocoMasks::Polygons, &smooth));
    for tolerance in [-1.0, f64::NAN, f64::INFINITY] {
        let options = ObjectOptions {
            tolerance,
            ..smooth
        };
        refusal(answer.to_svg(&options));
        refusal(answer.to_geojson(&options));
    }
}

#[test]
fn with_labels_counts_anew_and_leaves_the_answer() {
    let segmenter = load();
    let image = encode(&segmenter);
    let classes = parse_words(&["cat", "tree"]).unwrap();
    let progress = &mut NoProgress;
    let answer =
        block_on(segmenter.segment(&image, &classes, &Options::default(), progress)).unwrap();
    let before = answer.labels().clone();
    let mut labels = vec![UNLABELLED; before.labels().len()];
    labels[7] = 1;
    let corrected = answer.with_labels(labels.clone()).unwrap();
    assert_eq!(corrected.labels().labels(), labels);
    let pixels: Vec<u64> = corrected.classes().iter().map(|c| c.pixels).collect();
    assert_eq!(pixels, [0, 1]);
    assert_eq!(corrected.classes()[0].score, None);
    let (score, there) = (corrected.classes()[1].score, answer.scores(1).unwrap()[7]);
    assert!((score.unwrap() - there).abs() < 1e-5, "{score:?}, {there}");
    assert_eq!(corrected.scores(0).unwrap(), answer.scores(0).unwrap());
    assert_eq!(answer.labels(), &before);
    // Its own labels give the answer again.
    let again = corrected.with_labels(before.labels().to_vec()).unwrap();
    assert_eq!(again.classes(), answer.classes());
    let options = ObjectOptions::default();
    assert_eq!(
        again.to_svg(&options).unwrap(),
        answer.to_svg(&options).unwrap()
    );

    refusal(answer.with_labels(vec![]));
    refusal(answer.with_labels(labels[1..].to_vec()));
    for strange in [2, UNLABELLED - 1] {
        labels[0] = strange;
        refusal(answer.with_labels(labels.clone()));
    }
}

#[test]
fn matte_follows_labels_that_were_set_by_hand() {
    let segmenter = load();
    let image = encode(&segmenter);
    let classes = parse_words(&["cat", "tree"]).unwrap();
    let progress = &mut NoProgress;
    let answer =
        block_on(segmenter.segment(&image, &classes, &Options::default(), progress)).unwrap();
    let mut labels = answer.labels().labels().to_vec();
    let at = |x: usize, y: usize| y * 48 + x;
    let other = |label: u8| if label == 0 { UNLABELLED } else { 0 };
    let set = [at(0, 0), at(20, 20), at(21, 20), at(47, 39)];
    for place in set {
        labels[place] = other(labels[place]);
    }
    let corrected = answer.with_labels(labels.clone()).unwrap();
    let alpha = corrected.matte(&[0], Some(5)).unwrap().into_alpha();
    for place in set {
        assert_eq!(alpha[place] > 127, labels[place] == 0, "{place}");
    }
    // Its own labels give the matte again.
    let again = corrected
        .with_labels(answer.labels().labels().to_vec())
        .unwrap();
    assert_eq!(
        again.matte(&[0], None).unwrap(),
        answer.matte(&[0], None).unwrap()
    );
}
