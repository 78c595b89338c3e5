//! The column whose numbers say how much each row counts.

use super::column::{Column, Values};
use super::encoder::EncodeError;
use super::profile::{Bound, ColumnProfile};
use super::values::format_number;

/// The largest weight: the sum of the weights of as many rows as there may be is a number.
const MAX_WEIGHT: f64 = f32::MAX as f64;
/// What a weight is.
const EXPECTED: &str = "a weight, a number of at least 0,";

/// Whether a profile shows that each row has a weight, and not each of them is 0.
pub fn are_weights(column: &ColumnProfile) -> bool {
    let (Some(Bound::Number(min)), Some(Bound::Number(max))) = (&column.min, &column.max) else { return false };
    column.missing == 0 && is_weight(*min) && is_weight(*max) && *max > 0.0
}

/// The weights of the rows named.
///
/// # Errors
/// `Value`: the first row that has none.
pub fn weights_of(column: &Column, rows: impl Iterator<Item = usize>) -> Result<Vec<f64>, EncodeError> {
    let none = |row: usize, got: String| EncodeError::Value {
        row,
        column: column.name.clone(),
        expected: EXPECTED.into(),
        got,
    };
    let Values::Numeric(values) = &column.values else {
        return Err(none(0, format!("a value of a column that is {}", column.kind.word())));
    };
    let weight = |row: usize| match values[row] {
        weight if is_weight(weight) => Ok(weight),
        missing if missing.is_nan() => Err(none(row, "no value".to_owned())),
        other => Err(none(row, format_number(other))),
    };
    rows.map(weight).collect()
}

fn is_weight(value: f64) -> bool {
    (0.0..=MAX_WEIGHT).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::column::ColumnType;

    #[test]
    fn a_row_without_a_weight_is_named() {
        let of = |values: Vec<f64>| {
            let column = Column { name: "w".into(), kind: ColumnType::Numeric, values: Values::Numeric(values) };
            weights_of(&column, 0..column.values.len()).map_err(|error| error.to_string())
        };
        assert_eq!(of(vec![0.0, 2.5]), Ok(vec![0.0, 2.5]));
        for (value, got) in [(-1.0, "-1"), (f64::NAN, "no value"), (1e39, "1e39")] {
            let expected = format!("row 2 of column \"w\": a weight, a number of at least 0, is expected, got {got}");
            assert_eq!(of(vec![1.0, value]), Err(expected));
        }
    }
}
