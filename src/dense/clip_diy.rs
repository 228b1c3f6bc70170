//! CLIP-DIY (arXiv 2309.14289): crops at several scales, each scored as a whole picture.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::pieces::{self, Embeddings};
use super::{
    Guidance, Method, Model, Parameters, ScoreKind, ScoreMap, View, cell_features::whole_features,
};
use crate::clip::Grid;
use crate::error::{Error, Result};
use crate::foreground::spectral;
use crate::progress::Progress;
use crate::prompt::ClassVectors;
use crate::readback::read;

/// Cells a side of the score map that all scales are brought to, and on which guidance is
/// multiplied: as published. Guidance has edges, which a coarser map would blur.
const SIDE: usize = 256;

/// How many crops may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Budget {
    /// The whole picture and its nine overlapping halves.
    Ten,
    /// The whole picture, its nine overlapping halves and sixteen quarters side by side.
    TwentySix,
    /// The whole picture, nine halves and forty-nine quarters, overlapping, as published.
    #[default]
    FiftyNine,
}

impl Budget {
    /// The scales of crops, coarse to fine.
    #[must_use]
    pub fn scales(self) -> &'static [Scale] {
        const FULL: [Scale; 3] = [Scale::WHOLE, Scale::HALVES, Scale::QUARTERS];
        const APART: [Scale; 3] = [Scale::WHOLE, Scale::HALVES, Scale::QUARTERS_APART];
        match self {
            Self::Ten => &FULL[..2],
            Self::TwentySix => &APART,
            Self::FiftyNine => &FULL,
        }
    }
}

impl From<Budget> for u32 {
    fn from(budget: Budget) -> Self {
        budget
            .scales()
            .iter()
            .map(|s| (s.windows * s.windows) as Self)
            .sum()
    }
}

impl TryFrom<u32> for Budget {
    type Error = Error;

    fn try_from(crops: u32) -> Result<Self> {
        [Self::Ten, Self::TwentySix, Self::FiftyNine]
            .into_iter()
            .find(|budget| u32::from(*budget) == crops)
            .ok_or_else(|| {
                Error::input(format!("{crops} crops are no budget. Choose 10, 26 or 59."))
            })
    }
}

impl std::str::FromStr for Budget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse::<u32>()
            .map_err(|_| {
                Error::input(format!(
                    "{text:?} is no number of crops. Choose 10, 26 or 59."
                ))
            })?
            .try_into()
    }
}

/// One scale: a square grid of windows over the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scale {
    /// Windows a side.
    pub windows: usize,
    /// Steps that a side of the picture is divided into.
    steps: usize,
    /// Steps that a window's side covers.
    span: usize,
}

impl Scale {
    const WHOLE: Self = Self {
        windows: 1,
        steps: 1,
        span: 1,
    };
    const HALVES: Self = Self {
        windows: 3,
        steps: 4,
        span: 2,
    };
    const QUARTERS: Self = Self {
        windows: 7,
        steps: 8,
        span: 2,
    };
    const QUARTERS_APART: Self = Self {
        windows: 4,
        steps: 4,
        span: 1,
    };

    /// The crops of a picture, row by row: `[x, y, width, height]` in pixels, none of them empty.
    ///
    /// They have the picture's proportions, as if it had been made square first.
    pub fn crops(self, width: u32, height: u32) -> impl Iterator<Item = [u32; 4]> {
        let at = move |window: usize| self.interval(window, width);
        (0..self.windows).flat_map(move |row| {
            let (y, crop_height) = self.interval(row, height);
            (0..self.windows).map(move |col| {
                let (x, crop_width) = at(col);
                [x, y, crop_width, crop_height]
            })
        })
    }

    /// Start and length of a window along a side of this many pixels.
    fn interval(self, window: usize, pixels: u32) -> (u32, u32) {
        let steps = self.steps as u64;
        let edge =
            |step: usize| ((2 * step as u64 * u64::from(pixels) + steps) / (2 * steps)) as u32;
        let start = edge(window).min(pixels - 1);
        let end = edge(window + self.span).max(start + 1);
        (start, end - start)
    }
}

/// The mean over scales of score maps, each brought to one common grid.
///
/// # Shapes
///
/// - `scales`: for each scale its windows a side and the cosines `[classes, windows, windows]`
///
/// # Errors
///
/// [`Error::Internal`] if the lengths do not fit or there is no scale.
pub fn fuse(scales: &[(usize, Vec<f32>)], classes: usize, kind: ScoreKind) -> Result<ScoreMap> {
    let grid = Grid {
        rows: SIDE,
        cols: SIDE,
    };
    let mut sum = vec![0.0; classes * grid.cells()];
    for (windows, scores) in scales {
        let windows = Grid {
            rows: *windows,
            cols: *windows,
        };
        let map = ScoreMap::new(classes, windows, scores.clone(), kind)?.resample(grid);
        for (sum, score) in sum.iter_mut().zip(map.values()) {
            *sum += score / scales.len() as f32;
        }
    }
    ScoreMap::new(classes, grid, sum, kind)
}

