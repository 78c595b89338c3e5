//! How the values of each feature were distributed over the training rows, to be held later against what a version is
//! asked about (drift).
//!
//! A histogram is small whatever the column: numbers and times fall into 20 bins that are equally wide on the
//! feature's robust scale, so that one outlier does not take all of them; words into at most 32, and one for words that
//! have no place of their own. Numbers need no sorting, and of very many rows some are counted.

use super::encode::Encoder;
use super::encoding::Encoding;
use super::error::EncodeError;
use super::feature::Feature;
use super::scale::Scale;
use super::target::Target;
use crate::data::column::{Table, Values, Words};

/// Bins of numbers and times.
const NUMBER_BINS: usize = 20;
/// Bins of words that have a place of their own; of more words, neighbours in order share one.
const WORD_BINS: usize = 32;
/// Bins of the numbers that a version answers.
const DECILES: usize = 10;
/// Rows that are counted at most, evenly spaced: shares are then known to about a third of a percent.
const MAX_ROWS: usize = 100_000;

/// How many rows have a value in each bin of a feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Where a bin of numbers ends and the next begins, ascending, one less than there are bins: times in microseconds
    /// since 1970. A value at a bound belongs to the bin above. None for a feature that is no number or time.
    pub bounds: Vec<f64>,
    /// Rows in each bin: numbers from below to above; false, true; words in their order in the encoder, then all others.
    pub counts: Vec<u32>,
    /// Rows without a value.
    pub missing: u32,
}

impl Histogram {
    /// The histogram of each feature of `encoder`, in their order, over the rows named of `table`, which has a column for
    /// each of them.
    ///
    /// # Errors
    /// A column is missing, or cannot be read as the feature's type.
    pub fn of_features(encoder: &Encoder, table: &Table, rows: &[usize]) -> Result<Vec<Histogram>, EncodeError> {
        let count = rows.len().min(MAX_ROWS);
        let rows: Vec<usize> = (0..count).map(|i| rows[i * rows.len() / count]).collect();
        let mut next = 0;
        let of_feature = |feature: &Feature| {
            let at = table.position(next, &feature.name);
            let at = at.ok_or_else(|| EncodeError::NoColumn(feature.name.clone()))?;
            next = at + 1;
            Ok(Histogram::of(
                feature,
                &table.columns[at].of_kind(feature.kind, feature.writing.reading())?.values,
                &rows,
            ))
        };
        encoder.features.iter().map(of_feature).collect()
    }

    fn of(feature: &Feature, values: &Values, rows: &[usize]) -> Self {
        let mut histogram = Histogram::empty(feature);
        match values {
            Values::Numeric(values) => {
                rows.iter().for_each(|row| histogram.add_number(Some(values[*row]).filter(|x| !x.is_nan())));
            }
            Values::Datetime(values) => {
                rows.iter().for_each(|row| histogram.add_number(values[*row].map(|at| at as f64)))
            }
            Values::Boolean(values) => rows.iter().for_each(|row| histogram.add(values[*row].map(usize::from))),
            Values::Words(words) => {
                let bins = word_bins(feature, words);
                let bin = |code: u32| (code != Words::MISSING).then(|| bins[code as usize]);
                rows.iter().for_each(|row| histogram.add(bin(words.codes[*row])));
            }
        }
        histogram
    }

    /// The bins of a feature, with nothing in them yet.
    fn empty(feature: &Feature) -> Self {
        let bounds = match &feature.encoding {
            Encoding::Numeric { scale, .. } | Encoding::Datetime { scale, .. } => bounds(scale),
            _ => Vec::new(),
        };
        Histogram { counts: vec![0; Histogram::bins(feature)], bounds, missing: 0 }
    }

    /// How many bins a feature has.
    fn bins(feature: &Feature) -> usize {
        match &feature.encoding {
            Encoding::Numeric { .. } | Encoding::Datetime { .. } => NUMBER_BINS,
            // Of texts: some word has a code, or none.
            Encoding::Boolean { .. } | Encoding::Text { .. } => 2,
            _ => feature.words().len().min(WORD_BINS) + 1,
        }
    }

