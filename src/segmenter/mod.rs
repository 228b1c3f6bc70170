//! From a picture and words to masks: what everyone outside uses.

mod answer;
mod encoded;
mod options;
mod pipeline;
#[cfg(all(test, feature = "cli"))]
#[allow(clippy::unwrap_used)]
mod tests;

use std::sync::OnceLock;

use crate::bundle::{Bundle, Manifest, Part};
use crate::clip::{Block, BlockShape, TextTower, Tokenizer, VisionConfig, VisionTower};
use crate::dense::{Guide, Method, Model, ScoreMap, Scores, View, two_stage, whole_features};
use crate::device::{Compute, DeviceKind, Preference};
use crate::error::{Error, Result};
use crate::foreground::Found;
use crate::image::Picture;
use crate::mask::{LabelMap, Rle, UNLABELLED};
use crate::progress::Progress;
use crate::prompt::{Class, TextEncoder, check_classes, templates_id};
use crate::quant::{Scheme, WeightSource};
use crate::readback::read;
use crate::refine::{self, Context, Refinement, refine, refine_for_labels};

pub use crate::dense::two_stage::{MAX_REGIONS, REGIONS};
pub use crate::dense::{Guidance, Parameters, Windows};
pub use crate::prompt::Background;
pub use answer::{ClassShare, Segmentation};
pub use encoded::EncodedImage;
pub use options::{EncodeOptions, Options};
pub use pipeline::Pipeline;

use encoded::ModelId;

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
    text: TextEncoder,
    guide: OnceLock<Found>,
    pipeline: Pipeline,
}