/// Weighs the classes with how likely a cell is foreground, the last class, the background, with
/// how unlikely.
///
/// # Shapes
///
/// - `foreground`: one class, any grid, 0..=1
pub fn guide(scores: &mut ScoreMap, foreground: &ScoreMap) {
    let foreground = foreground.resample(scores.grid());
    let background = scores.classes() - 1;
    for class in 0..scores.classes() {
        for (score, likely) in scores.class_mut(class).iter_mut().zip(foreground.class(0)) {
            *score *= if class == background {
                1.0 - likely
            } else {
                *likely
            };
        }
    }
}

/// What was made of a picture so far.
#[derive(Debug, Default)]
pub(super) struct Cache {
    crops: HashMap<Scale, Embeddings>,
    foreground: HashMap<Guidance, ScoreMap>,
}

/// The coarsest scale: an answer soon. The others come with the words.
pub(super) async fn encode(
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<()> {
    let coarsest = Budget::default().scales()[0];
    embed_crops(coarsest, view, model, progress)
        .await
        .map(|_| ())
}

/// All scales, and where things are.
pub(super) async fn prepare(
    parameters: &Parameters,
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<()> {
    for scale in parameters.crops.scales() {
        embed_crops(*scale, view, model, progress).await?;
    }
    if parameters.guidance != Guidance::None {
        foreground(parameters.guidance, view, model, progress).await?;
    }
    Ok(())
}

/// The scores of all scales; those of the first scales alone go to `partial` as they come.
pub(super) async fn scores(
    parameters: &Parameters,
    view: &View,
    model: &Model<'_>,
    classes: &ClassVectors,
    progress: &mut impl Progress,
    partial: &mut impl FnMut(&ScoreMap),
) -> Result<ScoreMap> {
    let guidance = parameters.guidance;
    let guided = guidance != Guidance::None && classes.has_background();
    let scales = parameters.crops.scales();
    let mut known = Vec::with_capacity(scales.len());
    loop {
        let scale = scales[known.len()];
        let crops = embed_crops(scale, view, model, progress).await?;
        known.push((scale.windows, classes.scores(&crops)));
        let mut scores = fuse(&known, classes.classes(), model.cosine())?;
        if guided {
            let foreground = foreground(guidance, view, model, progress).await?;
            guide(&mut scores, &foreground);
        }
        if known.len() == scales.len() {
            return Ok(scores);
        }
        partial(&scores);
    }
}

/// The unit vectors of a scale's crops.
async fn embed_crops(
    scale: Scale,
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<Embeddings> {
    if let Some(crops) = view.cache().clip_diy.crops.get(&scale) {
        return Ok(Arc::clone(crops));
    }
    let picture = view.picture();
    let crops: Vec<[u32; 4]> = scale.crops(picture.width(), picture.height()).collect();
    let cut = |&[x, y, width, height]: &[u32; 4]| picture.crop(x, y, width, height);
    let crops = pieces::embed(model, &crops, cut, progress).await?;
    let mut cache = view.cache();
    cache.clip_diy.crops.insert(scale, Arc::clone(&crops));
    Ok(crops)
}

/// How likely each place shows a thing.
async fn foreground(
    guidance: Guidance,
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<ScoreMap> {
    if let Some(foreground) = view.cache().clip_diy.foreground.get(&guidance) {
        return Ok(foreground.clone());
    }
    let (grid, likely) = match guidance {
        Guidance::FoundNetwork => by_guide(view, model, progress).await?,
        _ => by_features(view, model, progress).await?,
    };
    let map = ScoreMap::new(1, grid, likely, ScoreKind::Weight)?;
    let mut cache = view.cache();
    cache.clip_diy.foreground.insert(guidance, map.clone());
    Ok(map)
}

/// By the vision tower's own features.
async fn by_features(
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<(Grid, Vec<f32>)> {
    let cells = whole_features(Method::MaskClip, false, view, model, progress).await?;
    let [_, width] = cells.keys.dims();
    let keys = read(cells.keys).await?;
    let grid = view.grid();
    let likely = spectral::foreground(&keys, width, grid.rows, grid.cols)?;
    Ok((grid, likely))
}

/// By the model's guide, pixel by pixel.
async fn by_guide(
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<(Grid, Vec<f32>)> {
    let guide = model.guide.ok_or_else(|| {
        Error::input(
            "This model has no guide. Import it with one, or choose the guidance features or none.",
        )
    })?;
    let network = guide
        .network
        .ok_or_else(|| Error::model("The guide of the bundle has not been loaded."))?;
    let picture = view.picture();
    let (likely, width, height) = network.foreground(picture, guide.config, progress).await?;
    let grid = Grid {
        rows: height as usize,
        cols: width as usize,
    };
    Ok((grid, likely))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures;
    use proptest::prelude::*;

    #[test]
    fn budgets_are_what_they_say() {
        for crops in [10, 26, 59] {
            assert_eq!(u32::from(Budget::try_from(crops).unwrap()), crops);
        }
        assert_eq!(Budget::try_from(11).unwrap_err().code(), "input");
    }

    #[test]
    fn halves_overlap_by_half() {
        let crops: Vec<_> = Scale::HALVES.crops(8, 4).collect();
        assert_eq!(crops[0], [0, 0, 4, 2]);
        assert_eq!(crops[1], [2, 0, 4, 2]);
        assert_eq!(crops[8], [4, 2, 4, 2]);
    }

    #[test]
    fn crops_are_those_of_the_reference() {
        for (width, height) in [
            (64, 48),
            (57, 33),
            (1, 1),
            (1, 7),
            (2, 3),
            (5, 4),
            (1023, 769),
        ] {
            for budget in [Budget::TwentySix, Budget::FiftyNine] {
                let crops: Vec<f32> = budget
                    .scales()
                    .iter()
                    .flat_map(|scale| scale.crops(width, height))
                    .flatten()
                    .map(|v| v as f32)
                    .collect();
                let name = format!("clip-diy.crops.{width}x{height}.{}", u32::from(budget));
                fixtures::assert_close(&crops, &name, 0.0);
            }
        }
    }

    /// The rows and columns of a map that the fixtures hold.
    fn stored(map: &ScoreMap) -> Vec<f32> {
        let rows = map.values().chunks_exact(SIDE).enumerate();
        rows.filter(|(row, _)| row % SIDE % 5 == 2)
            .flat_map(|(_, row)| row.iter().copied().skip(2).step_by(5))
            .collect()
    }

    #[test]
    fn maps_are_those_of_the_reference() {
        let kind = ScoreKind::Cosine { scale: 1.0 };
        for budget in [Budget::Ten, Budget::TwentySix, Budget::FiftyNine] {
            let (cosines, shape) =
                fixtures::tensor(&format!("clip-diy.cosines.{}", u32::from(budget)));
            let mut from = 0;
            let scales: Vec<_> = budget
                .scales()
                .iter()
                .map(|scale| {
                    let crops = scale.windows * scale.windows;
                    let rows = cosines.chunks_exact(shape[1]);
                    let scores = rows
                        .flat_map(|row| row[from..from + crops].to_vec())
                        .collect();
                    from += crops;
                    (scale.windows, scores)
                })
                .collect();
            let mut map = fuse(&scales, shape[0], kind).unwrap();
            let name = format!("clip-diy.map.{}", u32::from(budget));
            fixtures::assert_close(&stored(&map), &name, 1e-5);
            if budget == Budget::FiftyNine {
                let (guidance, grid) = fixtures::tensor("clip-diy.guidance");
                let grid = Grid {
                    rows: grid[0],
                    cols: grid[1],
                };
                guide(
                    &mut map,
                    &ScoreMap::new(1, grid, guidance, ScoreKind::Weight).unwrap(),
                );
                fixtures::assert_close(&stored(&map), "clip-diy.guided.59", 1e-5);
            }
        }
    }

    #[test]
    fn guidance_moves_doubtful_cells_to_the_background() {
        let kind = ScoreKind::Cosine { scale: 1.0 };
        let grid = Grid { rows: 1, cols: 2 };
        let mut scores = ScoreMap::new(2, grid, vec![0.3, 0.3, 0.2, 0.2], kind).unwrap();
        let foreground = ScoreMap::new(1, grid, vec![1.0, 0.25], ScoreKind::Weight).unwrap();
        guide(&mut scores, &foreground);
        assert_eq!(scores.class(0), &[0.3, 0.075]);
        assert_eq!(scores.class(1), &[0.0, 0.15]);
    }

    proptest! {
        #[test]
        fn crops_cover_the_picture_and_stay_inside(width in 1u32..300, height in 1u32..300) {
            for scale in [Scale::WHOLE, Scale::HALVES, Scale::QUARTERS, Scale::QUARTERS_APART] {
                let mut columns = vec![false; width as usize];
                for [x, y, w, h] in scale.crops(width, height) {
                    prop_assert!(w > 0 && h > 0 && x + w <= width && y + h <= height);
                    columns[x as usize..(x + w) as usize].fill(true);
                }
                prop_assert!(columns.iter().all(|seen| *seen));
                prop_assert_eq!(scale.crops(width, height).count(), scale.windows.pow(2));
            }
        }

        #[test]
        fn equal_scores_stay_equal(score in -1.0f32..1.0) {
            let scales: Vec<_> = [1usize, 3, 7].map(|n| (n, vec![score; 2 * n * n])).into();
            let map = fuse(&scales, 2, ScoreKind::Cosine { scale: 1.0 }).unwrap();
            prop_assert!(map.values().iter().all(|v| (v - score).abs() < 1e-5));
        }
    }
}
