//! Steps on the scores, in the order in which the caller gives them: one file a refinement.

mod contenders;
mod edges;
mod key_smoothing;
mod pamr;
mod prompt_denoising;
mod tlp;

use serde::{Deserialize, Serialize};

use crate::clip::Grid;
use crate::dense::{CellFeatures, Method, ScoreMap};
use crate::error::{Error, Result};
use crate::image::Picture;

/// A refinement by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refinement {
    /// Removes classes that are nowhere likely (MaskCLIP, arXiv 2112.01071).
    PromptDenoising,
    /// Lets cells with like keys share their scores (MaskCLIP).
    KeySmoothing,
    /// Smooths scores where the picture is smooth, on a coarse grid (PEARL, arXiv 2603.21528).
    Tlp,
    /// Lets each pixel share with those of like colour around it (arXiv 2005.08104).
    Pamr,
    /// Lets labels follow the edges of the picture at its full size, and drops specks. The last step,
    /// on labels and not on scores.
    Edges,
}

/// As published.
const PAMR_ITERATIONS: usize = 10;

/// What refinements look at beside the scores.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The cells that were scored, if the method has such.
    pub cells: Option<&'a CellFeatures>,
    /// The picture.
    pub picture: &'a Picture,
}

impl Refinement {
    /// All refinements.
    pub const ALL: [Self; 5] = [
        Self::PromptDenoising,
        Self::KeySmoothing,
        Self::Tlp,
        Self::Pamr,
        Self::Edges,
    ];

    /// The name of the refinement, as options and manifests have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PromptDenoising => "prompt-denoising",
            Self::KeySmoothing => "key-smoothing",
            Self::Tlp => "tlp",
            Self::Pamr => "pamr",
            Self::Edges => "edges",
        }
    }

    /// Whether these steps can follow each other on this method's scores.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if key smoothing has no keys, or no longer those of the grid, or if edges are
    /// not the last step.
    pub fn check(steps: &[Self], method: Method) -> Result<()> {
        let scored = steps.split_last().map_or(steps, |(_, scored)| scored);
        if scored.contains(&Self::Edges) {
            return Err(Error::input(
                "edges makes labels of scores, so it has to be the last step.",
            ));
        }
        let Some(at) = steps.iter().position(|step| *step == Self::KeySmoothing) else {
            return Ok(());
        };
        if !method.is_dense() {
            return Err(Error::input(format!(
                "key-smoothing compares the keys of cells, which {method} has not. Leave it out or choose another method."
            )));
        }
        if steps[..at]
            .iter()
            .any(|s| matches!(s, Self::Tlp | Self::Pamr))
        {
            return Err(Error::input(
                "key-smoothing works on the grid of cells, so it has to come before tlp and pamr.",
            ));
        }
        Ok(())
    }

    /// Applies the refinement to scores.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if the pixels do not fit in
    /// memory; [`Error::Internal`] if [`Refinement::check`] refuses a step.
    pub async fn apply(self, scores: ScoreMap, context: &Context<'_>) -> Result<ScoreMap> {
        match self {
            Self::PromptDenoising => Ok(prompt_denoising::denoise(scores)),
            Self::KeySmoothing => {
                let cells = context
                    .cells
                    .ok_or_else(|| Error::internal("key smoothing without keys"))?;
                key_smoothing::smooth(&scores, &cells.keys).await
            }
            Self::Tlp => {
                let (values, axes) = tlp::smooth(
                    scores.values(),
                    scores.classes(),
                    scores.axes(),
                    context.picture,
                )?;
                ScoreMap::on_axes(scores.classes(), axes, values, scores.kind())
            }
            Self::Pamr => refine_pixels(&scores, context.picture),
            // Whoever makes labels of the scores follows edges.
            Self::Edges => Ok(scores),
        }
    }
}

/// Applies refinements one after the other.
///
/// # Errors
///
/// [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if the pixels do not fit in
/// memory; [`Error::Internal`] if [`Refinement::check`] refuses a step.
pub async fn refine(
    steps: &[Refinement],
    mut scores: ScoreMap,
    context: &Context<'_>,
) -> Result<ScoreMap> {
    for step in steps {
        scores = step.apply(scores, context).await?;
    }
    Ok(scores)
}

/// Applies steps where only the largest score of each pixel matters, not how large it is: classes
/// that cannot have it anywhere are left out before PAMR, which is most of the work. Returns the
/// classes of the rows that are left, too; these have the scores that [`refine`] gives them.
///
/// # Errors
///
/// [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if the pixels do not fit in
/// memory; [`Error::Internal`] if [`Refinement::check`] refuses a step.
pub async fn refine_for_labels(
    steps: &[Refinement],
    scores: ScoreMap,
    context: &Context<'_>,
) -> Result<(ScoreMap, Vec<usize>)> {
    // Each step before the last ones that are PAMR looks at all classes.
    let last = steps
        .iter()
        .rev()
        .take_while(|step| matches!(step, Refinement::Pamr | Refinement::Edges));
    let (first, last) = steps.split_at(steps.len() - last.count());
    let scores = refine(first, scores, context).await?;
    if last.is_empty() {
        let all = (0..scores.classes()).collect();
        return Ok((scores, all));
    }
    let kept = contenders::contenders(&scores);
    let scores = refine(last, scores.select(&kept)?, context).await?;
    Ok((scores, kept))
}

/// The most likely class of each pixel of the picture, row-major, along its `edges` or not;
/// [`UNLABELLED`](crate::mask::UNLABELLED) where that is a class from `background` on, or its
/// probability is below `threshold`.
///
/// # Errors
///
/// [`Error::Input`] if the working size is refused; [`Error::OutOfMemory`] if the pixels do not fit in
/// memory.
pub(crate) fn label(
    scores: &ScoreMap,
    picture: &Picture,
    background: usize,
    threshold: f32,
    edges: bool,
) -> Result<Vec<u8>> {
    if edges {
        return edges::label(scores, picture, background, threshold);
    }
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Ok(scores.label(width, height, background, threshold))
}

/// PAMR at its working size.
fn refine_pixels(scores: &ScoreMap, picture: &Picture) -> Result<ScoreMap> {
    let (width, height) = pamr::working_size(picture.width(), picture.height());
    let grid = Grid {
        rows: height as usize,
        cols: width as usize,
    };
    let values = pamr::refine(
        scores.resample(grid).values(),
        scores.classes(),
        grid.cols,
        grid.rows,
        &picture.resize(width, height)?,
        pamr::distance(width.min(height)),
        PAMR_ITERATIONS,
    )?;
    ScoreMap::new(scores.classes(), grid, values, scores.kind())
}

impl std::fmt::Display for Refinement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Refinement {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|step| step.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                Error::input(format!("{name:?} is no refinement. Choose of {names}."))
            })
    }
}
