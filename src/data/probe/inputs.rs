//! The sample as a forest takes it: numbers by rank, words by code, answers side by side.

use std::collections::HashMap;

use super::rows::Rows;
use crate::data::column::{Column, Values};
use crate::data::encoder::{DatePart, Task};

/// Columns that are looked at, at most.
const MOST_COLUMNS: usize = 48;
/// Outputs at most: a number, or the most frequent classes and all others together.
pub(super) const MOST_OUTPUTS: usize = 6;
/// Numbers beyond this share of the rows at either end are moved there: single ones would outweigh all others.
const TAILS: f64 = 0.01;

/// What trees are grown on.
pub(super) struct Inputs {
    /// Features of numbers: one value a row.
    pub(super) numbers: Vec<Vec<f32>>,
    /// Features of words: one code a row, from 0.
    pub(super) words: Vec<Vec<u32>>,
    /// rows × outputs
    pub(super) answers: Vec<f32>,
    pub(super) outputs: usize,
    task: Task,
}

impl Inputs {
    /// Of the rows at these places of `rows.rows`.
    pub(super) fn of(rows: &Rows, places: &[usize]) -> Self {
        let chosen: Vec<usize> = places.iter().map(|place| rows.rows[*place]).collect();
        let features: Vec<&Column> =
            rows.table.columns.iter().filter(|column| column.name != rows.answer.name).collect();
        let count = features.len().min(MOST_COLUMNS);
        let (mut numbers, mut words) = (Vec::new(), Vec::new());
        for column in (0..count).map(|at| features[at * features.len() / count]) {
            match &column.values {
                Values::Numeric(values) => add(&mut numbers, chosen.iter().map(|row| values[*row]).collect()),
                Values::Boolean(values) => {
                    add(
                        &mut numbers,
                        chosen.iter().map(|row| values[*row].map_or(f64::NAN, |on| f64::from(u8::from(on)))).collect(),
                    );
                }
                Values::Datetime(values) => {
                    let of = |share: &dyn Fn(i64) -> f64| {
                        chosen.iter().map(|row| values[*row].map_or(f64::NAN, share)).collect()
                    };
                    add(&mut numbers, of(&|at| at as f64));
                    DatePart::ALL.iter().for_each(|part| add(&mut numbers, of(&|at| part.share(at))));
                }
                Values::Words(of_rows) => words.push(dense(chosen.iter().map(|row| of_rows.codes[*row]))),
            }
        }
        numbers.retain(|column| column.iter().any(|value| *value != column[0]));
        if numbers.is_empty() && words.is_empty() {
            numbers.push(vec![0.0; chosen.len()]);
        }
        let (answers, outputs) = match rows.task {
            Task::Classification => classes(rows.answer, &chosen),
            Task::Regression => (values(rows.answer, &chosen), 1),
        };
        Inputs { numbers, words, answers, outputs, task: rows.task }
    }

    /// The mean answer for each row.
    pub(super) fn constant(&self) -> Vec<f32> {
        let rows = self.answers.len() / self.outputs;
        let sum = |output: usize| self.answers.iter().skip(output).step_by(self.outputs).sum::<f32>();
        let means: Vec<f32> = (0..self.outputs).map(|output| sum(output) / rows as f32).collect();
        means.iter().copied().cycle().take(self.answers.len()).collect()
    }

    /// The squared error of each row.
    pub(super) fn losses(&self, answers: &[f32]) -> Vec<f64> {
        let both = answers.chunks_exact(self.outputs).zip(self.answers.chunks_exact(self.outputs));
        both.map(|(answer, truth)| answer.iter().zip(truth).map(|(a, t)| f64::from(a - t).powi(2)).sum()).collect()
    }

    /// The mean squared error of a constant answer.
    pub(super) fn spread(&self) -> f64 {
        let losses = self.losses(&self.constant());
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    /// How good answers are: R², or of classes the accuracy.
    pub(super) fn measure(&self, answers: &[f32]) -> f64 {
        let losses = self.losses(answers);
        match self.task {
            Task::Regression => 1.0 - losses.iter().sum::<f64>() / losses.len() as f64 / self.spread(),
            Task::Classification => {
                let largest = |row: &[f32]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]));
                let both = answers.chunks_exact(self.outputs).zip(self.answers.chunks_exact(self.outputs));
                let right = both.filter(|(answer, truth)| largest(answer) == largest(truth)).count();
                right as f64 / losses.len() as f64
            }
        }
    }
}

/// Adds a feature: its values by rank, and where some are missing, that they are.
fn add(numbers: &mut Vec<Vec<f32>>, values: Vec<f64>) {
    if values.iter().any(|value| value.is_nan()) {
        numbers.push(values.iter().map(|value| f32::from(u8::from(value.is_nan()))).collect());
    }
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = |value: &f64| match value.is_nan() {
        true => sorted.len() / 2,
        false => sorted.partition_point(|other| other < value),
    };
    numbers.push(values.iter().map(|value| rank(value) as f32).collect());
}

/// Codes from 0 without gaps; one that stands for a missing word is a code as others are.
fn dense(codes: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut known = HashMap::new();
    let mut next = |code| {
        let count = known.len() as u32;
        *known.entry(code).or_insert(count)
    };
    codes.map(&mut next).collect()
}

/// A column for each of the most frequent classes, and one for all others.
fn classes(answer: &Column, rows: &[usize]) -> (Vec<f32>, usize) {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut labels: Vec<usize> = Vec::with_capacity(rows.len());
    for row in rows {
        let count = known.len();
        labels.push(*known.entry(answer.values.text(*row).unwrap_or_default()).or_insert(count));
    }
    let mut counts = vec![0usize; known.len()];
    labels.iter().for_each(|label| counts[*label] += 1);
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|label| std::cmp::Reverse(counts[*label]));
    let outputs = order.len().clamp(1, MOST_OUTPUTS);
    let mut place = vec![outputs - 1; counts.len()];
    order.iter().take(outputs - 1).enumerate().for_each(|(at, label)| place[*label] = at);
    let mut answers = vec![0.0; rows.len() * outputs];
    labels.iter().enumerate().for_each(|(row, label)| answers[row * outputs + place[*label]] = 1.0);
    (answers, outputs)
}

/// Numbers, those far out moved to where the tails begin, standardised.
fn values(answer: &Column, rows: &[usize]) -> Vec<f32> {
    let Values::Numeric(values) = &answer.values else { return vec![0.0; rows.len()] };
    let mut sorted: Vec<f64> = rows.iter().map(|row| values[*row]).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let tail = (sorted.len() as f64 * TAILS) as usize;
    let (low, high) = (sorted[tail], sorted[sorted.len() - 1 - tail]);
    let kept: Vec<f64> = rows.iter().map(|row| values[*row].clamp(low, high)).collect();
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    let std = (kept.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / kept.len() as f64).sqrt();
    let scale = if std > 0.0 && std.is_finite() { std } else { 1.0 };
    kept.iter().map(|value| ((value - mean) / scale) as f32).collect()
}
