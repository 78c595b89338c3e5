//! What a training reads of its data sets.

use std::sync::Arc;

use crate::data::column::{Column, Table};
use crate::data::profile::TableProfile;

/// What a training reads of its data sets.
pub(super) struct TrainingTables {
    /// The features' columns, then the target's.
    pub(super) table: Table,
    /// Columns that the choice of rows goes by, beside those.
    pub(super) beside: Table,
    /// The names of the columns that are a row's content.
    pub(super) content: Vec<String>,
    /// Whether the training begins, and does not go on.
    pub(super) is_new: bool,
    pub(super) profile: Arc<TableProfile>,
    pub(super) validation: Option<Table>,
    /// How much each row of the table counts, and of those to validate on, if rows do not count alike.
    pub(super) weights: Option<Column>,
    pub(super) validation_weights: Option<Column>,
}
