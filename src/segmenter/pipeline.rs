//! A method with its refinements.

use serde::{Deserialize, Serialize};

use crate::bundle::Manifest;
use crate::dense::Method;
use crate::error::{Error, Result};
use crate::refine::Refinement;

/// A method with its refinements, as people write it: `pearl+tlp+pamr`, `maskclip+residual`,
/// `maskclip+multi-scale+pamr`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Pipeline {
    /// The method.
    pub method: Method,
    /// Whether `maskclip` keeps the last block's residuals and feed-forward part.
    pub residual: bool,
    /// Whether a dense method looks at the picture at finer scales, too.
    pub multi_scale: bool,
    /// The refinements, in order.
    pub refine: Vec<Refinement>,
}

impl Pipeline {
    /// What CLIPs for photographs are used with unless their manifest says otherwise: PEARL with
    /// its own smoothing, among the best of the published methods that need no second network and
    /// the cheapest of these (`docs/methods.md`).
    fn published() -> Self {
        Self {
            method: Method::Pearl,
            residual: false,
            multi_scale: false,
            refine: vec![Refinement::Tlp],
        }
    }

    /// The pipeline of a bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if its manifest asks for a pipeline that this version does not have.
    pub(super) fn from_manifest(manifest: &Manifest) -> Result<Self> {
        let Some(text) = &manifest.pipeline else {
            return Ok(Self::published());
        };
        text.parse().map_err(|e| {
            Error::model(format!(
                "the bundle is made for {text:?}, which this version of wordmask does not have ({e}). Update wordmask."
            ))
        })
    }

    /// Every method alone and with each sensible chain of refinements; at several scales, which take
    /// many times as long, alone and with PAMR.
    #[must_use]
    pub fn all() -> Vec<Self> {
        use Refinement::{KeySmoothing, Pamr, PromptDenoising, Tlp};
        const CHAINS: [&[Refinement]; 7] = [
            &[],
            &[PromptDenoising],
            &[KeySmoothing],
            &[PromptDenoising, KeySmoothing],
            &[Tlp],
            &[Pamr],
            &[Tlp, Pamr],
        ];
        let methods = Method::ALL.into_iter();
        let finer = methods.clone().filter(|method| method.is_dense());
        methods
            .map(|method| (method, false, false))
            .chain([(Method::MaskClip, true, false)])
            .chain(finer.map(|method| (method, false, true)))
            .flat_map(|(method, residual, multi_scale)| {
                CHAINS.into_iter().map(move |chain| Self {
                    method,
                    residual,
                    multi_scale,
                    refine: chain.to_vec(),
                })
            })
            .filter(|pipeline| Refinement::check(&pipeline.refine, pipeline.method).is_ok())
            .filter(|pipeline| !pipeline.multi_scale || matches!(pipeline.refine[..], [] | [Pamr]))
            .collect()
    }
}

impl std::fmt::Display for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.method)?;
        if self.residual {
            write!(f, "+residual")?;
        }
        if self.multi_scale {
            write!(f, "+multi-scale")?;
        }
        self.refine.iter().try_for_each(|step| write!(f, "+{step}"))
    }
}

impl From<Pipeline> for String {
    fn from(pipeline: Pipeline) -> Self {
        pipeline.to_string()
    }
}

impl TryFrom<String> for Pipeline {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl std::str::FromStr for Pipeline {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split('+').map(str::trim);
        let method: Method = parts.next().unwrap_or_default().parse()?;
        let mut pipeline = Self {
            method,
            residual: false,
            multi_scale: false,
            refine: Vec::new(),
        };
        for part in parts {
            if part == "residual" && method == Method::MaskClip {
                pipeline.residual = true;
            } else if part == "multi-scale" && method.is_dense() {
                pipeline.multi_scale = true;
            } else {
                pipeline.refine.push(part.parse()?);
            }
        }
        Refinement::check(&pipeline.refine, method)?;
        Ok(pipeline)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written() {
        for pipeline in Pipeline::all() {
            assert_eq!(pipeline.to_string().parse::<Pipeline>().unwrap(), pipeline);
        }
        let both: Pipeline = "maskclip+residual+tlp".parse().unwrap();
        assert!(both.residual && both.refine == [Refinement::Tlp]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            "",
            "maskclop",
            "pearl+residual",
            "clip-diy+multi-scale",
            "clip-diy+key-smoothing",
            "pearl+tlp+key-smoothing",
        ] {
            assert_eq!(
                text.parse::<Pipeline>().unwrap_err().code(),
                "input",
                "{text}"
            );
        }
    }
}
