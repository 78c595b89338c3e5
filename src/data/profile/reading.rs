//! What is to be said of how a column's cells were read.

use super::mostly::{
    are_quantities, foreign_zone_of, is_code, mostly_booleans, mostly_dates, mostly_numbers, mostly_times,
};
use super::studied::Studied;
use super::table::Finding;
use crate::data::column::ColumnType;
use crate::data::inference::{Doubt, Kind};
use crate::data::values::{
    CellFormat, DateOrder, NumberFormat, format_datetime, format_number, missing_word, parse_boolean, parse_datetime,
    parse_number,
};
use crate::wording::Shown;

/// Integers are too large for numbers.
const LARGE_INTEGERS: &str = "large_integers";
/// Numbers are infinite.
const NOT_FINITE: &str = "not_finite";
/// Numbers are written in another way than a program would.
const NUMBERS_FORMATTED: &str = "numbers_formatted";
/// Numbers could be read in two ways.
const AMBIGUOUS_NUMBERS: &str = "ambiguous_numbers";
/// Day and month cannot be told apart.
const AMBIGUOUS_DATES: &str = "ambiguous_dates";
/// Years have two digits.
const SHORT_YEARS: &str = "two_digit_years";
/// Words count as missing values, or look as if they should.
const MISSING_WORDS: &str = "missing_words";
/// Numbers or dates may be codes for missing values.
const MISSING_CODES: &str = "missing_codes";
/// Most values are numbers, and all are read as words.
const NUMBERS_AS_WORDS: &str = "numbers_as_words";
/// The same of dates and times, and of true and false.
const DATES_AS_WORDS: &str = "dates_as_words";
const BOOLEANS_AS_WORDS: &str = "booleans_as_words";
/// The codes of findings about columns of words that look like numbers or dates.
pub const READ_AS_WORDS: [&str; 3] = [NUMBERS_AS_WORDS, DATES_AS_WORDS, LARGE_INTEGERS];

/// Adds what the reading of a column's cells has shown.
pub(super) fn about_reading(column: &Studied, findings: &mut Vec<Finding>) {
    let mut add = |code: &str, message: Option<String>| {
        findings.extend(message.map(|message| column.finding(code, message)));
    };
    add(LARGE_INTEGERS, large_integers(column));
    add(NOT_FINITE, not_finite(column));
    match (&column.profile.format, column.profile.kind) {
        (Some(CellFormat::Number(format)), ColumnType::Numeric) => {
            add(NUMBERS_FORMATTED, numbers_formatted(column, format));
            add(AMBIGUOUS_NUMBERS, ambiguous_numbers(column, format));
        }
        (_, ColumnType::Datetime) => {
            add(AMBIGUOUS_DATES, ambiguous_dates(column));
            add(SHORT_YEARS, short_years(column));
        }
        _ => {}
    }
    add(MISSING_WORDS, missing_words(column));
    add(MISSING_CODES, missing_codes(column));
}

fn large_integers(column: &Studied) -> Option<String> {
    let first = column.evidence.large_integer.filter(|_| column.inferred && column.evidence.has_large_integers())?;
    Some(format!(
        "It holds integers beyond 2^53, first on {} {first}, which numbers cannot tell apart, so it is kept as words. If it \
         is a quantity, give it the type numeric.",
        column.place
    ))
}

fn not_finite(column: &Studied) -> Option<String> {
    let (count, first) = column.evidence.not_finite.filter(|_| column.profile.kind == ColumnType::Numeric)?;
    Some(format!(
        "{count} of its numbers are infinite or too large for a 64-bit float, first on {} {first}; they count as missing. \
         Write what you know of these values instead.",
        column.place
    ))
}

fn numbers_formatted(column: &Studied, format: &NumberFormat) -> Option<String> {
    let numbers = column.evidence.numbers();
    let Some((line, example)) = numbers.example() else {
        return Some(match numbers.quoted() {
            Some(line) => format!(
                "Some of its numbers are texts, first on {} {line}; they are read as numbers, in predictions as well. If \
                 they are words, give the type categorical in `types`.",
                column.place
            ),
            None => format!(
                "Its numbers are read as written {}, as other columns have decimal commas. If that is wrong, say in `types` \
                 how they are written.",
                described(format)
            ),
        });
    };
    let value = format.read(example).map(format_number).unwrap_or_default();
    Some(format!(
        "Its numbers are written {}: {} on {} {line} is read as {value}. {}; if it is wrong, \
         say in `types` how they are written.",
        described(format),
        Shown(example),
        column.place,
        read_by_predictions(format)
    ))
}

