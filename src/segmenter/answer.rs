//! The answer: a label for each pixel, and the scores behind it.

use std::sync::Arc;

use serde::Serialize;

use crate::dense::{PixelScores, ScoreMap};
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::mask::{
    AnnotatedPicture, CocoMasks, Cutout, CutoutOptions, Evidence, LabelMap, Legend, Matte, Object,
    ObjectOptions, UNLABELLED, cutout, default_feather, label_png, matte, objects, overlay_png,
    to_coco, to_geojson, to_svg,
};
use crate::prompt::Class;

/// One class of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassShare {
    /// The first name of the class.
    pub name: String,
    /// The colour of the class.
    pub color: [u8; 3],
    /// Pixels labelled with it.
    pub pixels: u64,
    /// The share of the picture that its pixels are, 0..=1.
    pub fraction: f64,
    /// How sure the model is of it, 0..=1: the mean, over its pixels, of its probability among
    /// the classes that were asked for and the background. `None` where no pixel has it.
    ///
    /// It compares the words of one question. What was not asked for has no part in it, so that a
    /// single word without background has 1 whatever the picture shows.
    pub score: Option<f32>,
}

/// The answer: a label for each pixel, and the scores behind it.
#[derive(Debug)]
pub struct Segmentation {
    labels: Arc<LabelMap>,
    /// The labels that the scores gave.
    predicted: Arc<LabelMap>,
    /// Whether a pixel is unlabelled where its best class is not likely enough.
    has_threshold: bool,
    /// Whether the labels follow the picture's edges and colours, and so know more than the scores.
    follows_edges: bool,
    legend: Legend,
    classes: Vec<ClassShare>,
    probabilities: Arc<ScoreMap>,
    picture: Arc<Picture>,
}

impl Segmentation {
    /// Reads labels and shares off scores, whose first rows are these classes.
    pub(super) fn new(
        scores: &ScoreMap,
        classes: &[Class],
        threshold: f32,
        edges: bool,
        picture: &Arc<Picture>,
    ) -> Result<Self> {
        let labels = crate::refine::label(scores, picture, classes.len(), threshold, edges)?;
        let labels = LabelMap::new(picture.width(), picture.height(), labels)?;
        let labels = Arc::new(labels);
        let legend = Legend::from_names(classes.iter().map(|c| c.name.as_str()))?;
        let probabilities = scores.probabilities();
        Ok(Self {
            classes: shares(&labels, &legend, &probabilities),
            predicted: Arc::clone(&labels),
            labels,
            has_threshold: threshold > 0.0,
            follows_edges: edges,
            legend,
            probabilities: Arc::new(probabilities),
            picture: Arc::clone(picture),
        })
    }

    /// The same picture, classes and scores under other labels, such as masks corrected by hand.
    /// Shares are counted anew, and exports follow.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if `labels` do not fill the picture, or one of them is neither a class nor
    /// 255.
    pub fn with_labels(&self, labels: Vec<u8>) -> Result<Self> {
        let labels = LabelMap::new(self.labels.width(), self.labels.height(), labels)?;
        let classes = self.classes.len();
        let unlabelled = usize::from(UNLABELLED);
        let counts = labels.counts();
        if let Some(label) = (classes..unlabelled).find(|&label| counts[label] > 0) {
            return Err(Error::input(format!(
                "there is no class {label}: labels are below {classes}, or {unlabelled} for none."
            )));
        }
        Ok(Self {
            classes: shares(&labels, &self.legend, &self.probabilities),
            labels: Arc::new(labels),
            predicted: Arc::clone(&self.predicted),
            has_threshold: self.has_threshold,
            follows_edges: self.follows_edges,
            legend: self.legend.clone(),
            probabilities: Arc::clone(&self.probabilities),
            picture: Arc::clone(&self.picture),
        })
    }

    /// The label map, at the picture's size.
    #[must_use]
    pub fn labels(&self) -> &LabelMap {
        &self.labels
    }

    /// Names and colours of the classes.
    #[must_use]
    pub fn legend(&self) -> &Legend {
        &self.legend
    }

    /// A row for each of the user's classes, in their order.
    #[must_use]
    pub fn classes(&self) -> &[ClassShare] {
        &self.classes
    }

    /// The picture that was segmented.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The label map as an indexed PNG; see [`label_png`].
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if it cannot be written as a PNG.
    pub fn label_png(&self) -> Result<Vec<u8>> {
        label_png(&self.labels, &self.legend)
    }

    /// The picture with the classes painted over it; see [`overlay_png`].
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if `opacity` is not in 0 to 1; [`Error::OutOfMemory`] if the pixels do not
    /// fit in memory.
    pub fn overlay_png(&self, opacity: f32) -> Result<Vec<u8>> {
        overlay_png(&self.labels, &self.legend, &self.picture, opacity)
    }

    /// The alpha of classes together; see [`matte`]. Where a label is the one that the scores alone gave,
    /// they are heard as well; labels along edges, or set by hand, stand for themselves.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if no classes are given, there is no such class or the feather is too wide;
    /// [`Error::OutOfMemory`] if the alpha does not fit in memory.
    pub fn matte(&self, classes: &[usize], feather: Option<u32>) -> Result<Matte> {
        let classes = self.check_classes(classes)?;
        let feather = feather.unwrap_or_else(|| self.default_feather());
        let (width, height) = (self.labels.width() as usize, self.labels.height() as usize);
        let evidence = Heard {
            answer: self,
            scores: self.probabilities.pixels(width, height),
            classes: &classes,
        };
        matte(&self.labels, &self.picture, &classes, feather, &evidence)
    }

