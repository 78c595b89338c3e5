//! A last row that holds the sums of the others, as sheets have it.

use super::studied::Studied;
use super::table::Finding;
use crate::wording::Shown;

/// The last row looks like a total of the others.
pub(crate) const TOTAL_ROW: &str = "total_row";
/// A shorter table may be one of totals.
const LEAST_ROWS: u64 = 10;
/// What such rows are called, in lower case.
const WORDS: [&str; 13] = [
    "total",
    "totals",
    "sum",
    "summe",
    "gesamt",
    "insgesamt",
    "grand total",
    "total général",
    "totale",
    "somme",
    "razem",
    "suma",
    "celkem",
];

/// A finding if the last row is called a total and no other is: in the first column, or where most of its other cells are missing.
pub(super) fn total_row(columns: &[Studied], rows: u64) -> Option<Finding> {
    let missing = columns.iter().filter(|column| column.statistics.is_last_missing()).count();
    if rows < LEAST_ROWS {
        return None;
    }
    let most_missing = 2 * missing >= columns.len();
    let is_called = |column: &&Studied| {
        let totals = || column.statistics.words().filter(|(word, _)| is_total(word)).map(|(_, count)| count);
        // Of very many different words not all are counted.
        column.statistics.last_word().is_some_and(is_total) && totals().sum::<u64>() <= 1
    };
    let (at, column) = columns.iter().enumerate().find(|(_, column)| is_called(column))?;
    if at > 0 && !most_missing {
        return None;
    }
    let and = if most_missing { ", and most of its other cells are empty" } else { ", and no other row has" };
    let message = format!(
        "The last of the {rows} rows looks like a total of the others: it has {} in column {}{and}. It is trained on as a row. Remove it from the file.",
        Shown(column.statistics.last_word()?),
        Shown(&column.profile.name)
    );
    Some(Finding::of_file(TOTAL_ROW, message))
}

/// Whether a word is what rows of totals are called.
fn is_total(word: &str) -> bool {
    let word = word.trim();
    let word = word.strip_suffix(':').unwrap_or(word).trim_end();
    // In bytes: no letter of them is longer in upper case.
    word.len() <= 16 && WORDS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_called_so() {
        for word in ["Total", "SUMME", "Grand Total:", " gesamt : ", "Total Général", "TOTAL GÉNÉRAL"] {
            assert!(is_total(word), "{word}");
        }
        for word in ["", "Total sales", "subtotal", "sums", ":"] {
            assert!(!is_total(word), "{word}");
        }
    }
}
