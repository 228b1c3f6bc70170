//! Measuring settings side by side, each picture encoded once for all of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Confusion;
use super::datasets::Sample;
use super::set::TestSet;
use crate::dense::Method;
use crate::device::Kind;
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::mask::{LabelMap, Legend, UNLABELLED, overlay_png};
use crate::progress::NoProgress;
use crate::prompt::Class;
use crate::segmenter::{
    Background, EncodeOptions, EncodedImage, Guidance, Options, Pipeline, Segmenter,
};

/// Pictures between two writes of the state.
const SAVE_EVERY: usize = 10;

/// What to measure.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// The model.
    pub segmenter: &'a Segmenter,
    /// The pictures.
    pub set: &'a TestSet,
    /// Methods and refinements.
    pub settings: Vec<Pipeline>,
    /// Backgrounds to measure each setting with. Without a background class, pixels that are
    /// background in truth are not counted.
    pub backgrounds: Vec<Background>,
    /// Everything else; its method, refinements and background are not looked at.
    pub options: Options,
    /// How pictures are encoded; its method is not looked at.
    pub encode: EncodeOptions,
    /// A file to go on from when an evaluation was stopped, kept up to date.
    pub state: Option<PathBuf>,
    /// Where overlays go, if they are wanted.
    pub save: Option<PathBuf>,
}

/// What was measured of one setting with one background.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Method and refinements.
    pub setting: Pipeline,
    /// The background: auto, none or its words.
    pub background: String,
    /// The pictures.
    pub set: String,
    /// The model's name.
    pub model: String,
    /// Where it ran.
    pub device: Kind,
    /// Number of pictures.
    pub pictures: usize,
    /// Mean intersection over union over the classes, and the background if there is one.
    pub miou: f64,
    /// Share of pixels answered rightly.
    pub pixel_accuracy: f64,
    /// Intersection over union by class.
    pub iou: Vec<ClassIou>,
    /// Mean wall-clock time to encode a picture and segment it, words known.
    pub seconds_per_picture: f64,
}

/// One class of a report.
#[derive(Debug, Clone, Serialize)]
pub struct ClassIou {
    /// Its name.
    pub name: String,
    /// `None` if no picture has it and no answer claimed it.
    pub iou: Option<f64>,
}

/// What is known after some pictures.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// What the numbers belong to; a state of anything else is refused.
    of: String,
    done: usize,
    rows: Vec<Row>,
}

/// One setting with one background.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    confusion: Confusion,
    seconds: f64,
}

/// Method and residual flag: what a picture is prepared for.
type Prepared = (Method, bool);

