//! Codes for missing values among numbers and dates, such as -999: how often each occurs, and how far it lies from all others.

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// A value that occurs less often is an odd one.
const LEAST_CELLS: u64 = 2;

/// The codes that are looked for among values of a kind.
struct Known {
    /// Each with how it is written.
    codes: &'static [(f64, &'static str)],
    /// Between these lies none of them.
    clear: (f64, f64),
    /// Whether a code is one, given the smallest and the largest of the other values.
    is_apart: fn(f64, f64, f64) -> bool,
}

static NUMBERS: Known = Known {
    codes: &[
        (-99_999.0, "-99999"),
        (-9999.0, "-9999"),
        (-999.0, "-999"),
        (-99.0, "-99"),
        (-9.0, "-9"),
        (-1.0, "-1"),
        (99.0, "99"),
        (99.9, "99.9"),
        (999.0, "999"),
        (999.9, "999.9"),
        (9999.0, "9999"),
        (99_999.0, "99999"),
    ],
    clear: (-1.0, 99.0),
    is_apart: is_number_apart,
};
/// By their days since 1970.
static DATES: Known = Known {
    codes: &[(-25_567.0, "1900-01-01"), (2_932_896.0, "9999-12-31")],
    clear: (-25_567.0, 2_932_896.0),
    is_apart: is_far,
};

/// What is known of the codes among a column's values.
pub(crate) struct Codes {
    known: &'static Known,
    /// How often each occurs in the pieces of which one was the smallest or the largest value; empty before the first of these.
    /// In others there may be some as well, which then do not lie beyond all other values.
    counts: Vec<u64>,
    /// The smallest and the largest of the values that were not counted.
    others: (f64, f64),
}

impl Codes {
    /// Of a column of numbers.
    pub fn of_numbers() -> Self {
        Codes { known: &NUMBERS, counts: Vec::new(), others: (f64::INFINITY, f64::NEG_INFINITY) }
    }

    /// Of a column of dates.
    pub fn of_dates() -> Self {
        Codes { known: &DATES, ..Codes::of_numbers() }
    }

    /// Takes numbers into account of which these are the smallest and the largest one.
    pub fn add(&mut self, (min, max): (f64, f64), values: impl Iterator<Item = f64>) {
        if self.known.place(min).is_none() && self.known.place(max).is_none() {
            return widen(&mut self.others, (min, max));
        }
        self.counts.resize(self.known.codes.len(), 0);
        for value in values {
            match self.known.place(value) {
                Some(code) => self.counts[code] += 1,
                None => widen(&mut self.others, (value, value)),
            }
        }
    }

    /// The same of times, by their days.
    pub fn add_times(&mut self, (min, max): (i64, i64), times: impl Iterator<Item = i64>) {
        let day = |time: i64| time.div_euclid(DAY) as f64;
        self.add((day(min), day(max)), times.map(day));
    }

    /// The codes that may stand for missing values, as they are written, each with its count.
    pub fn found(&self) -> Vec<(&'static str, u64)> {
        let mut codes: Vec<_> = self.known.codes.iter().zip(&self.counts).filter(|(_, count)| **count > 0).collect();
        let mut others = self.others;
        // One that is a value like the others may be what another is not far from.
        loop {
            let is_code = |(code, count): &(&(f64, &str), &u64)| {
                **count >= LEAST_CELLS && others.0 < others.1 && (self.known.is_apart)(code.0, others.0, others.1)
            };
            let (kept, values): (Vec<_>, Vec<_>) = codes.into_iter().partition(is_code);
            if values.is_empty() {
                return kept.into_iter().map(|((_, written), count)| (*written, *count)).collect();
            }
            values.iter().for_each(|((value, _), _)| widen(&mut others, (*value, *value)));
            codes = kept;
        }
    }
}

impl Known {
    /// Which of the codes a value is.
    fn place(&self, value: f64) -> Option<usize> {
        if self.clear.0 < value && value < self.clear.1 {
            return None;
        }
        self.codes.iter().position(|(code, _)| *code == value)
    }
}

fn widen(range: &mut (f64, f64), (min, max): (f64, f64)) {
    *range = (range.0.min(min), range.1.max(max));
}

/// Whether a value lies farther from the others than these lie from one another.
fn is_far(value: f64, min: f64, max: f64) -> bool {
    (min - value).max(value - max) > max - min
}