    /// How many bounds there are between the bins, if this is of `feature`.
    pub fn bounds_of(&self, feature: &Feature) -> usize {
        let numbers = matches!(feature.encoding, Encoding::Numeric { .. } | Encoding::Datetime { .. });
        if numbers { self.counts.len().saturating_sub(1) } else { 0 }
    }

    /// Whether this may be a histogram of `feature`: one that a file holds need not be.
    pub fn fits(&self, feature: &Feature) -> bool {
        let ascending = self.bounds.is_sorted() && self.bounds.iter().all(|bound| bound.is_finite());
        !self.counts.is_empty() && self.bounds.len() == self.bounds_of(feature) && ascending
    }

    /// The histogram of numbers that fall into ten bins of about as many each: as they come, and however they are distributed.
    ///
    /// # Panics
    /// If one of them is not a number.
    pub fn of_numbers(mut numbers: Vec<f64>) -> Self {
        numbers.sort_unstable_by(f64::total_cmp);
        let mut bounds: Vec<f64> =
            (1..DECILES).filter_map(|k| numbers.get(k * numbers.len() / DECILES).copied()).collect();
        bounds.dedup();
        let mut histogram = Histogram { counts: vec![0; bounds.len() + 1], bounds, missing: 0 };
        numbers.into_iter().for_each(|number| histogram.add_number(Some(number)));
        histogram
    }

    /// The histogram of a classifier's answers, of which there are `counts` of each class: of more than 32 classes neighbours
    /// share a bin.
    pub fn of_classes(counts: &[u32]) -> Self {
        let bins = counts.len().min(WORD_BINS);
        let mut histogram = Histogram { bounds: Vec::new(), counts: vec![0; bins], missing: 0 };
        counts.iter().enumerate().for_each(|(class, count)| histogram.counts[class * bins / counts.len()] += count);
        histogram
    }

    /// Whether this may be a histogram of what is answered for `target`.
    pub fn fits_answers(&self, target: &Target) -> bool {
        let ascending = self.bounds.is_sorted() && self.bounds.iter().all(|bound| bound.is_finite());
        match target.classes().len() {
            0 => self.counts.len() == self.bounds.len() + 1 && ascending,
            classes => self.bounds.is_empty() && (1..=classes).contains(&self.counts.len()),
        }
    }

    fn add_number(&mut self, value: Option<f64>) {
        self.add(value.map(|value| self.bounds.partition_point(|bound| *bound <= value)));
    }

    fn add(&mut self, bin: Option<usize>) {
        *bin.map_or(&mut self.missing, |bin| &mut self.counts[bin]) += 1;
    }
}

/// The values that divide a robust scale, −3 to 3 behind its smooth clip z/√(1 + (z/3)²), into equal parts.
fn bounds(scale: &Scale) -> Vec<f64> {
    let bound = |bin: usize| {
        let clipped = 6.0 * bin as f64 / NUMBER_BINS as f64 - 3.0;
        let z = clipped / (1.0 - (clipped / 3.0).powi(2)).sqrt();
        (scale.center + scale.width * z).clamp(f64::MIN, f64::MAX)
    };
    (1..NUMBER_BINS).map(bound).collect()
}

/// Places of their own that words of a feature have: of texts one, for those with a word that has a code.
pub(super) fn places_of(feature: &Feature) -> usize {
    if matches!(feature.encoding, Encoding::Text { .. }) { 1 } else { feature.words().len() }
}

