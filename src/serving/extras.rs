//! What a request asks for beside the predictions themselves, and how strictly its rows are taken.

use serde::Deserialize;

use super::error::{ServingError, Wrong};
use crate::data::encoder::{Encoder, from_nothing};
use crate::wording::Shown;

/// What is said to who asks for predictions with columns that the model does not know.
pub const IGNORABLE: &str = " (unknown=ignore passes over such columns)";

/// What is asked for beside the predictions themselves.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Intervals or label sets of this level, such as 0.9.
    pub interval: Option<f64>,
    /// How each answer comes about, with so many columns.
    pub explain: Option<usize>,
    /// An id for each prediction.
    pub ids: bool,
    /// In replies of columns, a column of what lies outside what training saw.
    pub flags: bool,
    /// Columns that the model does not know.
    pub unknown: Unknown,
    /// Names of columns that the reply repeats, each once.
    pub passthrough: Vec<String>,
    /// Cells that cannot be read.
    pub on_error: OnError,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
}

/// What becomes of columns that a model does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The request is refused.
    #[default]
    Refuse,
    /// They are not looked at.
    Ignore,
}

/// What becomes of a cell that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The request is refused.
    #[default]
    Refuse,
    /// Its row has an error in place of a prediction.
    Row,
}

impl Extras {
    /// The name of one that is asked for, if any is.
    pub fn first_asked(&self) -> Option<&'static str> {
        let asked = [
            (self.interval.is_some(), "interval"),
            (self.explain.is_some(), "explain"),
            (self.ids, "ids"),
            (self.flags, "flags"),
            (self.unknown != Unknown::Refuse, "unknown"),
            (!self.passthrough.is_empty(), "passthrough"),
            (self.on_error != OnError::Refuse, "on_error"),
            (self.sheet.is_some(), "sheet"),
        ];
        asked.into_iter().find(|(asked, _)| *asked).map(|(_, name)| name)
    }

    /// Whether a column may be there although the model does not know it.
    pub fn allows(&self, name: &str) -> bool {
        self.unknown == Unknown::Ignore || self.passthrough.iter().any(|passed| passed == name)
    }

    /// Where among the columns of `names` those stand that the reply repeats.
    ///
    /// # Errors
    /// `Parameter`: one is not there.
    pub fn passed_in(&self, names: &[String]) -> Result<Vec<usize>, ServingError> {
        let place = |name: &String| {
            let place = names.iter().position(|known| known == name);
            place.ok_or_else(|| {
                let detail = format!("passthrough names the column {}, which the data does not have", Shown(name));
                ServingError::Parameter { name: "passthrough", detail }
            })
        };
        self.passthrough.iter().map(place).collect()
    }
}

/// That the data has a column that the model learns from, at one of `places`.
///
/// # Errors
/// `Field`: it has none.
pub fn something_is_known(encoder: &Encoder, places: &[Option<usize>]) -> Result<(), ServingError> {
    if places.iter().any(Option::is_some) {
        return Ok(());
    }
    let detail = format!("the data {}", from_nothing(&encoder.feature_names()));
    Err(ServingError::whole(Wrong::Missing, detail))
}
