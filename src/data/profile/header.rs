//! Whether the names of a file's columns are a row, because the file has no header.

use super::table::{ColumnProfile, Finding};
use crate::data::column::ColumnType;
use crate::data::values::{DateOrder, parse_boolean, parse_datetime, parse_number};
use crate::wording::Shown;

/// The header looks like a row.
pub(crate) const HEADER_LOOKS_LIKE_DATA: &str = "header_looks_like_data";
/// Numbers from the first to the last of these may name years.
const YEARS: (f64, f64) = (1800.0, 2100.0);

/// A finding if numbers stand above numbers, no name speaks against it, and the numbers name neither years nor positions.
/// The names stand on `line`.
pub(crate) fn looks_like_data(columns: &[ColumnProfile], line: u64) -> Option<Finding> {
    let may_be_value = |column: &ColumnProfile| match column.kind {
        ColumnType::Numeric => parse_number(&column.name).is_some(),
        ColumnType::Boolean => parse_boolean(&column.name).is_some(),
        ColumnType::Datetime => parse_datetime(&column.name, DateOrder::Iso).is_some(),
        ColumnType::Categorical | ColumnType::Text => true,
    };
    let first = columns.iter().find(|column| column.kind == ColumnType::Numeric)?;
    let of_numbers = columns.iter().filter(|column| column.kind == ColumnType::Numeric);
    let numbers: Vec<f64> = of_numbers.filter_map(|column| parse_number(&column.name)).collect();
    if numbers.is_empty() || !columns.iter().all(may_be_value) || are_names(&numbers) {
        return None;
    }
    let message = format!(
        "The names of the columns, on line {line}, look like values: {} stands above numbers. If the file has no header, send it \
         as `text/csv; header=absent`.",
        Shown(&first.name)
    );
    Some(Finding::of_file(HEADER_LOOKS_LIKE_DATA, message))
}

/// Whether numbers are such as tables have for names: years that ascend, or 0, 1, 2, … or 1, 2, 3, …
fn are_names(numbers: &[f64]) -> bool {
    let ascend = numbers.is_sorted_by(|one, next| one < next) && numbers.iter().all(|number| number.fract() == 0.0);
    let are_years = numbers.iter().all(|number| (YEARS.0..=YEARS.1).contains(number));
    let are_positions = (0.0..=1.0).contains(&numbers[0]) && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0);
    ascend && (are_years || (are_positions && numbers.len() > 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_and_positions_are_names() {
        assert!(
            [&[1990.0, 1991.0][..], &[1990.0, 2000.0, 2005.0], &[2024.0], &[0.0, 1.0, 2.0]]
                .iter()
                .all(|n| are_names(n))
        );
        assert!(
            ![&[0.953, 5.771, 0.0][..], &[63.0, 1.0, 145.0], &[1.0], &[5.0], &[2000.0, 1990.0]]
                .iter()
                .any(|n| are_names(n))
        );
    }
}
