//! Training, step by step.

use std::sync::Arc;

use crate::autodiff::{AdamW, Ema, Graph, Parameters, Upsampling};
use crate::clip::ClipConfig;
use crate::error::{Error, Result};
use crate::parallel::map;
use crate::random::Rng;
use crate::student::{Student, StudentConfig, StudentNetwork};

use super::augment::{View, augmented};
use super::example::Example;

/// How a student is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Pictures of a step.
    pub batch: usize,
    /// The largest size of a step.
    pub rate: f32,
    /// What weights lose of themselves in a step, times the rate.
    pub weight_decay: f32,
    /// Of everything that is random.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            batch: 8,
            rate: 2e-3,
            weight_decay: 0.05,
            seed: 0,
        }
    }
}

/// How far training has come, 0 to 1: the size of a step depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progression(pub f32);

/// What part of the training the size of a step grows in.
const WARM_UP: f32 = 0.03;

/// How many steps the mean of weights remembers, about: `1 / (1 − DECAY)`.
const DECAY: f32 = 0.99;

impl Progression {
    /// The size of a step as a share of the largest: growing at first, then half a cosine to
    /// nothing.
    fn rate(self) -> f32 {
        let progress = self.0.clamp(0.0, 1.0);
        let cosine = 0.5 + 0.5 * (std::f32::consts::PI * progress).cos();
        cosine * (progress / WARM_UP).min(1.0).max(0.01)
    }
}

/// A student being trained.
#[derive(Debug, Clone)]
pub struct Trainer {
    config: StudentConfig,
    options: TrainOptions,
    text_vectors: Vec<f32>,
    network: StudentNetwork,
    parameters: Parameters,
    optimizer: AdamW,
    mean: Ema,
    rng: Rng,
    /// Examples in the order in which they come, and how many have come.
    order: Vec<u32>,
    taken: usize,
}

impl Trainer {
    /// A student that has learned nothing yet.
    #[must_use]
    pub fn new(
        config: StudentConfig,
        teacher: &ClipConfig,
        text_vectors: Vec<f32>,
        options: TrainOptions,
    ) -> Self {
        let mut rng = Rng::new(options.seed);
        let (network, parameters) = StudentNetwork::new(config.kind, teacher, &mut rng);
        Self {
            optimizer: AdamW::new(&parameters, options.weight_decay),
            mean: Ema::new(&parameters, DECAY),
            config,
            options,
            text_vectors,
            network,
            parameters,
            rng,
            order: Vec::new(),
            taken: 0,
        }
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.optimizer.steps
    }

    /// Learns from a few of the examples; returns the mean cross-entropy.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if there are no examples; [`Error::Internal`] if they have no cells for a
    /// head.
    pub fn step(&mut self, examples: &[Example], progression: Progression) -> Result<f32> {
        if examples.is_empty() {
            return Err(Error::input("There is no picture to learn from."));
        }
        let batch: Vec<(usize, Rng)> = (0..self.options.batch)
            .map(|_| {
                let index = self.next(examples.len());
                let seed = u64::from(self.rng.next_u32());
                (index, Rng::new(seed))
            })
            .collect();
        let results = map(&batch, |(index, rng)| {
            let (kind, size) = (self.config.kind, self.config.size as usize);
            let view = augmented(&examples[*index], kind, size, &mut rng.clone());
            self.learn(&view)
        });
        let mut total = vec![0.0; self.parameters.values().len()];
        let mut sum = 0.0;
        for result in results {
            let (loss, gradient) = result?;
            sum += loss;
            total.iter_mut().zip(&gradient).for_each(|(t, g)| *t += g);
        }
        let count = self.options.batch as f32;
        total.iter_mut().for_each(|g| *g /= count);
        let rate = self.options.rate * progression.rate();
        self.optimizer.step(&mut self.parameters, &mut total, rate);
        self.mean.update(&self.parameters, self.optimizer.steps);
        Ok(sum / count)
    }

    /// The loss of a view and its gradient.
    fn learn(&self, view: &View) -> Result<(f32, Vec<f32>)> {
        let mut graph = Graph::training();
        let (network, text) = (&self.network, &self.text_vectors);
        let (logits, grid) = network.logits(&mut graph, &self.parameters, text, &view.input)?;
        let upsampling = Arc::new(Upsampling::new(grid, view.input.grid));
        let logits = graph.upsample(logits, &upsampling);
        let loss = graph.cross_entropy(logits, &view.labels, &view.weights);
        let mut gradient = vec![0.0; self.parameters.values().len()];
        graph.gradient(loss, &mut gradient);
        Ok((graph.value(loss)[0], gradient))
    }

    /// The next example: each comes once before any comes again.
    fn next(&mut self, count: usize) -> usize {
        if self.order.len() != count || self.taken == count {
            self.order = (0..count as u32).collect();
            for last in (1..count).rev() {
                let other = self.rng.below(last + 1);
                self.order.swap(last, other);
            }
            self.taken = 0;
        }
        self.taken += 1;
        self.order[self.taken - 1] as usize
    }

    /// The student as it is by now: the mean of its weights over the last steps.
    #[must_use]
    pub fn student(&self) -> Student {
        let mut parameters = self.parameters.clone();
        parameters.values_mut().copy_from_slice(&self.mean.values);
        Student::new(
            self.config.clone(),
            self.network.clone(),
            parameters,
            self.text_vectors.clone(),
        )
    }
}
