//! Cancellation of work on a blocking thread, which goes on until it looks whether somebody still waits for it.

use std::sync::{Arc, Weak};

/// Held by the one who waits for the work, and dropped when the client leaves or the service stops.
#[derive(Default)]
pub struct Waiting(Arc<()>);

/// What the work looks at.
#[derive(Clone)]
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
