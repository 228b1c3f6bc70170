//! From a picture and words to masks: what everyone outside uses.

mod answer;
mod encoded;
mod options;
mod pieces;
mod pipeline;
#[cfg(all(test, feature = "cli"))]
#[allow(clippy::unwrap_used)]
mod tests;
mod windows;
mod words;

use std::sync::{Arc, OnceLock};

use burn::tensor::{Tensor, TensorData};

use crate::bundle::{Bundle, Manifest, Part};
use crate::clip::{
    Block, BlockShape, Grid, TextTower, Tokenizer, VisionConfig, VisionTower, patches,
};
use crate::dense::{CellFeatures, Method, ScoreKind, ScoreMap, clip_diy, features};
use crate::device::{Compute, Kind, Preference};
use crate::error::{Error, Result};
use crate::foreground::Found;
use crate::image::{MAX_CELLS, Picture, fit};
use crate::mask::{LabelMap, UNLABELLED};
use crate::progress::{Progress, SubProgress};
use crate::prompt::{Class, TextBank, check_classes, templates_id};
#[cfg(feature = "cli")]
use crate::prompt::{embed_with, imagenet_templates};
use crate::quant::{Scheme, WeightSource};
use crate::readback::read;
use crate::refine::{Context, Refinement, refine, refine_for_labels};

pub use answer::{ClassShare, Segmentation};
pub use encoded::EncodedImage;
pub use options::{Background, EncodeOptions, Guidance, MAX_REGIONS, Options, REGIONS, Windows};
pub use pipeline::Pipeline;

use encoded::{HiddenStates, ModelId};
use windows::Plan;
use words::Words;

/// A model on a device.
///
/// ```
/// # #[cfg(feature = "cli")]
/// # pollster::block_on(async {
/// # use wordmask::{bundle::Bundle, device::Preference, progress::NoProgress, Segmenter};
/// let segmenter = Segmenter::load(&mut Bundle::built_in()?, Preference::Cpu).await?;
/// let vectors = segmenter.embed_names(&["cat", "kitten"], &mut NoProgress).await?;
/// let length: f32 = vectors[0].iter().map(|x| x * x).sum();
/// assert!((length - 1.0).abs() < 1e-3);
/// # Ok::<(), wordmask::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Segmenter {
    id: ModelId,
    manifest: Manifest,
    compute: Compute,
    vision: VisionTower,
    text: OnceLock<TextHalf>,
    guide: OnceLock<Found>,
    bank: TextBank,
    pipeline: Pipeline,
}

/// What turns words into vectors.
#[derive(Debug)]
struct TextHalf {
    tokenizer: Tokenizer,
    tower: TextTower,
}

/// Opens the preferred device and has the kernels made that a vision tower needs there, so that
/// loading it and the first picture find them ready. To be done while the weights come.
///
/// # Errors
///
/// Those of [`Compute::choose`], which loading will meet again.
pub async fn warm(vision: &VisionConfig, scheme: Scheme, device: Preference) -> Result<()> {
    let compute = Compute::choose(device).await?;
    if compute.kind == Kind::WebGpu && scheme.is_quantised() {
        Block::warm(BlockShape::from(vision), scheme, &compute.device);
    }
    Ok(())
}

impl Segmenter {
    /// Builds a bundle's network on the preferred device, taking its weights out of it.
    ///
    /// The text tower and the guide are built if their files are there. Otherwise they can follow
    /// with [`Segmenter::load_parts`] when [`Segmenter::missing_parts`] says that they are needed.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a file of the vision tower or the ready words is missing or does not
    /// fit; those of [`Compute::choose`].
    pub async fn load(bundle: &mut Bundle, device: Preference) -> Result<Self> {
        require(bundle, &[Part::Vision, Part::Words])?;
        let manifest = bundle.manifest().clone();
        let compute = Compute::choose(device).await?;
        let segmenter = Self::build(manifest, bundle, compute)?;
        // Vectors of other templates would not compare with those made here.
        if bundle.words().templates == templates_id() {
            segmenter.bank.insert(bundle.words().words.iter().cloned());
        }
        segmenter.load_parts(bundle)?;
        Ok(segmenter)
    }

