//! What a column's cells have shown.

use super::dates::DateEvidence;
use super::form::Form;
use super::numbers::{Doubt, NumberEvidence};
use super::places::{earliest, shown};
use crate::data::asked::AskedColumn;
use crate::data::column::ColumnType;
use crate::data::values::{
    ANY_WAY, CellFormat, DIGITS, DateFormat, Decimal, MISSING_WORDS, ShortFormat, ShortWritten, WAYS, WrittenDate,
    WrittenNumber, is_not_finite, missing_word, parse_boolean, trim, ways_of_plain,
};

/// Counts of [`MISSING_WORDS`], and of dates that are all zeros.
const COUNTS: usize = MISSING_WORDS.len() + 1;

/// How a cell is written in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// A field of a CSV file, which may be anything.
    Field,
    /// A number of JSON.
    Number,
    /// A boolean of JSON.
    Boolean,
    /// A text in a file that has numbers and booleans of its own.
    Quoted,
}

/// What a cell of a binary file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    Number,
    LargeInteger,
    NotFinite,
    Boolean,
    Time,
}

/// What the cells of a column can be, beside words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Boolean,
    Date,
}

const KINDS: [Kind; 3] = [Kind::Number, Kind::Boolean, Kind::Date];

/// What a column's cells have shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Whether there was a cell that is not missing.
    any: bool,
    /// The kinds that every cell so far could be have none: the first cell that is not of the kind, with its text, cut, unless
    /// it is a plain number or no text at all.
    misfits: [Option<(u64, Box<str>)>; 3],
    numbers: NumberEvidence,
    dates: DateEvidence,
    /// Where the first number stands that floats cannot hold exactly.
    pub large_integer: Option<u64>,
    /// How many numbers are not finite, and where the first stands.
    pub not_finite: Option<(u64, u64)>,
    /// How often each word for a missing value occurs, if any does.
    missing: Option<Box<[u64; COUNTS]>>,
}

impl Evidence {
    /// Takes a cell into account; `place` gives its line or row.
    #[inline]
    pub fn observe(&mut self, text: &str, written: Written, place: impl Fn() -> u64) {
        if text.is_empty() || self.is_settled() {
            return;
        }
        let trimmed = trim(text.as_bytes());
        match Decimal::of(trimmed) {
            Some(number) => self.observe_number(trimmed, &number, written, place),
            None => self.observe_other(text, written, &place),
        }
    }

    /// Whether nothing but words is left.
    fn is_settled(&self) -> bool {
        self.misfits.iter().all(Option::is_some)
    }

    /// Takes a number into account that a program would write so.
    #[inline]
    pub fn observe_number(&mut self, text: &[u8], number: &Decimal, written: Written, place: impl Fn() -> u64) {
        self.any = true;
        self.refuse_others(&place);
        // The point of a number that is no text is a decimal point, however texts are written.
        let ways = if written == Written::Number { ANY_WAY } else { ways_of_plain(text) };
        self.numbers.observe_plain(ways, written == Written::Quoted, &place);
        if number.is_large_integer() {
            self.large_integer.get_or_insert_with(place);
        } else if number.overflows(text) {
            self.count_not_finite(place());
        }
    }

    /// The same of a number that is neither infinite nor an integer beyond 2^53, of which only the value is known.
    #[inline]
    pub fn observe_short_number(&mut self, place: impl Fn() -> u64) {
        // The second shows no more than the first.
        if !self.numbers.unseen {
            (self.any, self.numbers.unseen, self.numbers.unquoted) = (true, true, true);
            self.refuse_others(&place);
        }
    }

    /// A number is neither true nor false, nor a date. Its text is not kept: most columns are of numbers.
    #[inline]
    fn refuse_others(&mut self, place: &impl Fn() -> u64) {
        if self.misfits[Kind::Date as usize].is_none() || self.misfits[Kind::Boolean as usize].is_none() {
            [Kind::Boolean, Kind::Date].into_iter().for_each(|kind| self.refuse(kind, "", place));
        }
    }

    fn refuse(&mut self, kind: Kind, text: &str, place: &impl Fn() -> u64) {
        self.misfits[kind as usize].get_or_insert_with(|| (place(), shown(text)));
    }

