//! CLIP (Radford et al., arXiv 2103.00020): the two towers and the tokenizer.
//!
//! Everything is driven by [`ClipConfig`], so that any published ViT CLIP fits. The towers are
//! plain Burn modules for inference; they know nothing of segmentation. What dense prediction
//! needs, the tokens that enter the last block and that block itself, the vision tower hands out
//! ([`VisionTower::backbone`], [`VisionTower::last_block`]).

mod block;
mod clean;
mod config;
mod cpu_block;
mod gpu_block;
mod text;
mod tokenizer;
mod vision;

pub use block::{Block, BlockShape, BurnBlock, Heads, build_layer_norm, build_linear};
#[cfg(test)]
pub(crate) use config::tests::small as small_config;
pub use config::{Activation, ClipConfig, TextConfig, VisionConfig, check_statistics};
pub use cpu_block::CpuBlock;
pub use gpu_block::GpuBlock;
pub use text::TextTower;
pub use tokenizer::Tokenizer;
pub use vision::{Grid, Positions, VisionTower, patches};

use burn::tensor::{Device, Tensor};

use crate::error::Result;
use crate::quant::Stored;

/// Where a tower takes its weights from, by the names of the Hugging Face `CLIPModel` layout.
///
/// A bundle is one; the start-up self-test is another.
pub trait WeightSource {
    /// The weights of the tensor `name`, which must have exactly this shape, row-major as f32.
    ///
    /// A source may give each tensor away and so keep none: ask once.
    ///
    /// # Errors
    ///
    /// [`Error::Model`](crate::Error::Model) if it is missing or of another shape.
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>>;

    /// The same for a matrix, in the form in which it is stored.
    ///
    /// # Errors
    ///
    /// As [`WeightSource::values`].
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Stored> {
        Ok(Stored::F32(self.values(name, &shape)?))
    }

    /// The same for a matrix of which only some rows will be asked for.
    ///
    /// # Errors
    ///
    /// As [`WeightSource::values`].
    fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<Box<dyn RowTable>> {
        Ok(Box::new(self.values(name, &shape)?))
    }

    /// The same as a tensor on `device`.
    ///
    /// # Errors
    ///
    /// As [`WeightSource::values`].
    fn tensor<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Result<Tensor<D>>
    where
        Self: Sized,
    {
        let values = self.values(name, &shape)?;
        Ok(Tensor::from_data(
            burn::tensor::TensorData::new(values, shape),
            device,
        ))
    }
}

/// A matrix on the host that is read a row at a time.
pub trait RowTable: Send + Sync {
    /// Writes a row of `out.len()` numbers; `None` if there is no such row.
    fn row(&self, index: usize, out: &mut [f32]) -> Option<()>;
}

impl RowTable for Vec<f32> {
    fn row(&self, index: usize, out: &mut [f32]) -> Option<()> {
        let start = index.checked_mul(out.len())?;
        out.copy_from_slice(self.get(start..start.checked_add(out.len())?)?);
        Some(())
    }
}

/// Called between the steps of a long computation: reports progress and gives the caller the
/// chance to stop it.
///
/// On the web it also hands control back to the event loop, so that a message that cancels can
/// arrive while the computation runs.
pub trait Progress {
    /// `done` of `total` steps are finished.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`](crate::Error::Cancelled) when the caller asked to stop.
    fn step(&mut self, done: usize, total: usize) -> impl Future<Output = Result<()>>;
}

/// A [`Progress`] for callers that neither watch nor cancel.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoProgress;

impl Progress for NoProgress {
    async fn step(&mut self, _done: usize, _total: usize) -> Result<()> {
        Ok(())
    }
}

/// A part of a longer computation: its steps are counted on from those already done.
pub struct SubProgress<'a, P> {
    /// The whole computation's pace.
    pub progress: &'a mut P,
    /// Steps done before this part.
    pub done: usize,
    /// Steps of the whole.
    pub total: usize,
}

impl<P: Progress> Progress for SubProgress<'_, P> {
    async fn step(&mut self, done: usize, _total: usize) -> Result<()> {
        self.progress.step(self.done + done, self.total).await
    }
}

/// The rows of a matrix divided by their Euclidean length; a row of zeros stays zero.
///
/// # Shapes
///
/// - input and output: `[rows, width]`
#[must_use]
pub fn normalise_rows(matrix: Tensor<2>) -> Tensor<2> {
    let length = matrix.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
    matrix / length
}
