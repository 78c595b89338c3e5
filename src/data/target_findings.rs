//! What is worth knowing about a target and the columns beside it, before a training.

use std::collections::HashMap;

use crate::data::alike_words::alike_words;
use crate::data::column::{Column, Table, Values};
use crate::data::encoder::{Task, classes};
use crate::data::profile::Finding;
use crate::data::separation::held_out_error;
use crate::data::values::{format_number, is_missing_word};
use crate::wording::Shown;

/// A class has few of the training rows.
pub const CLASS_IMBALANCE: &str = "class_imbalance";
/// A regression target has so few values that they may be meant as classes.
pub const FEW_TARGET_VALUES: &str = "few_target_values";
/// Few rows hold most of the variance of a regression target.
pub const TARGET_OUTLIERS: &str = "target_outliers";
/// A class below this share of the rows is rarely learned without care.
const IMBALANCE_SHARE: f64 = 0.05;
/// Classes with fewer training rows can neither be learned nor measured.
const FEW_ROWS: u64 = 10;
/// A regression target with so few values may be meant as classes.
const FEW_VALUES: usize = 20;
/// Of fewer values a single one holds much of the variance as a rule.
const LEAST_VALUES: usize = 50;
/// The share of the variance that few rows hold where they outweigh all others.
const OUTWEIGHING: f64 = 0.5;
/// A single column that answers so well has most likely been made from the target.
const LEAKAGE: f64 = 0.999;
/// Rows in each bin of a numeric column whose answers are counted: few would fit any target by chance.
const BIN_ROWS: usize = 20;
/// Most bins.
const MAX_BINS: usize = 256;
/// A column that parts the classes on rows held out errs less than this share of what a constant answer errs.
const PARTED: f64 = 0.01;
/// A column is looked at only where a constant answer is this much worse than perfect.
const ROOM: f64 = 0.01;

/// Findings about `target` and the columns beside it, on the training rows named.
pub fn about_target(table: &Table, target: &str, task: Task, rows: &[usize]) -> Vec<Finding> {
    let Some(answer) = table.column(target) else { return Vec::new() };
    let mut found = Vec::new();
    let without = (0..table.rows).filter(|row| answer.values.is_missing(*row)).count();
    if without > 0 {
        let message = format!(
            "{without} rows have no value of the target {target:?}: they are not trained on. Fill in what is known."
        );
        found.push(finding("target_missing", message, target));
    }
    match task {
        Task::Classification => about_classes(answer, rows, &mut found),
        Task::Regression => about_values(answer, rows, &mut found),
    }
    found.extend(table.columns.iter().filter_map(|column| alike_words(column, column.name == target)));
    let suspicion = Suspicion::of(answer, task, rows);
    let others = table.columns.iter().filter(|column| column.name != target);
    found.extend(suspicion.iter().flat_map(|suspicion| others.clone().filter_map(|column| suspicion.leakage(column))));
    found
}

fn finding(code: &str, message: String, column: &str) -> Finding {
    Finding { code: code.to_owned(), message, column: Some(column.to_owned()) }
}

fn about_classes(answer: &Column, rows: &[usize], found: &mut Vec<Finding>) {
    let counted = classes(answer, rows);
    let few: Vec<String> = counted
        .iter()
        .filter(|(_, count)| *count < FEW_ROWS)
        .map(|(class, n)| format!("{} ({n})", Shown(class)))
        .collect();
    if !few.is_empty() {
        let message = format!(
            "these classes have fewer than {FEW_ROWS} training rows: {}: collect more, or merge them",
            few.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
        );
        found.push(finding("few_rows_per_class", message, &answer.name));
    }
    let missing = counted.iter().filter(|(class, _)| is_missing_word(class));
    let missing: Vec<String> = missing.map(|(class, count)| format!("{} ({count})", Shown(class))).collect();
    if !missing.is_empty() {
        let message = format!(
            "the target has words that may mean that there is no value, each so often: {}. They are learned as classes, and answered; if \
             nobody knows the answer of these rows, store the data again with the words named: missing=…",
            missing.join(", ")
        );
        found.push(finding("missing_words", message, &answer.name));
    }
    let Some((rarest, count)) = counted.iter().min_by_key(|(_, count)| *count) else { return };
    let share = *count as f64 / rows.len() as f64;
    if share < IMBALANCE_SHARE && counted.len() < 20 {
        let message = format!(
            "class {rarest:?} is {:.2} % of the training rows: look at macro_f1 and roc_auc rather than accuracy; \
             class_weight can weigh it up, and then its probabilities are far above how often it occurs",
            100.0 * share
        );
        found.push(finding(CLASS_IMBALANCE, message, &answer.name));
    }
}

