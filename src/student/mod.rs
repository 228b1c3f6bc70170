//! Small networks that have learned from a CLIP's masks to segment a closed list of classes
//! (MaskCLIP+, arXiv 2112.01071).
//!
//! A student puts out features for each cell of half the picture's side, and scores them by inner
//! products with the teacher's text vectors, which stay as they are, so that what it learns is to
//! see. There are two: a [`head`](StudentKind::Head) decodes the features of the teacher's tower,
//! a [`compact`](StudentKind::Compact) one sees the picture by itself.

mod compact;
mod config;
mod head;
mod layers;

use std::borrow::Cow;
use std::sync::Arc;

use crate::autodiff::{Graph, Init, ParameterId, Parameters, Upsampling, Var};
use crate::clip::{ClipConfig, Grid};
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::kernel::cpu::{Matrix, add_product};
use crate::quant::WeightSource;
use crate::random::Rng;

pub use config::{MAX_STUDENT_CLASSES, StudentConfig, StudentKind};

use compact::Compact;
use head::Head;
use layers::{Builder, Pass};

/// What text vectors are multiplied with, so that scores can differ by more than features grow in
/// short training.
const TEXT_SCALE: f32 = 4.0;

/// Where the tensors of a student are among those of a bundle.
const PREFIX: &str = "student.";

/// The name of the text vectors, `[outputs, projection]`.
const TEXT_VECTORS: &str = "student.text_vectors";

/// A student with its weights.
#[derive(Debug, Clone)]
pub struct Student {
    config: StudentConfig,
    network: StudentNetwork,
    parameters: Parameters,
    text_vectors: Vec<f32>,
}

/// The layers of a student, which find their numbers in [`Parameters`].
#[derive(Debug, Clone)]
pub(crate) struct StudentNetwork {
    backbone: Backbone,
    /// The teacher's.
    logit_scale: f32,
    /// From the last grid to the space of text vectors, `[width, projection]`, and its bias.
    projection: [ParameterId; 2],
}

#[derive(Debug, Clone)]
enum Backbone {
    Head(Head),
    Compact(Compact),
}

/// Features of the tower's cells, a row for each cell.
#[derive(Debug, Clone)]
pub(crate) struct CellPlane<'a> {
    /// The grid of cells, which covers the picture.
    pub(crate) grid: Grid,
    /// `[cells, projection]`
    pub(crate) features: Cow<'a, [f32]>,
}

/// What a student sees of a picture.
#[derive(Debug, Clone)]
pub(crate) struct StudentInput<'a> {
    /// Pixels of the resized picture.
    pub(crate) grid: Grid,
    /// Normalised, `[pixels, 3]`.
    pub(crate) pixels: Cow<'a, [f32]>,
    /// For a [`Head`](StudentKind::Head).
    pub(crate) cells: Option<CellPlane<'a>>,
}

/// Scores of a student: rows of `logits` are classes, the background's last.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StudentLogits {
    /// `[outputs, cells]`
    pub(crate) logits: Vec<f32>,
    /// The grid of cells, which covers the picture.
    pub(crate) grid: Grid,
}

impl CellPlane<'_> {
    fn width(&self) -> usize {
        self.features.len() / self.grid.cells()
    }

    /// What the teacher makes of the cells: the head learns what to add to that.
    ///
    /// # Shapes
    ///
    /// - output: `[cells, outputs]`
    fn scores(&self, graph: &mut Graph<'_>, text_vectors: &[f32], logit_scale: f32) -> Var {
        let (cells, width) = (self.grid.cells(), self.width());
        let outputs = text_vectors.len() / width;
        let mut scores = vec![0.0; cells * outputs];
        let text = Matrix::new(text_vectors, outputs, width).transposed();
        add_product(Matrix::new(&self.features, cells, width), text, &mut scores);
        scores.iter_mut().for_each(|score| *score *= logit_scale);
        graph.constant(cells, outputs, scores)
    }
}

