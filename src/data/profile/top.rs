//! The most frequent values of a column, as a profile names them.

use super::distinct::Distinct;
use super::table::Frequent;
use crate::data::values::format_number;

/// How many frequent values a profile names.
const TOP: usize = 10;
/// A frequent value is cut off beyond this many bytes.
const TOP_BYTES: usize = 256;
/// The frequent values of all columns of a table take about so many bytes of JSON at most.
const TABLE_BYTES: usize = 1 << 20;
/// What a frequent value takes in JSON beside its text.
const ENTRY_BYTES: usize = 24;

/// Of numbers, by their bits, while all are counted.
pub(super) fn top_numbers(distinct: &Distinct<u64>) -> Vec<Frequent> {
    let top = if distinct.is_exact() { distinct.top(TOP) } else { Vec::new() };
    top.into_iter().map(|(bits, count)| Frequent { value: format_number(f64::from_bits(*bits)), count }).collect()
}

/// Of booleans.
pub(super) fn top_booleans(trues: u64, falses: u64) -> Vec<Frequent> {
    let mut top = vec![
        Frequent { value: "true".to_owned(), count: trues },
        Frequent { value: "false".to_owned(), count: falses },
    ];
    top.retain(|entry| entry.count > 0);
    top.sort_by_key(|entry| std::cmp::Reverse(entry.count));
    top
}

/// Of words.
pub(super) fn top_words(distinct: &Distinct<Box<str>>) -> Vec<Frequent> {
    distinct.top(TOP).into_iter().map(|(word, count)| Frequent { value: cut(word), count }).collect()
}

/// Leaves as many frequent values as there is room for in the profile of so many columns.
pub(super) fn shorten(top: &mut Vec<Frequent>, columns: usize) {
    let (mut bytes, most) = (0, TABLE_BYTES / columns.max(1));
    let fit = top.iter().take_while(|frequent| {
        bytes += frequent.value.len() + ENTRY_BYTES;
        bytes <= most
    });
    top.truncate(fit.count());
}

fn cut(word: &str) -> String {
    if word.len() <= TOP_BYTES {
        return word.to_owned();
    }
    format!("{}…", &word[..word.floor_char_boundary(TOP_BYTES)])
}
