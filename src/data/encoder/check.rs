//! Checks of an encoder that comes from a file: whatever it says, encoding with it never fails.

use std::collections::BTreeSet;

use super::edges::are_edges;
use super::encode::Encoder;
use super::encoding::Encoding;
use super::feature::Feature;
use super::fitting::MAX_WORD;
use super::scale::Scale;
use super::target::{Log1p, MAX_CLASSES, Target, long_class};
use super::text::Vocabulary;
use crate::data::asked::check_writing;
use crate::data::column::ColumnType;
use crate::data::limits::check_column_name;
use crate::wording::Shown;

/// Most columns of an encoder.
const MAX_COLUMNS: usize = 16_384;

impl Encoder {
    /// Whether the encoder is one that could have been fitted.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        let twice = self.known().find(|name| !names.insert(name.to_owned()));
        if let Some(name) = twice {
            return Err(format!("names the column {} twice", Shown(name)));
        }
        if self.features.is_empty() || names.len() > MAX_COLUMNS {
            return Err(format!("has {} features of {} columns", self.features.len(), names.len()));
        }
        self.features.iter().try_for_each(Feature::check)?;
        self.target.check()
    }
}

impl Encoder {
    /// Whether no name, class or word is longer than data may have. What was stored before there were such bounds is read
    /// all the same.
    ///
    /// # Errors
    /// What is too long.
    pub fn check_lengths(&self) -> Result<(), String> {
        self.known().try_for_each(check_column_name)?;
        if let Some(long) = long_class(self.target.classes().iter()) {
            return Err(format!("the target {long}"));
        }
        self.writings().try_for_each(|(_, writing)| check_writing(writing))?;
        let words = self.features.iter().flat_map(|feature| feature.words().iter().chain(feature.rare_words()));
        match words.into_iter().find(|word| word.len() > MAX_WORD) {
            None => Ok(()),
            Some(word) => Err(format!("a word has at most {MAX_WORD} bytes; one begins with {}", Shown(word))),
        }
    }
}

impl Feature {
    fn check(&self) -> Result<(), String> {
        let unfit = |what: &str| Err(format!("has a column {} {what}", Shown(&self.name)));
        let fits = match (&self.encoding, self.kind) {
            (Encoding::Numeric { scale, min, max, edges }, ColumnType::Numeric) => {
                scale.is_finite() && min.is_finite() && max.is_finite() && min <= max && are_edges(edges)
            }
            (Encoding::Boolean { scale }, ColumnType::Boolean) => scale.is_finite(),
            (Encoding::Pair { values, scale }, ColumnType::Categorical) => scale.is_finite() && in_order(values),
            (Encoding::OneHot { values, rare, scales }, ColumnType::Categorical) => {
                let columns = values.len()..=values.len() + 1;
                columns.contains(&scales.len())
                    && (scales.len() > values.len() || rare.is_empty())
                    && scales.iter().all(Scale::is_finite)
                    && in_order(values)
                    && in_order(rare)
            }
            (Encoding::Embedding { values, rare }, ColumnType::Categorical) => in_order(values) && in_order(rare),
            (Encoding::Text { buckets, counts, width }, ColumnType::Text) => {
                Vocabulary { buckets, counts }.is_in_order(*width)
            }
            (Encoding::Datetime { scale, min, max, .. }, ColumnType::Datetime) => scale.is_finite() && min <= max,
            _ => return unfit("whose encoding is of another type"),
        };
        if fits { Ok(()) } else { unfit("whose encoding is out of order") }
    }
}

impl Target {
    fn check(&self) -> Result<(), String> {
        let fits = match self {
            Target::Classification { classes, counts, .. } => {
                let distinct: BTreeSet<&String> = classes.iter().collect();
                (2..=MAX_CLASSES).contains(&classes.len())
                    && distinct.len() == classes.len()
                    && counts.len() == classes.len()
            }
            Target::Regression { mean, std, min, max, least, most, log1p, rate, .. } => {
                let line = log1p.unwrap_or(Log1p::PLAIN);
                let [least, most] = [least.unwrap_or(*min), most.unwrap_or(*max)];
                let numbers = [*mean, *std, *min, *max, least, most, line.intercept, line.slope];
                let of_log = log1p.is_none() || *min >= 0.0 && line.slope > 0.0;
                let has_scale = of_log && (!rate || *min >= 0.0 && *mean == 0.0 && log1p.is_none());
                numbers.iter().all(|number| number.is_finite()) && *std > 0.0 && min <= max && has_scale
            }
        };
        if fits { Ok(()) } else { Err(format!("has a target {} that is out of order", Shown(self.name()))) }
    }
}

impl Scale {
    fn is_finite(&self) -> bool {
        self.center.is_finite() && self.width.is_finite() && self.width >= 0.0
    }
}

fn in_order(words: &[String]) -> bool {
    words.windows(2).all(|pair| pair[0] < pair[1])
}
