//! Which blocks of a model are sensitive to quantisation.
//!
//! Few are, and those far more than the others: an activation hundreds of times as large as its
//! neighbours takes up the whole range of its row. A tower with only those blocks in floating point
//! is nearly as small, and nearly as good as the original.

use std::collections::BTreeSet;

use super::fidelity::{DenseProbe, Fidelity};
use crate::bundle::Manifest;
use crate::clip::VisionConfig;
use crate::device::Compute;
use crate::error::Result;
use crate::quant::{RowTable, Stored, WeightSource};
use crate::segmenter::Segmenter;

/// The blocks of the vision tower that have to stay in floating point for the stored model to
/// reach the [floor](Fidelity::floor) of its scheme: as few as it takes in the order of what each
/// gains alone. All of them if that does not suffice either.
///
/// Sources are opened anew for each try, because they give each tensor away once. `progress` is called after
/// each try and of how many there are at most.
///
/// # Errors
///
/// [`Error::Model`](crate::Error::Model) if a tensor of a source is missing or has another shape;
/// [`Error::Io`](crate::Error::Io) if a source cannot read its file; any error that `stored` or
/// `original` returns.
pub async fn blocks_to_keep<S: WeightSource, O: WeightSource>(
    manifest: &Manifest,
    stored: impl Fn() -> Result<S>,
    original: impl Fn() -> Result<O>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<usize>> {
    let layers = manifest.architecture.vision.layers;
    let exact = {
        // Gone before the tries begin: in f32 it is the largest of all.
        let tower = Segmenter::build(manifest.clone(), &mut original()?, Compute::cpu())?;
        DenseProbe::measure(&tower).await?
    };
    let mut tries = 0;
    let mut cosine = async |kept: &BTreeSet<usize>| {
        progress(tries, 2 * layers);
        tries += 1;
        let mut mixed = Mixed {
            stored: stored()?,
            original: original()?,
            kept: kept.clone(),
        };
        let mixed = Segmenter::build(manifest.clone(), &mut mixed, Compute::cpu())?;
        exact.cosine(&DenseProbe::measure(&mixed).await?)
    };
    let mut gains = Vec::with_capacity(layers);
    for index in 0..layers {
        // A NaN is no gain, whatever its sign.
        let gain = cosine(&BTreeSet::from([index])).await?;
        gains.push((index, gain.max(f64::NEG_INFINITY)));
    }
    gains.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut kept = BTreeSet::new();
    for (index, alone) in gains {
        kept.insert(index);
        let reached = if kept.len() == 1 {
            alone
        } else {
            cosine(&kept).await?
        };
        if reached >= Fidelity::floor(manifest.scheme) {
            break;
        }
    }
    Ok(kept.into_iter().collect())
}

/// A stored model with some blocks of the original.
struct Mixed<S, O> {
    stored: S,
    original: O,
    kept: BTreeSet<usize>,
}

impl<S, O> Mixed<S, O> {
    fn is_kept(&self, name: &str) -> bool {
        let mut kept = self.kept.iter();
        kept.any(|&block| VisionConfig::is_of_block(name, block))
    }
}

impl<S: WeightSource, O: WeightSource> WeightSource for Mixed<S, O> {
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        if self.is_kept(name) {
            return self.original.values(name, shape);
        }
        self.stored.values(name, shape)
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Stored> {
        if self.is_kept(name) {
            return Ok(Stored::F32(self.original.values(name, &shape)?));
        }
        self.stored.matrix(name, shape)
    }

    fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<Box<dyn RowTable>> {
        self.stored.table(name, shape)
    }
}