    /// Classes cut out of the picture together; see [`cutout`].
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if no classes are given, there is no such class or an option is out of its
    /// range; [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub fn cutout(&self, classes: &[usize], options: &CutoutOptions) -> Result<Cutout> {
        let feather = options.feather.unwrap_or_else(|| self.default_feather());
        let matte = self.matte(classes, Some(feather))?;
        cutout(
            &self.picture,
            &matte,
            feather,
            options.trim,
            &options.backdrop,
        )
    }

    fn default_feather(&self) -> u32 {
        default_feather(self.labels.width(), self.labels.height())
    }

    /// The objects of the answer with their scores; see [`objects`].
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the tolerance is no distance; [`Error::OutOfMemory`] if the outlines do
    /// not fit in memory.
    pub fn objects(&self, options: &ObjectOptions) -> Result<Vec<Object>> {
        let mut objects = objects(&self.labels, options)?;
        if !options.instances {
            for object in &mut objects {
                object.score = self.classes[usize::from(object.class)].score;
            }
            return Ok(objects);
        }
        for of_class in objects.chunk_by_mut(|a, b| a.class == b.class) {
            let scores = self.scores(usize::from(of_class[0].class))?;
            for object in of_class {
                let sum: f64 = object.pixels().map(|pixel| f64::from(scores[pixel])).sum();
                // Rounding may lead beyond 1 by a hair.
                object.score = Some((sum / object.area() as f64).min(1.0) as f32);
            }
        }
        Ok(objects)
    }

    /// The answer as exports take it, with these objects of it.
    #[must_use]
    pub fn annotated<'a>(
        &'a self,
        file_name: &'a str,
        objects: &'a [Object],
        options: &ObjectOptions,
    ) -> AnnotatedPicture<'a> {
        AnnotatedPicture {
            file_name,
            map: &self.labels,
            legend: &self.legend,
            objects,
            instances: options.instances,
        }
    }

    /// COCO's JSON; see [`to_coco`].
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the name is empty or the tolerance no distance; [`Error::OutOfMemory`] if
    /// the outlines do not fit in memory.
    pub fn to_coco(
        &self,
        file_name: &str,
        masks: CocoMasks,
        options: &ObjectOptions,
    ) -> Result<String> {
        let objects = self.objects(options)?;
        to_coco(&self.annotated(file_name, &objects, options), masks)
    }

    /// GeoJSON in pixels; see [`to_geojson`].
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the tolerance is no distance; [`Error::OutOfMemory`] if the outlines do
    /// not fit in memory.
    pub fn to_geojson(&self, options: &ObjectOptions) -> Result<String> {
        let objects = self.objects(options)?;
        to_geojson(&self.annotated("", &objects, options))
    }

    /// One path an object; see [`to_svg`].
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the tolerance is no distance; [`Error::OutOfMemory`] if the outlines do
    /// not fit in memory.
    pub fn to_svg(&self, options: &ObjectOptions) -> Result<String> {
        let objects = self.objects(options)?;
        to_svg(&self.annotated("", &objects, options))
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

    /// The classes as labels.
    fn check_classes(&self, classes: &[usize]) -> Result<Vec<u8>> {
        if classes.is_empty() {
            return Err(Error::input(
                "Nothing is to be cut out. Give a class at least.",
            ));
        }
        let label = |class: &usize| self.check_class(*class).map(|()| *class as u8);
        classes.iter().map(label).collect()
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

/// What an answer knows of pixels beyond their labels.
struct Heard<'a> {
    answer: &'a Segmentation,
    scores: PixelScores<'a>,
    classes: &'a [u8],
}

impl Heard<'_> {
    /// The label of a pixel, and the one that the scores gave.
    fn labels(&self, x: usize, y: usize) -> [u8; 2] {
        let Segmentation {
            labels, predicted, ..
        } = self.answer;
        [labels, predicted].map(|map| map.labels()[y * map.width() as usize + x])
    }
}

impl Evidence for Heard<'_> {
    fn is_by_hand(&self, x: usize, y: usize) -> bool {
        let [label, predicted] = self.labels(x, y);
        label != predicted
    }

    fn share(&self, x: usize, y: usize) -> Option<f32> {
        // Below the threshold a class may well have the largest part.
        let is_doubtful = self.answer.has_threshold && self.labels(x, y)[0] == UNLABELLED;
        let is_heard = !is_doubtful && !self.answer.follows_edges;
        is_heard.then(|| self.scores.share(self.classes, x, y))?
    }
}

fn shares(labels: &LabelMap, legend: &Legend, probabilities: &ScoreMap) -> Vec<ClassShare> {
    let counts = labels.counts();
    let width = labels.width() as usize;
    let sums = probabilities.sums_where_labelled(labels.labels(), width);
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
            // Rounding may lead beyond 1 by a hair.
            score: (counts[class] > 0)
                .then(|| (sums[class] / counts[class] as f64).min(1.0) as f32),
        })
        .collect()
}
