//! The comparisons that need a browser: built to wasm as an example, run by `tests/parity.e2e.mjs`.

#![allow(missing_docs, unreachable_pub)]
#![cfg(target_arch = "wasm32")]

mod gpu;
mod kernel;
mod numbers;
mod parity;

use burn::tensor::{Device, Tensor};
use js_sys::{Object, Reflect, Uint8Array};
use parity::{Fixture, compare};
use wasm_bindgen::prelude::*;
use wordmask::Segmenter;
use wordmask::bundle::Bundle;
use wordmask::clip::{VisionConfig, VisionTower, patches};
use wordmask::dense::Method;
use wordmask::dense::clip_diy::Budget;
use wordmask::device::{Compute, Preference};
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
#[wasm_bindgen]
pub fn kernels() -> Vec<String> {
    kernel::run()
}

/// Runs the checks of the GPU's kernels, which panic where they fail; how many there are.
#[wasm_bindgen]
pub async fn gpu_kernels() -> usize {
    let device = open("webgpu").await;
    let cases = gpu::cases();
    let count = cases.len();
    for case in cases {
        gpu::check(case, &device).await;
    }
    gpu::check_warm(&device).await;
    gpu::check_not_a_number(&device).await;
    count
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

/// How far the GPU's answers are those of the CPU, each on its kernels, for every method and every
/// refinement: a list of `[setting, share of pixels labelled alike, largest difference of
/// a score]`.
///
/// `files` are those of a bundle. The words' vectors are computed on the CPU once, for both.
#[wasm_bindgen]
pub async fn agreement(
    files: Object,
    picture: Vec<u8>,
    words: Vec<String>,
    background: Vec<String>,
) -> Vec<js_sys::Array> {
    let here = segmenter(&files, Preference::WebGpu).await;
    let there = segmenter(&files, Preference::Cpu).await;
    let names: Vec<&str> = words
        .iter()
        .chain(&background)
        .map(String::as_str)
        .collect();
    let vectors = there
        .embed_names(&names, &mut NoProgress)
        .await
        .expect("vectors");
    let known = names.iter().map(ToString::to_string).zip(vectors).collect();
    here.add_names(known).expect("the same space");

    let classes = parse_words(&words).expect("words");
    let picture = Picture::decode(&picture).expect("a picture");
    let (a, b) = (
        encode(&here, &picture).await,
        encode(&there, &picture).await,
    );
    let mut compared = Vec::new();
    for setting in settings() {
        let mut options = Options {
            background: Background::Words(background.clone()),
            ..Options::from(setting.clone())
        };
        options.parameters.crops = Budget::Ten;
        options.parameters.regions = 6;
        let a = here
            .segment(&a, &classes, &options, &mut NoProgress)
            .await
            .expect("an answer");
        let b = there
            .segment(&b, &classes, &options, &mut NoProgress)
            .await
            .expect("an answer");
        let pixels = a.labels().labels().iter().zip(b.labels().labels());
        let alike = pixels.clone().filter(|(a, b)| a == b).count() as f64 / pixels.len() as f64;
        let mut difference = 0.0f32;
        for class in 0..classes.len() {
            let (a, b) = (
                a.scores(class).expect("scores"),
                b.scores(class).expect("scores"),
            );
            difference = a
                .iter()
                .zip(b)
                .map(|(a, b)| (a - b).abs())
                .fold(difference, f32::max);
        }
        compared.push(js_sys::Array::of3(
            &setting.to_string().into(),
            &alike.into(),
            &difference.into(),
        ));
    }
    compared
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

async fn segmenter(files: &Object, device: Preference) -> Segmenter {
    let segmenter = Segmenter::load(&mut bundle(files), device).await;
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

/// The relative difference between this device's answer and the CPU's for a vision tower with
/// heads of 64 at a square grid of `side` cells. 14 and 28 give 197 and 785 tokens, at which GPU
/// matrix products are known to have gone wrong.
#[wasm_bindgen]
pub async fn difference_at(device: String, side: usize) -> f32 {
    let device = open(&device).await;
    let (here, there) = (
        tokens(&device, side).await,
        tokens(&Device::flex(), side).await,
    );
    let largest = there.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    here.iter()
        .zip(&there)
        .map(|(a, b)| {
            if a.is_finite() {
                (a - b).abs() / largest
            } else {
                f32::INFINITY
            }
        })
        .fold(0.0, f32::max)
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
