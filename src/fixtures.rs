//! Answers of an independent implementation, for unit tests: `tests/fixtures/make_methods.py`.

#![allow(
    clippy::unwrap_used,
    reason = "the fixtures are committed; a test may fail on them"
)]

use safetensors::{Dtype, SafeTensors};

use crate::image::Picture;

static EXPECTED: &[u8] = include_bytes!("../tests/fixtures/methods/expected.safetensors");

/// A tensor of the fixtures with its shape; whole numbers become floats.
pub(crate) fn tensor(name: &str) -> (Vec<f32>, Vec<usize>) {
    let all = SafeTensors::deserialize(EXPECTED).unwrap();
    let view = all
        .tensor(name)
        .unwrap_or_else(|_| panic!("the fixtures have no {name}"));
    let data = view.data();
    let values = match view.dtype() {
        Dtype::F32 => words(data).map(f32::from_le_bytes).collect(),
        Dtype::I32 => words(data).map(|b| i32::from_le_bytes(b) as f32).collect(),
        Dtype::U8 => data.iter().copied().map(f32::from).collect(),
        other => panic!("{name} is {other:?}"),
    };
    (values, view.shape().to_vec())
}

fn words(data: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    data.as_chunks::<4>().0.iter().copied()
}

/// Indices of the fixtures.
pub(crate) fn indices(name: &str) -> Vec<usize> {
    tensor(name).0.iter().map(|v| *v as usize).collect()
}

/// A picture of the fixtures, bytes or 0 to 1, `[height, width, 3]`.
pub(crate) fn picture(name: &str) -> Picture {
    let (values, shape) = tensor(name);
    let bytes_already = values.iter().any(|v| *v > 1.0);
    let scale = if bytes_already { 1.0 } else { 255.0 };
    let rgb = values.iter().map(|v| (v * scale).round() as u8).collect();
    Picture::from_rgb(shape[1] as u32, shape[0] as u32, rgb).unwrap()
}

/// Fails if any number differs by more than `tolerance` times the largest expected one.
#[track_caller]
pub(crate) fn assert_close(actual: &[f32], name: &str, tolerance: f32) {
    let (expected, _) = tensor(name);
    assert_eq!(actual.len(), expected.len(), "{name} has another length");
    let largest = expected.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
    for (index, (a, e)) in actual.iter().zip(&expected).enumerate() {
        // Written so that a NaN fails.
        assert!(
            (a - e).abs() <= tolerance * largest,
            "{name}[{index}] is {a} instead of {e}"
        );
    }
}
