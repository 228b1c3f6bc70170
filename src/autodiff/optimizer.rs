//! Steps along the gradient.

use super::Parameters;

/// `AdamW` (Loshchilov and Hutter, arXiv 1711.05101).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AdamW {
    /// Exponential means of gradients and of their squares.
    pub(crate) means: [Vec<f32>; 2],
    /// Steps taken.
    pub(crate) steps: u32,
    weight_decay: f32,
}

const BETAS: [f32; 2] = [0.9, 0.99];
const EPSILON: f32 = 1e-8;

/// Gradients longer than this are shortened to it, so that one strange picture moves nothing far.
const LONGEST: f32 = 1.0;

impl AdamW {
    /// No steps taken yet.
    pub(crate) fn new(parameters: &Parameters, weight_decay: f32) -> Self {
        let zeros = vec![0.0; parameters.values().len()];
        Self {
            means: [zeros.clone(), zeros],
            steps: 0,
            weight_decay,
        }
    }

    /// Moves parameters by a step of this size against their gradient, which is shortened if it is
    /// long. A gradient that is no number moves nothing.
    pub(crate) fn step(&mut self, parameters: &mut Parameters, gradient: &mut [f32], rate: f32) {
        let length = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
        if !length.is_finite() {
            return;
        }
        if length > LONGEST {
            let factor = LONGEST / length;
            gradient.iter_mut().for_each(|g| *g *= factor);
        }
        self.steps += 1;
        let shrink = 1.0 - rate * self.weight_decay;
        let decaying: Vec<_> = parameters.decaying().collect();
        for range in decaying {
            parameters.values_mut()[range]
                .iter_mut()
                .for_each(|value| *value *= shrink);
        }
        let [first, second] = &mut self.means;
        // What the means lack of their full weight after so few steps.
        let corrections = BETAS.map(|beta| 1.0 - beta.powi(self.steps as i32));
        let values = parameters.values_mut().iter_mut().zip(gradient);
        for ((value, gradient), (m, v)) in values.zip(first.iter_mut().zip(second)) {
            *m += (1.0 - BETAS[0]) * (*gradient - *m);
            *v += (1.0 - BETAS[1]) * (*gradient * *gradient - *v);
            *value -= rate * (*m / corrections[0]) / ((*v / corrections[1]).sqrt() + EPSILON);
        }
    }
}

/// An exponential mean of parameters over the steps of training: steadier than any of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ema {
    /// The mean.
    pub(crate) values: Vec<f32>,
    decay: f32,
}

impl Ema {
    /// The mean of one.
    pub(crate) fn new(parameters: &Parameters, decay: f32) -> Self {
        Self {
            values: parameters.values().to_vec(),
            decay,
        }
    }

    /// Takes the parameters after `steps` steps into the mean, which remembers fewer at first.
    pub(crate) fn update(&mut self, parameters: &Parameters, steps: u32) {
        let decay = self.decay.min(steps as f32 / (steps as f32 + 10.0));
        for (mean, value) in self.values.iter_mut().zip(parameters.values()) {
            *mean += (1.0 - decay) * (value - *mean);
        }
    }
}
