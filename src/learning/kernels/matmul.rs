//! Matrix products, behind one small function.
//!
//! Products of a useful size go to the `gemm` crate, on one thread: threads share a batch, not a product. Below
//! `SMALL_PRODUCT` multiplications a call costs more than the product, and a plain loop is faster.

#![allow(unsafe_code)]

use super::matrix::{Matrix, MatrixMut};

/// Products with at most this many multiply-adds take the plain loop.
const SMALL_PRODUCT: usize = 256;

/// `dst = lhs · rhs`, or `dst += lhs · rhs` with `accumulate`.
///
/// # Shapes
/// `dst` m × n, `lhs` m × k, `rhs` k × n; transposed matrices cost nothing.
///
/// # Panics
/// If the shapes do not fit: that is a defect of the caller.
pub fn matmul(mut dst: MatrixMut, lhs: Matrix, rhs: Matrix, accumulate: bool) {
    let ((m, n), (_, k)) = (dst.shape(), lhs.shape());
    assert!(lhs.shape() == (m, k) && rhs.shape() == (k, n), "matrix product of unfit shapes");
    let ((dst, dst_rows), (lhs, lhs_rows, lhs_columns), (rhs, rhs_rows, rhs_columns)) =
        (dst.parts(), lhs.parts(), rhs.parts());
    if m * n * k <= SMALL_PRODUCT {
        // SAFETY: every index lies within the shapes checked above, whose values lie within their slices.
        unsafe {
            for i in 0..m {
                for j in 0..n {
                    let at = dst.add(i * dst_rows + j);
                    let mut sum = if accumulate { *at } else { 0.0 };
                    for l in 0..k {
                        sum += *lhs.add(i * lhs_rows + l * lhs_columns) * *rhs.add(l * rhs_rows + j * rhs_columns);
                    }
                    *at = sum;
                }
            }
        }
        return;
    }
    // SAFETY: pointers, shapes and strides are of matrices whose values lie within their slices, the shapes were checked
    // above, and `dst` is borrowed mutably, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst,
            1,
            dst_rows as isize,
            accumulate,
            lhs,
            lhs_columns as isize,
            lhs_rows as isize,
            rhs,
            rhs_columns as isize,
            rhs_rows as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn products_of_every_size_and_layout_agree_with_f64() {
        for (m, k, n) in [(1, 1, 1), (4, 2, 2), (3, 17, 5), (1, 784, 256), (64, 33, 20), (130, 70, 129)] {
            let lhs = Array2::from_shape_fn((m, k), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0 - 0.4);
            let rhs = Array2::from_shape_fn((n, k), |(i, j)| ((i * 5 + j * 2) % 13) as f32 / 13.0 - 0.6);
            let exact = lhs.mapv(f64::from).dot(&rhs.t().mapv(f64::from));
            let mut dst = vec![1.0f32; m * n];
            for (accumulate, offset) in [(true, 1.0), (false, 0.0)] {
                matmul(MatrixMut::new(&mut dst, n), Matrix::of(lhs.view()), Matrix::of(rhs.t()), accumulate);
                let near = |(a, b): (&f32, &f64)| (f64::from(*a) - b - offset).abs() < 1e-4;
                assert!(dst.iter().zip(&exact).all(near), "{m}x{k}x{n}");
            }
        }
    }

    #[test]
    fn parts_of_matrices_are_multiplied_in_their_place() {
        let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let matrix = Matrix::new(&values, 4);
        let mut dst = vec![-1.0; 6];
        let lhs = matrix.columns(1..3).transposed();
        matmul(MatrixMut::new(&mut dst, 3).without_columns(2), lhs, matrix.columns(3..4), false);
        assert_eq!(dst, [-1.0, -1.0, 3.0 + 5.0 * 7.0 + 9.0 * 11.0, -1.0, -1.0, 6.0 + 6.0 * 7.0 + 10.0 * 11.0]);
    }
}
