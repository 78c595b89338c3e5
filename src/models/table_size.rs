//! How large a model by data set and its columns will be: estimates from the columns' profiles, before an encoder is fitted.

use std::collections::HashSet;

use super::ModelError;
use super::recipe::MOST_WAVES;
use super::table::TableSpec;
use super::table_network::{BIN_DIMENSIONS, EMBEDDING_DIMENSIONS};
use crate::data::column::ColumnType;
use crate::data::encoder::{
    FIT_BYTES, Known, LEAST_BINS, MAX_ONE_HOT, MAX_TEXT_CODES, MAX_TEXT_WIDTH, MOST_BINNED, MOST_CODES, RARE_BELOW,
};
use crate::data::profile::{ColumnProfile, TableProfile};
use crate::learning::spec::{Embedding, ValidModelSpec};

/// A time takes its place on the scale, and two numbers for each cycle of the calendar that it varies in.
const DATETIME_WIDTH: usize = 9;

/// So many columns of numbers may turn out to be of no use in the rows to train on, where all were of use in the data set.
const SPARE: usize = 50;

/// The columns that a training reads of a data set, and what becomes of them.
pub struct ColumnsOf<'a> {
    spec: &'a TableSpec,
    /// Features that are read, and the target.
    read: Vec<&'a ColumnProfile>,
    rows: u64,
}

impl<'a> ColumnsOf<'a> {
    /// The columns of a data set with this profile that a training of `spec` reads. One that is `based` on a version may read
    /// any feature: in that version the column may have had another type.
    pub fn new(spec: &'a TableSpec, profile: &'a TableProfile, based: bool) -> Self {
        let left_out = Known::of(profile, &spec.features, spec.features_chosen).left_out;
        let hopeless: HashSet<&str> = left_out.iter().filter(|_| !based).map(|left| left.name.as_str()).collect();
        let read: HashSet<&str> = spec.features.iter().chain([&spec.target]).map(String::as_str).collect();
        let is_read = |column: &&ColumnProfile| {
            let name = column.name.as_str();
            read.contains(name) && (name == spec.target || !hopeless.contains(name))
        };
        ColumnsOf { spec, read: profile.columns.iter().filter(is_read).collect(), rows: profile.rows }
    }

    /// How many columns are read.
    pub fn count(&self) -> usize {
        self.read.len()
    }

    /// Memory of the values of a row as they are read, in bytes; words are counted apart.
    pub fn row_bytes(&self) -> usize {
        let bytes = self.read.iter().map(|column| match column.kind {
            ColumnType::Numeric => size_of::<f64>(),
            ColumnType::Boolean => size_of::<Option<bool>>(),
            ColumnType::Datetime => size_of::<Option<i64>>(),
            ColumnType::Categorical | ColumnType::Text => size_of::<u32>(),
        });
        bytes.sum()
    }

    /// Memory of counting the words of texts while an encoder is fitted, in bytes.
    pub fn counting_bytes(&self) -> usize {
        if self.features().any(|column| column.kind == ColumnType::Text) { FIT_BYTES } else { 0 }
    }

