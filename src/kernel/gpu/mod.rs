//! The arithmetic of a transformer block on a GPU, in WGSL, where Burn unpacks quantised weights
//! anew for every product or not at all.
//!
//! ```text
//! x ─► layer norm ─► linear ─► attention ─► linear + x ─► layer norm ─► linear, GELU ─► linear + x
//! ```
//!
//! A block is seven launches and nothing between them. Weights stay as they are stored, in four or
//! eight bits, and are unpacked as a tile of them is loaded; everything else is f32.
//!
//! Kernels keep to what every WebGPU has: 16 KiB of workgroup memory, 128 invocations in a
//! workgroup, eight storage buffers, no optional features. Which tile a product gets depends on
//! its shape alone, so that nothing is tried out while a page waits. All buffers are bound for
//! reading and writing: `CubeCL` lets tensors share a buffer, and WebGPU does not bind one in both
//! ways at once.
//!
//! [`PackedBlock`] puts the pieces together. What it computes, plain Burn computes too
//! ([`crate::clip::Plain`]); the tests compare the two.

mod attention;
mod block;
mod launch;
mod layer_norm;
mod linear;
mod pack;

pub use block::PackedBlock;
