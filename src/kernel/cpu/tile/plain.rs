//! In plain Rust: the reference of all other ways.

use super::{DotKernel, Sums, WidePanel};
use crate::kernel::cpu::layout::{Quad, STEP};

pub(super) const KERNEL: DotKernel = DotKernel {
    name: "plain Rust",
    signed: false,
    run,
    run_in_pairs: None,
    run_together: None,
};

fn run(rows: &[Quad], panel: &[WidePanel], sums: &mut Sums) {
    *sums = Sums::default();
    for (quad, step) in rows.iter().zip(panel) {
        for (quantised, sums) in quad.0.as_chunks::<STEP>().0.iter().zip(&mut sums.0) {
            for (weights, sum) in step.0.as_chunks::<STEP>().0.iter().zip(sums) {
                *sum += quantised
                    .iter()
                    .zip(weights)
                    .map(|(&value, &weight)| i32::from(value) * i32::from(weight))
                    .sum::<i32>();
            }
        }
    }
}
