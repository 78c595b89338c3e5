//! Numbers as people write them: with separators between thousands, a decimal comma, a currency, a percent sign, a unit,
//! brackets or a sign behind them for what is below zero.
//!
//! A cell alone can often be read in several ways: `1,234` is a thousand or a bit more than one. So a cell is only taken apart
//! here, and says which [`Separators`] it could be written with; those that fit every cell of a column decide.

use super::decimal::{Decimal, LARGEST_EXACT_INTEGER, MOST_DIGITS, POWERS, signed};

/// Letters of a unit, at most.
const UNIT_LETTERS: usize = 8;
/// A longer text is no number that anybody writes: texts of megabytes are not looked through.
const MOST_BYTES: usize = 128;
/// Separators in a number, at most: a number of more digits is none that anybody writes.
const MOST_SEPARATORS: usize = 12;
/// Signs and codes of currencies, before or behind a number.
const CURRENCIES: [&str; 44] = [
    "$", "€", "£", "¥", "₹", "₩", "₽", "₺", "₪", "₫", "₴", "₦", "₱", "฿", "¢", "R$", "US$", "A$", "C$", "CA$", "AU$",
    "NZ$", "HK$", "S$", "kr", "zł", "Kč", "Ft", "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD", "AUD", "SEK",
    "NOK", "DKK", "PLN", "BRL", "MXN", "ZAR",
];

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
/// Those with a decimal point.
pub(crate) const POINT_WAYS: u8 = 0x0f;
/// Those with a decimal comma.
pub(crate) const COMMA_WAYS: u8 = 0xf0;
/// Those with blanks between thousands.
const BLANK_WAYS: u8 = 0b0100_0100;

impl Separators {
    /// Its bit in a set of ways; none if it is no way.
    pub fn bit(self) -> u8 {
        WAYS.iter().position(|way| *way == self).map_or(0, |at| 1 << at)
    }
}

/// A number that was taken apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WrittenNumber<'a> {
    /// A currency before the number.
    pub prefix: &'a str,
    /// A currency, a percent sign or a unit behind it.
    pub suffix: &'a str,
    pub negative: bool,
    /// Digits with their separators, and an exponent.
    core: &'a str,
    /// The digits as an integer, and how many of them stand behind the last separator; nothing if there are too many, or an
    /// exponent.
    integer: Option<(u64, usize)>,
    /// The last separator.
    last: Option<Separator>,
    /// Which of [`WAYS`] it can be written in.
    pub ways: u8,
    /// Whether there is a separator in it.
    pub separated: bool,
    /// Digits, those of an exponent left out.
    pub digits: usize,
}

impl<'a> WrittenNumber<'a> {
    /// Takes a text apart; nothing if it is no number in any way.
    pub fn of(text: &'a str) -> Option<Self> {
        let trimmed = trim_any(text);
        if trimmed.len() > MOST_BYTES {
            return None;
        }
        let inner = trimmed.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let mut signs = Signs { negative: inner.is_some(), any: inner.is_some() };
        let mut rest = signs.before(inner.map_or(trimmed, trim_any));
        let start = rest.bytes().position(|byte| byte.is_ascii_digit())?;
        // A point or comma before the first digit belongs to it.
        let start = if rest[..start].ends_with(['.', ',']) { start - 1 } else { start };
        let mut prefix = trim_any(&rest[..start]);
        if let Some(currency) = prefix.strip_suffix(['-', '−']).filter(|currency| !currency.is_empty()) {
            if std::mem::replace(&mut signs.any, true) {
                return None;
            }
            (prefix, signs.negative) = (currency.trim_end(), true);
        }
        rest = signs.behind(&rest[start..]);
        let Core { length, shape, digits, exponent } = Core::of(rest);
        let (core, suffix) = rest.split_at(length);
        let suffix = trim_any(suffix);
        let affixes = (prefix.is_empty() || is_currency(prefix)) && (suffix.is_empty() || is_suffix(suffix));
        if !affixes || !prefix.is_empty() && !suffix.is_empty() {
            return None;
        }
        // Blanks behind a plus are those of a telephone number.
        if trimmed.starts_with('+') && shape.has_blanks() {
            return None;
        }
        let (ways, separated, count) = (shape.ways(), shape.count > 0, shape.digits());
        let integer = (count <= MOST_DIGITS && !exponent).then_some((digits, shape.runs[shape.count]));
        let (last, negative) = (shape.last(), signs.negative);
        let number = WrittenNumber { prefix, suffix, negative, core, integer, last, ways, separated, digits: count };
        (ways != 0).then_some(number)
    }

    /// The number written in one of its ways, times ten to the power of `exponent`, to the last bit.
    pub fn value(&self, way: Separators, exponent: i32) -> Option<f64> {
        let is_decimal = self.last.is_some_and(|last| last.is(way.decimal));
        let exact = self.integer.and_then(|(integer, fraction)| {
            let fraction = if is_decimal { fraction as i32 } else { 0 };
            exact_product(integer, exponent - fraction, self.negative)
        });
        exact.or_else(|| self.long_value(way, exponent))
    }

