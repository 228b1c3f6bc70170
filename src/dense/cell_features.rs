//! Methods that read the last block in their own way: a direction for each cell, compared with the
//! vectors of words.

use burn::tensor::{Tensor, TensorData};

use super::last_block::LastBlock;
use super::multi_scale::Scales;
use super::view::{Model, View};
use super::{
    Method, Parameters, ScoreMap, Scores, clearclip, maskclip, naclip, pearl, scclip, sclip,
};
use crate::clip::{Grid, VisionTower};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::prompt::ClassVectors;
use crate::readback::read;

/// A direction for each cell, and what cells compare with each other by.
#[derive(Debug, Clone)]
pub struct CellFeatures {
    /// Vectors in the space of the text embeddings, `[cells, projection]`: unit vectors, or where
    /// windows overlap the mean of several.
    pub features: Tensor<2>,
    /// Vectors by which cells compare with each other, `[cells, width]`: the last block's keys,
    /// passed through its output projection, not normalised; where windows overlap the mean of
    /// several.
    pub keys: Tensor<2>,
}

/// The latest cell features, with the method and residual flag that they were made with: while
/// words change, the method seldom does.
pub(super) type Cache = Option<(Method, bool, CellFeatures)>;

/// Cell features by a dense method, of one window.
///
/// `residual` keeps the last block's residuals and feed-forward part in `maskclip`; the other
/// methods are defined with or without them.
///
/// # Shapes
///
/// - `hidden_states`: what the blocks put out, the last one what enters the last block, each
///   `[1, 1 + cells, width]`, class token first; all of them if [`Method::needs_hidden_states`], else
///   the last one suffices
///
/// # Errors
///
/// [`Error::Device`] if the device fails; [`Error::Internal`] if the tower has no blocks, there are
/// no hidden states or the method has no cell features.
pub async fn features(
    method: Method,
    residual: bool,
    tower: &VisionTower,
    hidden_states: &[Tensor<3>],
    grid: Grid,
) -> Result<CellFeatures> {
    let entering = hidden_states
        .last()
        .ok_or_else(|| Error::internal("cell features of nothing"))?;
    let block = LastBlock::open(tower, entering.clone())?;
    Ok(match method {
        Method::MaskClip => maskclip::maskclip(&block, residual),
        Method::ClearClip => clearclip::clearclip(&block),
        Method::Sclip => sclip::sclip(&block),
        Method::NaClip => naclip::naclip(&block, grid),
        Method::Pearl => pearl::pearl(&block),
        Method::ScClip => scclip::scclip(tower, hidden_states, grid).await?,
        Method::ClipDiy | Method::TwoStage => {
            return Err(Error::internal(format!("{method} has no cell features")));
        }
    })
}

/// Cell features of the whole grid; where windows overlap, their mean. Cosines with a word
/// being linear in them, that is the mean of the windows' scores.
///
/// # Errors
///
/// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
/// [`Error::OutOfMemory`] if the pixels do not fit in memory; [`Error::Internal`] if the method has
/// no cell features.
pub async fn whole_features(
    method: Method,
    residual: bool,
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<CellFeatures> {
    if let Some((cached, kept, features)) = &view.cache().cell_features
        && (*cached, *kept) == (method, residual)
    {
        return Ok(features.clone());
    }
    let hidden_states = view
        .hidden_states(model, method.needs_hidden_states(), progress)
        .await?;
    let window = view.layer.plan.window;
    let mut windows = Vec::with_capacity(hidden_states.len());
    for hidden_states in hidden_states.iter() {
        windows.push(features(method, residual, model.tower, hidden_states, window).await?);
    }
    let features = view.layer.stitch(windows)?;
    view.cache().cell_features = Some((method, residual, features.clone()));
    Ok(features)
}

/// All of the work that does not depend on words.
pub(super) async fn prepare(
    method: Method,
    parameters: &Parameters,
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<()> {
    if parameters.multi_scale == Some(true) {
        let mut scales = Scales::new(method, parameters, view, model);
        scales.fused(scales.len(), progress).await?;
    } else {
        whole_features(method, parameters.residual, view, model, progress).await?;
    }
    Ok(())
}

/// The scores of cells; those of the first scales alone go to `partial` as they come.
pub(super) async fn scores(
    (method, parameters): (Method, &Parameters),
    view: &View,
    model: &Model<'_>,
    classes: &ClassVectors,
    progress: &mut impl Progress,
    partial: &mut impl FnMut(&ScoreMap),
) -> Result<Scores> {
    if parameters.multi_scale != Some(true) {
        let cells = whole_features(method, parameters.residual, view, model, progress).await?;
        return score(cells, view.grid(), model, classes).await;
    }
    let mut scales = Scales::new(method, parameters, view, model);
    let mut count = scales.known().max(1);
    let mut fused = scales.fused(count, progress).await?;
    loop {
        let scores = score(fused.cells, fused.grid, model, classes).await?;
        scales.measured();
        if count == scales.len() || scales.is_too_slow() {
            return Ok(scores);
        }
        partial(&scores.map);
        count += 1;
        fused = scales.fused(count, progress).await?;
    }
}

/// The cosine of each cell with each class.
async fn score(
    cells: CellFeatures,
    grid: Grid,
    model: &Model<'_>,
    classes: &ClassVectors,
) -> Result<Scores> {
    let shape = [classes.vectors().len(), model.config.projection];
    let vectors = TensorData::new(classes.vectors().concat(), shape);
    let vectors: Tensor<2> = Tensor::from_data(vectors, model.device);
    let cosines = read(vectors.matmul(cells.features.clone().transpose())).await?;
    let values = classes.max_over_names(&cosines, grid.cells());
    let map = ScoreMap::new(classes.classes(), grid, values, model.cosine())?;
    Ok(Scores {
        map,
        cells: Some(cells),
    })
}
