//! What the text of a cell means: a number, true or false, a date, or that there is no value. The one place of these rules.
//!
//! ```
//! use epochd::data::values::{format_datetime, is_missing_word, parse_datetime, parse_number};
//!
//! assert_eq!(parse_number(" 1.5e3 "), Some(1500.0));
//! assert_eq!(parse_number("007"), None); // a code
//! assert!(is_missing_word("N/A"));
//! let noon = parse_datetime("2024-05-31 14:00+02:00").map(format_datetime);
//! assert_eq!(noon.as_deref(), Some("2024-05-31T12:00:00Z"));
//! ```

mod datetime;
mod decimal;
mod number;
mod short_number;
mod words;

pub use datetime::{DateOrder, format_datetime, parse_datetime, parse_datetime_as};
pub(super) use datetime::{civil, separator, usual_order};
pub(crate) use decimal::Decimal;
pub use decimal::LARGEST_EXACT_INTEGER;
pub use number::{canonical_number, format_number, is_not_finite, parse_number};
pub(super) use short_number::{LOOKED_AT, short_number};
pub(super) use words::trim;
pub use words::{is_missing_word, parse_boolean};