    /// Builds the vision half of a network that is not stored as a bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a tensor is missing, or for a setting that does not exist.
    pub fn build(
        manifest: Manifest,
        weights: &mut impl WeightSource,
        compute: Compute,
    ) -> Result<Self> {
        let config = &manifest.architecture;
        Ok(Self {
            id: ModelId::unique(),
            pipeline: Pipeline::of(&manifest)?,
            vision: VisionTower::load(weights, &config.vision, config.projection, &compute.device)?,
            text: OnceLock::new(),
            guide: OnceLock::new(),
            bank: TextBank::default(),
            manifest,
            compute,
        })
    }

    /// Builds what a bundle's files suffice for by now and was not built before: the text tower,
    /// the guide.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a file does not fit.
    pub fn load_parts(&self, bundle: &mut Bundle) -> Result<()> {
        let text = bundle.has(Part::Tokenizer) && bundle.has(Part::Text);
        if text && self.text.get().is_none() {
            let tokenizer = bundle.tokenizer()?;
            self.build_text(tokenizer, bundle)?;
        }
        if let Some(config) = &self.manifest.guide
            && bundle.has(Part::Guide)
            && self.guide.get().is_none()
        {
            let guide = Found::load(bundle, config, &self.compute.device)?;
            // Whoever came first has built the same.
            let _ = self.guide.set(guide);
        }
        Ok(())
    }

    /// Builds the text tower from weights that are not stored as a bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a tensor is missing.
    pub fn build_text(&self, tokenizer: Tokenizer, weights: &mut impl WeightSource) -> Result<()> {
        let config = &self.manifest.architecture;
        let device = &self.compute.device;
        let tower = TextTower::load(weights, &config.text, config.projection, device)?;
        // Whoever came first has built the same.
        let _ = self.text.set(TextHalf { tokenizer, tower });
        Ok(())
    }

    /// The parts of the bundle that these words and options need and that are not built yet.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for classes that [`check_classes`] refuses or background words that are no
    /// words.
    pub fn missing_parts(&self, classes: &[Class], options: &Options) -> Result<Vec<Part>> {
        check_classes(classes)?;
        let mut parts = Vec::new();
        if self.text.get().is_none() && !self.knows(classes, &options.background)? {
            parts.extend([Part::Tokenizer, Part::Text]);
        }
        let guided = options.guidance == Guidance::FoundNetwork
            && self.pipeline_for(options).method == Method::ClipDiy;
        if guided && self.guide.get().is_none() && self.manifest.guide.is_some() {
            parts.push(Part::Guide);
        }
        Ok(parts)
    }

