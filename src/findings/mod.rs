//! What people are told about their data and their trainings, as they read it: findings of one kind together, those first that
//! cost most, and no more at once than somebody reads.
//!
//! A finding is made, and stored, for one column; it is put together with others when it is told. So whatever an earlier release
//! has stored is told in the same way.

mod groups;
mod kinds;

pub use groups::{Group, Told, grouped};
pub use kinds::{Cost, FURTHER_FINDINGS, KINDS, Kind, rank};
