//! Curves of shares over shares, beside the diagonal.

use plotters::series::DashedLineSeries;
use plotters::style::Color;

use super::canvas::{Area, Axes, DRAWN, UNIT, axes, to_units};
use super::theme::Palette;

/// Width and height of such a picture, in pixels.
pub(super) const SIZE: (i32, i32) = (560, 560);

/// Axes from 0 to 1 with a broken diagonal.
pub(super) fn square<'a, 'b>(area: &'a Area<'b>, palette: &Palette, names: (&str, &str)) -> Axes<'a, 'b> {
    let mut chart = axes(area, palette, (0.0..1.0, 0.0..1.0), names, false);
    let style = palette.muted.stroke_width(UNIT as u32);
    let diagonal = [(0.0, 0.0), (1.0, 1.0)];
    let dashes = DashedLineSeries::new(diagonal, to_units(4) as u32, to_units(4) as u32, style);
    chart.draw_series(dashes).expect(DRAWN);
    chart
}
