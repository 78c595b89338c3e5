//! Reading settings strictly: no null for a number, no list for an object, one form for a word and an object. It knows no
//! setting of its own, so any room may use it.
//!
//! ```
//! use epochd::strict::{Object, given};
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     #[serde(default, deserialize_with = "given")]
//!     epochs: Option<u64>,
//! }
//!
//! let read = |json| serde_json::from_str::<Object<Settings>>(json).map(|Object(settings)| settings.epochs);
//! assert_eq!(read("{}").unwrap(), None);
//! assert_eq!(read(r#"{"epochs": 5}"#).unwrap(), Some(5));
//! assert!(read(r#"{"epochs": null}"#).is_err());
//! assert!(read("[5]").is_err());
//! ```

mod beside;
mod settings;

pub use beside::{Beside, Fields, once};
pub use settings::{Name, Object, at_most, given, map_of_at_most, names_of_at_most, object_or_null, word_or_object};
