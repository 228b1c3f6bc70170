//! A picture that the vision tower has read, and what was made of it so far.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::Tensor;

use super::options::Guidance;
use super::windows::Plan;
use crate::clip::Grid;
use crate::dense::clip_diy::Scale;
use crate::dense::{CellFeatures, Method, ScoreMap};
use crate::image::Picture;
use crate::proposal::Proposals;

/// Unit vectors of whole pictures, a row each.
pub(super) type Embeddings = Arc<Vec<Vec<f32>>>;

/// What the blocks put out for each window: all of them, or the last one only.
pub(super) type HiddenStates = Arc<Vec<Vec<Tensor<3>>>>;

/// Tells one loaded model from every other of the process, the same bundle loaded twice included:
/// its tensors may lie on another device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ModelId(u64);

impl ModelId {
    /// One that no other model has.
    pub(super) fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A picture ready for words.
///
/// Each method adds what it needs on first use and finds it again the next time, so a word never
/// runs the vision tower twice.
#[derive(Debug)]
pub struct EncodedImage {
    /// The model that it was encoded by, and is of use to.
    pub(super) model: ModelId,
    pub(super) picture: Arc<Picture>,
    /// Width and height that the dense methods see.
    pub(super) input_size: (u32, u32),
    pub(super) grid: Grid,
    pub(super) plan: Plan,
    cache: Mutex<Cache>,
}

/// What was made of a picture so far.
#[derive(Debug, Default)]
pub(super) struct Cache {
    pub(super) hidden_states: Option<HiddenStates>,
    /// The latest cell features, with the method and residual flag that they were made with:
    /// while words change, the method seldom does.
    pub(super) features: Option<(Method, bool, CellFeatures)>,
    pub(super) crops: HashMap<Scale, Embeddings>,
    pub(super) foreground: HashMap<Guidance, ScoreMap>,
    /// With the budget that they were made for.
    pub(super) proposals: Option<(usize, Arc<Proposals>)>,
    pub(super) regions: Option<(usize, Embeddings)>,
}

impl EncodedImage {
    pub(super) fn new(
        model: ModelId,
        picture: Picture,
        input_size: (u32, u32),
        grid: Grid,
        plan: Plan,
    ) -> Self {
        Self {
            model,
            picture: Arc::new(picture),
            input_size,
            grid,
            plan,
            cache: Mutex::default(),
        }
    }

    /// The picture, upright.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The grid of cells that it was cut into.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        // Every slot holds a whole value or nothing, so a poisoned lock still guards a sound state.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
