//! Both ways of leaving rows out, compared.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::forest::{FOLDS, cross_answers};
use super::inputs::Inputs;
use super::rows::Rows;
use super::sample::{Key, LEAST_ROWS, Sample};

/// Memory that a probe takes at most, in bytes, beside an index for each row.
pub const PROBE_BYTES: usize = 4 << 20;
/// By so many standard errors the mean loss must differ: chance alone does that once in 30,000 times.
const SURE: f64 = 4.0;
/// The share of what there is to explain that must be lost, and how much larger the loss must be.
const MUCH: f64 = 0.05;
const TIMES: f64 = 1.2;

/// What rows may depend on each other by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nearness {
    /// Rows that stand next to each other.
    Order,
    /// Rows of neighbouring times in this column.
    Time(String),
    /// Rows with the same value in this column.
    Group(String),
}

/// That rows depend on each other, and how much that flatters.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependence {
    /// By what.
    pub by: Nearness,
    /// Rows that were compared.
    pub rows: usize,
    /// What a forest reached on rows left out at random: R², or of classes the accuracy.
    pub random: f64,
    /// What it reached on whole stretches or groups left out.
    pub apart: f64,
}

/// What a probe found, unless it was told to stop.
pub type Found = Option<Option<Dependence>>;

/// Looks for the column, or the order of the rows, by which they depend on each other most. `times` and `keys` name columns to
/// look at. `go_on` is asked every some milliseconds.
pub fn dependence(rows: &Rows, times: &[String], keys: &[Key], go_on: &dyn Fn() -> bool) -> Found {
    if rows.rows.len() < LEAST_ROWS {
        return Some(None);
    }
    let mut found: Vec<Dependence> = Vec::new();
    let of_keys = keys.iter().map(|key| {
        let sample = rows.column(&key.name).and_then(|column| Sample::of_groups(rows, column, key));
        (Nearness::Group(key.name.clone()), sample)
    });
    let of_times = times.iter().map(|name| {
        (Nearness::Time(name.clone()), rows.column(name).and_then(|column| Sample::of_times(rows, column)))
    });
    // One after another, so that one sample is held at a time.
    let of_order = std::iter::once_with(|| (Nearness::Order, Sample::of_order(rows)));
    let samples = of_keys.chain(of_times).chain(of_order);
    for (by, sample) in samples {
        if let Some(sample) = sample {
            found.extend(compare(rows, by, &sample, go_on)?);
        }
    }
    // A column says more than that rows are neighbours, and comes first; of equals the first is kept.
    let lost = |one: &Dependence| one.random - one.apart - if one.by == Nearness::Order { 0.1 } else { 0.0 };
    Some(found.into_iter().rev().max_by(|a, b| lost(a).total_cmp(&lost(b))))
}

/// Compares both ways of leaving rows out; `Some(None)` where they come to much the same.
fn compare(rows: &Rows, by: Nearness, sample: &Sample, go_on: &dyn Fn() -> bool) -> Found {
    let inputs = Inputs::of(rows, &sample.places);
    let mut random = ChaCha8Rng::seed_from_u64(rows.seed);
    let by_content: Vec<u8> = sample.places.iter().map(|place| fold_of(rows.hashes[*place])).collect();
    let at_random = cross_answers(&inputs, &by_content, &mut random, go_on)?;
    let apart = cross_answers(&inputs, &sample.folds(), &mut random, go_on)?;
    let (losses, others) = (inputs.losses(&at_random), inputs.losses(&apart));
    let count = losses.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let more: Vec<f64> = others.iter().zip(&losses).map(|(apart, random)| apart - random).collect();
    let (lost, loss) = (mean(&more), mean(&losses));
    let deviation = (more.iter().map(|more| (more - lost).powi(2)).sum::<f64>() / count).sqrt();
    let is_much = lost > MUCH * inputs.spread() && loss + lost > TIMES * loss;
    let (random, apart) = (inputs.measure(&at_random), inputs.measure(&apart));
    let is_sure = lost > SURE * deviation / count.sqrt();
    let depends = is_sure && is_much && random - apart > MUCH / 2.0;
    Some(depends.then_some(Dependence { by, rows: losses.len(), random, apart }))
}

/// The fold of a hash.
fn fold_of(hash: u64) -> u8 {
    // The high half, as splits go by the size of a hash; 0 to FOLDS − 1.
    (((hash >> 32) * FOLDS as u64) >> 32) as u8
}
