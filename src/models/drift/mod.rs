//! How far what a version is asked has moved from what it was trained on (drift): which columns are followed and how training's
//! rows were distributed over their bins ([`Reference`]), and the counts of what was asked ([`DriftCounts`]).

mod counts;
mod reference;

pub use counts::{DriftCounts, Tally};
pub use reference::{Followed, Reference};
