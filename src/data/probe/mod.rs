//! Whether rows depend on each other, found out by measuring.
//!
//! Where a row resembles its neighbours, or all rows of one customer are alike, rows held out at random have likenesses among
//! those that were trained on: measures on them flatter. A small forest is grown on a sample twice: once with rows left out at
//! random, as a random split does, once with whole stretches or groups of rows left out. If it answers much worse the second
//! time, the rows depend on each other.
//!
//! Where rows stand in no order, both ways leave out the same kind of rows: what differs then is chance, and that is bounded.

mod compare;
mod forest;
mod inputs;
mod rows;
mod sample;

pub use compare::{Dependence, Found, Nearness, PROBE_BYTES, dependence};
pub use rows::Rows;
pub use sample::{Key, key_columns, time_columns};

#[cfg(test)]
mod tests;
