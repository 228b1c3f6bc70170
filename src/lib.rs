//! Type words, get a mask for each: CLIP's dense inference in the browser and on the command line.
//!
//! ```text
//! picture ── image ──► pixels ── clip::vision ──► cell features ┐
//!                                                               ├─ dense ──► score map ── refine ──► mask ──► web | cli
//! words ─── prompt ──► tokens ── clip::text ────► class vectors ┘
//!                                      ▲
//!                         bundle ── weights
//! ```
//!
//! [`Segmenter`] is what everyone outside uses. A picture is encoded once; words are cheap after
//! that, because a new word never runs the vision tower again.
//!
//! Arrows between the modules point down only: [`segmenter`] → [`dense`] → [`clip`], [`prompt`],
//! [`refine`], [`proposal`] → Burn. [`mask`] knows nothing of models, [`image`] nothing of CLIP, [`clip`]
//! nothing of segmentation. Only `web` knows JavaScript; only the binary, [`mod@bundle`]'s
//! command-line half and `eval` know files.

pub mod bundle;
pub mod clip;
pub mod dense;
pub mod device;
pub mod error;
#[cfg(feature = "cli")]
pub mod eval;
pub mod guide;
pub mod image;
pub mod kernel;
pub mod mask;
mod parallel;
pub mod prompt;
pub mod proposal;
#[cfg(test)]
mod reference;
pub mod refine;
#[cfg(feature = "scenes")]
pub mod scene;
pub mod segmenter;
#[cfg(all(target_arch = "wasm32", feature = "web"))]
mod web;

pub use error::{Error, Result};
pub use segmenter::{EncodedImage, Segmentation, Segmenter};
