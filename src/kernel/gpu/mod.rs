//! The arithmetic of a transformer block on a GPU, in WGSL, where Burn unpacks quantised weights
//! anew for every product or not at all.
//!
//! ```text
//! x ─► layer norm ─► linear ─► attention ─► linear + x ─► layer norm ─► linear, GELU ─► linear + x
//! ```
//!
//! A block is seven launches and nothing between them. Weights stay as they are stored, in four or
//! eight bits, and are unpacked as a tile of them is loaded. Kernels compute in f32. Activations
//! between them are f16 where the GPU has `shader-f16`, half the memory and traffic; the tokens
//! themselves, to which each block adds, stay f32.
//!
//! Kernels keep to what every WebGPU has: 16 KiB of workgroup memory, 128 invocations in a
//! workgroup, eight storage buffers, no other optional features. Which tile a product gets depends on
//! its shape alone, so that nothing is tried out while a page waits. All buffers are bound for
//! reading and writing: `CubeCL` lets tensors share a buffer, and WebGPU does not bind one in both
//! ways at once.
//!
//! [`PackedBlock`] puts the pieces together. What it computes, plain Burn computes too
//! ([`crate::clip::BurnBlock`]); the tests compare the two.

mod attention;
mod block;
mod launch;
mod layer_norm;
mod linear;
mod pack;

use burn::tensor::Device;

pub use block::PackedBlock;
use launch::{ElemType, client};

/// Whether activations between kernels are f16 on this GPU, so that answers are that much coarser.
///
/// # Panics
///
/// If `device` is the CPU.
#[must_use]
pub fn uses_f16_activations(device: &Device) -> bool {
    ElemType::between(&client(device)) == ElemType::F16
}
