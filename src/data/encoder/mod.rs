//! From typed columns to the numbers that a network takes, and from classes and values to its targets.
//!
//! An encoder is fitted on training rows alone and stored inside its version: clients never scale anything. What it does
//! follows Holzmüller et al. 2024 ("Better by default"): numbers are scaled robustly and clipped smoothly, words become
//! one column each, or where they are many, codes of learned vectors; what is missing is a value of its own. Text becomes
//! the codes of its words.

mod binning;
mod bins;
mod calendar;
mod check;
mod edges;
mod encode;
mod encoding;
mod error;
mod feature;
mod fitting;
mod histogram;
mod left_out;
mod numbers;
pub mod reading;
pub mod scale;
mod slot;
mod target;
mod text;

pub use binning::MOST_BINNED;
pub use bins::Bins;
pub use calendar::DatePart;
pub use edges::{LEAST_BINS, MOST_CODES};
pub use encode::{Encoded, Encoder, rows_with};
pub use encoding::Encoding;
pub use error::{EncodeError, OnMisfit, from_nothing};
pub use feature::{Codes, Feature, Sighting};
pub use fitting::{MAX_ONE_HOT, RARE_BELOW};
pub use histogram::Histogram;
pub use left_out::{Known, LeftOut, Reason};
pub use slot::Slot;
pub use target::{Log1p, MAX_CLASSES, Target, Task, classes};
pub use text::{FIT_BYTES, MAX_TEXT_CODES, MAX_TEXT_WIDTH};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
