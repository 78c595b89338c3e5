//! Type inference: what a column is, from all of its cells.
//!
//! Each cell is held against every kind of value that it could be, and what that shows is kept so that what pieces of a file
//! show can be put together in any order. Only the whole column decides ([`Evidence::form`]): one cell alone says neither
//! whether `1,234` is a thousand nor whether `01/02/2024` is in January.

mod dates;
mod evidence;
mod form;
mod numbers;
mod places;

#[cfg(test)]
mod tests;

pub(crate) use evidence::{Evidence, Kind, Native, Written};
pub(crate) use form::{Form, words_type};
pub(crate) use numbers::Doubt;