fn about_values(answer: &Column, rows: &[usize], found: &mut Vec<Finding>) {
    let Values::Numeric(values) = &answer.values else { return };
    found.extend(outweighing(values, &answer.name));
    let whole = rows.iter().all(|row| values[*row].fract() == 0.0);
    let distinct = if whole { classes(answer, rows).len() } else { usize::MAX };
    if distinct <= FEW_VALUES && rows.len() >= 5 * distinct {
        let message = format!(
            "the target has only {distinct} different whole numbers: if they are classes, create the model with \
             task=classification"
        );
        found.push(finding(FEW_TARGET_VALUES, message, &answer.name));
    }
}

/// A finding where one row in a thousand, or a single one, holds most of what the values differ from their median by, squared. Rows
/// held out count as well: measures hang on them alike.
fn outweighing(values: &[f64], target: &str) -> Option<Finding> {
    let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    if known.len() < LEAST_VALUES {
        return None;
    }
    let half = known.len() / 2;
    let median = *known.select_nth_unstable_by(half, f64::total_cmp).1;
    // In units of the largest one, so that no square is infinite.
    let away = |value: &f64| (value / 2.0 - median / 2.0).abs();
    let largest = known.iter().map(away).fold(0.0, f64::max);
    if largest == 0.0 {
        return None;
    }
    let most = (known.len() / 1000).max(1);
    known.select_nth_unstable_by(most - 1, |a, b| away(b).total_cmp(&away(a)));
    let squares = |values: &[f64]| values.iter().map(|value| (away(value) / largest).powi(2)).sum::<f64>();
    let of_few = squares(&known[..most]);
    let share = of_few / (of_few + squares(&known[most..]));
    let farthest = known[..most].iter().max_by(|a, b| away(a).total_cmp(&away(b)))?;
    let few = if most == 1 { "one row holds".to_owned() } else { format!("{most} rows hold") };
    let advice = match known.iter().all(|value| *value >= 0.0) {
        true => "; if it is true, target_scale log1p makes less of large values",
        false => "",
    };
    (share > OUTWEIGHING).then(|| {
        let message = format!(
            "{few} {:.1} % of the variance of the target (its value is {}, the median {}): the network learns that, and RMSE and \
             R² measure little else. If it is a mistake, mend it or leave the row out{advice}",
            100.0 * share,
            format_number(*farthest),
            format_number(median)
        );
        finding(TARGET_OUTLIERS, message, target)
    })
}

/// What columns are compared with, made once for all of them.
struct Suspicion<'a> {
    answer: &'a Column,
    rows: &'a [usize],
    /// The class of each row; none for a regression.
    labels: Option<Vec<u32>>,
    /// The share of rows that a constant answer gets wrong.
    error: f64,
}

impl<'a> Suspicion<'a> {
    /// Of a target; `None` where a constant answer is too good for columns to be suspicious.
    fn of(answer: &'a Column, task: Task, rows: &'a [usize]) -> Option<Self> {
        let labels = (task == Task::Classification).then(|| labels(answer, rows));
        let constant = labels.as_ref().map_or(0.0, |labels| purity(&vec![0; rows.len()], labels));
        let error = 1.0 - constant;
        (error >= ROOM).then_some(Suspicion { answer, rows, labels, error })
    }

    /// Whether a column alone all but gives the target away.
    fn leakage(&self, column: &Column) -> Option<Finding> {
        let tells = match (&self.labels, &column.values, &self.answer.values) {
            (None, Values::Numeric(x), Values::Numeric(y)) => correlation(x, y, self.rows)?.abs() >= LEAKAGE,
            (None, ..) => return None,
            (Some(labels), values, _) => {
                let is_pure = || bins(values, self.rows).is_some_and(|bins| purity(&bins, labels) >= LEAKAGE);
                let error = || held_out_error(&numbers(values, self.rows)?, labels);
                is_pure() || error().is_some_and(|error| error <= PARTED * self.error)
            }
        };
        tells.then(|| {
            let message = format!(
                "column {:?} all but gives the target {:?} away: if it is not known when a prediction is asked for, leave \
                 it out of `features`",
                column.name, self.answer.name
            );
            finding("target_leakage", message, &column.name)
        })
    }
}

