//! Type inference: what a column is, from all of its cells.

use crate::data::column::ColumnType;
use crate::data::values::{
    DateOrder, Decimal, is_missing_word, is_not_finite, parse_boolean, parse_datetime_as, separator, trim, usual_order,
};

/// Words of more different values than this may be text.
const TEXT_DISTINCT: u64 = 32;
/// Words longer than this on average are text.
const TEXT_LENGTH: u64 = 64;

/// Characters of a cell that are kept to be shown.
const SHOWN: usize = 60;

const NUMBER: u8 = 1;
const BOOLEAN: u8 = 2;
const ISO: u8 = 4;
const DAY_FIRST: u8 = 8;
const MONTH_FIRST: u8 = 16;
const ANYTHING: u8 = 31;

/// How a cell is written in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// A field of a CSV file, which may be anything.
    Field,
    /// A number of JSON.
    Number,
    /// A boolean of JSON.
    Boolean,
    /// A text: words or a date, never a number.
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

/// How the cells of a column are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Number,
    Boolean,
    Datetime(DateOrder),
    Words,
}

/// What a column's cells have shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The forms that fit every cell so far.
    possible: u8,
    /// Whether there was a cell that is not missing.
    any: bool,
    /// Where the first number stands that floats cannot hold exactly.
    pub large_integer: Option<u64>,
    /// How many numbers are not finite, and where the first stands.
    pub not_finite: Option<(u64, u64)>,
    /// Where the first cell stands that is no number, and its text, cut.
    pub not_a_number: Option<(u64, Box<str>)>,
    /// Line and separator of the first date that does not begin with its year.
    separator: Option<(u64, u8)>,
}

impl Default for Evidence {
    fn default() -> Self {
        Evidence {
            possible: ANYTHING,
            any: false,
            large_integer: None,
            not_finite: None,
            not_a_number: None,
            separator: None,
        }
    }
}

impl Evidence {
    /// Takes a cell into account; `place` gives its line or row.
    #[inline]
    pub fn observe(&mut self, text: &str, written: Written, place: impl Fn() -> u64) {
        if self.possible == 0 || text.is_empty() {
            return;
        }
        if self.possible & NUMBER != 0 && written != Written::Quoted {
            let trimmed = trim(text.as_bytes());
            if let Some(number) = Decimal::of(trimmed) {
                return self.observe_number(trimmed, &number, place);
            }
        }
        self.observe_other(text, written, place);
    }

    /// Takes a number into account, in a column of which nothing but numbers was seen.
    #[inline]
    pub fn observe_number(&mut self, text: &[u8], number: &Decimal, place: impl Fn() -> u64) {
        self.observe_short_number();
        if number.is_large_integer() {
            self.large_integer.get_or_insert_with(place);
        } else if number.overflows(text) {
            self.count_not_finite(place());
        }
    }

    /// The same of a number that is neither infinite nor an integer beyond 2^53: there is nothing to look up.
    #[inline]
    pub fn observe_short_number(&mut self) {
        (self.any, self.possible) = (true, NUMBER);
    }

    fn observe_other(&mut self, text: &str, written: Written, place: impl Fn() -> u64) {
        if is_missing_word(text) {
            return;
        }
        self.any = true;
        if self.possible & NUMBER != 0 && written != Written::Quoted && is_not_finite(text) {
            self.possible = NUMBER;
            return self.count_not_finite(place());
        }
        if self.possible & NUMBER != 0 {
            self.not_a_number = Some((place(), text.chars().take(SHOWN).collect()));
        }
        let boolean = written != Written::Quoted && parse_boolean(text).is_some();
        let fits = |form, order| if parse_datetime_as(text, order).is_some() { form } else { 0 };
        let mut fitting = if boolean { BOOLEAN } else { 0 };
        if self.possible & (ISO | DAY_FIRST | MONTH_FIRST) != 0 {
            let day_or_month = fits(DAY_FIRST, DateOrder::DayFirst) | fits(MONTH_FIRST, DateOrder::MonthFirst);
            fitting |= fits(ISO, DateOrder::Iso) | day_or_month;
            if day_or_month != 0 && self.separator.is_none() {
                self.separator = separator(text).map(|separator| (place(), separator));
            }
        }
        self.possible &= fitting;
    }

