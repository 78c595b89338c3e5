//! Dates and times of day as text, and as microseconds since 1970-01-01 UTC.

use serde::{Deserialize, Serialize};

/// How the dates of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// The year first, as ISO 8601 has it: `2024-05-31`.
    Iso,
    /// `31/05/2024`.
    DayFirst,
    /// `05/31/2024`.
    MonthFirst,
}

const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;

/// Microseconds since 1970-01-01 UTC of a date or date-time in any order; without an offset it is UTC.
///
/// Where day and month can be told apart in two ways, the month comes first between slashes, and the day otherwise.
pub fn parse_datetime(text: &str) -> Option<i64> {
    let usual = usual_order(separator(text)?);
    let other = if usual == DateOrder::DayFirst { DateOrder::MonthFirst } else { DateOrder::DayFirst };
    [DateOrder::Iso, usual, other].into_iter().find_map(|order| parse_datetime_as(text, order))
}

/// The same in one order alone.
pub fn parse_datetime_as(text: &str, order: DateOrder) -> Option<i64> {
    let text = super::words::trim(text.as_bytes());
    let (date, rest, basic) = if order == DateOrder::Iso { iso_date(text)? } else { day_and_month(text, order)? };
    if rest.is_empty() {
        return (!basic).then_some(date);
    }
    let (b'T' | b't' | b' ', time) = rest.split_first()? else { return None };
    Some(date + time_of_day(time, basic)?)
}

/// A time in RFC 3339, in UTC; years beyond 9999 carry a sign.
pub fn format_datetime(microseconds: i64) -> String {
    let (year, month, day) = civil(microseconds.div_euclid(DAY));
    let time = microseconds.rem_euclid(DAY);
    let sign = if (0..=9999).contains(&year) {
        ""
    } else if year < 0 {
        "-"
    } else {
        "+"
    };
    let (hour, minute, second) = (time / HOUR, time / MINUTE % 60, time / 1_000_000 % 60);
    let fraction = match time % 1_000_000 {
        0 => String::new(),
        rest if rest % 1000 == 0 => format!(".{:03}", rest / 1000),
        rest => format!(".{rest:06}"),
    };
    format!("{sign}{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z", year.abs())
}

/// The first character between digits of what may be a date.
pub(crate) fn separator(text: &str) -> Option<u8> {
    text.trim_ascii().bytes().find(|byte| !byte.is_ascii_digit())
}

/// What is taken where both orders fit.
pub(crate) fn usual_order(separator: u8) -> DateOrder {
    if separator == b'/' { DateOrder::MonthFirst } else { DateOrder::DayFirst }
}

/// The date at the start, what follows it, and whether it is written without separators.
fn iso_date(text: &[u8]) -> Option<(i64, &[u8], bool)> {
    let year = number(text.get(..4)?)?;
    match text.get(4)? {
        separator @ (b'-' | b'/') if text.get(7) == Some(separator) => {
            Some((days(year, number(text.get(5..7)?)?, number(text.get(8..10)?)?)? * DAY, &text[10..], false))
        }
        byte if byte.is_ascii_digit() => {
            Some((days(year, number(text.get(4..6)?)?, number(text.get(6..8)?)?)? * DAY, &text[8..], true))
        }
        _ => None,
    }
}

/// A date with the year at its end.
fn day_and_month(text: &[u8], order: DateOrder) -> Option<(i64, &[u8], bool)> {
    let first = 1 + usize::from(text.get(1)?.is_ascii_digit());
    let separator = text.get(first).filter(|byte| matches!(byte, b'/' | b'.' | b'-'))?;
    let start = first + 1;
    let second = start + 1 + usize::from(text.get(start + 1)?.is_ascii_digit());
    if text.get(second)? != separator {
        return None;
    }
    let (one, two) = (number(&text[..first])?, number(&text[start..second])?);
    let year = number(text.get(second + 1..second + 5)?)?;
    let (month, day) = if order == DateOrder::DayFirst { (two, one) } else { (one, two) };
    Some((days(year, month, day)? * DAY, &text[second + 5..], false))
}

