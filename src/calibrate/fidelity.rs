//! How close a stored model is to what it was made of.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::dense::Method;
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::mask::LabelMap;
use crate::progress::NoProgress;
use crate::prompt::parse_words;
use crate::quant::Scheme;
use crate::scene::{Scene, generate};
use crate::segmenter::{Background, EncodeOptions, EncodedImage, Options, Segmenter};
use crate::vector::dot_f64;

/// Held-out scenes that are looked at.
const SEEDS: std::ops::Range<u64> = 0..4;

/// Answers of a model for a few pictures and words, to be compared with those of another.
#[derive(Debug)]
pub struct Probe {
    dense: DenseProbe,
    words: Vec<Vec<f32>>,
    labels: Vec<LabelMap>,
}

/// Features of a few pictures by a vision tower.
#[derive(Debug)]
pub(super) struct DenseProbe {
    projection: usize,
    /// For each picture `[cells, projection]`.
    cells: Vec<Vec<f32>>,
}

/// How close two models are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fidelity {
    /// Mean cosine of the dense features of a cell (`maskclip`).
    pub dense_cosine: f64,
    /// The smallest of them.
    pub worst_dense_cosine: f64,
    /// Mean cosine of the embeddings of a word.
    pub text_cosine: f64,
    /// The smallest of them.
    pub worst_text_cosine: f64,
    /// The share of pixels that are labelled alike.
    pub label_agreement: f64,
}

impl DenseProbe {
    /// Runs a model.
    pub(super) async fn measure(segmenter: &Segmenter) -> Result<Self> {
        let mut probe = Self::without_pictures(segmenter);
        for seed in SEEDS {
            probe.look(segmenter, generate(seed)).await?;
        }
        Ok(probe)
    }

    fn without_pictures(segmenter: &Segmenter) -> Self {
        Self {
            projection: segmenter.manifest().architecture.projection,
            cells: Vec::new(),
        }
    }

    async fn look(&mut self, segmenter: &Segmenter, scene: Scene) -> Result<EncodedImage> {
        let picture = Picture::from_rgb(scene.width as u32, scene.height as u32, scene.rgb)?;
        let progress = &mut NoProgress;
        let options = EncodeOptions::default();
        let image = segmenter.encode(picture, &options, progress).await?;
        let cells = segmenter.cell_vectors(&image, Method::MaskClip, false, progress);
        self.cells.push(cells.await?);
        Ok(image)
    }

    /// The mean cosine of the features of a cell.
    pub(super) fn cosine(&self, other: &Self) -> Result<f64> {
        self.mean_and_worst(other).map(|(mean, _)| mean)
    }

    fn mean_and_worst(&self, other: &Self) -> Result<(f64, f64)> {
        let sizes = |p: &Self| -> Vec<usize> { p.cells.iter().map(Vec::len).collect() };
        if self.projection != other.projection || sizes(self) != sizes(other) {
            return Err(Error::input(
                "Only models of the same architecture can be compared.",
            ));
        }
        let cells = self.cells.iter().zip(&other.cells).flat_map(|(a, b)| {
            let rows = a.chunks_exact(self.projection);
            rows.zip(b.chunks_exact(self.projection))
        });
        Ok(mean_and_worst(cells))
    }
}

impl Probe {
    /// Runs a model, which needs its text tower.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the text tower has not been loaded; [`Error::Device`] if the device
    /// fails.
    pub async fn measure(segmenter: &Segmenter) -> Result<Self> {
        let scenes: Vec<Scene> = SEEDS.map(generate).collect();
        let things = scenes.iter().flat_map(|scene| &scene.things);
        let things: BTreeSet<&str> = things.map(|thing| thing.name).collect();
        let grounds: BTreeSet<&str> = scenes.iter().flat_map(|s| s.grounds.clone()).collect();
        let owned = |names: &BTreeSet<&str>| -> Vec<String> {
            names.iter().copied().map(String::from).collect()
        };
        let classes = parse_words(&owned(&things))?;
        let options = Options {
            background: Background::Words(owned(&grounds)),
            ..Options::default()
        };
        let names: Vec<&str> = things.union(&grounds).copied().collect();
        let progress = &mut NoProgress;
        let mut probe = Self {
            dense: DenseProbe::without_pictures(segmenter),
            words: segmenter.embed_names(&names, progress).await?,
            labels: Vec::new(),
        };
        for scene in scenes {
            let image = probe.dense.look(segmenter, scene).await?;
            let answer = segmenter
                .segment(&image, &classes, &options, progress)
                .await?;
            probe.labels.push(answer.labels().clone());
        }
        Ok(probe)
    }

