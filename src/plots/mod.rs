//! Pictures of trainings and versions as SVG: for READMEs and reports, and for the page.
//!
//! Each function takes the values that it draws and gives a whole SVG document: with a title and a description that says the
//! values in words, without a script, a style sheet, or anything from elsewhere. Axes, ticks and lines are drawn by `plotters`.
//!
//! ```
//! use epochd::plots::{Heading, LossPoint, Theme, loss};
//!
//! let run = [(1, 0.69), (2, 0.5), (3, 0.41)].map(|(epoch, loss)| LossPoint { epoch, loss, validation_loss: None });
//! let svg = loss(&Heading { of: "flowers", theme: Theme::Dark }, &run, None);
//! assert!(svg.contains("<title>flowers: loss by epoch</title>"));
//! ```

mod calibration;
mod canvas;
mod confusion;
mod importance;
mod loss;
mod numbers;
mod residuals;
mod roc;
mod square;
mod theme;

pub use calibration::{Calibrated, calibration};
pub use canvas::Heading;
pub use confusion::{MOST_CLASSES, confusion};
pub use importance::{Bar, importance};
pub use loss::{LossPoint, loss};
pub use residuals::residuals;
pub use roc::roc;
pub use theme::Theme;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::curves::Residual;

    const HEADING: Heading = Heading { of: "m", theme: Theme::Light };

    /// Numbers of every size become a picture of bounded size, soon.
    #[test]
    fn extreme_numbers_are_drawn() {
        let extremes = [0.0, f64::MIN_POSITIVE, 5e-324, 1e-300, 1e-9, 1.0, 1e300, f64::MAX / 2.0, -f64::MAX / 2.0];
        for one in extremes {
            for other in extremes {
                let run: Vec<LossPoint> = [one, other, one]
                    .into_iter()
                    .enumerate()
                    .map(|(i, loss)| LossPoint { epoch: 1 + i as u64, loss, validation_loss: Some(other) })
                    .collect();
                let rows = [Residual { predicted: one, actual: other }, Residual { predicted: other, actual: other }];
                let bar = [Bar { feature: "x", importance: one, std: other }];
                let pictures = [
                    loss(&HEADING, &run, Some(2)),
                    loss(&HEADING, &run[..1], None),
                    residuals(&HEADING, &rows, "y"),
                    importance(&HEADING, &bar, "RMSE"),
                ];
                for picture in pictures {
                    assert!(
                        picture.ends_with("</svg>\n") && picture.len() < 100_000,
                        "{one} {other}: {}",
                        picture.len()
                    );
                    assert!(!picture.contains("NaN") && !picture.contains("inf\""), "{one} {other}");
                }
            }
        }
        let empty = [loss(&HEADING, &[], None), residuals(&HEADING, &[], "y"), importance(&HEADING, &[], "RMSE")];
        assert!(empty.iter().all(|picture| picture.ends_with("</svg>\n")));
        let long = [LossPoint { epoch: u64::MAX, loss: 1.0, validation_loss: None }];
        loss(&HEADING, &long, Some(u64::MAX));
    }
}
