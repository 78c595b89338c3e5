//! Targets that are not what they seem, and data that cannot be learned from: said before anything is stored.

use crate::data::column::{Column, ColumnType};
use crate::data::encoder::{MAX_CLASSES, Reason, Task};
use crate::data::profile::{ColumnProfile, READ_AS_WORDS, TableProfile};
use crate::data::values::parse_number;
use crate::wording::Shown;

/// From so many classes on a class of a row or two is taken for a sign that they are none.
const MANY_CLASSES: u64 = 100;
/// Rows of a class, on average, that make it one.
const ROWS_OF_A_CLASS: u64 = 3;

/// Checks a target of `values` different values, or more than [`MAX_CLASSES`], for a task that was `asked` for or follows from it.
///
/// # Errors
/// What speaks against it, as a clause: "the target x …".
pub(super) fn check_target(
    asked: Option<Task>,
    task: Task,
    target: &Column,
    values: usize,
    profile: &TableProfile,
) -> Result<(), String> {
    if values == 0 {
        return Err("has no value in any row".to_owned());
    }
    let Some(known) = profile.column(&target.name) else { return Ok(()) };
    match task {
        Task::Regression if target.kind == ColumnType::Numeric && known.std.is_none() => {
            Err("has values too large to compute with".to_owned())
        }
        Task::Classification if values > MAX_CLASSES && target.kind != ColumnType::Datetime => {
            let count = known.distinct.max(values as u64);
            let reason = reason(known, profile).map(|reason| format!(". {reason}")).unwrap_or_default();
            Err(format!("has {count} classes; {MAX_CLASSES} is the most{reason}"))
        }
        Task::Classification if asked.is_none() => {
            doubt(known, profile).map_or(Ok(()), |doubt| Err(format!("is doubtful. {doubt}")))
        }
        _ => Ok(()),
    }
}

/// Why a target of classes is most likely none, if somebody has not said that it is.
fn doubt(target: &ColumnProfile, profile: &TableProfile) -> Option<String> {
    if let Some(reason) = reason(target, profile) {
        return Some(format!("{reason} If its values are classes, say task=classification."));
    }
    let rows = profile.rows - target.missing;
    let is_words = matches!(target.kind, ColumnType::Categorical | ColumnType::Text);
    (is_words && target.distinct >= MANY_CLASSES && rows < target.distinct.saturating_mul(ROWS_OF_A_CLASS)).then(|| {
        // Zeros before the first digit are of codes.
        let is_code = |word: &str| word.len() > 1 && word.starts_with('0') && !word.starts_with("0.");
        let is_number = |word: &str| !is_code(word) && parse_number(word).is_some();
        let are_numbers = !target.top.is_empty() && target.top.iter().all(|top| is_number(&top.value));
        let cure = if are_numbers {
            format!(" If they are numbers, say so: types={{{}:\"numeric\"}}.", Shown(&target.name))
        } else {
            String::new()
        };
        format!(
            "It has {} different values in {rows} rows, a row or two for each: they are most likely no classes. If they are, \
             say task=classification.{cure}",
            target.distinct
        )
    })
}

/// What a finding says of a column that is read as words and looks like something else.
fn reason<'a>(column: &ColumnProfile, profile: &'a TableProfile) -> Option<&'a str> {
    let mut findings = profile.findings.iter();
    let found = findings.find(|finding| {
        finding.column.as_deref() == Some(&column.name) && READ_AS_WORDS.contains(&finding.code.as_str())
    });
    found.map(|finding| finding.message.as_str())
}

/// Why nothing can be learned from these columns, if nothing can.
pub(super) fn hopeless(features: &[String], profile: &TableProfile) -> Option<String> {
    let identifiers = profile.identifiers();
    let why = |column: &ColumnProfile| match () {
        () if column.missing == profile.rows => Some(Reason::Missing),
        () if column.distinct <= 1 && column.missing == 0 => Some(Reason::Constant),
        () if column.kind == ColumnType::Text && identifiers.contains(column.name.as_str()) => Some(Reason::Unshared),
        () => None,
    };
    let known = profile.by_name();
    let columns: Vec<_> = features.iter().filter_map(|name| known.get(name.as_str()).copied()).collect();
    let reasons: Vec<_> =
        columns.iter().map_while(|column| Some(format!("{} {}", Shown(&column.name), why(column)?.clause()))).collect();
    match reasons.len() {
        _ if columns.is_empty() => Some("the data has no other column than the target".to_owned()),
        count if count == columns.len() => Some(reasons.into_iter().take(5).collect::<Vec<_>>().join("; ")),
        _ => None,
    }
}
