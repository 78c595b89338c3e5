//! How the numbers of a column are written, where it is not as a program writes them.

use serde::{Deserialize, Serialize};

use super::number::parse_number;
use super::separators::{Separators, WAYS};
use super::written_number::WrittenNumber;
use crate::wording::Shown;

/// How the numbers of a column are written.
///
/// What stands before and behind the number may be missing in a cell; a number without it is not scaled. Where nothing is known
/// to stand between thousands, anything may that a fraction behind it tells from a decimal mark: a column without a number above
/// 1000 shows nothing of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberFormat {
    /// What stands before the fraction: `.` or `,`.
    #[serde(default = "point")]
    pub decimal: char,
    /// What stands between thousands: `.`, `,`, a blank (any kind of it) or `'`; none where nothing was seen there.
    #[serde(default)]
    pub thousands: Option<char>,
    /// What stands before the number.
    #[serde(default)]
    pub prefix: Option<String>,
    /// What stands behind it.
    #[serde(default)]
    pub suffix: Option<String>,
    /// What the written number is multiplied by: 0.01 under a percent sign.
    #[serde(default = "one")]
    pub scale: f64,
}

fn point() -> char {
    '.'
}

fn one() -> f64 {
    1.0
}

impl NumberFormat {
    /// A format of these separators, with nothing before or behind the number.
    pub(crate) fn of(Separators { decimal, thousands }: Separators) -> Self {
        NumberFormat { decimal, thousands, prefix: None, suffix: None, scale: 1.0 }
    }

