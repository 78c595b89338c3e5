//! The names of a table's columns, as a header or a schema gives them.

use std::collections::HashSet;

use super::error::DataError;
use super::limits::{MAX_NAMES_BYTES, check_column_name, long_names};
use super::values::parse_number;

/// What the names begin with that are made up, before the place of the column.
pub(crate) const MADE_UP: &str = "column_";

/// The names of a header's fields: trimmed, and made up where one is empty.
///
/// # Errors
/// A name stands there twice or is too long, or there are too many.
pub(crate) fn header_names(fields: Vec<String>, line: u64, most: usize) -> Result<Vec<String>, DataError> {
    if fields.len() > most {
        let detail = format!("the header has {} columns; at most {most} are allowed", fields.len());
        return Err(DataError::too_large(detail).at(line));
    }
    let mut names: Vec<String> = fields.iter().map(|field| field.trim().to_owned()).collect();
    if let Some(long) = names.iter().find_map(|name| check_column_name(name).err()) {
        return Err(DataError::too_large(long).at(line));
    }
    if names.iter().map(String::len).sum::<usize>() > MAX_NAMES_BYTES {
        return Err(long_names().at(line));
    }
    let mut taken = HashSet::new();
    for name in names.iter().filter(|name| !name.is_empty()) {
        if !taken.insert(name.clone()) {
            let hint = match parse_number(name) {
                Some(_) => ". If the first line is a row and no header, send the file as `text/csv; header=absent`",
                None => "",
            };
            let detail = format!("two columns have this name; rename one of them{hint}");
            return Err(DataError::malformed(detail).at(line).of(name));
        }
    }
    for (at, name) in names.iter_mut().enumerate().filter(|(_, name)| name.is_empty()) {
        *name = format!("{MADE_UP}{}", at + 1);
        while !taken.insert(name.clone()) {
            name.push('_');
        }
    }
    Ok(names)
}
