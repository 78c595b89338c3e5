//! Something about a job that its owner should know: a warning of the training, or a finding about its data.

use serde::{Deserialize, Serialize};

use crate::data::profile::Finding;
use crate::learning::diagnosis::Warning;

/// A warning as a job's report shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable word for it.
    pub code: String,
    /// What was seen, and a fix.
    pub message: String,
    /// The epoch after which it was seen; `None` before the first.
    pub epoch: Option<u64>,
    /// The layer it is about, counted from 1.
    pub layer: Option<usize>,
}

impl From<Warning> for Notice {
    fn from(warning: Warning) -> Self {
        let Warning { code, message, epoch, layer } = warning;
        Notice { code: code.word(), message, epoch, layer }
    }
}

impl From<Finding> for Notice {
    fn from(Finding { code, message, .. }: Finding) -> Self {
        Notice { code, message, epoch: None, layer: None }
    }
}
