//! The JSON body of a prediction.

use serde::Deserialize;

use super::parse::parse_rows;
use super::plain_rows::plain_rows;
use crate::api::error::ApiError;
use crate::data::json::Records;
use crate::data::json::Rows;
use crate::serving::threads::cores;
use crate::strict::given;

/// Rows to predict for: numbers for a model by layer sizes, records for one by data set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionBody {
    /// rows × inputs
    #[serde(default, deserialize_with = "given")]
    pub inputs: Option<Rows>,
    /// A record or several.
    #[serde(default, deserialize_with = "given")]
    pub records: Option<Records>,
}

impl PredictionBody {
    /// Parses a body that most likely holds rows of numbers and nothing else; whatever else it is, serde reads.
    ///
    /// # Errors
    /// As [`parse_rows`].
    pub fn of_rows(bytes: &[u8]) -> Result<Self, ApiError> {
        match plain_rows(bytes, cores()) {
            Some(rows) => Ok(PredictionBody { inputs: Some(rows), records: None }),
            None => parse_rows(bytes),
        }
    }
}
