//! Columns that are read otherwise than before: what the same cells mean has changed, though their type has not.

use super::profile::{Bound, ColumnProfile, Finding, TableProfile};
use super::values::{CellFormat, DateOrder, Writing, parse_number};
use crate::wording::Shown;

/// A column is read otherwise than where a model learned it.
const COLUMN_READ_OTHERWISE: &str = "column_read_otherwise";

/// A finding for each column of a data set whose cells, written so `before`, would mean something else; `learned` says where that was.
pub fn read_otherwise<'a>(
    before: impl IntoIterator<Item = (&'a str, &'a Writing)>,
    profile: &TableProfile,
    learned: &str,
) -> Vec<Finding> {
    let columns = profile.by_name();
    let finding = |(name, before): (&str, &Writing)| {
        let how = otherwise(before, columns.get(name)?)?;
        let message = format!(
            "{learned}, {how}. Store that file anew with `read_as` and the model's name, and it is read as there, or with `types`."
        );
        Some(Finding { code: COLUMN_READ_OTHERWISE.to_owned(), message, column: Some(name.to_owned()) })
    };
    before.into_iter().filter_map(finding).collect()
}

/// What was otherwise.
fn otherwise(before: &Writing, now: &ColumnProfile) -> Option<String> {
    let order = |order: Option<DateOrder>| match order {
        Some(DateOrder::DayFirst) => Some("day"),
        Some(DateOrder::MonthFirst) => Some("month"),
        Some(DateOrder::Iso) | None => None,
    };
    if let (Some(first), Some(first_now)) = (order(before.date_order), order(now.date_order))
        && first != first_now
    {
        return Some(format!("dates had the {first} first; here the {first_now} is"));
    }
    let marks = |writing: Option<&CellFormat>| match writing {
        Some(CellFormat::Number(format)) => (format.decimal, format.thousands),
        _ => ('.', None),
    };
    let ((decimal, thousands), (decimal_now, thousands_now)) =
        (marks(before.format.as_ref()), marks(now.format.as_ref()));
    if thousands_now == Some(decimal) || thousands == Some(decimal_now) {
        return Some(format!("{decimal:?} stood before the fraction of a number; here {decimal_now:?} does"));
    }
    let is_value = |word: &&String| !now.missing_words.contains(word) && may_be_value(word, now);
    let word = before.missing_words.iter().find(is_value)?;
    Some(format!("{} meant that there is no value; here it may be one", Shown(word)))
}

/// Whether a word may be among a column's values, by what its profile says.
fn may_be_value(word: &str, column: &ColumnProfile) -> bool {
    match (&column.min, &column.max, parse_number(word)) {
        (Some(Bound::Number(min)), Some(Bound::Number(max)), Some(number)) => (*min..=*max).contains(&number),
        (Some(Bound::Number(_)), ..) => false,
        // Codes of dates are the first or the last of all.
        (Some(Bound::Time(min)), Some(Bound::Time(max)), _) => [min, max].iter().any(|time| time.starts_with(word)),
        _ => column.top.iter().any(|frequent| frequent.value == *word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::column::ColumnType;
    use crate::data::profile::Frequent;
    use crate::data::values::NumberFormat;

    fn column(kind: ColumnType, min: f64, max: f64, top: &[&str]) -> ColumnProfile {
        let top = top.iter().map(|word| Frequent { value: (*word).to_owned(), count: 3 }).collect();
        let is_number = kind == ColumnType::Numeric;
        let bound = |number| is_number.then_some(Bound::Number(number));
        ColumnProfile {
            name: "c".into(),
            kind,
            missing: 0,
            distinct: 9,
            min: bound(min),
            max: bound(max),
            mean: None,
            std: None,
            word_bytes: None,
            top,
            date_order: None,
            format: None,
            missing_words: Vec::new(),
        }
    }

    #[test]
    fn what_the_same_cells_mean_otherwise_is_told() {
        let order = |order| Writing { date_order: Some(order), ..Writing::default() };
        let dates = |order| ColumnProfile { date_order: Some(order), ..column(ColumnType::Datetime, 0.0, 0.0, &[]) };
        let said = |before, now: &ColumnProfile| otherwise(&before, now).is_some();
        assert!(said(order(DateOrder::DayFirst), &dates(DateOrder::MonthFirst)));
        for (before, now) in [(DateOrder::DayFirst, DateOrder::DayFirst), (DateOrder::DayFirst, DateOrder::Iso)] {
            assert!(!said(order(before), &dates(now)));
        }
        let missing = |words: &[&str]| {
            let missing_words = words.iter().map(|word| (*word).to_owned()).collect();
            Writing { missing_words, ..Writing::default() }
        };
        let numbers = column(ColumnType::Numeric, -999.0, 31.0, &["12.5"]);
        assert!(said(missing(&["-999"]), &numbers));
        assert!(!said(missing(&["-9999"]), &numbers) && !said(missing(&["unknown"]), &numbers));
        let format = |decimal, thousands| {
            Some(CellFormat::Number(NumberFormat { decimal, thousands, prefix: None, suffix: None, scale: 1.0 }))
        };
        let written = |decimal, thousands| Writing { format: format(decimal, thousands), ..Writing::default() };
        let grouped = ColumnProfile { format: format('.', Some(',')), ..column(ColumnType::Numeric, 0.0, 9e3, &[]) };
        assert!(said(written(',', None), &grouped) && said(written(',', Some('.')), &numbers));
        assert!(!said(Writing::default(), &grouped) && !said(written(',', None), &numbers));
        let named = ColumnProfile { missing_words: vec!["-999".into()], ..numbers };
        assert!(!said(missing(&["-999"]), &named));
        let days = [Some(Bound::Time("2021-05-01T00:00:00Z".into())), Some(Bound::Time("9999-12-31T00:00:00Z".into()))];
        let [min, max] = days;
        let days = ColumnProfile { min, max, ..column(ColumnType::Datetime, 0.0, 0.0, &[]) };
        assert!(said(missing(&["9999-12-31"]), &days) && !said(missing(&["1900-01-01"]), &days));
        let words = column(ColumnType::Categorical, 0.0, 0.0, &["unknown", "red"]);
        assert!(said(missing(&["unknown"]), &words) && !said(missing(&["none"]), &words));
    }
}
