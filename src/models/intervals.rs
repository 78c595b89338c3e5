//! Intervals of values and sets of labels at a level: what a version promises of its answers.

use super::ModelError;
use super::conformal::Conformal;
use super::table::TableParts;
use crate::data::encoder::Target;
use crate::learning::conformal::{Scores, ranked};
use crate::learning::examples::most_likely;

/// A target whose training rows lie between 0 and 1, and come as near as this to both, is a share: 1 is the most that it can be.
const NEAR: f64 = 0.05;

/// A level such as 0.9 of a version: scores up to the quantile of a row's part are within it.
#[derive(Clone, Debug)]
pub struct Level {
    quantiles: Vec<f32>,
}

impl Level {
    /// The level of a version.
    ///
    /// # Errors
    /// `NoInterval`: too few rows were held out.
    pub fn at(level: f64, parts: &TableParts) -> Result<Self, ModelError> {
        let Some(conformal) = &parts.conformal else {
            let reason = "no rows were held out when it was trained: train with a validation_split";
            return Err(ModelError::NoInterval(reason.into()));
        };
        conformal.quantiles(level).map(|quantiles| Level { quantiles }).ok_or_else(|| {
            let (needed, count) = (Scores::rows_needed(level), conformal.count());
            ModelError::NoInterval(format!(
                "an interval of {level} needs {needed} rows held out; there were {count}: train with more validation rows, or \
                 ask for less"
            ))
        })
    }

    /// The lower and the upper end around a value, in the target's unit: what has one sign in all training rows has it here, and a
    /// share is at most 1.
    pub fn interval(&self, parts: &TableParts, value: f64) -> [f64; 2] {
        self.around(conformal(parts), &parts.encoder.target, value)
    }

    fn around(&self, conformal: &Conformal, target: &Target, value: f64) -> [f64; 2] {
        let quantile = f64::from(self.quantiles[conformal.part(value)]);
        let Conformal::Scaled { size, .. } = conformal else { return [value - quantile, value + quantile] };
        let margin = quantile * size.at(value);
        let (mut lower, mut upper) = (value - margin, value + margin);
        if let Target::Regression { min, max, .. } = target {
            lower = if *min >= 0.0 { lower.max(0.0) } else { lower };
            upper = match *max {
                most if most <= 0.0 => upper.min(0.0),
                most if (0.0..=NEAR).contains(min) && (1.0 - NEAR..=1.0).contains(&most) => upper.min(1.0),
                _ => upper,
            };
        }
        [lower, upper]
    }

    /// How many classes of a row of probabilities are in its set, likeliest first: at least one.
    pub fn set_length(&self, parts: &TableParts, row: &[f32]) -> usize {
        self.classes_within(conformal(parts), row)
    }

    fn classes_within(&self, conformal: &Conformal, row: &[f32]) -> usize {
        let most = self.quantiles[conformal.part(f64::from(row[most_likely(row)]))];
        let ranked = ranked(row);
        let within = |(class, before): &&(usize, f32)| match conformal {
            Conformal::Even(_) => 1.0 - row[*class] <= most,
            _ => *before <= most,
        };
        ranked.iter().take_while(within).count().max(1)
    }
}

fn conformal(parts: &TableParts) -> &Conformal {
    parts.conformal.as_ref().expect("a level is of a version with scores")
}

/// The `length` likeliest classes of a row of probabilities.
pub fn label_set<'a>(classes: &'a [String], row: &[f32], length: usize) -> Vec<&'a str> {
    ranked(row).iter().take(length).map(|(class, _)| classes[*class].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::error_size::ErrorSize;
    use crate::learning::parts::Parts;
    use crate::learning::row_weights::RowWeights;

    fn level(quantiles: &[f32]) -> Level {
        Level { quantiles: quantiles.to_vec() }
    }

    #[test]
    fn a_class_at_the_threshold_is_in_its_set() {
        let classes: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let even = Conformal::Even(Scores::new(vec![0.0], 1));
        for thousandths in 1..300 {
            let p = thousandths as f32 / 1000.0;
            let row = [1.0 - 2.0 * p, p, p];
            // The score of a row held out with this probability of its class, as the quantile may be.
            let length = level(&[1.0 - p]).classes_within(&even, &row);
            assert_eq!(label_set(&classes, &row, length), ["a", "b", "c"], "{p}");
        }
        assert_eq!(level(&[0.1]).classes_within(&even, &[0.5, 0.3, 0.2]), 1);
        // Rows whose likeliest class has at least 0.6 are a part of their own.
        let numbers: Vec<f64> = (0..200).map(|row| if row < 100 { 0.4 } else { 0.6 }).collect();
        let ranked = Conformal::Ranked(Parts::new(&numbers, vec![0.0; 200], RowWeights::ALIKE, 1000));
        let level = level(&[0.75, 0.0]);
        assert_eq!(level.classes_within(&ranked, &[0.25, 0.5, 0.25]), 3, "0, ½ and ¾ are before them");
        assert_eq!(level.classes_within(&ranked, &[0.0625, 0.5, 0.4375]), 2, "0.9375 is too much");
        assert_eq!(level.classes_within(&ranked, &[0.125, 0.75, 0.125]), 1);
    }

    #[test]
    fn an_interval_is_as_wide_as_errors_are_and_keeps_the_sign_of_the_target() {
        let answers: Vec<f64> = (0..200).map(|row| f64::from(row / 100) * 10.0).collect();
        let errors: Vec<f64> = (0..200).map(|row| f64::from(1 + row / 100)).collect();
        let size = ErrorSize::fit(&answers, &errors, RowWeights::ALIKE);
        let conformal =
            Conformal::Scaled { size, parts: Parts::new(&answers, vec![1.0; 200], RowWeights::ALIKE, 1000) };
        let of = |min, max| {
            let (name, [least, most]) = ("y".into(), [None; 2]);
            Target::Regression { name, mean: 0.0, std: 1.0, min, max, least, most, log1p: None, rate: false }
        };
        let level = level(&[3.0, 2.0]);
        assert_eq!(level.around(&conformal, &of(-1.0, 20.0), 0.0), [-3.0, 3.0], "3 · 1");
        assert_eq!(level.around(&conformal, &of(0.0, 20.0), 0.0), [0.0, 3.0]);
        assert_eq!(level.around(&conformal, &of(0.0, 20.0), 10.0), [6.0, 14.0], "2 · 2");
        assert_eq!(level.around(&conformal, &of(-20.0, 0.0), 0.0), [-3.0, 0.0]);
        assert_eq!(level.around(&conformal, &of(0.02, 0.97), 0.0), [0.0, 1.0], "a share");
        assert_eq!(level.around(&conformal, &of(0.2, 0.97), 0.0), [0.0, 3.0], "numbers that may be larger");
        let earlier = Conformal::Even(Scores::new(vec![0.0], 1));
        assert_eq!(level.around(&earlier, &of(0.0, 20.0), 1.0), [-2.0, 4.0], "as earlier releases answered");
    }
}