/// How numbers of a format are written, as a clause.
fn described(format: &NumberFormat) -> String {
    format.described().unwrap_or_else(|| "in a way of their own".to_owned())
}

/// What predictions read of a column with this format, as a sentence.
fn read_by_predictions(format: &NumberFormat) -> &'static str {
    match format.decimal {
        ',' => {
            "Predictions read this form, and numbers that are no texts, as in JSON; a text with a decimal point, as in CSV, is refused"
        }
        _ => "Predictions read this form and plain numbers",
    }
}

fn ambiguous_numbers(column: &Studied, format: &NumberFormat) -> Option<String> {
    if column.has_asked_format || !column.evidence.numbers().is_ambiguous() {
        return None;
    }
    let other = if format.decimal == ',' { '.' } else { ',' };
    let (sign, read) = match (format.thousands, format.decimal) {
        (Some(thousands), _) => (thousands, "a separator of thousands"),
        (None, decimal) => (decimal, "the decimal sign"),
    };
    let name = Shown(&column.profile.name);
    Some(format!(
        "Nothing in it tells whether {sign:?} separates thousands or a fraction; it is read as {read}. If that is wrong, give \
         types={{{name}:{{\"type\":\"numeric\",\"decimal\":\"{other}\"}}}}."
    ))
}

fn ambiguous_dates(column: &Studied) -> Option<String> {
    let dates = column.evidence.dates();
    if column.has_asked_format {
        return None;
    }
    let order = if dates.order() == DateOrder::DayFirst { "day before the month" } else { "month before the day" };
    if let Some(separator) = dates.separator().filter(|_| dates.may_begin_with_year()) {
        let name = Shown(&column.profile.name);
        return Some(format!(
            "Its dates may begin with their year, as the first of their numbers changes less than the last; they are read with the \
             {order} and the year last. If that is wrong, give \
             types={{{name}:{{\"format\":\"%y{separator}%m{separator}%d\"}}}}."
        ));
    }
    if !dates.is_ambiguous() {
        return None;
    }
    Some(format!(
        "Nothing tells day and month of its dates apart; they are read with the {order}. Write them as 2024-05-31, or give \
         their format in `types`, to be sure."
    ))
}

fn short_years(column: &Studied) -> Option<String> {
    let dates = column.evidence.dates();
    let (line, example) = dates.short_year().filter(|_| !column.has_asked_format)?;
    let year = parse_datetime(example, dates.order()).map(|time| format!(" as one of {}", year_of(time)));
    Some(format!(
        "Years of two digits are read as 1969 to 2068: {} on {} {line}{}. Years before 1969, of births for example, come out 100 \
         years late: write years with four digits if they are meant.",
        Shown(example),
        column.place,
        year.unwrap_or_default()
    ))
}

/// The year of a time, as it is written.
fn year_of(time: i64) -> String {
    format_datetime(time).chars().take(4).collect()
}

/// Words that counted as missing values; in a column of words, those that may be meant so.
fn missing_words(column: &Studied) -> Option<String> {
    let counted = |words: &[(&str, u64)]| {
        let each: Vec<String> =
            words.iter().take(5).map(|(word, count)| format!("{} ({count})", Shown(word))).collect();
        each.join(", ")
    };
    if !matches!(column.profile.kind, ColumnType::Categorical | ColumnType::Text) {
        let found = column.evidence.missing_words();
        return (!found.is_empty())
            .then(|| format!(
                "Cells with these words count as missing values, each so often: {}. If one is a value, write it as one, or give \
                 the type categorical in `types`.",
                counted(&found)
            ));
    }
    let mut found: Vec<(&str, u64)> =
        column.statistics.words().filter(|(word, _)| missing_word(word).is_some()).collect();
    found.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), *word));
    (!found.is_empty()).then(|| {
        format!(
            "These words are kept as values, each so often: {}. If one means that there is no value, name it: missing={}.",
            counted(&found),
            found[0].0
        )
    })
}

/// Numbers or dates that are far from all others, as those are that stand for missing values.
fn missing_codes(column: &Studied) -> Option<String> {
    let codes = column.statistics.missing_codes();
    let (first, _) = codes.first()?;
    let (counted, words): (Vec<_>, Vec<_>) =
        codes.iter().map(|(code, count)| (format!("{count} are {code}"), format!("\"{code}\""))).unzip();
    Some(format!(
        "Of its {} values {}, far from all others. They are read as what they are written, and may be codes for values that nobody \
         knows. If so, leave these cells empty, or store the data again with the words named as the file writes them: \
         types={{{}:{{\"missing\":[{}]}}}}, or for all columns missing={first}.",
        column.statistics.values(),
        counted.join(", "),
        Shown(&column.profile.name),
        words.join(",")
    ))
}

