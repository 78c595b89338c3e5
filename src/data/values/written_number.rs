//! Numbers as people write them: with separators between thousands, a decimal comma, a currency, a percent sign, a unit,
//! brackets or a sign behind them for what is below zero.
//!
//! A cell alone can often be read in several ways: `1,234` is a thousand or a bit more than one. So a cell is only taken apart
//! here, and says which [`Separators`] it could be written with; those that fit every cell of a column decide.

use super::decimal::{Decimal, MOST_DIGITS, exact_product};
use super::digit_groups::{Core, Separator};
use super::separators::{PLAIN_WAY, Separators};

/// Letters of a unit, at most.
const UNIT_LETTERS: usize = 8;
/// A longer text is no number that anybody writes: texts of megabytes are not looked through.
const MOST_BYTES: usize = 128;
/// Signs and codes of currencies, before or behind a number.
const CURRENCIES: [&str; 44] = [
    "$", "€", "£", "¥", "₹", "₩", "₽", "₺", "₪", "₫", "₴", "₦", "₱", "฿", "¢", "R$", "US$", "A$", "C$", "CA$", "AU$",
    "NZ$", "HK$", "S$", "kr", "zł", "Kč", "Ft", "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD", "AUD", "SEK",
    "NOK", "DKK", "PLN", "BRL", "MXN", "ZAR",
];

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
    integer: Option<(u64, u8)>,
    /// The last separator.
    last: Option<Separator>,
    /// Which of the [`super::separators::WAYS`] it can be written in.
    pub ways: u8,
    /// Whether there is a separator in it.
    pub separated: bool,
    /// Whether there is a point or a comma in it.
    pub pointed: bool,
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
        let pointed = shape.has(Separator::Point) || shape.has(Separator::Comma);
        let (last, negative, digits) = (shape.last(), signs.negative, count);
        let number = WrittenNumber { prefix, suffix, negative, core, integer, last, ways, separated, pointed, digits };
        (ways != 0).then_some(number)
    }

    /// The number written in one of its ways, times ten to the power of `exponent`, to the last bit.
    pub fn value(&self, way: Separators, exponent: i32) -> Option<f64> {
        let exact = self.integer.and_then(|(integer, fraction)| {
            let fraction = if self.ends_in_fraction(way.decimal) { i32::from(fraction) } else { 0 };
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

    /// Whether its last separator is this decimal mark.
    pub fn ends_in_fraction(&self, decimal: char) -> bool {
        self.last.is_some_and(|last| last.is(decimal))
    }

    /// Whether it is an integer in `way` that floats do not tell from its neighbours.
    pub fn is_large_integer(&self, way: Separators) -> bool {
        let digits: String = self.core.chars().filter(char::is_ascii_digit).collect();
        let is_integer = !self.core.contains(['e', 'E']) && !self.core.contains(way.decimal);
        is_integer && Decimal::of(digits.as_bytes()).is_some_and(|number| number.is_large_integer())
    }

    /// Whether no program would write the number so.
    pub fn is_unusual(&self) -> bool {
        self.is_affixed() || self.ways & PLAIN_WAY == 0
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
        [b' ', rest @ ..] if rest.first().is_some_and(u8::is_ascii_graphic) => trim_any(&text[1..]),
        _ => text.trim(),
    }
}

#[cfg(test)]
mod tests;
