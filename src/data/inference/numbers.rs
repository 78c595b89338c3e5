//! What a column's cells show of how its numbers are written.

use std::collections::BTreeSet;

use super::places::{NOWHERE, earliest, shown};
use crate::data::values::{
    ANY_WAY, COMMA_WAYS, NumberFormat, POINT_WAYS, ShortFormat, ShortWritten, WAYS, WrittenNumber, is_unit, scale_of,
};

/// A unit is one on so many different numbers at least: `2D` and `3D` are names.
const UNIT_NUMBERS: usize = 5;
/// Numbers of so many digits with blanks between them, all of the same length, are telephone numbers.
const TELEPHONE_DIGITS: u8 = 9;

/// What the numbers of a column have shown so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NumberEvidence {
    /// In which of [`WAYS`] all numbers can be written.
    ways: u8,
    /// Where the first number stands that cannot be written in each of the others.
    failing: [u64; 8],
    /// Whether a number was no text.
    pub unquoted: bool,
    /// Whether there were numbers of which only the value is known.
    pub unseen: bool,
    /// Whether a number has a point or a comma.
    pointed: bool,
    /// The first number that a program would write in another way.
    formatted: Option<(u64, Box<str>)>,
    /// Where the first number stands that is a text in a file that has numbers.
    quoted: Option<u64>,
    /// Where the first number stands with nothing before or behind it.
    bare: Option<u64>,
    affixes: Option<Box<Affixes>>,
    /// Digits of the shortest and the longest number with separators.
    digits: (u8, u8),
    /// Different numbers that have a unit, as many as make it one.
    with_unit: BTreeSet<u64>,
}

/// What stands before or behind numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Affixes {
    /// Where the first number with any stands, and its text.
    place: u64,
    text: Box<str>,
    prefix: Box<str>,
    suffix: Box<str>,
    /// The first number that has something else.
    other: Option<(u64, Box<str>)>,
}

