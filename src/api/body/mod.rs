//! Bodies of requests: read within their bounds, unpacked, and parsed.

pub mod bounds;
pub mod columns;
pub mod data_file;
pub mod form;
pub mod formats;
pub mod intake;
pub mod json;
pub mod media;
pub mod parse;
pub mod plain_rows;
pub mod prediction;
pub mod read;
pub mod sink;
pub mod unpack;
