//! Inner products of slices.
//!
//! Each adds up eight sums side by side, which the compiler may not make of one by itself, and then
//! those: the order of the additions, and with it the last bit of the result, is fixed.

const LANES: usize = 8;

/// The inner product in f32. What one slice has more than the other is left out.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    rest + sums.iter().sum::<f32>()
}

/// The inner product in f64. What one slice has more than the other is left out.
pub(crate) fn dot_f64(a: &[f32], b: &[f32]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += f64::from(a[lane]) * f64::from(b[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest);
    let rest: f64 = rest.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    rest + sums.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_and_dot_f64_add_lanes_and_rest() {
        let numbers: Vec<f32> = (1_u8..=19).map(f32::from).collect();
        let squares = 19.0 * 20.0 * 39.0 / 6.0;
        assert!((dot(&numbers, &numbers) - squares).abs() < f32::EPSILON);
        assert!((dot_f64(&numbers, &numbers) - f64::from(squares)).abs() < f64::EPSILON);
        assert!(dot(&numbers, &[]).abs() < f32::EPSILON);
    }

    #[test]
    fn dot_f64_keeps_what_f32_rounds_away() {
        let numbers = [1e4, 1.0];
        assert!((dot_f64(&numbers, &numbers) - 100_000_001.0).abs() < f64::EPSILON);
    }
}
