//! Measuring settings side by side, each picture encoded once for all of them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};

use super::conditions::digest;
use super::datasets::Sample;
use super::protocol::{ClassQueries, Protocol};
use super::save::Answer;
use super::set::TestSet;
use super::state::{State, Tally};
use super::{Boundaries, ClassIou, Conditions, Confusion, EvalShard, Failure, Report, Save};
use crate::bundle::manifest_json;
use crate::dense::Method;
use crate::error::{Error, Result};
use crate::mask::UNLABELLED;
use crate::segmenter::{Background, Pipeline, Segmenter};

/// Pictures between two writes of the state.
const SAVE_EVERY: usize = 10;

/// What to measure.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// The model to measure.
    pub segmenter: &'a Segmenter,
    /// The pictures to measure on.
    pub set: &'a TestSet,
    /// Methods and refinements.
    pub settings: Vec<Pipeline>,
    /// How pictures are answered.
    pub protocol: Protocol,
    /// Which part of the pictures.
    pub shard: EvalShard,
    /// A file to go on from when an evaluation was stopped, kept up to date.
    pub state: Option<PathBuf>,
    /// Which answers to keep, if any.
    pub save: Option<Save>,
    /// The file that the names of the classes came from, if any; for the report only.
    pub class_file: Option<PathBuf>,
}

/// A row of the table of results.
struct Variant {
    setting: Pipeline,
    background: Background,
    /// Whether the background is a class that is counted, the one before all others.
    counts_background: bool,
    /// The name of its folder.
    folder: String,
}

/// What stays the same from picture to picture.
struct RunPlan {
    pairs: Vec<Variant>,
    /// The lines of [`TestSet::listing`].
    listing: Vec<String>,
}

/// Method, residual flag and whether it looks at several scales: what a picture is prepared for.
type Prepared = (Method, bool, bool);

