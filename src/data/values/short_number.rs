//! Numbers as most files write them, read eight bytes at a time: digits, with a point among them or without.

use super::decimal::{LARGEST_EXACT_INTEGER, POWERS, signed};

/// Bytes that are looked at: a sign, eight digits, the point, eight more, and what ends the number.
pub(crate) const LOOKED_AT: usize = 19;

const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The number that `bytes` begin with, and its length: a minus or none, at most eight digits, and behind a point at most
/// eight more. Nothing where the long way has to be gone: the number is written otherwise, or there is none.
///
/// What follows may be a digit more: the caller looks at what ends the field. The value is the float next to the number,
/// as both its digits and the power of ten are exact (see [`super::decimal`]).
#[inline(always)]
pub(crate) fn short_number(bytes: &[u8; LOOKED_AT]) -> Option<(f64, usize)> {
    let negative = usize::from(bytes[0] == b'-');
    let word = word_at(bytes, negative);
    let others = others_in(word);
    let whole = others.trailing_zeros() as usize / 8;
    let has_point = bytes[negative + whole] == b'.';
    let length = if has_point { others & others.wrapping_sub(1) } else { others }.trailing_zeros() as usize / 8;
    let is_longer = length == 8 && (bytes[negative + 8].is_ascii_digit() || whole == 8 && has_point);
    let (mantissa, fraction, length) = match is_longer {
        true => longer_number(bytes, negative, word, whole),
        false if has_point => (value_of(without(word, whole), length - 1), length - 1 - whole, length),
        false => (value_of(word, length), 0, length),
    };
    // A leading zero makes a code of it. One branch: whether a number begins with a zero cannot be told beforehand.
    let is_code = (whole > 1) & (word as u8 == b'0');
    if is_code || whole + fraction == 0 || mantissa > LARGEST_EXACT_INTEGER {
        return None;
    }
    let size = mantissa as f64 / POWERS[fraction];
    Some((signed(size, negative == 1), negative + length))
}

/// A number that takes more than a word: its digits, how many of them stand behind the point, and its length.
fn longer_number(bytes: &[u8; LOOKED_AT], start: usize, word: u64, whole: usize) -> (u64, usize, usize) {
    if bytes[start + whole] != b'.' {
        return (value_of(word, whole), 0, whole);
    }
    let behind = word_at(bytes, start + whole + 1);
    let fraction = others_in(behind).trailing_zeros() as usize / 8;
    (value_of(word, whole) * TENS[fraction] + value_of(behind, fraction), fraction, whole + 1 + fraction)
}

/// The bytes of a word without the one at `at`.
#[inline]
fn without(word: u64, at: usize) -> u64 {
    let before = (1 << (8 * at)) - 1;
    word & before | word >> 8 & !before
}

#[inline]
fn word_at(bytes: &[u8; LOOKED_AT], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// The bytes that are no digits: the highest bit of each.
#[inline]
fn others_in(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let values = word ^ (0x30 * EACH);
    // 10 and more reach the highest bit of their byte.
    (((values & (0x7f * EACH)) + 0x76 * EACH) | values) & (0x80 * EACH)
}

/// What the first `digits` bytes say, all of which are digits: pairs, then fours, then all.
#[inline]
fn value_of(word: u64, digits: usize) -> u64 {
    // Zeros before the number take the place of what follows it. In two steps: a shift by 64 is none.
    let bits = 8 * (8 - digits as u32);
    let word = (word & 0x0f0f_0f0f_0f0f_0f0f) << (bits / 2) << (bits - bits / 2);
    let pairs = word.wrapping_mul(1 + (10 << 8)) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(1 + (100 << 16)) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(1 + (10_000 << 32)) >> 32
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn read(text: &str) -> Option<(u64, usize)> {
        let mut bytes = [b','; LOOKED_AT];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        short_number(&bytes).map(|(value, length)| (value.to_bits(), length))
    }

    #[test]
    fn short_numbers_are_what_the_standard_library_reads() {
        let mut random = StdRng::seed_from_u64(5);
        for round in 0..1_000_000 {
            let sign = ["", "-"][round % 2];
            let (digits, whole_digits) = (random.random_range(0..=8), random.random_range(0..=8));
            let whole = random.random_range(0..10_u64.pow(whole_digits));
            let fraction = random.random_range(0..10_u64.pow(digits as u32));
            let text = match round % 5 {
                0 => format!("{sign}{whole}"),
                1 if digits > 0 => format!("{sign}.{fraction:0digits$}"),
                2 => format!("{sign}{whole}."),
                _ if digits == 0 => format!("{sign}{whole}"),
                _ => format!("{sign}{whole}.{fraction:0digits$}"),
            };
            let expected: f64 = text.parse().expect("a number");
            let exact = text.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
            let exact = String::from_utf8(exact).expect("digits").parse::<u64>().expect("16 digits") <= 1 << 53;
            assert_eq!(read(&text), exact.then_some((expected.to_bits(), text.len())), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_written_otherwise_goes_the_long_way() {
        for text in ["", "-", ".", "-.", "x", "007", "00", "-01.5", "+1", " 1", "\"1\"", "99999999.99999999"] {
            assert_eq!(read(text), None, "{text}");
        }
        // Here the number ends before the field does.
        for (text, length) in [("1e5", 1), ("123456789", 8), ("0.123456789", 10), ("1.2.3", 3), ("1-", 1), ("5:", 1)] {
            assert_eq!(read(text).map(|(_, length)| length), Some(length), "{text}");
        }
        let is_right = |byte: u8| (others_in(u64::from_le_bytes([byte; 8])) == 0) == byte.is_ascii_digit();
        assert!((0..=255).all(is_right));
    }
}