    /// The same by way of a text that the standard library reads.
    fn long_value(&self, way: Separators, exponent: i32) -> Option<f64> {
        let mut text = String::with_capacity(self.core.len() + 4);
        if self.negative {
            text.push('-');
        }
        let (core, power) = self.core.split_at(self.core.find(['e', 'E']).unwrap_or(self.core.len()));
        let sign = text.len();
        for c in core.chars() {
            match c {
                '0'..='9' if text[sign..] == *"0" => text.replace_range(sign.., c.encode_utf8(&mut [0; 4])),
                '0'..='9' => text.push(c),
                c if c == way.decimal => text.push('.'),
                _ => {}
            }
        }
        let power = power.trim_start_matches(['e', 'E']).parse::<i64>().unwrap_or(0);
        match power.saturating_add(i64::from(exponent)) {
            0 => {}
            sum => text.push_str(&format!("e{sum}")),
        }
        Decimal::of(text.as_bytes())?.value(text.as_bytes()).filter(|value| value.is_finite())
    }

    /// Whether it is an integer in `way` that floats do not tell from its neighbours.
    pub fn is_large_integer(&self, way: Separators) -> bool {
        let digits: String = self.core.chars().filter(char::is_ascii_digit).collect();
        let is_integer = !self.core.contains(['e', 'E']) && !self.core.contains(way.decimal);
        is_integer && Decimal::of(digits.as_bytes()).is_some_and(|number| number.is_large_integer())
    }

    /// Whether there is a point or a comma in it.
    pub fn is_pointed(&self) -> bool {
        self.separated && self.core.contains(['.', ','])
    }

    /// Whether something stands before or behind the number.
    pub fn is_affixed(&self) -> bool {
        !self.prefix.is_empty() || !self.suffix.is_empty()
    }
}

/// The signs that were met: one is allowed.
struct Signs {
    negative: bool,
    any: bool,
}

impl Signs {
    fn before<'a>(&mut self, text: &'a str) -> &'a str {
        // The first byte of the minus sign is another than those of a hyphen.
        if !matches!(text.as_bytes(), [b'-' | b'+' | 0xe2, ..]) {
            return text;
        }
        let Some(rest) = text.strip_prefix(['-', '−', '+']).filter(|_| !self.any) else { return text };
        (self.negative, self.any) = (!text.starts_with('+'), true);
        rest.trim_start()
    }

    fn behind<'a>(&mut self, text: &'a str) -> &'a str {
        // The last byte of the minus sign.
        if !matches!(text.as_bytes(), [.., b'-' | 0x92]) {
            return text;
        }
        let Some(rest) = text.strip_suffix(['-', '−']).filter(|_| !self.any) else { return text };
        (self.negative, self.any) = (true, true);
        rest.trim_end()
    }
}

/// Whether a text is the sign or code of a currency.
fn is_currency(text: &str) -> bool {
    CURRENCIES.contains(&text)
}

/// The power of ten by which a number with this suffix is multiplied: a percent sign is a hundredth.
pub(crate) fn scale_of(suffix: &str) -> f64 {
    match suffix {
        "%" => 0.01,
        "‰" => 0.001,
        _ => 1.0,
    }
}

/// Whether what stands behind a number is a unit: neither a currency nor a percent sign.
pub(crate) fn is_unit(suffix: &str) -> bool {
    !suffix.is_empty() && scale_of(suffix) == 1.0 && !is_currency(suffix)
}

fn is_suffix(text: &str) -> bool {
    let is_letter =
        |c: char| c.is_alphabetic() || matches!(c, '°' | '/' | '²' | '³' | '"' | '\'' | 'µ' | 'μ' | '%' | '.');
    matches!(text, "%" | "‰")
        || is_currency(text)
        || text.chars().count() <= UNIT_LETTERS
            && text.chars().all(is_letter)
            && !text.starts_with('.')
            && text.chars().any(|c| c.is_alphabetic() || matches!(c, '°' | '"' | '\''))
}

/// The text without blanks of any kind around it.
fn trim_any(text: &str) -> &str {
    match text.as_bytes() {
        [] | [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

/// An integer times a power of ten, if both are exact floats: the one operation rounds correctly (see [`super::decimal`]).
fn exact_product(integer: u64, exponent: i32, negative: bool) -> Option<f64> {
    let power = POWERS.get(exponent.unsigned_abs() as usize).filter(|_| integer <= LARGEST_EXACT_INTEGER)?;
    let size = if exponent < 0 { integer as f64 / power } else { integer as f64 * power };
    Some(signed(size, negative))
}

/// The digits at the start of a text with what separates them, and an exponent behind them.
struct Core {
    /// In bytes.
    length: usize,
    shape: Shape,
    /// The digits as an integer; meaningful up to [`MOST_DIGITS`] of them.
    digits: u64,
    /// Whether there is an exponent.
    exponent: bool,
}

impl Core {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut shape, mut digits, mut at) = (Shape::starting(bytes), 0_u64, 0);
        // Behind the last digit, and the separators before it.
        let (mut length, mut count) = (0, 0);
        while let Some(byte) = bytes.get(at) {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
                shape.runs[shape.count] += 1;
                at += 1;
                (length, count) = (at, shape.count);
            } else {
                let Some((separator, bytes)) = separator_at(&bytes[at..]) else { break };
                if !shape.separate(separator) {
                    break;
                }
                at += bytes;
            }
        }
        shape.count = count;
        // `5.` is a number; `5,` and `5 ` are not, or end before that.
        if bytes.get(length) == Some(&b'.') && !shape.has(Separator::Point) && shape.separate(Separator::Point) {
            length += 1;
        }
        let power = exponent_length(&bytes[length..]);
        Core { length: length + power, shape, digits, exponent: power > 0 }
    }
}

