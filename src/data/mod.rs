//! Data from outside: bytes to typed columns, rows and matrices, and the choice of rows. Pure: no I/O, no HTTP.
//!
//! Data files: [`ingest`] reads them, [`stored`] is what they become, [`profile`] what is known of them. Columns:
//! [`mod@column`], [`convert`], [`encoder`] (to a network's input). Requests: [`rows`] of numbers, [`octets`], [`records`], [`csv_rows`],
//! [`arrow_rows`].

mod arrow_cells;
mod arrow_pieces;
pub mod arrow_rows;
mod builder;
pub mod cell;
pub mod column;
pub mod convert;
mod csv_header;
mod csv_pieces;
pub mod csv_rows;
mod csv_scan;
mod datetime;
mod distinct;
mod duplicates;
pub mod encoder;
pub mod error;
pub mod findings;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gathering;
pub mod histogram;
pub mod inference;
pub mod ingest;
mod json_objects;
mod json_pieces;
mod moments;
pub mod octets;
mod parallel;
pub mod profile;
pub mod records;
pub mod rows;
mod short_number;
mod source;
pub mod split;
mod statistics;
pub mod stored;
mod stored_preview;
mod stored_read;
pub mod target_findings;
mod written_numbers;
