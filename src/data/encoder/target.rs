//! What is predicted: a class, or a number.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::error::EncodeError;
use super::numbers::Numbers;
use crate::data::column::{Column, ColumnType, Values};
use crate::data::limits::MAX_CLASS_CHARACTERS;
use crate::data::values::format_number;
use crate::wording::Shown;

/// Most classes of a target.
pub const MAX_CLASSES: usize = 1000;

/// Fewer rows do not say whether a target moves with time.
const MOVES_ROWS: usize = 10;

/// What is to be predicted of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of several classes.
    Classification,
    /// A number.
    Regression,
}

/// A number of at least 0 that is learned as ln(1 + y), and the line y = `intercept` + `slope` · (eᵘ − 1) through what is answered
/// as u: the mean of y is more than what the mean of its logarithm stands for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log1p {
    /// In the target's unit.
    pub intercept: f64,
    /// Above 0.
    pub slope: f64,
}

impl Log1p {
    /// Answers as they are.
    pub const PLAIN: Log1p = Log1p { intercept: 0.0, slope: 1.0 };
}

/// The column that is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Target {
    /// One of several classes.
    Classification {
        /// The column.
        name: String,
        /// What its values are.
        #[serde(rename = "type")]
        kind: ColumnType,
        /// The classes: numbers by size, words in order, false before true.
        classes: Vec<String>,
        /// Training rows of each class.
        counts: Vec<u64>,
    },
    /// A number, for the network standardised.
    Regression {
        /// The column.
        name: String,
        /// Mean of the training rows, on the scale that is learned.
        mean: f64,
        /// Standard deviation of the training rows there (n in the denominator); 1 where they do not vary.
        std: f64,
        /// Smallest value of the training's rows: no prediction is smaller, unless `least` is.
        min: f64,
        /// Largest value of the training's rows: no prediction is larger, unless `most` is.
        max: f64,
        /// What predictions are at least, of a target that falls with time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        least: Option<f64>,
        /// What predictions are at most, of a target that grows with time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        most: Option<f64>,
        /// Where it is learned as ln(1 + y).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log1p: Option<Log1p>,
        /// Whether it is learned as a rate, in units of its mean: then a network's output is ln of that.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rate: bool,
    },
}

