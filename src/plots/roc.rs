//! The receiver operating characteristic of a model of two classes.

use plotters::element::PathElement;
use plotters::style::Color;

use super::canvas::{DRAWN, Heading, LONGEST, UNIT, Words, picture};
use super::numbers::{name, number, percent};
use super::square::{SIZE, square};
use crate::learning::roc::RocPoint;

/// Rates of false positives at which the curve is told in words.
const TOLD: [f64; 6] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/// The curve of `positive`, the class that is looked for, with the area under it.
pub fn roc(heading: &Heading, curve: &[RocPoint], area_under: Option<f64>, positive: &str) -> String {
    let area_under = area_under.map(|area| format!(", area under the curve {}", number(area))).unwrap_or_default();
    let told = TOLD.iter().map(|rate| format!("true positives at {}: {}", percent(*rate), percent(at(curve, *rate))));
    let words = Words {
        title: "ROC curve",
        summary: format!("Class {}{area_under}", name(positive, LONGEST)),
        values: told.collect::<Vec<_>>().join("; "),
    };
    picture(heading, &words, SIZE, |room, palette| {
        let names = ("false positive rate", "true positive rate");
        let points: Vec<_> = curve.iter().map(|at| (at.false_positive_rate, at.true_positive_rate)).collect();
        let line = PathElement::new(points, palette.accent.stroke_width(2 * UNIT as u32));
        square(room, palette, names).draw_series([line]).expect(DRAWN);
    })
}

/// The rate of true positives where that of false ones is `rate`, on the line between two points.
fn at(curve: &[RocPoint], rate: f64) -> f64 {
    let after = curve.partition_point(|point| point.false_positive_rate <= rate);
    let Some(before) = after.checked_sub(1).map(|index| curve[index]) else { return 0.0 };
    let Some(next) = curve.get(after) else { return before.true_positive_rate };
    let share = (rate - before.false_positive_rate) / (next.false_positive_rate - before.false_positive_rate);
    before.true_positive_rate + share * (next.true_positive_rate - before.true_positive_rate)
}
