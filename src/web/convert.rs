//! Values and errors on their way between Rust and JavaScript.

use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use crate::dense::Method;
use crate::dense::clip_diy::Budget;
use crate::error::{Error, Result};
use crate::image::Picture;
use crate::mask::{Backdrop, CocoMasks, CutoutOptions, ExportFile, ObjectOptions, Rle};
use crate::refine::Refinement;
use crate::segmenter::{self, Background, Guidance, Options, Parameters, Windows};

/// Options of `encode`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EncodeOptionsJs {
    size: Option<u32>,
    method: Option<Method>,
    windows: Option<WindowsOption>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WindowsOption {
    Named(String),
    Slide { size: u32, stride: u32 },
}

impl TryFrom<EncodeOptionsJs> for segmenter::EncodeOptions {
    type Error = Error;

    fn try_from(given: EncodeOptionsJs) -> Result<Self> {
        let windows = match given.windows {
            None => Windows::default(),
            Some(WindowsOption::Slide { size, stride }) => Windows::Slide { size, stride },
            Some(WindowsOption::Named(name)) => match name.as_str() {
                "auto" => Windows::Auto,
                "whole" => Windows::Whole,
                _ => {
                    return Err(Error::input(format!(
                        "{name:?} are no windows. Give auto, whole or a size and a stride."
                    )));
                }
            },
        };
        Ok(Self {
            size: given.size,
            method: given.method,
            windows,
        })
    }
}

/// How long an answer may take for the sake of finer scales, unless the caller says otherwise: what
/// people wait for who watch it become sharper.
const DEFAULT_MAX_SECONDS: f32 = 10.0;

/// Options of `segment`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct SegmentOptions {
    method: Option<Method>,
    residual: bool,
    multi_scale: Option<bool>,
    max_seconds: Option<f32>,
    background: Option<BackgroundOption>,
    refine: Option<Vec<Refinement>>,
    threshold: Option<f32>,
    crops: Option<Budget>,
    guidance: Option<Guidance>,
    regions: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum BackgroundOption {
    Named(String),
    Words(Vec<String>),
}

impl TryFrom<SegmentOptions> for Options {
    type Error = Error;

    fn try_from(given: SegmentOptions) -> Result<Self> {
        let default = Self::default();
        let background = match given.background {
            None => default.background,
            Some(BackgroundOption::Words(words)) => Background::Words(words),
            Some(BackgroundOption::Named(name)) => match name.as_str() {
                "auto" => Background::Auto,
                "none" => Background::None,
                _ => {
                    return Err(Error::input(format!(
                        "{name:?} is no background. Give auto, none or a list of words."
                    )));
                }
            },
        };
        Ok(Self {
            method: given.method,
            parameters: Parameters {
                residual: given.residual,
                multi_scale: given.multi_scale,
                max_seconds: Some(given.max_seconds.unwrap_or(DEFAULT_MAX_SECONDS)),
                crops: given.crops.unwrap_or(default.parameters.crops),
                guidance: given.guidance.unwrap_or(default.parameters.guidance),
                regions: given.regions.unwrap_or(default.parameters.regions),
            },
            background,
            refine: given.refine,
            threshold: given.threshold.unwrap_or(default.threshold),
        })
    }
}

/// Options of cut-outs. A background is a colour, a blur in pixels, or a picture that comes beside
/// them: a file, or pixels if it has a size.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CutoutOptionsJs {
    feather: Option<u32>,
    trim: bool,
    color: Option<[u8; 3]>,
    blur: Option<f32>,
    size: Option<[u32; 2]>,
}

impl CutoutOptionsJs {
    /// The options, with the picture that goes behind.
    pub(super) fn with_backdrop(&self, picture: Option<&[u8]>) -> Result<CutoutOptions> {
        let backdrop = match (picture, self.size, self.color, self.blur) {
            (Some(rgba), Some([width, height]), ..) => {
                Backdrop::Picture(Picture::from_rgba(width, height, rgba)?)
            }
            (Some(file), None, ..) => Backdrop::Picture(Picture::decode(file)?),
            (None, _, Some(color), _) => Backdrop::Color(color),
            (None, _, None, Some(sigma)) => Backdrop::Blur(sigma),
            (None, _, None, None) => Backdrop::Transparent,
        };
        Ok(CutoutOptions {
            feather: self.feather,
            trim: self.trim,
            backdrop,
        })
    }
}

/// Options of the exports that have objects.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExportOptions {
    instances: bool,
    tolerance: Option<f64>,
    masks: Option<MaskKind>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MaskKind {
    Polygons,
    Rle,
}

impl ExportOptions {
    pub(super) fn objects(&self) -> ObjectOptions {
        ObjectOptions {
            instances: self.instances,
            tolerance: self.tolerance.unwrap_or(ObjectOptions::default().tolerance),
        }
    }

    pub(super) fn coco_masks(&self) -> CocoMasks {
        match self.masks {
            None | Some(MaskKind::Polygons) => CocoMasks::Polygons,
            Some(MaskKind::Rle) => CocoMasks::Runs,
        }
    }
}

/// The files of an export: `[{ path, contents }]`.
pub(super) fn files_to_js(files: Vec<ExportFile>) -> Result<Array, JsValue> {
    let array = Array::new();
    for ExportFile { path, contents } in files {
        let file = Object::new();
        Reflect::set(&file, &"path".into(), &path.into())?;
        let contents = Uint8Array::from(contents.as_slice());
        Reflect::set(&file, &"contents".into(), &contents)?;
        array.push(&file);
    }
    Ok(array)
}

/// A mask as COCO writes it: `size` is height and width, `counts` the compressed runs.
#[derive(Debug, Deserialize)]
pub(super) struct MaskGiven {
    size: [u32; 2],
    counts: String,
}

impl TryFrom<MaskGiven> for Rle {
    type Error = Error;

    fn try_from(given: MaskGiven) -> Result<Self> {
        let [height, width] = given.size;
        Self::from_coco_string(width, height, &given.counts)
    }
}

/// A region under a pixel.
#[derive(Debug, Serialize)]
pub(super) struct RegionFound {
    size: [u32; 2],
    counts: String,
    area: u64,
    bbox: [u32; 4],
}

impl From<&Rle> for RegionFound {
    fn from(mask: &Rle) -> Self {
        Self {
            size: [mask.height(), mask.width()],
            counts: mask.to_coco_string(),
            area: mask.area(),
            bbox: mask.bounding_box(),
        }
    }
}

/// Reads an options object; `undefined` and `null` mean the defaults.
pub(super) fn from_js<T: Default + for<'a> Deserialize<'a>>(value: JsValue) -> Result<T, JsValue> {
    if value.is_undefined() || value.is_null() {
        return Ok(T::default());
    }
    serde_wasm_bindgen::from_value(value).map_err(|e| {
        throw(Error::input(format!(
            "The options are not understood: {e}."
        )))
    })
}

/// Plain objects and arrays, as `JSON.parse` would make them.
pub(super) fn to_js(value: &(impl Serialize + ?Sized)) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|e| {
            throw(Error::internal(format!(
                "a result cannot be passed on: {e}"
            )))
        })
}

/// An `Error` with the property `code`.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
pub(super) fn throw(error: Error) -> JsValue {
    let thrown = js_sys::Error::new(&error.to_string());
    // Setting a property of a fresh Error cannot fail.
    let _ = js_sys::Reflect::set(&thrown, &"code".into(), &error.code().into());
    thrown.into()
}
