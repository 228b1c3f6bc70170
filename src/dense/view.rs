//! A picture as the methods see it, and what was made of it so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::{Device, Tensor};
use web_time::Instant;

use super::layer::Layer;
use super::windows::Windows;
use super::{ScoreKind, cell_features, clip_diy, multi_scale, two_stage};
use crate::clip::{ClipConfig, Grid, GuideConfig, VisionTower};
use crate::error::Result;
use crate::foreground::Found;
use crate::image::Picture;
use crate::progress::{Progress, SubProgress};

/// The vision half of a model on its device.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// The vision tower.
    pub tower: &'a VisionTower,
    /// The architecture of both towers.
    pub config: &'a ClipConfig,
    /// Where the weights are.
    pub device: &'a Device,
    /// The network that tells where things are, if the model has one.
    pub guide: Option<Guide<'a>>,
}

/// FOUND beside a CLIP.
#[derive(Debug, Clone, Copy)]
pub struct Guide<'a> {
    /// The architecture of the guide.
    pub config: &'a GuideConfig,
    /// `None` while its weights have not been loaded.
    pub network: Option<&'a Found>,
}

impl Model<'_> {
    /// What scores are that are cosines with text vectors of this model.
    pub(super) fn cosine(&self) -> ScoreKind {
        ScoreKind::Cosine {
            scale: self.config.logit_scale,
        }
    }
}

/// What the blocks put out for each window: all of them, or the last one only.
pub(super) type HiddenStates = Arc<Vec<Vec<Tensor<3>>>>;

/// A picture as the methods see it.
///
/// Each method adds what it needs on first use and finds it again the next time, so a word never
/// runs the vision tower twice.
#[derive(Debug)]
pub struct View {
    pub(super) picture: Arc<Picture>,
    /// The short side in pixels that was asked for.
    size: u32,
    /// The picture as the dense methods see it.
    pub(super) layer: Layer,
    cache: Mutex<Cache>,
}

/// What was made of a picture so far, by method.
#[derive(Debug, Default)]
pub(super) struct Cache {
    hidden_states: Option<HiddenStates>,
    pub(super) cell_features: cell_features::Cache,
    pub(super) multi_scale: multi_scale::Cache,
    pub(super) clip_diy: clip_diy::Cache,
    pub(super) two_stage: two_stage::Cache,
}

impl View {
    /// A picture of which the dense methods see the short side with `size` pixels, rounded to whole
    /// patches, cut into these windows. No network runs.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::Error::Input) if the size is zero or the windows do not fit.
    pub fn new(picture: Picture, size: u32, windows: Windows, config: &ClipConfig) -> Result<Self> {
        let sides = (picture.width(), picture.height());
        Ok(Self {
            layer: Layer::new(sides, size, windows, config)?,
            picture: Arc::new(picture),
            size,
            cache: Mutex::default(),
        })
    }

    /// The picture, upright.
    #[must_use]
    pub fn picture(&self) -> &Arc<Picture> {
        &self.picture
    }

    /// The grid of cells that the picture is cut into.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.layer.grid
    }

    /// The short side in pixels that the dense methods were asked to see.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        // Every slot holds a whole value or nothing, so a poisoned lock still guards a sound state.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the blocks put out for each window: of all blocks if `all`, else at least of the last.
    pub(super) async fn hidden_states(
        &self,
        model: &Model<'_>,
        all: bool,
        progress: &mut impl Progress,
    ) -> Result<HiddenStates> {
        let blocks = model.tower.backbone_blocks();
        if let Some(hidden_states) = &self.cache().hidden_states
            && (!all || hidden_states.iter().all(|s| s.len() > blocks))
        {
            return Ok(Arc::clone(hidden_states));
        }
        let began = Instant::now();
        let resized = self.layer.resize(&self.picture)?;
        let (origins, grid) = (&self.layer.plan.origins, self.layer.plan.window);
        let mut hidden_states = Vec::with_capacity(origins.len());
        for (index, origin) in origins.iter().enumerate() {
            let cut = self.layer.patches(model, &resized, &[*origin])?;
            let mut progress = SubProgress {
                progress,
                done: index * blocks,
                total: origins.len() * blocks,
            };
            hidden_states.push(if all {
                model.tower.hidden_states(cut, grid, &mut progress).await?
            } else {
                vec![model.tower.backbone(cut, grid, &mut progress).await?]
            });
        }
        let hidden_states = Arc::new(hidden_states);
        let mut cache = self.cache();
        let cells = multi_scale::seen_cells(&self.layer);
        cache.multi_scale.pace = began.elapsed().div_f64(cells as f64);
        cache.hidden_states = Some(Arc::clone(&hidden_states));
        Ok(hidden_states)
    }
}
