//! A small forward pass with a known answer.
//!
//! Browsers have shipped WebGPU implementations that compute wrong values without saying so. The
//! test runs every kind of kernel that a CLIP needs, Burn's and our own, at 197 tokens and a head
//! size of 64, and compares the embedding with the stored one.

use burn::tensor::Device;

use crate::clip::{VisionConfig, VisionTower, patches};
use crate::error::{Error, Result};
use crate::kernel::Activation;
use crate::kernel::gpu::uses_f16_activations;
use crate::progress::NoProgress;
use crate::quant::{Scheme, Stored, WeightSource};

const PROJECTION: usize = 16;

/// The embedding as the CPU computes it. `tests::compute_gives_the_stored_answer_on_the_cpu` guards it.
#[allow(
    clippy::excessive_precision,
    clippy::approx_constant,
    reason = "these are measured"
)]
const ANSWER: [f32; PROJECTION] = [
    -0.194_230, 0.699_003, -0.262_789, -1.549_778, -1.875_969, 0.215_002, 0.497_070, 0.746_204,
    -0.109_662, 1.517_513, 1.051_648, 1.265_754, -1.754_532, 0.508_219, 0.970_238, -1.333_461,
];

/// Largest difference that rounding in another order explains, in units of the answer, whose
/// numbers are about 1.
const TOLERANCE: f32 = 2e-3;

/// Largest difference where kernels pass f16 to each other, which drivers may round to either neighbour: in a model
/// of this very pass, the worse kind of rounding came to 2.2e-3.
const TOLERANCE_OF_HALVES: f32 = 6e-3;

/// Runs the test.
///
/// # Errors
///
/// [`Error::Device`] if the device fails or its answer is wrong.
pub(super) async fn run(device: &Device) -> Result<()> {
    check(&compute(device, false).await?, TOLERANCE)?;
    let tolerance = if uses_f16_activations(device) {
        TOLERANCE_OF_HALVES
    } else {
        TOLERANCE
    };
    check(&compute(device, true).await?, tolerance)
}

fn check(answer: &[f32], tolerance: f32) -> Result<()> {
    let worst = answer
        .iter()
        .zip(ANSWER)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    // Written so that a NaN fails.
    if answer.len() == PROJECTION && worst <= tolerance && answer.iter().all(|a| a.is_finite()) {
        return Ok(());
    }
    Err(Error::device(format!(
        "the GPU computed a known example wrongly (off by {worst:.4})."
    )))
}

async fn compute(device: &Device, quantised: bool) -> Result<Vec<f32>> {
    let config = VisionConfig {
        image_size: 32,
        patch: 8,
        width: 64,
        layers: 2,
        heads: 1,
        mlp: 256,
        activation: Activation::QuickGelu,
        norm_eps: 1e-5,
    };
    let tower = VisionTower::load(
        &mut PatternWeights { quantised },
        &config,
        PROJECTION,
        device,
    )?;
    let side = 14 * config.patch;
    let picture = pattern("picture", 3 * side * side, 1.5);
    let (cut, grid) = patches(&picture, side, side, config.patch, device)?;
    let tokens = tower.backbone(cut, grid, &mut NoProgress).await?;
    crate::readback::read(tower.pool(tokens)?).await
}

/// Weights made up from their names. Matrices are those that 8 bits can hold, so that blocks in
/// plain f32 and on our kernels have the same answer.
struct PatternWeights {
    quantised: bool,
}

impl WeightSource for PatternWeights {
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let count = shape.iter().product();
        if let [rows, cols] = *shape {
            let mut values = Vec::with_capacity(count);
            self.matrix(name, [rows, cols])?.decode_into(&mut values);
            return Ok(values);
        }
        let spread = spread(shape);
        let norm = name.contains("norm") && name.ends_with(".weight");
        let offset = if norm { 1.0 } else { 0.0 };
        let values = pattern(name, count, spread).into_iter();
        Ok(values.map(|v| v + offset).collect())
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Stored> {
        let values = pattern(name, shape[0] * shape[1], spread(&shape));
        let stored = Stored::new(&values, shape[1], Scheme::Q8);
        if self.quantised {
            return Ok(stored);
        }
        let mut values = Vec::new();
        stored.decode_into(&mut values);
        Ok(Stored::F32(values))
    }
}

/// Keeps the numbers that leave a layer about as large as those that enter it.
fn spread(shape: &[usize]) -> f32 {
    if shape.len() > 1 {
        let fan_in: usize = shape.iter().skip(1).product();
        (3.0 / fan_in as f32).sqrt()
    } else {
        0.2
    }
}

/// Numbers in `-spread..spread`, the same everywhere: an FNV-1a hash of the name starts a
/// SplitMix32 sequence.
fn pattern(name: &str, count: usize, spread: f32) -> Vec<f32> {
    let seed = name.bytes().fold(0x811C_9DC5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (0..count as u32)
        .map(|i| {
            let mut x = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9));
            x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
            x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
            x ^= x >> 16;
            // 24 bits are exact in f32.
            ((x >> 8) as f32 / 8_388_608.0 - 1.0) * spread
        })
        .collect()
}

#[cfg(all(test, feature = "cli"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn compute_gives_the_stored_answer_on_the_cpu() {
        let answer = pollster::block_on(compute(&Device::flex(), false)).unwrap();
        for (a, b) in answer.iter().zip(ANSWER) {
            assert!((a - b).abs() < 1e-4, "computed {answer:?}");
        }
    }

    #[test]
    fn check_notices_a_wrong_answer() {
        // The answer must not be one that a broken device gives by chance, such as zeros.
        assert!(ANSWER.iter().any(|a| a.abs() > 10.0 * TOLERANCE));
    }
}
