//! Something about a job that its owner should know: a warning of the training, or a finding about its data.

use serde::{Deserialize, Serialize};

use crate::data::profile::Finding;
use crate::findings::Told;
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
    /// The column it is about; not known of warnings that earlier releases have stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl Told for Notice {
    fn code(&self) -> &str {
        &self.code
    }

    fn message(&self) -> &str {
        &self.message
    }

    fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }
}

impl From<Warning> for Notice {
    fn from(warning: Warning) -> Self {
        let Warning { code, message, epoch, layer } = warning;
        Notice { code: code.word(), message, epoch, layer, column: None }
    }
}

impl From<Finding> for Notice {
    fn from(Finding { code, message, column }: Finding) -> Self {
        Notice { code, message, epoch: None, layer: None, column }
    }
}
