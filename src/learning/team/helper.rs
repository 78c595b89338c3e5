//! A thread that helps with the rounds of its team, and sleeps where there are none.

use super::round::Round;
use super::sync::{Arc, AtomicBool, Builder, JoinHandle, Ordering};

/// A thread that helps.
pub(super) struct Helper {
    thread: JoinHandle<()>,
    asleep: Arc<AtomicBool>,
}

impl Helper {
    /// Starts helper `number` of the team whose rounds these are; `None` where the system gives no more threads.
    pub(super) fn start(round: Arc<Round>, number: usize) -> Option<Self> {
        let asleep = Arc::new(AtomicBool::new(false));
        let flag = asleep.clone();
        // It has the priority of the thread that trains.
        let thread = Builder::new().name("training".into()).spawn(move || round.help(number, &flag));
        Some(Helper { thread: thread.ok()?, asleep })
    }

    /// Wakes it if it sleeps: a round has begun. One that is woken twice looks for work once more.
    pub(super) fn wake(&self) {
        if self.asleep.load(Ordering::Acquire) {
            self.thread.thread().unpark();
        }
    }

    /// Waits for its end, after the rounds are over.
    pub(super) fn end(self) {
        self.thread.thread().unpark();
        // Its panics were handed on when they happened.
        let _ = self.thread.join();
    }
}
