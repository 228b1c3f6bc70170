//! Picture files that decoders read differently, and pictures of every shape through every method.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

use pollster::block_on;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wordmask::bundle::Bundle;
use wordmask::clip::VisionConfig;
use wordmask::dense::Method;
use wordmask::dense::clip_diy::Budget;
use wordmask::device::Compute;
use wordmask::image::{MAX_CELLS, MAX_PIXELS, MAX_SIDE, Picture, read_dimensions};
use wordmask::progress::NoProgress;
use wordmask::prompt::{Class, parse_words};
use wordmask::quant::WeightSource;
use wordmask::segmenter::{
    Background, EncodeOptions, EncodedImage, Guidance, Options, Parameters, Pipeline,
};
use wordmask::{Error, Result, Segmentation, Segmenter};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
    std::fs::read(folder.join(name)).unwrap()
}

/// A picture whose size is that of its headers.
fn decode(file: &[u8]) -> Picture {
    let picture = Picture::decode(file).unwrap();
    let size = (picture.width(), picture.height());
    assert_eq!(read_dimensions(file).unwrap(), size);
    picture
}

fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
    let start = ((y * picture.width() + x) * 3) as usize;
    picture.rgb()[start..start + 3].try_into().unwrap()
}

fn size(picture: &Picture) -> (u32, u32) {
    (picture.width(), picture.height())
}

// ------------------------------------------------------------------------------------------ files

#[test]
fn decode_turns_a_jpeg_and_a_webp_alike() {
    let (jpeg, webp) = (
        decode(&fixture("phone_exif6.jpg")),
        decode(&fixture("phone_exif6.webp")),
    );
    assert_eq!((size(&jpeg), size(&webp)), ((320, 256), (320, 256)));
    let differences = jpeg
        .rgb()
        .iter()
        .zip(webp.rgb())
        .map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = differences.map(u64::from).sum();
    let mean = sum as f64 / jpeg.rgb().len() as f64;
    assert!(mean < 5.0, "{mean}");
}

#[test]
fn decode_takes_the_first_of_two_exif_blocks() {
    assert_eq!(size(&decode(&fixture("exif6_twice_then1.jpg"))), (64, 96));
}

#[test]
fn decode_takes_the_default_image_of_an_apng() {
    let file = fixture("apng_default.png");
    let mut still = file.clone();
    // Renamed to an unknown chunk that may be ignored, so that nothing declares an animation.
    let control = still.windows(4).position(|name| name == b"acTL").unwrap();
    still[control..control + 4].copy_from_slice(b"acTl");
    let picture = decode(&file);
    assert_eq!(size(&picture), (96, 64));
    assert_eq!(picture, decode(&still));
    // The first frame is all of this colour.
    assert_ne!(pixel(&picture, 48, 32), [255, 0, 255]);
}

#[test]
fn decode_leaves_what_a_frame_does_not_cover_transparent() {
    let picture = decode(&fixture("anim_partial.webp"));
    assert_eq!(size(&picture), (96, 64));
    for y in 0..64 {
        for x in 0..96 {
            let inside = (24..72).contains(&x) && (16..48).contains(&y);
            // The decoder loses a level where it blends a frame with the empty ground.
            let (expected, tolerance) = if inside {
                ([250, 200, 60], 1)
            } else {
                ([255; 3], 0)
            };
            for (found, expected) in pixel(&picture, x, y).into_iter().zip(expected) {
                assert!(found.abs_diff(expected) <= tolerance, "({x}, {y})");
            }
        }
    }
}

#[test]
fn decode_needs_no_metadata_that_a_webp_promises() {
    let file = fixture("exifflag_noexif.webp");
    let picture = decode(&file);
    assert_eq!(size(&picture), (96, 64));
    assert_eq!(pixel(&picture, 0, 0), [250, 200, 60]);
    // Profile, EXIF data and XMP; then all of that and transparency.
    for flags in [0x2C, 0x3C] {
        let mut file = file.clone();
        file[20] = flags;
        assert_eq!(decode(&file), picture, "{flags:x}");
    }
}

