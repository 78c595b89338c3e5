//! Greedy ensemble selection: which of many models answer together, and how much each counts.
//!
//! After Caruana, Niculescu-Mizil, Crew & Ksikes 2004 ("Ensemble Selection from Libraries of Models"): begin with nothing, and add
//! again and again the model with which the mean answer errs least on rows that none of them has learned from. A model may be added
//! several times, and counts as often. The mean of many differs little from step to step, so that the choice cannot follow the noise
//! of the rows as closely as weights that are fitted freely.

use super::loss::Loss;
use super::metric::of_row;
use super::row_weights::RowWeights;

/// Models that are added, each as often as it helps.
const STEPS: usize = 50;
/// Parts of the rows, each of which is answered by what the others choose.
const PARTS: usize = 5;

/// What answers are measured by.
#[derive(Clone, Copy, Debug)]
pub enum Measured<'a> {
    /// An answer is the probability that was given to a row's true class: −ln p.
    Probabilities,
    /// An answer is a value, which should be that of its row, by what versions with this loss are compared by.
    Values(&'a [f64], Loss),
}

impl Measured<'_> {
    /// The loss of an answer to a row.
    pub fn loss(self, row: usize, answer: f64) -> f64 {
        match self {
            Measured::Probabilities => -answer.max(f64::MIN_POSITIVE).ln(),
            Measured::Values(values, loss) => of_row(loss, values[row], answer),
        }
    }

    /// The mean loss of `rows` answers by the weights of their rows.
    pub fn mean_loss(self, rows: usize, weights: RowWeights, answer: impl Fn(usize) -> f64) -> f64 {
        let sum: f64 = (0..rows).map(|row| weights.get(row) * self.loss(row, answer(row))).sum();
        sum / weights.total(rows)
    }
}

/// A model that may be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// What it answers to each row.
    pub answers: &'a [f64],
    /// What it costs to have it among those that answer.
    pub cost: usize,
}

/// How often each of `choices` counts in the mean that errs least; together those that count cost no more than `budget`, unless
/// that is a single one. The first of several that are as good is taken. At least one counts, if there is any. `None` once `go_on`,
/// which is asked before each step, says no.
pub fn select(
    choices: &[Choice],
    measured: Measured,
    weights: RowWeights,
    budget: usize,
    go_on: &dyn Fn() -> bool,
) -> Option<Vec<u32>> {
    let mut counts = vec![0u32; choices.len()];
    let Some(rows) = choices.first().map(|choice| choice.answers.len()) else { return Some(counts) };
    let (mut sum, mut spent) = (vec![0.0f64; rows], 0usize);
    let mut best: Option<(f64, Vec<u32>)> = None;
    for step in 0..STEPS {
        if !go_on() {
            return None;
        }
        let fits = |index: usize| counts[index] > 0 || step == 0 || spent.saturating_add(choices[index].cost) <= budget;
        let loss = |index: usize| {
            let (answers, count) = (choices[index].answers, (step + 1) as f64);
            measured.mean_loss(rows, weights, |row| (sum[row] + answers[row]) / count)
        };
        let tried = (0..choices.len()).filter(|index| fits(*index)).map(|index| (loss(index), index));
        let Some((loss, index)) = tried.min_by(|one, other| one.0.total_cmp(&other.0)) else { break };
        if counts[index] == 0 {
            spent = spent.saturating_add(choices[index].cost);
        }
        counts[index] += 1;
        sum.iter_mut().zip(choices[index].answers).for_each(|(sum, answer)| *sum += answer);
        if best.as_ref().is_none_or(|(least, _)| loss < *least) {
            best = Some((loss, counts.clone()));
        }
    }
    Some(best.map_or(counts, |(_, counts)| counts))
}

/// What is answered to each row where [`select`] chooses by the rows of the other four fifths: what is chosen and measured by the
/// same rows loses less on them than on others (Stone 1974, "Cross-Validatory Choice and Assessment of Statistical Predictions"). Of
/// fewer rows than five each is answered by what the others choose. `None` once `go_on` says no.
pub fn answers_by_others(
    choices: &[Choice],
    measured: Measured,
    weights: RowWeights,
    budget: usize,
    go_on: &dyn Fn() -> bool,
) -> Option<Vec<f64>> {
    let rows = choices.first().map_or(0, |choice| choice.answers.len());
    let (mut answers, parts) = (Vec::with_capacity(rows), PARTS.min(rows));
    for part in (0..parts).map(|part| part * rows / parts..(part + 1) * rows / parts) {
        let by_others = |row: usize| if part.contains(&row) { 0.0 } else { weights.get(row) as f32 };
        let others: Vec<f32> = (0..rows).map(by_others).collect();
        let counts = select(choices, measured, RowWeights::of(&others), budget, go_on)?;
        answers.extend(part.map(|row| mean_answer(choices, &counts, row)));
    }
    Some(answers)
}

