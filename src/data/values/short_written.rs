//! Numbers in the format of their column, read in one pass over their bytes: `$1,234.56`, `1.234,56 €`, `12.5%`.

use super::decimal::exact_product;
use super::digit_groups::Separator;
use super::number_format::NumberFormat;
use super::separators::{ANY_WAY, PLAIN_WAY};
use super::written_number::is_unit;

/// Digits of a number of which every integer is an exact float.
const MOST_DIGITS: usize = 15;

/// What of a format takes part in reading the numbers that most of a column's cells are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortFormat<'a> {
    pub prefix: &'a str,
    pub suffix: &'a str,
    /// Whether the suffix is a unit: neither a currency nor a percent sign.
    pub has_unit: bool,
    decimal: Mark,
    thousands: Option<Mark>,
    exponent: i32,
    factor: f64,
}

/// A separator of the format, and the ways in which it is one.
#[derive(Clone, Copy, Debug)]
struct Mark {
    byte: u8,
    before_fraction: u8,
    between_thousands: u8,
}

impl Mark {
    /// Of a separator that is one of ASCII's.
    fn of(c: char) -> Option<Self> {
        let (separator, byte) = (Separator::of(c)?, u8::try_from(c).ok().filter(u8::is_ascii)?);
        let (before_fraction, between_thousands) = (separator.before_fraction(), separator.between_thousands());
        Some(Mark { byte, before_fraction, between_thousands })
    }
}

/// A number that was read, and what it shows of how its column is written; see [`super::WrittenNumber`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ShortWritten {
    pub value: f64,
    /// Which of the [`super::WAYS`] it can be written in.
    pub ways: u8,
    /// Whether there is a separator in it.
    pub separated: bool,
    /// Whether there is a point or a comma in it.
    pub pointed: bool,
    pub digits: u8,
}

impl<'a> ShortFormat<'a> {
    /// Of a format whose separators are known.
    pub fn of(format: &'a NumberFormat) -> Option<Self> {
        let (exponent, factor) = format.power();
        let (prefix, suffix) = (format.prefix.as_deref().unwrap_or(""), format.suffix.as_deref().unwrap_or(""));
        let (decimal, thousands) = (Mark::of(format.decimal)?, format.thousands.and_then(Mark::of));
        Some(ShortFormat { prefix, suffix, has_unit: is_unit(suffix), decimal, thousands, exponent, factor })
    }

    /// Whether something stands before or behind its numbers.
    pub fn is_affixed(&self) -> bool {
        !self.prefix.is_empty() || !self.suffix.is_empty()
    }

    /// The number that `bytes` begin with, and its length, blanks around it included. `fence` ends the field: it is no
    /// separator. Nothing where the long way has to be gone: the number is written otherwise, or there is none.
    ///
    /// What follows may belong to the number: the caller looks at what ends the field.
    #[inline]
    pub fn read(&self, bytes: &[u8], fence: u8) -> Option<(ShortWritten, usize)> {
        let mut rest = Rest { bytes, at: 0 };
        rest.pass_blanks(fence);
        let mut negative = rest.pass(b"-");
        if !self.prefix.is_empty() {
            if !rest.pass(self.prefix.as_bytes()) {
                return None;
            }
            rest.pass_blanks(fence);
            negative |= !negative && rest.pass(b"-");
        }
        let mut integer = 0;
        let leading_zero = rest.bytes.get(rest.at) == Some(&b'0');
        let whole = rest.digits(&mut integer);
        // A leading zero makes a code of it.
        if whole == 0 || leading_zero && whole > 1 {
            return None;
        }
        let is_group = whole <= 3 && !leading_zero;
        let (mut digits, mut groups) = (whole, 0);
        if let Some(thousands) = self.thousands.filter(|mark| mark.byte != fence && is_group) {
            while digits <= MOST_DIGITS && rest.group(thousands.byte, &mut integer) {
                (digits, groups) = (digits + 3, groups + 1);
            }
        }
        let mut fraction = 0;
        if self.decimal.byte != fence && rest.pass(&[self.decimal.byte]) {
            fraction = rest.digits(&mut integer);
            if fraction == 0 {
                return None;
            }
        }
        digits += fraction;
        if !self.suffix.is_empty() {
            rest.pass_blanks(fence);
            if !rest.pass(self.suffix.as_bytes()) {
                return None;
            }
        }
        rest.pass_blanks(fence);
        let ways = self.ways(groups, fraction, is_group);
        if digits > MOST_DIGITS || !self.is_affixed() && ways & PLAIN_WAY != 0 {
            return None;
        }
        let value = exact_product(integer, self.exponent - fraction as i32, negative)? * self.factor;
        let separated = groups > 0 || fraction > 0;
        let pointed = fraction > 0 || groups > 0 && self.thousands.is_some_and(|mark| mark.before_fraction != 0);
        let number = ShortWritten { value, ways, separated, pointed, digits: digits as u8 };
        value.is_finite().then_some((number, rest.at))
    }

