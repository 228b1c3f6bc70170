//! From a picture and words to masks: what everyone outside uses.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Tensor, TensorData};
use serde::Serialize;

use crate::bundle::{Bundle, Manifest};
use crate::clip::{Grid, Pace, TextTower, Tokenizer, VisionTower, patches};
use crate::dense::{CellFeatures, ScoreKind, ScoreMap, maskclip};
use crate::device::{Compute, Preference, read};
use crate::error::{Error, Result};
use crate::image::{MAX_CELLS, Picture, fit};
use crate::mask::{
    LabelMap, Legend, cutout_png, label_png, overlay_png, to_coco, to_geojson, to_svg,
};
use crate::prompt::{Class, PHOTO_BACKGROUND, TextBank};
use crate::refine::Refinement;

/// A model on a device.
#[derive(Debug)]
pub struct Segmenter {
    manifest: Manifest,
    compute: Compute,
    vision: VisionTower,
    text: TextTower,
    tokenizer: Tokenizer,
    bank: TextBank,
}

/// A picture that the vision tower has read.
#[derive(Debug)]
pub struct EncodedImage {
    picture: Arc<Picture>,
    grid: Grid,
    /// What enters the last block, `[1, 1 + cells, width]`.
    tokens: Tensor<3>,
    /// The latest cell features, with the residual flag that they were made with: while words
    /// change, the method seldom does.
    features: Mutex<Option<(bool, CellFeatures)>>,
}

impl EncodedImage {
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
}

/// What the background is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Background {
    /// The bundle's background words, or those for photographs; words that the user asks for are
    /// left out.
    #[default]
    Auto,
    /// Every pixel gets one of the user's classes.
    None,
    /// These words.
    Words(Vec<String>),
}

/// How to segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Whether `maskclip` keeps the last block's residuals and feed-forward part.
    pub residual: bool,
    /// The background class.
    pub background: Background,
    /// Steps on the scores, in this order.
    pub refine: Vec<Refinement>,
    /// A pixel whose best class is less likely than this stays unlabelled, 0..=1.
    pub threshold: f32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            residual: false,
            background: Background::Auto,
            refine: Vec::new(),
            threshold: 0.0,
        }
    }
}

/// One class of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassShare {
    /// Its first name.
    pub name: String,
    /// Its colour.
    pub color: [u8; 3],
    /// Pixels labelled with it.
    pub pixels: u64,
    /// Their share of the picture, 0..=1.
    pub fraction: f64,
    /// The largest probability that it reaches anywhere, 0..=1.
    pub score: f32,
}

/// The answer: a label for each pixel, and the scores behind it.
#[derive(Debug)]
pub struct Segmentation {
    labels: LabelMap,
    legend: Legend,
    classes: Vec<ClassShare>,
    probabilities: ScoreMap,
    picture: Arc<Picture>,
}

impl Segmentation {
    /// The label map, at the picture's size.
    #[must_use]
    pub fn labels(&self) -> &LabelMap {
        &self.labels
    }

    /// Names and colours.
    #[must_use]
    pub fn legend(&self) -> &Legend {
        &self.legend
    }

    /// A row for each of the user's classes, in their order.
    #[must_use]
    pub fn classes(&self) -> &[ClassShare] {
        &self.classes
    }

    /// The picture.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The label map as an indexed PNG; see [`label_png`].
    ///
    /// # Errors
    ///
    /// Those of [`label_png`].
    pub fn label_png(&self) -> Result<Vec<u8>> {
        label_png(&self.labels, &self.legend)
    }

    /// The picture with the classes painted over it; see [`overlay_png`].
    ///
    /// # Errors
    ///
    /// Those of [`overlay_png`].
    pub fn overlay_png(&self, opacity: f32) -> Result<Vec<u8>> {
        overlay_png(&self.labels, &self.legend, &self.picture, opacity)
    }

    /// One class cut out of the picture; see [`cutout_png`].
    ///
    /// # Errors
    ///
    /// Those of [`cutout_png`], and [`Error::Input`] if there is no such class.
    pub fn cutout_png(&self, class: usize) -> Result<Vec<u8>> {
        self.check_class(class)?;
        cutout_png(&self.labels, &self.picture, class as u8)
    }

    /// COCO's JSON; see [`to_coco`].
    ///
    /// # Errors
    ///
    /// Those of [`to_coco`].
    pub fn to_coco(&self, file_name: &str) -> Result<String> {
        to_coco(&self.labels, &self.legend, file_name)
    }

    /// GeoJSON in pixels, along pixel edges; see [`to_geojson`].
    ///
    /// # Errors
    ///
    /// Those of [`to_geojson`].
    pub fn to_geojson(&self) -> Result<String> {
        to_geojson(&self.labels, &self.legend, 0.0)
    }

