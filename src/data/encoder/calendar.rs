//! Dates and times: elapsed time as a number, and the parts that come round again as points on a circle.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::data::values::civil;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A part of a date that comes round again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePart {
    /// Of the year.
    Month,
    /// Of the month.
    Day,
    /// Of the week.
    Weekday,
    /// To the second.
    TimeOfDay,
}

impl DatePart {
    /// Each part.
    pub const ALL: [DatePart; 4] = [DatePart::Month, DatePart::Day, DatePart::Weekday, DatePart::TimeOfDay];

    /// The part's share of its round, 0 ≤ share < 1, at a time in microseconds since 1970 UTC.
    pub fn share(self, at: i64) -> f64 {
        let days = at.div_euclid(DAY);
        match self {
            DatePart::Month => (civil(days).1 - 1) as f64 / 12.0,
            DatePart::Day => (civil(days).2 - 1) as f64 / 31.0,
            // 1 January 1970 was a Thursday.
            DatePart::Weekday => (days + 3).rem_euclid(7) as f64 / 7.0,
            DatePart::TimeOfDay => at.rem_euclid(DAY) as f64 / DAY as f64,
        }
    }

    /// Sine and cosine of the part's angle.
    pub fn on_the_circle(self, at: i64) -> (f32, f32) {
        let angle = TAU * self.share(at);
        (angle.sin() as f32, angle.cos() as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_known_dates() {
        // 2024-02-29 was a Thursday; 1969-12-31 a Wednesday.
        let leap = 19_782 * DAY + 6 * 3600 * SECOND;
        assert_eq!((DatePart::Month.share(leap), DatePart::Day.share(leap)), (1.0 / 12.0, 28.0 / 31.0));
        assert_eq!(DatePart::Weekday.share(leap), 3.0 / 7.0);
        assert_eq!(DatePart::TimeOfDay.share(leap), 0.25);
        assert_eq!((DatePart::Month.share(-DAY), DatePart::Weekday.share(-DAY)), (11.0 / 12.0, 2.0 / 7.0));
        let (sine, cosine) = DatePart::TimeOfDay.on_the_circle(leap);
        assert!((sine - 1.0).abs() < 1e-6 && cosine.abs() < 1e-6);
    }
}
