//! A model as files: a manifest, weight shards, a tokenizer.
//!
//! ```text
//! wordmask.json             the manifest: what it is, its architecture, its files with their hashes
//! vision-00.safetensors …   the vision tower, at most 16 MiB a shard
//! text-00.safetensors …     the text tower
//! tokenizer.json            the Hugging Face format
//! words-00.safetensors      if it is there, ready text embeddings of common words
//! ```
//!
//! Shards are plain safetensors. Tensor names are those of the Hugging Face `CLIPModel`. A
//! quantised tensor `X` is stored as integers under `X`, beside its scales under `X.scale`.
//! Nothing of a file is used before its size, its SHA-256 and the exact set, type and shape of
//! its tensors have been checked.

#[cfg(feature = "cli")]
mod builtin;
mod import;
mod layout;
mod manifest;
mod quant;
mod weights;
mod words;
#[cfg(feature = "cli")]
mod write;

pub use import::HuggingFace;
pub use manifest::{FORMAT, FileEntry, Manifest, Part, Shard, Source};
pub use quant::Scheme;
pub use weights::Bundle;
pub use words::ReadyWords;
#[cfg(feature = "cli")]
pub use write::{Imported, add_words, write};
