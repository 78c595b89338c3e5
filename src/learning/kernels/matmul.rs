//! Matrix products, behind one small function.
//!
//! Products of a useful size go to the `gemm` crate (one thread: a job is one thread); below
//! `SMALL_PRODUCT` multiplications a call costs more than the product, and a plain loop is faster.

#![allow(unsafe_code)]

use ndarray::{ArrayView2, ArrayViewMut2};

/// Products with at most this many multiply-adds take the plain loop.
const SMALL_PRODUCT: usize = 256;

/// `dst = lhs · rhs`, or `dst += lhs · rhs` with `accumulate`.
///
/// # Shapes
/// `dst` m × n, `lhs` m × k, `rhs` k × n; any strides, so a transposed view costs nothing.
///
/// # Panics
/// If the shapes do not fit: that is a defect of the caller.
pub fn matmul(mut dst: ArrayViewMut2<f32>, lhs: ArrayView2<f32>, rhs: ArrayView2<f32>, accumulate: bool) {
    let ((m, n), k) = (dst.dim(), lhs.ncols());
    assert!(lhs.nrows() == m && rhs.dim() == (k, n), "matrix product of unfit shapes");
    if m * n * k <= SMALL_PRODUCT {
        small(dst, lhs, rhs, accumulate);
        return;
    }
    let (dst_strides, lhs_strides, rhs_strides) =
        (strides(dst.strides()), strides(lhs.strides()), strides(rhs.strides()));
    // SAFETY: pointers, shapes and strides come from views of valid memory whose shapes were checked above, and
    // `dst` is borrowed mutably, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            dst_strides.1,
            dst_strides.0,
            accumulate,
            lhs.as_ptr(),
            lhs_strides.1,
            lhs_strides.0,
            rhs.as_ptr(),
            rhs_strides.1,
            rhs_strides.0,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Row and column stride of a view.
fn strides(strides: &[isize]) -> (isize, isize) {
    (strides[0], strides[1])
}

fn small(mut dst: ArrayViewMut2<f32>, lhs: ArrayView2<f32>, rhs: ArrayView2<f32>, accumulate: bool) {
    let ((m, n), k) = (dst.dim(), lhs.ncols());
    for i in 0..m {
        for j in 0..n {
            let mut sum = if accumulate { dst[(i, j)] } else { 0.0 };
            for l in 0..k {
                sum += lhs[(i, l)] * rhs[(l, j)];
            }
            dst[(i, j)] = sum;
        }
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
            let mut dst = Array2::from_elem((m, n), 1.0f32);
            matmul(dst.view_mut(), lhs.view(), rhs.t(), true);
            assert!(dst.iter().zip(&exact).all(|(a, b)| (f64::from(*a) - b - 1.0).abs() < 1e-4), "{m}x{k}x{n}");
            matmul(dst.view_mut(), lhs.view(), rhs.t(), false);
            assert!(dst.iter().zip(&exact).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4), "{m}x{k}x{n}");
        }
    }
}