/// Microseconds since midnight UTC: `HH:MM[:SS[.fff]]`, or `HHMM[SS]` if basic, and an offset.
fn time_of_day(text: &[u8], basic: bool) -> Option<i64> {
    let end = text.iter().position(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-')).unwrap_or(text.len());
    let (clock, zone) = text.split_at(end);
    let offset = offset(zone)?;
    let width = 2 + usize::from(!basic);
    let colon = |at: usize| basic || clock[at] == b':';
    let within = |value: i64, end: i64| (value < end).then_some(value);
    let hour = within(number(clock.get(..2)?)?, 24)?;
    let minute = within(number(clock.get(width..width + 2)?).filter(|_| colon(2))?, 60)?;
    let mut time = hour * HOUR + minute * MINUTE;
    if clock.len() > width + 2 {
        let at = 2 * width;
        time += within(number(clock.get(at..at + 2)?).filter(|_| colon(at - 1))?, 60)? * 1_000_000;
        if let Some((point, digits)) = clock[at + 2..].split_first() {
            time += matches!(point, b'.' | b',').then(|| fraction(digits)).flatten()?;
        }
    }
    Some(time - offset)
}

/// Microseconds of a second's decimals, cut off beyond the sixth.
fn fraction(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let kept = digits.len().min(6);
    number(&digits[kept..])?;
    Some(number(&digits[..kept])? * 10_i64.pow(6 - kept as u32))
}

/// Microseconds ahead of UTC: nothing, `Z`, `+02`, `+0200` or `+02:00`.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, rest) = match zone.split_first() {
        None => return Some(0),
        Some((b'Z' | b'z', rest)) => return rest.is_empty().then_some(0),
        Some((sign, rest)) => (if *sign == b'-' { -1 } else { 1 }, rest),
    };
    let (hours, minutes) = match rest.len() {
        2 => (rest, &rest[..0]),
        4 => rest.split_at(2),
        5 if rest[2] == b':' => (&rest[..2], &rest[3..]),
        _ => return None,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * HOUR + minutes * MINUTE))
}

/// The number of a few digits; 0 of none.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Days since 1970-01-01 of a date that exists.
///
/// Years are counted from March, so that the leap day ends them; an era of 400 years has 146,097 days.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Year, month and day of a number of days since 1970-01-01.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Option<String> {
        parse_datetime(text).map(format_datetime)
    }

    #[test]
    fn dates_in_every_form() {
        for (text, time) in [
            ("2024-05-01", "2024-05-01T00:00:00Z"),
            ("2024/05/01", "2024-05-01T00:00:00Z"),
            ("2024-05-01T10:20", "2024-05-01T10:20:00Z"),
            ("2024-05-01 10:20:30", "2024-05-01T10:20:30Z"),
            ("2024-05-01T10:20:30.5Z", "2024-05-01T10:20:30.500Z"),
            ("2024-05-01T10:20:30.123456789+02:00", "2024-05-01T08:20:30.123456Z"),
            ("2024-05-01T00:20:30-0330", "2024-05-01T03:50:30Z"),
            ("20141013T000000", "2014-10-13T00:00:00Z"),
            ("20141013T0102Z", "2014-10-13T01:02:00Z"),
            (" 1969-12-31T23:59:59.999 ", "1969-12-31T23:59:59.999Z"),
            ("0000-02-29", "0000-02-29T00:00:00Z"),
            ("9999-12-31T23:59:59", "9999-12-31T23:59:59Z"),
            ("13/02/2024", "2024-02-13T00:00:00Z"),
            ("02/13/2024 5:6", ""),
            ("02/03/2024 05:06", "2024-02-03T05:06:00Z"),
            ("02.03.2024", "2024-03-02T00:00:00Z"),
            ("2-3-2024", "2024-03-02T00:00:00Z"),
        ] {
            assert_eq!(written(text).unwrap_or_default(), time, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2024",
            "20240501",
            "2024-5-1",
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "2024-05-01T",
            "2024-05-01T24:00",
            "2024-05-01T10",
            "2024-05-01T10:20:",
            "2024-05-01T10:20:30.",
            "2024-05-01Z",
            "2024-05/01",
            "32/01/2024",
            "13/13/2024",
            "1/2/24",
            "1/2-2024",
            "1.2.3",
            "2024-05-01x10:20",
            "2024-05-01T10:20+2",
            "٢٠٢٤-05-01",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in -200_000..200_000 {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), Some(day));
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(format_datetime(i64::MIN).len(), "-290308-12-21T19:59:05.224192Z".len());
    }
}