    /// Takes a cell of a binary file into account, which says itself what it is.
    pub fn observe_native(&mut self, native: Native, place: impl Fn() -> u64) {
        self.any = true;
        self.possible &= match native {
            Native::Number | Native::LargeInteger | Native::NotFinite => NUMBER,
            Native::Boolean => BOOLEAN,
            Native::Time => ISO,
        };
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

    /// Adds what other cells of the column have shown.
    pub fn merge(&mut self, other: &Evidence) {
        self.possible &= other.possible;
        self.any |= other.any;
        self.large_integer = earliest(self.large_integer, other.large_integer);
        self.separator = earliest(self.separator, other.separator);
        self.not_a_number = earliest(self.not_a_number.take(), other.not_a_number.clone());
        self.not_finite = match (self.not_finite, other.not_finite) {
            (Some((one, first)), Some((two, second))) => Some((one + two, first.min(second))),
            (one, two) => one.or(two),
        };
    }

    /// How the cells are to be read.
    pub fn form(&self) -> Form {
        match self.possible {
            _ if !self.any => Form::Number,
            possible if possible & NUMBER != 0 && self.large_integer.is_none() => Form::Number,
            possible if possible & BOOLEAN != 0 => Form::Boolean,
            possible if possible & (ISO | DAY_FIRST | MONTH_FIRST) != 0 => Form::Datetime(self.order()),
            _ => Form::Words,
        }
    }

    /// How the cells are to be read as the type that was asked for, if one was; they may prove not to be of it.
    pub fn form_of(&self, asked: Option<ColumnType>) -> Form {
        match asked {
            None => self.form(),
            Some(ColumnType::Numeric) => Form::Number,
            Some(ColumnType::Boolean) => Form::Boolean,
            Some(ColumnType::Datetime) => Form::Datetime(self.order()),
            Some(ColumnType::Categorical | ColumnType::Text) => Form::Words,
        }
    }

    /// Whether integers too large for floats are all that speaks against a column of numbers.
    pub fn has_large_integers(&self) -> bool {
        self.any && self.possible & NUMBER != 0 && self.large_integer.is_some()
    }

    /// Whether nothing tells day and month apart.
    pub fn is_ambiguous(&self) -> bool {
        self.any && self.possible & ISO == 0 && self.possible & DAY_FIRST != 0 && self.possible & MONTH_FIRST != 0
    }

    fn order(&self) -> DateOrder {
        let usual = self.separator.map_or(DateOrder::Iso, |(_, separator)| usual_order(separator));
        match self.possible & (ISO | DAY_FIRST | MONTH_FIRST) {
            DAY_FIRST => DateOrder::DayFirst,
            MONTH_FIRST => DateOrder::MonthFirst,
            possible if possible & ISO != 0 => DateOrder::Iso,
            _ => usual,
        }
    }
}

fn earliest<T: Ord>(one: Option<T>, two: Option<T>) -> Option<T> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}

/// Whether words say something of their own in most rows, or stand for groups of rows.
pub(crate) fn words_type(values: u64, distinct: u64, bytes: u64) -> ColumnType {
    let long = values > 0 && bytes > TEXT_LENGTH * values;
    let own = distinct > TEXT_DISTINCT && distinct * 2 > values;
    if long || own { ColumnType::Text } else { ColumnType::Categorical }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(cells: &[&str]) -> Evidence {
        let mut evidence = Evidence::default();
        cells.iter().zip(2..).for_each(|(cell, line)| evidence.observe(cell, Written::Field, || line));
        evidence
    }

    #[test]
    fn one_cell_decides_however_late() {
        let mut numbers = vec!["1"; 1000];
        assert_eq!(evidence(&numbers).form(), Form::Number);
        numbers.push("x");
        assert_eq!(evidence(&numbers).form(), Form::Words);
        assert_eq!(evidence(&["true", "FALSE", "", "na"]).form(), Form::Boolean);
        assert_eq!(evidence(&["true", "1"]).form(), Form::Words);
        assert_eq!(evidence(&["1", "true"]).form(), Form::Words);
        assert_eq!(evidence(&["1", "2024-05-01"]).form(), Form::Words);
        assert_eq!(evidence(&["01", "2"]).form(), Form::Words);
        assert_eq!(evidence(&["", "NA", " "]).form(), Form::Number);
    }

    #[test]
    fn pieces_together_say_what_the_whole_says() {
        let cells = ["1", "9007199254740993", "inf", "-inf", "2.5", "null"];
        for cut in 0..=cells.len() {
            let mut left = evidence(&cells[..cut]);
            let mut right = Evidence::default();
            let rest = cells[cut..].iter().zip(cut as u64 + 2..);
            rest.for_each(|(cell, line)| right.observe(cell, Written::Field, || line));
            left.merge(&right);
            assert_eq!(left, evidence(&cells));
        }
        let words = ["1", "x", "2", "y"];
        let (mut left, right) = (evidence(&words[2..]), evidence(&words));
        left.merge(&right);
        assert_eq!(left.not_a_number, Some((3, "x".into())));
        assert_eq!(evidence(&cells).not_a_number, None);
        assert_eq!(evidence(&cells).not_finite, Some((2, 4)));
        assert_eq!(evidence(&cells).large_integer, Some(3));
        assert_eq!(evidence(&cells).form(), Form::Words);
        assert!(evidence(&cells).has_large_integers());
    }

    #[test]
    fn day_and_month_are_told_apart_over_all_cells() {
        let order = |cells: &[&str]| (evidence(cells).form(), evidence(cells).is_ambiguous());
        let dates = |order| Form::Datetime(order);
        assert_eq!(order(&["01/02/2024", "13/02/2024"]), (dates(DateOrder::DayFirst), false));
        assert_eq!(order(&["02/13/2024", "01/02/2024"]), (dates(DateOrder::MonthFirst), false));
        assert_eq!(order(&["01/02/2024", "03/04/2024"]), (dates(DateOrder::MonthFirst), true));
        assert_eq!(order(&["01.02.2024", "NA", "03.04.2024 10:00"]), (dates(DateOrder::DayFirst), true));
        assert_eq!(order(&["13/02/2024", "02/13/2024"]), (Form::Words, false));
        assert_eq!(order(&["2024-05-01", "2024/05/02 10:00"]), (dates(DateOrder::Iso), false));
        assert_eq!(order(&["2024-05-01", "13/02/2024"]), (Form::Words, false));
    }

    #[test]
    fn words_are_text_if_most_are_their_own_or_long() {
        assert_eq!(words_type(60, 33, 60), ColumnType::Text);
        assert_eq!(words_type(66, 33, 60), ColumnType::Categorical);
        assert_eq!(words_type(32, 32, 60), ColumnType::Categorical);
        assert_eq!(words_type(10, 2, 641), ColumnType::Text);
        assert_eq!(words_type(10, 2, 640), ColumnType::Categorical);
    }
}
