//! How the cells of a column are to be read.

use std::sync::Arc;

use crate::data::column::ColumnType;
use crate::data::values::{CellFormat, DateOrder, NumberFormat, Reading};

/// Words of more different values than this may be text.
const TEXT_DISTINCT: u64 = 32;
/// Words longer than this on average are text.
const TEXT_LENGTH: u64 = 64;

/// How the cells of a column are to be read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// Numbers as a program writes them.
    Number,
    /// Numbers in a format.
    Written(Arc<CellFormat>),
    Boolean,
    /// Dates, in a format if one was asked for.
    Datetime(DateOrder, Option<Arc<CellFormat>>),
    Words,
    /// Not at all.
    Skipped,
}

impl Form {
    /// What the form knows of how cells are written.
    pub fn reading(&self) -> Reading<'_> {
        match self {
            Form::Written(format) => Reading { format: Some(format), ..Reading::default() },
            Form::Datetime(order, format) => {
                Reading { order: Some(*order), format: format.as_deref(), ..Reading::default() }
            }
            _ => Reading::default(),
        }
    }

    /// The format of numbers, if they have one.
    pub fn numbers(&self) -> Option<&NumberFormat> {
        match self {
            Form::Written(format) => match &**format {
                CellFormat::Number(format) => Some(format),
                CellFormat::Date(_) => None,
            },
            _ => None,
        }
    }

    /// The type of the column, if it does not depend on its words.
    pub fn kind(&self) -> Option<ColumnType> {
        match self {
            Form::Number | Form::Written(_) => Some(ColumnType::Numeric),
            Form::Boolean => Some(ColumnType::Boolean),
            Form::Datetime(..) => Some(ColumnType::Datetime),
            Form::Words | Form::Skipped => None,
        }
    }
}

/// Whether words say something of their own in most rows, or stand for groups of rows.
pub(crate) fn words_type(values: u64, distinct: u64, bytes: u64) -> ColumnType {
    let long = values > 0 && bytes > TEXT_LENGTH * values;
    let own = distinct > TEXT_DISTINCT && distinct * 2 > values;
    if long || own { ColumnType::Text } else { ColumnType::Categorical }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_text_if_most_are_their_own_or_long() {
        assert_eq!(words_type(60, 33, 60), ColumnType::Text);
        assert_eq!(words_type(66, 33, 60), ColumnType::Categorical);
        assert_eq!(words_type(32, 32, 60), ColumnType::Categorical);
        assert_eq!(words_type(10, 2, 641), ColumnType::Text);
        assert_eq!(words_type(10, 2, 640), ColumnType::Categorical);
    }
}
