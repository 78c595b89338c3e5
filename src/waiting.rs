//! Whether somebody still waits for work on a blocking thread, which nothing else ends.

use std::sync::{Arc, Weak};

/// Held by who waits: dropped when the client leaves or the service stops.
#[derive(Default)]
pub struct Waiting(Arc<()>);

/// What the work sees of it.
pub struct WaitedFor(Weak<()>);

impl Waiting {
    /// For the work.
    pub fn seen(&self) -> WaitedFor {
        WaitedFor(Arc::downgrade(&self.0))
    }
}

impl WaitedFor {
    /// Whether somebody waits.
    pub fn holds(&self) -> bool {
        self.0.strong_count() > 0
    }
}