/// The bin of each of `words`.
fn word_bins(feature: &Feature, words: &Words) -> Vec<usize> {
    let own = places_of(feature);
    let bins = own.min(WORD_BINS);
    let places = feature.word_places(&words.words);
    places.into_iter().map(|place| place.map_or(bins, |place| place * bins / own)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::column::{Column, ColumnType};
    use crate::data::encoder::{Known, Task};

    fn column(name: &str, kind: ColumnType, values: Values) -> Column {
        Column { name: name.into(), kind, values }
    }

    fn words(words: impl Iterator<Item = String>) -> Values {
        let mut found = Words::default();
        for word in words {
            let code = found.words.iter().position(|known| *known == word).unwrap_or(found.words.len());
            if code == found.words.len() {
                found.words.push(word);
            }
            found.codes.push(code as u32);
        }
        Values::Words(found)
    }

    fn histograms(columns: Vec<Column>, rows: usize, counted: &[usize]) -> Vec<Histogram> {
        let target =
            column("y", ColumnType::Boolean, Values::Boolean((0..rows).map(|row| Some(row % 2 == 0)).collect()));
        let table = Table { columns: columns.into_iter().chain([target]).collect(), rows };
        let all: Vec<usize> = (0..rows).collect();
        let encoder =
            Encoder::fit(&table, "y", Task::Classification, &all, &Known::default()).expect("columns to learn from");
        let found = Histogram::of_features(&encoder, &table, counted).expect("the same columns");
        assert!(found.iter().zip(&encoder.features).all(|(histogram, feature)| histogram.fits(feature)));
        found
    }

    /// Of 0 to 100 the median is 50 and the interquartile range 50, so that the bound of the scale's end is at
    /// 50 + 50 · 2.7/√(1 − 0.81) = 359.7 and that next to the middle at 50 + 50 · 0.3/√(1 − 0.01) = 65.08: 16 numbers lie
    /// from 50 to 65.
    #[test]
    fn numbers_fall_into_bins_that_outliers_do_not_stretch() {
        let values = (0..=100).map(f64::from).chain([f64::NAN, 1e300]).collect();
        let all: Vec<usize> = (0..103).collect();
        let found = &histograms(vec![column("x", ColumnType::Numeric, Values::Numeric(values))], 103, &all)[0];
        assert_eq!((found.counts.len(), found.bounds.len(), found.missing), (20, 19, 1));
        assert_eq!(found.counts.iter().sum::<u32>(), 102);
        assert_eq!((found.counts[19], found.counts[0]), (1, 0), "the outlier has the last bin for itself");
        assert!(found.counts[8..12].iter().all(|count| (14..=17).contains(count)), "{found:?}");
    }

    #[test]
    fn words_and_flags_are_counted_in_their_order() {
        let kinds = words((0..60).map(|row| ["b", "a", "rare"][if row == 7 { 2 } else { row % 2 }].to_owned()));
        let flags = Values::Boolean((0..60).map(|row| (row % 3 > 0).then_some(row % 3 == 1)).collect());
        let columns = vec![column("kind", ColumnType::Categorical, kinds), column("flag", ColumnType::Boolean, flags)];
        let all: Vec<usize> = (0..60).collect();
        let found = histograms(columns.clone(), 60, &all);
        assert_eq!(found[0], Histogram { bounds: vec![], counts: vec![29, 30, 1], missing: 0 });
        assert_eq!(found[1], Histogram { bounds: vec![], counts: vec![20, 20], missing: 20 });
        assert_eq!(histograms(columns, 60, &[0, 2, 4])[0].counts, [0, 3, 0], "the rows named alone");
    }

    #[test]
    fn very_many_words_and_rows_stay_few_counts() {
        let (rows, different) = (200_000, 500);
        let many = words((0..rows).map(|row| format!("w{:03}", row % different)));
        let all: Vec<usize> = (0..rows).collect();
        let found = &histograms(vec![column("w", ColumnType::Categorical, many)], rows, &all)[0];
        assert_eq!((found.counts.len(), found.counts.iter().sum::<u32>()), (33, 100_000));
        assert!(found.counts[..32].iter().all(|count| (2_700..3_300).contains(count)), "{:?}", found.counts);
    }

    #[test]
    fn answers_fall_into_ten_bins_of_about_as_many_each() {
        let found = Histogram::of_numbers((0..1000).map(|x| f64::from(x).powi(3)).collect());
        assert_eq!((found.bounds.len(), &found.counts), (9, &vec![100; 10]));
        let same = Histogram::of_numbers(vec![4.0; 50]);
        assert_eq!((same.bounds, same.counts), (vec![4.0], vec![0, 50]));
        let two = Histogram::of_numbers([1.0, 2.0].repeat(50));
        assert_eq!((two.bounds, two.counts), (vec![1.0, 2.0], vec![0, 50, 50]));
    }
}
