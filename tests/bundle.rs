//! Bundles that are sound: what goes in comes out. `damaged.rs` has those that are not.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/drawn.rs"]
mod drawn;

use std::path::Path;

use drawn::Shape;
use pollster::block_on;
use wordmask::Segmenter;
use wordmask::bundle::{
    Bundle, BundleMetadata, BundleWriter, Manifest, Part, Pictures, Source, finish, write,
};
use wordmask::dense::Method;
use wordmask::device::Preference;
use wordmask::hub::catalogue;
use wordmask::image::Picture;
use wordmask::import::{Directory, Published, PublishedGuide};
use wordmask::progress::NoProgress;
use wordmask::prompt::parse_line;
use wordmask::quant::{Scheme, WeightSource};
use wordmask::scene::generate;
use wordmask::segmenter::{Background, EncodeOptions, Guidance, Options, Parameters};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const MATRIX: &str = "vision_model.encoder.layers.0.mlp.fc1.weight";
const TOKENS: &str = "text_model.embeddings.token_embedding.weight";

fn files(name: &str) -> Directory {
    Directory::new(&Path::new(ROOT).join("tests/fixtures").join(name)).unwrap()
}

fn published() -> Published {
    Published::open(&files("tiny-clip")).unwrap()
}

fn guide() -> PublishedGuide {
    let head = files("found/decoder_weights.pt");
    PublishedGuide::open(&files("found/model.safetensors"), &head).unwrap()
}

fn about() -> BundleMetadata {
    BundleMetadata {
        name: "tiny".into(),
        description: "It knows nothing.".into(),
        license: "MIT".into(),
        source: Source {
            origin: "a fixture".into(),
            revision: None,
            files: vec![],
        },
        picture_size: None,
        background: vec![],
        pictures: Pictures::default(),
        vocabulary: vec![],
        pipeline: None,
    }
}

fn bundle(scheme: Scheme, guide: Option<PublishedGuide>) -> (tempfile::TempDir, Manifest) {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = BundleWriter::new(
        published().into(),
        guide.map(Into::into),
        scheme,
        about(),
        &[],
    );
    let mut heard = Vec::new();
    let manifest = write(directory.path(), &mut writer, &mut |done, total| {
        heard.push((done, total));
    })
    .unwrap();
    assert_eq!(heard.last(), Some(&(writer.files(), writer.files())));
    assert!(!directory.path().join("wordmask.json").exists());
    finish(directory.path(), &manifest).unwrap();
    (directory, manifest)
}

#[test]
fn bundle_returns_its_weights_once() {
    let config = published().config().vision.clone();
    let shape = [config.mlp, config.width];
    let expected = published().values(MATRIX, &shape).unwrap();
    let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    // Half a step of 127 for q8; for q4 a step of 7, since large numbers may be clipped.
    let schemes = [
        (Scheme::F32, 0.0),
        (Scheme::F16, 1e-3),
        (Scheme::Q8, 4.1e-3),
        (Scheme::Q4, 0.15),
    ];
    for (scheme, tolerance) in schemes {
        let (directory, _) = bundle(scheme, None);
        let mut bundle = Bundle::read(directory.path()).unwrap();
        assert_eq!(bundle.missing().count(), 0);
        bundle.tokenizer().unwrap();
        let actual = bundle.values(MATRIX, &shape).unwrap();
        assert_eq!(actual.len(), expected.len());
        for (a, e) in actual.iter().zip(&expected) {
            let error = (a - e).abs() / largest;
            assert!(error <= tolerance, "{scheme}: {e} became {a}");
        }
        let again = bundle.values(MATRIX, &shape).unwrap_err();
        assert_eq!(again.code(), "internal");
    }
}

