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
//! ```
//! # #[cfg(feature = "cli")]
//! # pollster::block_on(async {
//! use wordmask::bundle::Bundle;
//! use wordmask::device::Preference;
//! use wordmask::image::Picture;
//! use wordmask::progress::NoProgress;
//! use wordmask::prompt::parse_line;
//! use wordmask::segmenter::{EncodeOptions, Options};
//! use wordmask::Segmenter;
//!
//! let segmenter = Segmenter::load(&mut Bundle::built_in()?, Preference::Cpu).await?;
//! let picture = Picture::decode(include_bytes!("../tests/fixtures/scenes/heart-and-cup.png"))?;
//! let image = segmenter.encode(picture, &EncodeOptions::default(), &mut NoProgress).await?;
//!
//! let words = parse_line("cat, house, tree")?;
//! let answer = segmenter.segment(&image, &words, &Options::default(), &mut NoProgress).await?;
//! assert_eq!(answer.labels().width(), image.picture().width());
//! assert_eq!(answer.classes()[0].name, "cat");
//! # Ok::<(), wordmask::Error>(())
//! # }).unwrap();
//! ```
//!
//! # Modules
//!
//! A module uses only modules above it, those named in its row; `tests/architecture.rs` compares the
//! table with the code. The modules of methods, [`foreground`] to [`refine`], use no files.
//!
//! | module | is | uses |
//! | --- | --- | --- |
//! | [`mod@error`] | one error type, by whose fault | |
//! | `parallel` | work on all cores, the same for any number | |
//! | `vector` | inner products of slices | |
//! | [`progress`] | progress and cancelling of long computations | error |
//! | [`readback`] | tensors back to the host | error |
//! | [`quant`] | how weights are stored, and where they come from | error |
//! | [`kernel`] | what Burn lacks: quantised blocks on CPU and GPU | parallel, quant |
//! | [`image`] | pictures: decode, orient, resize, normalise | error |
//! | [`mask`] | label maps, cut-outs and other exports | error, image, parallel |
//! | [`clip`] | the two towers and the tokenizer | error, kernel, progress, quant, readback |
//! | [`device`] | choosing WebGPU or the CPU, and testing it | clip, error, kernel, progress, quant, readback |
//! | [`prompt`] | words to class vectors | clip, error, mask, progress, vector |
//! | [`mod@bundle`] | the stored form of a model, and nothing else | clip, error, image, quant |
//! | [`import`] | published layouts of models | bundle, clip, error, kernel, quant |
//! | `hub` | fetching published files, the catalogue | bundle, error, quant |
//! | [`foreground`] | which pixels belong to a thing | clip, error, image, progress, quant, readback, vector |
//! | [`proposal`] | class-agnostic regions | error, image, mask |
//! | [`dense`] | one file a method: scores of cells | clip, error, foreground, image, mask, parallel, progress, prompt, proposal, readback |
//! | [`refine`] | one file a refinement: better scores, and labels along edges | clip, dense, error, image, kernel, mask, parallel, readback, vector |
//! | [`segmenter`] | puts the above together | bundle, clip, dense, device, error, foreground, image, mask, progress, prompt, quant, readback, refine |
//! | `scene` | procedural test scenes with true masks | error |
//! | `calibrate` | what quantisation costs, which blocks to keep | bundle, clip, dense, device, error, image, mask, progress, prompt, quant, scene, segmenter, vector |
//! | `convert` | from a published model to a bundle, measured | bundle, calibrate, clip, device, error, hub, import, progress, prompt, quant, segmenter |
//! | `eval` | data sets, confusion matrix, mIoU | bundle, clip, dense, device, error, image, mask, progress, prompt, refine, scene, segmenter |
//! | `web` | the wasm-bindgen face: thin, no logic | bundle, dense, device, error, image, import, mask, progress, prompt, quant, refine, segmenter |
//! | `bin` | the command line: thin, no logic | bundle, convert, dense, device, error, eval, hub, image, mask, progress, prompt, quant, refine, scene, segmenter |

#[cfg(not(any(feature = "cpu", feature = "gpu")))]
compile_error!("choose a device: the features `cpu` and `gpu`");

pub mod bundle;
#[cfg(feature = "cli")]
pub mod calibrate;
pub mod clip;
#[cfg(feature = "cli")]
pub mod convert;
pub mod dense;
pub mod device;
pub mod error;
#[cfg(feature = "cli")]
pub mod eval;
#[cfg(test)]
mod fixtures;
pub mod foreground;
#[cfg(feature = "cli")]
pub mod hub;
pub mod image;
pub mod import;
pub mod kernel;
pub mod mask;
mod parallel;
pub mod progress;
pub mod prompt;
pub mod proposal;
pub mod quant;
pub mod readback;
pub mod refine;
#[cfg(feature = "scenes")]
pub mod scene;
pub mod segmenter;
mod vector;
#[cfg(all(target_arch = "wasm32", feature = "web"))]
mod web;

pub use error::{Error, Result};
pub use segmenter::{EncodedImage, Segmentation, Segmenter};
