//! `src/bundle` without what speaks to a hub and what is built into the program.

#[path = "../../src/bundle/import/mod.rs"]
mod import;
#[path = "../../src/bundle/layout.rs"]
mod layout;
#[path = "../../src/bundle/manifest.rs"]
mod manifest;
#[path = "../../src/bundle/quant/mod.rs"]
mod quant;
#[path = "../../src/bundle/weights.rs"]
mod weights;
#[path = "../../src/bundle/words.rs"]
mod words;
#[path = "../../src/bundle/write.rs"]
mod write;

pub use import::{Directory, Files, MemoryFiles, Published, PublishedGuide, ReadAt};
pub use manifest::{FORMAT, FileEntry, Manifest, Part, Piece, Shard, Source, SourceFile};
pub use quant::{Scheme, Stored};
pub use weights::Bundle;
pub use words::ReadyWords;
pub use write::{BundleWriter, Imported, manifest_json};
