//! Mattes beside true alpha, and edges of cut-outs as pictures to look at.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use pollster::block_on;
use wordmask::bundle::Bundle;
use wordmask::device::Preference;
use wordmask::image::Picture;
use wordmask::mask::{Backdrop, LabelMap, cutout, matte, read_label_png};
use wordmask::progress::NoProgress;
use wordmask::prompt::parse_words;
use wordmask::scene::{self, THINGS};
use wordmask::segmenter::{EncodeOptions, Options};
use wordmask::{Segmentation, Segmenter};

/// How many pixels a side of a large scene become one.
const TIMES: usize = 4;

/// A scene made smaller, so that pixels at borders are partly of a thing.
struct Smaller {
    picture: Picture,
    /// Name and true alpha, 0 to 1, of each kind that is there.
    kinds: Vec<(&'static str, Vec<f32>)>,
}

fn smaller(seed: u64) -> Smaller {
    let scene = scene::generate_scaled(seed, 2 * TIMES);
    let (width, height) = (scene.width / TIMES, scene.height / TIMES);
    let mean = |value: &dyn Fn(usize) -> f32| -> Vec<f32> {
        let pixel = |at: usize| {
            let corner = at / width * TIMES * scene.width + at % width * TIMES;
            let block = (0..TIMES * TIMES).map(|n| corner + n / TIMES * scene.width + n % TIMES);
            block.map(value).sum::<f32>() / (TIMES * TIMES) as f32
        };
        (0..width * height).map(pixel).collect()
    };
    let channels = [0, 1, 2].map(|c| mean(&|at| f32::from(scene.rgb[at * 3 + c])));
    let rgb = (0..width * height)
        .flat_map(|at| [0, 1, 2].map(|c: usize| channels[c][at].round() as u8))
        .collect();
    let mut kinds: Vec<(&str, Vec<f32>)> = Vec::new();
    for thing in &scene.things {
        let alpha = mean(&|at| f32::from(u8::from(usize::from(scene.truth[at]) == thing.kind + 1)));
        let is_new = kinds.iter().all(|(name, _)| *name != thing.name);
        if is_new && alpha.iter().sum::<f32>() > 64.0 {
            kinds.push((THINGS[thing.kind].name, alpha));
        }
    }
    Smaller {
        picture: Picture::from_rgb(width as u32, height as u32, rgb).unwrap(),
        kinds,
    }
}

/// Sums over pixels near the true border, for each way to alpha.
#[derive(Default, Clone, Copy)]
struct Errors {
    absolute: f64,
    squares: f64,
    pixels: f64,
}

impl Errors {
    fn add(&mut self, found: &[f32], truth: &[f32], width: usize) {
        let near = near(truth, width);
        for ((found, truth), _) in found.iter().zip(truth).zip(near).filter(|row| row.1) {
            let error = f64::from(found - truth);
            self.absolute += error.abs();
            self.squares += error * error;
            self.pixels += 1.0;
        }
    }

