//! What is learned.

use crate::random::Rng;

/// Matrices that are learned, all in one flat vector.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parameters {
    tensors: Vec<Tensor>,
    values: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq)]
struct Tensor {
    name: String,
    shape: [usize; 2],
    start: usize,
    /// Whether weight decay pulls it towards zero.
    decays: bool,
}

/// A matrix among [`Parameters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParameterId(usize);

/// What a matrix begins as.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Init {
    /// The same number everywhere; not decayed.
    Constant(f32),
    /// Normally distributed with this standard deviation; decayed.
    Normal(f32),
    /// Normally distributed such that a layer of so many inputs keeps the size of what goes through
    /// (He et al. 2015, without the factor of a rectifier); decayed.
    Inputs(usize),
}

impl Parameters {
    /// Adds a matrix.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        shape: [usize; 2],
        init: Init,
        rng: &mut Rng,
    ) -> ParameterId {
        let count = shape[0] * shape[1];
        let deviation = match init {
            Init::Constant(_) => 0.0,
            Init::Normal(deviation) => deviation,
            Init::Inputs(count) => 1.0 / (count as f32).sqrt(),
        };
        let start = self.values.len();
        self.values.extend((0..count).map(|_| match init {
            Init::Constant(value) => value,
            Init::Normal(_) | Init::Inputs(_) => deviation * rng.normal(),
        }));
        self.tensors.push(Tensor {
            name: name.into(),
            shape,
            start,
            decays: !matches!(init, Init::Constant(_)),
        });
        ParameterId(self.tensors.len() - 1)
    }

    pub(super) fn shape(&self, id: ParameterId) -> [usize; 2] {
        self.tensors[id.0].shape
    }

    pub(super) fn range(&self, id: ParameterId) -> std::ops::Range<usize> {
        self.tensors[id.0].range()
    }

    /// All numbers, matrix after matrix.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// All numbers, to be changed.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Name, shape and values of each matrix.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (&str, [usize; 2], &[f32])> {
        self.tensors
            .iter()
            .map(|t| (t.name.as_str(), t.shape, &self.values[t.range()]))
    }

    /// Name, shape and values of each matrix, to be replaced.
    pub(crate) fn tensors_mut(&mut self) -> impl Iterator<Item = (&str, [usize; 2], &mut [f32])> {
        let mut rest = &mut self.values[..];
        self.tensors.iter().map(move |t| {
            let (values, after) = std::mem::take(&mut rest).split_at_mut(t.shape[0] * t.shape[1]);
            rest = after;
            (t.name.as_str(), t.shape, values)
        })
    }

    /// The parts of the flat vector that weight decay pulls towards zero.
    pub(super) fn decaying(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.tensors.iter().filter(|t| t.decays).map(Tensor::range)
    }
}

impl Tensor {
    fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.shape[0] * self.shape[1]
    }
}
