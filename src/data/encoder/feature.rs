//! One column as a part of a network's input.

use serde::{Deserialize, Serialize};

use super::edges;
use super::encoding::Encoding;
use super::fitting;
use super::left_out::Reason;
use super::numbers::Numbers;
use super::slot::Slot;
use super::text::{self, Vocabulary};
use crate::data::column::{Column, ColumnType, Values, Words};
use crate::data::values::Writing;

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
    /// How its cells are written.
    #[serde(flatten)]
    pub writing: Writing,
    /// How it is encoded.
    pub encoding: Encoding,
}

/// A sighting (out-of-distribution value): how a value lies outside what training saw.
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

impl Sighting {
    /// Its word, as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Sighting::AboveMax => "above_max",
            Sighting::BelowMin => "below_min",
            Sighting::UnseenCategory => "unseen_category",
            Sighting::Missing => "missing",
        }
    }
}

/// Where the columns of a feature begin in an encoded row.
#[derive(Clone, Copy, Debug)]
pub struct Offsets {
    /// Its first plain column.
    pub plain: usize,
    /// The first column of its codes, if it has any.
    pub code: usize,
}

/// The codes of a feature that is embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// How many there are.
    pub values: usize,
    /// Of a text, whose codes are many: the columns of an encoded row that they take.
    pub bag: Option<usize>,
    /// Whether they are of the bins of numbers.
    pub of_bins: bool,
}

impl Codes {
    /// Columns of an encoded row.
    pub fn columns(self) -> usize {
        self.bag.unwrap_or(1)
    }
}