    fn observe_other(&mut self, text: &str, written: Written, place: &impl Fn() -> u64) {
        if let Some(word) = missing_word(text) {
            return self.count_missing(word);
        }
        if text.trim_ascii().is_empty() {
            return;
        }
        self.any = true;
        let misfit = |this: &Self, kind: Kind| this.misfits[kind as usize].is_some();
        if !misfit(self, Kind::Number) {
            if is_not_finite(text) {
                self.count_not_finite(place());
            } else if let Some(number) = WrittenNumber::of(text) {
                self.count_written(text, &number, place);
            } else {
                self.refuse(Kind::Number, text, place);
            }
        }
        if written == Written::Quoted || parse_boolean(text).is_none() {
            self.refuse(Kind::Boolean, text, place);
        }
        if !misfit(self, Kind::Date) {
            match WrittenDate::of(text) {
                None => self.refuse(Kind::Date, text, place),
                Some(date) if date.is_zero() => self.count_missing(COUNTS - 1),
                Some(date) => self.dates.observe(text, &date, place),
            }
        }
    }

    /// Takes a field of a CSV file into account that is a number as no program writes it.
    #[inline]
    pub fn observe_written(&mut self, text: &str, number: &WrittenNumber, place: impl Fn() -> u64) {
        if !self.is(Kind::Number) || self.is(Kind::Boolean) || self.is(Kind::Date) {
            return self.observe(text, Written::Field, place);
        }
        self.any = true;
        self.count_written(text, number, &place);
    }

    /// The same of one that was read in this format. Says whether it was taken into account: until the first of its kind was
    /// seen as a text, none is.
    #[inline]
    pub fn observe_short_written(
        &mut self,
        number: &ShortWritten,
        format: &ShortFormat,
        place: impl Fn() -> u64,
    ) -> bool {
        let is_number_alone = self.is(Kind::Number) && !self.is(Kind::Boolean) && !self.is(Kind::Date);
        is_number_alone && self.numbers.observe_short_written(number, format, &place)
    }

    fn count_written(&mut self, text: &str, number: &WrittenNumber, place: &impl Fn() -> u64) {
        self.numbers.observe_written(text, number, place);
        if number.digits > 15 && WAYS.iter().any(|way| number.is_large_integer(*way)) {
            self.large_integer.get_or_insert_with(place);
        }
    }

    /// Takes a cell of a binary file into account, which says itself what it is.
    pub fn observe_native(&mut self, native: Native, place: impl Fn() -> u64) {
        self.any = true;
        let kind = match native {
            Native::Number | Native::LargeInteger | Native::NotFinite => Kind::Number,
            Native::Boolean => Kind::Boolean,
            Native::Time => Kind::Date,
        };
        self.numbers.unquoted |= kind == Kind::Number;
        KINDS.into_iter().filter(|other| *other != kind).for_each(|other| self.refuse(other, "", &place));
        match native {
            Native::LargeInteger => _ = self.large_integer.get_or_insert_with(place),
            Native::NotFinite => self.count_not_finite(place()),
            _ => {}
        }
    }

    /// Counts a number that is not finite.
    fn count_not_finite(&mut self, place: u64) {
        let (count, first) = self.not_finite.unwrap_or((0, place));
        self.not_finite = Some((count + 1, first.min(place)));
    }

    fn count_missing(&mut self, word: usize) {
        self.missing.get_or_insert_with(|| Box::new([0; COUNTS]))[word] += 1;
    }

    /// Adds what other cells of the column have shown.
    pub fn merge(&mut self, other: &Evidence) {
        self.any |= other.any;
        for (one, two) in self.misfits.iter_mut().zip(&other.misfits) {
            *one = earliest(one.take(), two.clone());
        }
        self.numbers.merge(&other.numbers);
        self.dates.merge(&other.dates);
        self.large_integer = earliest(self.large_integer, other.large_integer);
        self.not_finite = match (self.not_finite, other.not_finite) {
            (Some((one, first)), Some((two, second))) => Some((one + two, first.min(second))),
            (one, two) => one.or(two),
        };
        if let Some(counts) = &other.missing {
            let mine = self.missing.get_or_insert_with(|| Box::new([0; COUNTS]));
            mine.iter_mut().zip(counts.iter()).for_each(|(mine, count)| *mine += count);
        }
    }