fn labels(answer: &Column, rows: &[usize]) -> Vec<u32> {
    // Words have their numbers already.
    if let Values::Words(words) = &answer.values {
        return rows.iter().map(|row| words.codes[*row]).collect();
    }
    let mut known: HashMap<String, u32> = HashMap::new();
    let label = |row: &usize| {
        let next = known.len() as u32;
        *known.entry(answer.values.text(*row).unwrap_or_default()).or_insert(next)
    };
    rows.iter().map(label).collect()
}

/// A bin for each row: of words by word, of numbers by rank, equal values together. `None` where the bins would be too
/// small to prove anything.
fn bins(values: &Values, rows: &[usize]) -> Option<Vec<u32>> {
    match values {
        Values::Words(words) => {
            let codes: Vec<u32> = rows.iter().map(|row| words.codes[*row]).collect();
            let mut seen = codes.clone();
            seen.sort_unstable();
            seen.dedup();
            (seen.len() * BIN_ROWS <= rows.len()).then_some(codes)
        }
        Values::Boolean(values) => Some(rows.iter().map(|row| values[*row].map_or(2, u32::from)).collect()),
        Values::Numeric(_) | Values::Datetime(_) => by_rank(numbers(values, rows)?),
    }
}

/// Numbers and times as numbers, missing ones NaN; `None` of other values.
fn numbers(values: &Values, rows: &[usize]) -> Option<Vec<f64>> {
    match values {
        Values::Numeric(values) => Some(rows.iter().map(|row| values[*row]).collect()),
        Values::Datetime(values) => {
            Some(rows.iter().map(|row| values[*row].map_or(f64::NAN, |at| at as f64)).collect())
        }
        Values::Boolean(_) | Values::Words(_) => None,
    }
}

/// Bins of present values by rank; missing ones (NaN) have a bin of their own, since that a value is there may tell all.
fn by_rank(values: Vec<f64>) -> Option<Vec<u32>> {
    let mut order: Vec<usize> = (0..values.len()).filter(|row| !values[*row].is_nan()).collect();
    let (present, missing) = (order.len(), values.len() - order.len());
    let least = if missing < BIN_ROWS { 2 * BIN_ROWS } else { BIN_ROWS };
    if present < least {
        return None;
    }
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let size = present.div_ceil((present / BIN_ROWS).min(MAX_BINS));
    let mut bins = vec![u32::MAX; values.len()];
    let (mut bin, mut held) = (0, 0);
    for (rank, row) in order.iter().enumerate() {
        if rank > 0 && values[*row] != values[order[rank - 1]] && held >= size {
            (bin, held) = (bin + 1, 0);
        }
        bins[*row] = bin;
        held += 1;
    }
    Some(bins)
}

/// The share of rows that are right if each bin answers with its most frequent label.
fn purity(bins: &[u32], labels: &[u32]) -> f64 {
    let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
    bins.iter().zip(labels).for_each(|(bin, label)| *counts.entry((*bin, *label)).or_default() += 1);
    let mut best: HashMap<u32, u64> = HashMap::new();
    for ((bin, _), count) in counts {
        let most = best.entry(bin).or_default();
        *most = count.max(*most);
    }
    best.values().sum::<u64>() as f64 / labels.len() as f64
}

