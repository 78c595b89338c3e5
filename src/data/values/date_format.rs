//! How the dates of a column are written, as a pattern in the terms of `strptime`.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::datetime::{DateOrder, digits_as_date, parse_datetime};

/// The pattern of dates that are digits alone: `YYYYMMDD`, or what has passed since 1970.
pub const DIGITS: &str = "digits";

/// How the dates of a column are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateFormat {
    /// The pattern, or [`DIGITS`].
    pub format: String,
    /// Whether somebody asked for it: then cells are read by it to the letter. Else it only tells how the first of them was
    /// read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
}

impl DateFormat {
    /// Microseconds since 1970-01-01 UTC of a date in this format, or of one that no order can misread.
    pub fn read(&self, text: &str, order: DateOrder) -> Option<i64> {
        match self.format.as_str() {
            DIGITS => digits_as_date(text).or_else(|| parse_datetime(text, order)),
            pattern if self.asked => by_pattern(pattern, text).or_else(|| parse_datetime(text, DateOrder::Iso)),
            _ => parse_datetime(text, order),
        }
    }

    /// What is wrong with a format that somebody asks for.
    pub fn fault(&self) -> Option<String> {
        if self.format == DIGITS {
            return None;
        }
        // Every pattern fails on a text that it does not fit; one that cannot be read fails on the text that it writes.
        let mut then = BrokenDownTime::from(jiff::civil::date(2024, 5, 31).at(10, 20, 30, 0));
        then.set_offset(Some(Offset::UTC));
        then.set_timestamp(Some(Timestamp::UNIX_EPOCH));
        let written = then.to_string(&self.format);
        match written.as_ref().map(|text| by_pattern(&self.format, text)) {
            Ok(Some(_)) => None,
            Ok(None) => Some("it names no date: a pattern such as %d.%m.%Y %H:%M is expected".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }
}

/// Microseconds since 1970-01-01 UTC; without an offset it is UTC, without a day the first, without a time midnight.
fn by_pattern(pattern: &str, text: &str) -> Option<i64> {
    let mut parts = strtime::parse(pattern, text.trim()).ok()?;
    if let Some(at) = parts.timestamp() {
        return Some(at.as_microsecond());
    }
    let by_week = parts.day_of_year().is_some() || parts.weekday().is_some() && parts.day().is_none();
    if !by_week {
        parts.month().is_none().then(|| parts.set_month(Some(1))).transpose().ok()?;
        parts.day().is_none().then(|| parts.set_day(Some(1))).transpose().ok()?;
    }
    let time = if parts.hour().is_some() { parts.to_time().ok()? } else { Time::midnight() };
    let at = parts.to_date().ok()?.to_datetime(time);
    let offset = parts.offset().unwrap_or(Offset::UTC);
    Some(offset.to_timestamp(at).ok()?.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::super::calendar::format_datetime;
    use super::*;

    #[test]
    fn a_pattern_that_was_asked_for_is_read_to_the_letter() {
        for (pattern, text, time) in [
            ("%d-%b-%y", "15-Jul-19", "2019-07-15T00:00:00Z"),
            ("%y/%m/%d", "24/05/01", "2024-05-01T00:00:00Z"),
            ("%Y%m%d", "20190715", "2019-07-15T00:00:00Z"),
            ("%Y-%j", "2024-032", "2024-02-01T00:00:00Z"),
            ("%m.%Y", "07.2019", "2019-07-01T00:00:00Z"),
            ("%d/%m/%Y %H:%M:%S %z", "01/02/2024 10:20:30 +0200", "2024-02-01T08:20:30Z"),
            ("%s", "1563206520", "2019-07-15T16:02:00Z"),
            ("%d-%b-%y", "2019-07-15", "2019-07-15T00:00:00Z"),
            ("%d/%m/%Y", "02/13/2024", ""),
            (DIGITS, "20190715", "2019-07-15T00:00:00Z"),
            (DIGITS, "2019-07-15T10:00Z", "2019-07-15T10:00:00Z"),
        ] {
            let format = DateFormat { format: pattern.to_owned(), asked: true };
            assert_eq!(
                format.read(text, DateOrder::Iso).map(format_datetime).unwrap_or_default(),
                time,
                "{pattern} {text}"
            );
            assert_eq!(format.fault(), None, "{pattern}");
        }
        for pattern in ["%", "%Q%", "date", "%H:%M", "%!"] {
            assert!(DateFormat { format: pattern.to_owned(), asked: true }.fault().is_some(), "{pattern}");
        }
    }
}
