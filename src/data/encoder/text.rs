//! Text as the codes of its words and of pairs of neighbouring words: what an averaged embedding takes.
//!
//! Words and pairs are told apart by hashes (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning"), of which
//! those of the training rows that enough rows share have a code. So a version keeps numbers, and nothing of what a text says.

use std::cmp::Reverse;

use super::encoding::Encoding;
use super::fitting::RARE_BELOW;
use super::left_out::Reason;
use super::slot::Slot;
use crate::data::column::Words;
use crate::data::split::content;
use crate::data::values::{each_word, is_plain_word};

/// Bits of a word's hash that are kept, and of a pair's.
pub(super) const BITS: u32 = 20;
/// Buckets: those of words, then those of pairs.
const BUCKETS: usize = 2 << BITS;
/// Codes of a column at most: the most frequent words and pairs.
pub const MAX_TEXT_CODES: usize = 10_000;
/// Codes of a row at most.
pub const MAX_TEXT_WIDTH: usize = 64;
/// Memory of counting while a column is fitted, in bytes.
pub const FIT_BYTES: usize = BUCKETS * size_of::<u32>();
/// One in so many training rows must have a word, of letters alone, that others have too: else the texts name the rows.
const SHARED: usize = 4;

/// Tells `see` of the bucket of each word and of each pair of neighbouring words of `text`, and whether it is that of a word of
/// letters alone.
///
/// A word's hash is that of [`content::word_hash`] of its lower case in UTF-8, a pair's mixes those of both. The upper bits are the
/// bucket. Versions are asked by later releases, so none of it ever changes.
pub(super) fn each_bucket(text: &str, mut see: impl FnMut(u32, bool)) {
    let bucket = |hash: u64| (hash >> (u64::BITS - BITS)) as u32;
    let mut before = None;
    each_word(text, |word| {
        let hash = content::word_hash(word.as_bytes());
        see(bucket(hash), is_plain_word(word));
        if let Some(before) = before {
            see(bucket(content::mix(content::mix(before) ^ hash)) | 1 << BITS, false);
        }
        before = Some(hash);
    });
}

/// Fits on the texts of the training rows.
///
/// # Errors
/// `Constant`, or `Unshared`: hardly a row has a word that others have too.
pub(super) fn fit(words: &Words, rows: &[usize]) -> Result<Encoding, Reason> {
    let mut rows_of = vec![0_u32; words.words.len()];
    let codes = rows.iter().map(|row| words.codes[*row]).filter(|code| *code != Words::MISSING);
    codes.for_each(|code| rows_of[code as usize] += 1);
    let texts = || words.words.iter().zip(&rows_of).filter(|(_, rows)| **rows > 0);
    let present = rows_of.iter().map(|rows| *rows as usize).sum::<usize>();
    if texts().count() == 1 && present == rows.len() {
        return Err(Reason::Constant);
    }
    let mut counts = vec![0_u32; BUCKETS];
    let mut found = Vec::new();
    for (text, rows) in texts() {
        found.clear();
        each_bucket(text, |bucket, _| found.push(bucket));
        found.sort_unstable();
        found.dedup();
        found.iter().for_each(|bucket| counts[*bucket as usize] += rows);
    }
    // What all rows have tells none from another.
    let shared = |bucket: &u32| (RARE_BELOW..present).contains(&(counts[*bucket as usize] as usize));
    let mut buckets: Vec<u32> = (0..BUCKETS as u32).filter(shared).collect();
    buckets.sort_by_key(|bucket| Reverse(counts[*bucket as usize]));
    buckets.truncate(MAX_TEXT_CODES);
    buckets.sort_unstable();
    let counts: Vec<u32> = buckets.iter().map(|bucket| counts[*bucket as usize]).collect();
    let vocabulary = Vocabulary { buckets: &buckets, counts: &counts };
    let (mut width, mut telling) = (0, 0);
    for (text, rows) in texts() {
        let is_shared = vocabulary.codes(text, MAX_TEXT_WIDTH, &mut found);
        width = width.max(found.len());
        telling += if is_shared { *rows as usize } else { 0 };
    }
    match telling * SHARED < present {
        true => Err(Reason::Unshared),
        false => Ok(Encoding::Text { buckets, counts, width }),
    }
}

/// The words and pairs that have a code.
#[derive(Clone, Copy)]
pub(super) struct Vocabulary<'a> {
    /// Their buckets, ascending: the code of each is its place, counted from 1.
    pub(super) buckets: &'a [u32],
    /// The training rows that have each of them.
    pub(super) counts: &'a [u32],
}

impl Vocabulary<'_> {
    /// Leaves in `codes` those of `text`, each once and ascending: where there are more than `most`, words rather than pairs, and
    /// of these the rarest, which say most. Returns whether a word of letters alone is among the text's.
    fn codes(self, text: &str, most: usize, codes: &mut Vec<u32>) -> bool {
        let mut is_shared = false;
        codes.clear();
        each_bucket(text, |bucket, is_plain| {
            if let Ok(place) = self.buckets.binary_search(&bucket) {
                codes.push(place as u32 + 1);
                is_shared |= is_plain;
            }
        });
        codes.sort_unstable();
        codes.dedup();
        if codes.len() > most {
            let place = |code: u32| code as usize - 1;
            codes.sort_by_key(|code| (self.buckets[place(*code)] >> BITS, self.counts[place(*code)]));
            codes.truncate(most);
            codes.sort_unstable();
        }
        is_shared
    }

    /// Writes the codes of each row of `inputs`, rows of `width` values, to its values from `at` on, `most` at most: those of the
    /// rows of `words` that `sources` names. Returns of each text whether it has any.
    pub(super) fn write(
        self,
        words: &Words,
        sources: impl Iterator<Item = usize>,
        (at, most): (usize, usize),
        width: usize,
        inputs: &mut [f32],
    ) -> Vec<Slot> {
        const NOWHERE: u32 = u32::MAX;
        // The row that has the codes of a text already.
        let mut written = vec![NOWHERE; words.words.len()];
        let mut slots = vec![Slot::Rare; words.words.len()];
        let mut codes = Vec::new();
        for (row, source) in sources.enumerate() {
            let text = words.codes[source] as usize;
            let Some(content) = words.words.get(text) else { continue };
            let out = row * width + at;
            if written[text] != NOWHERE {
                let before = written[text] as usize * width + at;
                inputs.copy_within(before..before + most, out);
                continue;
            }
            self.codes(content, most, &mut codes);
            inputs[out..].iter_mut().zip(&codes).for_each(|(out, code)| *out = *code as f32);
            written[text] = row as u32;
            if !codes.is_empty() {
                slots[text] = Slot::Own(0);
            }
        }
        slots
    }

    /// Whether each of `texts` has a word or pair with a code.
    pub(super) fn slots(self, texts: &[String]) -> Vec<Slot> {
        let mut codes = Vec::new();
        let slot = |text: &String| {
            self.codes(text, 1, &mut codes);
            if codes.is_empty() { Slot::Rare } else { Slot::Own(0) }
        };
        texts.iter().map(slot).collect()
    }

    /// Whether it may have been fitted.
    pub(super) fn is_in_order(self, width: usize) -> bool {
        self.buckets.len() == self.counts.len()
            && (1..=MAX_TEXT_CODES).contains(&self.buckets.len())
            && self.buckets.is_sorted_by(|one, other| one < other)
            && self.buckets.last().is_some_and(|last| (*last as usize) < BUCKETS)
            && (1..=MAX_TEXT_WIDTH).contains(&width)
    }
}