impl Evaluation<'_> {
    /// Measures, calling `progress` with the number of pictures done.
    ///
    /// # Errors
    ///
    /// Those of [`Segmenter`] and of the pictures' files; [`Error::Input`] for a state that
    /// belongs to another evaluation; [`Error::Io`] where a file cannot be written.
    pub async fn run(&self, mut progress: impl FnMut(usize)) -> Result<Vec<Report>> {
        let classes = self.set.classes()?;
        let mut state = self.open_state(&classes)?;
        progress(state.done);
        while state.done < self.set.len() {
            let sample = self.set.read(state.done)?;
            if state.done == 0 {
                self.embed_words(&sample, &classes).await?;
            }
            self.measure(&sample, state.done, &classes, &mut state.rows)
                .await?;
            state.done += 1;
            if state.done % SAVE_EVERY == 0 || state.done == self.set.len() {
                self.save_state(&state)?;
            }
            progress(state.done);
        }
        let rows = self.pairs().zip(&state.rows);
        Ok(rows
            .map(|((setting, background), row)| self.report(setting, background, row, &classes))
            .collect())
    }

    fn pairs(&self) -> impl Iterator<Item = (&Pipeline, &Background)> {
        self.settings
            .iter()
            .flat_map(|setting| self.backgrounds.iter().map(move |b| (setting, b)))
    }

    /// Words are embedded once; no picture's time should hold that.
    async fn embed_words(&self, sample: &Sample, classes: &[Class]) -> Result<()> {
        let image = self.encode(sample, false).await?;
        for background in &self.backgrounds {
            let options = Options {
                method: Some(Method::MaskClip),
                background: background.clone(),
                ..Options::default()
            };
            self.segmenter
                .segment(&image, classes, &options, &mut NoProgress)
                .await?;
        }
        Ok(())
    }

    async fn encode(&self, sample: &Sample, all_states: bool) -> Result<EncodedImage> {
        let method = if all_states {
            Method::ScClip
        } else {
            Method::MaskClip
        };
        let options = EncodeOptions {
            method: Some(method),
            ..self.encode
        };
        self.segmenter
            .encode(sample.picture.clone(), &options, &mut NoProgress)
            .await
    }

    async fn measure(
        &self,
        sample: &Sample,
        index: usize,
        classes: &[Class],
        rows: &mut [Row],
    ) -> Result<()> {
        let start = Instant::now();
        let all_states = self.settings.iter().any(|s| s.method.needs_hidden_states());
        let image = self.encode(sample, all_states).await?;
        let encoding = start.elapsed().as_secs_f64();
        let mut preparing: HashMap<Prepared, f64> = HashMap::new();
        for ((setting, background), row) in self.pairs().zip(rows) {
            let options = self.options_of(setting, background);
            let key = (setting.method, setting.residual);
            let start = Instant::now();
            self.segmenter
                .prepare(&image, &options, &mut NoProgress)
                .await?;
            let prepared = *preparing
                .entry(key)
                .or_insert_with(|| start.elapsed().as_secs_f64());
            let start = Instant::now();
            let answer = self
                .segmenter
                .label(&image, classes, &options, &mut NoProgress)
                .await?;
            row.seconds += prepared + start.elapsed().as_secs_f64();
            if uses_cells(setting.method, &options) {
                row.seconds += encoding;
            }
            let (truth, labels) = self.comparable(background, sample, &answer);
            row.confusion.add(&truth, &labels)?;
            self.save_overlay(
                index,
                setting,
                background,
                &sample.picture,
                classes,
                &answer,
            )?;
        }
        Ok(())
    }

    fn options_of(&self, setting: &Pipeline, background: &Background) -> Options {
        Options {
            method: Some(setting.method),
            residual: setting.residual,
            refine: Some(setting.refine.clone()),
            background: background.clone(),
            ..self.options.clone()
        }
    }

    /// Truth and answer in the same numbers: with a background class that is 0 and classes follow,
    /// without one classes begin at 0 and true background is not counted.
    fn comparable(
        &self,
        background: &Background,
        sample: &Sample,
        answer: &LabelMap,
    ) -> (Vec<u8>, Vec<u8>) {
        let labels = answer.labels();
        if !self.set.has_background() {
            return (sample.truth.clone(), labels.to_vec());
        }
        if *background == Background::None {
            // 0 becomes 255, which is not counted; 255 stays outside every class too.
            let things = |&t: &u8| {
                if t == UNLABELLED {
                    t
                } else {
                    t.wrapping_sub(1)
                }
            };
            return (sample.truth.iter().map(things).collect(), labels.to_vec());
        }
        let with_background = |&l: &u8| if l == UNLABELLED { 0 } else { l + 1 };
        (
            sample.truth.clone(),
            labels.iter().map(with_background).collect(),
        )
    }

    /// Number of classes of the confusion matrix.
    fn counted(&self, background: &Background, classes: usize) -> usize {
        classes + usize::from(self.set.has_background() && *background != Background::None)
    }

    fn save_overlay(
        &self,
        index: usize,
        setting: &Pipeline,
        background: &Background,
        picture: &Picture,
        classes: &[Class],
        answer: &LabelMap,
    ) -> Result<()> {
        let Some(folder) = &self.save else {
            return Ok(());
        };
        let mut name = format!("{}.{setting}", self.set.id(index));
        if self.backgrounds.len() > 1 && *background == Background::None {
            name.push_str(".no-background");
        }
        let path = folder.join(name + ".png");
        let legend = Legend::of_names(classes.iter().map(|class| class.name.as_str()))?;
        write_file(&path, &overlay_png(answer, &legend, picture, 0.55)?)
    }

    /// What tells this evaluation from others.
    fn fingerprint(&self) -> String {
        let names: Vec<String> = self.pairs().map(|(s, b)| format!("{s}/{b}")).collect();
        format!(
            "{} pictures of {}, {} on {:?}, {:?}, threshold {}, {:?}, {:?}, {} regions: {}",
            self.set.len(),
            self.set.name(),
            self.segmenter.manifest().name,
            self.segmenter.compute().kind,
            self.encode,
            self.options.threshold,
            self.options.crops,
            self.options.guidance,
            self.options.regions,
            names.join("; ")
        )
    }

    fn open_state(&self, classes: &[Class]) -> Result<State> {
        let fresh = || State {
            of: self.fingerprint(),
            done: 0,
            rows: self
                .pairs()
                .map(|(_, background)| Row {
                    confusion: Confusion::new(self.counted(background, classes.len())),
                    seconds: 0.0,
                })
                .collect(),
        };
        let Some(path) = self.state.as_deref().filter(|path| path.exists()) else {
            return Ok(fresh());
        };
        let text = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let state: State = serde_json::from_slice(&text).map_err(|e| not_ours(path, &e))?;
        if state.of != self.fingerprint() {
            return Err(not_ours(path, &"it is of other settings or pictures"));
        }
        Ok(state)
    }

    fn save_state(&self, state: &State) -> Result<()> {
        let Some(path) = &self.state else {
            return Ok(());
        };
        let text = serde_json::to_vec(state)
            .map_err(|e| Error::internal(format!("no JSON for a state: {e}")))?;
        // Written beside and moved, so that a stop in between leaves the old state whole.
        let beside = path.with_extension("part");
        write_file(&beside, &text)?;
        std::fs::rename(&beside, path).map_err(|e| Error::io(path, e))
    }

    fn report(
        &self,
        setting: &Pipeline,
        background: &Background,
        row: &Row,
        classes: &[Class],
    ) -> Report {
        let with_background = row.confusion.iou().len() > classes.len();
        let names = with_background
            .then_some("background")
            .into_iter()
            .chain(classes.iter().map(|c| c.name.as_str()));
        Report {
            setting: setting.clone(),
            background: background.to_string(),
            set: self.set.name(),
            model: self.segmenter.manifest().name.clone(),
            device: self.segmenter.compute().kind,
            pictures: self.set.len(),
            miou: row.confusion.mean_iou(),
            pixel_accuracy: row.confusion.pixel_accuracy(),
            iou: names
                .zip(row.confusion.iou())
                .map(|(name, iou)| ClassIou {
                    name: name.into(),
                    iou,
                })
                .collect(),
            seconds_per_picture: row.seconds / self.set.len() as f64,
        }
    }
}

/// Whether the method, or what guides it, reads the cells of the whole picture.
fn uses_cells(method: Method, options: &Options) -> bool {
    method.is_dense() || (method == Method::ClipDiy && options.guidance == Guidance::Features)
}

fn write_file(path: &Path, contents: &[u8]) -> Result<()> {
    std::fs::write(path, contents).map_err(|e| Error::io(path, e))
}

fn not_ours(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::input(format!(
        "{} is no state to go on from: {why}. Remove it or name another file.",
        path.display()
    ))
}
