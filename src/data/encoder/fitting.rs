//! Encodings fitted to the values of training rows.

use std::collections::{HashMap, HashSet};

use super::calendar::DatePart;
use super::encoding::Encoding;
use super::left_out::Reason;
use super::scale::Scale;
use crate::data::column::Words;

/// Words up to which each has a column of its own; more are embedded.
pub const MAX_ONE_HOT: usize = 32;
/// A word in fewer training rows shares one place with all that are as rare, and with those that training never saw.
pub const RARE_BELOW: usize = 3;
/// Rare words that are remembered, to tell them from unseen ones.
const MAX_RARE_WORDS: usize = 10_000;
/// Bytes of a column's words that are kept: what is beyond counts as rare. A version's file holds them in its index.
const MAX_WORD_BYTES: usize = 4 << 20;
/// A longer word counts as rare and is not remembered.
pub(super) const MAX_WORD: usize = 1024;

/// Scale and range of the numbers of the training rows; NaN where one is missing.
pub(super) fn numeric(mut values: Vec<f64>) -> Encoding {
    values.retain(|value| !value.is_nan());
    values.sort_unstable_by(f64::total_cmp);
    Encoding::Numeric { scale: Scale::fit(&values), min: values[0], max: values[values.len() - 1], edges: Vec::new() }
}

/// The scale of the booleans of the training rows.
pub(super) fn boolean(values: Vec<bool>) -> Encoding {
    let on = values.iter().filter(|value| **value).count();
    Encoding::Boolean { scale: Scale::fit_two(-1.0, 1.0, on, values.len()) }
}

/// Fits on times of the training rows, of which there is at least one.
pub(super) fn datetime(mut times: Vec<i64>) -> Encoding {
    times.sort_unstable();
    let varies = |part: &DatePart| times.iter().any(|at| part.share(*at) != part.share(times[0]));
    let parts = DatePart::ALL.into_iter().filter(varies).collect();
    let elapsed: Vec<f64> = times.iter().map(|at| *at as f64).collect();
    Encoding::Datetime { scale: Scale::fit(&elapsed), min: times[0], max: times[times.len() - 1], parts }
}

/// A pair, a column each or codes, by how many words are frequent enough.
///
/// # Errors
/// `Rare`: none is.
pub(super) fn of_words(words: &Words, rows: &[usize]) -> Result<Encoding, Reason> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    rows.iter().filter(|row| words.codes[**row] != Words::MISSING).for_each(|row| {
        *counts.entry(words.codes[*row]).or_default() += 1;
    });
    let mut seen: Vec<(&str, usize)> =
        counts.iter().map(|(code, count)| (words.words[*code as usize].as_str(), *count)).collect();
    seen.sort_unstable();
    let kept = frequent_enough(&seen);
    let (common, rare): (Vec<_>, Vec<_>) = seen.into_iter().partition(|(word, _)| kept.contains(word));
    if common.is_empty() {
        return Err(Reason::Rare);
    }
    let values: Vec<String> = common.iter().map(|(word, _)| (*word).to_owned()).collect();
    let rare_words = remembered(&rare);
    if values.len() > MAX_ONE_HOT {
        return Ok(Encoding::Embedding { values, rare: rare_words });
    }
    if let ([first, second], true) = (values.as_slice(), rare.is_empty()) {
        let (off, on) = (common[0].1, common[1].1);
        let scale = Scale::fit_two(-1.0, 1.0, on, off + on);
        return Ok(Encoding::Pair { values: [first.clone(), second.clone()], scale });
    }
    let shared: usize = rare.iter().map(|(_, count)| count).sum();
    let columns = common.iter().map(|(_, count)| *count).chain((shared > 0).then_some(shared));
    let scales = columns.map(|count| Scale::fit_two(0.0, 1.0, count, rows.len())).collect();
    Ok(Encoding::OneHot { values, rare: rare_words, scales })
}

/// The words that get a place of their own: those in enough rows, the most frequent first where they are too long together.
fn frequent_enough<'a>(seen: &[(&'a str, usize)]) -> HashSet<&'a str> {
    let mut by_count: Vec<_> =
        seen.iter().filter(|(word, count)| *count >= RARE_BELOW && word.len() <= MAX_WORD).collect();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut bytes = 0;
    let fits = |word: &&str| {
        bytes += word.len() + 8;
        bytes <= MAX_WORD_BYTES
    };
    by_count.into_iter().map(|(word, _)| *word).take_while(fits).collect()
}

/// Rare words that are told from unseen ones, in order.
fn remembered(rare: &[(&str, usize)]) -> Vec<String> {
    let mut bytes = 0;
    let fits = |word: &&str| {
        bytes += word.len() + 8;
        bytes <= MAX_WORD_BYTES / 4
    };
    let short = rare.iter().map(|(word, _)| *word).filter(|word| word.len() <= MAX_WORD);
    short.take(MAX_RARE_WORDS).take_while(fits).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn parts_that_do_not_vary_are_left_out() {
        let Encoding::Datetime { parts, .. } = datetime(vec![0, 7 * DAY, 14 * DAY]) else { panic!("of dates") };
        assert_eq!(parts, [DatePart::Day]);
    }
}