impl Target {
    /// Fits on the training rows named, none of which lacks the target.
    ///
    /// # Errors
    /// `Target`: it has one class or too many, or is no number for a regression.
    pub fn fit(column: &Column, task: Task, rows: &[usize]) -> Result<Self, EncodeError> {
        let unfit = |reason: String| EncodeError::Target { name: column.name.clone(), reason };
        match task {
            Task::Classification if column.kind == ColumnType::Datetime => {
                Err(unfit("is datetime: each moment would be a class; name a column of classes or numbers".into()))
            }
            Task::Classification => {
                let counted = classes(column, rows);
                if counted.len() < 2 {
                    return Err(unfit("has a single class: there is nothing to tell apart".into()));
                }
                if counted.len() > MAX_CLASSES {
                    let classes = counted.len();
                    return Err(unfit(format!("has {classes} classes; {MAX_CLASSES} is the most")));
                }
                if let Some(long) = long_class(counted.iter().map(|(class, _)| class)) {
                    return Err(unfit(long));
                }
                let (classes, counts) = counted.into_iter().unzip();
                Ok(Target::Classification { name: column.name.clone(), kind: column.kind, classes, counts })
            }
            Task::Regression => {
                let Values::Numeric(values) = &column.values else {
                    return Err(unfit(format!("is {}: a regression needs numbers", column.kind.word())));
                };
                let values = || rows.iter().map(|row| values[*row]);
                let (mean, std) = mean_and_deviation(values);
                let (min, max) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), y| (a.min(y), b.max(y)));
                if !std.is_finite() || !mean.is_finite() {
                    return Err(unfit("has values too large to compute with".into()));
                }
                let (name, [least, most]) = (column.name.clone(), [None; 2]);
                Ok(Target::Regression { name, mean, std, min, max, least, most, log1p: None, rate: false })
            }
        }
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        match self {
            Target::Classification { name, .. } | Target::Regression { name, .. } => name,
        }
    }

    /// What the column's values are.
    pub fn kind(&self) -> ColumnType {
        match self {
            Target::Classification { kind, .. } => *kind,
            Target::Regression { .. } => ColumnType::Numeric,
        }
    }

    /// The task.
    pub fn task(&self) -> Task {
        match self {
            Target::Classification { .. } => Task::Classification,
            Target::Regression { .. } => Task::Regression,
        }
    }

    /// The classes, if it has any.
    pub fn classes(&self) -> &[String] {
        match self {
            Target::Classification { classes, .. } => classes,
            Target::Regression { .. } => &[],
        }
    }

    /// Outputs of a network that predicts it: a probability for each class, one for two of them, or a number.
    pub fn outputs(&self) -> usize {
        match self.classes().len() {
            0 | 2 => 1,
            classes => classes,
        }
    }

    /// The class of each row named.
    ///
    /// # Errors
    /// `Class`: a row has one that the model does not have.
    pub fn labels(&self, column: &Column, rows: &[usize]) -> Result<Vec<u32>, EncodeError> {
        let known: HashMap<&str, u32> =
            self.classes().iter().zip(0..).map(|(class, index)| (class.as_str(), index)).collect();
        let numbers = Numbers::among(self.classes().iter());
        let label = |row: &usize| {
            let class = column.values.text(*row).unwrap_or_default();
            let exact = known.get(class.as_str()).copied();
            let place = exact.or_else(|| numbers.place(&class).map(|place| place as u32));
            place.ok_or_else(|| EncodeError::Class { row: *row, name: column.name.clone(), class })
        };
        rows.iter().map(label).collect()
    }

    /// The same for training rows that come to those that it was fitted on: its range takes theirs in, and its counts are theirs. The
    /// scale stays, and with it that what is below 0 counts as 0 where it is learned as ln(1 + y).
    pub fn also_of(&self, column: &Column, rows: &[usize]) -> Self {
        let mut target = self.clone();
        target.take_in(column, rows);
        if let Target::Classification { counts, .. } = &mut target {
            // A class that the model does not have is refused where rows are encoded.
            if let Ok(labels) = self.labels(column, rows) {
                counts.fill(0);
                labels.into_iter().for_each(|label| counts[label as usize] += 1);
            }
        }
        target
    }

    /// Takes the values of these rows into the range of the answers, of numbers.
    pub fn take_in(&mut self, column: &Column, rows: &[usize]) {
        if let (Target::Regression { min, max, log1p, rate, .. }, Values::Numeric(values)) = (self, &column.values) {
            let least = if log1p.is_some() || *rate { 0.0 } else { f64::MIN };
            let values = rows.iter().map(|row| values[*row].max(least)).filter(|value| value.is_finite());
            (*min, *max) = values.fold((*min, *max), |(min, max), value| (min.min(value), max.max(value)));
        }
    }

    /// Lets answers go beyond the range, by as much as it is wide, where the target moves with time: on the side on which half of the
    /// `later` rows, which it has taken in, lie beyond nine tenths of the `earlier` ones. None gets another sign than all rows have.
    pub fn follow(&mut self, column: &Column, earlier: &[usize], later: &[usize]) {
        let (Target::Regression { min, max, least, most, .. }, Values::Numeric(values)) = (self, &column.values) else {
            return;
        };
        if earlier.len().min(later.len()) < MOVES_ROWS {
            return;
        }
        let quantile = |rows: &[usize], share: f64| {
            let mut values: Vec<f64> = rows.iter().map(|row| values[*row]).collect();
            let at = (share * (values.len() - 1) as f64).round() as usize;
            *values.select_nth_unstable_by(at, f64::total_cmp).1
        };
        let (width, middle) = (*max - *min, quantile(later, 0.5));
        let (below, above) = ((*min - width).max(f64::MIN), (*max + width).min(f64::MAX));
        *least = (middle < quantile(earlier, 0.1)).then_some(if *min >= 0.0 { below.max(0.0) } else { below });
        *most = (middle > quantile(earlier, 0.9)).then_some(if *max <= 0.0 { above.min(0.0) } else { above });
    }

    /// Whether answers may go beyond the range of the rows: see [`Target::follow`].
    pub fn moves(&self) -> bool {
        matches!(self, Target::Regression { least: Some(_), .. } | Target::Regression { most: Some(_), .. })
    }

    /// What answers are kept within, of a number.
    fn bounds(&self) -> Option<(f64, f64)> {
        let Target::Regression { min, max, least, most, .. } = self else { return None };
        Some((least.unwrap_or(*min).min(*min), most.unwrap_or(*max).max(*max)))
    }

    /// The same on the scale that is learned.
    pub fn learned_bounds(&self) -> Option<(f64, f64)> {
        let (least, most) = self.bounds()?;
        Some((self.learned(least).into(), self.learned(most).into()))
    }

    /// The same learned as ln(1 + y), by its values in the training rows. `None` of classes, and where one is below 0.
    pub fn in_log_scale(&self, values: &[f64]) -> Option<Self> {
        let mut target = self.clone();
        let Target::Regression { mean, std, min, log1p, .. } = &mut target else { return None };
        (*mean, *std) = mean_and_deviation(|| values.iter().map(|y| y.ln_1p()));
        *log1p = Some(Log1p::PLAIN);
        (*min >= 0.0 && !values.is_empty()).then_some(target)
    }

    /// The same learned as a rate, for the loss `poisson`.
    ///
    /// # Errors
    /// `Target`: it has classes, or a value below 0.
    pub fn as_rate(self) -> Result<Self, EncodeError> {
        match self {
            Target::Regression { name, mean, min, max, least, most, .. } if min >= 0.0 => {
                let std = if mean > 0.0 { mean } else { 1.0 };
                Ok(Target::Regression { name, mean: 0.0, std, min, max, least, most, log1p: None, rate: true })
            }
            other => {
                let reason =
                    "has values below 0: the loss poisson needs counts, or other numbers of at least 0".to_owned();
                Err(EncodeError::Target { name: other.name().to_owned(), reason })
            }
        }
    }

    /// Whether it is learned as a rate.
    pub fn is_rate(&self) -> bool {
        matches!(self, Target::Regression { rate: true, .. })
    }

    /// The line through its answers, if it is learned as ln(1 + y).
    pub fn log1p(&self) -> Option<Log1p> {
        if let Target::Regression { log1p, .. } = self { *log1p } else { None }
    }

    /// The same with this line through its answers, if it is learned as ln(1 + y).
    pub fn with_line(mut self, line: Log1p) -> Self {
        if let Target::Regression { log1p: Some(log1p), .. } = &mut self {
            *log1p = line;
        }
        self
    }

    /// A value as it is learned: on its scale, standardised. What is below 0 counts as 0 there where it is learned as ln(1 + y), or
    /// as a rate.
    pub fn learned(&self, value: f64) -> f32 {
        match self {
            Target::Regression { mean, std, log1p: Some(_), .. } => ((value.max(0.0).ln_1p() - mean) / std) as f32,
            Target::Regression { std, rate: true, .. } => (value.max(0.0) / std) as f32,
            Target::Regression { mean, std, .. } => ((value - mean) / std) as f32,
            Target::Classification { .. } => value as f32,
        }
    }

    /// The standardised value of each row named.
    ///
    /// # Errors
    /// `Target`: the column is not numeric.
    pub fn standardised(&self, column: &Column, rows: &[usize]) -> Result<Vec<f32>, EncodeError> {
        let (Target::Regression { .. }, Values::Numeric(values)) = (self, &column.values) else {
            let reason = format!("is {}: a regression needs numbers", column.kind.word());
            return Err(EncodeError::Target { name: column.name.clone(), reason });
        };
        Ok(rows.iter().map(|row| self.learned(values[*row])).collect())
    }

    /// A network's output in the target's own unit, kept within the range of the rows that the training had, held out or not, or
    /// within what [`Target::follow`] lets it be.
    pub fn value(&self, output: f32) -> f64 {
        let Some((least, most)) = self.bounds() else { return f64::from(output) };
        let line = self.log1p().unwrap_or(Log1p::PLAIN);
        let output = if self.is_rate() { output.exp() } else { output };
        (line.intercept + line.slope * self.off_scale(output).clamp(least, most)).clamp(least, most)
    }

    /// What was learned as this, in the target's own unit: the reverse of [`Target::learned`].
    pub fn off_scale(&self, output: f32) -> f64 {
        match self {
            Target::Regression { mean, std, log1p, .. } => {
                let learned = f64::from(output) * std + mean;
                if log1p.is_some() { learned.exp_m1() } else { learned }
            }
            Target::Classification { .. } => f64::from(output),
        }
    }
}