    /// One path a class, along pixel edges; see [`to_svg`].
    ///
    /// # Errors
    ///
    /// Those of [`to_svg`].
    pub fn to_svg(&self) -> Result<String> {
        to_svg(&self.labels, &self.legend, 0.0)
    }

    fn check_class(&self, class: usize) -> Result<()> {
        if class < self.classes.len() {
            return Ok(());
        }
        Err(Error::input(format!(
            "there is no class {class}: the answer has {}.",
            self.classes.len()
        )))
    }

    /// The probability of a class at each pixel, `[height, width]`, 0..=1.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if there is no such class.
    pub fn scores(&self, class: usize) -> Result<Vec<f32>> {
        self.check_class(class)?;
        let (width, height) = (self.labels.width() as usize, self.labels.height() as usize);
        Ok(self.probabilities.upsample(class, width, height))
    }
}

impl Segmenter {
    /// Builds a complete bundle's network on the preferred device.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a file of the bundle is missing or does not fit; those of
    /// [`Compute::choose`].
    pub async fn load(bundle: Bundle, device: Preference) -> Result<Self> {
        if let Some(file) = bundle.missing().next() {
            return Err(Error::model(format!(
                "{file} of the bundle has not been loaded."
            )));
        }
        let tokenizer = bundle.tokenizer()?;
        let compute = Compute::choose(device).await?;
        let config = &bundle.manifest().architecture;
        let vision =
            VisionTower::load(&bundle, &config.vision, config.projection, &compute.device)?;
        let text = TextTower::load(&bundle, &config.text, config.projection, &compute.device)?;
        Ok(Self {
            manifest: bundle.manifest().clone(),
            compute,
            vision,
            text,
            tokenizer,
            bank: TextBank::default(),
        })
    }

    /// What the model says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The device that it runs on.
    #[must_use]
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// Reads a picture, once for all words.
    ///
    /// `size` is the short side in pixels that the picture is brought to, the bundle's own if
    /// `None`; larger sees finer things and costs more.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a size of zero, [`Error::Cancelled`] from `pace`.
    pub async fn encode(
        &self,
        picture: Picture,
        size: Option<u32>,
        pace: &mut impl Pace,
    ) -> Result<EncodedImage> {
        let config = &self.manifest.architecture;
        let size = size.unwrap_or(self.manifest.picture_size);
        if size == 0 {
            return Err(Error::input("The picture size must be at least one pixel."));
        }
        let patch = config.vision.patch;
        let (width, height) = fit(
            picture.width(),
            picture.height(),
            size,
            patch as u32,
            MAX_CELLS,
        );
        let planes = picture
            .resize(width, height)?
            .to_planes(config.pixel_mean, config.pixel_std);
        let (cut, grid) = patches(
            &planes,
            width as usize,
            height as usize,
            patch,
            &self.compute.device,
        )?;
        let tokens = self.vision.trunk(cut, grid, pace).await?;
        Ok(EncodedImage {
            picture: Arc::new(picture),
            grid,
            tokens,
            features: Mutex::new(None),
        })
    }

    /// CLIP's embedding of a whole encoded picture, `[projection]`, a unit vector.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if the device fails.
    pub async fn embed_image(&self, image: &EncodedImage) -> Result<Vec<f32>> {
        let pooled = self.vision.pool(image.tokens.clone())?;
        read(crate::clip::normalise_rows(pooled)).await
    }

    /// The unit vectors of names, `[names, projection]`; see [`TextBank::vectors`].
    ///
    /// # Errors
    ///
    /// Those of [`TextBank::vectors`].
    pub async fn embed_names(&self, names: &[&str], pace: &mut impl Pace) -> Result<Vec<Vec<f32>>> {
        self.bank
            .vectors(names, &self.tokenizer, &self.text, pace)
            .await
    }

    /// A mask for each class.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a threshold outside 0..=1 or background words that are no words,
    /// [`Error::Cancelled`] from `pace`, [`Error::Device`] if the device fails.
    pub async fn segment(
        &self,
        image: &EncodedImage,
        classes: &[Class],
        options: &Options,
        pace: &mut impl Pace,
    ) -> Result<Segmentation> {
        if !(0.0..=1.0).contains(&options.threshold) {
            return Err(Error::input(format!(
                "A threshold of {} is not between 0 and 1.",
                options.threshold
            )));
        }
        let scores = self.scores(image, classes, options, pace).await?;
        let picture = &image.picture;
        let labels = scores.label(
            picture.width() as usize,
            picture.height() as usize,
            classes.len(),
            options.threshold,
        );
        let labels = LabelMap::new(picture.width(), picture.height(), labels)?;
        let legend = Legend::of_names(classes.iter().map(|c| c.name.as_str()))?;
        let probabilities = scores.probabilities();
        Ok(Segmentation {
            classes: shares(&labels, &legend, &probabilities),
            labels,
            legend,
            probabilities,
            picture: Arc::clone(picture),
        })
    }

