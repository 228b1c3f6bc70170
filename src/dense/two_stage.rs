//! The two-stage baseline (arXiv 2112.14757): class-agnostic masks, each classified by CLIP on its
//! masked crop.

use std::sync::Arc;

use super::pieces::{self, Embeddings};
use super::{Model, ScoreKind, ScoreMap, View};
use crate::clip::Grid;
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::mask::Rle;
use crate::progress::Progress;
use crate::prompt::ClassVectors;
use crate::proposal::{Proposals, propose};

/// Regions that are classified when not told how many.
pub const REGIONS: usize = 48;

/// The most regions that can be asked for.
pub const MAX_REGIONS: usize = 200;

/// What was made of a picture so far, with the budget of regions that it was made for.
#[derive(Debug, Default)]
pub(super) struct Cache {
    proposals: Option<(usize, Arc<Proposals>)>,
    embeddings: Option<(usize, Embeddings)>,
}

/// All of the work that does not depend on words.
pub(super) async fn encode(
    regions: usize,
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<()> {
    embed_regions(regions, view, model, progress)
        .await
        .map(|_| ())
}

/// The scores of at most so many regions, brought to the pixels that they cover.
pub(super) async fn scores(
    regions: usize,
    view: &View,
    model: &Model<'_>,
    classes: &ClassVectors,
    progress: &mut impl Progress,
) -> Result<ScoreMap> {
    let embeddings = embed_regions(regions, view, model, progress).await?;
    let proposals = proposals(regions, view)?;
    let probabilities = probabilities(&classes.scores(&embeddings), classes.classes(), model)?;
    fuse(&proposals, probabilities.values(), classes.classes())
}

/// What each mask shows: for each mask the probability of each class, by CLIP on the masked
/// crop (arXiv 2112.14757, section 3.3).
///
/// # Shapes
///
/// - output: `[masks, classes]`, each row sums to one
///
/// # Errors
///
/// [`Error::Input`] if a mask is of another size than the picture or has no pixels;
/// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
/// [`Error::OutOfMemory`] if the pixels do not fit in memory.
pub async fn classify(
    masks: &[Rle],
    view: &View,
    model: &Model<'_>,
    classes: &ClassVectors,
    progress: &mut impl Progress,
) -> Result<Vec<Vec<f32>>> {
    if masks.is_empty() {
        return Ok(Vec::new());
    }
    let embeddings = embed_masks(masks, view, model, progress).await?;
    let by_class = probabilities(&classes.scores(&embeddings), classes.classes(), model)?;
    let row = |mask| {
        (0..classes.classes())
            .map(|class| by_class.class(class)[mask])
            .collect()
    };
    Ok((0..masks.len()).map(row).collect())
}

/// The region that a person means who points at a pixel; no network is asked.
///
/// # Errors
///
/// [`Error::Input`] if the pixel is outside the picture; [`Error::OutOfMemory`] if the pixels do
/// not fit in memory.
pub fn region_at(view: &View, x: u32, y: u32) -> Result<Rle> {
    let picture = view.picture();
    if x >= picture.width() || y >= picture.height() {
        return Err(Error::input(format!(
            "The pixel {x}, {y} is outside the picture of {}×{}.",
            picture.width(),
            picture.height()
        )));
    }
    let proposals = proposals(REGIONS, view)?;
    proposals.mask(proposals.region_at(x, y, picture)?, picture)
}

fn proposals(budget: usize, view: &View) -> Result<Arc<Proposals>> {
    if let Some((made_for, proposals)) = &view.cache().two_stage.proposals
        && *made_for == budget
    {
        return Ok(Arc::clone(proposals));
    }
    let proposals = Arc::new(propose(view.picture(), budget)?);
    view.cache().two_stage.proposals = Some((budget, Arc::clone(&proposals)));
    Ok(proposals)
}

/// The unit vectors of the picture's regions.
async fn embed_regions(
    budget: usize,
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<Embeddings> {
    if let Some((made_for, embeddings)) = &view.cache().two_stage.embeddings
        && *made_for == budget
    {
        return Ok(Arc::clone(embeddings));
    }
    let proposals = proposals(budget, view)?;
    let regions = proposals.regions.iter();
    let masks: Vec<Rle> = regions
        .map(|region| proposals.mask(region, view.picture()))
        .collect::<Result<_>>()?;
    let embeddings = embed_masks(&masks, view, model, progress).await?;
    view.cache().two_stage.embeddings = Some((budget, Arc::clone(&embeddings)));
    Ok(embeddings)
}

async fn embed_masks(
    masks: &[Rle],
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<Embeddings> {
    let mean = model.config.pixel_mean;
    let cut = |mask: &Rle| masked_crop(view.picture(), mask, mean);
    pieces::embed(model, masks, cut, progress).await
}

/// A softmax over classes of the cosines of pieces, `[classes, pieces]`.
fn probabilities(cosines: &[f32], classes: usize, model: &Model<'_>) -> Result<ScoreMap> {
    let row = Grid {
        rows: 1,
        cols: cosines.len() / classes,
    };
    Ok(ScoreMap::new(classes, row, cosines.to_vec(), model.cosine())?.probabilities())
}

/// Whether a mask can be classified in this picture.
///
/// # Errors
///
/// [`Error::Input`] if the mask is of another size than the picture or has no pixels.
pub fn check_mask(mask: &Rle, picture: &Picture) -> Result<()> {
    let size = (picture.width(), picture.height());
    if (mask.width(), mask.height()) != size {
        return Err(Error::input(format!(
            "it is {}×{}, but the picture is {}×{}. Give masks of the picture's size.",
            mask.width(),
            mask.height(),
            size.0,
            size.1
        )));
    }
    if mask.area() == 0 {
        return Err(Error::input("it has no pixels. Leave it out."));
    }
    Ok(())
}

/// The tight box around a mask, with everything outside the mask painted in CLIP's mean colour
/// (each channel 0..=1), so that it tells the network nothing.
///
/// # Errors
///
/// [`Error::Input`] if the mask is of another size than the picture or has no pixels;
/// [`Error::OutOfMemory`] if the pixels do not fit in memory.
pub fn masked_crop(picture: &Picture, mask: &Rle, mean: [f32; 3]) -> Result<Picture> {
    check_mask(mask, picture)?;
    let [x, y, width, height] = mask.bounding_box();
    let inside = mask.to_mask()?;
    let fill = mean.map(|channel| (channel * 255.0).round() as u8);
    let crop = picture.crop(x, y, width, height)?;
    let mut rgb = crop.rgb().to_vec();
    let rows = inside
        .chunks_exact(picture.width() as usize)
        .skip(y as usize)
        .map(|row| &row[x as usize..(x + width) as usize]);
    for (pixels, inside) in rgb.chunks_exact_mut(3 * width as usize).zip(rows) {
        for (pixel, inside) in pixels.chunks_exact_mut(3).zip(inside) {
            if !inside {
                pixel.copy_from_slice(&fill);
            }
        }
    }
    Picture::from_rgb(width, height, rgb)
}

/// Each pixel's probabilities: the mean over the regions that cover it.
///
/// # Shapes
///
/// - `probabilities`: `[classes, regions]`
/// - output: on the grid of the proposals
///
/// # Errors
///
/// [`Error::Internal`] if the numbers do not fit the regions.
pub fn fuse(proposals: &Proposals, probabilities: &[f32], classes: usize) -> Result<ScoreMap> {
    let regions = proposals.regions.len();
    if probabilities.len() != classes * regions {
        return Err(Error::internal(format!(
            "{} probabilities for {classes} classes and {regions} regions",
            probabilities.len()
        )));
    }
    let grid = Grid {
        rows: proposals.height as usize,
        cols: proposals.width as usize,
    };
    let mut covered = vec![0.0f32; grid.cells()];
    let mut values = vec![0.0f32; classes * grid.cells()];
    for (index, region) in proposals.regions.iter().enumerate() {
        for pixel in region.pixels() {
            covered[pixel] += 1.0;
            for class in 0..classes {
                values[class * grid.cells() + pixel] += probabilities[class * regions + index];
            }
        }
    }
    for row in values.chunks_exact_mut(grid.cells()) {
        for (value, covered) in row.iter_mut().zip(&covered) {
            *value /= covered.max(1.0);
        }
    }
    ScoreMap::new(classes, grid, values, ScoreKind::Weight)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::mask::LabelMap;

    fn square() -> (Picture, Rle) {
        let picture = Picture::from_rgb(4, 3, (0..36).collect()).unwrap();
        let labels = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0];
        let map = LabelMap::new(4, 3, labels).unwrap();
        (picture, Rle::from_class(&map, 1).unwrap())
    }

    #[test]
    fn outside_the_mask_is_the_mean_color() {
        let (picture, mask) = square();
        let crop = masked_crop(&picture, &mask, [0.0, 1.0, 0.5]).unwrap();
        assert_eq!((crop.width(), crop.height()), (2, 2));
        assert_eq!(
            crop.rgb(),
            [15, 16, 17, 0, 255, 128, 27, 28, 29, 30, 31, 32]
        );
    }

    #[test]
    fn crops_are_those_of_the_reference() {
        let picture = fixtures::picture("crop.picture");
        let mean = [0.481_454_66, 0.457_827_5, 0.408_210_73];
        for case in ["ring", "corner", "pixel", "whole"] {
            let (mask, shape) = fixtures::tensor(&format!("crop.{case}.mask"));
            let labels = mask.iter().map(|v| *v as u8).collect();
            let map = LabelMap::new(shape[1] as u32, shape[0] as u32, labels).unwrap();
            let mask = Rle::from_class(&map, 1).unwrap();
            let bounds = mask.bounding_box().map(|v| v as f32);
            fixtures::assert_close(&bounds, &format!("crop.{case}.box"), 0.0);
            let crop = masked_crop(&picture, &mask, mean).unwrap();
            let pixels: Vec<f32> = crop.rgb().iter().copied().map(f32::from).collect();
            fixtures::assert_close(&pixels, &format!("crop.{case}.pixels"), 0.0);
        }
    }

    #[test]
    fn masks_that_do_not_fit_are_refused() {
        let (picture, _) = square();
        for map in [
            LabelMap::new(3, 4, vec![1; 12]).unwrap(),
            LabelMap::new(4, 3, vec![0; 12]).unwrap(),
        ] {
            let mask = Rle::from_class(&map, 1).unwrap();
            let error = masked_crop(&picture, &mask, [0.5; 3]).unwrap_err();
            assert_eq!(error.code(), "input");
        }
    }
}