impl Evaluation<'_> {
    /// Measures, calling `progress` with the number of pictures done. A picture that cannot be used
    /// is listed in the reports, which are then of the others.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the protocol cannot measure a setting, if one is given twice, if the
    /// state belongs to another evaluation, or if a file of the data set is gone; [`Error::Model`]
    /// if a name needs the text tower and it has not been loaded; [`Error::Device`] if the device
    /// fails; [`Error::OutOfMemory`] if the scores of a picture do not fit in memory; [`Error::Io`]
    /// if a file cannot be read or written.
    pub async fn run(&self, mut progress: impl FnMut(usize)) -> Result<Vec<Report>> {
        let plan = RunPlan {
            pairs: self.pairs()?,
            listing: self.set.listing()?,
        };
        let mut state = self.open_state(&plan)?;
        // A state that cannot be written is known before there is something to lose.
        self.save_state(&mut state, &plan)?;
        let measured = self.measure_all(&plan, &mut state, &mut progress).await;
        // Whatever ended it, what was measured is not lost.
        self.save_state(&mut state, &plan)?;
        measured?;
        let conditions = self.conditions(&plan, &[])?;
        let rows = plan.pairs.iter().zip(&state.rows);
        Ok(rows
            .map(|(pair, row)| self.report(pair, row, &state, &conditions))
            .collect())
    }

    async fn measure_all(
        &self,
        plan: &RunPlan,
        state: &mut State,
        progress: &mut impl FnMut(usize),
    ) -> Result<()> {
        let indices: Vec<usize> = self.shard.indices(self.set.len()).collect();
        progress(state.done);
        let failed: Vec<usize> = state.failures.iter().map(|f| f.index).collect();
        if failed.is_empty() && state.done >= indices.len() {
            return Ok(());
        }
        let words = self.protocol.embed(self.segmenter, self.set).await?;
        for index in failed {
            let failure = self.measure(index, &plan.pairs, &words, &mut state.rows);
            let failure = failure.await?;
            state.failures.retain(|failure| failure.index != index);
            state.failures.extend(failure);
        }
        while let Some(&index) = indices.get(state.done) {
            let failure = self.measure(index, &plan.pairs, &words, &mut state.rows);
            state.failures.extend(failure.await?);
            state.done += 1;
            if state.done.is_multiple_of(SAVE_EVERY) {
                self.save_state(state, plan)?;
            }
            progress(state.done);
        }
        Ok(())
    }

    /// Every setting with every background.
    fn pairs(&self) -> Result<Vec<Variant>> {
        self.protocol.check(&self.settings)?;
        let backgrounds = self.protocol.backgrounds();
        refuse_twice(&self.settings)?;
        refuse_twice(&backgrounds)?;
        let pair = |setting: &Pipeline, (place, background): (usize, &Background)| Variant {
            setting: setting.clone(),
            background: background.clone(),
            counts_background: self.set.has_background() && *background != Background::None,
            folder: match background {
                _ if backgrounds.len() == 1 => setting.to_string(),
                Background::Words(_) => format!("{setting}.background-{}", place + 1),
                named => format!("{setting}.background-{named}"),
            },
        };
        Ok(self
            .settings
            .iter()
            .flat_map(|setting| {
                backgrounds
                    .iter()
                    .enumerate()
                    .map(move |b| pair(setting, b))
            })
            .collect())
    }

    /// Measures a picture. Returns why it cannot be used, if it cannot; nothing of it is counted
    /// then.
    async fn measure(
        &self,
        index: usize,
        pairs: &[Variant],
        words: &ClassQueries,
        rows: &mut [Tally],
    ) -> Result<Option<Failure>> {
        let seen = match self.set.read(index) {
            Ok(sample) => {
                let start = Instant::now();
                let view = self.protocol.see(self.segmenter, &sample, &self.settings);
                let view = view.await;
                view.map(|view| (sample, view, start.elapsed().as_secs_f64()))
            }
            Err(error) => Err(error),
        };
        let (sample, view, encoding) = match seen {
            Ok(seen) => seen,
            // The picture's or its truth's fault. Those of the model or the device end the run.
            Err(error @ (Error::Input(_) | Error::Io(_) | Error::OutOfMemory(_))) => {
                return Ok(Some(Failure {
                    index,
                    picture: self.set.id(index),
                    message: error.to_string(),
                }));
            }
            Err(error) => return Err(error),
        };
        let mut preparing: HashMap<Prepared, f64> = HashMap::new();
        let mut answers = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let Variant {
                setting,
                background,
                ..
            } = pair;
            let start = Instant::now();
            self.protocol
                .prepare(self.segmenter, &view, setting, background)
                .await?;
            let prepared = *preparing
                .entry((setting.method, setting.residual, setting.multi_scale))
                .or_insert_with(|| start.elapsed().as_secs_f64());
            let start = Instant::now();
            let asked = (&sample, &view);
            let answer = self
                .protocol
                .answer(
                    self.segmenter,
                    asked,
                    words,
                    setting,
                    background,
                    pair.counts_background,
                )
                .await?;
            let mut seconds = prepared + start.elapsed().as_secs_f64();
            if self.protocol.uses_cells(setting.method) {
                seconds += encoding;
            }
            self.save_answer(index, pair, &sample, &answer)?;
            answers.push((answer, seconds));
        }
        // Counted together, so that no row has a picture that another lacks.
        for ((answer, seconds), (pair, row)) in answers.iter().zip(pairs.iter().zip(rows)) {
            let truth = self.truth(pair, &sample);
            row.confusion.add(&truth, &answer.labels)?;
            let width = sample.picture.width() as usize;
            row.boundaries.add(&truth, &answer.labels, width)?;
            row.seconds += seconds;
        }
        Ok(None)
    }

    /// The truth in the numbers of the answer: with a background class that is 0 and classes
    /// follow, without one classes begin at 0 and true background is not counted.
    fn truth(&self, pair: &Variant, sample: &Sample) -> Vec<u8> {
        if !self.set.has_background() || pair.counts_background {
            return sample.truth.clone();
        }
        // 0 becomes 255, which is not counted; 255 stays outside every class too.
        let thing = |&truth: &u8| match truth {
            UNLABELLED => UNLABELLED,
            truth => truth.wrapping_sub(1),
        };
        sample.truth.iter().map(thing).collect()
    }

    fn save_answer(
        &self,
        index: usize,
        pair: &Variant,
        sample: &Sample,
        answer: &Answer,
    ) -> Result<()> {
        let Some(save) = &self.save else {
            return Ok(());
        };
        let classes = self.set.classes();
        let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
        save.write(
            &pair.folder,
            &self.set.id(index),
            &sample.picture,
            answer,
            &names,
        )
    }

    /// Everything that the numbers depend on. The files of `failures`, which gave none, are not
    /// among the pictures' files, so that they can be put right.
    fn conditions(&self, plan: &RunPlan, failures: &[Failure]) -> Result<Conditions> {
        let manifest = self.segmenter.manifest();
        let lines = plan.listing.iter().enumerate();
        let used = lines.filter(|(index, _)| failures.iter().all(|f| f.index != *index));
        let mut conditions = Conditions::default();
        conditions.set("version", env!("CARGO_PKG_VERSION"));
        conditions.set("model", manifest.name.as_str());
        conditions.set("model_sha256", digest([manifest_json(manifest)?.as_str()]));
        conditions.set("device", json!(self.segmenter.compute().kind));
        conditions.set("set", self.set.name());
        conditions.set("pictures", plan.listing.len());
        conditions.set("files_sha256", digest(used.map(|(_, line)| line.as_str())));
        conditions.set("protocol", self.protocol.name());
        conditions.set("names", json!(self.protocol.names(self.set)));
        conditions.set("options", self.protocol.options(self.segmenter));
        let rows = plan
            .pairs
            .iter()
            .map(|pair| json!([pair.setting, pair.background.to_string()]));
        conditions.set("settings", rows.collect::<Value>());
        if let TestSet::Dataset(dataset) = self.set {
            conditions.set("folder", dataset.dir().display().to_string());
            conditions.set("truth", dataset.truth_files());
        }
        if let Some(file) = &self.class_file {
            conditions.set("class_file", file.display().to_string());
        }
        Ok(conditions)
    }

    fn open_state(&self, plan: &RunPlan) -> Result<State> {
        let classes = self.set.classes().len();
        let row = |pair: &Variant| {
            let classes = classes + usize::from(pair.counts_background);
            Tally {
                confusion: Confusion::new(classes),
                boundaries: Boundaries::new(classes),
                seconds: 0.0,
            }
        };
        let mut fresh = State {
            conditions: self.conditions(plan, &[])?,
            shard: self.shard,
            done: 0,
            failures: Vec::new(),
            rows: plan.pairs.iter().map(row).collect(),
        };
        let Some(path) = &self.state else {
            return Ok(fresh);
        };
        let Some(state) = State::read(path)? else {
            return Ok(fresh);
        };
        fresh.conditions = self.conditions(plan, &state.failures)?;
        state.check_like(&fresh, path)?;
        Ok(state)
    }

    fn save_state(&self, state: &mut State, plan: &RunPlan) -> Result<()> {
        let Some(path) = &self.state else {
            return Ok(());
        };
        state.conditions = self.conditions(plan, &state.failures)?;
        state.write(path)
    }

    fn report(
        &self,
        pair: &Variant,
        row: &Tally,
        state: &State,
        conditions: &Conditions,
    ) -> Report {
        let classes = self.set.classes();
        let background = pair.counts_background.then_some("background");
        let names = background
            .into_iter()
            .chain(classes.iter().map(|c| c.name.as_str()));
        let class = |name: &str| ClassIou {
            name: name.into(),
            iou: None,
            boundary_iou: None,
            accuracy: None,
        };
        let pictures = state.done.saturating_sub(state.failures.len());
        Report {
            setting: pair.setting.clone(),
            background: pair.background.to_string(),
            set: self.set.name(),
            model: self.segmenter.manifest().name.clone(),
            device: self.segmenter.compute().kind,
            pictures,
            shard: self.shard,
            miou: 0.0,
            boundary_iou: 0.0,
            macc: 0.0,
            pixel_accuracy: 0.0,
            iou: names.map(class).collect(),
            seconds_per_picture: row.seconds / pictures.max(1) as f64,
            failures: state.failures.clone(),
            conditions: conditions.clone(),
            confusion: row.confusion.clone(),
            boundaries: row.boundaries.clone(),
        }
        .with_counts(row.confusion.clone(), row.boundaries.clone())
    }
}

/// Of two equal ones, the second would measure nothing new.
fn refuse_twice<T: PartialEq + std::fmt::Display>(things: &[T]) -> Result<()> {
    let twice = things
        .iter()
        .enumerate()
        .find(|(place, thing)| things[..*place].contains(thing));
    match twice {
        Some((_, thing)) => Err(Error::input(format!(
            "“{thing}” is to be measured twice. Leave one out."
        ))),
        None => Ok(()),
    }
}
