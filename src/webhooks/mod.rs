//! Telling others of the ends of jobs: what the [`Outbox`](crate::jobs::Outbox) has noted is made into documents, signed
//! by the Standard Webhooks specification, sent to the URL of `--webhook`, and tried again until it is taken.
//!
//! A delivery is written in the change that ends its job and removed once it is taken: so each end is told at least once,
//! over restarts too, and one that is told twice has the same `webhook-id`. The sender is a task of its own: neither a job nor
//! a request ever waits for whoever is told.

mod backoff;
mod documents;
mod request;
mod sender;
mod signature;

pub use documents::{Document, settle};
pub use sender::Sender;
