//! What a caller can choose.

use super::Pipeline;
use crate::dense::{Method, Parameters, Windows};
use crate::error::{Error, Result};
use crate::prompt::Background;
use crate::refine::Refinement;

/// How to encode a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EncodeOptions {
    /// The short side in pixels that the picture is brought to, the bundle's own if `None`; larger
    /// sees finer things and costs more.
    pub size: Option<u32>,
    /// The method to prepare for, the model's own if `None`. Others can be used all the same
    /// and then do their part of the work on first use.
    pub method: Option<Method>,
    /// How the picture is cut.
    pub windows: Windows,
}

/// How to segment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// How cells get scores; the model's own if `None`.
    pub method: Option<Method>,
    /// The numbers of the method.
    pub parameters: Parameters,
    /// The background class.
    pub background: Background,
    /// Steps on the scores, in this order; the model's own if `None`.
    pub refine: Option<Vec<Refinement>>,
    /// A pixel whose best class is less likely than this stays unlabelled, 0..=1.
    pub threshold: f32,
}

impl From<Pipeline> for Options {
    /// Exactly this method with these refinements, everything else as it is by default.
    fn from(pipeline: Pipeline) -> Self {
        Self {
            method: Some(pipeline.method),
            parameters: Parameters {
                residual: pipeline.residual,
                multi_scale: Some(pipeline.multi_scale),
                ..Parameters::default()
            },
            refine: Some(pipeline.refine),
            ..Self::default()
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(Error::input(format!(
                "A threshold of {} is not between 0 and 1.",
                self.threshold
            )));
        }
        self.parameters.check()
    }
}
