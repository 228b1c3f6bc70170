//! The comparisons that need a browser: built to wasm as an example, run by `tests/parity.e2e.mjs`.

#![allow(missing_docs, unreachable_pub)]
#![cfg(target_arch = "wasm32")]

mod gpu;
#[cfg(feature = "cpu")]
mod kernel;
mod numbers;
mod parity;

use burn::tensor::{Device, Tensor};
use js_sys::{Float32Array, Object, Reflect, Uint8Array};
use parity::{Fixture, compare};
use wasm_bindgen::prelude::*;
use wordmask::Segmenter;
use wordmask::bundle::Bundle;
use wordmask::clip::{VisionConfig, VisionTower, patches};
use wordmask::dense::Method;
use wordmask::dense::clip_diy::Budget;
use wordmask::device::Compute;
use wordmask::image::Picture;
use wordmask::kernel::Activation;
use wordmask::progress::NoProgress;
use wordmask::prompt::parse_words;
use wordmask::quant::WeightSource;
use wordmask::readback::read;
use wordmask::refine::Refinement;
use wordmask::segmenter::{Background, EncodeOptions, EncodedImage, Options, Pipeline};

async fn open(device: &str) -> Device {
    let preference = device.parse().expect("a device");
    Compute::choose(preference)
        .await
        .expect("a device of that kind")
        .device
}

/// Runs the checks of the CPU's kernels without relaxed SIMD; see [`kernel::run`].
#[cfg(feature = "cpu")]
#[wasm_bindgen]
pub fn kernels() -> Vec<String> {
    kernel::run()
}

/// How many blocks the kernels of the GPU are tried with.
#[wasm_bindgen]
pub fn blocks() -> usize {
    gpu::cases().len()
}

/// What a block and its parts answer in plain Burn.
#[cfg(feature = "cpu")]
#[wasm_bindgen]
pub async fn block_answers(index: usize) -> Vec<Float32Array> {
    let device = open("cpu").await;
    let answers = gpu::answers(gpu::cases()[index], gpu::Way::Burn, &device).await;
    let arrays = answers.into_iter();
    arrays
        .map(|(_, answer)| Float32Array::from(&answer[..]))
        .collect()
}

/// Compares a block on the GPU's kernels with those answers, and panics where they differ.
#[cfg(feature = "gpu")]
#[wasm_bindgen]
pub async fn check_block(index: usize, expected: Vec<Float32Array>) -> f32 {
    let expected: Vec<Vec<f32>> = expected.iter().map(Float32Array::to_vec).collect();
    gpu::check(gpu::cases()[index], &expected, &open("webgpu").await).await
}

/// What else the GPU's kernels have to stand; panics where they do not.
#[cfg(feature = "gpu")]
#[wasm_bindgen]
pub async fn warm_blocks() {
    let device = open("webgpu").await;
    gpu::check_not_a_number(&device).await;
    gpu::warm(&device);
}

/// Compares with PyTorch's answers; a list of `[name, relative error]`.
#[wasm_bindgen]
pub async fn parity(device: String, name: String, files: Object) -> Vec<js_sys::Array> {
    let file = |name: &str| {
        let value = Reflect::get(&files, &name.into()).expect("an object of files");
        Uint8Array::new(&value).to_vec()
    };
    let (config, weights, tokenizer) = (
        file("config.json"),
        file("model.safetensors"),
        file("tokenizer.json"),
    );
    let (preprocessor, expected, index) = (
        file("preprocessor_config.json"),
        file("expected.safetensors"),
        file("expected.json"),
    );
    let methods = file("methods");
    let fixture = Fixture {
        config: &config,
        weights: &weights,
        tokenizer: &tokenizer,
        preprocessor: &preprocessor,
        expected: &expected,
        index: &index,
        name: &name,
        methods: &methods,
    };
    let device = open(&device).await;
    compare(&fixture, &device)
        .await
        .into_iter()
        .map(|c| js_sys::Array::of2(&c.name.into(), &c.error.into()))
        .collect()
}

/// The vectors of words, so that both devices compare the same ones.
#[cfg(feature = "cpu")]
#[wasm_bindgen]
pub async fn word_vectors(files: Object, words: Vec<String>) -> Vec<Float32Array> {
    let segmenter = segmenter(&files, "cpu").await;
    let names: Vec<&str> = words.iter().map(String::as_str).collect();
    let vectors = segmenter.embed_names(&names, &mut NoProgress).await;
    let vectors = vectors.expect("vectors").into_iter();
    vectors.map(|v| Float32Array::from(&v[..])).collect()
}