    fn mean_square(&self) -> f64 {
        self.squares / self.pixels
    }
}

/// Whether within 8 pixels there is something of both sides.
fn near(truth: &[f32], width: usize) -> Vec<bool> {
    let labels = truth.iter().map(|alpha| u8::from(*alpha > 0.5)).collect();
    let height = truth.len() / width;
    let map = LabelMap::new(width as u32, height as u32, labels).unwrap();
    let (below, above) = (blurred(&map, 1, 8, 0.0), blurred(&map, 1, 8, 1.0));
    below
        .iter()
        .zip(above)
        .map(|(low, high)| *low > 0.0 && high < 1.0)
        .collect()
}

/// A class blurred by a square, what is outside of the picture being `beyond`.
fn blurred(map: &LabelMap, class: u8, reach: isize, beyond: f32) -> Vec<f32> {
    let inside: Vec<f32> = map
        .labels()
        .iter()
        .map(|l| f32::from(u8::from(*l == class)))
        .collect();
    let (width, height) = (map.width() as isize, map.height() as isize);
    let line = |plane: &[f32], down: isize, across: isize| -> Vec<f32> {
        let mean = |at: usize| {
            let (x, y) = (at as isize % width, at as isize / width);
            let value = |n: isize| {
                let (x, y) = (x + n * across, y + n * down);
                let is_in = (0..width).contains(&x) && (0..height).contains(&y);
                if is_in {
                    plane[(y * width + x) as usize]
                } else {
                    beyond
                }
            };
            (-reach..=reach).map(value).sum::<f32>() / (2 * reach + 1) as f32
        };
        (0..plane.len()).map(mean).collect()
    };
    line(&line(&inside, 0, 1), 1, 0)
}

fn fractions(alpha: &[u8]) -> Vec<f32> {
    alpha
        .iter()
        .map(|alpha| f32::from(*alpha) / 255.0)
        .collect()
}

const WAYS: [&str; 5] = [
    "hard edge",
    "feathered by blur, 3 pixels",
    "the scores' margin alone",
    "matte of labels",
    "matte of labels and scores",
];

/// Errors of the ways that go on from labels, the first two and that before the last.
fn by_labels(
    errors: &mut [Errors; 5],
    map: &LabelMap,
    class: u8,
    picture: &Picture,
    truth: &[f32],
) {
    let width = map.width() as usize;
    let soft = matte(map, picture, &[class], 4, &()).unwrap();
    errors[0].add(&blurred(map, class, 0, 0.0), truth, width);
    errors[1].add(&blurred(map, class, 1, 0.0), truth, width);
    errors[3].add(&fractions(soft.alpha()), truth, width);
}

/// Errors of all ways that go on from an answer.
fn by_answer(errors: &mut [Errors; 5], answer: &Segmentation, class: usize, truth: &[f32]) {
    let (map, label) = (answer.labels(), class as u8);
    let pixels = || {
        map.labels()
            .iter()
            .map(|l| *l == label)
            .zip(truth.iter().map(|t| *t > 0.5))
    };
    let common = pixels().filter(|(given, there)| *given && *there).count();
    let either = pixels().filter(|(given, there)| *given || *there).count();
    // Where a thing was missed, its edge was too.
    if common * 4 < either * 3 {
        return;
    }
    by_labels(errors, map, label, answer.picture(), truth);
    let scores = answer.scores(class).unwrap();
    let margin: Vec<f32> = scores
        .iter()
        .map(|p| (2.0 * p - 0.5).clamp(0.0, 1.0))
        .collect();
    let soft = answer.matte(&[class], Some(4)).unwrap();
    errors[2].add(&margin, truth, map.width() as usize);
    errors[4].add(&fractions(soft.alpha()), truth, map.width() as usize);
}

fn answer(
    segmenter: &Segmenter,
    picture: &Picture,
    names: &[&str],
    steps: &[&str],
) -> Segmentation {
    let options = Options {
        refine: Some(steps.iter().map(|step| step.parse().unwrap()).collect()),
        ..Options::default()
    };
    let (encode, progress) = (EncodeOptions::default(), &mut NoProgress);
    let image = block_on(segmenter.encode(picture.clone(), &encode, progress)).unwrap();
    let words = parse_words(names).unwrap();
    block_on(segmenter.segment(&image, &words, &options, progress)).unwrap()
}

#[test]
fn matte_is_nearer_to_true_alpha_than_hard_and_blurred_edges() {
    let bundle = &mut Bundle::built_in().unwrap();
    let segmenter = block_on(Segmenter::load(bundle, Preference::Cpu)).unwrap();
    let [mut from_truth, mut from_scores, mut from_edges] = [[Errors::default(); 5]; 3];
    for seed in 1000..1012 {
        let Smaller { picture, kinds } = smaller(seed);
        let names: Vec<&str> = kinds.iter().map(|kind| kind.0).collect();
        let answers = [&["pamr"][..], &["pamr", "edges"]]
            .map(|steps| answer(&segmenter, &picture, &names, steps));
        for (class, (_, truth)) in kinds.iter().enumerate() {
            let labels = truth.iter().map(|alpha| u8::from(*alpha > 0.5)).collect();
            let map = LabelMap::new(picture.width(), picture.height(), labels).unwrap();
            by_labels(&mut from_truth, &map, 1, &picture, truth);
            by_answer(&mut from_scores, &answers[0], class, truth);
            by_answer(&mut from_edges, &answers[1], class, truth);
        }
    }
    println!("| from | alpha by | SAD, % | MSE, 1e-3 |");
    for (from, errors) in [
        ("true labels", from_truth),
        ("labels of scores", from_scores),
        ("labels along edges", from_edges),
    ] {
        for (way, errors) in WAYS
            .iter()
            .zip(errors)
            .filter(|(_, errors)| errors.pixels > 0.0)
        {
            let sad = 100.0 * errors.absolute / errors.pixels;
            println!(
                "| {from} | {way} | {sad:.2} | {:.2} |",
                1e3 * errors.mean_square()
            );
        }
    }
    let [hard, blur, _, soft, _] = from_truth.map(|errors| errors.mean_square());
    assert!(soft < 0.25 * hard && soft < 0.5 * blur);
    // Most of the error is that of the labels.
    let [hard, blur, margin, soft, all] = from_scores.map(|errors| errors.mean_square());
    assert!(all < soft && soft < hard && soft < blur && soft < margin);
    // Labels along edges know more than the scores.
    let [hard, blur, margin, soft, all] = from_edges.map(|errors| errors.mean_square());
    assert!(all == soft && soft < hard && soft < blur && soft < margin);
}

// ---------------------------------------------------------------------------------------- pictures

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The cup of a scene cut out, from (x, y) on, four times as large: its hard edge on white, then its
/// soft edge on white, on dark and on the blurred scene.
fn edges() -> Picture {
    const SIDE: usize = 48;
    const CORNER: [usize; 2] = [196, 70];
    let picture = std::fs::read(fixture("scenes/heart-and-cup.png")).unwrap();
    let picture = Picture::decode(&picture).unwrap();
    let labels = std::fs::read(fixture("scenes/heart-and-cup.mask.png")).unwrap();
    let map = read_label_png(&labels).unwrap();
    let white = Backdrop::Color([255; 3]);
    let dark = Backdrop::Color([16, 16, 24]);
    let ways = [
        (0, &white),
        (4, &white),
        (4, &dark),
        (4, &Backdrop::Blur(6.0)),
    ];
    let panels = ways.map(|(feather, backdrop)| {
        let matte = matte(&map, &picture, &[23], feather, &()).unwrap();
        cutout(&picture, &matte, feather, false, backdrop)
            .unwrap()
            .rgba
    });
    let width = picture.width() as usize;
    let large = 4 * SIDE;
    let mut rgb = Vec::with_capacity(panels.len() * large * large * 3);
    for y in 0..large {
        for panel in &panels {
            for x in 0..large {
                let at = (CORNER[1] + y / 4) * width + CORNER[0] + x / 4;
                rgb.extend_from_slice(&panel[at * 4..at * 4 + 3]);
            }
        }
    }
    Picture::from_rgb((panels.len() * large) as u32, large as u32, rgb).unwrap()
}

#[test]
fn edge_of_a_cutout_looks_as_it_did() {
    let found = edges();
    let save = Path::new(env!("CARGO_TARGET_TMPDIR")).join("edges.png");
    let white = LabelMap::new(
        found.width(),
        found.height(),
        vec![255; found.rgb().len() / 3],
    );
    let legend = wordmask::mask::Legend::new(Vec::new()).unwrap();
    let file = wordmask::mask::overlay_png(&white.unwrap(), &legend, &found, 0.0).unwrap();
    std::fs::write(&save, file).unwrap();
    let expected = std::fs::read(fixture("matte/edges.png")).unwrap();
    let expected = Picture::decode(&expected).unwrap();
    let differences = found
        .rgb()
        .iter()
        .zip(expected.rgb())
        .map(|(a, b)| a.abs_diff(*b));
    let worst = differences.max().unwrap();
    assert!(
        worst <= 2,
        "{worst} levels apart. Look at {} and, if it is better, make it tests/fixtures/matte/edges.png.",
        save.display()
    );
}