#[test]
fn table_returns_the_rows_of_its_matrix() {
    let config = published().config().text.clone();
    let shape = [config.vocabulary, config.width];
    for scheme in [Scheme::F32, Scheme::F16, Scheme::Q8, Scheme::Q4] {
        let (directory, _) = bundle(scheme, None);
        let read = || Bundle::read(directory.path()).unwrap();
        let whole = read().values(TOKENS, &shape).unwrap();
        let table = read().table(TOKENS, shape).unwrap();
        let mut row = vec![0.0; config.width];
        for index in [0, 1, config.vocabulary - 1] {
            table.row(index, &mut row).unwrap();
            assert_eq!(row, whole[index * config.width..][..config.width]);
        }
        assert!(table.row(config.vocabulary, &mut row).is_none());
        assert!(table.row(usize::MAX, &mut row).is_none());
    }
}

#[test]
fn add_refuses_a_file_of_another_bundle() {
    let (directory, _) = bundle(Scheme::Q8, None);
    let mut bundle = Bundle::read(directory.path()).unwrap();
    let error = bundle.add("elsewhere.safetensors", b"").unwrap_err();
    assert_eq!(error.code(), "input");
}

/// The built-in bundle without its files.
fn built_in() -> Bundle {
    let manifest = Path::new(ROOT).join("weights/doodle/wordmask.json");
    Bundle::new(&std::fs::read(manifest).unwrap()).unwrap()
}

fn add(bundle: &mut Bundle, parts: &[Part]) {
    let files = bundle.manifest().files();
    let wanted = files.filter(|(part, _)| parts.contains(part));
    let names: Vec<String> = wanted.map(|(_, entry)| entry.file.clone()).collect();
    for name in names {
        let path = Path::new(ROOT).join("weights/doodle").join(&name);
        bundle.add(&name, &std::fs::read(path).unwrap()).unwrap();
    }
}

#[test]
fn segment_needs_no_text_tower_for_ready_words() {
    let mut bundle = built_in();
    add(&mut bundle, &[Part::Words, Part::Vision]);
    let segmenter = block_on(Segmenter::load(&mut bundle, Preference::Cpu)).unwrap();
    let lacks = |words: &str| {
        let classes = parse_line(words).unwrap();
        segmenter
            .missing_parts(&classes, &Options::default())
            .unwrap()
    };
    assert_eq!(lacks("cat, Red House"), [Part::Tokenizer, Part::Text]);
    assert_eq!(lacks("cat, House"), []);
    let ready = block_on(segmenter.embed_names(&["Cat"], &mut NoProgress)).unwrap();
    let error = block_on(segmenter.embed_names(&["red house"], &mut NoProgress)).unwrap_err();
    assert_eq!(error.code(), "model");

    add(&mut bundle, &[Part::Tokenizer, Part::Text]);
    segmenter.load_parts(&mut bundle).unwrap();
    assert_eq!(lacks("red house"), []);
    // The same tokens, but no name that is ready: both come to the same vector.
    let embedded = block_on(segmenter.embed_names(&["cat "], &mut NoProgress)).unwrap();
    let cosine: f32 = ready[0].iter().zip(&embedded[0]).map(|(a, b)| a * b).sum();
    assert!(cosine > 0.99999, "{cosine}");
    assert_ne!(ready, embedded, "both came from the same place");
}

#[test]
fn segment_is_guided_where_a_bundle_has_a_guide() {
    let scene = generate(3);
    let segment = |segmenter: &Segmenter, guidance| {
        let (width, height) = (scene.width as u32, scene.height as u32);
        let picture = Picture::from_rgb(width, height, scene.rgb.clone())?;
        let options = Options {
            method: Some(Method::ClipDiy),
            background: Background::Words(vec!["sky".into()]),
            refine: Some(vec![]),
            parameters: Parameters {
                guidance,
                ..Parameters::default()
            },
            ..Options::default()
        };
        let encode = EncodeOptions {
            method: options.method,
            ..EncodeOptions::default()
        };
        let image = block_on(segmenter.encode(picture, &encode, &mut NoProgress))?;
        let classes = parse_line("cat, house")?;
        block_on(segmenter.segment(&image, &classes, &options, &mut NoProgress))
    };
    let (directory, manifest) = bundle(Scheme::Q8, Some(guide()));
    assert!(manifest.guide.is_some());
    let mut with = Bundle::read(directory.path()).unwrap();
    let segmenter = block_on(Segmenter::load(&mut with, Preference::Cpu)).unwrap();
    let guided = segment(&segmenter, Guidance::FoundNetwork).unwrap();
    for guidance in [Guidance::None, Guidance::Features] {
        let other = segment(&segmenter, guidance).unwrap();
        assert_ne!(guided.scores(0), other.scores(0), "{guidance:?}");
    }

    let (directory, _) = bundle(Scheme::Q8, None);
    let mut without = Bundle::read(directory.path()).unwrap();
    let segmenter = block_on(Segmenter::load(&mut without, Preference::Cpu)).unwrap();
    let error = segment(&segmenter, Guidance::FoundNetwork).unwrap_err();
    assert_eq!(error.code(), "input");
    assert!(error.to_string().contains("guide"), "{error}");
}

