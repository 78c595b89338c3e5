//! A new version beside the one that served before it, as its job tells of it.

use serde::{Deserialize, Serialize};

use crate::learning::metric::Metric;
use crate::models::publication::Serving;

/// What came of `activate: if_better`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Rows that both were measured on, and neither was trained on.
    pub rows: usize,
    /// What they were measured by: the less, the better.
    pub metric: Metric,
    /// That of the new version; none where it could not be measured or is not finite.
    pub candidate: Option<f64>,
    /// That of the active one.
    pub active: Option<f64>,
    /// Which version that was.
    pub active_version: Option<u64>,
    /// Whether the new version serves.
    pub activated: bool,
    /// Why, or why not: a sentence.
    pub reason: String,
}

impl Comparison {
    /// The same once the version is published, which `serves` or not. One that was to serve and does not was overtaken.
    pub(super) fn ended(self, serving: Serving, serves: bool) -> Self {
        let overtaken = "another version was activated while this one was measured";
        let reason = match (serving, serves) {
            (Serving::InPlaceOf(_), false) => overtaken.to_owned(),
            _ => self.reason,
        };
        Comparison { activated: serves, reason, ..self }
    }
}
