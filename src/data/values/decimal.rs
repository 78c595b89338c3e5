//! Decimal numbers: the one scanner of their text, and the one way from their digits to a float.
//!
//! A number with at most 2^53 as its digits, and a power of ten up to 22, is one operation on two exact floats, which
//! rounds correctly (Clinger, "How to read floating point numbers accurately", 1990). All else is left to the standard
//! library.

/// Integers beyond this are not all floats: 2^53.
pub const LARGEST_EXACT_INTEGER: u64 = 1 << 53;

/// Digits up to which a mantissa fits into 64 bits.
pub(super) const MOST_DIGITS: usize = 19;

/// The powers of ten that are exact.
pub(super) const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The text of a number, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Decimal {
    negative: bool,
    /// The digits without the point; meaningful up to 19 of them.
    mantissa: u64,
    digits: usize,
    /// Power of ten that the mantissa is multiplied by.
    exponent: i64,
    /// Whether there is neither point nor exponent.
    integer: bool,
}

impl Decimal {
    /// The number that `text` is: digits before or behind a point, or both; a sign before them and an exponent behind
    /// are allowed. What has a leading zero, such as `007`, is a code and no number.
    #[inline]
    pub fn of(text: &[u8]) -> Option<Self> {
        Decimal::scan::<false>(text).and_then(|(number, rest)| rest.is_empty().then_some(number))
    }

    /// The number that `text` begins with, and what follows it, as JSON has it: no plus, and digits on both sides of a
    /// point.
    #[inline(always)]
    pub fn of_json(text: &[u8]) -> Option<(Self, &[u8])> {
        Decimal::scan::<true>(text)
    }

    #[inline(always)]
    fn scan<const JSON: bool>(text: &[u8]) -> Option<(Self, &[u8])> {
        // Signs are as good as random: to branch on them takes longer than the rest of the number.
        let first = *text.first()?;
        let negative = first == b'-';
        let start = &text[usize::from(negative | (!JSON && first == b'+'))..];
        let (mut mantissa, mut rest) = digits(0, start);
        let whole = start.len() - rest.len();
        if whole > 1 && start[0] == b'0' || JSON && whole == 0 {
            return None;
        }
        let (mut fraction, mut integer) = (0, true);
        if let Some(behind) = rest.strip_prefix(b".") {
            (mantissa, rest) = digits(mantissa, behind);
            (fraction, integer) = (behind.len() - rest.len(), false);
            if JSON && fraction == 0 {
                return None;
            }
        }
        if whole + fraction == 0 {
            return None;
        }
        let mut exponent = -(fraction as i64);
        if let Some(b'e' | b'E') = rest.first() {
            let (written, behind) = scan_exponent(&rest[1..])?;
            (exponent, rest, integer) = (exponent + written, behind, false);
        }
        Some((Decimal { negative, mantissa, digits: whole + fraction, exponent, integer }, rest))
    }

    /// Whether it is an integer, without point and exponent.
    pub fn is_integer(&self) -> bool {
        self.integer
    }

    /// Whether it is an integer that floats do not tell from its neighbours.
    #[inline]
    pub fn is_large_integer(&self) -> bool {
        self.integer && (self.digits > MOST_DIGITS || self.mantissa > LARGEST_EXACT_INTEGER)
    }

    /// The float next to the number, which `text` is; infinite if it is too large.
    #[inline]
    pub fn value(&self, text: &[u8]) -> Option<f64> {
        let exact = self.digits <= MOST_DIGITS && self.mantissa <= LARGEST_EXACT_INTEGER;
        match if exact { self.product() } else { None } {
            None => std::str::from_utf8(text).ok()?.parse().ok(),
            value => value,
        }
    }

    /// The mantissa times its power of ten: the float next to the number or, where the mantissa is beyond 2^53, one of the
    /// two next to it. This is what `serde_json` reads. Nothing if there are too many digits, or too large a power.
    #[inline(always)]
    pub fn product(&self) -> Option<f64> {
        let power = POWERS.get(self.exponent.unsigned_abs() as usize)?;
        let mantissa = self.mantissa as f64;
        let size = if self.exponent < 0 { mantissa / power } else { mantissa * power };
        (self.digits <= MOST_DIGITS).then_some(signed(size, self.negative))
    }

    /// Whether it is too large for a float; `text` is the number.
    #[inline]
    pub fn overflows(&self, text: &[u8]) -> bool {
        let size = self.exponent.saturating_add(self.digits as i64);
        size > 300 && self.value(text).is_some_and(f64::is_infinite)
    }
}

/// An integer times a power of ten, if both are exact floats: the one operation rounds correctly.
#[inline]
pub(super) fn exact_product(integer: u64, exponent: i32, negative: bool) -> Option<f64> {
    let power = POWERS.get(exponent.unsigned_abs() as usize).filter(|_| integer <= LARGEST_EXACT_INTEGER)?;
    let size = if exponent < 0 { integer as f64 / power } else { integer as f64 * power };
    Some(signed(size, negative))
}

/// A size with its sign, without a branch.
#[inline(always)]
pub(super) fn signed(size: f64, negative: bool) -> f64 {
    f64::from_bits(size.to_bits() | u64::from(negative) << 63)
}

/// The digits at the start, behind those of `number`; and what follows them.
#[inline(always)]
fn digits(mut number: u64, mut text: &[u8]) -> (u64, &[u8]) {
    while let Some((byte, rest)) = text.split_first() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        text = rest;
    }
    (number, text)
}

/// What stands behind the `e`; and what follows it. An exponent beyond a million is a million.
fn scan_exponent(text: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, start) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let count = start.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = start.split_at(count);
    let size = digits.iter().fold(0_i64, |size, byte| (size * 10 + i64::from(byte - b'0')).min(1_000_000));
    (count > 0).then_some((if negative { -size } else { size }, rest))
}
