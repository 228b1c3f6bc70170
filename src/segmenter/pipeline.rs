//! A method with its refinements.

use serde::{Deserialize, Serialize};

use crate::bundle::Manifest;
use crate::dense::Method;
use crate::error::{Error, Result};
use crate::refine::Refinement;

/// A method with its refinements, as people write it: `pearl+tlp+pamr`, `maskclip+residual`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Pipeline {
    /// The method.
    pub method: Method,
    /// Whether `maskclip` keeps the last block's residuals and feed-forward part.
    pub residual: bool,
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
            refine: vec![Refinement::Tlp],
        }
    }

    /// The pipeline of a bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if its manifest asks for one that this version has not.
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

    /// Every method alone and with each sensible chain of refinements.
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
        let methods = Method::ALL.into_iter().map(|method| (method, false));
        methods
            .chain([(Method::MaskClip, true)])
            .flat_map(|(method, residual)| {
                CHAINS.into_iter().map(move |chain| Self {
                    method,
                    residual,
                    refine: chain.to_vec(),
                })
            })
            .filter(|pipeline| Refinement::check(&pipeline.refine, pipeline.method).is_ok())
            .collect()
    }
}

impl std::fmt::Display for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.method)?;
        if self.residual {
            write!(f, "+residual")?;
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
            refine: Vec::new(),
        };
        for part in parts {
            if part == "residual" && method == Method::MaskClip {
                pipeline.residual = true;
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
