//! What is done to each number by itself.

use super::{Graph, Var};
use crate::kernel::cpu::sigmoids;

/// The factor of the sigmoid's argument in `quick_gelu`.
const QUICK: f32 = 1.702;

impl Graph<'_> {
    /// `x · sigmoid(1.702 x)`, as OpenAI's CLIP has it.
    pub(crate) fn quick_gelu(&mut self, x: Var) -> Var {
        let mut gates = vec![0.0; x.len()];
        sigmoids(self.value(x), QUICK, &mut gates);
        let value = self.value(x).iter().zip(&gates);
        let value = value.map(|(x, gate)| x * gate).collect();
        self.push(
            [x.rows, x.cols],
            value,
            &[x],
            move |gradient, values, to| {
                if let Some(to) = to.get(x) {
                    let inputs = values.get(x).iter().zip(&gates);
                    for ((to, g), (x, gate)) in to.iter_mut().zip(gradient).zip(inputs) {
                        *to += g * gate * (1.0 + QUICK * x * (1.0 - gate));
                    }
                }
            },
        )
    }
}
