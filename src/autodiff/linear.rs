//! Linear layers and sums.

use super::{Graph, Var};
use crate::kernel::cpu::{Matrix, add_product};

impl Graph<'_> {
    /// `x · weightᵀ + bias`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, inputs]`
    /// - `weight`: `[outputs, inputs]`
    /// - `bias`: `[1, outputs]`
    /// - output: `[rows, outputs]`
    pub(crate) fn linear(&mut self, x: Var, weight: Var, bias: Option<Var>) -> Var {
        let (rows, inputs, outputs) = (x.rows, x.cols, weight.rows);
        let mut value = match bias {
            Some(bias) => self.value(bias).repeat(rows),
            None => vec![0.0; rows * outputs],
        };
        let weights = Matrix::new(self.value(weight), outputs, inputs).transposed();
        add_product(
            Matrix::new(self.value(x), rows, inputs),
            weights,
            &mut value,
        );
        let learned: Vec<Var> = [Some(x), Some(weight), bias]
            .into_iter()
            .flatten()
            .collect();
        self.push(
            [rows, outputs],
            value,
            &learned,
            move |gradient, values, to| {
                let gradients = Matrix::new(gradient, rows, outputs);
                if let Some(to) = to.get(x) {
                    add_product(
                        gradients,
                        Matrix::new(values.get(weight), outputs, inputs),
                        to,
                    );
                }
                if let Some(to) = to.get(weight) {
                    let x = Matrix::new(values.get(x), rows, inputs);
                    add_product(gradients.transposed(), x, to);
                }
                if let Some(to) = bias.and_then(|bias| to.get(bias)) {
                    for row in gradient.chunks_exact(outputs) {
                        to.iter_mut().zip(row).for_each(|(to, g)| *to += g);
                    }
                }
            },
        )
    }

    /// `a + b`, both `[rows, cols]`.
    pub(crate) fn add(&mut self, a: Var, b: Var) -> Var {
        assert_eq!(
            (a.rows, a.cols),
            (b.rows, b.cols),
            "a sum that does not fit"
        );
        let value = self.value(a).iter().zip(self.value(b));
        let value = value.map(|(a, b)| a + b).collect();
        self.push([a.rows, a.cols], value, &[a, b], move |gradient, _, to| {
            for input in [a, b] {
                if let Some(to) = to.get(input) {
                    to.iter_mut().zip(gradient).for_each(|(to, g)| *to += g);
                }
            }
        })
    }

    /// `x · factor`, the factor one number for all.
    pub(crate) fn scale(&mut self, x: Var, factor: f32) -> Var {
        let value = self.value(x).iter().map(|x| x * factor).collect();
        self.push([x.rows, x.cols], value, &[x], move |gradient, _, to| {
            if let Some(to) = to.get(x) {
                let pairs = to.iter_mut().zip(gradient);
                pairs.for_each(|(to, g)| *to += g * factor);
            }
        })
    }
}
