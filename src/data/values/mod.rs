//! What the text of a cell means: a number, true or false, a date, or that there is no value. The one place of these rules.
//!
//! ```
//! use epochd::data::values::{DateOrder, format_datetime, is_missing_word, parse_datetime, parse_number};
//!
//! assert_eq!(parse_number(" 1.5e3 "), Some(1500.0));
//! assert_eq!(parse_number("007"), None); // a code
//! assert!(is_missing_word("N/A"));
//! let noon = parse_datetime("2024-05-31 14:00+02:00", DateOrder::Iso).map(format_datetime);
//! assert_eq!(noon.as_deref(), Some("2024-05-31T12:00:00Z"));
//! // Day and month of a date such as this one can be told apart by its column alone.
//! assert_eq!(parse_datetime("01/02/2024", DateOrder::Iso), None);
//! ```
//!
//! A column whose cells are written in another way has a [`CellFormat`]: `1.234,56 €`, `15.07.19`. A [`Reading`] reads them.

mod calendar;
mod clock;
mod date_format;
mod datetime;
mod decimal;
mod digit_groups;
mod foreign_zone;
mod missing;
mod number;
mod number_format;
mod reading;
mod separators;
mod short_number;
mod short_written;
mod text_cursor;
mod tokens;
mod words;
mod written_number;
mod zones;

pub(super) use calendar::civil;
pub use calendar::format_datetime;
pub(in crate::data) use clock::is_time_of_day;
pub use date_format::{DIGITS, DateFormat};
pub use datetime::{DateOrder, parse_datetime};
pub(super) use datetime::{WrittenDate, pattern_of, usual_order};
pub(crate) use decimal::Decimal;
pub use decimal::LARGEST_EXACT_INTEGER;
pub(in crate::data) use foreign_zone::foreign_zone;
pub(super) use missing::missing_word;
pub use missing::{MISSING_WORDS, is_missing_word};
pub use number::{canonical_number, format_number, is_not_finite, parse_number};
pub use number_format::NumberFormat;
pub(super) use reading::is_among;
pub use reading::{CellFormat, Misfit, Reading, Writing};
pub(super) use separators::{ANY_WAY, COMMA_WAYS, POINT_WAYS, WAYS, ways_of_plain};
pub(super) use short_number::{LOOKED_AT, short_number};
pub(super) use short_written::{ShortFormat, ShortWritten};
pub(in crate::data) use tokens::{are_names, each_word, is_plain_word};
pub use words::parse_boolean;
pub(super) use words::trim;
pub(super) use written_number::{WrittenNumber, is_unit, scale_of};
