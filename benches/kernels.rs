//! The kernels beside references timed in the same run: matrix products beside ndarray's own and the peak of the
//! processor, functions beside plain loops over those of the standard library.
//!
//!     cargo bench --bench kernels
//!
//! A harness of its own and not Criterion or divan: neither prints the ratio of two measurements.

#![allow(unsafe_code)]

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::figures::{Times, machine};
use epochd::learning::activation::Activation;
use epochd::learning::kernels::{Matrix, MatrixMut, matmul};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2};

/// Time for each measurement.
const TIME: Duration = Duration::from_millis(200);
/// Rows, inputs and units of a layer's products.
const LAYERS: [(usize, usize, usize); 11] = [
    (4, 2, 2),
    (1, 4, 16),
    (1, 784, 256),
    (32, 20, 64),
    (32, 64, 32),
    (64, 50, 256),
    (64, 256, 256),
    (64, 784, 256),
    (128, 1024, 2048),
    (128, 2048, 2048),
    (512, 256, 256),
];

fn main() {
    println!("{}, one thread\n", machine());
    let peak = peak();
    println!("Peak of multiply-adds: {peak:.0} GFLOP/s\n");
    println!("| rows × inputs × units | product | GFLOP/s | of the peak | ndarray's own: GFLOP/s | times ndarray |");
    println!("|---|---|---:|---:|---:|---:|");
    LAYERS.into_iter().for_each(|layer| products(layer, peak));
    println!("\n| activation | ns/element | std loop | times std |\n|---|---:|---:|---:|");
    activations();
}

/// The three products of a layer: forward, to the inputs, to the weights.
fn products((rows, inputs, units): (usize, usize, usize), peak: f64) {
    let fill =
        |rows, columns| Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0 - 0.4);
    let (x, w, d) = (fill(rows, inputs), fill(inputs, units), fill(rows, units));
    product("X·W", (rows, inputs, units), &mut fill(rows, units), (x.view(), w.view()), peak);
    product("δ·Wᵀ", (rows, inputs, units), &mut fill(rows, inputs), (d.view(), w.t()), peak);
    product("Xᵀ·δ", (rows, inputs, units), &mut fill(inputs, units), (x.t(), d.view()), peak);
}

fn product(
    name: &str,
    (rows, inputs, units): (usize, usize, usize),
    dst: &mut Array2<f32>,
    (lhs, rhs): (ArrayView2<f32>, ArrayView2<f32>),
    peak: f64,
) {
    let work = 2.0 * (rows * inputs * units) as f64;
    // Enough products at a time for the clock to see.
    let repeats = (1e6 / work).ceil() as usize;
    let columns = dst.ncols();
    let gflops = |times: Times| work * repeats as f64 / times.best() / 1e9;
    let (a, b) = (Matrix::of(lhs), Matrix::of(rhs));
    let own = gflops(Times::repeat(TIME, || {
        for _ in 0..repeats {
            let dst = MatrixMut::new(black_box(dst.as_slice_mut().expect("row-major")), columns);
            matmul(dst, a, b, false);
        }
    }));
    let reference = gflops(Times::repeat(TIME, || {
        for _ in 0..repeats {
            general_mat_mul(1.0, &lhs, &rhs, 0.0, black_box(dst));
        }
    }));
    let (share, ratio) = (100.0 * own / peak, own / reference);
    println!("| {rows} × {inputs} × {units} | {name} | {own:.1} | {share:.0} % | {reference:.1} | {ratio:.2} |");
}

fn activations() {
    let inputs: Vec<f32> = (0..32_768).map(|i| (i % 1_000) as f32 / 100.0 - 5.0).collect();
    let mut values = inputs.clone();
    type Plain = fn(f32) -> f32;
    let functions: [(Activation, Plain); 4] = [
        (Activation::Relu, |z| if z > 0.0 { z } else { 0.0 }),
        (Activation::Sigmoid, |z| 1.0 / (1.0 + (-z).exp())),
        (Activation::Tanh, f32::tanh),
        (Activation::Gelu, |z| z * 0.5 * libm::erfcf(-z * std::f32::consts::FRAC_1_SQRT_2)),
    ];
    for (activation, plain) in functions {
        let mut time = |apply: &dyn Fn(&mut [f32])| {
            let times = Times::repeat(TIME, || {
                values.copy_from_slice(&inputs);
                apply(black_box(&mut values));
            });
            times.best() * 1e9 / inputs.len() as f64
        };
        let own = time(&|values| activation.forward(values));
        let reference = time(&|values| values.iter_mut().for_each(|value| *value = plain(*value)));
        println!("| {activation:?} | {own:.2} | {reference:.2} | {:.1} |", reference / own);
    }
}

/// Multiply-adds of f32 that one thread can do, in GFLOP/s: a loop without memory, on the widest vectors there are.
fn peak() -> f64 {
    const TURNS: usize = 200_000;
    const CHAINS: usize = 16;
    let measure = |lanes: usize, run: &dyn Fn()| {
        let times = Times::repeat(TIME, run);
        (2 * TURNS * CHAINS * lanes) as f64 / times.best() / 1e9
    };
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        #[target_feature(enable = "avx512f")]
        fn wide(turns: usize) -> __m512 {
            let mut chains = [_mm512_set1_ps(1.0); CHAINS];
            let (a, b) = black_box((_mm512_set1_ps(0.999), _mm512_set1_ps(1e-3)));
            for _ in 0..turns {
                chains.iter_mut().for_each(|chain| *chain = _mm512_fmadd_ps(*chain, a, b));
            }
            chains.into_iter().reduce(|x, y| _mm512_add_ps(x, y)).expect("chains")
        }
        #[target_feature(enable = "avx2,fma")]
        fn narrow(turns: usize) -> __m256 {
            let mut chains = [_mm256_set1_ps(1.0); CHAINS];
            let (a, b) = black_box((_mm256_set1_ps(0.999), _mm256_set1_ps(1e-3)));
            for _ in 0..turns {
                chains.iter_mut().for_each(|chain| *chain = _mm256_fmadd_ps(*chain, a, b));
            }
            chains.into_iter().reduce(|x, y| _mm256_add_ps(x, y)).expect("chains")
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the feature.
            return measure(16, &|| _ = black_box(unsafe { wide(black_box(TURNS)) }));
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features.
            return measure(8, &|| _ = black_box(unsafe { narrow(black_box(TURNS)) }));
        }
    }
    measure(1, &|| {
        let mut chains = black_box([1.0f32; CHAINS]);
        (0..TURNS).for_each(|_| chains.iter_mut().for_each(|chain| *chain = *chain * 0.999 + 1e-3));
        black_box(chains);
    })
}
