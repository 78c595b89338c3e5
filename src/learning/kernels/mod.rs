//! The loops that training spends its time in.
//!
//! Loops over elements are plain Rust, compiled once for every machine and again for wider vectors (`multiversion`),
//! and the processor chooses at run time. They multiply and add in separate steps, so that every choice gives the same
//! bits; products of matrices (`matmul`) may differ in the last bits from one kind of processor to another.

pub mod elementary;
pub(super) mod elementwise;
mod matmul;
mod matrix;

pub use elementary::sine_and_cosine;
pub use matmul::matmul;
pub use matrix::{Matrix, MatrixMut};

/// An attribute for functions whose loops are to use what vectors the processor has.
macro_rules! vectorized {
    ($($function:item)*) => {
        $(
            #[::multiversion::multiversion(targets(
                "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
                "x86_64+avx2+fma"
            ))]
            $function
        )*
    };
}
pub(super) use vectorized;