/// The length of an exponent at the start: `e5`, `E-05`; 0 if there is none.
fn exponent_length(bytes: &[u8]) -> usize {
    let [b'e' | b'E', rest @ ..] = bytes else { return 0 };
    let sign = usize::from(matches!(rest, [b'-' | b'+', ..]));
    match rest[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count() {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    Point,
    Comma,
    Blank,
    Apostrophe,
}

impl Separator {
    /// Whether it is written so.
    fn is(self, c: char) -> bool {
        matches!((self, c), (Separator::Point, '.') | (Separator::Comma, ','))
    }
}

/// The separator at the start, and its length in bytes.
#[inline]
fn separator_at(bytes: &[u8]) -> Option<(Separator, usize)> {
    Some(match bytes {
        [b'.', ..] => (Separator::Point, 1),
        [b',', ..] => (Separator::Comma, 1),
        [b' ', ..] => (Separator::Blank, 1),
        [b'\'', ..] => (Separator::Apostrophe, 1),
        // U+00A0, U+202F, U+2009 and U+2019, in UTF-8.
        [0xc2, 0xa0, ..] => (Separator::Blank, 2),
        [0xe2, 0x80, 0xaf | 0x89, ..] => (Separator::Blank, 3),
        [0xe2, 0x80, 0x99, ..] => (Separator::Apostrophe, 3),
        _ => return None,
    })
}

/// Runs of digits and what separates them.
struct Shape {
    runs: [usize; MOST_SEPARATORS + 1],
    separators: [Separator; MOST_SEPARATORS],
    count: usize,
    leading_zero: bool,
}

impl Shape {
    /// Before the first digit of a text.
    fn starting(bytes: &[u8]) -> Self {
        Shape {
            runs: [0; MOST_SEPARATORS + 1],
            separators: [Separator::Point; MOST_SEPARATORS],
            count: 0,
            leading_zero: bytes.first() == Some(&b'0'),
        }
    }

    /// Ends a run; says whether there is room for another one.
    #[inline]
    fn separate(&mut self, separator: Separator) -> bool {
        let Some(place) = self.separators.get_mut(self.count) else { return false };
        *place = separator;
        self.count += 1;
        true
    }

    fn last(&self) -> Option<Separator> {
        self.separators[..self.count].last().copied()
    }

    fn has(&self, separator: Separator) -> bool {
        self.separators[..self.count].contains(&separator)
    }

    fn digits(&self) -> usize {
        self.runs[..=self.count].iter().sum()
    }

    fn has_blanks(&self) -> bool {
        self.has(Separator::Blank)
    }

    fn ways(&self) -> u8 {
        let (count, first) = (self.count, self.runs[0]);
        let Some(last) = self.last() else {
            // A leading zero makes a code of it.
            return if self.leading_zero && first > 1 { 0 } else { ANY_WAY };
        };
        let mut ways = 0;
        // The last separator stands before the fraction, all others between thousands.
        let fraction = self.runs[count];
        let is_decimal = matches!(last, Separator::Point | Separator::Comma);
        let has_digits = fraction > 0 || last == Separator::Point && count == 1;
        if is_decimal && has_digits {
            let of_last = if last == Separator::Point { POINT_WAYS } else { COMMA_WAYS };
            if count == 1 {
                ways |= of_last;
            } else if self.is_grouped(count - 1) {
                ways |= of_last & ways_with(self.separators[0]);
            }
        }
        if self.is_grouped(count) {
            ways |= ways_with(last);
        }
        ways
    }

    /// Whether the first `count` separators are of one kind and stand between groups of three digits, or as in India, where
    /// groups have two digits but for the last.
    fn is_grouped(&self, count: usize) -> bool {
        let (separators, runs) = (&self.separators[..count], &self.runs[..=count]);
        let (first, middle, last) = (runs[0], &runs[1..count], runs[count]);
        let by_three = (1..=3).contains(&first) && middle.iter().all(|run| *run == 3);
        let by_two =
            (1..=2).contains(&first) && middle.iter().all(|run| *run == 2) && separators[0] == Separator::Comma;
        separators.iter().all(|one| *one == separators[0]) && last == 3 && (by_three || by_two) && !self.leading_zero
    }
}

/// The ways with `separator` between thousands.
fn ways_with(separator: Separator) -> u8 {
    match separator {
        Separator::Comma => 1 << 1,
        Separator::Point => 1 << 5,
        Separator::Blank => BLANK_WAYS,
        Separator::Apostrophe => 0b1000_1000,
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

#[cfg(test)]
mod tests;
