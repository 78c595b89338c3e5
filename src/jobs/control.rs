//! What others ask of a job that runs: to stop, or to write a checkpoint. The thread that trains looks at it before every
//! batch, so both are single atomics.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Instant;

/// A request to a running job to stop, and what becomes of its epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Drop the epochs done.
    Drop = 1,
    /// Publish the epochs done as a version.
    Keep = 2,
    /// The service stops: the job goes on when it is started again.
    Interrupt = 3,
}

/// What a job is asked for.
#[derive(Debug, Default)]
pub struct JobControl {
    /// A [`Stop`], or 0.
    stop: AtomicU8,
    checkpoint_due: AtomicBool,
    /// There are epochs of an earlier process, or there may be: a version is to be made of them if they are to be kept.
    goes_on: AtomicBool,
    /// This process has written down that the job starts.
    start_noted: AtomicBool,
    /// Until when a service that stops waits for the job.
    deadline: OnceLock<Instant>,
}

impl JobControl {
    /// Asks a running job to stop. The first request counts, but that of a stopping service outweighs any other.
    pub(super) fn ask_to_stop(&self, stop: Stop) {
        if stop == Stop::Interrupt {
            self.stop.store(stop as u8, Ordering::Relaxed);
        } else {
            // Fails where a request came before, which then counts.
            let _ = self.stop.compare_exchange(0, stop as u8, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Interrupts the job because the service stops, which waits for it until `deadline`.
    pub(super) fn interrupt(&self, deadline: Option<Instant>) {
        if let Some(deadline) = deadline {
            self.deadline.get_or_init(|| deadline);
        }
        self.ask_to_stop(Stop::Interrupt);
    }

    /// Whether the service has stopped to wait for the job.
    pub(super) fn is_given_up(&self) -> bool {
        self.stop() == Some(Stop::Interrupt) && self.deadline.get().is_some_and(|deadline| Instant::now() >= *deadline)
    }

    /// The request to stop, if there is one.
    pub(super) fn stop(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Relaxed) {
            1 => Some(Stop::Drop),
            2 => Some(Stop::Keep),
            3 => Some(Stop::Interrupt),
            _ => None,
        }
    }

    /// Whether what the job does is in vain, so that it leaves it at once: unlike one that is stopped and kept, whose version
    /// is still to be measured.
    pub(super) fn is_urgent(&self) -> bool {
        matches!(self.stop(), Some(Stop::Drop | Stop::Interrupt))
    }

    /// Whether what is made before the first epoch is in vain: unlike that of a job that is stopped and kept, where an earlier
    /// process has done epochs, whose version needs it.
    pub(super) fn is_in_vain(&self) -> bool {
        self.is_urgent() || self.stop() == Some(Stop::Keep) && !self.goes_on()
    }

    /// Whether an earlier process has done epochs of the job, as far as is known.
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on.load(Ordering::Relaxed)
    }

    /// Notes that.
    pub(super) fn set_goes_on(&self, goes_on: bool) {
        self.goes_on.store(goes_on, Ordering::Relaxed);
    }

    /// Whether this process has written down that the job starts: it counts as one start, however often what it needs is read.
    pub(super) fn start_is_noted(&self) -> bool {
        self.start_noted.load(Ordering::Relaxed)
    }

    /// Notes that.
    pub(super) fn set_start_noted(&self) {
        self.start_noted.store(true, Ordering::Relaxed);
    }

    /// Asks for a checkpoint.
    pub(super) fn ask_for_checkpoint(&self) {
        self.checkpoint_due.store(true, Ordering::Relaxed);
    }

    /// Whether a checkpoint is asked for; takes the request away.
    pub(super) fn take_checkpoint_request(&self) -> bool {
        // Read before it is written: the read alone keeps the cache line shared.
        self.checkpoint_due.load(Ordering::Relaxed) && self.checkpoint_due.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_to_stop_counts_and_a_stopping_service_outweighs_it() {
        let control = JobControl::default();
        assert_eq!(control.stop(), None);
        control.ask_to_stop(Stop::Keep);
        control.ask_to_stop(Stop::Drop);
        assert_eq!(control.stop(), Some(Stop::Keep));
        control.ask_to_stop(Stop::Interrupt);
        control.ask_to_stop(Stop::Drop);
        assert_eq!(control.stop(), Some(Stop::Interrupt));
    }

    #[test]
    fn a_job_is_given_up_when_the_time_is_over_that_the_service_waits() {
        let control = JobControl::default();
        control.ask_to_stop(Stop::Keep);
        assert!(!control.is_urgent() && !control.is_given_up());
        control.interrupt(Some(Instant::now()));
        assert!(control.is_urgent() && control.is_given_up());
        let patient = JobControl::default();
        patient.interrupt(None);
        assert!(patient.is_urgent() && !patient.is_given_up());
    }

    #[test]
    fn what_a_kept_job_goes_on_from_is_not_in_vain() {
        let control = JobControl::default();
        assert!(!control.is_in_vain());
        control.ask_to_stop(Stop::Keep);
        assert!(control.is_in_vain(), "there is nothing to keep");
        control.set_goes_on(true);
        assert!(!control.is_in_vain());
        control.interrupt(None);
        assert!(control.is_in_vain(), "the service stops");
    }

    #[test]
    fn a_request_for_a_checkpoint_is_taken_once() {
        let control = JobControl::default();
        control.ask_for_checkpoint();
        assert_eq!([control.take_checkpoint_request(), control.take_checkpoint_request()], [true, false]);
    }
}