    /// Memory of the words of so many rows as the file has them and as they are handed on, in bytes, where their lengths are known.
    pub fn batch_word_bytes(&self, rows: usize) -> usize {
        let bytes = self.words().map(|column| column.batch_word_bytes(rows)).fold(0, u64::saturating_add);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The columns of words.
    fn words(&self) -> impl Iterator<Item = &'a ColumnProfile> + '_ {
        let is_of_words = |kind| matches!(kind, ColumnType::Categorical | ColumnType::Text);
        self.read.iter().copied().filter(move |column| is_of_words(column.kind))
    }

    /// Memory of their words while they are read, in bytes.
    pub fn word_bytes(&self) -> usize {
        let bytes = self.words().fold(0, |sum: u64, column| sum.saturating_add(column.dictionary_bytes()));
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    fn features(&self) -> impl Iterator<Item = &'a ColumnProfile> + '_ {
        self.read.iter().copied().filter(|column| column.name != self.spec.target)
    }

    /// About what a version's network is when it is trained on these columns: never smaller than it turns out.
    ///
    /// # Errors
    /// As [`TableSpec::network`].
    pub fn network(&self) -> Result<ValidModelSpec, ModelError> {
        self.network_with(&self.spec.hidden_layers)
    }

    /// The same of the linear model on these columns.
    ///
    /// # Errors
    /// As [`TableSpec::network`].
    pub fn linear(&self) -> Result<ValidModelSpec, ModelError> {
        self.network_with(&[])
    }

    /// The same of one with these hidden layers.
    ///
    /// # Errors
    /// As [`TableSpec::network`].
    pub fn network_with(&self, hidden: &[usize]) -> Result<ValidModelSpec, ModelError> {
        let (mut plain, mut numbers, mut embeddings) = (0, 0, Vec::new());
        // Some of them may turn out to be of no use in the rows to train on.
        let is_counted = |column: &&ColumnProfile| {
            matches!(column.kind, ColumnType::Numeric | ColumnType::Text) || may_be_embedded(column)
        };
        let counted = self.features().filter(is_counted).count();
        let bins = self.spec.may_have_bins(self.rows) && counted <= MOST_BINNED + SPARE;
        for column in self.features() {
            plain += plain_width(column, self.rows);
            numbers += usize::from(matches!(column.kind, ColumnType::Numeric | ColumnType::Datetime));
            if bins && column.kind == ColumnType::Numeric && column.distinct as usize >= LEAST_BINS {
                let values = (column.distinct as usize).min(MOST_CODES) + 2;
                embeddings.push(Embedding { values, dimensions: BIN_DIMENSIONS, bag: None });
            }
            if may_be_embedded(column) {
                let values = (column.distinct as usize).saturating_add(2);
                embeddings.push(Embedding { values, dimensions: EMBEDDING_DIMENSIONS, bag: None });
            }
            if column.kind == ColumnType::Text {
                embeddings.push(bag(column));
            }
        }
        // Which columns they are does not matter to a size; of somewhat too many for waves, some may be left out.
        let numbers = if numbers > MOST_WAVES + SPARE { numbers } else { numbers.min(MOST_WAVES) };
        let numbers = (0..numbers).collect();
        self.spec.dense(plain.max(1), numbers, embeddings, hidden, self.spec.classes.len())
    }
}

impl TableSpec {
    /// About what a version's network is when it is trained on these columns: for estimates, before an encoder is fitted.
    ///
    /// # Errors
    /// As [`TableSpec::network`].
    pub fn shape_on(&self, profile: &TableProfile) -> Result<ValidModelSpec, ModelError> {
        ColumnsOf::new(self, profile, false).network()
    }
}

/// Plain columns that a feature has at most in an encoded row.
fn plain_width(column: &ColumnProfile, rows: u64) -> usize {
    let missing = usize::from(column.missing > 0);
    match column.kind {
        ColumnType::Numeric | ColumnType::Boolean => 1 + missing,
        ColumnType::Datetime => DATETIME_WIDTH + missing,
        ColumnType::Text => missing,
        ColumnType::Categorical if is_embedded(column, rows) => 0,
        // One more for rare words.
        ColumnType::Categorical => (column.distinct as usize).min(MAX_ONE_HOT) + 1 + missing,
    }
}

/// The largest bag of a column of text. A text of n letters has at most so many words and pairs together, and a word or pair that
/// has a code stands in several rows.
fn bag(column: &ColumnProfile) -> Embedding {
    let (total, longest) = column.word_bytes.map_or((u64::MAX, u64::MAX), |words| (words.total, words.longest));
    let within = |bytes: u64, most: usize| usize::try_from(bytes).unwrap_or(usize::MAX).clamp(1, most);
    let values = within(total / RARE_BELOW as u64, MAX_TEXT_CODES) + 1;
    Embedding { values, dimensions: EMBEDDING_DIMENSIONS, bag: Some(within(longest, MAX_TEXT_WIDTH)) }
}

/// Whether a column of words may have more of them than have a plain column each.
fn may_be_embedded(column: &ColumnProfile) -> bool {
    column.kind == ColumnType::Categorical && column.distinct as usize > MAX_ONE_HOT
}

/// Whether a column of words surely has more frequent ones than have a plain column each: were there as few, then even with
/// each of them as frequent as can be they would not fill the rows. The rows held out make words rarer that are near the bound.
fn is_embedded(column: &ColumnProfile, rows: u64) -> bool {
    let Some(least) = column.top.last() else { return false };
    let known: u64 = column.top.iter().map(|word| word.count).sum();
    let others = MAX_ONE_HOT.saturating_sub(column.top.len()) as u64;
    let rare = column.distinct.saturating_sub(MAX_ONE_HOT as u64) * 2 * RARE_BELOW as u64;
    let rows = rows.saturating_sub(column.missing);
    may_be_embedded(column) && rows > known.saturating_add(others.saturating_mul(least.count)).saturating_add(rare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::profile::Frequent;

    fn column(distinct: u64, top: &[u64]) -> ColumnProfile {
        let top = top.iter().map(|count| Frequent { value: String::new(), count: *count }).collect();
        ColumnProfile {
            name: "word".into(),
            kind: ColumnType::Categorical,
            missing: 0,
            distinct,
            min: None,
            max: None,
            mean: None,
            std: None,
            word_bytes: None,
            top,
            date_order: None,
            format: None,
            missing_words: Vec::new(),
        }
    }

    #[test]
    fn words_take_a_code_where_there_are_surely_many_and_columns_where_they_may() {
        assert_eq!(plain_width(&column(5, &[2; 5]), 10), 6);
        assert_eq!(plain_width(&column(1_000, &[10; 10]), 10_000), 0, "all of them are as frequent");
        // 31 frequent words and 100 that occur once: one-hot.
        assert_eq!(plain_width(&column(131, &[300; 10]), 31 * 300 + 100), 33);
    }
}
