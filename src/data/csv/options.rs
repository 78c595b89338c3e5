//! What a request says of a CSV file, by the parameters of its content type.

use crate::data::charset::Charset;

/// What a request says of a CSV file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether its first line has the columns' names.
    pub header: Header,
    /// Its encoding; where nothing is said, its bytes show whether it is UTF-8.
    pub charset: Option<Charset>,
}

/// Whether the first line has the columns' names (RFC 4180, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// It has.
    #[default]
    Present,
    /// The first line is a row; the columns are called `column_1`, `column_2`, …
    Absent,
}