#[test]
fn decode_reads_four_channels_of_a_jpeg() {
    let picture = decode(&fixture("ycck.jpg"));
    // As ImageMagick and Chromium show it.
    for (found, expected) in pixel(&picture, 0, 0).into_iter().zip([255u8, 0, 40]) {
        assert!(found.abs_diff(expected) <= 2, "{picture:?}");
    }
}

#[test]
fn decode_does_not_call_broken_what_is_not_supported() {
    for (name, why) in [
        ("arith.jpg", "arithmetic coding"),
        ("bits12.jpg", "12 bits"),
        ("cgbi.png", "CgBI"),
        ("x.ico", "ICO"),
    ] {
        let file = fixture(name);
        for error in [
            Picture::decode(&file).unwrap_err(),
            read_dimensions(&file).unwrap_err(),
        ] {
            assert!(matches!(error, Error::Unsupported(_)), "{name}: {error}");
            let message = error.to_string();
            for part in [
                why,
                "not supported",
                "save it as an ordinary JPEG, PNG or WebP",
            ] {
                assert!(message.contains(part), "{name}: {message}");
            }
            assert!(!message.contains("broken"), "{name}: {message}");
        }
    }
}

// ----------------------------------------------------------------------------------------- shapes

/// Drawn weights, small enough that no layer runs away.
struct Drawn;

impl WeightSource for Drawn {
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let seed = name.bytes().map(f32::from).sum::<f32>();
        let count = shape.iter().product::<usize>();
        Ok((0..count)
            .map(|i| 0.2 * (seed + i as f32 * 1.7).sin())
            .collect())
    }
}

const WORDS: [&str; 3] = ["one", "two", "three"];

/// A narrow tower with patches of this side, and vectors for [`WORDS`].
fn narrow(patch: usize) -> Segmenter {
    let mut manifest = Bundle::built_in().unwrap().manifest().clone();
    manifest.picture_size = 336;
    manifest.architecture.vision = VisionConfig {
        image_size: 7 * patch,
        patch,
        width: 16,
        layers: 2,
        heads: 1,
        mlp: 16,
        ..manifest.architecture.vision
    };
    let width = manifest.architecture.projection;
    let segmenter = Segmenter::build(manifest, &mut Drawn, Compute::cpu()).unwrap();
    let vector = |seed: usize| {
        let row: Vec<f32> = (0..width)
            .map(|i| ((i * 7 + seed * 5) as f32).sin())
            .collect();
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        row.into_iter().map(|v| v / length).collect()
    };
    let known = WORDS
        .iter()
        .enumerate()
        .map(|(i, word)| ((*word).into(), vector(i)));
    segmenter.add_names(known.collect()).unwrap();
    segmenter
}

/// A picture with something to see along both sides.
fn drawn(width: u32, height: u32) -> Picture {
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            rgb.extend([
                (x / 3) as u8,
                (y / 3) as u8,
                ((x / 64 + y / 64) % 2 * 200) as u8,
            ]);
        }
    }
    Picture::from_rgb(width, height, rgb).unwrap()
}

fn encode(segmenter: &Segmenter, width: u32, height: u32) -> Result<EncodedImage> {
    let options = EncodeOptions::default();
    block_on(segmenter.encode(drawn(width, height), &options, &mut NoProgress))
}

fn segment(
    segmenter: &Segmenter,
    image: &EncodedImage,
    setting: &Pipeline,
    guidance: Guidance,
) -> Result<Segmentation> {
    let classes = parse_words(&WORDS[..2])?;
    let options = Options {
        background: Background::Words(vec![WORDS[2].into()]),
        parameters: Parameters {
            residual: setting.residual,
            multi_scale: Some(setting.multi_scale),
            crops: Budget::Ten,
            guidance,
            regions: 3,
            ..Parameters::default()
        },
        ..Options::from(setting.clone())
    };
    block_on(segmenter.segment(image, &classes, &options, &mut NoProgress))
}

