//! Times of day as text: hours, minutes, seconds and their decimals, morning and afternoon, and the offset from UTC.

use super::calendar::{HOUR, MINUTE, SECOND};
use super::text_cursor::Cursor;
use super::words::trim;
use super::zones::minutes_ahead;

/// Whether a text is a time of day alone, such as `8:37`, `17:05:30` or `5 PM`. A sign would most likely stand between two.
pub(in crate::data) fn is_time_of_day(text: &str) -> bool {
    let text = trim(text.as_bytes());
    !text.iter().any(|byte| matches!(byte, b'-' | b'+')) && time_of_day(&mut Cursor::new(text, false), false).is_some()
}

/// Microseconds since midnight UTC, of all that is left: `H:MM[:SS[.fff]]`, `HHMM[SS]` if it is `basic`, or an hour, with AM or
/// PM where it has either, and an offset.
pub(super) fn time_of_day(text: &mut Cursor, basic: bool) -> Option<i64> {
    let (hour, minute, second) = if basic { basic_clock(text)? } else { clock(text)? };
    let mut time = minute * MINUTE + second.unwrap_or(0) * SECOND;
    // Decimals are of seconds, never of the minute before them.
    if text.rest.first().is_some_and(|byte| matches!(byte, b'.' | b',')) && second.is_some() {
        text.rest = &text.rest[1..];
        time += fraction(text)?;
        text.note("%.f");
    }
    let before = text.rest;
    text.blanks();
    let hour = match meridiem(text) {
        Some(afternoon) => (1..=12).contains(&hour).then_some(hour % 12 + if afternoon { 12 } else { 0 })?,
        None => hour,
    };
    if hour > 23 || minute > 59 || second.is_some_and(|second| second > 59) {
        return None;
    }
    if before.len() != text.rest.len() {
        text.blanks();
    }
    Some(hour * HOUR + time - offset(text)?)
}

/// Hour, minute and, if it is written, second, with colons.
fn clock(text: &mut Cursor) -> Option<(i64, i64, Option<i64>)> {
    let (hour, _) = text.number(1, 2)?;
    let is_half = |text: &Cursor| {
        let mut rest = Cursor::new(text.rest, false);
        rest.blanks();
        meridiem(&mut rest).is_some()
    };
    if text.rest.first() != Some(&b':') {
        // An hour alone says whether it is in the morning.
        text.note("%I");
        return is_half(text).then_some((hour, 0, None));
    }
    let begin = text.rest;
    text.rest = &begin[1..];
    let (minute, _) = text.number(2, 2)?;
    let mut second = None;
    if text.rest.first() == Some(&b':') {
        text.rest = &text.rest[1..];
        second = Some(text.number(2, 2)?.0);
    }
    text.note(if is_half(text) { "%I:%M" } else { "%H:%M" });
    text.note(if second.is_some() { ":%S" } else { "" });
    Some((hour, minute, second))
}

/// The same without colons.
fn basic_clock(text: &mut Cursor) -> Option<(i64, i64, Option<i64>)> {
    let (number, digits) = text.number(4, 6)?;
    text.note(if digits == 4 { "%H%M" } else { "%H%M%S" });
    match digits {
        4 => Some((number / 100, number % 100, None)),
        6 => Some((number / 10_000, number / 100 % 100, Some(number % 100))),
        _ => None,
    }
}

/// Microseconds of a second's decimals, cut off beyond the sixth.
fn fraction(text: &mut Cursor) -> Option<i64> {
    let (number, digits) = text.number(1, 9)?;
    let digits = digits as u32;
    Some(if digits > 6 { number / 10_i64.pow(digits - 6) } else { number * 10_i64.pow(6 - digits) })
}

/// Whether it is the afternoon, where AM or PM stands at the start.
fn meridiem(text: &mut Cursor) -> Option<bool> {
    let (first, rest) = text.rest.split_first()?;
    let afternoon = match first {
        b'a' | b'A' => false,
        b'p' | b'P' => true,
        _ => return None,
    };
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let rest = rest.strip_prefix(b"m").or_else(|| rest.strip_prefix(b"M"))?;
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    if rest.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    text.rest = rest;
    text.note("%p");
    Some(afternoon)
}

/// Microseconds ahead of UTC of all that is left: nothing, `Z`, `UTC`, `EST`, `CEST`, `+02`, `+0200`, `UTC+2`, `+02:00`.
fn offset(text: &mut Cursor) -> Option<i64> {
    if text.rest.is_empty() {
        return Some(0);
    }
    let name = text.letters();
    text.note_text(name);
    let is = |zone: &[u8]| name.eq_ignore_ascii_case(zone);
    let is_utc = is(b"Z") || is(b"UTC") || is(b"GMT") || is(b"UT");
    if text.rest.is_empty() {
        return if is_utc { Some(0) } else { minutes_ahead(name).map(|minutes| minutes * MINUTE) };
    }
    if !name.is_empty() && !is_utc {
        return None;
    }
    let sign = match text.rest.first()? {
        b'-' => -1,
        b'+' => 1,
        _ => return None,
    };
    text.rest = &text.rest[1..];
    let (number, digits) = text.number(1, 4)?;
    let (hours, minutes) = match digits {
        4 => (number / 100, number % 100),
        1 if !is_utc => return None,
        1 | 2 if text.rest.first() == Some(&b':') => {
            text.rest = &text.rest[1..];
            (number, text.number(2, 2)?.0)
        }
        1 | 2 => (number, 0),
        _ => return None,
    };
    text.note("%z");
    (text.rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * HOUR + minutes * MINUTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_stand_alone() {
        for text in ["8:37", "08:37:05", " 17:05:30.5 ", "5 PM", "12:30 a.m.", "10:20 CET"] {
            assert!(is_time_of_day(text), "{text}");
        }
        for text in ["", "837", "24:00", "75:20", "08:00-10:00", "2:1", "12A", "2024-05-31 10:20", "10:20 today"] {
            assert!(!is_time_of_day(text), "{text}");
        }
    }
}
