//! How much each feature matters.

use plotters::element::Rectangle;
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use super::canvas::{DRAWN, HEAD, Heading, MARGIN, WIDTH, Words, picture, stroke, text, to_units, write};
use super::numbers::{name, number};

/// Most features that are shown.
const MOST: usize = 30;
/// Height of a row, in pixels.
const ROW: i32 = 26;
/// Room for names at the left, and for numbers at the right.
const LEFT: i32 = 210;
const RIGHT: i32 = 172;
const NAME: usize = 26;

/// What one feature brings.
#[derive(Clone, Copy, Debug)]
pub struct Bar<'a> {
    /// The column.
    pub feature: &'a str,
    /// How much worse the model is without it.
    pub importance: f64,
    /// Standard deviation of that.
    pub std: f64,
}

/// Bars of the features, in the order given; `measure` is what grows when a feature's values are shuffled.
pub fn importance(heading: &Heading, features: &[Bar], measure: &str) -> String {
    let shown = &features[..features.len().min(MOST)];
    let left_out = match features.len() - shown.len() {
        0 => String::new(),
        others => format!(", {others} less important features left out"),
    };
    let value = |bar: &Bar| format!("{} ± {}", number(bar.importance), number(bar.std));
    let words = Words {
        title: "importance of features",
        summary: format!("How much the {measure} grows when a column's values are shuffled{left_out}"),
        values: shown.iter().map(|bar| format!("{}: {}", bar.feature, value(bar))).collect::<Vec<_>>().join("; "),
    };
    let size = (WIDTH, HEAD + ROW * shown.len().max(1) as i32 + MARGIN);
    picture(heading, &words, size, |area, palette| {
        let most = shown.iter().map(|bar| bar.importance + bar.std).fold(f64::MIN_POSITIVE, f64::max);
        let length = |value: f64| (f64::from(WIDTH - LEFT - RIGHT) * (value / most).clamp(0.0, 1.0)).round() as i32;
        let (names, numbers) = (text(13, palette.text, HPos::Right), text(12, palette.muted, HPos::Left));
        for (index, bar) in shown.iter().enumerate() {
            let middle = ROW * index as i32 + ROW / 2;
            write(area, &name(bar.feature, NAME), (LEFT - 10, middle), &names);
            let corners = [(LEFT, middle - 8), (LEFT + length(bar.importance), middle + 8)];
            let corners = corners.map(|(x, y)| (to_units(x), to_units(y)));
            area.draw(&Rectangle::new(corners, palette.accent.filled())).expect(DRAWN);
            let whisker = [bar.importance - bar.std, bar.importance + bar.std].map(|end| LEFT + length(end));
            stroke(area, (whisker[0], middle), (whisker[1], middle), 1, palette.text);
            write(area, &value(bar), (LEFT + length(most) + 10, middle), &numbers);
        }
    })
}