    /// How the cells are to be read: as somebody asked, though they may prove not to be of it, or as all of them allow.
    /// `decimal_commas` says whether other columns of the file have them.
    pub fn form(&self, asked: Option<&AskedColumn>, decimal_commas: bool) -> Form {
        let format = asked.and_then(|asked| asked.format.as_ref());
        match asked.and_then(|asked| asked.kind) {
            None => self.found_form(decimal_commas),
            Some(ColumnType::Numeric) if format.is_none() && asked.is_some_and(|asked| asked.is_known) => Form::Number,
            Some(ColumnType::Numeric) => self.asked_numbers(format, decimal_commas),
            Some(ColumnType::Boolean) => Form::Boolean,
            Some(ColumnType::Datetime) => {
                // Digits alone are dates only where somebody says so.
                let has_digits = || self.numbers.unquoted || self.misfit(Kind::Date).is_some();
                let digits = || CellFormat::Date(DateFormat { format: DIGITS.to_owned(), asked: true });
                let format = format.cloned().or_else(|| has_digits().then(digits));
                let order = asked.and_then(|asked| asked.order).unwrap_or_else(|| self.dates.order());
                Form::Datetime(order, format.map(Into::into))
            }
            Some(ColumnType::Categorical | ColumnType::Text) => Form::Words,
        }
    }

    fn found_form(&self, decimal_commas: bool) -> Form {
        if !self.any {
            return Form::Number;
        }
        if self.is(Kind::Number) && self.large_integer.is_none() {
            match self.numbers.format(decimal_commas) {
                Ok(None) => return Form::Number,
                Ok(Some(format)) => return Form::Written(CellFormat::Number(format).into()),
                Err(_) => {}
            }
        }
        match () {
            () if self.is(Kind::Boolean) => Form::Boolean,
            () if self.is(Kind::Date) && self.dates.contradiction().is_none() => {
                Form::Datetime(self.dates.order(), None)
            }
            () => Form::Words,
        }
    }

    /// Numbers that somebody asked for: what a format leaves open is found.
    fn asked_numbers(&self, asked: Option<&CellFormat>, decimal_commas: bool) -> Form {
        let Some(CellFormat::Number(asked)) = asked else {
            let format = self.numbers.format_of(decimal_commas);
            let needed = self.numbers.example().is_some() || self.numbers.has_texts();
            return format
                .filter(|_| needed)
                .map_or(Form::Number, |format| Form::Written(CellFormat::Number(format).into()));
        };
        let mut format = asked.clone();
        if let Some(found) =
            self.numbers.format_of(decimal_commas).filter(|_| asked.prefix.is_none() && asked.suffix.is_none())
        {
            (format.prefix, format.suffix) = (found.prefix, found.suffix);
            format.scale = if asked.scale == 1.0 { found.scale } else { asked.scale };
        }
        Form::Written(CellFormat::Number(format).into())
    }

    /// Whether every cell could be of a kind.
    fn is(&self, kind: Kind) -> bool {
        self.misfits[kind as usize].is_none()
    }

    /// The first cell that is not of a kind.
    pub fn misfit(&self, kind: Kind) -> Option<(u64, &str)> {
        self.misfits[kind as usize].as_ref().map(|(place, text)| (*place, &**text))
    }

    /// Whether integers too large for floats are all that speaks against a column of numbers.
    pub fn has_large_integers(&self) -> bool {
        self.any && self.is(Kind::Number) && self.large_integer.is_some()
    }

    /// Why the column is none of numbers although each of its cells is one, in some way.
    pub fn doubt(&self) -> Option<Doubt<'_>> {
        if self.any && self.is(Kind::Number) { self.numbers.format(false).err() } else { None }
    }

    /// Of the numbers among the cells.
    pub fn numbers(&self) -> &NumberEvidence {
        &self.numbers
    }

    /// Of the dates among the cells.
    pub fn dates(&self) -> &DateEvidence {
        &self.dates
    }

    /// Words for missing values, each with how often it occurs, most frequent first.
    pub fn missing_words(&self) -> Vec<(&'static str, u64)> {
        let words = MISSING_WORDS.into_iter().chain(["0000-00-00"]);
        let counts = self.missing.as_deref().into_iter().flatten();
        let mut found: Vec<_> =
            words.zip(counts).filter(|(_, count)| **count > 0).map(|(word, count)| (word, *count)).collect();
        found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        found
    }
}
