//! Pieces of a picture, each embedded by the tower as trained, as a picture of its own.

use std::sync::Arc;

use burn::tensor::Tensor;

use super::view::Model;
use crate::clip::{normalise_rows, patches};
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::progress::{Progress, SubProgress};
use crate::readback::read;

/// Unit vectors of pieces, `[pieces, projection]`.
pub(super) type Embeddings = Arc<Vec<Vec<f32>>>;

/// Pieces that run through the tower together.
const BATCH: usize = 8;

/// Unit vectors of pictures cut out by `cut`, each squashed to the trained square as CLIP's
/// own preprocessing would crop it.
///
/// # Errors
///
/// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
/// [`Error::OutOfMemory`] if the pixels do not fit in memory; any error that `cut` returns.
pub(super) async fn embed<P>(
    model: &Model<'_>,
    pieces: &[P],
    cut: impl Fn(&P) -> Result<Picture>,
    progress: &mut impl Progress,
) -> Result<Embeddings> {
    let blocks = model.tower.backbone_blocks();
    let batches = pieces.len().div_ceil(BATCH);
    let mut vectors = Vec::with_capacity(pieces.len());
    for (index, batch) in pieces.chunks(BATCH).enumerate() {
        let pictures = batch.iter().map(&cut).collect::<Result<Vec<_>>>()?;
        let mut progress = SubProgress {
            progress,
            done: index * blocks,
            total: batches * blocks,
        };
        vectors.extend(embed_batch(model, &pictures, &mut progress).await?);
    }
    Ok(Arc::new(vectors))
}

async fn embed_batch(
    model: &Model<'_>,
    pictures: &[Picture],
    progress: &mut impl Progress,
) -> Result<Vec<Vec<f32>>> {
    let config = model.config;
    let side = config.vision.image_size;
    let mut batch = Vec::with_capacity(pictures.len());
    let mut grid = None;
    for picture in pictures {
        let planes = picture
            .resize(side as u32, side as u32)?
            .to_planes(config.pixel_mean, config.pixel_std);
        let (cut, cells) = patches(&planes, side, side, config.vision.patch, model.device)?;
        grid = Some(cells);
        batch.push(cut);
    }
    let grid = grid.ok_or_else(|| Error::internal("an empty batch"))?;
    let tokens = model
        .tower
        .backbone(Tensor::cat(batch, 0), grid, progress)
        .await?;
    let vectors = read(normalise_rows(model.tower.pool(tokens)?)).await?;
    Ok(vectors
        .chunks_exact(config.projection)
        .map(<[f32]>::to_vec)
        .collect())
}