/// Why a column is none of numbers although each of its cells is one, in some way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doubt<'a> {
    /// The first number with a currency or unit, and the first that has another.
    OtherAffix([(u64, &'a str); 2]),
    /// From here on no way to write numbers fits all of them.
    OtherWay(u64),
    /// Some have a percent sign, and this one does not.
    NoPercent(u64),
    /// The file says that all of them are texts, the first of which stands here.
    Texts(u64),
    /// They are names or codes.
    Words,
}

impl Default for NumberEvidence {
    fn default() -> Self {
        NumberEvidence {
            ways: ANY_WAY,
            failing: [NOWHERE; 8],
            unquoted: false,
            unseen: false,
            pointed: false,
            formatted: None,
            quoted: None,
            bare: None,
            affixes: None,
            digits: (u8::MAX, 0),
            with_unit: BTreeSet::new(),
        }
    }
}

impl NumberEvidence {
    /// Takes a number into account that is written as a program does, and can be written in these ways; `is_text` where the
    /// file could have it as a number.
    #[inline]
    pub fn observe_plain(&mut self, ways: u8, is_text: bool, place: &impl Fn() -> u64) {
        self.pointed |= ways != ANY_WAY;
        self.narrow(ways, place);
        if is_text {
            self.quoted.get_or_insert_with(place);
        } else {
            self.unquoted = true;
        }
        if self.bare.is_none() {
            self.bare = Some(place());
        }
    }

    /// Takes a number into account that is written in another way.
    pub fn observe_written(&mut self, text: &str, number: &WrittenNumber, place: &impl Fn() -> u64) {
        self.narrow(number.ways, place);
        if self.formatted.is_none() {
            self.formatted = Some((place(), shown(text)));
        }
        if number.separated {
            self.see_separated(number.pointed, u8::try_from(number.digits).unwrap_or(u8::MAX));
        }
        if !number.is_affixed() {
            self.bare.get_or_insert_with(place);
            return;
        }
        let affixes = self.affixes.get_or_insert_with(|| {
            let (prefix, suffix) = (number.prefix.into(), number.suffix.into());
            Box::new(Affixes { place: place(), text: shown(text), prefix, suffix, other: None })
        });
        if affixes.other.is_none() && !(same(&affixes.prefix, number.prefix) && same(&affixes.suffix, number.suffix)) {
            affixes.other = Some((place(), shown(text)));
        }
        if self.with_unit.len() < UNIT_NUMBERS && is_unit(number.suffix) {
            let value = WAYS.iter().find_map(|way| number.value(*way, 0));
            self.with_unit.extend(value.map(f64::to_bits));
        }
    }

    /// The same of one that was read in this format, if one with the same before and behind it was seen before.
    #[inline]
    pub fn observe_short_written(
        &mut self,
        number: &ShortWritten,
        format: &ShortFormat,
        place: &impl Fn() -> u64,
    ) -> bool {
        let is_known = match &self.affixes {
            Some(affixes) => same(&affixes.prefix, format.prefix) && same(&affixes.suffix, format.suffix),
            None => !format.is_affixed() && self.formatted.is_some() && self.bare.is_some(),
        };
        if !is_known || format.has_unit && self.with_unit.len() < UNIT_NUMBERS {
            return false;
        }
        self.narrow(number.ways, place);
        if number.separated {
            self.see_separated(number.pointed, number.digits);
        }
        true
    }

    fn see_separated(&mut self, pointed: bool, digits: u8) {
        self.pointed |= pointed;
        self.digits = (self.digits.0.min(digits), self.digits.1.max(digits));
    }

    #[inline]
    fn narrow(&mut self, ways: u8, place: &impl Fn() -> u64) {
        let mut lost = self.ways & !ways;
        if lost == 0 {
            return;
        }
        let place = place();
        while lost != 0 {
            self.failing[lost.trailing_zeros() as usize] = place;
            lost &= lost - 1;
        }
        self.ways &= ways;
    }

    pub fn merge(&mut self, other: &NumberEvidence) {
        self.failing = std::array::from_fn(|at| self.failing[at].min(other.failing[at]));
        self.ways &= other.ways;
        self.unquoted |= other.unquoted;
        self.unseen |= other.unseen;
        self.pointed |= other.pointed;
        self.formatted = earliest(self.formatted.take(), other.formatted.clone());
        self.quoted = earliest(self.quoted, other.quoted);
        self.bare = earliest(self.bare, other.bare);
        self.digits = (self.digits.0.min(other.digits.0), self.digits.1.max(other.digits.1));
        self.affixes = match (self.affixes.take(), other.affixes.clone()) {
            (Some(one), Some(two)) => Some(Box::new(one.merged(*two))),
            (one, two) => one.or(two),
        };
        self.with_unit.extend(&other.with_unit);
        while self.with_unit.len() > UNIT_NUMBERS {
            self.with_unit.pop_last();
        }
    }

    /// Whether the numbers can be read with a decimal comma alone.
    pub fn has_decimal_commas(&self) -> bool {
        self.pointed && self.ways & POINT_WAYS == 0 && self.ways & COMMA_WAYS != 0
    }

    /// Whether the numbers could be read in two ways, with different values, unless a program has written them.
    pub fn is_ambiguous(&self) -> bool {
        self.pointed && self.ways & POINT_WAYS != 0 && self.ways & COMMA_WAYS != 0
    }

    /// The first number that a program would write in another way.
    pub fn example(&self) -> Option<(u64, &str)> {
        self.formatted.as_ref().map(|(place, text)| (*place, &**text))
    }

    /// Where the first number stands that is a text among numbers.
    pub fn quoted(&self) -> Option<u64> {
        self.quoted.filter(|_| self.unquoted)
    }

    /// Whether a number was a text in a file that could have had it as a number.
    pub fn has_texts(&self) -> bool {
        self.quoted.is_some()
    }

    /// The format of the numbers; none where a program would write them so.
    ///
    /// The first of [`WAYS`] is taken that fits all of them: what could be a decimal comma and what could be a separator of
    /// thousands is the latter, unless other columns of the file have `decimal_commas`.
    ///
    /// # Errors
    /// Why they are rather words.
    pub fn format(&self, decimal_commas: bool) -> Result<Option<NumberFormat>, Doubt<'_>> {
        let Some(plain) = self.format_of(decimal_commas) else {
            return Err(Doubt::OtherWay(self.failing.iter().copied().max().unwrap_or(NOWHERE)));
        };
        let affixes = self.affixes.as_deref();
        if let Some(affixes) = affixes
            && let Some((place, text)) = &affixes.other
        {
            return Err(Doubt::OtherAffix([(affixes.place, &affixes.text), (*place, text)]));
        }
        if let Some(bare) = self.bare.filter(|_| plain.scale != 1.0) {
            return Err(Doubt::NoPercent(bare));
        }
        let few = affixes.is_some_and(|affixes| is_unit(&affixes.suffix)) && self.with_unit.len() < UNIT_NUMBERS;
        let (shortest, longest) = self.digits;
        let telephone =
            plain.thousands == Some(' ') && !self.pointed && shortest == longest && shortest >= TELEPHONE_DIGITS;
        if few || telephone {
            return Err(Doubt::Words);
        }
        if !self.unquoted && self.formatted.is_none() {
            return Err(self.quoted.map_or(Doubt::Words, Doubt::Texts));
        }
        let is_plain =
            self.formatted.is_none() && self.quoted().is_none() && plain.thousands.is_none() && plain.decimal == '.';
        Ok((!is_plain).then_some(plain))
    }

    /// The format in the first way that fits all, whatever else speaks against numbers; none if there is no way.
    pub fn format_of(&self, decimal_commas: bool) -> Option<NumberFormat> {
        let commas = self.ways & COMMA_WAYS;
        let taken = if decimal_commas && self.pointed && commas != 0 { commas } else { self.ways };
        let mut format = NumberFormat::of(*WAYS.get(taken.trailing_zeros() as usize)?);
        if let Some(affixes) = &self.affixes {
            let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            (format.prefix, format.suffix) = (given(&affixes.prefix), given(&affixes.suffix));
            format.scale = scale_of(&affixes.suffix);
        }
        Some(format)
    }
}

/// Whether two texts are the same. Two empty ones are not left to the C library: there is no memory at the address of an empty
/// text, and a masked load from there took a third of the time in which such a column is read.
#[inline]
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

impl Affixes {
    /// Those of the earlier number, and the first that has something else.
    fn merged(self, two: Affixes) -> Affixes {
        let (first, later) = if self.place <= two.place { (self, two) } else { (two, self) };
        let same = first.prefix == later.prefix && first.suffix == later.suffix;
        let other = if same { later.other } else { Some((later.place, later.text)) };
        Affixes { other: earliest(first.other, other), ..first }
    }
}
