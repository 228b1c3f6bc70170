//! Layer norm, a row a workgroup.

use burn::backend::wgpu::CubeTensor;
use burn::cubecl::prelude::Client;
use burn::cubecl::server::Handle;

use super::launch::{ElemType, Kernel, Lanes, Launch, empty_like, numbers, upload};

/// Workgroups in one direction at most, as every WebGPU has them.
const ACROSS: u32 = 65_535;

/// `(x − mean) / √(variance + ε) · γ + β` for each row.
#[derive(Debug, Clone)]
pub(super) struct LayerNorm {
    gamma: Handle,
    beta: Handle,
    width: usize,
    epsilon: f32,
}

impl LayerNorm {
    /// `gamma` and `beta`: `[width]`, a multiple of four.
    pub(super) fn upload(client: &Client, gamma: &[f32], beta: &[f32], epsilon: f32) -> Self {
        let words = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        Self {
            gamma: upload(client, &words(gamma)),
            beta: upload(client, &words(beta)),
            width: gamma.len(),
            epsilon,
        }
    }

    /// Norms every row of `x` into a tensor of this type.
    ///
    /// # Shapes
    ///
    /// - input and output: `[…, width]`
    pub(super) fn forward(&self, x: &CubeTensor, to: ElemType) -> CubeTensor {
        let y = empty_like(x, x.meta.shape().clone(), to);
        let rows = (x.meta.num_elements() / self.width) as u32;
        Launch {
            kernel: Kernel {
                text: include_str!("layer_norm.wgsl"),
                substitutions: numbers(ElemType::from_tensor(x), to, Lanes::Four),
                workgroup: [64, 1],
            },
            groups: [rows.min(ACROSS), rows.div_ceil(ACROSS), 1],
            buffers: &[&x.handle, &self.gamma, &self.beta, &y.handle],
            shape: [rows, (self.width / 4) as u32, self.epsilon.to_bits(), 0],
        }
        .run(&x.client);
        y
    }
}
