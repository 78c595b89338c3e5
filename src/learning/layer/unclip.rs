//! The layer that takes a smooth clip back: a linear model sees numbers as far apart as they are.
//!
//! Robust scaling clips smoothly, s = z / √(1 + (z/3)²) (Holzmüller, Grinsztajn & Steinwart 2024, "Better by default"), so that no
//! outlier governs a network. Where answers are sums of the numbers themselves that bends what is straight; this layer gives
//! z = s / √(1 − (s/3)²) again, which is exact but for rounding.

use super::tape::{InputGradient, Tape};

/// What a clipped value stays below.
const BOUND: f32 = 3.0;
/// 1 − (s/3)² at least: |z| is 949 at most, from where on rounding of s decides what z is.
const LEAST_LEFT: f32 = 1e-5;

/// Some columns without their clip; all others pass through.
///
/// # Shapes
/// Input and output are rows × units.
#[derive(Clone, Debug)]
pub struct Unclip {
    units: usize,
    /// Columns, from the left, that depend on no parameter: all that lose their clip are among them.
    fixed: usize,
    columns: Vec<usize>,
}

impl Unclip {
    /// A layer behind `units` columns, of which `fixed` from the left depend on no parameter.
    pub fn new(columns: Vec<usize>, units: usize, fixed: usize) -> Self {
        Unclip { units, fixed, columns }
    }

    /// Width of the output.
    pub(super) fn units(&self) -> usize {
        self.units
    }

    /// Columns of the output, from the left, that depend on no parameter.
    pub(super) fn fixed(&self) -> usize {
        self.fixed
    }

    pub(super) fn tape(&self, rows: usize) -> Tape {
        let buffer = || vec![0.0; rows * self.units];
        Tape { active: buffer(), gradient: buffer(), ..Tape::default() }
    }

    /// `input` and `output` are rows × units.
    pub(super) fn infer(&self, input: &[f32], output: &mut [f32]) {
        output.copy_from_slice(input);
        for row in output.chunks_exact_mut(self.units) {
            self.columns.iter().for_each(|column| row[*column] = unclipped(row[*column]));
        }
    }

    /// ∂L/∂input = ∂L/∂output of the columns that parameters lie behind, which pass through.
    pub(super) fn backward(&self, rows: usize, tape: &Tape, below: Option<InputGradient>) {
        let Some(InputGradient { values, skipped }) = below else { return };
        let output = tape.gradient[..rows * self.units].chunks_exact(self.units);
        for (values, output) in values.chunks_exact_mut(self.units).zip(output) {
            values[skipped..].copy_from_slice(&output[skipped..]);
        }
    }
}

/// z of s = z / √(1 + (z/3)²).
pub fn unclipped(s: f32) -> f32 {
    let share = s / BOUND;
    s / (1.0 - share * share).max(LEAST_LEFT).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clipped(z: f64) -> f32 {
        (z / (z / 3.0).hypot(1.0)) as f32
    }

    #[test]
    fn what_was_clipped_is_as_it_was() {
        for z in [0.0, 0.01, 1.0, -2.5, 10.0, -40.0, 200.0] {
            let back = f64::from(unclipped(clipped(z)));
            assert!((back - z).abs() <= 1e-6 + 3e-3 * z.abs(), "{z}: {back}");
        }
        for z in [1e4, 1e12, f64::MAX] {
            assert!((940.0..950.0).contains(&unclipped(clipped(z))), "{z}");
            assert_eq!(unclipped(clipped(-z)), -unclipped(clipped(z)));
        }
    }

    #[test]
    fn the_columns_named_lose_their_clip_and_gradients_pass() {
        let layer = Unclip::new(vec![1], 3, 2);
        let mut output = [0.0; 6];
        layer.infer(&[2.0, 2.0, 2.0, 0.0, -2.0, 1.0], &mut output);
        let z = output[1];
        assert!((z - 6.0 / 5f32.sqrt()).abs() < 1e-5, "2 / √(1 − 4/9) = {z}");
        assert_eq!(output, [2.0, z, 2.0, 0.0, -z, 1.0]);
        let tape = Tape { gradient: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], ..Tape::default() };
        let mut below = [9.0; 6];
        layer.backward(2, &tape, Some(InputGradient { values: &mut below, skipped: 2 }));
        assert_eq!(below, [9.0, 9.0, 3.0, 9.0, 9.0, 6.0]);
    }
}
