//! The rows that the training of a version held out, as the version keeps it for the trainings that come later: they compare
//! theirs on rows that neither was trained on.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rule::Rule;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldOut {
    /// Those that a rule tells; of rows of plain numbers it names no columns, and classes by their index.
    By(Rule),
    /// This data set; of the other one every row was trained on.
    Dataset(Uuid),
}

impl HeldOut {
    /// The seed of the hash of a row of plain numbers, and the bound below which it is held out if `label` is its class.
    pub fn of_plain(&self, label: Option<u32>) -> Option<(u64, u64)> {
        match self {
            HeldOut::By(Rule::Random { seed, columns, below, classes, .. }) if columns.is_empty() => {
                let bound = label.and_then(|label| classes.get(&label.to_string()));
                Some((*seed, *bound.unwrap_or(below)))
            }
            _ => None,
        }
    }

    /// The columns that tell of a row whether it was held out.
    pub fn columns(&self) -> &[String] {
        match self {
            HeldOut::By(rule) => rule.columns(),
            HeldOut::Dataset(_) => &[],
        }
    }

    /// Memory that it takes, about.
    pub fn bytes(&self) -> usize {
        let others = match self {
            HeldOut::By(Rule::Random { classes, .. }) => classes.keys().map(|class| class.len() + 48).sum(),
            HeldOut::By(Rule::Folds { classes, bounds, .. }) => {
                classes.keys().map(|class| class.len() + 72 + size_of_val(bounds.as_slice())).sum()
            }
            HeldOut::By(Rule::Group { spared, .. } | Rule::GroupFolds { spared, .. }) => size_of_val(spared.as_slice()),
            _ => 0,
        };
        others + self.columns().iter().map(|name| name.len() + 24).sum::<usize>()
    }
}

impl Rule {
    /// The columns that it goes by.
    pub fn columns(&self) -> &[String] {
        match self {
            Rule::Random { columns, .. } | Rule::Folds { columns, .. } => columns,
            Rule::Group { column, .. } | Rule::GroupFolds { column, .. } | Rule::Time { column, .. } => {
                std::slice::from_ref(column)
            }
            Rule::Order { .. } => &[],
        }
    }
}
