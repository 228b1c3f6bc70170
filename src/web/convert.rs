//! Values and errors on their way between Rust and JavaScript.

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use crate::error::{Error, Result};
use crate::refine::Refinement;
use crate::segmenter::{Background, Options};

/// Options of `encode`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EncodeOptions {
    pub(super) size: Option<u32>,
}

/// Options of `segment`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SegmentOptions {
    method: Option<Method>,
    residual: Option<bool>,
    background: Option<BackgroundOption>,
    refine: Option<Vec<Refinement>>,
    threshold: Option<f32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Method {
    Maskclip,
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
        let residual = match given.method {
            None | Some(Method::Maskclip) => given.residual.unwrap_or(default.residual),
        };
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
            residual,
            background,
            refine: given.refine.unwrap_or_default(),
            threshold: given.threshold.unwrap_or_default(),
        })
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
