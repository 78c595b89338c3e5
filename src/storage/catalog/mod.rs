//! The catalog: rows about data sets, models, versions, jobs and requests, in SQLite or PostgreSQL.
//!
//! Every change is made in a [`Write`] transaction: whole or not at all, and on the disk when [`Write::commit`]
//! returns. The statements are the same text for both databases. Rows hold plain values; what they mean is the
//! business of the rooms above.

mod aliases;
mod columns;
mod database;
mod datasets;
mod deadline;
mod deliveries;
mod fence;
mod hold;
mod housekeeping;
mod jobs;
mod keys;
mod lengths;
mod listing;
mod models;
mod outcomes;
mod proofs;
mod quota;
mod tidiness;
mod walk;

pub use aliases::AliasRow;
pub use database::{Catalog, Database, Write};
pub use datasets::DatasetRow;
pub use deliveries::DeliveryRow;
pub use hold::{DatabaseHold, DatabaseLock};
pub use housekeeping::ReceiptRow;
pub use jobs::{JobRow, JobRowFilter, OutcomeRow};
pub use keys::KeyRow;
pub use listing::shown;
pub use models::{ModelRow, VersionRow};
pub use outcomes::{DriftRow, FeedbackRow, OfModel};
pub use quota::Stored;
pub use walk::Table;
