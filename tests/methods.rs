//! Every method and refinement where inputs are at their limits, on the built-in model.

#![allow(missing_docs, clippy::unwrap_used)]

use pollster::block_on;
use wordmask::bundle::Bundle;
use wordmask::dense::Method;
use wordmask::dense::clip_diy::Budget;
use wordmask::device::{Compute, Preference};
use wordmask::image::Picture;
use wordmask::mask::{LabelMap, Rle};
use wordmask::progress::{NoProgress, Progress};
use wordmask::prompt::{Class, parse_words};
use wordmask::quant::WeightSource;
use wordmask::refine::Refinement;
use wordmask::segmenter::{
    Background, EncodeOptions, EncodedImage, Options, Parameters, Pipeline, Windows,
};
use wordmask::{Error, Segmentation, Segmenter, scene};

/// The built-in model, to which these words are known by made-up vectors: embedding hundreds of
/// words is not what is tested here.
fn segmenter(words: &[String]) -> Segmenter {
    let segmenter = block_on(Segmenter::load(
        &mut Bundle::built_in().unwrap(),
        Preference::Cpu,
    ))
    .unwrap();
    let width = segmenter.manifest().architecture.projection;
    let vector = |seed: usize| {
        let values = (0..width).map(|i| ((i * 7 + 3) as f32 * (seed as f32 + 1.3)).sin());
        let row: Vec<f32> = values.collect();
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        row.into_iter().map(|v| v / length).collect::<Vec<f32>>()
    };
    let known = words
        .iter()
        .enumerate()
        .map(|(i, w)| (w.clone(), vector(i)));
    segmenter.add_names(known.collect()).unwrap();
    segmenter
}

fn words(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("word {i}")).collect()
}

fn picture(seed: u64) -> Picture {
    let scene = scene::generate(seed);
    Picture::from_rgb(scene.width as u32, scene.height as u32, scene.rgb).unwrap()
}

fn encode(
    segmenter: &Segmenter,
    picture: Picture,
    windows: Windows,
) -> Result<EncodedImage, Error> {
    let options = EncodeOptions {
        windows,
        ..EncodeOptions::default()
    };
    block_on(segmenter.encode(picture, &options, &mut NoProgress))
}

fn segment(
    segmenter: &Segmenter,
    image: &EncodedImage,
    classes: &[Class],
    setting: &Pipeline,
    background: Background,
) -> Segmentation {
    let mut options = Options {
        background,
        ..Options::from(setting.clone())
    };
    options.parameters.crops = Budget::Ten;
    options.parameters.regions = 3;
    block_on(segmenter.segment(image, classes, &options, &mut NoProgress)).unwrap()
}

/// Every pipeline; at several scales, which take many times as long, those of two methods alone.
fn pipelines() -> Vec<Pipeline> {
    let mut all = Pipeline::all();
    all.retain(|pipeline| {
        let tried = matches!(pipeline.method, Method::MaskClip | Method::ScClip);
        !pipeline.multi_scale || (tried && pipeline.refine.is_empty())
    });
    all
}

/// Shares add up to at most the whole, scores are probabilities, and pixels are labelled with
/// classes that were asked for.
fn check(answer: &Segmentation, setting: &Pipeline, classes: usize) {
    let shares: f64 = answer.classes().iter().map(|c| c.fraction).sum();
    assert!(shares <= 1.0 + 1e-9, "{setting}: {shares}");
    for &label in answer.labels().labels() {
        assert!(
            label == 255 || usize::from(label) < classes,
            "{setting}: {label}"
        );
    }
    let scores = answer.scores(classes - 1).unwrap();
    assert!(
        scores.iter().all(|s| (0.0..=1.0001).contains(s)),
        "{setting}"
    );
}

