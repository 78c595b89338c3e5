//! Data from outside: bytes to typed columns, rows and matrices, and the choice of rows.
//!
//! Readers of each format: [`csv`], [`json`], [`arrow`] (Arrow streams and files, and Parquet), [`excel`] (workbooks). What they
//! read: [`values`] says what a text means, [`mod@column`] holds typed columns, [`convert`] reads one as another type. A data file
//! becomes a table by [`ingest`]: its stored form ([`stored`]) and its [`profile`]. [`encoder`] takes columns to a network's input.
//! Requests of plain numbers: [`json::Rows`], [`octets`]. [`split`] says which rows are held out, [`probe`] whether rows depend on
//! each other.
//!
//! Reads and writes only what it is handed: a file or a body, never a path. [`ingest`] and the writer of the stored form
//! share their work among a few threads, which end before they return.
//!
//! From the bytes of a CSV file to a network's input:
//!
//! ```
//! use bytes::Bytes;
//! use bytesize::ByteSize;
//! use epochd::data::asked::AskedColumns;
//! use epochd::data::encoder::{Encoder, Known, Task};
//! use epochd::data::ingest::{Format, IngestLimits, ingest};
//! use epochd::data::stored::read_columns;
//! use epochd::memory::Share;
//!
//! let csv = Bytes::from("size,sold\n1,no\n2,no\n3,yes\n4,yes\n5,\n");
//! let (asked, limits, mut stored) = (AskedColumns::default(), IngestLimits::default(), Vec::new());
//! let memory = Share::new("requests", ByteSize::mib(64)).charge(None);
//! let profile = ingest(csv, Format::Csv, &asked, &limits, &memory, &mut stored, &mut |_| true)?;
//! let types: Vec<&str> = profile.columns.iter().map(|column| column.kind.word()).collect();
//! assert_eq!((types, profile.rows, profile.columns[1].missing), (vec!["numeric", "categorical"], 5, 1));
//!
//! // Fitted on the four rows that have a target, and applied to all five.
//! let table = read_columns(Bytes::from(stored), &profile, &["size", "sold"])?;
//! let encoder = Encoder::fit(&table, "sold", Task::Classification, &[0, 1, 2, 3], &Known::default())?;
//! let encoded = encoder.transform(&table)?;
//! assert_eq!(encoded.inputs.dim(), (5, 1));
//! assert!(encoded.inputs[(0, 0)] < 0.0 && encoded.inputs[(4, 0)] > 0.0); // scaled around the median 2.5
//! assert_eq!(encoded.sightings.len(), 1); // 5 is above all that training saw
//! assert_eq!(encoder.target.labels(&table.columns[1], &[0, 3])?, [0, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Words, each with one meaning:
//!
//! | word | what it is | elsewhere |
//! |---|---|---|
//! | piece | whole rows of a file that one thread reads at a time | chunk |
//! | survey | what a piece shows of its columns | schema inference |
//! | form | how the cells of a column are read and stored | physical type |
//! | kind | what a column's values are to a model ([`column::ColumnType`]) | logical type |
//! | record | a row of a text file, or an object of JSON | |
//! | sighting | a value outside what training saw | out-of-distribution value |
//! | octets | numbers in binary | raw binary |

mod alike_words;
pub mod arrow;
pub mod asked;
mod builder;
pub mod cell_rows;
pub mod charset;
pub mod column;
pub mod convert;
pub mod csv;
pub mod encoder;
pub mod error;
pub mod excel;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod header;
mod inference;
pub mod ingest;
pub mod json;
mod lease;
pub mod limits;
mod missing_words;
pub mod octets;
mod other_kind;
mod parallel;
pub mod passed;
mod pieces;
pub mod probe;
pub mod profile;
mod proportion;
pub mod read_otherwise;
pub mod row_weights;
mod separation;
mod source;
pub mod split;
pub mod stored;
pub mod target_findings;
mod text;
pub mod values;
