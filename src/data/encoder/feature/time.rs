//! Dates and times: elapsed time as a number, and the parts that come round again as points on a circle.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::{Encoding, Scale};
use crate::data::datetime::civil;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A part of a date that comes round again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Of the year.
    Month,
    /// Of the month.
    Day,
    /// Of the week.
    Weekday,
    /// To the second.
    TimeOfDay,
}

impl Part {
    const ALL: [Part; 4] = [Part::Month, Part::Day, Part::Weekday, Part::TimeOfDay];

    /// The part's share of its round, 0 ≤ share < 1, at a time in microseconds since 1970 UTC.
    fn share(self, at: i64) -> f64 {
        let days = at.div_euclid(DAY);
        match self {
            Part::Month => (civil(days).1 - 1) as f64 / 12.0,
            Part::Day => (civil(days).2 - 1) as f64 / 31.0,
            // 1 January 1970 was a Thursday.
            Part::Weekday => (days + 3).rem_euclid(7) as f64 / 7.0,
            Part::TimeOfDay => at.rem_euclid(DAY) as f64 / DAY as f64,
        }
    }

    /// Sine and cosine of the part's angle.
    pub fn on_the_circle(self, at: i64) -> (f32, f32) {
        let angle = TAU * self.share(at);
        (angle.sin() as f32, angle.cos() as f32)
    }
}

/// Fits on times of the training rows, of which there is at least one.
pub fn fit(mut times: Vec<i64>) -> Encoding {
    times.sort_unstable();
    let varies = |part: &Part| times.iter().any(|at| part.share(*at) != part.share(times[0]));
    let parts = Part::ALL.into_iter().filter(varies).collect();
    let elapsed: Vec<f64> = times.iter().map(|at| *at as f64).collect();
    Encoding::Datetime { scale: Scale::fit(&elapsed), min: times[0], max: times[times.len() - 1], parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_known_dates() {
        // 2024-02-29 was a Thursday; 1969-12-31 a Wednesday.
        let leap = 19_782 * DAY + 6 * 3600 * SECOND;
        assert_eq!((Part::Month.share(leap), Part::Day.share(leap)), (1.0 / 12.0, 28.0 / 31.0));
        assert_eq!(Part::Weekday.share(leap), 3.0 / 7.0);
        assert_eq!(Part::TimeOfDay.share(leap), 0.25);
        assert_eq!((Part::Month.share(-DAY), Part::Weekday.share(-DAY)), (11.0 / 12.0, 2.0 / 7.0));
        let (sine, cosine) = Part::TimeOfDay.on_the_circle(leap);
        assert!((sine - 1.0).abs() < 1e-6 && cosine.abs() < 1e-6);
    }

    #[test]
    fn parts_that_do_not_vary_are_left_out() {
        let Encoding::Datetime { parts, .. } = fit(vec![0, 7 * DAY, 14 * DAY]) else { panic!("of dates") };
        assert_eq!(parts, [Part::Day]);
    }
}