    /// Whether all these words have vectors already.
    fn knows(&self, classes: &[Class], background: &Background) -> Result<bool> {
        let asked = classes.iter().flat_map(|class| &class.names);
        let asked: Vec<&str> = asked.map(String::as_str).collect();
        let background_names = self.background_names(background, &asked)?;
        let background_names = background_names.iter().map(String::as_str);
        Ok(self.bank.knows(asked.into_iter().chain(background_names)))
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

    /// The method and refinements used when none are chosen: the bundle's, which was measured to
    /// suit it best. `docs/methods.md` has the numbers.
    #[must_use]
    pub fn default_pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Reads a picture, once for all words.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a size of zero or windows that do not fit, [`Error::Cancelled`] from
    /// `progress`, [`Error::Device`] if the device fails.
    pub async fn encode(
        &self,
        picture: Picture,
        options: &EncodeOptions,
        progress: &mut impl Progress,
    ) -> Result<EncodedImage> {
        let vision = &self.manifest.architecture.vision;
        let size = options.size.unwrap_or(self.manifest.picture_size);
        if size == 0 {
            return Err(Error::input("The picture size must be at least one pixel."));
        }
        let patch = vision.patch as u32;
        let input_size = fit(picture.width(), picture.height(), size, patch, MAX_CELLS);
        let grid = Grid {
            rows: (input_size.1 / patch) as usize,
            cols: (input_size.0 / patch) as usize,
        };
        let plan = Plan::new(options.windows, grid, vision)?;
        let image = EncodedImage::new(self.id, picture, input_size, grid, plan);
        match options.method.unwrap_or(self.pipeline.method) {
            // The coarsest scale: an answer soon. The others come with the words.
            Method::ClipDiy => {
                self.crop_rows(&image, clip_diy::Budget::default().scales()[0], progress)
                    .await?;
            }
            Method::TwoStage => {
                self.region_rows(&image, REGIONS, progress).await?;
            }
            dense => {
                self.hidden_states(&image, dense.needs_hidden_states(), progress)
                    .await?;
            }
        }
        Ok(image)
    }

    /// Does all of a method's work that does not depend on words.
    ///
    /// # Errors
    ///
    /// As [`Segmenter::segment`].
    pub async fn prepare(
        &self,
        image: &EncodedImage,
        options: &Options,
        progress: &mut impl Progress,
    ) -> Result<()> {
        options.check()?;
        self.check_image(image)?;
        match options.method.unwrap_or(self.pipeline.method) {
            Method::ClipDiy => {
                for scale in options.crops.scales() {
                    self.crop_rows(image, *scale, progress).await?;
                }
                if options.guidance != Guidance::None {
                    self.foreground(image, options.guidance, progress).await?;
                }
            }
            Method::TwoStage => {
                self.region_rows(image, options.regions, progress).await?;
            }
            dense => {
                let residual = self.pipeline_for(options).residual;
                self.features(image, dense, residual, progress).await?;
            }
        }
        Ok(())
    }

    /// The unit vectors of names, `[names, projection]`; see [`TextBank::embed`].
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a name needs the text tower and it is not there; those of
    /// [`TextBank::embed`].
    pub async fn embed_names(
        &self,
        names: &[&str],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        if !self.bank.knows(names.iter().copied()) {
            let TextHalf { tokenizer, tower } = self.text_half()?;
            self.bank.embed(names, tokenizer, tower, progress).await?;
        }
        self.bank.vectors(names)
    }

    /// The unit vectors of names by CLIP's 80 `ImageNet` templates alone, as published evaluations
    /// embed them; for each the text tower is asked, whether its vector by all templates is ready
    /// or not.
    ///
    /// # Shapes
    ///
    /// - output: `[names, projection]`
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the text tower is not there; those of [`TextBank::embed`].
    #[cfg(feature = "cli")]
    pub async fn embed_names_imagenet(
        &self,
        names: &[&str],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        let TextHalf { tokenizer, tower } = self.text_half()?;
        embed_with(imagenet_templates(), names, tokenizer, tower, progress).await
    }

    fn text_half(&self) -> Result<&TextHalf> {
        self.text.get().ok_or_else(|| {
            Error::model("The text tower, which these words need, has not been loaded.")
        })
    }

    /// A direction for each cell by a dense method, as it is compared with words: unit vectors, or
    /// where windows overlap the mean of several. `residual` keeps the last block's residuals and
    /// feed-forward part in `maskclip`.
    ///
    /// # Shapes
    ///
    /// - output: `[cells, projection]`
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a picture of another model or a method that has no cell features, [`Error::Cancelled`] from `progress`,
    /// [`Error::Device`] if the device fails.
    pub async fn cell_vectors(
        &self,
        image: &EncodedImage,
        method: Method,
        residual: bool,
        progress: &mut impl Progress,
    ) -> Result<Vec<f32>> {
        if !method.is_dense() {
            return Err(Error::input(format!("{method} has no cell features.")));
        }
        self.check_image(image)?;
        let cells = self.features(image, method, residual, progress).await?;
        read(cells.features).await
    }

    /// Takes ready vectors of names, as [`Segmenter::embed_names`] of the same model gives them, so
    /// that the text tower is not asked for these.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a vector that is not of the model's space, or has no direction.
    pub fn add_names(&self, vectors: Vec<(String, Vec<f32>)>) -> Result<()> {
        let projection = self.manifest.architecture.projection;
        for (name, vector) in &vectors {
            if vector.len() != projection {
                return Err(Error::input(format!(
                    "the vector of {name:?} has {} numbers, but the model's have {projection}.",
                    vector.len()
                )));
            }
            // A direction of no length, or of none that is a number, would win nowhere or everywhere.
            let length = vector.iter().map(|v| v * v).sum::<f32>();
            if !(length.is_finite() && length > 0.0) {
                return Err(Error::input(format!(
                    "the vector of {name:?} is zero or not made of numbers."
                )));
            }
        }
        self.bank.insert(vectors);
        Ok(())
    }

    /// A mask for each class.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a picture of another model, classes that [`check_classes`] refuses,
    /// options outside their range, background words that are no words or a refinement that the
    /// method cannot have, [`Error::Cancelled`] from `progress`, [`Error::Device`] if the device fails.
    pub async fn segment(
        &self,
        image: &EncodedImage,
        classes: &[Class],
        options: &Options,
        progress: &mut impl Progress,
    ) -> Result<Segmentation> {
        self.segment_progressive(image, classes, options, progress, &mut |_| ())
            .await
    }

    /// A mask for each class, with coarser answers on the way: `partial` is called with one after each
    /// scale of `clip-diy` but the last.
    ///
    /// # Errors
    ///
    /// As [`Segmenter::segment`].
    pub async fn segment_progressive(
        &self,
        image: &EncodedImage,
        classes: &[Class],
        options: &Options,
        progress: &mut impl Progress,
        partial: &mut impl FnMut(Segmentation),
    ) -> Result<Segmentation> {
        let answer = |scores: &ScoreMap| {
            Segmentation::of(scores, classes, options.threshold, &image.picture)
        };
        let mut failed = None;
        let unrefined = self
            .unrefined(
                image,
                classes,
                options,
                progress,
                &mut |scores| match answer(scores) {
                    Ok(coarse) => partial(coarse),
                    Err(error) => failed = Some(error),
                },
            )
            .await?;
        if let Some(error) = failed {
            return Err(error);
        }
        let Unrefined {
            scores,
            cells,
            steps,
        } = unrefined;
        let context = context(image, cells.as_ref());
        answer(&refine(&steps, scores, &context).await?)
    }

    /// The labels that [`Segmenter::segment`] gives, without the scores behind them. With many classes
    /// this is faster: what cannot become a label is not refined.
    ///
    /// # Errors
    ///
    /// As [`Segmenter::segment`].
    pub async fn label(
        &self,
        image: &EncodedImage,
        classes: &[Class],
        options: &Options,
        progress: &mut impl Progress,
    ) -> Result<LabelMap> {
        if options.threshold > 0.0 {
            // How likely a label is hangs on the scores of all classes.
            let answer = self.segment(image, classes, options, progress).await?;
            return Ok(answer.labels().clone());
        }
        let Unrefined {
            scores,
            cells,
            steps,
        } = self
            .unrefined(image, classes, options, progress, &mut |_| ())
            .await?;
        let context = context(image, cells.as_ref());
        let (scores, kept) = refine_for_labels(&steps, scores, &context).await?;
        let asked = kept.iter().filter(|class| **class < classes.len()).count();
        let (width, height) = (image.picture.width(), image.picture.height());
        let mut labels = scores.label(width as usize, height as usize, asked, 0.0);
        for label in labels.iter_mut().filter(|label| **label != UNLABELLED) {
            *label = kept[usize::from(*label)] as u8;
        }
        LabelMap::new(width, height, labels)
    }

    /// Scores on a grid, one row a class, then one for the background if there is any, and how to
    /// refine them; coarser ones that come first go to `partial`.
    async fn unrefined(
        &self,
        image: &EncodedImage,
        classes: &[Class],
        options: &Options,
        progress: &mut impl Progress,
        partial: &mut impl FnMut(&ScoreMap),
    ) -> Result<Unrefined> {
        options.check()?;
        self.check_image(image)?;
        let Pipeline {
            method,
            residual,
            refine,
        } = self.pipeline_for(options);
        Refinement::check(&refine, method)?;
        let words = self.words(classes, &options.background, progress).await?;
        let mut cells = None;
        let scores = match method {
            Method::ClipDiy => {
                self.crop_scores(image, &words, options, progress, partial)
                    .await?
            }
            Method::TwoStage => {
                self.region_scores(image, &words, options.regions, progress)
                    .await?
            }
            dense => {
                let cells = cells.insert(self.features(image, dense, residual, progress).await?);
                self.cell_scores(image, &words, cells).await?
            }
        };
        Ok(Unrefined {
            scores,
            cells,
            steps: refine,
        })
    }

    /// Refuses a picture that another model has encoded: its features mean nothing to this one.
    fn check_image(&self, image: &EncodedImage) -> Result<()> {
        if image.model == self.id {
            return Ok(());
        }
        Err(Error::input(
            "This picture was encoded by another model, or by this one before it was loaded again. Encode it with the model that is to segment it.",
        ))
    }

    /// What the options ask for, the bundle's own setting where they leave it open.
    #[must_use]
    pub fn pipeline_for(&self, options: &Options) -> Pipeline {
        let own = &self.pipeline;
        let method = options.method.unwrap_or(own.method);
        let refine = match &options.refine {
            Some(refine) => refine.clone(),
            None if Refinement::check(&own.refine, method).is_ok() => own.refine.clone(),
            // What the bundle refines with does not fit this method.
            None => Vec::new(),
        };
        Pipeline {
            method,
            residual: options.residual || (options.method.is_none() && own.residual),
            refine,
        }
    }

    fn cosine(&self) -> ScoreKind {
        ScoreKind::Cosine {
            scale: self.manifest.architecture.logit_scale,
        }
    }

    async fn cell_scores(
        &self,
        image: &EncodedImage,
        words: &Words,
        cells: &CellFeatures,
    ) -> Result<ScoreMap> {
        let shape = [words.vectors.len(), self.manifest.architecture.projection];
        let vectors = TensorData::new(words.vectors.concat(), shape);
        let vectors: Tensor<2> = Tensor::from_data(vectors, &self.compute.device);
        let cosines = read(vectors.matmul(cells.features.clone().transpose())).await?;
        let values = words.max_over_names(&cosines, image.grid.cells());
        ScoreMap::new(words.classes(), image.grid, values, self.cosine())
    }

    /// Cell features of the whole grid; where windows overlap, their mean. Cosines with a word
    /// being linear in them, that is the mean of the windows' scores.
    async fn features(
        &self,
        image: &EncodedImage,
        method: Method,
        residual: bool,
        progress: &mut impl Progress,
    ) -> Result<CellFeatures> {
        if let Some((cache, kept, features)) = &image.cache().features
            && (*cache, *kept) == (method, residual)
        {
            return Ok(features.clone());
        }
        let hidden_states = self
            .hidden_states(image, method.needs_hidden_states(), progress)
            .await?;
        let plan = &image.plan;
        let mut windows = Vec::with_capacity(hidden_states.len());
        for hidden_states in hidden_states.iter() {
            let window =
                features(method, residual, &self.vision, hidden_states, plan.window).await?;
            windows.push(window);
        }
        let features = plan.stitch(windows, image.grid)?;
        image.cache().features = Some((method, residual, features.clone()));
        Ok(features)
    }

    /// What the blocks put out for each window, with all blocks if `all`.
    async fn hidden_states(
        &self,
        image: &EncodedImage,
        all: bool,
        progress: &mut impl Progress,
    ) -> Result<HiddenStates> {
        let blocks = self.vision.backbone_blocks();
        if let Some(hidden_states) = &image.cache().hidden_states
            && (!all || hidden_states.iter().all(|s| s.len() > blocks))
        {
            return Ok(Arc::clone(hidden_states));
        }
        let config = &self.manifest.architecture;
        let patch = config.vision.patch;
        let input_size = image
            .picture
            .resize(image.input_size.0, image.input_size.1)?;
        let Grid { rows, cols } = image.plan.window;
        let origins = &image.plan.origins;
        let mut hidden_states = Vec::with_capacity(origins.len());
        for (index, (row, col)) in origins.iter().enumerate() {
            let [x, y, width, height] =
                [*col, *row, cols, rows].map(|cells| (cells * patch) as u32);
            let planes = input_size
                .crop(x, y, width, height)?
                .to_planes(config.pixel_mean, config.pixel_std);
            let (cut, grid) = patches(
                &planes,
                width as usize,
                height as usize,
                patch,
                &self.compute.device,
            )?;
            let mut progress = SubProgress {
                progress,
                done: index * blocks,
                total: origins.len() * blocks,
            };
            hidden_states.push(if all {
                self.vision.hidden_states(cut, grid, &mut progress).await?
            } else {
                vec![self.vision.backbone(cut, grid, &mut progress).await?]
            });
        }
        let hidden_states = Arc::new(hidden_states);
        image.cache().hidden_states = Some(Arc::clone(&hidden_states));
        Ok(hidden_states)
    }
}

/// Scores with what refining them takes.
struct Unrefined {
    scores: ScoreMap,
    cells: Option<CellFeatures>,
    steps: Vec<Refinement>,
}

fn context<'a>(image: &'a EncodedImage, cells: Option<&'a CellFeatures>) -> Context<'a> {
    Context {
        cells,
        picture: &image.picture,
    }
}

/// Refuses a bundle of which a file of these parts has not come.
fn require(bundle: &Bundle, parts: &[Part]) -> Result<()> {
    let missing = bundle.missing().find(|(part, _)| parts.contains(part));
    match missing {
        Some((_, file)) => Err(Error::model(format!(
            "{file} of the bundle has not been loaded."
        ))),
        None => Ok(()),
    }
}
