//! What all pictures have in common: ground, title, description, fonts.

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, TextStyle};
use quick_xml::escape::escape;

use super::numbers::{clean, name, number};
use super::theme::{Palette, Theme};

/// Units of a picture that make one pixel of its natural size: plotters places all at whole units.
pub(super) const UNIT: i32 = 4;
/// Width of most pictures, in pixels.
pub(super) const WIDTH: i32 = 720;
/// What stands above a picture's drawing, in pixels.
pub(super) const HEAD: i32 = 62;
/// The place of labels at the left, and below.
const LEFT: i32 = 74;
const BELOW: i32 = 46;
/// Where text begins.
pub(super) const MARGIN: i32 = 18;
/// Most characters of a name in a title or a summary.
pub(super) const LONGEST: usize = 40;
/// plotters divides sizes of fonts by this.
const FONT_RATIO: f64 = 1.24;

/// What is drawn on.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// A drawing with an axis of numbers at the left and one below.
pub(super) type Axes<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Drawing into a string cannot fail.
pub(super) const DRAWN: &str = "a string takes all that is drawn";

/// Of what a picture is, and how it is to look.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// What its title begins with: a model, with a version perhaps.
    pub of: &'a str,
    /// Its colours.
    pub theme: Theme,
}

/// What a picture says in words.
pub(super) struct Words {
    /// What it shows, in the title after what it is of.
    pub(super) title: &'static str,
    /// The line below the title: what the values come to.
    pub(super) summary: String,
    /// The values, for those who do not see the picture.
    pub(super) values: String,
}

/// A picture of `size` pixels: `draw` gets the room below its title.
pub(super) fn picture(
    heading: &Heading,
    words: &Words,
    size: (i32, i32),
    draw: impl FnOnce(&Area, &Palette),
) -> String {
    let palette = heading.theme.palette();
    let (title, summary) = (format!("{}: {}", name(heading.of, LONGEST), words.title), clean(&words.summary));
    let mut drawn = String::new();
    {
        let units = (to_units(size.0) as u32, to_units(size.1) as u32);
        let root = SVGBackend::with_string(&mut drawn, units).into_drawing_area();
        root.fill(&palette.ground).expect(DRAWN);
        let (top, room) = root.split_vertically(to_units(HEAD));
        write(&top, &title, (MARGIN, 16), &styled(16, FontStyle::Bold, palette.text, HPos::Left));
        write(&top, &summary, (MARGIN, 40), &text(13, palette.muted, HPos::Left));
        draw(&room, &palette);
        root.present().expect(DRAWN);
    }
    let description = format!("{summary}. {}", clean(&words.values));
    let elements = drawn.split_once('>').expect("it begins with its root").1;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\">\n\
         <title>{}</title>\n<desc>{}</desc>{elements}",
        size.0,
        size.1,
        to_units(size.0),
        to_units(size.1),
        escape(&title),
        escape(&description),
    )
}

/// Pixels as units.
pub(super) fn to_units(pixels: i32) -> i32 {
    pixels * UNIT
}

/// Text of a size in pixels, in the middle of whose height its place is.
pub(super) fn text(size: i32, colour: RGBColor, to: HPos) -> TextStyle<'static> {
    styled(size, FontStyle::Normal, colour, to)
}

fn styled(size: i32, style: FontStyle, colour: RGBColor, to: HPos) -> TextStyle<'static> {
    let font = ("sans-serif", f64::from(to_units(size)) * FONT_RATIO, style).into_font();
    font.color(&colour).pos(Pos::new(to, VPos::Center))
}

/// Writes at a place in pixels.
pub(super) fn write(area: &Area, words: &str, (x, y): (i32, i32), style: &TextStyle) {
    area.draw(&Text::new(words, (to_units(x), to_units(y)), style)).expect(DRAWN);
}

/// Draws a line between places in pixels.
pub(super) fn stroke(area: &Area, from: (i32, i32), to: (i32, i32), width: i32, colour: RGBColor) {
    let [from, to] = [from, to].map(|(x, y)| (to_units(x), to_units(y)));
    area.draw(&PathElement::new([from, to], colour.stroke_width(to_units(width) as u32))).expect(DRAWN);
}

/// Axes over the whole room, with what they are of; `is_count` if only whole numbers have a sense on the lower one.
pub(super) fn axes<'a, 'b>(
    area: &'a Area<'b>,
    palette: &Palette,
    (x, y): (std::ops::Range<f64>, std::ops::Range<f64>),
    names: (&str, &str),
    is_count: bool,
) -> Axes<'a, 'b> {
    axes_of(area, palette, (x, y), names, is_count, &|value| *value)
}

/// The same, where `value_at` is the number that stands at a place of the axis at the left.
pub(super) fn axes_of<'a, 'b>(
    area: &'a Area<'b>,
    palette: &Palette,
    (x, y): (std::ops::Range<f64>, std::ops::Range<f64>),
    (x_name, y_name): (&str, &str),
    is_count: bool,
    value_at: &dyn Fn(&f64) -> f64,
) -> Axes<'a, 'b> {
    let (length_x, length_y) = (x.end - x.start, y.end - y.start);
    let mut chart = ChartBuilder::on(area)
        .margin_right(to_units(MARGIN))
        .margin_top(to_units(6))
        .margin_left(to_units(8))
        .margin_bottom(to_units(8))
        .set_label_area_size(LabelAreaPosition::Left, to_units(LEFT))
        .set_label_area_size(LabelAreaPosition::Bottom, to_units(BELOW))
        .build_cartesian_2d(x, y)
        .expect(DRAWN);
    let (label, name) = (text(12, palette.muted, HPos::Left), text(13, palette.muted, HPos::Center));
    // Places are summed up: what should be 0 is next to it.
    let at = |place: &f64, length: f64| if place.abs() < length * 1e-9 { 0.0 } else { *place };
    let of_x = |place: &f64| if is_count && place.fract() != 0.0 { String::new() } else { number(at(place, length_x)) };
    chart
        .configure_mesh()
        .light_line_style(palette.line.mix(0.0))
        .bold_line_style(palette.line.stroke_width(UNIT as u32))
        .axis_style(palette.muted.stroke_width(UNIT as u32))
        .x_labels(8)
        .y_labels(7)
        .x_label_formatter(&of_x)
        .y_label_formatter(&|place| number(value_at(&at(place, length_y))))
        .set_all_tick_mark_size(to_units(5))
        .label_style(label)
        .axis_desc_style(name)
        .x_desc(x_name)
        .y_desc(y_name)
        .draw()
        .expect(DRAWN);
    chart
}
