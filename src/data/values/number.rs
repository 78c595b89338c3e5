//! Numbers as text: what is one, its value to the last bit, and how one is written.

use std::borrow::Cow;
use std::fmt;

use super::decimal::Decimal;
use super::words::trim;

/// A finite number: a float as Rust writes it, blanks around it allowed.
///
/// No infinity, no hexadecimal digits, no underscores. What has a leading zero, such as `007`, is a code and no number.
pub fn parse_number(text: &str) -> Option<f64> {
    let text = trim(text.as_bytes());
    Decimal::of(text)?.value(text).filter(|value| value.is_finite())
}

/// Whether the text is an infinity, or a number too large for a float.
pub fn is_not_finite(text: &str) -> bool {
    let text = trim(text.as_bytes());
    let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    unsigned.eq_ignore_ascii_case(b"inf")
        || unsigned.eq_ignore_ascii_case(b"infinity")
        || Decimal::of(text).is_some_and(|number| number.overflows(text))
}

/// A number as text: an integer without `.0`, anything else in the shortest form that reads back the same.
pub fn format_number<T: Copy + Into<f64> + fmt::Display + fmt::LowerExp>(value: T) -> String {
    let size = value.into().abs();
    if size != 0.0 && !(1e-5..1e17).contains(&size) { format!("{value:e}") } else { format!("{value}") }
}

/// The one text of a number, whatever its writing: an integer's digits, however many; anything else as [`format_number`]
/// writes it, so that `1.0`, `1e0` and `1` are one. Nothing if the text is no number.
pub fn canonical_number(text: &str) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(trim(text.as_bytes())).ok()?;
    let number = Decimal::of(text.as_bytes())?;
    let digits = text.strip_prefix('+').unwrap_or(text);
    if number.is_integer() && digits != "-0" {
        return Some(Cow::Borrowed(digits));
    }
    // + 0.0: zero has no sign in text.
    let value = number.value(text.as_bytes()).filter(|value| value.is_finite())?;
    Some(Cow::Owned(format_number(value + 0.0)))
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
    fn what_is_too_large_is_told_from_words() {
        assert!(["inf", "-Infinity", "+INF", "1e999", "-1e400"].into_iter().all(is_not_finite));
        assert!(!["1e300", "info", "nan", ""].into_iter().any(is_not_finite));
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
        assert_eq!([1e-320, -5e-324, f64::MAX].map(format_number), ["1e-320", "-5e-324", "1.7976931348623157e308"]);
        assert_eq!([0.1_f32, 1e-40, 1.0, 0.0].map(format_number), ["0.1", "1e-40", "1", "0"]);
    }
}