/// The answers of a device on its kernels for every method and every refinement: a list of
/// `[setting, labels, scores of all classes]`.
///
/// `files` are those of a bundle; `vectors` those of `words` and `background`.
#[wasm_bindgen]
pub async fn answers(
    device: String,
    files: Object,
    picture: Vec<u8>,
    words: Vec<String>,
    background: Vec<String>,
    vectors: Vec<Float32Array>,
) -> Vec<js_sys::Array> {
    let segmenter = segmenter(&files, &device).await;
    let names = words.iter().chain(&background).cloned();
    let known = names.zip(vectors.iter().map(Float32Array::to_vec));
    let added = segmenter.add_names(known.collect());
    added.expect("the same space");

    let classes = parse_words(&words).expect("words");
    let picture = Picture::decode(&picture).expect("a picture");
    let image = encode(&segmenter, &picture).await;
    let mut all = Vec::new();
    for setting in settings() {
        let mut options = Options {
            background: Background::Words(background.clone()),
            ..Options::from(setting.clone())
        };
        options.parameters.crops = Budget::Ten;
        options.parameters.regions = 6;
        let answer = segmenter
            .segment(&image, &classes, &options, &mut NoProgress)
            .await
            .expect("an answer");
        let scores: Vec<f32> = (0..classes.len())
            .flat_map(|class| answer.scores(class).expect("scores"))
            .collect();
        all.push(js_sys::Array::of3(
            &setting.to_string().into(),
            &Uint8Array::from(answer.labels().labels()).into(),
            &Float32Array::from(&scores[..]).into(),
        ));
    }
    all
}

/// Every method alone, and every refinement.
fn settings() -> Vec<Pipeline> {
    let of = |method, residual, refine| Pipeline {
        method,
        residual,
        multi_scale: false,
        refine,
    };
    let alone = Method::ALL.map(|method| of(method, false, Vec::new()));
    let refined = Refinement::ALL.map(|step| of(Method::MaskClip, false, vec![step]));
    let residual = of(Method::MaskClip, true, Vec::new());
    alone.into_iter().chain(refined).chain([residual]).collect()
}

fn bundle(files: &Object) -> Bundle {
    let file = |name: &str| {
        let value = Reflect::get(files, &name.into()).expect("an object of files");
        Uint8Array::new(&value).to_vec()
    };
    let mut bundle = Bundle::new(&file("wordmask.json")).expect("a manifest");
    let names = bundle.manifest().files().map(|(_, f)| f.file.clone());
    for name in names.collect::<Vec<_>>() {
        let added = bundle.add(&name, &file(&name));
        added.expect("a file of the bundle");
    }
    bundle
}

async fn segmenter(files: &Object, device: &str) -> Segmenter {
    let preference = device.parse().expect("a device");
    let segmenter = Segmenter::load(&mut bundle(files), preference).await;
    segmenter.expect("a segmenter")
}

async fn encode(segmenter: &Segmenter, picture: &Picture) -> EncodedImage {
    let options = EncodeOptions {
        method: Some(Method::ScClip),
        ..EncodeOptions::default()
    };
    segmenter
        .encode(picture.clone(), &options, &mut NoProgress)
        .await
        .expect("an encoded picture")
}

/// The tokens of a vision tower with heads of 64 at a square grid of `side` cells. 14 and 28 give 197
/// and 785 tokens, at which GPU matrix products are known to have gone wrong.
#[wasm_bindgen]
pub async fn tokens_at(device: String, side: usize) -> Vec<f32> {
    tokens(&open(&device).await, side).await
}

async fn tokens(device: &Device, side: usize) -> Vec<f32> {
    let config = VisionConfig {
        image_size: 64,
        patch: 4,
        width: 128,
        layers: 3,
        heads: 2,
        mlp: 512,
        activation: Activation::QuickGelu,
        norm_eps: 1e-5,
    };
    let tower = VisionTower::load(&mut Waves, &config, 32, device).expect("a tower");
    let pixels = side * config.patch;
    let planes: Vec<f32> = (0..3 * pixels * pixels)
        .map(|i| (i as f32 * 0.37).sin())
        .collect();
    let (cut, grid) = patches(&planes, pixels, pixels, config.patch, device).expect("patches");
    let x: Tensor<3> = tower
        .backbone(cut, grid, &mut NoProgress)
        .await
        .expect("tokens");
    let last = tower.last_block().expect("a block").forward(x, false);
    read(last).await.expect("the device can be read")
}

/// Weights made of sines, different for every tensor.
struct Waves;

impl WeightSource for Waves {
    fn values(&mut self, name: &str, shape: &[usize]) -> wordmask::Result<Vec<f32>> {
        let phase = name.bytes().map(f32::from).sum::<f32>();
        let count: usize = shape.iter().product();
        let fan_in = shape.iter().skip(1).product::<usize>().max(4) as f32;
        let spread = (2.0 / fan_in).sqrt();
        let offset = if name.contains("norm") && name.ends_with("weight") {
            1.0
        } else {
            0.0
        };
        Ok((0..count)
            .map(|i| offset + spread * (i as f32 * 1.618 + phase).sin())
            .collect())
    }
}
