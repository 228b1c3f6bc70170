//! Scores of a student: of all its classes at once, whatever words are asked for.

use std::sync::Arc;

use super::multi_scale::Scales;
use super::view::{Model, View};
use super::{Method, Parameters, ScoreKind, ScoreMap};
use crate::dense::cell_features::whole_features;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::readback::read;
use crate::student::{CellPlane, Student, StudentKind, StudentLogits};

/// What the student of the model makes of a picture.
pub(super) type Cache = Option<Arc<StudentLogits>>;

/// Which of a student's classes are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudentQuery {
    /// Classes by their place in [`StudentConfig`](crate::student::StudentConfig), in the order of
    /// the answer.
    pub classes: Vec<usize>,
    /// Whether everything else is a class of its own, the last.
    pub background: bool,
}

/// How the teacher reads cells: a method, and whether at several scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureReading {
    /// A dense method.
    pub method: Method,
    /// Whether at finer scales, too.
    pub multi_scale: bool,
    /// Whether `maskclip` keeps the last block's residuals and feed-forward part.
    pub residual: bool,
}

/// The features of all cells of a picture, and their grid.
///
/// # Errors
///
/// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
/// [`Error::OutOfMemory`] if the pixels do not fit in memory.
pub(crate) async fn cell_plane(
    reading: FeatureReading,
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<CellPlane<'static>> {
    let (grid, cells) = if reading.multi_scale {
        let parameters = Parameters {
            residual: reading.residual,
            ..Parameters::default()
        };
        let mut scales = Scales::new(reading.method, &parameters, view, model);
        let fused = scales.fused(scales.len(), progress).await?;
        (fused.grid, fused.cells)
    } else {
        let (method, residual) = (reading.method, reading.residual);
        let cells = whole_features(method, residual, view, model, progress).await?;
        (view.grid(), cells)
    };
    Ok(CellPlane {
        grid,
        features: read(cells.features).await?.into(),
    })
}

/// The scores of all classes of the model's student.
pub(super) async fn prepare(
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<Arc<StudentLogits>> {
    if let Some(logits) = &view.cache().student {
        return Ok(Arc::clone(logits));
    }
    let (student, reading) = of_model(model)?;
    let cells = match reading {
        Some(reading) => Some(cell_plane(reading, view, model, progress).await?),
        None => None,
    };
    let logits = Arc::new(student.score(view.picture(), cells)?);
    view.cache().student = Some(Arc::clone(&logits));
    Ok(logits)
}

/// The part of the work that a first answer takes: a head's teacher reads the whole picture.
pub(super) async fn encode(
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<()> {
    let (student, reading) = of_model(model)?;
    match (student.config().kind, reading) {
        (StudentKind::Head, Some(reading)) => {
            let all = reading.method.needs_hidden_states();
            view.hidden_states(model, all, progress).await.map(|_| ())
        }
        _ => prepare(view, model, progress).await.map(|_| ()),
    }
}

fn of_model<'a>(model: &Model<'a>) -> Result<(&'a Student, Option<FeatureReading>)> {
    let student = model.student.ok_or_else(|| {
        Error::input("This model has no student. Choose another method, or a model made by adapt.")
    })?;
    Ok((student.student, student.reading))
}

/// The scores of the classes that are asked for. The background's is that of the student's own
/// background and of all its other classes together.
///
/// # Errors
///
/// [`Error::Input`] if the model has no student; [`Error::Cancelled`] if `progress` asks to stop;
/// [`Error::Device`] if the device fails; [`Error::OutOfMemory`] if the pixels do not fit in memory.
pub async fn scores(
    query: &StudentQuery,
    view: &View,
    model: &Model<'_>,
    progress: &mut impl Progress,
) -> Result<ScoreMap> {
    let all = prepare(view, model, progress).await?;
    let cells = all.grid.cells();
    let row = |class: usize| &all.logits[class * cells..][..cells];
    let mut values: Vec<f32> = query
        .classes
        .iter()
        .flat_map(|&class| row(class))
        .copied()
        .collect();
    let mut outputs = query.classes.len();
    if query.background {
        let others = (0..all.logits.len() / cells).filter(|class| !query.classes.contains(class));
        values.extend(log_sum_exp(others.map(row), cells));
        outputs += 1;
    }
    ScoreMap::new(outputs, all.grid, values, ScoreKind::Cosine { scale: 1.0 })
}

/// ln Σ eˣ over rows, at each place; as small as can be where there are none.
fn log_sum_exp<'a>(rows: impl Iterator<Item = &'a [f32]> + Clone, places: usize) -> Vec<f32> {
    let mut largest = vec![f32::MIN; places];
    for row in rows.clone() {
        largest
            .iter_mut()
            .zip(row)
            .for_each(|(m, x)| *m = m.max(*x));
    }
    let mut sums = vec![0.0f32; places];
    for row in rows {
        for ((sum, x), largest) in sums.iter_mut().zip(row).zip(&largest) {
            *sum += (x - largest).exp();
        }
    }
    let of_place = |(largest, sum): (&f32, &f32)| {
        if *sum > 0.0 {
            largest + sum.ln()
        } else {
            *largest
        }
    };
    largest.iter().zip(&sums).map(of_place).collect()
}
