//! What a query asks of the columns of a data file.

use std::collections::BTreeMap;

use super::parse::take_repeated;
use crate::api::error::{ApiError, ErrorCode};
use crate::data::asked::{AskedColumns, check_missing};

/// Words for missing values that a request may name, and columns that it may skip.
const MOST_NAMED: usize = 1000;

/// What the parameters `types`, `missing`, `skip_columns` and `sheet` ask for, and the rest of the query.
///
/// # Errors
/// `invalid_value` with the parameter's name.
pub fn take_columns(query: &str) -> Result<(AskedColumns, String), ApiError> {
    let (types, rest) = take_repeated(query, "types");
    let (missing, rest) = take_repeated(&rest, "missing");
    let (skipped, rest) = take_repeated(&rest, "skip_columns");
    let (sheets, rest) = take_repeated(&rest, "sheet");
    if sheets.len() > 1 {
        let detail = "sheet is given more than once: one is read";
        return Err(ApiError::parameter(ErrorCode::InvalidValue, "sheet", detail));
    }
    let asked = asked(types, missing, skipped)?;
    Ok((AskedColumns { sheet: sheets.into_iter().next(), ..asked }, rest))
}

fn asked(types: Vec<String>, missing: Vec<String>, skipped: Vec<String>) -> Result<AskedColumns, ApiError> {
    let wrong = |name: &'static str, detail: String| ApiError::parameter(ErrorCode::InvalidValue, name, detail);
    for (name, given) in [("missing", &missing), ("skip_columns", &skipped)] {
        if given.len() > MOST_NAMED {
            return Err(wrong(name, format!("{name} is given {} times; {MOST_NAMED} is the most", given.len())));
        }
    }
    check_missing(&missing).map_err(|fault| wrong("missing", fault))?;
    let columns = match types.as_slice() {
        [] => BTreeMap::new(),
        [types] => serde_json::from_str(types).map_err(|error| {
            let example = r#"{"zip":"categorical","price":{"type":"numeric","decimal":","}}"#;
            wrong("types", format!("types is a JSON object such as {example}: {error}"))
        })?,
        _ => {
            return Err(wrong(
                "types",
                "types is given more than once: it is one JSON object for all columns".to_owned(),
            ));
        }
    };
    Ok(AskedColumns { columns, missing, skipped, ..AskedColumns::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_missing_values_are_short_and_few() {
        let word = |length: usize| format!("missing={}&", "m".repeat(length));
        assert!(take_columns(&word(100).repeat(10)).is_ok());
        assert!(take_columns(&word(101)).is_err() && take_columns(&word(100).repeat(11)).is_err());
    }
}