/// The answer to a row where choices count so often.
pub fn mean_answer(choices: &[Choice], counts: &[u32], row: usize) -> f64 {
    let total: f64 = counts.iter().copied().map(f64::from).sum();
    let each = choices.iter().zip(counts).map(|(choice, count)| f64::from(*count) * choice.answers[row]);
    each.sum::<f64>() / total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(choices: &[(&[f64], usize)], measured: Measured, budget: usize) -> Vec<u32> {
        let choices: Vec<Choice> = choices.iter().map(|(answers, cost)| Choice { answers, cost: *cost }).collect();
        select(&choices, measured, RowWeights::ALIKE, budget, &|| true).expect("nobody stops it")
    }

    #[test]
    fn those_are_chosen_whose_errors_cancel() {
        // Off by 1 to one side, by 3 to the other, and by 2 in every row: three of the first and one of the second are right.
        let truth = [0.0, 10.0, -5.0, 2.0];
        let off = |by: f64| truth.map(|y| y + by);
        let (first, second, third) = (off(1.0), off(-3.0), off(2.0));
        let counts = selected(&[(&third, 1), (&first, 1), (&second, 1)], Measured::Values(&truth, Loss::Mse), 9);
        assert_eq!(counts, [0, 3, 1]);
        // Where two cost too much together, the best alone answers.
        assert_eq!(
            selected(&[(&third, 5), (&first, 5), (&second, 5)], Measured::Values(&truth, Loss::Mse), 9),
            [0, 1, 0]
        );
        assert_eq!(selected(&[(&third, 50)], Measured::Values(&truth, Loss::Mse), 9), [1]);
        assert!(selected(&[], Measured::Values(&truth, Loss::Mse), 9).is_empty());
    }

    #[test]
    fn probabilities_are_measured_by_their_logarithm_and_rows_by_their_weight() {
        // Each sure of one row and undecided about the other; the even mean says ¾ of both, which loses −ln ¾.
        let (first, second) = ([1.0, 0.5], [0.5, 1.0]);
        let counts = selected(&[(&first, 1), (&second, 1)], Measured::Probabilities, 9);
        assert_eq!(counts, [1, 1]);
        let loss = Measured::Probabilities.mean_loss(2, RowWeights::ALIKE, |_| 0.75);
        assert!((loss + 0.75f64.ln()).abs() < 1e-12);
        // Where the first row weighs nearly everything, nearly only the first counts.
        let weights = [2.0 - 1e-3f32, 1e-3];
        let choices = [&first, &second].map(|answers| Choice { answers, cost: 1 });
        let chosen = |go_on| select(&choices, Measured::Probabilities, RowWeights::of(&weights), 9, go_on);
        assert_eq!(chosen(&|| true), Some(vec![1, 0]));
        assert_eq!(chosen(&|| false), None);
    }

    #[test]
    fn what_was_chosen_by_noise_loses_more_on_other_rows() {
        // Twenty answer 0 or 1 by lot to rows of which each is ½.
        let truth = [0.5; 200];
        let lot = |salt: usize| (0..200).map(move |row| (row * 7919 + salt).wrapping_mul(2_654_435_761) >> 7 & 1);
        let coins: Vec<Vec<f64>> = (0..20).map(|salt| lot(salt).map(|side| side as f64).collect()).collect();
        let choices: Vec<Choice> = coins.iter().map(|answers| Choice { answers, cost: 1 }).collect();
        let measured = Measured::Values(&truth, Loss::Mse);
        let counts = select(&choices, measured, RowWeights::ALIKE, 99, &|| true).expect("nobody stops it");
        let same = measured.mean_loss(200, RowWeights::ALIKE, |row| mean_answer(&choices, &counts, row));
        let others = answers_by_others(&choices, measured, RowWeights::ALIKE, 99, &|| true).expect("nobody stops it");
        let other = measured.mean_loss(200, RowWeights::ALIKE, |row| others[row]);
        assert!(other > 1.05 * same, "{same} {other}");
    }

    #[test]
    fn each_part_is_answered_by_what_the_others_choose() {
        // The first is right on four fifths of the rows, and the second on the last one, for which the others choose the first.
        let truth = [0.0; 10];
        let first = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 3.0];
        let second = [9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 0.0, 0.0];
        let choices = [&first, &second].map(|answers| Choice { answers, cost: 9 });
        let answers = |choices, go_on| {
            answers_by_others(choices, Measured::Values(&truth, Loss::Mse), RowWeights::ALIKE, 9, go_on)
        };
        assert_eq!(answers(&choices, &|| true), Some(first.to_vec()));
        assert_eq!(answers(&choices, &|| false), None);
        assert_eq!(answers(&[], &|| true), Some(Vec::new()));
        // Of two rows each is answered by what the other chooses; of one, by the first.
        let two = [&first, &second].map(|answers| Choice { answers: &answers[7..9], cost: 9 });
        assert_eq!(answers(&two, &|| true), Some(vec![9.0, 3.0]));
        let one = [&second, &first].map(|answers| Choice { answers: &answers[9..], cost: 9 });
        assert_eq!(answers(&one, &|| true), Some(vec![0.0]));
    }
}