/// What is to be said of a column of words most of which are numbers, dates, or true and false.
pub(super) fn as_words(column: &Studied) -> Option<Finding> {
    let is_words = matches!(column.profile.kind, ColumnType::Categorical | ColumnType::Text);
    if !column.inferred || !is_words || column.evidence.has_large_integers() {
        return None;
    }
    let found = |code, message| Some(column.finding(code, message));
    let words = || column.statistics.words();
    // Before numbers: in `5 PM` the letters are no unit.
    if mostly_times(words()).is_some() {
        let message = "Its values are written as times of day: they are read as words. Write a number in their place, such as 8.5 for \
                       08:30, or the date with the time.";
        return found(DATES_AS_WORDS, message.to_owned());
    }
    if let Some(message) = numbers_as_words(column) {
        return found(NUMBERS_AS_WORDS, message);
    }
    if let Some(zone) = foreign_zone_of(words()) {
        let message = format!(
            "Its values are dates, with a word behind the time that is not understood, {}: they are read as words. If it is a \
             time zone, write its offset from UTC in its place, as in 2024-05-31 10:20 +02:00; else leave it out.",
            Shown(zone)
        );
        return found(DATES_AS_WORDS, message);
    }
    if let Some(share) = mostly_dates(words()) {
        let message = match (column.evidence.misfit(Kind::Date), column.evidence.dates().contradiction()) {
            (Some((line, text)), _) => misfits(column, share, "dates", line, text),
            (None, line) => format!(
                "Its values are dates, and no order of day and month fits all of them: {} {} is the first that does not fit \
                 those before it. It is read as words. Write all dates as 2024-05-31.",
                column.place,
                line.unwrap_or_default()
            ),
        };
        return found(DATES_AS_WORDS, message);
    }
    let (line, text) = column.evidence.misfit(Kind::Boolean)?;
    let share = mostly_booleans(words())?;
    let message = if parse_boolean(text).is_some() {
        given_as_texts(column, share, "true or false", "boolean", line)
            + " Predictions by JSON then take true and false, no texts."
    } else {
        misfits(column, share, "true or false", line, text)
    };
    found(BOOLEANS_AS_WORDS, message)
}

/// The file has values as texts, from this line on, that a type reads.
fn given_as_texts(column: &Studied, share: f64, what: &str, kind: &str, line: u64) -> String {
    let those = if share == 1.0 { "All".to_owned() } else { format!("{} %", (1000.0 * share).floor() / 10.0) };
    format!(
        "{those} of its values are {what}, and the file has them as texts, first on {} {line}: they are read as words. The type \
         {kind} reads them: types={{{}:\"{kind}\"}}.",
        column.place,
        Shown(&column.profile.name)
    )
}

/// Most values are something, and this one is not.
fn misfits(column: &Studied, share: f64, what: &str, line: u64, text: &str) -> String {
    // Where some are not, never "100 %".
    let percent = ((1000.0 * share).floor() / 10.0).min(99.9);
    let shown = if text.is_empty() { "a number".to_owned() } else { format!("{text:?}") };
    format!(
        "{percent} % of its values are {what}; {} {line} has {shown}: it is read as words. Mend such cells or leave them \
         empty, name words that mean that there is no value (missing=…), or give the type in `types` to have the first such \
         cell refused.",
        column.place
    )
}

fn numbers_as_words(column: &Studied) -> Option<String> {
    let place = column.place;
    let share = mostly_numbers(column.statistics.words())?;
    if let Some((line, text)) = column.evidence.misfit(Kind::Number) {
        // Digits that begin with 0 are meant to be words.
        let meant = parse_number(text).is_some() || is_code(text) || text.is_empty();
        return (!meant).then(|| misfits(column, share, "numbers", line, text));
    }
    let reason = match column.evidence.doubt()? {
        Doubt::OtherAffix([(first, one), (second, other)]) => format!(
            "in several currencies or units: {place} {first} has {}, {place} {second} has {}",
            Shown(one),
            Shown(other)
        ),
        Doubt::OtherWay(line) => {
            format!("written in several ways: no use of point and comma fits all of them, from {place} {line} on")
        }
        Doubt::NoPercent(line) => format!("some of them with a percent sign, and {place} {line} has none"),
        Doubt::Texts(line) => {
            return are_quantities(column.statistics.words())
                .then(|| given_as_texts(column, share, "numbers", "numeric", line));
        }
        Doubt::Words => return None,
    };
    Some(format!("Its values are numbers, {reason}. It is read as words: write all of them in one way."))
}