/// The `TinyCLIPs` of the catalogue, as their authors describe them
/// (<https://github.com/microsoft/Cream/tree/main/TinyCLIP/src/open_clip/model_configs>).
const TINY_CLIPS: [(&str, Shape); 4] = [
    ("tinyclip-8m", tiny_clip(256, 10, 16, 256, 3)),
    ("tinyclip-39m", tiny_clip(512, 12, 16, 512, 6)),
    ("tinyclip-40m", tiny_clip(512, 12, 32, 512, 6)),
    ("tinyclip-61m", tiny_clip(640, 12, 32, 512, 9)),
];

const fn tiny_clip(
    vision_width: usize,
    vision_layers: usize,
    patch: usize,
    text_width: usize,
    text_layers: usize,
) -> Shape {
    Shape {
        vision_width,
        vision_layers,
        patch,
        text_width,
        text_layers,
    }
}

#[test]
fn a_tiny_clip_of_each_size_is_imported_and_takes_what_the_catalogue_says() {
    for (name, shape) in TINY_CLIPS {
        let entry = catalogue::find(name).unwrap();
        let files = shape.draw();
        assert_eq!(files.parameters(), entry.parameters, "{name}");
        let published = Published::open(&files).unwrap();
        let mut writer = BundleWriter::new(published.into(), None, entry.scheme, about(), &[]);
        let mut bytes = 0;
        while let Some(file) = writer.next_file().unwrap() {
            if file.entry.file.ends_with(".safetensors") {
                bytes += file.contents.len();
            }
        }
        let told = f64::from(entry.stored_megabytes.of(entry.scheme));
        let ratio = bytes as f64 / 1e6 / told;
        assert!(
            (0.97..1.03).contains(&ratio),
            "{name}: {bytes} bytes, not {told} MB"
        );
        let worst = writer
            .errors()
            .into_iter()
            .map(|e| e.relative)
            .fold(0.0, f64::max);
        assert!(worst < 0.01, "{name} loses {worst}");
    }
}

#[test]
fn the_smallest_tiny_clip_segments_with_its_drawn_weights() {
    let (_, shape) = TINY_CLIPS[0];
    let published = Published::open(&shape.draw()).unwrap();
    let mut writer = BundleWriter::new(published.into(), None, Scheme::Q8, about(), &[]);
    let directory = tempfile::tempdir().unwrap();
    let manifest = write(directory.path(), &mut writer, &mut |_, _| {}).unwrap();
    finish(directory.path(), &manifest).unwrap();
    let mut bundle = Bundle::read(directory.path()).unwrap();
    let segmenter = block_on(Segmenter::load(&mut bundle, Preference::Cpu)).unwrap();
    let scene = generate(7);
    let (width, height) = (scene.width as u32, scene.height as u32);
    let picture = Picture::from_rgb(width, height, scene.rgb).unwrap();
    let options = Options {
        method: Some(Method::MaskClip),
        background: Background::None,
        ..Options::default()
    };
    let encode = EncodeOptions::default();
    let image = block_on(segmenter.encode(picture, &encode, &mut NoProgress)).unwrap();
    let classes = parse_line("cat, dog").unwrap();
    let made = block_on(segmenter.segment(&image, &classes, &options, &mut NoProgress)).unwrap();
    let shares: f64 = made.classes().iter().map(|class| class.fraction).sum();
    assert!((shares - 1.0).abs() < 1e-4, "{shares}");
}
