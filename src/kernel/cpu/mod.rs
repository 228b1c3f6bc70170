//! The arithmetic of a transformer block on the CPU, where Burn has nothing fast: linear layers
//! with 8-bit weights and quantised activations, and what lies between them.
//!
//! ```text
//! weights ── LinearPacker ─────────────► 8-bit weights in panels of 8 outputs     once, at load
//!
//! x f32 ─► LayerNorm ─► QuantisedRows ─► PackedLinear::forward ─► f32 ─► attention ─► …
//!          (fused: one pass over a row)   (integer dot products, then scale, bias,
//!                                          activation or residual as the tile is stored)
//! ```
//!
//! Attention is [in f32](Attention) or, of many tokens where that is faster, [quantised](QuantisedAttention).
//!
//! Everything works on plain slices and does not use Burn; [`PackedBlock`] puts the pieces
//! together.
//!
//! # What a number costs, and what it loses
//!
//! An activation is an unsigned quantised value of 8 or 14 bits ([`ActivationBits`]) with a scale
//! and a zero point for its row, a weight a signed one of 8 bits with a scale for its output
//! channel. A quantised value of 14 bits is two digits of 7, which are multiplied like two rows of
//! 8 bits: every machine has that, and with it all scores agree with those of f32 to a hundredth
//! (docs/methods.md). The dot product of two quantised values is exact, and the same on every
//! machine; only the f32 arithmetic around it rounds differently here and there. A NaN or an
//! infinity in a row makes the whole row NaN, never a number.
//!
//! # Why weights do not use the whole of 8 bits
//!
//! Without VNNI, x86 multiplies 8-bit quantised values with `pmaddubsw`, which adds two products in 16 bits
//! and saturates. For activations of 8 bits [`LinearPacker`] scales every output channel such that the four
//! products of a group, two neighbours twice, cannot leave 16 bits whatever the activations are. That
//! costs a channel of normally distributed weights about one bit, and a channel with outliers
//! nothing. In return the widening to 32 bits is needed half as often, and no machine computes
//! anything else than the others. Digits of 7 bits are added up by pairs, which fit for any weights.
//!
//! # Instruction sets
//!
//! | machine | integer dot product | f32 |
//! | --- | --- | --- |
//! | wasm with relaxed SIMD | `i16x8_relaxed_dot_i8x16_i7x16` in groups, or `i32x4_relaxed_dot_i8x16_i7x16_add`, found out at start | `f32x4_relaxed_madd` |
//! | wasm with SIMD | `i32x4_dot_i16x8` over quantised values widened to 16 bits | `f32x4` |
//! | x86-64 | AVX-VNNI, AVX2, or plain Rust, found out at start | AVX2 with FMA |
//! | ARM, 64 bits | NEON | what the compiler makes of four lanes |
//! | others | plain Rust | the same |

mod attention;
mod block;
mod gelu;
mod layer_norm;
mod layout;
mod linear;
mod pack;
mod quantise;
mod quantised_attention;
mod simd;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
mod tile;

#[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
compile_error!("build for wasm with -C target-feature=+simd128, see .cargo/config.toml");

pub(crate) use gelu::Functions;
pub(crate) use simd::{Simd, SimdOp, run};

pub use attention::{Attention, AttentionShape};
pub use block::{BlockParts, PackedBlock};
pub use layer_norm::LayerNorm;
pub use layout::ActivationBits;
pub use linear::Epilogue;
pub use pack::{LinearPacker, PackedLinear};
pub use quantise::QuantisedRows;
pub use quantised_attention::QuantisedAttention;

/// How integer dot products are computed on this machine, for reports.
#[must_use]
pub fn kernel_name() -> &'static str {
    tile::chosen().name
}
