//! What a column's cells show of how its dates are written.

use super::places::{NOWHERE, earliest, shown};
use crate::data::values::{DateOrder, WrittenDate, pattern_of, usual_order};

/// What the dates of a column have shown so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DateEvidence {
    /// Where the first date stands that cannot have the day first, and the first that cannot have the month first.
    failing: [u64; 2],
    /// Where the first date stands whose day and month are numbers before its year, and what stands between them.
    separator: Option<(u64, u8)>,
    /// The first date that does not begin with its year.
    example: Option<(u64, Box<str>)>,
    /// The first date whose year has two digits, of those from 2000 on if there are any: whether it is before, and where it
    /// stands.
    short: Option<(bool, u64, Box<str>)>,
    /// Of dates of three numbers of two digits: which first and which last numbers there are, a bit for each. Nothing once one of
    /// the dates cannot begin with its year.
    ends: Option<[u32; 2]>,
}

impl Default for DateEvidence {
    fn default() -> Self {
        DateEvidence { failing: [NOWHERE; 2], separator: None, example: None, short: None, ends: Some([0; 2]) }
    }
}

impl DateEvidence {
    pub fn observe(&mut self, text: &str, date: &WrittenDate, place: &impl Fn() -> u64) {
        if !date.is_year_first() && self.example.is_none() {
            self.example = Some((place(), shown(text)));
        }
        if date.is_short() && self.short.as_ref().is_none_or(|(is_before, ..)| *is_before) {
            let is_before = date.is_before_2000();
            if !is_before || self.short.is_none() {
                self.short = Some((is_before, place(), shown(text)));
            }
        }
        let Some(separator) = date.separator() else { return };
        self.separator.get_or_insert_with(|| (place(), separator));
        let ends = date.ends_of_year_first().map(|ends| ends.map(|number| 1 << number));
        self.ends = both_of(self.ends, ends);
        for (failing, order) in self.failing.iter_mut().zip([DateOrder::DayFirst, DateOrder::MonthFirst]) {
            if *failing == NOWHERE && date.at(order).is_none() {
                *failing = place();
            }
        }
    }

    pub fn merge(&mut self, other: &DateEvidence) {
        self.failing = std::array::from_fn(|at| self.failing[at].min(other.failing[at]));
        self.separator = earliest(self.separator, other.separator);
        self.example = earliest(self.example.take(), other.example.clone());
        self.short = earliest(self.short.take(), other.short.clone());
        self.ends = both_of(self.ends, other.ends);
    }

    /// Where the first date stands with which no order fits all of them.
    pub fn contradiction(&self) -> Option<u64> {
        let last = self.failing[0].max(self.failing[1]);
        (last != NOWHERE).then_some(last)
    }

    /// Whether nothing tells day and month apart.
    pub fn is_ambiguous(&self) -> bool {
        self.separator.is_some() && self.failing == [NOWHERE; 2]
    }

    /// Whether the dates look as if they began with their year, as `24/05/31` does: all may, and the first numbers are fewer different
    /// ones than the last.
    pub fn may_begin_with_year(&self) -> bool {
        self.ends.is_some_and(|[first, last]| first.count_ones() < last.count_ones())
    }

    /// What stands between the numbers of the first date whose day and month are numbers before its year.
    pub fn separator(&self) -> Option<char> {
        self.separator.map(|(_, separator)| char::from(separator))
    }

    /// The order of day and month.
    pub fn order(&self) -> DateOrder {
        match (self.separator, self.failing) {
            (None, _) => DateOrder::Iso,
            (_, [NOWHERE, month]) if month != NOWHERE => DateOrder::DayFirst,
            (_, [day, NOWHERE]) if day != NOWHERE => DateOrder::MonthFirst,
            (Some((_, separator)), _) => usual_order(separator),
        }
    }

    /// The pattern of the first date that does not begin with its year.
    pub fn pattern(&self) -> Option<String> {
        pattern_of(&self.example.as_ref()?.1, self.order())
    }

    /// A date whose year has two digits, and where it stands: the first that is of 2000 or later, if there is one.
    pub fn short_year(&self) -> Option<(u64, &str)> {
        self.short.as_ref().map(|(_, place, text)| (*place, &**text))
    }
}

fn both_of(one: Option<[u32; 2]>, other: Option<[u32; 2]>) -> Option<[u32; 2]> {
    one.zip(other).map(|(one, other)| [one[0] | other[0], one[1] | other[1]])
}
