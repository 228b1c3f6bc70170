//! Every gradient against differences of the function itself.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::clip::Grid;
use crate::random::Rng;

const GRID: Grid = Grid { rows: 6, cols: 4 };

/// Compares the gradient of `loss` with central differences, at every number of every parameter.
///
/// Sums of f32 over few numbers lose about 1e-6, over a difference of 2e-2 about 1e-4.
fn check(shapes: &[[usize; 2]], loss: impl Fn(&mut Graph<'_>, &[Var]) -> Var) {
    const STEP: f32 = 1e-2;
    let mut rng = Rng::new(7);
    let mut parameters = Parameters::default();
    let ids: Vec<_> = shapes
        .iter()
        .map(|shape| parameters.add("", *shape, Init::Normal(0.7), &mut rng))
        .collect();
    let compute = |parameters: &Parameters, gradient: Option<&mut [f32]>| {
        let mut graph = Graph::training();
        let vars: Vec<_> = ids
            .iter()
            .map(|id| graph.parameter(parameters, *id))
            .collect();
        let loss = loss(&mut graph, &vars);
        if let Some(gradient) = gradient {
            graph.gradient(loss, gradient);
        }
        f64::from(graph.value(loss)[0])
    };
    let mut gradient = vec![0.0; parameters.values().len()];
    compute(&parameters, Some(&mut gradient));
    assert!(
        gradient.iter().any(|g| g.abs() > 1e-3),
        "no gradient at all"
    );
    for (index, analytic) in gradient.into_iter().enumerate() {
        let at = |offset: f32| {
            let mut moved = parameters.clone();
            moved.values_mut()[index] += offset;
            compute(&moved, None)
        };
        let numeric = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
        let error = (f64::from(analytic) - numeric).abs();
        assert!(
            error < 2e-3 * (1.0 + numeric.abs()),
            "parameter {index}: {analytic} and by differences {numeric}"
        );
    }
}

/// A number whose gradient is another one at each place: the cross-entropy of rows as logits.
fn spread(graph: &mut Graph<'_>, x: Var) -> Var {
    let classes: Vec<u8> = (0..x.rows).map(|row| (row * 5 % x.cols) as u8).collect();
    let weights: Vec<f32> = (0..x.rows).map(|row| 0.5 + row as f32 * 0.1).collect();
    graph.cross_entropy(x, &classes, &weights)
}

#[test]
fn cross_entropy_has_its_gradient() {
    check(&[[5, 4]], |graph, p| spread(graph, p[0]));
}

#[test]
fn cross_entropy_leaves_out_what_is_unlabelled() {
    let mut graph = Graph::inference();
    let logits = graph.constant(3, 2, vec![0.0, 0.0, 9.0, -9.0, 2.0, 0.0]);
    let loss = graph.cross_entropy(logits, &[0, 255, 1], &[1.0, 1.0, 3.0]);
    let expected = (2.0f64.ln() + 3.0 * (1.0 + 2.0f64.exp()).ln()) / 4.0;
    assert!((f64::from(graph.value(loss)[0]) - expected).abs() < 1e-6);
    let none = graph.cross_entropy(logits, &[255; 3], &[1.0; 3]);
    assert_eq!(graph.value(none), [0.0]);
}

#[test]
fn linear_has_its_gradient() {
    check(&[[5, 3], [4, 3], [1, 4]], |graph, p| {
        let x = graph.linear(p[0], p[1], Some(p[2]));
        spread(graph, x)
    });
}

#[test]
fn linear_of_the_same_matrix_twice_has_its_gradient() {
    check(&[[4, 4]], |graph, p| {
        let x = graph.linear(p[0], p[0], None);
        let x = graph.add(x, p[0]);
        let x = graph.scale(x, 0.3);
        spread(graph, x)
    });
}

#[test]
fn layer_norm_has_its_gradient() {
    check(&[[5, 6], [1, 6], [1, 6]], |graph, p| {
        let x = graph.layer_norm(p[0], p[1], p[2]);
        spread(graph, x)
    });
}

#[test]
fn quick_gelu_has_its_gradient() {
    check(&[[5, 3]], |graph, p| {
        let x = graph.quick_gelu(p[0]);
        spread(graph, x)
    });
}

#[test]
fn depthwise_has_its_gradient() {
    check(&[[24, 8], [25, 8], [1, 8]], |graph, p| {
        let x = graph.depthwise(p[0], GRID, p[1], p[2]);
        spread(graph, x)
    });
}

#[test]
fn depthwise_is_a_convolution_with_zeros_around() {
    let mut rng = Rng::new(1);
    let mut random = |count: usize| -> Vec<f32> { (0..count).map(|_| rng.normal()).collect() };
    let (x, weight, bias) = (random(24 * 8), random(25 * 8), random(8));
    let mut graph = Graph::inference();
    let vars = [(24, x.clone()), (25, weight.clone()), (1, bias.clone())]
        .map(|(rows, values)| graph.constant(rows, 8, values));
    let out = graph.depthwise(vars[0], GRID, vars[1], vars[2]);
    for row in 0..6i32 {
        for col in 0..4i32 {
            for channel in 0..8 {
                let mut sum = bias[channel];
                for (tap, weight) in weight.chunks_exact(8).enumerate() {
                    let (y, x_) = (row + tap as i32 / 5 - 2, col + tap as i32 % 5 - 2);
                    if (0..6).contains(&y) && (0..4).contains(&x_) {
                        sum += weight[channel] * x[((y * 4 + x_) * 8) as usize + channel];
                    }
                }
                let out = graph.value(out)[((row * 4 + col) * 8) as usize + channel];
                assert!(
                    (out - sum).abs() < 1e-5,
                    "{row} {col} {channel}: {out} {sum}"
                );
            }
        }
    }
}

#[test]
fn patchify_has_its_gradient_and_order() {
    check(&[[24, 2]], |graph, p| {
        let x = graph.patchify(p[0], GRID, 2);
        spread(graph, x)
    });
    let mut graph = Graph::inference();
    let numbers: Vec<f32> = (0u8..24).map(f32::from).collect();
    let x = graph.constant(24, 1, numbers);
    let x = graph.patchify(x, GRID, 2);
    assert_eq!((x.rows, x.cols), (6, 4));
    assert_eq!(graph.value(x)[4..8], [2.0, 3.0, 6.0, 7.0]);
}

#[test]
fn upsample_has_its_gradient() {
    let finer = Arc::new(Upsampling::new(GRID, Grid { rows: 9, cols: 8 }));
    check(&[[24, 3]], |graph, p| {
        let x = graph.upsample(p[0], &finer);
        spread(graph, x)
    });
}

#[test]
fn upsample_agrees_with_score_maps() {
    use crate::dense::{ScoreKind, ScoreMap};
    let mut rng = Rng::new(3);
    let values: Vec<f32> = (0..24).map(|_| rng.normal()).collect();
    let finer = Grid { rows: 9, cols: 8 };
    let map = ScoreMap::new(1, GRID, values.clone(), ScoreKind::Weight).unwrap();
    let upsampling = Arc::new(Upsampling::new(GRID, finer));
    let mut graph = Graph::inference();
    let x = graph.constant(24, 1, values);
    let ours = graph.upsample(x, &upsampling);
    for (a, b) in graph.value(ours).iter().zip(map.resample(finer).values()) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn attention_has_its_gradient() {
    for causal in [false, true] {
        check(&[[4, 6], [4, 6], [4, 6]], |graph, p| {
            let x = graph.attention([p[0], p[1], p[2]], 2, causal);
            spread(graph, x)
        });
    }
    check(&[[3, 4], [5, 4]], |graph, p| {
        let x = graph.attention([p[0], p[1], p[1]], 1, false);
        spread(graph, x)
    });
}

#[test]
fn adam_w_finds_the_least_squares_and_survives_what_is_no_number() {
    let mut parameters = Parameters::default();
    let id = parameters.add("", [1, 3], Init::Normal(1.0), &mut Rng::new(5));
    let mut optimizer = AdamW::new(&parameters, 0.0);
    let target = [0.5, -1.0, 2.0];
    for step in 0..2000 {
        let mut gradient: Vec<f32> = parameters
            .values()
            .iter()
            .zip(target)
            .map(|(x, t)| 2.0 * (x - t))
            .collect();
        if step == 1000 {
            gradient[0] = f32::NAN;
        }
        optimizer.step(&mut parameters, &mut gradient, 0.01);
    }
    assert_eq!(parameters.shape(id), [1, 3]);
    for (x, t) in parameters.values().iter().zip(target) {
        assert!((x - t).abs() < 1e-2, "{x} {t}");
    }
}
