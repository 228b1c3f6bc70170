//! The arithmetic of a transformer block on a GPU, in WGSL, where Burn unpacks quantised weights
//! anew for every product or not at all.
//!
//! ```text
//! x ─► layer norm ─► linear ─► attention ─► linear + x ─► layer norm ─► linear, GELU ─► linear + x
//! ```
//!
//! A block is seven launches and nothing between them. Weights stay as they are stored, in four or
//! eight bits, and are unpacked as a tile of them is loaded. Kernels compute in f32. What they hand
//! each other is f16 where the GPU has `shader-f16`, half the memory and half the way; the tokens
//! themselves, to which each block adds, stay f32.
//!
//! Kernels keep to what every WebGPU has: 16 KiB of workgroup memory, 128 invocations in a
//! workgroup, eight storage buffers, no other optional features. Which tile a product gets depends on
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

use burn::tensor::Device;

pub use block::PackedBlock;

/// How numbers lie between the kernels on this GPU: `f16` or `f32`.
///
/// # Panics
///
/// If `device` is the CPU.
#[must_use]
pub fn way(device: &Device) -> &'static str {
    launch::Number::between(&launch::client(device)).name()
}