/// Opens the preferred device and has the kernels made that a vision tower needs there, so that
/// loading it and the first picture find them ready. To be done while the weights come.
///
/// # Errors
///
/// [`Error::Unsupported`] if [`Preference::WebGpu`] finds no adapter; [`Error::Device`] if the
/// adapter that it finds fails the self-test. Loading fails the same way then.
pub async fn warm(vision: &VisionConfig, scheme: Scheme, device: Preference) -> Result<()> {
    let compute = Compute::choose(device).await?;
    if compute.kind == DeviceKind::WebGpu && scheme.is_quantised() {
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
    /// fit; [`Error::Unsupported`] if [`Preference::WebGpu`] finds no adapter; [`Error::Device`] if
    /// the adapter that it finds fails the self-test.
    pub async fn load(bundle: &mut Bundle, device: Preference) -> Result<Self> {
        require(bundle, &[Part::Vision, Part::Words])?;
        let manifest = bundle.manifest().clone();
        let compute = Compute::choose(device).await?;
        let segmenter = Self::build(manifest, bundle, compute)?;
        // Vectors of other templates would not compare with those made here.
        if bundle.words().templates == templates_id() {
            segmenter
                .text
                .insert_ready(bundle.words().words.iter().cloned());
        }
        segmenter.load_parts(bundle)?;
        Ok(segmenter)
    }

    /// Builds the vision half of a network that is not stored as a bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a tensor is missing or has another shape, or if the manifest asks for a
    /// pipeline that this version does not have; [`Error::Io`] if the source cannot read its file.
    pub fn build(
        manifest: Manifest,
        weights: &mut impl WeightSource,
        compute: Compute,
    ) -> Result<Self> {
        let config = &manifest.architecture;
        Ok(Self {
            id: ModelId::unique(),
            pipeline: Pipeline::from_manifest(&manifest)?,
            vision: VisionTower::load(weights, &config.vision, config.projection, &compute.device)?,
            text: TextEncoder::new(config.projection, manifest.background.clone()),
            guide: OnceLock::new(),
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
        if text && !self.text.has_tower() {
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
    /// [`Error::Model`] if a tensor is missing or has another shape; [`Error::Io`] if the source
    /// cannot read its file.
    pub fn build_text(&self, tokenizer: Tokenizer, weights: &mut impl WeightSource) -> Result<()> {
        let config = &self.manifest.architecture;
        let device = &self.compute.device;
        let tower = TextTower::load(weights, &config.text, config.projection, device)?;
        self.text.set_tower(tokenizer, tower);
        Ok(())
    }

    /// The parts of the bundle that these words and options need and that are not built yet.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if [`check_classes`] refuses the classes or the background words are no
    /// words.
    pub fn missing_parts(&self, classes: &[Class], options: &Options) -> Result<Vec<Part>> {
        check_classes(classes)?;
        let mut parts = Vec::new();
        if !self.text.has_tower() && !self.text.knows(classes, &options.background)? {
            parts.extend([Part::Tokenizer, Part::Text]);
        }
        let guided = self.pipeline_for(options).method;
        if guided.needs_guide(&options.parameters)
            && self.guide.get().is_none()
            && self.manifest.guide.is_some()
        {
            parts.push(Part::Guide);
        }
        Ok(parts)
    }

    /// The manifest of the model.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The device that the model runs on.
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
    /// [`Error::Input`] if the size is zero or the windows do not fit; [`Error::Cancelled`] if
    /// `progress` asks to stop; [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if
    /// the pixels do not fit in memory.
    pub async fn encode(
        &self,
        picture: Picture,
        options: &EncodeOptions,
        progress: &mut impl Progress,
    ) -> Result<EncodedImage> {
        let size = options.size.unwrap_or(self.manifest.picture_size);
        let config = &self.manifest.architecture;
        let view = View::new(picture, size, options.windows, config)?;
        let method = options.method.unwrap_or(self.pipeline.method);
        method.encode(&view, &self.model(), progress).await?;
        Ok(EncodedImage {
            model: self.id,
            view,
        })
    }

    /// Does all of a method's work that does not depend on words.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the picture is of another model, an option is out of its range or the
    /// guidance needs a guide and the model has none; [`Error::Model`] if the guide has not been
    /// loaded; [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device
    /// fails; [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub async fn prepare(
        &self,
        image: &EncodedImage,
        options: &Options,
        progress: &mut impl Progress,
    ) -> Result<()> {
        options.check()?;
        self.check_image(image)?;
        let (pipeline, parameters) = self.chosen(options);
        let (method, model) = (pipeline.method, self.model());
        method
            .prepare(&parameters, &image.view, &model, progress)
            .await
    }

    /// The unit vectors of names, `[names, projection]`; see [`TextEncoder::embed`].
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a name needs the text tower and it has not been loaded;
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails.
    pub async fn embed_names(
        &self,
        names: &[&str],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        self.text.embed(names, progress).await
    }

    /// The unit vectors of names as published evaluations embed them, `[names, projection]`; see
    /// [`TextEncoder::embed_imagenet`].
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the text tower has not been loaded; [`Error::Cancelled`] if `progress`
    /// asks to stop; [`Error::Device`] if the device fails.
    #[cfg(feature = "cli")]
    pub async fn embed_names_imagenet(
        &self,
        names: &[&str],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        self.text.embed_imagenet(names, progress).await
    }

    /// Embeds the names of classes and background, so that no later call has to.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if [`check_classes`] refuses the classes or the background words are no
    /// words; [`Error::Model`] if a name needs the text tower and it has not been loaded;
    /// [`Error::Device`] if the device fails.
    #[cfg(feature = "cli")]
    pub async fn embed_words(&self, classes: &[Class], background: &Background) -> Result<()> {
        let progress = &mut crate::progress::NoProgress;
        self.text.classes(classes, background, progress).await?;
        Ok(())
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
    /// [`Error::Input`] if the picture is of another model or the method has no cell features;
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
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
        let cells = whole_features(method, residual, &image.view, &self.model(), progress).await?;
        read(cells.features).await
    }

    /// Takes ready vectors of names, as [`Segmenter::embed_names`] of the same model gives them, so
    /// that the text tower is not asked for these.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if a vector is not of the model's space or has no direction.
    pub fn add_names(&self, vectors: Vec<(String, Vec<f32>)>) -> Result<()> {
        self.text.insert(vectors)
    }

    /// A mask for each class.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the picture is of another model, [`check_classes`] refuses the classes,
    /// an option is out of its range, the background words are no words, the method cannot have a
    /// refinement or the guidance needs a guide and the model has none; [`Error::Model`] if a part
    /// of the model that [`Segmenter::missing_parts`] names has not been loaded;
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
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
    /// [`Error::Input`] if the picture is of another model, [`check_classes`] refuses the classes,
    /// an option is out of its range, the background words are no words, the method cannot have a
    /// refinement or the guidance needs a guide and the model has none; [`Error::Model`] if a part
    /// of the model that [`Segmenter::missing_parts`] names has not been loaded;
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub async fn segment_progressive(
        &self,
        image: &EncodedImage,
        classes: &[Class],
        options: &Options,
        progress: &mut impl Progress,
        partial: &mut impl FnMut(Segmentation),
    ) -> Result<Segmentation> {
        let answer = |scores: &ScoreMap, edges: bool| {
            let picture = image.view.picture();
            Segmentation::new(scores, classes, options.threshold, edges, picture)
        };
        let mut failed = None;
        let (scores, refinements) = self
            .unrefined(
                image,
                classes,
                options,
                progress,
                &mut |scores| match answer(scores, false) {
                    Ok(coarse) => partial(coarse),
                    Err(error) => failed = Some(error),
                },
            )
            .await?;
        if let Some(error) = failed {
            return Err(error);
        }
        let Scores { map, cells } = scores;
        let context = Context {
            cells: cells.as_ref(),
            picture: image.picture(),
        };
        let edges = refinements.contains(&Refinement::Edges);
        answer(&refine(&refinements, map, &context).await?, edges)
    }

    /// The labels that [`Segmenter::segment`] gives, without the scores behind them. With many classes
    /// this is faster: what cannot become a label is not refined.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the picture is of another model, [`check_classes`] refuses the classes,
    /// an option is out of its range, the background words are no words, the method cannot have a
    /// refinement or the guidance needs a guide and the model has none; [`Error::Model`] if a part
    /// of the model that [`Segmenter::missing_parts`] names has not been loaded;
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
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
        let (scores, refinements) = self
            .unrefined(image, classes, options, progress, &mut |_| ())
            .await?;
        let Scores { map, cells } = scores;
        let context = Context {
            cells: cells.as_ref(),
            picture: image.picture(),
        };
        let (scores, kept) = refine_for_labels(&refinements, map, &context).await?;
        let asked = kept.iter().filter(|class| **class < classes.len()).count();
        let edges = refinements.contains(&Refinement::Edges);
        let mut labels = refine::label(&scores, image.picture(), asked, 0.0, edges)?;
        for label in labels.iter_mut().filter(|label| **label != UNLABELLED) {
            *label = kept[usize::from(*label)] as u8;
        }
        LabelMap::new(image.picture().width(), image.picture().height(), labels)
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
    ) -> Result<(Scores, Vec<Refinement>)> {
        options.check()?;
        self.check_image(image)?;
        let (Pipeline { method, refine, .. }, parameters) = self.chosen(options);
        Refinement::check(&refine, method)?;
        let background = &options.background;
        let classes = self.text.classes(classes, background, progress).await?;
        let (view, model) = (&image.view, self.model());
        let scores = method
            .scores(&parameters, view, &model, &classes, progress, partial)
            .await?;
        Ok((scores, refine))
    }

    /// What each mask shows: for each mask the probability of each class; see
    /// [`two_stage::classify`].
    ///
    /// # Shapes
    ///
    /// - output: `[masks, classes]`, each row sums to one
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the picture is of another model, [`check_classes`] refuses the classes,
    /// or a mask is of another size than the picture or has no pixels; [`Error::Model`] if a name
    /// needs the text tower and it has not been loaded; [`Error::Cancelled`] if `progress` asks to
    /// stop; [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if the pixels do not fit
    /// in memory.
    pub async fn classify(
        &self,
        image: &EncodedImage,
        masks: &[Rle],
        classes: &[Class],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        self.check_image(image)?;
        check_classes(classes)?;
        // Before words are embedded, which may take the text tower.
        for (index, mask) in masks.iter().enumerate() {
            two_stage::check_mask(mask, image.picture())
                .map_err(|e| Error::input(format!("Mask {}: {e}", index + 1)))?;
        }
        if masks.is_empty() {
            return Ok(Vec::new());
        }
        let background = Background::None;
        let classes = self.text.classes(classes, &background, progress).await?;
        two_stage::classify(masks, &image.view, &self.model(), &classes, progress).await
    }

    /// The region that a person means who points at a pixel; no network is asked.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the picture is of another model or the pixel is outside it;
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub fn region_at(&self, image: &EncodedImage, x: u32, y: u32) -> Result<Rle> {
        self.check_image(image)?;
        two_stage::region_at(&image.view, x, y)
    }

    /// What methods work with.
    fn model(&self) -> Model<'_> {
        let guide = |config| Guide {
            config,
            network: self.guide.get(),
        };
        Model {
            tower: &self.vision,
            config: &self.manifest.architecture,
            device: &self.compute.device,
            guide: self.manifest.guide.as_ref().map(guide),
        }
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

    /// What the options ask for, the bundle's own pipeline where they leave it open.
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
            residual: options.parameters.residual || (options.method.is_none() && own.residual),
            multi_scale: options
                .parameters
                .multi_scale
                .unwrap_or(options.method.is_none() && own.multi_scale)
                && method.is_dense(),
            refine,
        }
    }

    /// What the options ask for, with the parameters that the pipeline implies.
    fn chosen(&self, options: &Options) -> (Pipeline, Parameters) {
        let pipeline = self.pipeline_for(options);
        let parameters = Parameters {
            residual: pipeline.residual,
            multi_scale: Some(pipeline.multi_scale),
            ..options.parameters
        };
        (pipeline, parameters)
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
