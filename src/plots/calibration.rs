//! Whether probabilities keep what they promise.

use plotters::element::{Circle, PathElement};
use plotters::style::Color;

use super::canvas::{DRAWN, Heading, LONGEST, UNIT, Words, picture, to_units};
use super::numbers::{name, percent};
use super::square::{SIZE, square};
use crate::learning::curves::CalibrationBin;

/// Radii of a point, in pixels: of one of hardly any rows, and of one of all.
const RADII: (f64, f64) = (3.0, 11.0);

/// What the probabilities are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calibrated<'a> {
    /// One class of two.
    Class(&'a str),
    /// The predicted class of more than two.
    Predicted,
    /// Each of several independent outputs.
    Outputs,
}

/// The share that came true by the probability that was predicted; a point is as large as its rows are many.
pub fn calibration(heading: &Heading, curve: &[CalibrationBin], of: Calibrated) -> String {
    let (of, observed) = match of {
        Calibrated::Class(class) => (format!("of class {}", name(class, LONGEST)), "share of the class"),
        Calibrated::Predicted => ("of the predicted class".to_owned(), "share that was right"),
        Calibrated::Outputs => ("of each output".to_owned(), "share that came true"),
    };
    let rows: u64 = curve.iter().map(|bin| bin.rows).sum();
    let told = |bin: &CalibrationBin| {
        let CalibrationBin { predicted, observed, rows } = bin;
        format!("predicted {}, came true {}, rows {rows}", percent(*predicted), percent(*observed))
    };
    let words = Words {
        title: "calibration",
        summary: format!("Probability {of}; the larger a point, the more of the {rows} rows"),
        values: curve.iter().map(told).collect::<Vec<_>>().join("; "),
    };
    picture(heading, &words, SIZE, |room, palette| {
        let mut chart = square(room, palette, ("predicted probability", observed));
        let points: Vec<_> = curve.iter().map(|bin| (bin.predicted, bin.observed)).collect();
        let style = palette.accent.stroke_width(2 * UNIT as u32);
        chart.draw_series([PathElement::new(points, style)]).expect(DRAWN);
        let circle = |bin: &CalibrationBin| {
            // Areas, not radii, are compared by the eye.
            let share = (bin.rows as f64 / rows.max(1) as f64).sqrt();
            let radius = (RADII.0 + (RADII.1 - RADII.0) * share) * f64::from(to_units(1));
            Circle::new((bin.predicted, bin.observed), radius.round() as i32, palette.accent.filled())
        };
        chart.draw_series(curve.iter().map(circle)).expect(DRAWN);
    })
}