impl StudentNetwork {
    /// The layers of a student of a tower with this projection, and what their numbers begin as.
    pub(crate) fn new(
        kind: StudentKind,
        teacher: &ClipConfig,
        rng: &mut Rng,
    ) -> (Self, Parameters) {
        let projection = teacher.projection;
        let mut parameters = Parameters::default();
        let mut build = Builder {
            parameters: &mut parameters,
            rng,
        };
        let (backbone, width) = match kind {
            StudentKind::Head => {
                let head = Head::new(projection, &mut build);
                (Backbone::Head(head), head::WIDTH)
            }
            StudentKind::Compact => {
                let compact = Compact::new(&mut build);
                (Backbone::Compact(compact), compact::WIDTH)
            }
        };
        let network = Self {
            backbone,
            logit_scale: teacher.logit_scale,
            projection: [
                build.parameters.add(
                    "projection.weight",
                    [width, projection],
                    match kind {
                        // It begins as its teacher.
                        StudentKind::Head => Init::Normal(0.02),
                        StudentKind::Compact => Init::Inputs(width),
                    },
                    build.rng,
                ),
                build.parameters.add(
                    "projection.bias",
                    [1, projection],
                    Init::Constant(0.0),
                    build.rng,
                ),
            ],
        };
        (network, parameters)
    }

    /// The scores of each cell of half the picture's side.
    ///
    /// # Shapes
    ///
    /// - `text_vectors`: `[outputs, projection]`
    /// - output: `[cells of half the grid, outputs]`
    pub(crate) fn logits<'a>(
        &self,
        graph: &mut Graph<'a>,
        parameters: &'a Parameters,
        text_vectors: &'a [f32],
        input: &StudentInput<'a>,
    ) -> Result<(Var, Grid)> {
        let grid = input.grid;
        let pixels = graph.constant(grid.cells(), 3, input.pixels.clone());
        let mut pass = Pass { graph, parameters };
        let x = match (&self.backbone, &input.cells) {
            (Backbone::Head(head), Some(cells)) => head.forward(&mut pass, pixels, grid, cells),
            (Backbone::Compact(compact), _) => compact.forward(&mut pass, pixels, grid),
            (Backbone::Head(_), None) => {
                return Err(Error::internal("a head without cell features"));
            }
        };
        let [weight, bias] = self
            .projection
            .map(|id| pass.graph.parameter(parameters, id));
        // Both products are linear: classes first, which are fewer than the numbers of a vector.
        let text = graph.constant(text_vectors.len() / bias.cols, bias.cols, text_vectors);
        let text = graph.scale(text, TEXT_SCALE);
        let classes = graph.linear(text, weight, None);
        let biases = graph.linear(text, bias, None);
        let logits = graph.linear(x, classes, Some(biases));
        let half = shrunk(grid, 2);
        let Some(cells) = &input.cells else {
            return Ok((logits, half));
        };
        let taught = cells.scores(graph, text_vectors, self.logit_scale);
        let taught = upsampled(graph, taught, cells.grid, half);
        Ok((graph.add(logits, taught), half))
    }
}

impl Student {
    /// A student that has been trained.
    pub(crate) fn new(
        config: StudentConfig,
        network: StudentNetwork,
        parameters: Parameters,
        text_vectors: Vec<f32>,
    ) -> Self {
        Self {
            config,
            network,
            parameters,
            text_vectors,
        }
    }

    /// Reads a student's weights.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a tensor is missing or has another shape; [`Error::Io`] if the source
    /// cannot read its file.
    pub fn load(
        config: StudentConfig,
        teacher: &ClipConfig,
        weights: &mut impl WeightSource,
    ) -> Result<Self> {
        let (network, mut parameters) = StudentNetwork::new(config.kind, teacher, &mut Rng::new(0));
        for (name, shape, values) in parameters.tensors_mut() {
            let stored = weights.values(&format!("{PREFIX}{name}"), &shape)?;
            values.copy_from_slice(&stored);
        }
        let text_vectors = weights.values(TEXT_VECTORS, &[config.outputs(), teacher.projection])?;
        Ok(Self::new(config, network, parameters, text_vectors))
    }

    /// What it is.
    #[must_use]
    pub fn config(&self) -> &StudentConfig {
        &self.config
    }