#[test]
fn segment_takes_one_class_with_and_without_background() {
    let words = words(3);
    let segmenter = segmenter(&words);
    let classes = parse_words(&words[..1]).unwrap();
    let image = encode(&segmenter, picture(3), Windows::Auto).unwrap();
    for setting in pipelines() {
        let alone = segment(&segmenter, &image, &classes, &setting, Background::None);
        check(&alone, &setting, 1);
        // Nothing else is there to be.
        assert_eq!(alone.classes()[0].fraction, 1.0, "{setting}");
        let background = Background::Words(words[1..].to_vec());
        check(
            &segment(&segmenter, &image, &classes, &setting, background),
            &setting,
            1,
        );
    }
}

#[test]
fn segment_takes_two_hundred_classes() {
    let words = words(200);
    let segmenter = segmenter(&words);
    let classes = parse_words(&words).unwrap();
    let image = encode(&segmenter, picture(4), Windows::Auto).unwrap();
    for method in Method::ALL {
        let setting = Pipeline {
            method,
            residual: false,
            multi_scale: false,
            refine: vec![
                Refinement::PromptDenoising,
                Refinement::Tlp,
                Refinement::Pamr,
            ],
        };
        let answer = segment(&segmenter, &image, &classes, &setting, Background::None);
        check(&answer, &setting, 200);
    }
}

#[test]
fn segment_takes_one_cell_and_one_color() {
    let words = words(3);
    let segmenter = segmenter(&words);
    let classes = parse_words(&words[..2]).unwrap();
    let one_color = |width, height| {
        Picture::from_rgb(width, height, vec![90; (width * height * 3) as usize]).unwrap()
    };
    let small = EncodeOptions {
        size: Some(1),
        ..EncodeOptions::default()
    };
    for (picture, options) in [
        (one_color(1, 1), small),
        (picture(5), small),
        (one_color(40, 30), EncodeOptions::default()),
    ] {
        let image = block_on(segmenter.encode(picture, &options, &mut NoProgress)).unwrap();
        for setting in pipelines() {
            let background = Background::Words(words[2..].to_vec());
            let answer = segment(&segmenter, &image, &classes, &setting, background);
            check(&answer, &setting, 2);
        }
    }
}

