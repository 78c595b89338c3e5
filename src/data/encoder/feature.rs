//! One column as a part of a network's input.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::Reason;
use super::numbers::Numbers;
use super::scale::Scale;
use crate::data::column::{Column, ColumnType, Values, Words};
use crate::data::datetime::DateOrder;
use crate::data::encoder::feature::time::Part;

mod time;

/// Words up to which each has a column of its own; more are embedded.
pub const MAX_ONE_HOT: usize = 32;
/// A word in fewer training rows shares one place with all that are as rare, and with those that training never saw.
pub const RARE_BELOW: usize = 3;
/// Rare words that are remembered, to tell them from unseen ones.
const MAX_RARE_WORDS: usize = 10_000;
/// Bytes of a column's words that are kept: what is beyond counts as rare. A version's file holds them in its index.
const MAX_WORD_BYTES: usize = 4 << 20;
/// A longer word counts as rare and is not remembered.
const MAX_WORD: usize = 1024;

/// A column and how it is encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// As the data names it.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a training row lacked it: then being missing is a value of its own.
    pub missing: bool,
    /// How dates that are no ISO 8601 are written in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
    /// How it is encoded.
    pub encoding: Encoding,
}

/// How a column is encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Encoding {
    /// One scaled value; a missing one is the median.
    Numeric {
        /// Robust scale.
        scale: Scale,
        /// Smallest value of the training rows.
        min: f64,
        /// Largest value of the training rows.
        max: f64,
    },
    /// −1 for false, 1 for true, 0 for missing; then scaled.
    Boolean {
        /// Robust scale of −1 and 1.
        scale: Scale,
    },
    /// −1 for the first word, 1 for the second, 0 for any other; then scaled.
    Pair {
        /// The two words in order.
        values: [String; 2],
        /// Robust scale of −1 and 1.
        scale: Scale,
    },
    /// A column per word, then one for rare words if there are any; each 0 or 1, then scaled.
    OneHot {
        /// The words in order.
        values: Vec<String>,
        /// Words that share the last column.
        rare: Vec<String>,
        /// Robust scale of each column.
        scales: Vec<Scale>,
    },
    /// A code for a learned vector: 0 missing, 1 rare or never seen, then the words in order.
    Embedding {
        /// The words in order.
        values: Vec<String>,
        /// Words that share code 1.
        rare: Vec<String>,
    },
    /// Time since 1970 as a scaled number, then sine and cosine of the parts of the date that vary.
    Datetime {
        /// Robust scale of microseconds since 1970.
        scale: Scale,
        /// Smallest value of the training rows, in microseconds since 1970.
        min: i64,
        /// Largest value of the training rows.
        max: i64,
        /// Parts that vary among the training rows.
        parts: Vec<Part>,
    },
}

/// How a value lies outside what training saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sighting {
    /// Larger than every training value.
    AboveMax,
    /// Smaller than every training value.
    BelowMin,
    /// A word that no training row has.
    UnseenCategory,
    /// Missing, in a column that no training row lacked.
    Missing,
}

/// Where a feature lies in an encoded row.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its first plain column.
    pub plain: usize,
    /// The column of its code, if it has one.
    pub code: usize,
}

impl Place {
    /// The columns of `feature` at this place.
    pub fn columns(self, feature: &Feature) -> Vec<usize> {
        let code = feature.codes().map(|_| self.code);
        (self.plain..self.plain + feature.plain_width()).chain(code).collect()
    }
}

