//! The ways to write the decimal point and to separate thousands, and sets of them as bits.

/// A way to write the decimal point and to separate thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Separators {
    /// What stands before the fraction: `.` or `,`.
    pub decimal: char,
    /// What stands between groups of digits: `.`, `,`, a blank, an apostrophe, or nothing.
    pub thousands: Option<char>,
}

/// All ways, those that are taken first in front.
pub(crate) const WAYS: [Separators; 8] = [
    Separators { decimal: '.', thousands: None },
    Separators { decimal: '.', thousands: Some(',') },
    Separators { decimal: '.', thousands: Some(' ') },
    Separators { decimal: '.', thousands: Some('\'') },
    Separators { decimal: ',', thousands: None },
    Separators { decimal: ',', thousands: Some('.') },
    Separators { decimal: ',', thousands: Some(' ') },
    Separators { decimal: ',', thousands: Some('\'') },
];
/// The bits of all [`WAYS`].
pub(crate) const ANY_WAY: u8 = 0xff;
/// The one that programs write in.
pub(super) const PLAIN_WAY: u8 = 0x01;
/// Those with a decimal point.
pub(crate) const POINT_WAYS: u8 = 0x0f;
/// Those with a decimal comma.
pub(crate) const COMMA_WAYS: u8 = 0xf0;
/// Those with blanks between thousands.
pub(super) const BLANK_WAYS: u8 = 0b0100_0100;

impl Separators {
    /// Its bit in a set of ways; none if it is no way.
    pub fn bit(self) -> u8 {
        let at = match (self.decimal, self.thousands) {
            ('.' | ',', None) => 0,
            ('.', Some(',')) | (',', Some('.')) => 1,
            ('.' | ',', Some(' ')) => 2,
            ('.' | ',', Some('\'')) => 3,
            _ => return 0,
        };
        1 << if self.decimal == '.' { at } else { at + 4 }
    }

    /// The bits of all ways with its decimal mark.
    pub fn of_decimal(self) -> u8 {
        if self.decimal == '.' { POINT_WAYS } else { COMMA_WAYS }
    }
}

/// The ways that a plain number with a decimal point and no exponent can be written in: `1.234` may have separated thousands.
pub(crate) fn ways_of_plain(text: &[u8]) -> u8 {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let Some(point) = memchr::memchr(b'.', digits) else { return ANY_WAY };
    let grouped = digits.len() == point + 4 && (1..=3).contains(&point) && digits[0] != b'0';
    let is_digits = digits[point + 1..].iter().all(u8::is_ascii_digit);
    if grouped && is_digits { POINT_WAYS | 1 << 5 } else { POINT_WAYS }
}