/// Pearson's correlation over the rows that have both; `None` where one does not vary or there are few rows.
fn correlation(x: &[f64], y: &[f64], rows: &[usize]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = rows.iter().map(|row| (x[*row], y[*row])).filter(|(x, _)| !x.is_nan()).collect();
    if pairs.len() < BIN_ROWS || pairs.len() * 2 < rows.len() {
        return None;
    }
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (mx, my) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(x, y)| of(x - mx, y - my)).sum::<f64>();
    let (xx, yy, xy) = (sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y));
    let both = (xx * yy).sqrt();
    (both > 0.0 && both.is_finite()).then(|| xy / both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::column::ColumnType;

    fn table(columns: Vec<(&str, Vec<f64>)>) -> Table {
        let rows = columns[0].1.len();
        let column = |(name, values): (&str, Vec<f64>)| Column {
            name: name.into(),
            kind: ColumnType::Numeric,
            values: Values::Numeric(values),
        };
        Table { columns: columns.into_iter().map(column).collect(), rows }
    }

    fn codes(table: &Table, task: Task) -> Vec<String> {
        let rows: Vec<usize> = (0..table.rows).collect();
        about_target(table, "y", task, &rows).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_column_made_from_the_target_is_named() {
        let y: Vec<f64> = (0..400).map(|i| f64::from(i * 7 % 3)).collect();
        let copied: Vec<f64> = y.iter().map(|y| y * 10.0 - 3.0).collect();
        let noise: Vec<f64> = (0..400).map(|i| f64::from(i * 37 % 101)).collect();
        assert_eq!(
            codes(&table(vec![("a", copied.clone()), ("y", y.clone())]), Task::Classification),
            ["target_leakage"]
        );
        assert!(codes(&table(vec![("a", noise.clone()), ("y", y)]), Task::Classification).is_empty());
        let value: Vec<f64> = noise.iter().map(|x| 2.5 * x + 0.1).collect();
        assert_eq!(codes(&table(vec![("a", noise), ("y", value)]), Task::Regression), ["target_leakage"]);
    }

    #[test]
    fn a_column_that_is_there_for_one_class_alone_is_named() {
        let y: Vec<f64> = (0..400).map(|i| f64::from(i * 7 % 3 / 2)).collect();
        let bill = |row: usize| if y[row] == 1.0 { (row * 37 % 101) as f64 } else { f64::NAN };
        let told = table(vec![("bill", (0..400).map(bill).collect()), ("y", y.clone())]);
        assert_eq!(codes(&told, Task::Classification), ["target_leakage"]);
        // Gaps that have nothing to do with the class tell nothing.
        let gaps = |row: usize| if row % 5 < 2 { f64::NAN } else { (row * 37 % 101) as f64 };
        let untold = table(vec![("x", (0..400).map(gaps).collect()), ("y", y)]);
        assert!(codes(&untold, Task::Classification).is_empty());
    }

    #[test]
    fn a_column_of_continuous_numbers_that_parts_the_classes_is_named() {
        let y: Vec<f64> = (0..800).map(|i| f64::from(i * i % 7 % 2)).collect();
        let noise = |row: usize| (row as f64 * 0.754_877_666).fract() * 5.0;
        let of = |apart: f64| (0..800).map(|row| noise(row) + apart * y[row]).collect();
        let found = |apart: f64| codes(&table(vec![("k", of(apart)), ("y", y.clone())]), Task::Classification);
        assert_eq!(found(6.0), ["target_leakage"]);
        // A strong column, yet one row in thirty errs.
        assert!(found(4.5).is_empty());
    }

    #[test]
    fn rare_classes_and_missing_targets_are_counted() {
        let mut y = vec![0.0; 300];
        y[..5].fill(1.0);
        y[299] = f64::NAN;
        let x: Vec<f64> = (0..300).map(f64::from).collect();
        let table = table(vec![("x", x), ("y", y)]);
        let rows: Vec<usize> = (0..299).collect();
        let found: Vec<String> =
            about_target(&table, "y", Task::Classification, &rows).into_iter().map(|finding| finding.code).collect();
        assert_eq!(found, ["target_missing", "few_rows_per_class", "class_imbalance"]);
    }

    /// Of 599 values between 0 and 5 and one of 1e9 that one holds all of the variance; of 1/u², with u spread over 600 rows, the
    /// largest holds 92 %; of 1/√u a quarter.
    #[test]
    fn a_value_that_outweighs_all_others_is_named() {
        let noise: Vec<f64> = (0..600).map(|i| f64::from(i * 37 % 101) / 20.0).collect();
        let mut mistyped = noise.clone();
        mistyped[311] = 1e9;
        let of = |y: Vec<f64>| codes(&table(vec![("y", y)]), Task::Regression);
        assert_eq!(of(mistyped), ["target_outliers"]);
        assert!(of(noise).is_empty());
        let heavy = |power: f64| (1..=600).map(|i| f64::from(i).powf(-power)).collect();
        assert_eq!(of(heavy(2.0)), ["target_outliers"]);
        assert!(of(heavy(0.5)).is_empty());
        let mut huge = vec![1.0; 60];
        huge[7] = -f64::MAX;
        assert_eq!(of(huge)[0], "target_outliers");
    }

    #[test]
    fn a_regression_on_a_handful_of_whole_numbers_is_questioned() {
        let y: Vec<f64> = (0..100).map(|i| f64::from(i % 4)).collect();
        let x: Vec<f64> = (0..100).map(|i| f64::from(i * 13 % 17)).collect();
        assert_eq!(codes(&table(vec![("x", x), ("y", y)]), Task::Regression), ["few_target_values"]);
    }
}
