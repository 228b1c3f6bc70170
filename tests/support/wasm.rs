//! The comparisons that need a browser: built to wasm as an example, run by `tests/wasm.test.mjs`.

#![allow(missing_docs, unreachable_pub)]
#![cfg(target_arch = "wasm32")]

mod parity;

use burn::tensor::{Device, Tensor};
use js_sys::{Object, Reflect, Uint8Array};
use parity::{Fixture, compare};
use wasm_bindgen::prelude::*;
use wordmask::clip::{Activation, Unpaced, VisionConfig, VisionTower, WeightSource, patches};
use wordmask::device::{Compute, read};

async fn open(device: &str) -> Device {
    let preference = device.parse().expect("a device");
    Compute::choose(preference)
        .await
        .expect("a device of that kind")
        .device
}

/// Compares with PyTorch's answers; a list of `[name, relative error]`.
#[wasm_bindgen]
pub async fn parity(device: String, files: Object) -> Vec<js_sys::Array> {
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
    let fixture = Fixture {
        config: &config,
        weights: &weights,
        tokenizer: &tokenizer,
        preprocessor: &preprocessor,
        expected: &expected,
        index: &index,
    };
    let device = open(&device).await;
    compare(&fixture, &device)
        .await
        .into_iter()
        .map(|c| js_sys::Array::of2(&c.name.into(), &c.error.into()))
        .collect()
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
    let tower = VisionTower::load(&Waves, &config, 32, device).expect("a tower");
    let pixels = side * config.patch;
    let planes: Vec<f32> = (0..3 * pixels * pixels)
        .map(|i| (i as f32 * 0.37).sin())
        .collect();
    let (cut, grid) = patches(&planes, pixels, pixels, config.patch, device).expect("patches");
    let x: Tensor<3> = tower.trunk(cut, grid, &mut Unpaced).await.expect("tokens");
    let last = tower.last_block().expect("a block").forward(x, false);
    read(last).await.expect("the device can be read")
}

/// Weights made of sines, different for every tensor.
struct Waves;

impl WeightSource for Waves {
    fn values(&self, name: &str, shape: &[usize]) -> wordmask::Result<Vec<f32>> {
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