    /// How its numbers are written, as a clause; none where they are written as plain ones.
    pub fn described(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.decimal == ',' {
            parts.push("with a decimal comma".to_owned());
        }
        if let Some(thousands) = self.thousands {
            parts.push(format!("with {thousands:?} between thousands"));
        }
        parts.extend(self.prefix.as_ref().map(|prefix| format!("behind {}", Shown(prefix))));
        parts.extend(self.suffix.as_ref().map(|suffix| format!("before {}", Shown(suffix))));
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Its separators.
    pub(crate) fn separators(&self) -> Separators {
        Separators { decimal: self.decimal, thousands: self.thousands }
    }

    /// The finite number that a text is in this format.
    pub fn read(&self, text: &str) -> Option<f64> {
        self.read_written(&WrittenNumber::of(text)?)
    }

    /// The same of one that was taken apart.
    pub(crate) fn read_written(&self, written: &WrittenNumber) -> Option<f64> {
        let is_clear = self.thousands.is_none() && written.ends_in_fraction(self.decimal);
        let ways = if is_clear { self.separators().of_decimal() } else { self.separators().bit() };
        if written.ways & ways == 0 || !self.has_affixes_of(written) {
            return None;
        }
        let is_bare = !written.is_affixed() && (self.prefix.is_some() || self.suffix.is_some());
        let (exponent, factor) = if is_bare { (0, 1.0) } else { self.power() };
        written.value(self.separators(), exponent).map(|value| value * factor).filter(|value| value.is_finite())
    }

    /// Whether nothing stands before and behind a number but what may in this format.
    fn has_affixes_of(&self, written: &WrittenNumber) -> bool {
        let is = |given: &str, known: &Option<String>| given.is_empty() || known.as_deref() == Some(given);
        is(written.prefix, &self.prefix) && is(written.suffix, &self.suffix)
    }

    /// What may be wrong with a text that is not read in the format of this column, as the end of a message: something in it may
    /// separate thousands, where none of the column's cells has shown what does. Empty if it is not that.
    pub(crate) fn hint(&self, column: &str, text: &str) -> String {
        let written = WrittenNumber::of(text).filter(|written| {
            self.thousands.is_none() && written.ways & self.separators().bit() == 0 && self.has_affixes_of(written)
        });
        let ways = written.map_or(0, |written| written.ways & self.separators().of_decimal());
        let thousands = WAYS.iter().filter(|way| way.bit() & ways != 0).find_map(|way| way.thousands);
        let hint = |thousands| {
            let (column, decimal) = (Shown(column), self.decimal);
            format!(
                "; if \"{thousands}\" separates thousands there, write the number without it, or say so where the \
                 data to learn from are sent: types={{{column}:{{\"decimal\":\"{decimal}\",\"thousands\":\"{thousands}\"}}}}"
            )
        };
        thousands.map(hint).unwrap_or_default()
    }

    /// The scale as a power of ten and a factor beside it: what a percent sign divides by is exact so.
    pub(super) fn power(&self) -> (i32, f64) {
        match self.scale {
            0.01 => (-2, 1.0),
            0.001 => (-3, 1.0),
            scale => (0, scale),
        }
    }

    /// The number that a text is in this format, or as a program writes it where that can be meant.
    pub fn read_any(&self, text: &str) -> Option<f64> {
        let plain = || if self.decimal == '.' || !text.contains('.') { parse_number(text) } else { None };
        self.read(text).or_else(plain)
    }

    /// What is wrong with a format that somebody asks for.
    pub fn fault(&self) -> Option<&'static str> {
        let separators = self.separators();
        match self {
            _ if !matches!(self.decimal, '.' | ',') => Some("decimal is \".\" or \",\""),
            _ if separators.bit() == 0 => Some("thousands is \",\", \".\", \" \" or \"'\", and another than decimal"),
            _ if !self.scale.is_finite() || self.scale == 0.0 => Some("scale is a finite number other than 0"),
            _ if self.prefix.is_some() && self.suffix.is_some() => Some("a number has a prefix or a suffix, not both"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_in_the_format_of_its_column_alone() {
        let german: NumberFormat =
            serde_json::from_str(r#"{"decimal":",","thousands":".","suffix":"€"}"#).expect("a format");
        let read = |text: &str| german.read_any(text);
        assert_eq!(["1.234,5 €", "1.234", "7", "-0,5€"].map(read), [Some(1234.5), Some(1234.0), Some(7.0), Some(-0.5)]);
        assert_eq!(["1,234.5", "$5", "12.5", "5 %", "x", ""].map(read), [None; 6]);
        let percent = NumberFormat {
            suffix: Some("%".into()),
            scale: 0.01,
            ..NumberFormat::of(Separators { decimal: '.', thousands: None })
        };
        assert_eq!(["12.3 %", "0.123"].map(|text| percent.read_any(text)), [Some(0.123), Some(0.123)]);
        assert_eq!((german.fault(), percent.fault()), (None, None));
        assert!(NumberFormat { thousands: Some(','), ..german }.fault().is_some());
    }

    #[test]
    fn thousands_that_were_not_seen_are_read_where_a_fraction_tells_what_separates_them() {
        let format = |format: &str| serde_json::from_str::<NumberFormat>(format).expect("a format");
        let (euros, dollars) = (format(r#"{"decimal":",","suffix":"€"}"#), format(r#"{"prefix":"$"}"#));
        let read = ["1.299,00 €", "1 299,5 €", "1'299,00", "-1.234.567,25€", "(1.299,50 €)", "52,24 €", "1299,5"];
        let values = [1299.0, 1299.5, 1299.0, -1_234_567.25, -1299.5, 52.24, 1299.5];
        assert_eq!(read.map(|text| euros.read_any(text)), values.map(Some));
        let read = ["$1,299.00", "1,299.5", "$1 299.50", "$12,345,678.9", "$19.99", "1e3"];
        let values = [1299.0, 1299.5, 1299.5, 12_345_678.9, 19.99, 1000.0];
        assert_eq!(read.map(|text| dollars.read_any(text)), values.map(Some));
        let refused =
            ["1.299 €", "1.299", "1.299.000", "1 299", "1,299.00 €", "12.99,00", "1.2990,0", "0.299,00", "1.299 000,5"];
        assert_eq!(refused.map(|text| euros.read_any(text)), [None; 9]);
        let refused = ["$1,299", "1,299", "$1.299,00", "$12,99.00", "$1,299,", "$1,2,3.4", "1.299.5", "€1,299.00"];
        assert_eq!(refused.map(|text| dollars.read_any(text)), [None; 8]);
        // What a format has between thousands stands there alone.
        let german = NumberFormat { thousands: Some('.'), ..euros };
        assert_eq!([german.read_any("1 299,00 €"), german.read_any("1.299,00 €")], [None, Some(1299.0)]);
    }

    #[test]
    fn a_number_that_may_have_thousands_is_refused_with_what_helps() {
        let format = |format: &str| serde_json::from_str::<NumberFormat>(format).expect("a format");
        let (euros, dollars) = (format(r#"{"decimal":",","suffix":"€"}"#), format(r#"{"prefix":"$"}"#));
        let hint = euros.hint("p", "1.299 €");
        assert!(hint.starts_with("; if \".\" separates thousands there, "), "{hint}");
        assert!(hint.ends_with(r#"types={"p":{"decimal":",","thousands":"."}}"#), "{hint}");
        assert!(dollars.hint("p", "$1,299").ends_with(r#"types={"p":{"decimal":".","thousands":","}}"#));
        assert!(dollars.hint("p", "1 299").ends_with(r#""thousands":" "}}"#));
        for text in ["1.5", "$1.299", "1,299 £", "heavy", "", "1.2.3", "2024-05-31", "1e999", "1299"] {
            assert_eq!(euros.hint("p", text), "", "{text}");
        }
        assert_eq!(NumberFormat { thousands: Some(' '), ..euros }.hint("p", "1.299 €"), "");
    }
}
