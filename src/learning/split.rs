//! By what a training chooses the rows that it holds out: as it is asked for, and as it was decided.
//!
//! ```
//! use epochd::learning::split::SplitBy;
//!
//! assert_eq!("random".parse(), Ok(SplitBy::Random {}));
//! assert_eq!("group:a:b".parse(), Ok(SplitBy::Group { column: "a:b".into() }));
//! assert!("group".parse::<SplitBy>().is_err());
//! ```

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How the rows held out are chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitBy {
    /// By time where the rows stand in the order of a column of times, else at random.
    Auto {},
    /// By a hash of each row's content.
    Random {},
    /// The latest rows.
    Time {
        /// The column of times.
        column: String,
    },
    /// Whole groups of rows.
    Group {
        /// The column whose value is the same within a group.
        column: String,
    },
    /// The last rows.
    Order {},
}

impl Default for SplitBy {
    fn default() -> Self {
        SplitBy::Auto {}
    }
}

impl SplitBy {
    /// Whether it says by what, and does not leave that to the data.
    pub fn is_chosen(&self) -> bool {
        *self != SplitBy::Auto {}
    }

    /// Whether it is sure to hold out rows at one end of time or place, which networks cannot hold out in turn.
    pub fn is_at_the_end(&self) -> bool {
        matches!(self, SplitBy::Time { .. } | SplitBy::Order {})
    }

    /// The column that it names.
    pub fn column(&self) -> Option<&str> {
        match self {
            SplitBy::Time { column } | SplitBy::Group { column } => Some(column),
            _ => None,
        }
    }
}

impl FromStr for SplitBy {
    type Err = String;

    /// Reads the form of a query: a type, and behind its first colon the column.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(SplitBy::Auto {}),
            None if text == "random" => Ok(SplitBy::Random {}),
            None if text == "order" => Ok(SplitBy::Order {}),
            Some(("time", column)) => Ok(SplitBy::Time { column: column.to_owned() }),
            Some(("group", column)) => Ok(SplitBy::Group { column: column.to_owned() }),
            _ => Err("auto, random, order, time:COLUMN or group:COLUMN is expected".to_owned()),
        }
    }
}

/// How the rows held out were chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitUsed {
    /// By what.
    #[serde(rename = "type")]
    pub kind: SplitKind,
    /// The column of times or of groups.
    pub column: Option<String>,
    /// Why so: a sentence.
    pub reason: String,
}

/// What rows can be chosen by, once that is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SplitKind {
    Random,
    Time,
    Group,
    Order,
}

impl SplitUsed {
    /// What asks for the same rows.
    pub fn by(&self) -> SplitBy {
        let column = self.column.clone().unwrap_or_default();
        match self.kind {
            SplitKind::Random => SplitBy::Random {},
            SplitKind::Time => SplitBy::Time { column },
            SplitKind::Group => SplitBy::Group { column },
            SplitKind::Order => SplitBy::Order {},
        }
    }

    /// What a request asks for; `None` if it leaves that to the data.
    pub fn asked(by: &SplitBy) -> Option<Self> {
        let (kind, reason) = match by {
            SplitBy::Auto {} => return None,
            SplitBy::Random {} => (SplitKind::Random, "the request asks for rows at random"),
            SplitBy::Time { .. } => (SplitKind::Time, "the request asks for the latest rows"),
            SplitBy::Group { .. } => (SplitKind::Group, "the request asks for whole groups"),
            SplitBy::Order {} => (SplitKind::Order, "the request asks for the last rows"),
        };
        Some(SplitUsed { kind, column: by.column().map(str::to_owned), reason: reason.to_owned() })
    }

    /// Of rows that have no columns with names, where `auto` is at random.
    pub fn of_plain_rows(by: &SplitBy) -> Self {
        let reason = "rows of plain numbers have no column of times to go by".to_owned();
        SplitUsed::asked(by).unwrap_or(SplitUsed { kind: SplitKind::Random, column: None, reason })
    }
}
