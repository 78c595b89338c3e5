//! Extremely randomised trees (Geurts, Ernst and Wehenkel 2006), which are asked while they grow and never stored.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::inputs::Inputs;

/// Parts that rows are left out in, one after another.
pub(super) const FOLDS: usize = 5;
/// Trees whose answers are averaged.
const TREES: usize = 10;
/// A node of fewer rows is not parted.
const LEAST_NODE: usize = 4;
const MOST_DEPTH: usize = 24;
/// Features that are tried in a node, at most.
const MOST_TRIED: usize = 16;

/// For each row (rows × outputs) the answer of trees that were grown without its fold. `None`: it was told to stop.
pub(super) fn cross_answers(
    inputs: &Inputs,
    folds: &[u8],
    random: &mut impl Rng,
    go_on: &dyn Fn() -> bool,
) -> Option<Vec<f32>> {
    let mut answers = vec![0.0; inputs.answers.len()];
    for fold in 0..FOLDS as u8 {
        let part =
            |is_asked: bool| (0..folds.len() as u32).filter(move |row| (folds[*row as usize] == fold) == is_asked);
        let (mut asked, mut known): (Vec<u32>, Vec<u32>) = (part(true).collect(), part(false).collect());
        if known.is_empty() {
            return Some(inputs.constant());
        }
        for _ in 0..TREES {
            if !go_on() {
                return None;
            }
            known.shuffle(random);
            let words = encoded_words(inputs, &known, &asked, random);
            let columns: Vec<&[f32]> = inputs.numbers.iter().chain(&words).map(Vec::as_slice).collect();
            let mut tree = Tree { columns, inputs, answers: &mut answers, random };
            tree.grow(&mut known, &mut asked, MOST_DEPTH);
        }
    }
    answers.iter_mut().for_each(|answer| *answer /= TREES as f32);
    Some(answers)
}

/// Each column of words as numbers: how large one of the outputs, drawn for this tree, is on average where the word stands. Of a
/// row to learn from only the rows before it count, so that its own answer is not among them (Prokhorenkova et al. 2018).
fn encoded_words(inputs: &Inputs, known: &[u32], asked: &[u32], random: &mut impl Rng) -> Vec<Vec<f32>> {
    let (output, width) = (random.random_range(0..inputs.outputs), inputs.outputs);
    let answer = |row: &u32| inputs.answers[*row as usize * width + output];
    let prior = known.iter().map(answer).sum::<f32>() / known.len() as f32;
    let encode = |codes: &Vec<u32>| {
        let most = codes.iter().max().map_or(0, |most| *most as usize + 1);
        let mut sums = vec![(0.0f32, 0.0f32); most];
        let mut column = vec![0.0; codes.len()];
        let mean = |(sum, count): (f32, f32)| (sum + prior) / (count + 1.0);
        for row in known {
            let entry = &mut sums[codes[*row as usize] as usize];
            column[*row as usize] = mean(*entry);
            *entry = (entry.0 + answer(row), entry.1 + 1.0);
        }
        asked.iter().for_each(|row| column[*row as usize] = mean(sums[codes[*row as usize] as usize]));
        column
    };
    inputs.words.iter().map(encode).collect()
}

/// A tree while it grows.
struct Tree<'a, R> {
    columns: Vec<&'a [f32]>,
    inputs: &'a Inputs,
    /// rows × outputs: the sums over trees.
    answers: &'a mut [f32],
    random: &'a mut R,
}

impl<R: Rng> Tree<'_, R> {
    /// Parts the rows `known` again and again, and `asked` alongside, which get the mean of what they end up with.
    fn grow(&mut self, known: &mut [u32], asked: &mut [u32], depth: usize) {
        if asked.is_empty() {
            return;
        }
        let parting = if known.len() < LEAST_NODE || depth == 0 { None } else { self.parting(known) };
        let Some((column, threshold)) = parting else { return self.answer(known, asked) };
        let column = self.columns[column];
        let (left, right) = part(known, |row| column[row as usize] <= threshold);
        let (asked_left, asked_right) = part(asked, |row| column[row as usize] <= threshold);
        self.grow(left, asked_left, depth - 1);
        self.grow(right, asked_right, depth - 1);
    }

    fn answer(&mut self, known: &[u32], asked: &[u32]) {
        let width = self.inputs.outputs;
        for output in 0..width {
            let sum: f32 = known.iter().map(|row| self.inputs.answers[*row as usize * width + output]).sum();
            let mean = sum / known.len() as f32;
            asked.iter().for_each(|row| self.answers[*row as usize * width + output] += mean);
        }
    }

    /// The best of some random thresholds, each of a column drawn at random: the one that leaves the least variance.
    fn parting(&mut self, known: &[u32]) -> Option<(usize, f32)> {
        let tried = self.columns.len().div_ceil(2).min(MOST_TRIED).max(self.columns.len().min(3));
        let mut best = None;
        let mut most = f32::NEG_INFINITY;
        for _ in 0..tried {
            let at = self.random.random_range(0..self.columns.len());
            let column = self.columns[at];
            let values = known.iter().map(|row| column[*row as usize]);
            let (low, high) =
                values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
            if low < high {
                let drawn = low + (high - low) * self.random.random::<f32>();
                let threshold = if drawn < high { drawn } else { low };
                let explained = self.explained(known, column, threshold);
                if explained > most {
                    (most, best) = (explained, Some((at, threshold)));
                }
            }
        }
        best
    }

    /// Σ (sum of the part)² / rows of the part, over both parts and all outputs: the larger, the less variance is left.
    fn explained(&self, known: &[u32], column: &[f32], threshold: f32) -> f32 {
        let width = self.inputs.outputs;
        let (mut left, mut all, mut count) =
            ([0.0f32; super::inputs::MOST_OUTPUTS], [0.0f32; super::inputs::MOST_OUTPUTS], 0);
        for row in known {
            let is_left = column[*row as usize] <= threshold;
            count += usize::from(is_left);
            let answers = &self.inputs.answers[*row as usize * width..][..width];
            for ((left, all), answer) in left.iter_mut().zip(&mut all).zip(answers) {
                *all += answer;
                *left += if is_left { *answer } else { 0.0 };
            }
        }
        let (on_left, on_right) = (count as f32, (known.len() - count) as f32);
        let of_output = |(left, all): (&f32, &f32)| left * left / on_left + (all - left) * (all - left) / on_right;
        left.iter().zip(&all).take(width).map(of_output).sum()
    }
}

/// Brings the rows of which `is_left` holds to the front.
fn part(rows: &mut [u32], is_left: impl Fn(u32) -> bool) -> (&mut [u32], &mut [u32]) {
    let mut end = 0;
    for at in 0..rows.len() {
        if is_left(rows[at]) {
            rows.swap(at, end);
            end += 1;
        }
    }
    rows.split_at_mut(end)
}
