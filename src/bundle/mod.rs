//! A model as files: a manifest, weight shards, a tokenizer.
//!
//! ```text
//! wordmask.json             the manifest: what it is, its architecture, its files with their hashes
//! vision-00.safetensors …   the vision tower, at most 8 MiB a shard
//! text-00.safetensors …     the text tower
//! guide-00.safetensors …    if it is there, a second network that finds where things are
//! tokenizer.json            the Hugging Face format
//! words-00.safetensors      if it is there, ready text embeddings of common words
//! ```
//!
//! Shards are plain safetensors. Tensor names are those of the Hugging Face `CLIPModel`. A
//! quantised tensor `X` is stored as integers under `X`, beside its scales under `X.scale`: 8-bit
//! ones as I8 with an F32 scale a row, 4-bit ones as U8 with two in a byte, the earlier in the low
//! half, each plus 8, and an F16 scale for every 32 of a row. A tensor larger than a shard is split
//! by its rows, and the manifest lists which rows a shard holds.
//! Nothing of a file is used before its size, its SHA-256 and the exact set, type and shape of
//! its tensors have been checked.

#[cfg(feature = "cli")]
mod builtin;
pub(crate) mod layout;
mod manifest;
mod weights;
mod words;
mod write;

pub use manifest::{FORMAT, FileEntry, Manifest, Part, Pictures, Piece, Shard, Source, SourceFile};
pub use weights::Bundle;
pub use words::ReadyWords;
pub use write::{
    BundleFile, BundleMetadata, BundleWriter, GuideNetwork, Network, TensorError, manifest_json,
};
#[cfg(feature = "cli")]
pub use write::{add_words, finish, write};
