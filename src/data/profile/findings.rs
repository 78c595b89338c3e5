//! What a table's owner should know before training.

use std::collections::HashMap;

use super::duplicates::Duplicates;
use super::statistics::ColumnStatistics;
use super::table::{ColumnProfile, Finding, IDENTIFIER_COLUMN};
use super::written_numbers::{is_code, mostly_numbers};
use crate::data::column::ColumnType;
use crate::data::inference::Evidence;
use crate::data::values::parse_number;
use crate::wording::Shown;

/// A column has one value in all rows.
pub const CONSTANT_COLUMN: &str = "constant_column";
/// Rows are equal to an earlier one.
pub const DUPLICATE_ROWS: &str = "duplicate_rows";
/// A categorical column has very many different values.
pub const HIGH_CARDINALITY: &str = "high_cardinality";
/// A column has hardly any values.
pub const MOSTLY_MISSING: &str = "mostly_missing";
/// A column equals an earlier one.
pub const DUPLICATE_COLUMN: &str = "duplicate_column";
/// Integers are too large for numbers.
pub const LARGE_INTEGERS: &str = "large_integers";
/// Numbers are read as words.
pub const NUMBERS_AS_WORDS: &str = "numbers_as_words";
/// Numbers are infinite.
pub const NOT_FINITE: &str = "not_finite";
/// There are more findings than are listed.
pub const FURTHER_FINDINGS: &str = "further_findings";
/// Day and month cannot be told apart.
pub const AMBIGUOUS_DATES: &str = "ambiguous_dates";

/// From how many rows on a column can be taken for an identifier.
const IDENTIFIER_ROWS: u64 = 20;
/// A categorical column of more values than this has very many.
const MANY_VALUES: u64 = 1000;

/// Findings that a profile holds beside those of columns that name the rows, which trainings look for.
const MAX_FINDINGS: usize = 1000;

/// A column with all that is known of it.
pub(crate) struct Studied<'a> {
    pub profile: &'a ColumnProfile,
    pub statistics: &'a ColumnStatistics,
    pub evidence: &'a Evidence,
    /// Whether its type was not asked for, but found.
    pub inferred: bool,
    /// What `Evidence` calls a place.
    pub place: &'static str,
}

/// The findings of all columns, in their order, and then those of the rows.
pub(crate) fn findings(columns: &[Studied], duplicates: &mut Duplicates, rows: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: HashMap<_, &str> = HashMap::new();
    for column in columns {
        reading(column, &mut findings);
        let (profile, values) = (column.profile, column.statistics.values());
        let numbers = numbers_as_words(column);
        // Numbers that are written as words have many different values without being identifiers or categories.
        let of_words = [IDENTIFIER_COLUMN, HIGH_CARDINALITY];
        let spared = |found: &(&str, String)| numbers.is_some() && of_words.contains(&found.0);
        if let Some(message) = distribution(column, rows).filter(|found| !spared(found)) {
            findings.push(of_column(message.0, profile, message.1));
        }
        findings.extend(numbers.map(|message| of_column(NUMBERS_AS_WORDS, profile, message)));
        let content = (profile.kind, column.statistics.sequence, profile.missing);
        if values > 0 && profile.distinct > 1 {
            if let Some(first) = seen.get(&content) {
                let message = format!("It equals column {} in every row: leave one of them out.", Shown(first));
                findings.push(of_column(DUPLICATE_COLUMN, profile, message));
            } else {
                seen.insert(content, profile.name.as_str());
            }
        }
    }
    shorten(&mut findings);
    findings.extend(copies(duplicates, rows));
    findings
}

/// Leaves as many findings as a profile holds, and says how many there were beyond.
fn shorten(findings: &mut Vec<Finding>) {
    let (before, mut kept) = (findings.len(), 0);
    findings.retain(|finding| {
        let is_needed = finding.code == IDENTIFIER_COLUMN;
        kept += usize::from(!is_needed);
        is_needed || kept <= MAX_FINDINGS
    });
    let beyond = before - findings.len();
    if beyond > 0 {
        let message = format!("{beyond} further findings about columns are not listed: {MAX_FINDINGS} are.");
        findings.push(Finding { code: FURTHER_FINDINGS.to_owned(), message, column: None });
    }
}

