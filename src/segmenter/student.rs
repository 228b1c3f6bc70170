//! A student in place of a text tower.

use crate::bundle::Manifest;
use crate::dense::{FeatureReading, StudentModel, StudentQuery};
use crate::error::{Error, Result};
use crate::prompt::{Background, Class, check_classes};
use crate::quant::WeightSource;
use crate::student::{Student, StudentConfig};

use super::Pipeline;

/// A student that has been loaded, and how its teacher reads cells for it.
#[derive(Debug)]
pub(super) struct LoadedStudent {
    student: Student,
    reading: Option<FeatureReading>,
}

impl LoadedStudent {
    /// The student of a manifest, if it has one.
    pub(super) fn load(
        manifest: &Manifest,
        weights: &mut impl WeightSource,
    ) -> Result<Option<Self>> {
        let Some(config) = &manifest.student else {
            return Ok(None);
        };
        let reading = config.features.as_deref().map(reading).transpose()?;
        Ok(Some(Self {
            student: Student::load(config.clone(), &manifest.architecture, weights)?,
            reading,
        }))
    }

    /// What methods see of it.
    pub(super) fn model(&self) -> StudentModel<'_> {
        StudentModel {
            student: &self.student,
            reading: self.reading,
        }
    }

    pub(super) fn config(&self) -> &StudentConfig {
        self.student.config()
    }
}

/// How a manifest's student wants cells to be read.
fn reading(features: &str) -> Result<FeatureReading> {
    let pipeline: Pipeline = features
        .parse()
        .map_err(|e| Error::model(format!("the student decodes {features:?}: {e}")))?;
    if !pipeline.method.is_dense() || !pipeline.refine.is_empty() {
        return Err(Error::model(format!(
            "the student decodes {features:?}, which gives no features of cells."
        )));
    }
    Ok(FeatureReading::from(&pipeline))
}

impl From<&Pipeline> for FeatureReading {
    fn from(pipeline: &Pipeline) -> Self {
        Self {
            method: pipeline.method,
            multi_scale: pipeline.multi_scale,
            residual: pipeline.residual,
        }
    }
}

/// The classes of a student that are meant, each by any of its names.
///
/// # Errors
///
/// [`Error::Input`] if [`check_classes`] refuses the classes, if the student has not learned one of
/// them, or if two of them are the same to it.
pub(super) fn query(
    config: &StudentConfig,
    classes: &[Class],
    background: &Background,
) -> Result<StudentQuery> {
    check_classes(classes)?;
    let mut found = Vec::with_capacity(classes.len());
    for class in classes {
        let known = class.names.iter().find_map(|name| config.class(name));
        let Some(place) = known else {
            return Err(unknown(config, &class.name));
        };
        if found.contains(&place) {
            return Err(Error::input(format!(
                "“{}” is asked for twice: this model has learned it as {}. Leave one out.",
                class.name,
                config.classes[place].names.join(", ")
            )));
        }
        found.push(place);
    }
    Ok(StudentQuery {
        classes: found,
        background: *background != Background::None,
    })
}

fn unknown(config: &StudentConfig, name: &str) -> Error {
    let names: Vec<_> = config.classes.iter().map(|c| c.name.as_str()).collect();
    Error::input(format!(
        "This model has not learned “{name}”. It tells these apart and nothing else: {}.",
        names.join(", ")
    ))
}