    /// Scores on the grid, one row a class, then one for the background if there is any.
    ///
    /// # Errors
    ///
    /// As [`Segmenter::segment`].
    pub async fn scores(
        &self,
        image: &EncodedImage,
        classes: &[Class],
        options: &Options,
        pace: &mut impl Pace,
    ) -> Result<ScoreMap> {
        let groups = self.groups(classes, &options.background)?;
        let names: Vec<&str> = groups.iter().flatten().map(String::as_str).collect();
        let vectors = self.embed_names(&names, pace).await?;
        let cells = self.features(image, options.residual)?;
        let cosines = self.cosines(&cells, &vectors).await?;
        let mut scores = self.join_names(image.grid, &groups, &cosines)?;
        for step in &options.refine {
            scores = step.apply(scores, &cells).await?;
        }
        Ok(scores)
    }

    /// The names of each class, the background's last.
    fn groups(&self, classes: &[Class], background: &Background) -> Result<Vec<Vec<String>>> {
        let mut groups: Vec<Vec<String>> = classes.iter().map(|c| c.names.clone()).collect();
        let asked = |name: &str| {
            let name = name.to_lowercase();
            classes
                .iter()
                .flat_map(|c| &c.names)
                .any(|n| n.to_lowercase() == name)
        };
        let words: Vec<String> = match background {
            Background::None => Vec::new(),
            Background::Words(words) => {
                let classes = crate::prompt::parse_words(words)?;
                classes.into_iter().flat_map(|c| c.names).collect()
            }
            Background::Auto if self.manifest.background.is_empty() => {
                PHOTO_BACKGROUND.map(String::from).to_vec()
            }
            Background::Auto => self.manifest.background.clone(),
        };
        let words: Vec<String> = words.into_iter().filter(|w| !asked(w)).collect();
        if !words.is_empty() {
            groups.push(words);
        }
        Ok(groups)
    }

    fn features(&self, image: &EncodedImage, residual: bool) -> Result<CellFeatures> {
        // The slot holds a whole value or nothing, so a poisoned one is still sound.
        let mut slot = image
            .features
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some((kept, features)) if *kept == residual => Ok(features.clone()),
            _ => {
                let features = maskclip(&self.vision, image.tokens.clone(), residual)?;
                *slot = Some((residual, features.clone()));
                Ok(features)
            }
        }
    }

    /// `[names, cells]`
    async fn cosines(&self, cells: &CellFeatures, vectors: &[Vec<f32>]) -> Result<Vec<f32>> {
        let shape = [vectors.len(), self.manifest.architecture.projection];
        let vectors = TensorData::new(vectors.concat(), shape);
        let vectors: Tensor<2> = Tensor::from_data(vectors, &self.compute.device);
        read(vectors.matmul(cells.features.clone().transpose())).await
    }

    /// Each class takes, at each cell, the largest cosine of its names.
    fn join_names(&self, grid: Grid, groups: &[Vec<String>], cosines: &[f32]) -> Result<ScoreMap> {
        let mut rows = cosines.chunks_exact(grid.cells());
        let mut values = Vec::with_capacity(groups.len() * grid.cells());
        for group in groups {
            let mut best = vec![f32::NEG_INFINITY; grid.cells()];
            for row in rows.by_ref().take(group.len()) {
                for (best, cosine) in best.iter_mut().zip(row) {
                    *best = best.max(*cosine);
                }
            }
            values.extend(best);
        }
        let kind = ScoreKind::Cosine {
            scale: self.manifest.architecture.logit_scale,
        };
        ScoreMap::new(groups.len(), grid, values, kind)
    }
}

fn shares(labels: &LabelMap, legend: &Legend, probabilities: &ScoreMap) -> Vec<ClassShare> {
    let counts = labels.counts();
    let pixels = labels.labels().len() as f64;
    legend
        .entries()
        .iter()
        .enumerate()
        .map(|(class, entry)| ClassShare {
            name: entry.name.clone(),
            color: entry.color,
            pixels: counts[class],
            fraction: counts[class] as f64 / pixels,
            score: probabilities
                .class(class)
                .iter()
                .copied()
                .fold(0.0, f32::max),
        })
        .collect()
}
