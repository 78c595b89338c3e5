//! The words that are named for missing values, as the readers of files look for them: each column has a list.

use std::sync::Arc;

use super::asked::AskedColumns;
use super::error::DataError;
use super::values::is_among;

/// What a word takes in the list of a column, beside its bytes.
const WORD_BYTES: usize = 16;
/// The words of all columns take at most so many bytes together: the profile of a table has them column by column.
const MOST_BYTES: usize = 2 << 20;

/// The words that mean in each column that there is no value, beside those that always do; empty where none were named. Cheap to
/// clone: columns for which nothing else is named share one list.
#[derive(Default)]
pub(crate) struct MissingWords {
    lists: Vec<Arc<[String]>>,
    bytes: usize,
}

impl MissingWords {
    /// Of columns of these names.
    ///
    /// # Errors
    /// `Unfit`: they are too much for so many columns.
    pub fn of(names: &[String], asked: &AskedColumns) -> Result<Self, DataError> {
        if !asked.has_missing_words() {
            return Ok(MissingWords::default());
        }
        let own = |name: &String| asked.column(name).map_or(&[][..], |column| &column.missing);
        let bytes_of = |words: &[String]| words.iter().map(|word| WORD_BYTES + word.len()).sum::<usize>();
        let of_all = names.len().saturating_mul(bytes_of(&asked.missing));
        let bytes = of_all.saturating_add(names.iter().map(|name| bytes_of(own(name))).sum());
        if bytes > MOST_BYTES {
            return Err(DataError::unfit(format!(
                "the words for missing values are too many for {} columns: name fewer or shorter ones, or in `types` for the \
                 columns that have them",
                names.len()
            )));
        }
        let shared: Arc<[String]> = asked.missing.clone().into();
        let list = |name| match own(name) {
            [] => Arc::clone(&shared),
            own => shared.iter().chain(own).cloned().collect(),
        };
        Ok(MissingWords { lists: names.iter().map(list).collect(), bytes })
    }

    /// A cell of a column; empty if its text means that there is no value.
    #[inline]
    pub fn blanked<'t>(&self, column: usize, text: &'t str) -> &'t str {
        if self.is_missing(column, text) { "" } else { text }
    }

    /// Whether the text of a cell means that there is no value.
    #[inline]
    pub fn is_missing(&self, column: usize, text: &str) -> bool {
        !self.lists.is_empty() && is_among(text, self.of_column(column))
    }

    /// Of the columns at these places, in this order.
    pub fn select(&self, places: &[usize]) -> Self {
        let named = !self.lists.is_empty();
        let lists = if named { places.iter().map(|at| Arc::clone(&self.lists[*at])).collect() } else { Vec::new() };
        MissingWords { lists, bytes: self.bytes }
    }

    /// The words of a column.
    pub fn of_column(&self, column: usize) -> &[String] {
        self.lists.get(column).map_or(&[], |list| list)
    }

    /// What the lists take where each column has one of its own, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::asked::AskedColumn;
    use crate::data::error::DataErrorKind;

    #[test]
    fn columns_share_what_is_named_for_all_and_their_number_bounds_it() {
        let names: Vec<String> = (0..16_384).map(|at| format!("c{at}")).collect();
        let mut asked = AskedColumns { missing: vec!["-999".into(), "unknown".into()], ..AskedColumns::default() };
        let own = AskedColumn { missing: vec!["none".into()], ..AskedColumn::default() };
        asked.columns.insert("c7".into(), own);
        let words = MissingWords::of(&names, &asked).expect("few words");
        assert_eq!((words.of_column(6), words.of_column(7).len()), (&asked.missing[..], 3));
        assert!(Arc::ptr_eq(&words.lists[0], &words.lists[16_383]), "one list");
        assert_eq!((words.blanked(7, "none"), words.blanked(6, "none")), ("", "none"));
        let chosen = words.select(&[7, 0]);
        assert!(chosen.is_missing(0, "none") && !chosen.is_missing(1, "none") && chosen.is_missing(1, "-999"));
        asked.missing = (0..9).map(|word| word.to_string()).collect();
        let refused = MissingWords::of(&names, &asked).map(|_| ()).expect_err("a profile of megabytes");
        assert!(refused.kind == DataErrorKind::Unfit && refused.detail.contains("16384 columns"), "{refused}");
        assert!(MissingWords::of(&names[..9000], &asked).is_ok(), "fewer columns have room for more");
    }
}
