//! When the epochs of a training are over.

use std::time::Instant;

use epochd::learning::diagnosis::Warning;
use epochd::learning::report::EpochReport;
use epochd::learning::trainer::{Control, Observer};

/// Notes when each epoch is over.
pub struct Clock(pub Vec<Instant>);

impl Observer for Clock {
    fn batch(&mut self, _: usize) -> Control {
        Control::Continue
    }

    fn epoch(&mut self, _: &EpochReport) -> Control {
        self.0.push(Instant::now());
        Control::Continue
    }

    fn warning(&mut self, _: Warning) {}
}
