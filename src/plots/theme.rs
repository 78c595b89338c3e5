//! Colours: those of the page.

use plotters::style::RGBColor;
use serde::Deserialize;

/// On which ground a picture is to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
}

/// The colours of a theme.
pub(super) struct Palette {
    pub(super) ground: RGBColor,
    pub(super) text: RGBColor,
    pub(super) muted: RGBColor,
    pub(super) line: RGBColor,
    pub(super) accent: RGBColor,
    /// Of what stands beside the accent.
    pub(super) second: RGBColor,
}

impl Theme {
    pub(super) fn palette(self) -> Palette {
        let colour = |hex: u32| RGBColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8);
        let [ground, text, muted, line, accent, second] = match self {
            Theme::Light => [0xffffff, 0x17201c, 0x55615b, 0xd9dfda, 0x0b6e69, 0xb04e00],
            Theme::Dark => [0x181f1c, 0xe6ece8, 0xa3b0a9, 0x2e3934, 0x4fc9be, 0xffa45c],
        }
        .map(colour);
        Palette { ground, text, muted, line, accent, second }
    }
}

/// The colour of text on `colour`: black or white, of which one has a contrast of at least 4.5 on any colour.
pub(super) fn ink_on(colour: RGBColor) -> RGBColor {
    let (black, white) = (RGBColor(0, 0, 0), RGBColor(255, 255, 255));
    if contrast(black, colour) >= contrast(white, colour) { black } else { white }
}

/// Contrast of two colours, from 1 to 21, by the Web Content Accessibility Guidelines 2.2.
fn contrast(one: RGBColor, other: RGBColor) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Relative luminance, by the same guidelines.
fn luminance(RGBColor(red, green, blue): RGBColor) -> f64 {
    let linear = |part: u8| match f64::from(part) / 255.0 {
        share if share <= 0.04045 => share / 12.92,
        share => ((share + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

/// `share` of `colour` over a ground.
pub(super) fn blend(ground: RGBColor, colour: RGBColor, share: f64) -> RGBColor {
    let part = |of: u8, over: u8| (f64::from(of) + share * (f64::from(over) - f64::from(of))).round() as u8;
    RGBColor(part(ground.0, colour.0), part(ground.1, colour.1), part(ground.2, colour.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_be_read_on_every_mixture_of_ground_and_colour() {
        for theme in [Theme::Light, Theme::Dark] {
            let palette = theme.palette();
            for colour in [palette.accent, palette.second] {
                for share in 0..=100 {
                    let mixed = blend(palette.ground, colour, f64::from(share) / 100.0);
                    let contrast = contrast(ink_on(mixed), mixed);
                    assert!(contrast >= 4.5, "{theme:?} {colour:?} {share}: {contrast}");
                }
            }
        }
    }
}
