//! The curves of a training.

use plotters::element::{Circle, PathElement};
use plotters::series::DashedLineSeries;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};

use super::canvas::{Area, Axes, DRAWN, Heading, MARGIN, UNIT, WIDTH, Words, axes_of, picture, stroke, text};
use super::canvas::{to_units, write};
use super::numbers::{number, range, spread};
use super::theme::Palette;

const HEIGHT: i32 = 440;
/// Epochs whose values are said in words.
const TOLD: usize = 20;
/// Losses of which the greatest is more than so many times the least are drawn on a logarithmic scale: else most of a run is a flat line.
const WIDE: f64 = 30.0;
/// Length of a dash and of the gap behind it, in pixels.
const DASH: (i32, i32) = (7, 5);

/// What an epoch reached.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct LossPoint {
    pub epoch: u64,
    pub loss: f64,
    pub validation_loss: Option<f64>,
}

/// Training and validation loss by epoch; `published` is the epoch whose parameters a version has.
pub fn loss(heading: &Heading, run: &[LossPoint], published: Option<u64>) -> String {
    let words = words(run, published);
    picture(heading, &words, (WIDTH, HEIGHT), |area, palette| {
        let mut training: Vec<_> = run.iter().map(|point| (point.epoch as f64, point.loss)).collect();
        let validated = |point: &LossPoint| Some((point.epoch as f64, point.validation_loss?));
        let mut validation: Vec<_> = run.iter().filter_map(validated).collect();
        let (legend, room) = area.split_vertically(to_units(24));
        name_lines(&legend, palette, [&training, &validation]);
        let is_wide = is_wide(run);
        if is_wide {
            training.iter_mut().chain(&mut validation).for_each(|point| point.1 = point.1.log10());
        }
        let losses = range(training.iter().chain(&validation).map(|point| point.1));
        let first = run.first().map_or(0, |point| point.epoch).saturating_sub(1) as f64;
        let last = run.last().map_or(1, |point| point.epoch).max(2) as f64;
        let name = if is_wide { "loss, logarithmic" } else { "loss" };
        let loss_at = |place: &f64| if is_wide { 10f64.powf(*place) } else { *place };
        let mut chart = axes_of(&room, palette, (first..last, losses), ("epoch", name), true, &loss_at);
        line(&mut chart, &training, palette.accent);
        dashes(&mut chart, &validation, palette.second);
        let shown = if validation.is_empty() { &training } else { &validation };
        let published = published.and_then(|epoch| shown.iter().find(|point| point.0 == epoch as f64));
        chart
            .draw_series(
                published.map(|point| Circle::new(*point, to_units(5), palette.text.stroke_width(2 * UNIT as u32))),
            )
            .expect(DRAWN);
    })
}

/// Whether losses, all above 0, reach from small to large.
fn is_wide(run: &[LossPoint]) -> bool {
    let losses = || run.iter().flat_map(|point| [Some(point.loss), point.validation_loss]).flatten();
    let least = losses().fold(f64::INFINITY, f64::min);
    least > 0.0 && losses().fold(0.0, f64::max) > WIDE * least
}

fn words(run: &[LossPoint], published: Option<u64>) -> Words {
    let Some(last) = run.last() else {
        return Words { title: "loss by epoch", summary: "No epoch is complete".into(), values: String::new() };
    };
    let length = if last.epoch == 1 { "1 epoch".to_owned() } else { format!("{} epochs", last.epoch) };
    let told = spread(run.len(), TOLD).into_iter().map(|index| {
        let LossPoint { epoch, loss, validation_loss } = run[index];
        let validation = validation_loss.map(|loss| format!(", validation {}", number(loss))).unwrap_or_default();
        format!("epoch {epoch}: {}{validation}", number(loss))
    });
    Words {
        title: "loss by epoch",
        summary: published.map_or(length, |epoch| format!("Epoch {epoch} of {} is in the version", last.epoch)),
        values: told.collect::<Vec<_>>().join("; "),
    }
}

/// Says which line is which, and from where to where it leads.
fn name_lines(area: &Area, palette: &Palette, [training, validation]: [&[(f64, f64)]; 2]) {
    let style = text(13, palette.text, HPos::Left);
    let ends = |points: &[(f64, f64)]| Some((number(points.first()?.1), number(points.last()?.1)));
    if let Some((from, to)) = ends(training) {
        stroke(area, (MARGIN, 10), (MARGIN + 26, 10), 2, palette.accent);
        write(area, &format!("training {from} → {to}"), (MARGIN + 34, 10), &style);
    }
    if let Some((from, to)) = ends(validation) {
        let left = WIDTH / 2;
        [0, 10, 20].into_iter().for_each(|x| stroke(area, (left + x, 10), (left + x + 6, 10), 2, palette.second));
        write(area, &format!("validation {from} → {to}"), (left + 34, 10), &style);
    }
}

fn line(chart: &mut Axes, points: &[(f64, f64)], colour: RGBColor) {
    let style = colour.stroke_width(2 * UNIT as u32);
    chart.draw_series([PathElement::new(points.to_vec(), style)]).expect(DRAWN);
    dot(chart, points, colour);
}

fn dashes(chart: &mut Axes, points: &[(f64, f64)], colour: RGBColor) {
    let style = colour.stroke_width(2 * UNIT as u32);
    let (dash, gap) = (to_units(DASH.0) as u32, to_units(DASH.1) as u32);
    chart.draw_series(DashedLineSeries::new(points.iter().copied(), dash, gap, style)).expect(DRAWN);
    dot(chart, points, colour);
}

/// A single point is no line.
fn dot(chart: &mut Axes, points: &[(f64, f64)], colour: RGBColor) {
    if let [only] = points {
        chart.draw_series([Circle::new(*only, to_units(3), colour.filled())]).expect(DRAWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_from_small_to_large_are_drawn_on_a_logarithmic_scale() {
        let run = |losses: &[f64]| {
            let point =
                |(epoch, loss): (usize, &f64)| LossPoint { epoch: epoch as u64, loss: *loss, validation_loss: None };
            losses.iter().enumerate().map(point).collect::<Vec<_>>()
        };
        assert!(is_wide(&run(&[1.0, 0.1, 0.01])));
        for losses in [&[1.0, 0.1][..], &[1.0, 0.1, 0.0], &[1.0, -0.001], &[]] {
            assert!(!is_wide(&run(losses)), "{losses:?}");
        }
        let heading = Heading { of: "m", theme: crate::plots::Theme::Light };
        let picture = loss(&heading, &run(&[1.0, 0.1, 0.01]), None);
        assert!(picture.contains("loss, logarithmic") && picture.contains("epoch 2: 0.01"), "{picture}");
        assert!(!loss(&heading, &run(&[1.0, 0.5]), None).contains("logarithmic"));
    }
}