    /// Name, shape and values of each tensor, as bundles have them.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (String, [usize; 2], &[f32])> {
        let projection = self.text_vectors.len() / self.config.outputs();
        let text = (
            TEXT_VECTORS.to_owned(),
            [self.config.outputs(), projection],
            &self.text_vectors[..],
        );
        let learned = self.parameters.tensors();
        learned
            .map(|(name, shape, values)| (format!("{PREFIX}{name}"), shape, values))
            .chain([text])
    }

    /// The scores of a picture; `cells` are those that [`StudentConfig::features`] asks for.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory; [`Error::Internal`] if a
    /// [`Head`](StudentKind::Head) is given no cells.
    pub(crate) fn score(
        &self,
        picture: &Picture,
        cells: Option<CellPlane<'_>>,
    ) -> Result<StudentLogits> {
        let resized = resized(picture, self.config.kind, self.config.size)?;
        let input = StudentInput {
            grid: pixel_grid(&resized),
            pixels: normalised(resized.rgb()).into(),
            cells,
        };
        let mut graph = Graph::inference();
        let (logits, grid) =
            self.network
                .logits(&mut graph, &self.parameters, &self.text_vectors, &input)?;
        Ok(StudentLogits {
            logits: transposed(graph.value(logits), logits.cols),
            grid,
        })
    }
}

/// Name and shape of each tensor that a bundle holds of a student.
pub(crate) fn student_tensors(
    config: &StudentConfig,
    teacher: &ClipConfig,
) -> Vec<(String, [usize; 2])> {
    let (_, parameters) = StudentNetwork::new(config.kind, teacher, &mut Rng::new(0));
    let learned = parameters.tensors();
    learned
        .map(|(name, shape, _)| (format!("{PREFIX}{name}"), shape))
        .chain([(
            TEXT_VECTORS.to_owned(),
            [config.outputs(), teacher.projection],
        )])
        .collect()
}

/// The picture at the size at which a student sees it: a short side of about `size` pixels, both
/// sides multiples of what its grids need.
///
/// # Errors
///
/// [`Error::OutOfMemory`] if the pixels do not fit in memory.
pub(crate) fn resized(picture: &Picture, kind: StudentKind, size: u32) -> Result<Picture> {
    let (width, height) = working_size((picture.width(), picture.height()), kind, size);
    picture.resize(width, height)
}

/// Width and height of [`resized`].
fn working_size((width, height): (u32, u32), kind: StudentKind, size: u32) -> (u32, u32) {
    let multiple = f64::from(kind.multiple());
    let scale = f64::from(size) / f64::from(width.min(height));
    let rounded = |side: u32| {
        let parts = (f64::from(side) * scale / multiple).round().max(1.0);
        (parts * multiple) as u32
    };
    (rounded(width), rounded(height))
}

/// A picture's pixels as a grid.
pub(crate) fn pixel_grid(picture: &Picture) -> Grid {
    Grid {
        rows: picture.height() as usize,
        cols: picture.width() as usize,
    }
}

/// Bytes as numbers around zero, of about the size of one.
pub(crate) fn normalised(rgb: &[u8]) -> Vec<f32> {
    rgb.iter().map(|&x| (f32::from(x) - 127.5) / 64.0).collect()
}

/// Bilinear interpolation to another grid of the same picture.
fn upsampled(graph: &mut Graph<'_>, x: Var, from: Grid, to: Grid) -> Var {
    if from == to {
        return x;
    }
    graph.upsample(x, &Arc::new(Upsampling::new(from, to)))
}

/// A grid of cells of `side` × `side` cells of another.
fn shrunk(grid: Grid, side: usize) -> Grid {
    Grid {
        rows: grid.rows / side,
        cols: grid.cols / side,
    }
}

/// `[rows, cols]` as `[cols, rows]`.
fn transposed(values: &[f32], cols: usize) -> Vec<f32> {
    let rows = values.len() / cols;
    let mut out = Vec::with_capacity(values.len());
    for col in 0..cols {
        out.extend((0..rows).map(|row| values[row * cols + col]));
    }
    out
}