/// Every method, plain and with refinements two at a time, which all occur; at several scales, which
/// take many times as long, one.
fn settings() -> impl Iterator<Item = Pipeline> {
    let all = Pipeline::all().into_iter();
    all.filter(|setting| setting.refine.len() != 1)
        .filter(|setting| !setting.multi_scale || setting.method == Method::NaClip)
}

/// Asserts what holds of any grid: at least a cell each way, at most the most, and squares that are
/// stretched less than twice unless the picture is longer than any grid.
fn check_grid(image: &EncodedImage, patch: u32) {
    let (width, height) = size(image.picture());
    let grid = image.grid();
    assert!(grid.rows >= 1 && grid.cols >= 1);
    assert!(
        grid.cells() <= MAX_CELLS as usize,
        "{width}x{height}: {grid:?}"
    );
    let most = f64::from(MAX_SIDE / patch);
    let shape = f64::from(width) / f64::from(height);
    let reachable = shape.clamp(1.0 / most, most);
    let stretched = grid.cols as f64 / grid.rows as f64 / reachable;
    assert!(
        (0.5..=2.0).contains(&stretched),
        "{width}x{height}: {grid:?}"
    );
}

/// The strips of people who tried: a panorama, a spectrogram, a ruler. Then the longest there are.
const THIN: [(u32, u32); 5] = [
    (10_000, 8),
    (6600, 100),
    (8, 10_000),
    (MAX_SIDE, 1),
    (1, MAX_SIDE),
];

#[test]
fn segment_takes_thin_pictures_with_every_method() {
    for patch in [16, 32] {
        let segmenter = narrow(patch);
        for (width, height) in THIN {
            let image = encode(&segmenter, width, height).unwrap();
            check_grid(&image, patch as u32);
            for setting in settings() {
                let answer = segment(&segmenter, &image, &setting, Guidance::None);
                let answer = answer.unwrap_or_else(|e| panic!("{width}x{height}, {setting}: {e}"));
                let labels = answer.labels();
                assert_eq!((labels.width(), labels.height()), (width, height));
            }
        }
    }
}

#[test]
fn classify_takes_thin_pictures() {
    let segmenter = narrow(16);
    let clip_diy = Pipeline::all()
        .into_iter()
        .find(|s| s.to_string() == "clip-diy");
    let classes: Vec<Class> = parse_words(&WORDS).unwrap();
    for (width, height) in THIN {
        let image = encode(&segmenter, width, height).unwrap();
        let setting = clip_diy.clone().unwrap();
        segment(&segmenter, &image, &setting, Guidance::Features).unwrap();
        let region = segmenter.region_at(&image, width / 2, height / 2).unwrap();
        block_on(segmenter.classify(&image, &[region], &classes, &mut NoProgress)).unwrap();
    }
}

#[test]
fn encode_has_cells_for_pictures_of_every_shape() {
    let segmenters = [(16, narrow(16)), (32, narrow(32))];
    let side = || prop_oneof![1..=4u32, 5..=400u32, 401..=MAX_SIDE, Just(MAX_SIDE)];
    let mut runner = TestRunner::new(Config::with_cases(24));
    let setting = &Pipeline::all()[0];
    runner
        .run(&(side(), side()), |(width, height)| {
            // Up to the limit, but not so large that drawing takes all the time.
            prop_assume!(u64::from(width) * u64::from(height) <= MAX_PIXELS / 16);
            for (patch, segmenter) in &segmenters {
                let image = encode(segmenter, width, height).unwrap();
                check_grid(&image, *patch);
                let answer = segment(segmenter, &image, setting, Guidance::None).unwrap();
                prop_assert_eq!(answer.labels().width(), width);
            }
            Ok(())
        })
        .unwrap();
}
