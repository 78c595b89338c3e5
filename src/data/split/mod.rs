//! Which rows are held out for validation, and how that is told again of rows that come later.
//!
//! | by | held out | share |
//! |---|---|---|
//! | [`by_content`] | rows whose hash lies below the share of all hashes | kept within a tenth of what was asked, class by class |
//! | [`by_group`] | whole groups, by the hash of their key | as near as whole groups allow |
//! | [`latest`] | the latest rows; those of one time stay together | as near as times allow |
//! | [`last`] | the last rows | exact |
//! | [`folds_by_content`], [`folds_by_group`] | each row, or group, once: by one network of several | about alike |

mod bound;
pub mod content;
mod folds;
mod groups;
mod held_out;
mod lot;
mod rows;
mod rule;
mod time;

pub use bound::{ByContent, by_content};
pub use folds::{Folds, GroupFolds, folds_by_content, folds_by_group};
pub use groups::{ByGroup, by_group};
pub use held_out::HeldOut;
pub use lot::by_lot;
pub use rows::{Split, last};
pub use rule::{MAX_SPARED, Rule, group_keys};
pub use time::{Latest, Order, latest, order};