fn of_column(code: &str, profile: &ColumnProfile, message: String) -> Finding {
    Finding { code: code.to_owned(), message, column: Some(profile.name.clone()) }
}

/// What its cells' reading has shown.
fn reading(column: &Studied, findings: &mut Vec<Finding>) {
    let (evidence, profile, place) = (column.evidence, column.profile, column.place);
    if let Some(first) = evidence.large_integer.filter(|_| column.inferred && evidence.has_large_integers()) {
        let message = format!(
            "It holds integers beyond 2^53, first on {place} {first}, which numbers cannot tell apart, so it is kept as \
             words. If it is a quantity, give it the type numeric."
        );
        findings.push(of_column(LARGE_INTEGERS, profile, message));
    }
    if let Some((count, first)) = evidence.not_finite.filter(|_| profile.kind == ColumnType::Numeric) {
        let message = format!(
            "{count} of its numbers are infinite or too large for a 64-bit float, first on {place} {first}; they count as \
             missing. Write what you know of these values instead."
        );
        findings.push(of_column(NOT_FINITE, profile, message));
    }
    if profile.kind == ColumnType::Datetime && evidence.is_ambiguous() {
        let order = if matches!(
            evidence.form(),
            crate::data::inference::Form::Datetime(crate::data::values::DateOrder::DayFirst)
        ) {
            "day before the month"
        } else {
            "month before the day"
        };
        let message = format!(
            "Nothing tells day and month of its dates apart; they are read with the {order}. Write them as 2024-05-31 to \
             be sure."
        );
        findings.push(of_column(AMBIGUOUS_DATES, profile, message));
    }
}

/// What is to be said of a column of words most of which are numbers.
fn numbers_as_words(column: &Studied) -> Option<String> {
    let (line, first) = column.evidence.not_a_number.as_ref()?;
    // Digits that a file quotes, or that begin with 0, are meant to be words.
    if !column.inferred || parse_number(first).is_some() || is_code(first) {
        return None;
    }
    let found = mostly_numbers(column.statistics.words())?;
    // Where some are no numbers, never "100 %".
    let percent = (1000.0 * found.share).floor() / 10.0;
    let seen = match found.written {
        Some((writing, example)) => {
            format!("{percent} % of its values are numbers, some of them {} as in {}", writing.clause(), Shown(example))
        }
        None => {
            format!("{} % of its values are numbers; {} {line} has {first:?}", percent.min(99.9), column.place)
        }
    };
    Some(format!(
        "{seen}: it is read as words. Write numbers with a decimal point and nothing else, and leave cells without a \
         number empty. The type numeric reads no other writing: it refuses the file, naming the first such cell."
    ))
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
        let message =
            "Its values name the rows, so that a model would learn them by heart. Leave it out of the features.";
        return Some((IDENTIFIER_COLUMN, message.to_owned()));
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
            values >= IDENTIFIER_ROWS && profile.distinct as f64 >= 0.95 * values as f64
        }
        ColumnType::Numeric if statistics.is_integers() => {
            let name = profile.name.to_ascii_lowercase();
            let named = (name == "id" || name.ends_with("_id")) && rows > 1;
            (many && statistics.is_dense_run()) || (named && statistics.is_all_distinct() && profile.missing == 0)
        }
        _ => false,
    }
}

fn copies(duplicates: &mut Duplicates, rows: u64) -> Option<Finding> {
    let count = duplicates.count();
    if count == 0 {
        return None;
    }
    let about = if duplicates.is_exact() { "" } else { "about " };
    let share = 100.0 * count as f64 / rows as f64;
    let message = format!(
        "{about}{count} of {rows} rows ({share:.1} %) are copies of an earlier row. If they are not separate observations, \
         remove them: copies in training and validation make a model look better than it is."
    );
    Some(Finding { code: DUPLICATE_ROWS.to_owned(), message, column: None })
}
