//! Softmax attention over queries, keys and values that lie side by side.

use burn::backend::wgpu::CubeTensor;

use super::launch::{ElemType, Kernel, Lanes, Launch, empty_like, numbers};

/// Queries of a workgroup, as the kernel has them.
const QUERIES: usize = 32;

/// The largest size of a head that fits the memory of a workgroup.
pub(super) const LARGEST_HEAD: usize = 128;

/// Attention of all heads in one kernel.
///
/// # Shapes
///
/// - `projected`: `[batch, tokens, 3 · width]`
/// - output: `[batch, tokens, width]`, of the same kind of numbers
pub(super) fn attention(projected: &CubeTensor, heads: usize, causal: bool) -> CubeTensor {
    let [batch, tokens, three] = projected.meta.shape().dims::<3>();
    let width = three / 3;
    let size = width / heads;
    let number = ElemType::from_tensor(projected);
    let attended = empty_like(projected, [batch, tokens, width], number);
    // A quarter of a head, in vectors of four.
    let quads = (size / 4).div_ceil(4);
    let mut substitutions = numbers(number, number, Lanes::Four);
    substitutions.extend([("QUADS", quads.to_string()), ("CAUSAL", causal.to_string())]);
    Launch {
        kernel: Kernel {
            text: include_str!("attention.wgsl"),
            substitutions,
            workgroup: [128, 1],
        },
        groups: [tokens.div_ceil(QUERIES) as u32, heads as u32, batch as u32],
        buffers: &[&projected.handle, &attended.handle],
        shape: [
            tokens as u32,
            heads as u32,
            size as u32,
            (size as f32).sqrt().recip().to_bits(),
        ],
    }
    .run(&projected.client);
    attended
}
