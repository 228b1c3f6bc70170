//! Methods that look at pieces of the picture, each embedded as a picture of its own.

use std::sync::Arc;

use burn::tensor::Tensor;

use super::Segmenter;
use super::encoded::{Embeddings, EncodedImage};
use super::options::{Guidance, Options, REGIONS};
use super::words::Words;
use crate::clip::{Grid, normalise_rows, patches};
use crate::dense::clip_diy::{Scale, fuse, guide};
use crate::dense::{Method, ScoreKind, ScoreMap, two_stage};
use crate::error::{Error, Result};
use crate::foreground::spectral;
use crate::image::Picture;
use crate::mask::Rle;
use crate::progress::{Progress, SubProgress};
use crate::prompt::{Class, check_classes};
use crate::proposal::{Proposals, propose};
use crate::readback::read;

/// Pieces that run through the tower together.
const BATCH: usize = 8;

impl Segmenter {
    /// The unit vectors of a scale's crops.
    pub(super) async fn crop_rows(
        &self,
        image: &EncodedImage,
        scale: Scale,
        progress: &mut impl Progress,
    ) -> Result<Embeddings> {
        if let Some(rows) = image.cache().crops.get(&scale) {
            return Ok(Arc::clone(rows));
        }
        let picture = &image.picture;
        let crops: Vec<[u32; 4]> = scale.crops(picture.width(), picture.height()).collect();
        let cut = |[x, y, width, height]: [u32; 4]| picture.crop(x, y, width, height);
        let rows = self
            .embed_pieces(&crops, |crop| cut(*crop), progress)
            .await?;
        image.cache().crops.insert(scale, Arc::clone(&rows));
        Ok(rows)
    }

    pub(super) async fn crop_scores(
        &self,
        image: &EncodedImage,
        words: &Words,
        options: &Options,
        progress: &mut impl Progress,
        partial: &mut impl FnMut(&ScoreMap),
    ) -> Result<ScoreMap> {
        let guidance = options.guidance;
        let guided = guidance != Guidance::None && words.has_background();
        let scales = options.crops.scales();
        let mut known = Vec::with_capacity(scales.len());
        loop {
            let scale = scales[known.len()];
            let rows = self.crop_rows(image, scale, progress).await?;
            known.push((scale.windows, words.scores(&rows)));
            let mut scores = fuse(&known, words.classes(), self.cosine())?;
            if guided {
                let foreground = self.foreground(image, guidance, progress).await?;
                guide(&mut scores, &foreground);
            }
            if known.len() == scales.len() {
                return Ok(scores);
            }
            partial(&scores);
        }
    }

    /// How likely each place shows a thing.
    pub(super) async fn foreground(
        &self,
        image: &EncodedImage,
        guidance: Guidance,
        progress: &mut impl Progress,
    ) -> Result<ScoreMap> {
        if let Some(foreground) = image.cache().foreground.get(&guidance) {
            return Ok(foreground.clone());
        }
        let (grid, likely) = match guidance {
            Guidance::FoundNetwork => self.found(image, progress).await?,
            _ => self.distinct_cells(image, progress).await?,
        };
        let map = ScoreMap::new(1, grid, likely, ScoreKind::Weight)?;
        image.cache().foreground.insert(guidance, map.clone());
        Ok(map)
    }

    /// By the vision tower's own features.
    async fn distinct_cells(
        &self,
        image: &EncodedImage,
        progress: &mut impl Progress,
    ) -> Result<(Grid, Vec<f32>)> {
        let cells = self
            .features(image, Method::MaskClip, false, progress)
            .await?;
        let [_, width] = cells.keys.dims();
        let keys = read(cells.keys).await?;
        let grid = image.grid;
        let likely = spectral::foreground(&keys, width, grid.rows, grid.cols)?;
        Ok((grid, likely))
    }

    /// By the bundle's guide, pixel by pixel.
    async fn found(
        &self,
        image: &EncodedImage,
        progress: &mut impl Progress,
    ) -> Result<(Grid, Vec<f32>)> {
        let config = self.manifest.guide.as_ref().ok_or_else(|| {
            Error::input("This model has no guide. Import it with one, or choose the guidance features or none.")
        })?;
        let guide = self
            .guide
            .get()
            .ok_or_else(|| Error::model("The guide of the bundle has not been loaded."))?;
        let (likely, width, height) = guide.foreground(&image.picture, config, progress).await?;
        let grid = Grid {
            rows: height as usize,
            cols: width as usize,
        };
        Ok((grid, likely))
    }

    fn proposals(&self, image: &EncodedImage, budget: usize) -> Result<Arc<Proposals>> {
        if let Some((made_for, proposals)) = &image.cache().proposals
            && *made_for == budget
        {
            return Ok(Arc::clone(proposals));
        }
        let proposals = Arc::new(propose(&image.picture, budget)?);
        image.cache().proposals = Some((budget, Arc::clone(&proposals)));
        Ok(proposals)
    }

