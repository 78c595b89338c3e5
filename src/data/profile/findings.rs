//! What a table's owner should know before training.

use std::collections::HashMap;

use super::duplicates::Duplicates;
use super::reading::{about_reading, as_words};
use super::statistics::ColumnStatistics;
use super::studied::Studied;
use super::table::{Bound, ColumnProfile, Finding, IDENTIFIER_COLUMN};
use super::total_row::total_row;
use crate::data::column::ColumnType;
use crate::data::header::MADE_UP;
use crate::data::values::are_names;
use crate::findings::{FURTHER_FINDINGS, rank};
use crate::wording::Shown;

/// A column has one value in all rows.
pub const CONSTANT_COLUMN: &str = "constant_column";
/// Rows are equal to an earlier one.
pub const DUPLICATE_ROWS: &str = "duplicate_rows";
/// A categorical column has very many different values.
pub const HIGH_CARDINALITY: &str = "high_cardinality";
/// A column of numbers is called as names of things are.
pub const CODES_AS_NUMBERS: &str = "codes_as_numbers";
/// A column has hardly any values.
pub const MOSTLY_MISSING: &str = "mostly_missing";
/// A column equals an earlier one.
pub const DUPLICATE_COLUMN: &str = "duplicate_column";

/// From how many rows on a column can be taken for an identifier.
const IDENTIFIER_ROWS: u64 = 20;
/// Texts that are looked at to tell whether they are sentences.
const LOOKED_AT: usize = 1000;
/// A categorical column of more values than this has very many.
const MANY_VALUES: u64 = 1000;

/// More copies than so many times those that there are by chance are told.
const COPIES_BY_CHANCE: f64 = 2.0;

/// Findings that a profile holds beside those of columns that name the rows, which trainings look for.
const MAX_FINDINGS: usize = 1000;

/// The findings of all columns, in their order, and then those of the rows.
pub(crate) fn findings(columns: &[Studied], duplicates: &mut Duplicates, rows: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: HashMap<_, &str> = HashMap::new();
    for column in columns {
        about_reading(column, &mut findings);
        let (profile, values) = (column.profile, column.statistics.values());
        let read_as_words = as_words(column);
        // Numbers and dates that are read as words have many different values without being identifiers or categories.
        let of_words = [IDENTIFIER_COLUMN, HIGH_CARDINALITY];
        let spared = |found: &(&str, String)| read_as_words.is_some() && of_words.contains(&found.0);
        if let Some(message) = distribution(column, rows).filter(|found| !spared(found)) {
            findings.push(column.finding(message.0, message.1));
        }
        findings.extend(read_as_words);
        let content = (profile.kind, column.statistics.sequence, profile.missing);
        if values > 0 && profile.distinct > 1 {
            if let Some(first) = seen.get(&content) {
                let message = format!("It equals column {} in every row: leave one of them out.", Shown(first));
                findings.push(column.finding(DUPLICATE_COLUMN, message));
            } else {
                seen.insert(content, profile.name.as_str());
            }
        }
    }
    shorten(&mut findings);
    findings.extend(total_row(columns, rows));
    findings.extend(copies(columns, duplicates, rows));
    findings
}

/// Leaves as many findings as a profile holds, those that cost most, and says how many there were beyond.
fn shorten(findings: &mut Vec<Finding>) {
    let (before, mut kept) = (findings.len(), 0);
    if before > MAX_FINDINGS {
        findings.sort_by_cached_key(|finding| rank(&finding.code));
    }
    findings.retain(|finding| {
        let is_needed = finding.code == IDENTIFIER_COLUMN;
        kept += usize::from(!is_needed);
        is_needed || kept <= MAX_FINDINGS
    });
    let beyond = before - findings.len();
    if beyond > 0 {
        let message = format!(
            "{beyond} further findings about columns were not kept: {MAX_FINDINGS} are. Mend those that are listed, and store the \
             data again."
        );
        findings.push(Finding { code: FURTHER_FINDINGS.to_owned(), message, column: None });
    }
}

/// What its values' frequencies show: the weightiest alone.
fn distribution(column: &Studied, rows: u64) -> Option<(&'static str, String)> {
    let (profile, statistics) = (column.profile, column.statistics);
    if profile.missing as f64 >= 0.95 * rows as f64 {
        let message = format!(
            "{} of {rows} rows have no value here: it can hardly help a model. Leave it out, or fill it.",
            profile.missing
        );
        return Some((MOSTLY_MISSING, message));
    }
    if profile.distinct == 1 && profile.missing == 0 {
        return Some((
            CONSTANT_COLUMN,
            "All rows have the same value: a model learns nothing from it. Leave it out.".to_owned(),
        ));
    }
    if is_identifier(profile, statistics, rows) {
        let message = "Its values name the rows, so that a model would learn them by heart. A training leaves it out unless `features` names it.";
        return Some((IDENTIFIER_COLUMN, message.to_owned()));
    }
    if profile.kind == ColumnType::Numeric && statistics.is_integers() && profile.distinct > 2 && is_code(&profile.name)
    {
        let message = format!(
            "Its {} whole numbers are read as a quantity, of which more is more, and it is called as names of something are. If they are, \
             give it the type categorical; or leave it out, where each is of a few rows alone.",
            profile.distinct
        );
        return Some((CODES_AS_NUMBERS, message));
    }
    if profile.kind == ColumnType::Categorical && profile.distinct > MANY_VALUES {
        let message = format!(
            "It has {} different values, few rows for each. Group them, or give it the type text if they are no groups.",
            profile.distinct
        );
        return Some((HIGH_CARDINALITY, message));
    }
    None
}

