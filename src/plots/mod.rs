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