    /// The unit vectors of the picture's regions.
    pub(super) async fn region_rows(
        &self,
        image: &EncodedImage,
        budget: usize,
        progress: &mut impl Progress,
    ) -> Result<Embeddings> {
        if let Some((made_for, rows)) = &image.cache().regions
            && *made_for == budget
        {
            return Ok(Arc::clone(rows));
        }
        let proposals = self.proposals(image, budget)?;
        let mut masks = Vec::with_capacity(proposals.regions.len());
        for region in &proposals.regions {
            masks.push(proposals.mask(region, &image.picture)?);
        }
        let rows = self.mask_rows(image, &masks, progress).await?;
        image.cache().regions = Some((budget, Arc::clone(&rows)));
        Ok(rows)
    }

    pub(super) async fn region_scores(
        &self,
        image: &EncodedImage,
        words: &Words,
        budget: usize,
        progress: &mut impl Progress,
    ) -> Result<ScoreMap> {
        let rows = self.region_rows(image, budget, progress).await?;
        let proposals = self.proposals(image, budget)?;
        let probabilities = self.probabilities(&words.scores(&rows), words.classes())?;
        two_stage::fuse(&proposals, probabilities.values(), words.classes())
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
    /// [`Error::Input`] for a picture of another model, classes that [`check_classes`] refuses, or a
    /// mask of another size than the picture or without pixels,
    /// [`Error::Cancelled`] from `progress`, [`Error::Device`] if the device fails.
    pub async fn classify(
        &self,
        image: &EncodedImage,
        masks: &[Rle],
        classes: &[Class],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        self.check_image(image)?;
        check_classes(classes)?;
        for (index, mask) in masks.iter().enumerate() {
            two_stage::check_mask(mask, &image.picture)
                .map_err(|e| Error::input(format!("Mask {}: {e}", index + 1)))?;
        }
        if masks.is_empty() {
            return Ok(Vec::new());
        }
        let words = self
            .words(classes, &super::Background::None, progress)
            .await?;
        let rows = self.mask_rows(image, masks, progress).await?;
        let by_class = self.probabilities(&words.scores(&rows), classes.len())?;
        let row = |mask| {
            (0..classes.len())
                .map(|class| by_class.class(class)[mask])
                .collect()
        };
        Ok((0..masks.len()).map(row).collect())
    }

    /// A softmax over classes of the cosines of pieces, `[classes, pieces]`.
    fn probabilities(&self, cosines: &[f32], classes: usize) -> Result<ScoreMap> {
        let row = Grid {
            rows: 1,
            cols: cosines.len() / classes,
        };
        Ok(ScoreMap::new(classes, row, cosines.to_vec(), self.cosine())?.probabilities())
    }

    /// The region that a person means who points at a pixel; no network is asked.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a picture of another model or a pixel outside it.
    pub fn region_at(&self, image: &EncodedImage, x: u32, y: u32) -> Result<Rle> {
        self.check_image(image)?;
        let picture = &image.picture;
        if x >= picture.width() || y >= picture.height() {
            return Err(Error::input(format!(
                "The pixel {x}, {y} is outside the picture of {}×{}.",
                picture.width(),
                picture.height()
            )));
        }
        let proposals = self.proposals(image, REGIONS)?;
        proposals.mask(proposals.region_at(x, y, picture)?, picture)
    }

    async fn mask_rows(
        &self,
        image: &EncodedImage,
        masks: &[Rle],
        progress: &mut impl Progress,
    ) -> Result<Embeddings> {
        let fill = self.manifest.architecture.pixel_mean;
        self.embed_pieces(
            masks,
            |mask| two_stage::masked_crop(&image.picture, mask, fill),
            progress,
        )
        .await
    }

    /// Unit vectors of pictures cut out by `cut`, each squashed to the trained square as CLIP's
    /// own preprocessing would crop it.
    async fn embed_pieces<P>(
        &self,
        pieces: &[P],
        cut: impl Fn(&P) -> Result<Picture>,
        progress: &mut impl Progress,
    ) -> Result<Embeddings> {
        let blocks = self.vision.backbone_blocks();
        let batches = pieces.len().div_ceil(BATCH);
        let mut rows = Vec::with_capacity(pieces.len());
        for (index, batch) in pieces.chunks(BATCH).enumerate() {
            let pictures = batch.iter().map(&cut).collect::<Result<Vec<_>>>()?;
            let mut progress = SubProgress {
                progress,
                done: index * blocks,
                total: batches * blocks,
            };
            rows.extend(self.embed_batch(&pictures, &mut progress).await?);
        }
        Ok(Arc::new(rows))
    }

    async fn embed_batch(
        &self,
        pictures: &[Picture],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        let config = &self.manifest.architecture;
        let side = config.vision.image_size;
        let mut batch = Vec::with_capacity(pictures.len());
        let mut grid = None;
        for picture in pictures {
            let planes = picture
                .resize(side as u32, side as u32)?
                .to_planes(config.pixel_mean, config.pixel_std);
            let (cut, cells) = patches(
                &planes,
                side,
                side,
                config.vision.patch,
                &self.compute.device,
            )?;
            grid = Some(cells);
            batch.push(cut);
        }
        let grid = grid.ok_or_else(|| Error::internal("an empty batch"))?;
        let tokens = self
            .vision
            .backbone(Tensor::cat(batch, 0), grid, progress)
            .await?;
        let rows = read(normalise_rows(self.vision.pool(tokens)?)).await?;
        Ok(rows
            .chunks_exact(config.projection)
            .map(<[f32]>::to_vec)
            .collect())
    }
}