fn is_identifier(profile: &ColumnProfile, statistics: &ColumnStatistics, rows: u64) -> bool {
    let many = rows >= IDENTIFIER_ROWS;
    match profile.kind {
        ColumnType::Categorical | ColumnType::Text => {
            let values = statistics.values();
            let differ = values >= IDENTIFIER_ROWS && profile.distinct as f64 >= 0.95 * values as f64;
            // Sentences differ too.
            differ && are_names(statistics.words().take(LOOKED_AT).map(|(text, _)| text))
        }
        ColumnType::Numeric if statistics.is_integers() => {
            let numbers_each = rows > 1 && profile.missing == 0 && statistics.is_all_distinct();
            // As they stand: out of that order they may be ranks, which say something.
            let counts = many && statistics.is_dense_run() && statistics.is_ascending() && !are_years(profile);
            counts || numbers_each && (is_id(&profile.name) || numbers_rows(profile, statistics))
        }
        _ => false,
    }
}

/// Whether a column is called the identifier of something: `id`, `order_id`, `PassengerId`.
fn is_id(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_whole = lower == "id" || ["_id", "-id", ".id", " id"].iter().any(|ending| lower.ends_with(ending));
    is_whole || name.len() > 2 && (name.ends_with("Id") || name.ends_with("ID"))
}

/// Whether a column is called as numbers are that name something: the identifier of it, a code, the number of a post office.
fn is_code(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let last = lower.rsplit(|c: char| !c.is_ascii_alphanumeric()).find(|word| !word.is_empty());
    let known = ["code", "zip", "plz", "zipcode", "postcode", "barcode"];
    is_id(name) || name.ends_with("Code") || last.is_some_and(|last| known.contains(&last))
}

/// Whether a column of integers, all of which differ, is called as programs call the numbers of rows: by no name, where it ascends,
/// or by one of those that pandas, R and their likes give. Rows that were left out leave gaps among them, and rows may have been
/// shuffled.
fn numbers_rows(profile: &ColumnProfile, statistics: &ColumnStatistics) -> bool {
    let name = profile.name.as_str();
    let lower = name.to_ascii_lowercase();
    let is_numbered =
        |before: &str| name.strip_prefix(before).is_some_and(|at| at.trim_end_matches('_').parse::<u32>().is_ok());
    let named = ["index", "row", "rownames", "row_names", "row.names", "rowname", "row_number", "rownum", "rowid"];
    if named.contains(&lower.as_str()) || is_numbered("Unnamed: ") || is_numbered("__index_level_") {
        return true;
    }
    statistics.is_ascending() && !are_years(profile) && (name == "X" || is_numbered(MADE_UP))
}

/// Whether all values may be years.
fn are_years(profile: &ColumnProfile) -> bool {
    let number = |bound: &Option<Bound>| if let Some(Bound::Number(number)) = bound { *number } else { f64::NAN };
    number(&profile.min) >= 1500.0 && number(&profile.max) <= 2200.0
}

fn copies(columns: &[Studied], duplicates: &mut Duplicates, rows: u64) -> Option<Finding> {
    let count = duplicates.count();
    if count == 0 || count as f64 <= COPIES_BY_CHANCE * copies_by_chance(columns, rows) {
        return None;
    }
    let about = if duplicates.is_exact() { "" } else { "about " };
    let share = 100.0 * count as f64 / rows as f64;
    let message = format!(
        "{about}{count} of {rows} rows ({share:.1} %) are copies of an earlier row. If they are not separate observations, \
         remove them: a row counts as often as it occurs. Copies are held out together at random and by groups; by order or time \
         they may be both trained on and measured, which makes a model look better than it is."
    );
    Some(Finding { code: DUPLICATE_ROWS.to_owned(), message, column: None })
}

/// How many rows would be equal to an earlier one, about, if all columns took each of their values alike often, whatever the
/// others have: hardly any, unless few different rows are possible. Where some values are more frequent than others, it is more.
fn copies_by_chance(columns: &[Studied], rows: u64) -> f64 {
    let values = |column: &Studied| (column.profile.distinct + u64::from(column.profile.missing > 0)).max(1) as f64;
    let possible: f64 = columns.iter().map(values).product();
    let rows = rows as f64;
    // Each of the possible rows does not occur with a chance of exp(-rows / possible), which may be all but 1.
    if possible.is_finite() { rows + possible * (-rows / possible).exp_m1() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_called_so() {
        for name in ["id", "ID", "order_id", "order-id", "Order ID", "PassengerId", "customerID"] {
            assert!(is_id(name), "{name}");
        }
        for name in ["paid", "grid", "humid", "idea", "Id_of", "acid"] {
            assert!(!is_id(name), "{name}");
        }
        for name in ["store_id", "zip", "ZIP code", "postcode", "StateCode", "home.plz"] {
            assert!(is_code(name), "{name}");
        }
        for name in ["zips", "zipper", "codes_seen", "coded", "ms_encode", "Decode"] {
            assert!(!is_code(name), "{name}");
        }
    }
}
