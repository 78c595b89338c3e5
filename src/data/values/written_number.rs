//! Numbers as people write them: with separators between thousands, a decimal comma, a currency, a percent sign, a unit,
//! brackets or a sign behind them for what is below zero.
//!
//! A cell alone can often be read in several ways: `1,234` is a thousand or a bit more than one. So a cell is only taken apart
//! here, and says which [`Separators`] it could be written with; those that fit every cell of a column decide.

use super::decimal::Decimal;

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
        let trimmed = text.trim();
        if trimmed.len() > MOST_BYTES {
            return None;
        }
        let inner = trimmed.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let (mut rest, mut signs) =
            (inner.unwrap_or(trimmed).trim(), Signs { negative: inner.is_some(), any: inner.is_some() });
        rest = signs.before(rest);
        let start = rest.find(|c: char| c.is_ascii_digit())?;
        // A point or comma before the first digit belongs to it.
        let start = if rest[..start].ends_with(['.', ',']) { start - 1 } else { start };
        let prefix = rest[..start].trim();
        let (prefix, inner_sign) = match prefix.strip_suffix(['-', '−']) {
            Some(currency) if !currency.is_empty() => (currency.trim_end(), true),
            _ => (prefix, false),
        };
        if inner_sign && std::mem::replace(&mut signs.any, true) {
            return None;
        }
        signs.negative |= inner_sign;
        rest = signs.behind(&rest[start..]);
        let (core, suffix) = rest.split_at(core_length(rest));
        let suffix = suffix.trim();
        let affixes = (prefix.is_empty() || is_currency(prefix)) && (suffix.is_empty() || is_suffix(suffix));
        if !affixes || !prefix.is_empty() && !suffix.is_empty() {
            return None;
        }
        let shape = Shape::of(core)?;
        // Blanks behind a plus are those of a telephone number.
        if trimmed.starts_with('+') && shape.has_blanks() {
            return None;
        }
        let (ways, separated, digits) = (shape.ways(), shape.count > 0, shape.digits());
        (ways != 0).then_some(WrittenNumber { prefix, suffix, negative: signs.negative, core, ways, separated, digits })
    }

    /// The number written in one of its ways, times ten to the power of `exponent`, to the last bit.
    pub fn value(&self, way: Separators, exponent: &str) -> Option<f64> {
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
        let exponents = [power, exponent].map(|part| part.trim_start_matches(['e', 'E']).parse::<i64>().unwrap_or(0));
        match exponents[0].saturating_add(exponents[1]) {
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
        self.core.contains(['.', ','])
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
        let Some(rest) = text.strip_prefix(['-', '−', '+']).filter(|_| !self.any) else { return text };
        (self.negative, self.any) = (!text.starts_with('+'), true);
        rest.trim_start()
    }

    fn behind<'a>(&mut self, text: &'a str) -> &'a str {
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
    !suffix.is_empty() && !is_currency(suffix) && scale_of(suffix) == 1.0
}

fn is_suffix(text: &str) -> bool {
    let is_letter =
        |c: char| c.is_alphabetic() || matches!(c, '°' | '/' | '²' | '³' | '"' | '\'' | 'µ' | 'μ' | '%' | '.');
    is_currency(text)
        || matches!(text, "%" | "‰")
        || text.chars().count() <= UNIT_LETTERS
            && text.chars().all(is_letter)
            && !text.starts_with('.')
            && text.chars().any(|c| c.is_alphabetic() || matches!(c, '°' | '"' | '\''))
}

/// The length of the digits at the start with what separates them, and of an exponent behind them.
fn core_length(text: &str) -> usize {
    let is_part = |c: char| c.is_ascii_digit() || separator(c).is_some();
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let digits = text[..end].rfind(|c: char| c.is_ascii_digit()).map_or(0, |at| at + 1);
    // `5.` is a number; `5,` and `5 ` are not, or end before that.
    let end = digits + usize::from(text[digits..end].starts_with('.') && !text[..digits].contains('.'));
    let power = text[end..].strip_prefix(['e', 'E']).map(|rest| rest.trim_start_matches(['-', '+']));
    let power_digits = power.map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    match power {
        Some(rest) if power_digits > 0 => text.len() - rest.len() + power_digits,
        _ => end,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    Point,
    Comma,
    Blank,
    Apostrophe,
}

fn separator(c: char) -> Option<Separator> {
    Some(match c {
        '.' => Separator::Point,
        ',' => Separator::Comma,
        ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' => Separator::Blank,
        '\'' | '’' => Separator::Apostrophe,
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
    fn of(core: &str) -> Option<Self> {
        let digits = &core[..core.find(['e', 'E']).unwrap_or(core.len())];
        let mut shape = Shape {
            runs: [0; MOST_SEPARATORS + 1],
            separators: [Separator::Point; MOST_SEPARATORS],
            count: 0,
            leading_zero: digits.starts_with('0'),
        };
        for c in digits.chars() {
            match separator(c) {
                None => shape.runs[shape.count] += 1,
                Some(_) if shape.count == MOST_SEPARATORS => return None,
                Some(separator) => {
                    shape.separators[shape.count] = separator;
                    shape.count += 1;
                }
            }
        }
        Some(shape)
    }

    fn digits(&self) -> usize {
        self.runs.iter().sum()
    }

    fn has_blanks(&self) -> bool {
        self.separators[..self.count].contains(&Separator::Blank)
    }

    fn ways(&self) -> u8 {
        let (count, first) = (self.count, self.runs[0]);
        let Some(last) = self.separators[..count].last().copied() else {
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
