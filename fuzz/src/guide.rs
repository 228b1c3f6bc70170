//! `src/guide` without the network.

#[path = "../../src/guide/config.rs"]
mod config;

pub use config::{GuideConfig, vit_name};