impl Feature {
    /// Fits the encoding of a column on the training rows named.
    ///
    /// # Errors
    /// Why nothing can be learned from the column.
    pub fn fit(column: &Column, rows: &[usize]) -> Result<Self, Reason> {
        let missing = rows.iter().filter(|row| column.values.is_missing(**row)).count();
        if missing == rows.len() {
            return Err(Reason::Missing);
        }
        let encoding = match (&column.values, column.kind) {
            (_, ColumnType::Text) => return Err(Reason::Text),
            (Values::Numeric(values), _) => numeric(rows.iter().map(|row| values[*row]).collect()),
            (Values::Boolean(values), _) => boolean(rows.iter().filter_map(|row| values[*row]).collect()),
            (Values::Datetime(values), _) => time::fit(rows.iter().filter_map(|row| values[*row]).collect()),
            (Values::Words(words), _) => of_words(words, rows)?,
        };
        let constant = match &encoding {
            Encoding::Numeric { min, max, .. } => min == max,
            Encoding::Boolean { scale } => scale.width == 0.0,
            Encoding::Datetime { min, max, .. } => min == max,
            Encoding::OneHot { values, rare, .. } => values.len() == 1 && rare.is_empty(),
            Encoding::Pair { .. } | Encoding::Embedding { .. } => false,
        };
        if constant && missing == 0 {
            return Err(Reason::Constant);
        }
        Ok(Feature { name: column.name.clone(), kind: column.kind, missing: missing > 0, date_order: None, encoding })
    }

    /// Plain columns of an encoded row: the encoding's own, and one that tells missing values where there were any.
    pub fn plain_width(&self) -> usize {
        let own = match &self.encoding {
            Encoding::Numeric { .. } | Encoding::Boolean { .. } | Encoding::Pair { .. } => 1,
            Encoding::OneHot { scales, .. } => scales.len(),
            Encoding::Embedding { .. } => return 0,
            Encoding::Datetime { parts, .. } => 1 + 2 * parts.len(),
        };
        own + usize::from(self.missing)
    }

    /// The number of codes, if the column is embedded.
    pub fn codes(&self) -> Option<usize> {
        match &self.encoding {
            Encoding::Embedding { values, .. } => Some(values.len() + 2),
            _ => None,
        }
    }

    /// The words that have a place of their own, in order.
    pub fn words(&self) -> &[String] {
        match &self.encoding {
            Encoding::Pair { values, .. } => values,
            Encoding::OneHot { values, .. } | Encoding::Embedding { values, .. } => values,
            _ => &[],
        }
    }

    /// The words that share a place.
    pub fn rare_words(&self) -> &[String] {
        match &self.encoding {
            Encoding::OneHot { rare, .. } | Encoding::Embedding { rare, .. } => rare,
            _ => &[],
        }
    }

    /// Writes the column's part of every row of `inputs`, rows of `width` values; tells `see` of rows outside what
    /// training saw. `values` are of the feature's kind.
    pub fn write(
        &self,
        values: &Values,
        place: Place,
        width: usize,
        inputs: &mut [f32],
        mut see: impl FnMut(usize, Sighting),
    ) {
        for row in (0..values.len()).filter(|row| !self.missing && values.is_missing(*row)) {
            see(row, Sighting::Missing);
        }
        let rows = inputs.chunks_exact_mut(width).map(|row| &mut row[place.plain..]);
        match (&self.encoding, values) {
            (Encoding::Numeric { scale, min, max }, Values::Numeric(values)) => {
                for (row, (out, x)) in rows.zip(values).enumerate() {
                    // The scale takes the median to 0.
                    out[0] = if x.is_nan() { 0.0 } else { scale.apply(*x) };
                    sight(x < min, x > max).into_iter().for_each(|seen| see(row, seen));
                }
            }
            (Encoding::Boolean { scale }, Values::Boolean(values)) => {
                for (out, x) in rows.zip(values) {
                    out[0] = scale.apply(x.map_or(0.0, |x| if x { 1.0 } else { -1.0 }));
                }
            }
            (Encoding::Datetime { scale, min, max, parts }, Values::Datetime(values)) => {
                for (row, (out, at)) in rows.zip(values).enumerate() {
                    let Some(at) = *at else { continue };
                    out[0] = scale.apply(at as f64);
                    for (out, part) in out[1..].chunks_exact_mut(2).zip(parts) {
                        (out[0], out[1]) = part.on_the_circle(at);
                    }
                    sight(at < *min, at > *max).into_iter().for_each(|seen| see(row, seen));
                }
            }
            (_, Values::Words(words)) => self.write_words(words, place, width, inputs, &mut see),
            _ => unreachable!("a column of the feature's kind has values of that kind"),
        }
        if self.missing && self.plain_width() > 0 {
            let indicator = place.plain + self.plain_width() - 1;
            for (row, out) in inputs.chunks_exact_mut(width).enumerate() {
                out[indicator] = f32::from(values.is_missing(row));
            }
        }
    }

