//! How a model expects its pictures to be prepared, as `preprocessor_config.json` and OpenCLIP's
//! `preprocess_cfg` state it. The engine resizes with a bicubic filter, divides by 255 and normalises
//! RGB; a model that was trained on anything else is refused, because its answers would be wrong
//! without a warning.

use serde::Deserialize;
use serde_json::Value;

use super::model::{CLIP_MEAN, CLIP_STD};
use super::stated::check_sides;
use crate::error::{Error, Result};

/// PIL's number of the bicubic filter.
const BICUBIC: u64 = 3;

/// A number for each colour channel, or one for all.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum PerChannel {
    All(f32),
    Each([f32; 3]),
}

impl PerChannel {
    fn each(self) -> [f32; 3] {
        match self {
            Self::All(value) => [value; 3],
            Self::Each(values) => values,
        }
    }
}

/// Mean and standard deviation of the pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Statistics {
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
}

/// The settings of Hugging Face's `CLIPImageProcessor` that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ImageProcessor {
    image_mean: Option<PerChannel>,
    image_std: Option<PerChannel>,
    do_normalize: Option<bool>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_flip_channel_order: Option<bool>,
    do_resize: Option<bool>,
    resample: Option<Value>,
    size: Option<Value>,
    do_center_crop: Option<bool>,
    crop_size: Option<Value>,
    image_processor_type: Option<String>,
    feature_extractor_type: Option<String>,
}

impl ImageProcessor {
    /// The pixel statistics, if everything else is as the engine does it.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if a setting is otherwise, naming it.
    pub(super) fn statistics(&self, file: &str) -> Result<Statistics> {
        let refuse = |what: String| Err(refused(file, &what));
        for (setting, value, usual) in [
            ("do_normalize", self.do_normalize, true),
            ("do_rescale", self.do_rescale, true),
            ("do_flip_channel_order", self.do_flip_channel_order, false),
        ] {
            if value.is_some_and(|value| value != usual) {
                return refuse(format!("{setting} = {}", !usual));
            }
        }
        if let Some(factor) = self.rescale_factor
            && (factor * 255.0 - 1.0).abs() > 1e-6
        {
            return refuse(format!("rescale_factor = {factor}"));
        }
        if let Some(filter) = &self.resample
            && !filter.is_null()
            && self.do_resize != Some(false)
            && filter.as_u64() != Some(BICUBIC)
        {
            return refuse(format!("resample = {filter}"));
        }
        let kinds = [&self.image_processor_type, &self.feature_extractor_type];
        let foreign = kinds.into_iter().flatten().find(|k| !k.starts_with("CLIP"));
        if let Some(kind) = foreign
            && (self.image_mean.is_none() || self.image_std.is_none())
        {
            return refuse(format!(
                "a {kind:?} whose image_mean and image_std are not stated"
            ));
        }
        Ok(Statistics {
            mean: self.image_mean.map_or(CLIP_MEAN, PerChannel::each),
            std: self.image_std.map_or(CLIP_STD, PerChannel::each),
        })
    }

    /// Checks that pictures come out as large as the network takes them.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if they do not, naming the setting.
    pub(super) fn check_size(&self, file: &str, image_size: usize) -> Result<()> {
        let (setting, value) = match self.do_center_crop {
            Some(false) => ("size", &self.size),
            _ => ("crop_size", &self.crop_size),
        };
        check_sides(file, setting, value.as_ref(), image_size)
    }
}

/// OpenCLIP's `preprocess_cfg`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PreprocessConfig {
    mean: Option<PerChannel>,
    std: Option<PerChannel>,
    mode: Option<String>,
    interpolation: Option<String>,
    size: Option<Value>,
}

impl PreprocessConfig {
    /// The pixel statistics, if everything else is as the engine does it.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if a setting is otherwise, naming it.
    pub(super) fn statistics(&self, file: &str) -> Result<Statistics> {
        // `random` is one in training and bicubic afterwards.
        for (setting, value, usual) in [
            ("mode", &self.mode, &["RGB"][..]),
            ("interpolation", &self.interpolation, &["bicubic", "random"]),
        ] {
            if let Some(value) = value
                && !usual.contains(&value.as_str())
            {
                return Err(refused(file, &format!("{setting} = {value:?}")));
            }
        }
        Ok(Statistics {
            mean: self.mean.map_or(CLIP_MEAN, PerChannel::each),
            std: self.std.map_or(CLIP_STD, PerChannel::each),
        })
    }

    /// Checks that pictures come out as large as the network takes them.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if they do not, naming the setting.
    pub(super) fn check_size(&self, file: &str, image_size: usize) -> Result<()> {
        check_sides(file, "size", self.size.as_ref(), image_size)
    }
}

fn refused(file: &str, what: &str) -> Error {
    Error::unsupported(format!(
        "{file} asks for pictures that are prepared with {what}. Only those of CLIP can be imported: bicubic, RGB, divided by 255 and normalised."
    ))
}