/// Whether a number can hardly be a value like the others.
fn is_number_apart(code: f64, min: f64, max: f64) -> bool {
    match code {
        // Next to 0 and to small numbers it is one of them, such as a difference or a floor.
        -1.0 => min >= 10.0 || min >= 1.0 && max >= 100.0,
        // The only one below 0: a temperature may be, of a few.
        -9.0 if min >= 0.0 => is_far(code, min, max),
        code if code < 0.0 && min >= 0.0 => true,
        // A code has a digit more than any value: a price of 999 among those of 19 to 499 has not.
        code if code < 0.0 => is_far(code, min, max) && code < 10.0 * min,
        code => is_far(code, min, max) && code > 10.0 * max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in pieces of some values.
    fn found(pieces: &[&[f64]]) -> Vec<(&'static str, u64)> {
        let mut codes = Codes::of_numbers();
        for piece in pieces {
            let min = piece.iter().copied().fold(f64::INFINITY, f64::min);
            let max = piece.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            codes.add((min, max), piece.iter().copied());
        }
        codes.found()
    }

    #[test]
    fn codes_are_found_wherever_they_stand() {
        assert_eq!(found(&[&[9.0, 31.0], &[-999.0, 20.5], &[], &[12.0, -999.0, -999.0]]), [("-999", 3)]);
        assert_eq!(found(&[&[1.0, 5.0, -99.0, 3.0, -99.0]]), [("-99", 2)]);
        assert_eq!(found(&[&[1.0, 5.0, 99.0, 99.0], &[-9.0, 2.0, -9.0]]), [("-9", 2), ("99", 2)]);
        assert_eq!(found(&[&[18.0, 90.0, 999.0, 999.0]]), [("999", 2)]);
        assert_eq!(found(&[&[0.5, 9.5, 99.9, 99.9]]), [("99.9", 2)]);
        // The only numbers below 0, however far the others reach.
        assert_eq!(found(&[&[12_000.0, 150_000.0, -999.0, -999.0]]), [("-999", 2)]);
        assert_eq!(found(&[&[1.0, 871.0, -1.0, -1.0, -1.0]]), [("-1", 3)]);
        assert_eq!(found(&[&[-5.0, 35.0, -999.0, -999.0]]), [("-999", 2)]);
        // 99 is one of the values 0 to 99, and -999 none.
        assert_eq!(found(&[&[0.0, 98.0, 99.0, 99.0, -999.0, -999.0]]), [("-999", 2)]);
    }

    #[test]
    fn values_like_the_others_are_no_codes() {
        for values in [
            &[0.0, 50.0, 98.0, 99.0, 99.0][..],
            &[1.0, 500.0, 998.0, 999.0, 999.0],
            &[0.0, 4000.0, 9998.0, 9999.0, 9999.0],
            &[19.0, 49.0, 199.0, 299.0, 499.0, 999.0, 999.0],
            &[-12.0, -9.0, -9.0, 3.0, 25.0],
            &[-8.0, -9.0, -9.0, 3.0, 25.0],
            &[2.0, -9.0, -9.0, 3.0, 25.0],
            &[-1.0, -1.0, 0.0, 1.0, 1.0],
            &[-1.0, -1.0, 1.0, 1.0],
            &[-1.0, -1.0, 1.0, 2.0, 30.0],
            &[-20.0, 50.0, -99.0, -99.0],
            &[0.0, 41_310.0, 99_999.0, 99_999.0],
            // Once, or nothing else that varies.
            &[9.0, 31.0, -999.0],
            &[-999.0, -999.0, -999.0],
            &[1.0, 1.0, -999.0, -999.0],
            &[-999.0, -999.0, -99.0, -99.0],
        ] {
            assert_eq!(found(&[values]), [], "{values:?}");
        }
        assert_eq!(found(&[&[1.0, 5.0, -999.0, -999.0], &[-4000.0, 3.0]]), [], "others reach farther");
    }

    #[test]
    fn days_that_stand_for_none_are_found_at_any_time_of_day() {
        let found = |days: &[i64]| {
            let mut codes = Codes::of_dates();
            let times = || days.iter().map(|day| day * DAY + 5);
            codes.add_times((times().min().unwrap_or(0), times().max().unwrap_or(0)), times());
            codes.found()
        };
        let day_of = |text: &str| {
            let at = crate::data::values::parse_datetime(text, crate::data::values::DateOrder::Iso);
            at.expect("a date").div_euclid(DAY)
        };
        let [last, first] = ["9999-12-31", "1900-01-01"].map(day_of);
        assert_eq!(found(&[17_900, last, 20_000, last, last]), [("9999-12-31", 3)]);
        assert_eq!(found(&[17_900, first, 20_000, first]), [("1900-01-01", 2)]);
        assert_eq!(found(&[first, first, first + 9000, 11_000]), [], "dates of birth");
        assert_eq!(found(&[last, last, 17_900]), [], "one other date");
    }
}