/// The mean, and the standard deviation with n in the denominator; 1 where they do not vary.
fn mean_and_deviation<I: Iterator<Item = f64>>(values: impl Fn() -> I) -> (f64, f64) {
    let count = values().count() as f64;
    let mean = values().sum::<f64>() / count;
    let std = (values().map(|y| (y - mean).powi(2)).sum::<f64>() / count).sqrt();
    (mean, if std > 0.0 || std.is_nan() { std } else { 1.0 })
}

/// What is wrong with the first class that is too long, if one is.
pub(super) fn long_class<'a>(mut classes: impl Iterator<Item = &'a String>) -> Option<String> {
    let long = classes.find(|class| class.chars().count() > MAX_CLASS_CHARACTERS)?;
    let begins = Shown(long);
    Some(format!(
        "has a class of more than {MAX_CLASS_CHARACTERS} characters, which begins with {begins}: name classes shortly"
    ))
}

/// The classes of the rows named, in order, and how many rows each has.
pub fn classes(column: &Column, rows: &[usize]) -> Vec<(String, u64)> {
    match &column.values {
        Values::Numeric(values) => {
            let mut numbers: Vec<f64> = rows.iter().map(|row| values[*row]).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            let same = |a: &f64, b: &f64| a == b;
            numbers.chunk_by(same).map(|equal| (format_number(equal[0] + 0.0), equal.len() as u64)).collect()
        }
        values => {
            let mut counts: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
            let texts = rows.iter().filter_map(|row| values.text(*row));
            texts.for_each(|class| *counts.entry(class).or_default() += 1);
            counts.into_iter().collect()
        }
    }
}