    /// Compares with the answers of another model of the same architecture.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the architectures differ.
    pub fn compare(&self, other: &Self) -> Result<Fidelity> {
        let (dense_cosine, worst_dense_cosine) = self.dense.mean_and_worst(&other.dense)?;
        let words = self.words.iter().zip(&other.words);
        let (text_cosine, worst_text_cosine) =
            mean_and_worst(words.map(|(a, b)| (a.as_slice(), b.as_slice())));
        let labels = self.labels.iter().zip(&other.labels);
        let (mut same, mut pixels) = (0, 0);
        for (a, b) in labels {
            let pairs = a.labels().iter().zip(b.labels());
            same += pairs.filter(|(a, b)| a == b).count();
            pixels += a.labels().len();
        }
        Ok(Fidelity {
            dense_cosine,
            worst_dense_cosine,
            text_cosine,
            worst_text_cosine,
            label_agreement: same as f64 / pixels.max(1) as f64,
        })
    }
}

impl Fidelity {
    /// The smallest mean cosine of dense features that is accepted of a scheme. A trained model
    /// that falls below has lost something that its masks show.
    #[must_use]
    pub fn floor(scheme: Scheme) -> f64 {
        match scheme {
            Scheme::F32 | Scheme::F16 => 0.9999,
            Scheme::Q8 => 0.999,
            Scheme::Q4 => 0.98,
        }
    }

    /// Whether the floor is reached.
    #[must_use]
    pub fn suffices(&self, scheme: Scheme) -> bool {
        // A NaN does not.
        self.dense_cosine >= Self::floor(scheme)
    }

    /// Refuses what is below the floor.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the floor is not reached, saying by how much.
    pub fn check(&self, scheme: Scheme) -> Result<()> {
        if self.suffices(scheme) {
            return Ok(());
        }
        let floor = Self::floor(scheme);
        Err(Error::model(format!(
            "stored as {scheme}, the model's dense features agree with the original's only to {:.4}, less than {floor}. Choose a scheme with more bits.",
            self.dense_cosine
        )))
    }
}

impl std::fmt::Display for Fidelity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "dense features {:.5} (worst {:.4}), words {:.5} (worst {:.4}), labels alike {:.2} %",
            self.dense_cosine,
            self.worst_dense_cosine,
            self.text_cosine,
            self.worst_text_cosine,
            100.0 * self.label_agreement
        )
    }
}

fn mean_and_worst<'a>(pairs: impl Iterator<Item = (&'a [f32], &'a [f32])>) -> (f64, f64) {
    let (mut sum, mut worst, mut count) = (0.0, f64::INFINITY, 0);
    for (a, b) in pairs {
        let cosine = cosine(a, b);
        sum += cosine;
        // A NaN must not hide.
        worst = if worst.is_nan() || cosine >= worst {
            worst
        } else {
            cosine
        };
        count += 1;
    }
    (sum / f64::from(count.max(1)), worst)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    dot_f64(a, b) / (dot_f64(a, a) * dot_f64(b, b)).sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn probe(cell: [f32; 2], label: u8) -> Probe {
        Probe {
            dense: DenseProbe {
                projection: 2,
                cells: vec![vec![1.0, 0.0, cell[0], cell[1]]],
            },
            words: vec![vec![0.0, 1.0]],
            labels: vec![LabelMap::new(2, 1, vec![0, label]).unwrap()],
        }
    }

    #[test]
    fn compare_finds_no_loss_in_the_same_model() {
        let itself = probe([0.0, 1.0], 1).compare(&probe([0.0, 2.0], 1)).unwrap();
        assert_eq!((itself.dense_cosine, itself.label_agreement), (1.0, 1.0));
        itself.check(Scheme::F32).unwrap();
    }

    #[test]
    fn check_refuses_what_compare_finds_below_the_floor() {
        let other = probe([0.0, 1.0], 1).compare(&probe([1.0, 0.0], 0)).unwrap();
        assert_eq!((other.dense_cosine, other.worst_dense_cosine), (0.5, 0.0));
        assert_eq!((other.text_cosine, other.label_agreement), (1.0, 0.5));
        assert!(matches!(other.check(Scheme::Q4), Err(Error::Model(_))));
        let nan = probe([0.0, 1.0], 1)
            .compare(&probe([f32::NAN, 0.0], 1))
            .unwrap();
        assert!(nan.worst_dense_cosine.is_nan() && nan.check(Scheme::Q4).is_err());
    }
}