#[test]
fn encode_in_smaller_windows_sees_the_same_picture() {
    // Words that mean something here: between made-up ones there is nothing to agree on.
    let segmenter = segmenter(&[]);
    let classes = parse_words(&["grass", "sky", "water", "brick"]).unwrap();
    let picture = picture(6);
    let whole = encode(&segmenter, picture.clone(), Windows::Whole).unwrap();
    let side = whole.grid().rows.min(whole.grid().cols) as u32 * 8;
    let slide = |size, stride| encode(&segmenter, picture.clone(), Windows::Slide { size, stride });
    let windows = slide(side / 2, side / 4).unwrap();
    assert_eq!(windows.grid(), whole.grid());
    for method in Method::ALL.into_iter().filter(|m| m.is_dense()) {
        let setting = Pipeline {
            method,
            residual: false,
            multi_scale: false,
            refine: vec![Refinement::KeySmoothing],
        };
        let labels = |image: &EncodedImage| {
            let answer = segment(&segmenter, image, &classes, &setting, Background::None);
            check(&answer, &setting, 4);
            answer.labels().labels().to_vec()
        };
        let (a, b) = (labels(&whole), labels(&windows));
        let alike = a.iter().zip(&b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64;
        // Two halves see less of the picture; they must not see another one.
        assert!(alike > 0.5, "{method}: {alike}");
    }
    for (size, stride) in [(side + 8, 8), (0, 8), (16, 0), (16, 24)] {
        assert_eq!(slide(size, stride).unwrap_err().code(), "input");
    }
}

#[test]
fn label_is_that_of_segment() {
    let words = words(60);
    let segmenter = segmenter(&words);
    let named = ["grass", "sky", "water", "brick", "star", "car"].map(String::from);
    for (names, background) in [
        (&words[..], Background::None),
        (&named, Background::Auto),
        (&words[..5], Background::Words(words[5..].to_vec())),
    ] {
        let classes = parse_words(names).unwrap();
        for seed in 9..12 {
            let image = encode(&segmenter, picture(seed), Windows::Auto).unwrap();
            for setting in [
                "maskclip",
                "maskclip+pamr",
                "pearl+tlp+pamr",
                "maskclip+prompt-denoising+pamr",
                "maskclip+pamr+prompt-denoising",
            ] {
                for threshold in [0.0, 0.2] {
                    let setting: Pipeline = setting.parse().unwrap();
                    let options = Options {
                        background: background.clone(),
                        threshold,
                        ..Options::from(setting.clone())
                    };
                    let labels =
                        block_on(segmenter.label(&image, &classes, &options, &mut NoProgress));
                    let answer =
                        block_on(segmenter.segment(&image, &classes, &options, &mut NoProgress));
                    assert_eq!(&labels.unwrap(), answer.unwrap().labels(), "{setting}");
                }
            }
        }
    }
}

#[test]
fn segment_progressive_answers_coarsely_first() {
    let words = words(3);
    let segmenter = segmenter(&words);
    let classes = parse_words(&words).unwrap();
    let image = encode(&segmenter, picture(7), Windows::Auto).unwrap();
    let options = Options {
        method: Some(Method::ClipDiy),
        background: Background::None,
        parameters: Parameters {
            crops: Budget::TwentySix,
            ..Parameters::default()
        },
        ..Options::default()
    };
    let mut coarse = 0;
    let answer = block_on(segmenter.segment_progressive(
        &image,
        &classes,
        &options,
        &mut NoProgress,
        &mut |part| {
            assert_eq!(part.classes().len(), 3);
            coarse += 1;
        },
    ));
    assert!(answer.is_ok());
    assert_eq!(coarse, 2);
}

#[test]
fn segment_refuses_what_cannot_be_done_and_goes_on() {
    let words = words(2);
    let segmenter = segmenter(&words);
    let classes = parse_words(&words).unwrap();
    let image = encode(&segmenter, picture(8), Windows::Auto).unwrap();
    let bad = |options: Options| {
        let error =
            block_on(segmenter.segment(&image, &classes, &options, &mut NoProgress)).unwrap_err();
        assert_eq!(error.code(), "input", "{error}");
    };
    let options = Options::default;
    bad(Options {
        parameters: Parameters {
            regions: 0,
            ..Parameters::default()
        },
        ..options()
    });
    bad(Options {
        threshold: f32::NAN,
        ..options()
    });
    bad(Options {
        method: Some(Method::ClipDiy),
        refine: Some(vec![Refinement::KeySmoothing]),
        ..options()
    });
    let map = LabelMap::new(3, 3, vec![0; 9]).unwrap();
    let mask = Rle::from_class(&map, 0).unwrap();
    let error =
        block_on(segmenter.classify(&image, &[mask], &classes, &mut NoProgress)).unwrap_err();
    assert!(error.to_string().contains("Mask 1"), "{error}");
    assert_eq!(
        segmenter.region_at(&image, 10_000, 0).unwrap_err().code(),
        "input"
    );
    assert_eq!(
        segmenter
            .add_names(vec![("x".into(), vec![1.0])])
            .unwrap_err()
            .code(),
        "input"
    );
    let region = segmenter.region_at(&image, 5, 5).unwrap();
    let named = block_on(segmenter.classify(&image, &[region], &classes, &mut NoProgress)).unwrap();
    assert!((named[0].iter().sum::<f32>() - 1.0).abs() < 1e-5);
}

/// Counts steps, and stops at one of them.
#[derive(Default)]
struct Steps {
    taken: usize,
    stop_at: Option<usize>,
}

impl Progress for Steps {
    async fn step(&mut self, _done: usize, _total: usize) -> Result<(), Error> {
        self.taken += 1;
        match self.stop_at {
            Some(at) if self.taken > at => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
}

fn several_scales(background: Background) -> Options {
    Options {
        background,
        ..Options::from("maskclip+multi-scale".parse::<Pipeline>().unwrap())
    }
}

#[test]
fn multi_scale_answers_first_as_one_scale_does() {
    let segmenter = segmenter(&[]);
    let classes = parse_words(&["grass", "sky", "car"]).unwrap();
    let image = encode(&segmenter, picture(11), Windows::Auto).unwrap();
    let plain = "maskclip".parse::<Pipeline>().unwrap();
    let one = segment(&segmenter, &image, &classes, &plain, Background::None);
    let options = several_scales(Background::None);
    let mut steps = Steps::default();
    let mut partial = Vec::new();
    let last = block_on(segmenter.segment_progressive(
        &image,
        &classes,
        &options,
        &mut steps,
        &mut |answer| partial.push(answer.labels().clone()),
    ))
    .unwrap();
    assert_eq!(partial.len(), 2);
    assert_eq!(&partial[0], one.labels());
    assert_ne!(&partial[0], last.labels());
    assert!(steps.taken > 0);

    // Other words find the scales read, and get the last answer at once.
    let mut steps = Steps::default();
    let others = parse_words(&["wall", "road"]).unwrap();
    let again =
        block_on(
            segmenter.segment_progressive(&image, &others, &options, &mut steps, &mut |_| {
                panic!("a coarse answer though all scales are there")
            }),
        );
    assert_eq!(again.unwrap().classes().len(), 2);
    assert_eq!(steps.taken, 0);
}

#[test]
fn multi_scale_keeps_a_time_limit() {
    let segmenter = segmenter(&[]);
    let classes = parse_words(&["grass", "sky", "car"]).unwrap();
    let picture = picture(12);
    let plain = "maskclip".parse::<Pipeline>().unwrap();
    let whole = encode(&segmenter, picture.clone(), Windows::Auto).unwrap();
    let one = segment(&segmenter, &whole, &classes, &plain, Background::None);
    let image = encode(&segmenter, picture, Windows::Auto).unwrap();
    let mut options = several_scales(Background::None);
    options.parameters.max_seconds = Some(0.0);
    let progress = &mut NoProgress;
    let limited = block_on(segmenter.segment(&image, &classes, &options, progress)).unwrap();
    assert_eq!(limited.labels(), one.labels());
    options.parameters.max_seconds = None;
    let unlimited = block_on(segmenter.segment(&image, &classes, &options, progress)).unwrap();
    assert_ne!(unlimited.labels(), one.labels());
    for seconds in [-1.0, f32::NAN] {
        options.parameters.max_seconds = Some(seconds);
        let refused = block_on(segmenter.segment(&image, &classes, &options, progress));
        assert_eq!(refused.unwrap_err().code(), "input");
    }
}

#[test]
fn multi_scale_goes_on_after_it_was_stopped() {
    let segmenter = segmenter(&[]);
    let classes = parse_words(&["grass", "sky", "car"]).unwrap();
    let options = several_scales(Background::None);
    let whole = encode(&segmenter, picture(13), Windows::Auto).unwrap();
    let progress = &mut NoProgress;
    let expected = block_on(segmenter.segment(&whole, &classes, &options, progress)).unwrap();
    let image = encode(&segmenter, picture(13), Windows::Auto).unwrap();
    for stop_at in [0, 3, 7] {
        let mut steps = Steps {
            stop_at: Some(stop_at),
            ..Steps::default()
        };
        let stopped = block_on(segmenter.segment(&image, &classes, &options, &mut steps));
        assert_eq!(stopped.unwrap_err(), Error::Cancelled);
    }
    let answer = block_on(segmenter.segment(&image, &classes, &options, progress)).unwrap();
    assert_eq!(answer.labels(), expected.labels());
    assert_eq!(answer.scores(0), expected.scores(0));
}

/// A bundle whose matrices are computed with as what they stand for, in f32.
struct Exact(Bundle);

impl WeightSource for Exact {
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        self.0.values(name, shape)
    }
}

/// Same answers everywhere: quantised kernels answer as f32 does, which GPUs compute.
#[test]
fn segment_answers_alike_with_quantised_kernels() {
    let mut bundle = Bundle::built_in().unwrap();
    let packed = block_on(Segmenter::load(&mut bundle, Preference::Cpu)).unwrap();
    let bundle = Bundle::built_in().unwrap();
    let manifest = bundle.manifest().clone();
    let ready = bundle.words().words.clone();
    let exact = Segmenter::build(manifest, &mut Exact(bundle), Compute::cpu()).unwrap();
    exact.add_names(ready).unwrap();
    assert_agree(&packed, &exact, pipelines());
}

/// The same of a GPU, where there is one; browsers always compare (`tests/parity.e2e.mjs`).
#[test]
fn segment_answers_alike_on_a_gpu() {
    let load = |device| block_on(Segmenter::load(&mut Bundle::built_in().unwrap(), device));
    let gpu = match load(Preference::WebGpu) {
        Ok(gpu) => gpu,
        Err(why) => return println!("not tested: {why}"),
    };
    // All settings take minutes on a software adapter. Of the refinements only key smoothing has a
    // part on the GPU.
    let mut settings = pipelines();
    settings.retain(|s| match s.refine[..] {
        [] | [Refinement::KeySmoothing] => true,
        _ => s.method == Method::MaskClip,
    });
    assert_agree(&gpu, &load(Preference::Cpu).unwrap(), settings);
}

/// Asserts that two segmenters answer alike by each of these settings.
fn assert_agree(a: &Segmenter, b: &Segmenter, settings: Vec<Pipeline>) {
    for setting in settings {
        let (alike, difference) = agreement(a, b, &setting);
        println!(
            "{setting}: {:.2} % alike, scores within {difference:.1e}",
            100.0 * alike
        );
        assert!(alike >= 0.995, "{setting}: only {alike} alike");
        assert!(
            difference <= limit(setting.method),
            "{setting}: off by {difference}"
        );
    }
}

/// How far single scores may be apart.
fn limit(method: Method) -> f32 {
    match method {
        // Its scores are multiplied by a guide at 256 x 256 cells and then divided by their sum, so that what
        // rounding does to an eigenvector counts most where every class is unlikely.
        Method::ClipDiy => 1.5e-2,
        _ => 1e-2,
    }
}

/// The share of pixels labelled alike, and the largest difference of a score.
fn agreement(a: &Segmenter, b: &Segmenter, setting: &Pipeline) -> (f64, f32) {
    let (mut alike, mut difference, mut pixels) = (0, 0.0f32, 0);
    for seed in 20..24 {
        let scene = scene::generate(seed);
        let mut names: Vec<String> = scene.things.iter().map(|t| t.name.into()).collect();
        names.dedup();
        let classes = parse_words(&names).unwrap();
        let answer = |segmenter: &Segmenter| {
            let image = encode(segmenter, picture(seed), Windows::Auto).unwrap();
            segment(segmenter, &image, &classes, setting, Background::Auto)
        };
        let (a, b) = (answer(a), answer(b));
        let labels = a.labels().labels().iter().zip(b.labels().labels());
        alike += labels.filter(|(a, b)| a == b).count();
        pixels += a.labels().labels().len();
        for class in 0..classes.len() {
            let (a, b) = (a.scores(class).unwrap(), b.scores(class).unwrap());
            let scores = a.into_iter().zip(b);
            difference = scores.fold(difference, |most, (a, b)| most.max((a - b).abs()));
        }
    }
    (alike as f64 / pixels as f64, difference)
}
