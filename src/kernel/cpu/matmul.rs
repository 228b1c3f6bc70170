//! Products of f32 matrices, by the `gemm` crate.

#![allow(
    unsafe_code,
    reason = "gemm takes pointers; lengths are checked before"
)]

use gemm::Parallelism;

/// A matrix that lies in memory row by row, perhaps to be read as its transpose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: isize,
    col_stride: isize,
}

impl<'a> Matrix<'a> {
    /// `[rows, cols]`, row-major. Panics if there are fewer values.
    pub(crate) fn new(values: &'a [f32], rows: usize, cols: usize) -> Self {
        assert!(values.len() >= rows * cols, "a matrix of too few values");
        Self {
            values,
            rows,
            cols,
            row_stride: cols as isize,
            col_stride: 1,
        }
    }

    /// The same values with rows and columns changed round.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// Adds `a · b` to `sum`, on the calling thread: the order of the additions, and so the result to
/// the bit, is the same for any number of threads around it.
///
/// # Shapes
///
/// - `a`: `[m, k]`
/// - `b`: `[k, n]`
/// - `sum`: `[m, n]`
pub(crate) fn add_product(a: Matrix<'_>, b: Matrix<'_>, sum: &mut [f32]) {
    assert_eq!(a.cols, b.rows, "matrices that do not fit");
    assert!(
        sum.len() >= a.rows * b.cols,
        "a sum of matrices without room"
    );
    // SAFETY: the constructor made sure that rows and columns lie within the values, the sum has
    // room as asserted, and it is borrowed for writing, so that it overlaps neither.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            sum.as_mut_ptr(),
            1,
            b.cols as isize,
            true,
            a.values.as_ptr(),
            a.col_stride,
            a.row_stride,
            b.values.as_ptr(),
            b.col_stride,
            b.row_stride,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_product_adds_to_what_is_there() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0, -1.0, 0.5, 2.0, 0.0, 3.0];
        let mut sum = vec![10.0; 4];
        add_product(Matrix::new(&a, 2, 3), Matrix::new(&b, 3, 2), &mut sum);
        assert_eq!(sum, [12.0, 22.0, 16.5, 34.0]);
        let mut sum = vec![0.0; 4];
        let (a, b) = (Matrix::new(&a, 3, 2).transposed(), Matrix::new(&b, 3, 2));
        add_product(a, b, &mut sum);
        assert_eq!(sum, [2.5, 20.0, 4.0, 24.0]);
    }
}
