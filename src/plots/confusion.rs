//! Which classes are taken for which.

use plotters::element::Rectangle;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, FontTransform};

use super::canvas::{Area, DRAWN, HEAD, Heading, MARGIN, UNIT, Words, picture, text, to_units, write};
use super::numbers::{name, percent};
use super::theme::{Palette, blend, ink_on};

/// A matrix of more classes is too large to look at.
pub const MOST_CLASSES: usize = 30;

/// Sides of a cell, in pixels: of few classes, and of many.
const CELLS: (i32, i32) = (64, 30);
/// Characters of a name that are shown.
const NAME: usize = 18;
/// About how wide a character of a name is, in pixels.
const CHARACTER: i32 = 7;

/// Where the cells begin, and how large they are.
struct Layout {
    left: i32,
    top: i32,
    cell: i32,
    side: i32,
}

impl Layout {
    fn of(names: &[String]) -> Self {
        let longest = CHARACTER * names.iter().map(|name| name.chars().count() as i32).max().unwrap_or(0);
        let cell = if names.len() <= 8 { CELLS.0 } else { CELLS.1 };
        // Beside the names there is what they are of.
        Layout { left: MARGIN + longest.max(70) + 8, top: 28 + longest, cell, side: cell * names.len() as i32 }
    }

    /// The left upper corner of a cell.
    fn corner(&self, truth: usize, predicted: usize) -> (i32, i32) {
        (self.left + self.cell * predicted as i32, self.top + self.cell * truth as i32)
    }
}

/// The matrix of `counts`: rows are the true classes, columns the predicted ones.
///
/// # Panics
/// If there is not a name for each class.
pub fn confusion(heading: &Heading, counts: &[Vec<u64>], classes: &[String]) -> String {
    assert_eq!(counts.len(), classes.len(), "a name for each class");
    let (all, right) =
        (counts.iter().flatten().sum::<u64>(), counts.iter().enumerate().map(|(class, row)| row[class]).sum::<u64>());
    let told = counts.iter().zip(classes).map(|(row, class)| {
        let cells = row.iter().zip(classes).map(|(count, predicted)| format!("{count} as {predicted}"));
        format!("{class}: {}", cells.collect::<Vec<_>>().join(", "))
    });
    let words = Words {
        title: "confusion matrix",
        summary: format!("{right} of {all} rows are right ({})", percent(right as f64 / all.max(1) as f64)),
        values: told.collect::<Vec<_>>().join("; "),
    };
    let names: Vec<String> = classes.iter().map(|class| name(class, NAME)).collect();
    let layout = Layout::of(&names);
    let size = ((layout.left + layout.side + 2 * MARGIN).max(420), HEAD + layout.top + layout.side + MARGIN);
    picture(heading, &words, size, |area, palette| {
        write_names(area, palette, &layout, &names);
        draw_cells(area, palette, &layout, counts);
    })
}

fn write_names(area: &Area, palette: &Palette, layout: &Layout, names: &[String]) {
    let label = text(12, palette.text, HPos::Right);
    let upward = text(12, palette.text, HPos::Left).transform(FontTransform::Rotate270);
    let muted = text(12, palette.muted, HPos::Left);
    write(area, "true class", (MARGIN, layout.top - 10), &muted);
    write(area, "predicted", (layout.left, 6), &muted);
    for (index, name) in names.iter().enumerate() {
        let (x, y) = layout.corner(index, index);
        write(area, name, (layout.left - 8, y + layout.cell / 2), &label);
        write(area, name, (x + layout.cell / 2, layout.top - 8), &upward);
    }
}

/// The cells: the larger a count's share of its row, the fuller its colour.
fn draw_cells(area: &Area, palette: &Palette, layout: &Layout, counts: &[Vec<u64>]) {
    let Layout { left, top, cell, side } = *layout;
    let box_of =
        |(x, y): (i32, i32), side: i32| [(x, y), (x + side, y + side)].map(|(x, y)| (to_units(x), to_units(y)));
    for (truth, row) in counts.iter().enumerate() {
        let total = row.iter().sum::<u64>().max(1) as f64;
        for (predicted, count) in row.iter().enumerate() {
            let corner = layout.corner(truth, predicted);
            let colour = if truth == predicted { palette.accent } else { palette.second };
            let mixed = blend(palette.ground, colour, 0.06 + 0.94 * (*count as f64 / total));
            area.draw(&Rectangle::new(box_of(corner, cell - 1), mixed.filled())).expect(DRAWN);
            if *count > 0 {
                let style = text(if cell == CELLS.0 { 14 } else { 10 }, ink_on(mixed), HPos::Center);
                write(area, &count.to_string(), (corner.0 + cell / 2, corner.1 + cell / 2), &style);
            }
        }
    }
    let frame = Rectangle::new(box_of((left, top), side), palette.line.stroke_width(UNIT as u32));
    area.draw(&frame).expect(DRAWN);
}
