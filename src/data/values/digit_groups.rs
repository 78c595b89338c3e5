//! Digits with what separates them: runs of digits, and the ways in which they can be one number.

use super::separators::{ANY_WAY, BLANK_WAYS, COMMA_WAYS, POINT_WAYS};

/// Separators in a number, at most: a number of more digits is none that anybody writes.
const MOST_SEPARATORS: usize = 12;

/// The digits at the start of a text with what separates them, and an exponent behind them.
pub(super) struct Core {
    /// In bytes.
    pub length: usize,
    pub shape: Shape,
    /// The digits as an integer; meaningful up to 19 of them.
    pub digits: u64,
    /// Whether there is an exponent.
    pub exponent: bool,
}

impl Core {
    /// Of a text of at most 255 bytes.
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut shape, mut digits, mut at) = (Shape::starting(bytes), 0_u64, 0);
        // Behind the last digit, and the separators before it.
        let (mut length, mut count) = (0, 0);
        loop {
            let start = at;
            while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
                digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
                at += 1;
            }
            if at > start {
                shape.runs[shape.count] = (at - start) as u8;
                (length, count) = (at, shape.count);
            }
            let Some((separator, bytes)) = separator_at(&bytes[at..]) else { break };
            if !shape.separate(separator) {
                break;
            }
            at += bytes;
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
pub(super) enum Separator {
    Point,
    Comma,
    Blank,
    Apostrophe,
}

impl Separator {
    /// The one that is written so, if it is.
    pub fn of(c: char) -> Option<Self> {
        separator_at(c.encode_utf8(&mut [0; 4]).as_bytes()).map(|(separator, _)| separator)
    }

    /// The ways in which it stands before a fraction.
    pub fn before_fraction(self) -> u8 {
        match self {
            Separator::Point => POINT_WAYS,
            Separator::Comma => COMMA_WAYS,
            Separator::Blank | Separator::Apostrophe => 0,
        }
    }

    /// The ways in which it stands between thousands.
    pub fn between_thousands(self) -> u8 {
        match self {
            Separator::Comma => 1 << 1,
            Separator::Point => 1 << 5,
            Separator::Blank => BLANK_WAYS,
            Separator::Apostrophe => 0b1000_1000,
        }
    }

    /// Whether it is written so.
    pub fn is(self, c: char) -> bool {
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
pub(super) struct Shape {
    pub runs: [u8; MOST_SEPARATORS + 1],
    separators: [Separator; MOST_SEPARATORS],
    pub count: usize,
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

    pub fn last(&self) -> Option<Separator> {
        self.separators[..self.count].last().copied()
    }

    pub fn has(&self, separator: Separator) -> bool {
        self.separators[..self.count].contains(&separator)
    }

    pub fn digits(&self) -> usize {
        self.runs[..=self.count].iter().map(|run| usize::from(*run)).sum()
    }

    pub fn has_blanks(&self) -> bool {
        self.has(Separator::Blank)
    }

    pub fn ways(&self) -> u8 {
        let (count, first) = (self.count, self.runs[0]);
        let Some(last) = self.last() else {
            // A leading zero makes a code of it.
            return if self.leading_zero && first > 1 { 0 } else { ANY_WAY };
        };
        let mut ways = 0;
        // The last separator stands before the fraction, all others between thousands.
        let fraction = self.runs[count];
        if fraction > 0 || last == Separator::Point && count == 1 {
            if count == 1 {
                ways |= last.before_fraction();
            } else if self.is_grouped(count - 1) {
                ways |= last.before_fraction() & self.separators[0].between_thousands();
            }
        }
        if self.is_grouped(count) {
            ways |= last.between_thousands();
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
