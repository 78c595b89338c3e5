//! Which rows a training held out, told of any row by what stands in it: kept with its version for the trainings that come
//! later, which compare theirs on rows that neither was trained on.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::content::{plain_hash, row_hashes};
use crate::data::column::Table;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum HeldOut {
    /// Rows whose hash under `seed` lies within the share.
    Content {
        /// Of the training.
        seed: u64,
        /// Of the rows that were held out.
        share: f64,
        /// The columns that count; none of rows of plain numbers.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        columns: Vec<String>,
        /// Hashes of rows that were trained on all the same, so that each class has one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        except: Vec<u64>,
    },
    /// No row of those that were trained on, but all of this data set.
    Dataset {
        /// Which.
        id: Uuid,
    },
}

impl HeldOut {
    /// Which of the rows named of a table were held out, or would have been had they been there. All of its columns count that
    /// counted then.
    pub fn among(&self, table: &Table, rows: &[usize]) -> Vec<bool> {
        let HeldOut::Content { seed, columns, .. } = self else { return vec![false; rows.len()] };
        let counting: HashSet<&str> = columns.iter().map(String::as_str).collect();
        let counted = table.columns.iter().filter(|column| counting.contains(column.name.as_str()));
        row_hashes(counted, rows, *seed).into_iter().map(|hash| self.has(hash)).collect()
    }

    /// Whether a row of plain numbers was held out, or would have been.
    pub fn has_plain(&self, numbers: impl Iterator<Item = f32>) -> bool {
        matches!(self, HeldOut::Content { seed, .. } if self.has(plain_hash(numbers, *seed)))
    }

    fn has(&self, hash: u64) -> bool {
        match self {
            HeldOut::Content { share, except, .. } => is_within(hash, *share) && !except.contains(&hash),
            HeldOut::Dataset { .. } => false,
        }
    }

    /// The columns that tell of a row whether it was held out.
    pub fn columns(&self) -> &[String] {
        match self {
            HeldOut::Content { columns, .. } => columns,
            HeldOut::Dataset { .. } => &[],
        }
    }

    /// Memory that it takes, about.
    pub fn bytes(&self) -> usize {
        let HeldOut::Content { columns, except, .. } = self else { return 0 };
        columns.iter().map(|name| name.len() + 24).sum::<usize>() + size_of_val(except.as_slice())
    }
}

/// Whether a hash lies within a share of all hashes.
pub fn is_within(hash: u64, share: f64) -> bool {
    (hash as f64) < share * 2_f64.powi(64)
}