impl Offsets {
    /// The columns of `feature` at these offsets.
    pub fn columns(self, feature: &Feature) -> Vec<usize> {
        let codes = feature.codes().map_or(0, Codes::columns);
        (self.plain..self.plain + feature.plain_width()).chain(self.code..self.code + codes).collect()
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
            (Values::Words(words), ColumnType::Text) => text::fit(words, rows)?,
            (Values::Numeric(values), _) => fitting::numeric(rows.iter().map(|row| values[*row]).collect()),
            (Values::Boolean(values), _) => fitting::boolean(rows.iter().filter_map(|row| values[*row]).collect()),
            (Values::Datetime(values), _) => fitting::datetime(rows.iter().filter_map(|row| values[*row]).collect()),
            (Values::Words(words), _) => fitting::of_words(words, rows)?,
        };
        let constant = match &encoding {
            Encoding::Numeric { min, max, .. } => min == max,
            Encoding::Boolean { scale } => scale.width == 0.0,
            Encoding::Datetime { min, max, .. } => min == max,
            Encoding::OneHot { values, rare, .. } => values.len() == 1 && rare.is_empty(),
            Encoding::Pair { .. } | Encoding::Embedding { .. } | Encoding::Text { .. } => false,
        };
        if constant && missing == 0 {
            return Err(Reason::Constant);
        }
        Ok(Feature {
            name: column.name.clone(),
            kind: column.kind,
            missing: missing > 0,
            writing: Writing::default(),
            encoding,
        })
    }

    /// Plain columns of an encoded row: the encoding's own, and one that tells missing values where there were any.
    pub fn plain_width(&self) -> usize {
        let own = match &self.encoding {
            Encoding::Numeric { .. } | Encoding::Boolean { .. } | Encoding::Pair { .. } => 1,
            Encoding::OneHot { scales, .. } => scales.len(),
            Encoding::Embedding { .. } => return 0,
            Encoding::Text { .. } => 0,
            Encoding::Datetime { parts, .. } => 1 + 2 * parts.len(),
        };
        own + usize::from(self.missing)
    }

    /// Its codes, if the column is embedded.
    pub fn codes(&self) -> Option<Codes> {
        match &self.encoding {
            Encoding::Numeric { edges, .. } => {
                edges::codes(edges).map(|values| Codes { values, bag: None, of_bins: true })
            }
            Encoding::Embedding { values, .. } => Some(Codes { values: values.len() + 2, bag: None, of_bins: false }),
            Encoding::Text { buckets, width, .. } => {
                Some(Codes { values: buckets.len() + 1, bag: Some(*width), of_bins: false })
            }
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

    /// Writes the column's part of every row of `inputs`, rows of `width` values, from those rows of `values` that `sources`
    /// names; tells `see` of rows outside what training saw. `values` are of the feature's kind. Returns where each of their
    /// words belongs.
    pub fn write(
        &self,
        values: &Values,
        sources: impl Iterator<Item = usize> + Clone,
        offsets: Offsets,
        width: usize,
        inputs: &mut [f32],
        mut see: impl FnMut(usize, Sighting),
    ) -> Vec<Slot> {
        let mut slots = Vec::new();
        if !self.missing {
            let missing = sources.clone().enumerate().filter(|(_, source)| values.is_missing(*source));
            missing.for_each(|(row, _)| see(row, Sighting::Missing));
        }
        let rows = inputs.chunks_exact_mut(width).map(|row| &mut row[offsets.plain..]).zip(sources.clone());
        match (&self.encoding, values) {
            (Encoding::Numeric { scale, min, max, edges }, Values::Numeric(values)) => {
                for (row, (out, source)) in rows.enumerate() {
                    let x = &values[source];
                    // The scale takes the median to 0.
                    out[0] = if x.is_nan() { 0.0 } else { scale.apply(*x) };
                    if !edges.is_empty() {
                        out[offsets.code - offsets.plain] = edges::code(edges, *x);
                    }
                    sight(x < min, x > max).into_iter().for_each(|seen| see(row, seen));
                }
            }
            (Encoding::Boolean { scale }, Values::Boolean(values)) => {
                for (out, source) in rows {
                    out[0] = scale.apply(values[source].map_or(0.0, |x| if x { 1.0 } else { -1.0 }));
                }
            }
            (Encoding::Datetime { scale, min, max, parts }, Values::Datetime(values)) => {
                for (row, (out, source)) in rows.enumerate() {
                    let Some(at) = values[source] else { continue };
                    out[0] = scale.apply(at as f64);
                    for (out, part) in out[1..].chunks_exact_mut(2).zip(parts) {
                        (out[0], out[1]) = part.on_the_circle(at);
                    }
                    sight(at < *min, at > *max).into_iter().for_each(|seen| see(row, seen));
                }
            }
            (Encoding::Text { buckets, counts, width: most }, Values::Words(words)) => {
                let place = (offsets.code, *most);
                slots = Vocabulary { buckets, counts }.write(words, sources.clone(), place, width, inputs);
            }
            (_, Values::Words(words)) => {
                slots = self.slots(&words.words);
                self.write_words((words, &slots), sources.clone(), offsets, width, inputs, &mut see);
            }
            _ => unreachable!("a column of the feature's kind has values of that kind"),
        }
        if self.missing && self.plain_width() > 0 {
            let indicator = offsets.plain + self.plain_width() - 1;
            for (out, source) in inputs.chunks_exact_mut(width).zip(sources) {
                out[indicator] = f32::from(values.is_missing(source));
            }
        }
        slots
    }

    fn write_words(
        &self,
        (words, slots): (&Words, &[Slot]),
        sources: impl Iterator<Item = usize>,
        offsets: Offsets,
        width: usize,
        inputs: &mut [f32],
        see: &mut impl FnMut(usize, Sighting),
    ) {
        let of_row = |source: usize| slots.get(words.codes[source] as usize).copied();
        for (row, slot) in sources.map(of_row).enumerate() {
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
                    out[offsets.plain] = scale.apply(x);
                }
                Encoding::OneHot { values, scales, .. } => {
                    let on = match slot {
                        Some(Slot::Own(index)) => index,
                        Some(Slot::Rare | Slot::Unseen) => values.len(),
                        None => usize::MAX,
                    };
                    for (column, scale) in scales.iter().enumerate() {
                        out[offsets.plain + column] = scale.apply(if column == on { 1.0 } else { 0.0 });
                    }
                }
                Encoding::Embedding { .. } => {
                    out[offsets.code] = match slot {
                        None => 0.0,
                        Some(Slot::Rare | Slot::Unseen) => 1.0,
                        Some(Slot::Own(index)) => (index + 2) as f32,
                    };
                }
                _ => unreachable!("words are encoded as words"),
            }
        }
    }

    /// The index in [`Feature::words`] of each of `words` that has a place of its own; 0 of a text with a word that training saw.
    pub fn word_places(&self, words: &[String]) -> Vec<Option<usize>> {
        let own = |slot| if let Slot::Own(place) = slot { Some(place) } else { None };
        self.slots(words).into_iter().map(own).collect()
    }

    /// Where each of `words` belongs.
    fn slots(&self, words: &[String]) -> Vec<Slot> {
        if let Encoding::Text { buckets, counts, .. } = &self.encoding {
            return Vocabulary { buckets, counts }.slots(words);
        }
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

fn sight(below: bool, above: bool) -> Option<Sighting> {
    match (below, above) {
        (true, _) => Some(Sighting::BelowMin),
        (_, true) => Some(Sighting::AboveMax),
        _ => None,
    }
}
