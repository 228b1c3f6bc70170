//! A picture that a model has read.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clip::Grid;
use crate::dense::View;
use crate::image::Picture;

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
#[derive(Debug)]
pub struct EncodedImage {
    /// The model that it was encoded by, and is of use to.
    pub(super) model: ModelId,
    pub(super) view: View,
}

impl EncodedImage {
    /// The picture, upright.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        self.view.picture()
    }

    /// The grid of cells that the picture was cut into.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.view.grid()
    }
}
