//! Which blocks an import keeps in floating point.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/numbers.rs"]
mod numbers;

use numbers::Numbers;
use pollster::block_on;
use wordmask::bundle::{Bundle, Manifest};
use wordmask::calibrate::blocks_to_keep;
use wordmask::clip::VisionConfig;
use wordmask::quant::{Scheme, Stored, WeightSource};

/// The block that is sensitive to 8-bit activations.
const HARD: usize = 1;
/// Its hidden number that is far larger than the others.
const UNIT: usize = 17;
const LARGE: f32 = 2_000.0;

/// A tower wide enough to be computed in 8 bits, with drawn weights.
struct Drawn {
    scheme: Option<Scheme>,
    hard: bool,
}

impl WeightSource for Drawn {
    fn values(&mut self, name: &str, shape: &[usize]) -> wordmask::Result<Vec<f32>> {
        let seed = name
            .bytes()
            .fold(7, |seed: u64, b| seed * 31 % 1_000_003 + u64::from(b));
        let fan_in: usize = shape.iter().skip(1).product();
        let size = (2.0 / fan_in.max(4) as f32).sqrt();
        let mut values = Numbers::new(seed).take(shape.iter().product(), size);
        if name.contains("norm") && name.ends_with("weight") {
            values.iter_mut().for_each(|v| *v += 1.0);
        }
        if self.hard && VisionConfig::is_of_block(name, HARD) {
            self.enlarge(name, shape, &mut values);
        }
        Ok(values)
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> wordmask::Result<Stored> {
        let values = self.values(name, &shape)?;
        Ok(match self.scheme {
            Some(scheme) => Stored::new(&values, shape[1], scheme),
            None => Stored::F32(values),
        })
    }
}

impl Drawn {
    /// A hidden number of thousands, which `fc2` hardly reads: it takes all the codes of its row.
    fn enlarge(&self, name: &str, shape: &[usize], values: &mut [f32]) {
        if name.ends_with("fc1.bias") {
            values[UNIT] = LARGE;
        } else if name.ends_with("fc2.weight") {
            for row in values.chunks_exact_mut(shape[1]) {
                row[UNIT] /= LARGE;
            }
        }
    }
}

fn manifest() -> Manifest {
    let mut manifest = Bundle::built_in().unwrap().manifest().clone();
    let vision = &mut manifest.architecture.vision;
    (vision.width, vision.heads, vision.mlp, vision.layers) = (384, 6, 768, 3);
    manifest.scheme = Scheme::Q8;
    manifest
}

fn kept(hard: bool) -> (Vec<usize>, usize) {
    let open = |scheme| move || Ok(Drawn { scheme, hard });
    let mut tries = 0;
    let kept = block_on(blocks_to_keep(
        &manifest(),
        open(Some(Scheme::Q8)),
        open(None),
        &mut |done, most| {
            assert!(done < most);
            tries += 1;
        },
    ));
    (kept.unwrap(), tries)
}

#[test]
fn blocks_to_keep_finds_the_block_of_a_massive_activation() {
    assert_eq!(kept(true), (vec![HARD], 3));
}

#[test]
fn blocks_to_keep_needs_one_block_at_most_where_nothing_is_hard() {
    let (kept, tries) = kept(false);
    assert_eq!((kept.len(), tries), (1, 3));
}
