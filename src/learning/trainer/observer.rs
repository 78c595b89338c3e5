//! Who watches a training, and what it may ask of it.

use crate::learning::diagnosis::Warning;
use crate::learning::report::EpochReport;
use crate::learning::snapshot::Snapshot;

/// Whether training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop; epochs that are complete count.
    Stop,
    /// Hand snapshots to [`Observer::save`], then do what it answers. Anywhere but before a batch: go on.
    Save,
}

/// Who watches a training. Where several networks learn, their threads ask one after the other.
pub trait Observer: Send {
    /// A batch of `rows` rows is about to start; after a snapshot it is asked about once more.
    fn batch(&mut self, rows: usize) -> Control;
    /// The snapshots that were asked for, one of each network, before the batches that are about to start.
    fn save(&mut self, _: Vec<Snapshot<'_>>) -> Control {
        Control::Continue
    }
    /// Whether the training is to stop at once, in the midst of a batch or of the validation rows: the batch is then as if it
    /// had not begun, and [`Observer::batch`] is asked once more what to do. Asked every some milliseconds of work.
    fn is_urgent(&self) -> bool {
        false
    }
    /// What each of several networks has reached in an epoch that is complete; [`Observer::epoch`] comes next.
    fn members(&mut self, _: &[EpochReport]) {}
    /// An epoch is complete.
    fn epoch(&mut self, report: &EpochReport) -> Control;
    /// Something about the run that its owner should know.
    fn warning(&mut self, warning: Warning);
}