    fn write_words(
        &self,
        words: &Words,
        place: Place,
        width: usize,
        inputs: &mut [f32],
        see: &mut impl FnMut(usize, Sighting),
    ) {
        let slots = self.slots(&words.words);
        let of_row = |code: &u32| slots.get(*code as usize).copied();
        for (row, slot) in words.codes.iter().map(of_row).enumerate() {
            if slot == Some(Slot::Unseen) {
                see(row, Sighting::UnseenCategory);
            }
            let out = &mut inputs[row * width..(row + 1) * width];
            match &self.encoding {
                Encoding::Pair { scale, .. } => {
                    let x = match slot {
                        Some(Slot::Own(0)) => -1.0,
                        Some(Slot::Own(_)) => 1.0,
                        _ => 0.0,
                    };
                    out[place.plain] = scale.apply(x);
                }
                Encoding::OneHot { values, scales, .. } => {
                    let on = match slot {
                        Some(Slot::Own(index)) => index,
                        Some(Slot::Rare | Slot::Unseen) => values.len(),
                        None => usize::MAX,
                    };
                    for (column, scale) in scales.iter().enumerate() {
                        out[place.plain + column] = scale.apply(if column == on { 1.0 } else { 0.0 });
                    }
                }
                Encoding::Embedding { .. } => {
                    out[place.code] = match slot {
                        None => 0.0,
                        Some(Slot::Rare | Slot::Unseen) => 1.0,
                        Some(Slot::Own(index)) => (index + 2) as f32,
                    };
                }
                _ => unreachable!("words are encoded as words"),
            }
        }
    }

    /// The index in [`Feature::words`] of each of `words` that has a place of its own.
    pub fn word_places(&self, words: &[String]) -> Vec<Option<usize>> {
        let own = |slot| if let Slot::Own(place) = slot { Some(place) } else { None };
        self.slots(words).into_iter().map(own).collect()
    }

    /// Where each of `words` belongs.
    fn slots(&self, words: &[String]) -> Vec<Slot> {
        let (own, rare) = (self.words(), self.rare_words());
        let numbers = Numbers::among(own.iter().chain(rare));
        let found = |words: &[String], word: &String| words.binary_search(word).ok();
        let place = |word: &String| {
            let exact = found(own, word).or_else(|| found(rare, word).map(|at| own.len() + at));
            exact.or_else(|| numbers.place(word))
        };
        let slot = |word: &String| match place(word) {
            Some(place) if place < own.len() => Slot::Own(place),
            Some(_) => Slot::Rare,
            None => Slot::Unseen,
        };
        words.iter().map(slot).collect()
    }
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

/// Where a word belongs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slot {
    Own(usize),
    Rare,
    Unseen,
}

fn sight(below: bool, above: bool) -> Option<Sighting> {
    match (below, above) {
        (true, _) => Some(Sighting::BelowMin),
        (_, true) => Some(Sighting::AboveMax),
        _ => None,
    }
}

fn numeric(mut values: Vec<f64>) -> Encoding {
    values.retain(|value| !value.is_nan());
    values.sort_unstable_by(f64::total_cmp);
    Encoding::Numeric { scale: Scale::fit(&values), min: values[0], max: values[values.len() - 1] }
}

fn boolean(values: Vec<bool>) -> Encoding {
    let on = values.iter().filter(|value| **value).count();
    Encoding::Boolean { scale: Scale::fit_two(-1.0, 1.0, on, values.len()) }
}

fn of_words(words: &Words, rows: &[usize]) -> Result<Encoding, Reason> {
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
