//! How far off predictions of a number are.

use plotters::element::{Circle, PathElement};
use plotters::style::Color;

use super::canvas::{DRAWN, Heading, LONGEST, UNIT, WIDTH, Words, axes, picture, to_units};
use super::numbers::{name, number, range};
use crate::learning::curves::Residual;

const HEIGHT: i32 = 460;
/// Quantiles of the residuals that are told in words.
const TOLD: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Residuals y − ŷ by what was predicted.
pub fn residuals(heading: &Heading, rows: &[Residual], target: &str) -> String {
    let points: Vec<_> = rows.iter().map(|row| (row.predicted, row.actual - row.predicted)).collect();
    let mut sorted: Vec<f64> = points.iter().map(|point| point.1).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| sorted.get((share * sorted.len() as f64) as usize).copied().unwrap_or(0.0);
    let told = TOLD.iter().map(|share| format!("{} of them below {}", share, number(quantile(*share))));
    let words = Words {
        title: "residuals",
        summary: format!(
            "{}: actual less predicted of {} rows, median {}",
            name(target, LONGEST),
            rows.len(),
            number(quantile(0.5))
        ),
        values: told.collect::<Vec<_>>().join("; "),
    };
    picture(heading, &words, (WIDTH, HEIGHT), |room, palette| {
        let (across, up) = (range(points.iter().map(|at| at.0)), range(points.iter().map(|at| at.1).chain([0.0])));
        let ends = [(across.start, 0.0), (across.end, 0.0)];
        let mut chart = axes(room, palette, (across, up), ("predicted", "actual − predicted"), false);
        let zero = PathElement::new(ends, palette.second.stroke_width(UNIT as u32));
        chart.draw_series([zero]).expect(DRAWN);
        let dot = |at: &(f64, f64)| Circle::new(*at, to_units(3), palette.accent.mix(0.55).filled());
        chart.draw_series(points.iter().map(dot)).expect(DRAWN);
    })
}
