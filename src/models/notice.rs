//! Something about a job that its owner should know: a warning of the training, or a finding about its data. A version keeps
//! what was told of its training, as its measures are read when the job is long forgotten.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::data::profile::Finding;
use crate::findings::{Told, rank};
use crate::learning::diagnosis::Warning;

/// Bytes that a version keeps of what was told, about: those of a table of very many columns could outweigh the version.
const MOST_BYTES: usize = 64 << 10;

/// A warning as a job's report and a version show it.
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

impl Notice {
    /// Memory that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.code.len() + self.message.len() + self.column.as_ref().map_or(0, String::len)
    }
}

/// What a version keeps of what was told of its training: all of it, or of very much the first of each kind, the dearest kinds
/// first, then the second of each, as far as `MOST_BYTES` go.
pub fn kept(told: Vec<Notice>) -> Vec<Notice> {
    let mut of_kinds: HashMap<String, usize> = HashMap::new();
    let mut in_turn: Vec<((usize, usize), Notice)> = Vec::with_capacity(told.len());
    for notice in told {
        let before = of_kinds.entry(notice.code.clone()).or_default();
        in_turn.push(((*before, rank(&notice.code)), notice));
        *before += 1;
    }
    in_turn.sort_by_key(|(turn, _)| *turn);
    let mut bytes = 0;
    let fits = |(_, notice): (_, Notice)| {
        bytes += notice.bytes();
        (bytes <= MOST_BYTES).then_some(notice)
    };
    in_turn.into_iter().map_while(fits).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(code: &str, column: usize) -> Notice {
        let (code, message, column) = (code.to_owned(), "m".repeat(200), Some(format!("c{column}")));
        Notice { code, message, epoch: None, layer: None, column }
    }

    #[test]
    fn of_very_many_columns_a_version_keeps_some_and_of_each_kind_the_first() {
        let few = vec![notice("rare_words", 0), notice("target_leakage", 1)];
        let codes = |told: Vec<Notice>| told.into_iter().map(|notice| notice.code).collect::<Vec<_>>();
        assert_eq!(kept(few.clone()).len(), 2);
        let many: Vec<Notice> = (0..5000).map(|column| notice("rare_words", column)).chain(few).collect();
        let kept = kept(many);
        assert!(kept.iter().map(Notice::bytes).sum::<usize>() <= MOST_BYTES && kept.len() > 100, "{}", kept.len());
        assert_eq!(codes(kept)[..3], ["rare_words", "target_leakage", "rare_words"]);
    }
}