    /// The ways of a number with so many separators between thousands and so many digits behind the decimal one; `is_group`
    /// says whether its first digits could be a group.
    fn ways(&self, groups: usize, fraction: usize, is_group: bool) -> u8 {
        let decimal = self.decimal;
        match (self.thousands.filter(|_| groups > 0), fraction) {
            (None, 0) => ANY_WAY,
            (None, 3) if is_group => decimal.before_fraction | decimal.between_thousands,
            (None, _) => decimal.before_fraction,
            // It could be the one before a fraction.
            (Some(thousands), 0) if groups == 1 => thousands.before_fraction | thousands.between_thousands,
            (Some(thousands), 0) => thousands.between_thousands,
            (Some(thousands), _) => decimal.before_fraction & thousands.between_thousands,
        }
    }
}

/// Bytes that are gone through.
struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Rest<'_> {
    #[inline]
    fn pass(&mut self, text: &[u8]) -> bool {
        let passes = self.bytes[self.at..].starts_with(text);
        self.at += if passes { text.len() } else { 0 };
        passes
    }

    #[inline]
    fn pass_blanks(&mut self, fence: u8) {
        while fence != b' ' && self.bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
    }

    /// Takes digits, one more than [`MOST_DIGITS`] at most to see that there are too many; says how many.
    #[inline]
    fn digits(&mut self, integer: &mut u64) -> usize {
        let start = self.at;
        while self.at - start <= MOST_DIGITS
            && let Some(digit) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit())
        {
            *integer = integer.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        self.at - start
    }

    /// Takes a separator and three digits behind it, if it is one.
    #[inline]
    fn group(&mut self, separator: u8, integer: &mut u64) -> bool {
        let Some([first, digits @ ..]) = self.bytes[self.at..].first_chunk::<4>() else { return false };
        if *first != separator || !digits.iter().all(u8::is_ascii_digit) {
            return false;
        }
        *integer = digits.iter().fold(*integer, |sum, digit| sum.wrapping_mul(10) + u64::from(digit - b'0'));
        self.at += 4;
        true
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::super::separators::{Separators, WAYS};
    use super::super::written_number::{WrittenNumber, scale_of};
    use super::*;

    fn format(Separators { decimal, thousands }: Separators, prefix: &str, suffix: &str) -> NumberFormat {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        NumberFormat { decimal, thousands, prefix: given(prefix), suffix: given(suffix), scale: scale_of(suffix) }
    }

    /// Numbers as they are written and as they are not, from parts that stand beside each other at random.
    #[test]
    fn what_is_read_is_what_the_long_way_reads() {
        let mut random = StdRng::seed_from_u64(8);
        let parts = ["1", "23", "456", "000", "0", "789", "12", ",", ".", ",", ".", " ", "'", "-", "e5", "9999999"];
        let mut read = 0;
        for round in 0..400_000 {
            let way = WAYS[round % WAYS.len()];
            let (prefix, suffix) = [("$", ""), ("", " €"), ("", "%"), ("", ""), ("EUR", ""), ("", "kg")][round % 6];
            let mut core = String::new();
            if round % 3 == 0 {
                let digits = random.random_range(1..8);
                core = random.random_range(0..10_u64.pow(digits)).to_string();
                for at in (1..core.len()).rev().filter(|at| (core.len() - at).is_multiple_of(3)).collect::<Vec<_>>() {
                    way.thousands.into_iter().for_each(|thousands| core.insert(at, thousands));
                }
                if round % 2 == 0 {
                    core.push(way.decimal);
                    core.push_str(&format!("{:03}", random.random_range(0..1000)));
                }
            } else {
                for _ in 0..random.random_range(1..7) {
                    core.push_str(parts[random.random_range(0..parts.len())]);
                }
            }
            let text = format!("{}{prefix}{core}{suffix}", ["", "", "-", " "][random.random_range(0..4)]);
            let format = format(way, prefix, suffix.trim());
            let Some((short, length)) = ShortFormat::of(&format).expect("separators").read(text.as_bytes(), b'"')
            else {
                continue;
            };
            if length < text.len() {
                continue;
            }
            read += 1;
            let long = WrittenNumber::of(&text).unwrap_or_else(|| panic!("{text:?} is a number"));
            let value = format.read(&text).unwrap_or_else(|| panic!("{text:?} is of {format:?}"));
            assert_eq!(short.value.to_bits(), value.to_bits(), "{text:?}");
            let ShortWritten { ways, separated, pointed, digits, .. } = short;
            let expected = (long.ways, long.separated, long.pointed, long.digits);
            assert_eq!((ways, separated, pointed, usize::from(digits)), expected, "{text:?} by {way:?}");
            assert_eq!((long.prefix, long.suffix), (prefix, suffix.trim()), "{text:?}");
            assert!(long.is_unusual(), "{text:?}");
        }
        assert!(read > 100_000, "{read}");
    }

    #[test]
    fn what_ends_the_field_is_no_separator() {
        let dollars = format(WAYS[1], "$", "");
        let read = |text: &str, fence: u8| {
            let (number, length) = ShortFormat::of(&dollars).expect("separators").read(text.as_bytes(), fence)?;
            Some((number.value, length))
        };
        assert_eq!(read("$1,234.5,", b'"'), Some((1234.5, 8)));
        assert_eq!(read("$1,234.5,", b','), Some((1.0, 2)));
        assert_eq!(read(" $ -1,234 ,", b'"'), Some((-1234.0, 10)));
        for text in ["1.5", "$", "$x", "$007", "$1234567890123456", "($5)", "-$-5", "$.5", "$5."] {
            assert_eq!(read(text, b'"').filter(|(_, length)| *length == text.len()), None, "{text}");
        }
    }
}
