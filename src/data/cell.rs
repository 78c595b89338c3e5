//! What the text of a cell can mean: numbers, booleans, missing values. The one place of these rules.

use std::borrow::Cow;

pub use super::datetime::{DateOrder, format_datetime, parse_datetime, parse_datetime_as};

/// Integers beyond this are not all floats: 2^53.
pub const LARGEST_EXACT_INTEGER: u64 = 1 << 53;

/// A finite number: a float as Rust writes it, blanks around it allowed.
///
/// No infinity, no hexadecimal digits, no underscores. What has a leading zero, such as `007`, is a code and no number.
pub fn parse_number(text: &str) -> Option<f64> {
    let text = trim(text.as_bytes());
    value(text, &scan_number(text)?).filter(|value| value.is_finite())
}

/// `true` or `false` in any case, blanks around it allowed.
pub fn parse_boolean(text: &str) -> Option<bool> {
    let text = trim(text.as_bytes());
    match text.len() {
        4 if text.eq_ignore_ascii_case(b"true") => Some(true),
        5 if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// Whether among numbers, booleans or dates the text says that there is no value: blank, `NaN`, `NA`, `N/A` or `null`.
pub fn is_missing_word(text: &str) -> bool {
    let text = trim(text.as_bytes());
    let is = |word: &[u8]| text.eq_ignore_ascii_case(word);
    match text.len() {
        0 => true,
        2 => is(b"na"),
        3 => is(b"nan") || is(b"n/a"),
        4 => is(b"null"),
        _ => false,
    }
}

/// Whether the text is an infinity, or a number too large for a float.
pub fn is_not_finite(text: &str) -> bool {
    let text = trim(text.as_bytes());
    let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    unsigned.eq_ignore_ascii_case(b"inf")
        || unsigned.eq_ignore_ascii_case(b"infinity")
        || scan_number(text).is_some_and(|number| overflows(text, &number))
}

/// A number as text: an integer without `.0`, anything else in the shortest form that reads back the same.
pub fn format_number(value: f64) -> String {
    if value != 0.0 && !(1e-5..1e17).contains(&value.abs()) { format!("{value:e}") } else { format!("{value}") }
}

/// The one text of a number, whatever its writing: an integer's digits, however many; anything else as [`format_number`]
/// writes it, so that `1.0`, `1e0` and `1` are one. Nothing if the text is no number.
pub fn canonical_number(text: &str) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(trim(text.as_bytes())).ok()?;
    let number = scan_number(text.as_bytes())?;
    let digits = text.strip_prefix('+').unwrap_or(text);
    if number.integer && digits != "-0" {
        return Some(Cow::Borrowed(digits));
    }
    // + 0.0: zero has no sign in text.
    let value = value(text.as_bytes(), &number).filter(|value| value.is_finite())?;
    Some(Cow::Owned(format_number(value + 0.0)))
}

/// The text of a number, taken apart.
pub(crate) struct Scanned {
    negative: bool,
    /// The digits without the point; meaningful up to 19 of them.
    mantissa: u64,
    digits: usize,
    /// Power of ten that the mantissa is multiplied by.
    exponent: i64,
    /// Whether there is neither point nor exponent.
    integer: bool,
}

impl Scanned {
    /// Whether it is an integer that floats do not tell from its neighbours.
    pub fn is_large_integer(&self) -> bool {
        self.integer && (self.digits > 19 || self.mantissa > LARGEST_EXACT_INTEGER)
    }
}

/// Takes a number without blanks apart; nothing if it is none.
pub(crate) fn scan_number(text: &[u8]) -> Option<Scanned> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative || text.first() == Some(&b'+'));
    let mut mantissa = 0_u64;
    let mut at = digits(text, start, &mut mantissa);
    let whole = at - start;
    if whole > 1 && text[start] == b'0' {
        return None;
    }
    let mut fraction = 0;
    let mut integer = true;
    if text.get(at) == Some(&b'.') {
        let end = digits(text, at + 1, &mut mantissa);
        fraction = end - at - 1;
        at = end;
        integer = false;
    }
    let mut exponent = -(fraction as i64);
    if whole + fraction == 0 {
        return None;
    }
    if at < text.len() {
        exponent += scan_exponent(&text[at..])?;
        integer = false;
    }
    Some(Scanned { negative, mantissa, digits: whole + fraction, exponent, integer })
}

