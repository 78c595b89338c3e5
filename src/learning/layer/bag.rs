//! The averaged embedding: the mean of those vectors of a table that the codes of a bag pick.
//!
//! mean = (1/n) Σ table\[cᵢ\] over the n codes of a row that are not 0, and zeros where there is none (Joulin, Grave, Bojanowski &
//! Mikolov 2016, "Bag of Tricks for Efficient Text Classification", whose bags are the words of a text and pairs of them). Code 0
//! fills the places that a row does not need: its vector is never read, and keeps a gradient of 0.
//!
//! # Shapes
//! A table is values × dimensions, row-major; a bag has any number of codes; mean and gradient have `dimensions` values.

use super::code::present;

/// Writes the mean of the vectors of `codes` to `mean`.
pub(super) fn mean(table: &[f32], codes: &[f32], mean: &mut [f32]) {
    let dimensions = mean.len();
    mean.fill(0.0);
    let mut count = 0;
    for code in present(codes, table.len() / dimensions) {
        let vector = &table[code * dimensions..(code + 1) * dimensions];
        mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        count += 1;
    }
    if count > 0 {
        mean.iter_mut().for_each(|sum| *sum /= count as f32);
    }
}

/// Adds to `gradient`, ∂L/∂table, what comes of one row: ∂L/∂mean / n for each of its codes.
pub(super) fn add_gradient(codes: &[f32], of_mean: &[f32], gradient: &mut [f32]) {
    let dimensions = of_mean.len();
    let codes = present(codes, gradient.len() / dimensions);
    let share = 1.0 / codes.clone().count() as f32;
    for code in codes {
        let sums = &mut gradient[code * dimensions..(code + 1) * dimensions];
        sums.iter_mut().zip(of_mean).for_each(|(sum, g)| *sum += share * g);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four codes of two dimensions.
    const TABLE: [f32; 8] = [9.0, 9.0, 1.0, 2.0, 3.0, -4.0, 0.5, 0.25];

    fn mean_of(codes: &[f32]) -> [f32; 2] {
        let mut found = [f32::NAN; 2];
        mean(&TABLE, codes, &mut found);
        found
    }

    #[test]
    fn a_bag_is_the_mean_of_the_vectors_of_its_codes() {
        assert_eq!(mean_of(&[1.0, 2.0, 0.0, 0.0]), [2.0, -1.0], "(1 + 3)/2 and (2 − 4)/2");
        assert_eq!(mean_of(&[0.0, 3.0]), [0.5, 0.25], "one code, wherever it stands");
        assert_eq!(mean_of(&[1.0, 1.0, 3.0, 0.0]), [2.5 / 3.0, 4.25 / 3.0], "a code that occurs twice counts twice");
        assert_eq!(mean_of(&[0.0, 0.0]), [0.0; 2], "nothing there");
        assert_eq!(mean_of(&[f32::NAN, 4.0, -1.0, 1.5, 2.0]), [3.0, -4.0], "what is no code is not there");
    }

    #[test]
    fn the_gradient_is_shared_by_the_codes_that_are_there() {
        let mut gradient = [0.0; 8];
        add_gradient(&[1.0, 3.0, 0.0, 3.0], &[3.0, -6.0], &mut gradient);
        // A third for each place: code 1 has one, code 3 two.
        assert_eq!(gradient, [0.0, 0.0, 1.0, -2.0, 0.0, 0.0, 2.0, -4.0]);
        add_gradient(&[0.0, 0.0], &[3.0, -6.0], &mut gradient);
        assert_eq!(gradient, [0.0, 0.0, 1.0, -2.0, 0.0, 0.0, 2.0, -4.0], "a row without codes moves nothing");
    }
}