/// Where the digits from `at` on end.
#[inline]
fn digits(text: &[u8], mut at: usize, mantissa: &mut u64) -> usize {
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    at
}

fn scan_exponent(text: &[u8]) -> Option<i64> {
    let (b'e' | b'E', rest) = text.split_first()? else { return None };
    let (negative, rest) = match rest.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, rest),
    };
    if rest.is_empty() || !rest.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = rest.iter().fold(0_i64, |size, byte| (size * 10 + i64::from(byte - b'0')).min(1_000_000));
    Some(if negative { -size } else { size })
}

/// The float next to a scanned number; infinite if that is too large.
///
/// With at most 2^53 and a power of ten up to 22 both factors are exact, so one operation rounds correctly (Clinger,
/// "How to read floating point numbers accurately", 1990). All else goes the long way.
pub(crate) fn value(text: &[u8], number: &Scanned) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ];
    let power = POWERS.get(number.exponent.unsigned_abs() as usize);
    match power {
        Some(power) if number.digits <= 19 && number.mantissa <= LARGEST_EXACT_INTEGER => {
            let mantissa = number.mantissa as f64;
            let size = if number.exponent < 0 { mantissa / power } else { mantissa * power };
            Some(if number.negative { -size } else { size })
        }
        _ => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

/// Whether a scanned number is too large for a float.
pub(crate) fn overflows(text: &[u8], number: &Scanned) -> bool {
    let size = number.exponent.saturating_add(number.digits as i64);
    size > 300 && value(text, number).is_some_and(f64::is_infinite)
}

/// The text without the ASCII blanks around it.
#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    match (text.first(), text.last()) {
        (Some(first), Some(last)) if *first > b' ' && *last > b' ' => text,
        _ => text.trim_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_rust_writes_as_a_float() {
        for (text, value) in [
            ("0", 0.0),
            ("-0.5", -0.5),
            (" 12 ", 12.0),
            ("\t+3.25", 3.25),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-2", 0.01),
            ("0e0", 0.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("0.1234567890123456789", 0.123_456_789_012_345_68),
            ("1e-400", 0.0),
            ("123456789012345678901234567890", 1.234_567_890_123_456_8e29),
        ] {
            assert_eq!(parse_number(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_finite_number_is_refused() {
        for text in [
            "", " ", "-", "+", ".", "e5", "1e", "1e+", "1_000", "1,5", "0x10", "007", "-01.5", "00", "inf", "NaN",
            "1e999", "1 2", "--1", "1.2.3", "１", "1e5.0", "+-1",
        ] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn parsing_agrees_with_the_standard_library() {
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let digits = (state >> 33) % 10_u64.pow((state % 10) as u32);
            let text =
                format!("{}.{:0width$}e{}", digits, state % 1000, (state >> 20) % 50, width = (state % 12) as usize);
            assert_eq!(parse_number(&text), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn words_for_nothing_and_for_too_much() {
        assert!(["", "  ", "NaN", "na", "N/A", "Null", " nan "].into_iter().all(is_missing_word));
        assert!(!["none", "-", "n.a.", "0", "naan"].into_iter().any(is_missing_word));
        assert!(["inf", "-Infinity", "+INF", "1e999", "-1e400"].into_iter().all(is_not_finite));
        assert!(!["1e300", "info", "nan", ""].into_iter().any(is_not_finite));
        assert_eq!([" TRUE", "False ", "yes", "1"].map(parse_boolean), [Some(true), Some(false), None, None]);
    }

    #[test]
    fn a_number_has_one_text_whatever_its_writing() {
        for (text, canonical) in [
            ("1", "1"),
            ("1.0", "1"),
            ("+1", "1"),
            ("1e0", "1"),
            (" 100e-1", "10"),
            ("-0.0", "0"),
            ("-0", "0"),
            ("1.50", "1.5"),
            ("9007199254740993", "9007199254740993"),
            ("-12345678901234567890", "-12345678901234567890"),
        ] {
            assert_eq!(canonical_number(text).as_deref(), Some(canonical), "{text}");
        }
        assert!(["007", "x", "", "1e999", "1,5"].into_iter().all(|text| canonical_number(text).is_none()));
    }

    #[test]
    fn numbers_are_written_without_needless_digits() {
        assert_eq!(
            [1.0, -0.5, 1e15, 1e-7, 1e300, 0.1].map(format_number),
            ["1", "-0.5", "1000000000000000", "1e-7", "1e300", "0.1"]
        );
    }
}
