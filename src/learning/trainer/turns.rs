//! The observer of networks that learn side by side: all of them ask it, and one that is told to halt makes all halt.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::observer::{Control, Observer};

/// An observer that several threads ask.
pub(super) struct Turns<'a> {
    observer: Mutex<&'a mut dyn Observer>,
    /// What was asked for: 0 nothing, 1 a snapshot, 2 a stop.
    halt: AtomicU8,
}

impl<'a> Turns<'a> {
    pub(super) fn new(observer: &'a mut dyn Observer) -> Self {
        Turns { observer: Mutex::new(observer), halt: AtomicU8::new(0) }
    }

    /// Whether a batch of `rows` rows may begin: `Continue`, or what made all halt.
    pub(super) fn batch(&self, rows: usize) -> Control {
        match self.halt() {
            Control::Continue => {}
            halt => return halt,
        }
        let control = self.lock().batch(rows);
        let halt = match control {
            Control::Continue => 0,
            Control::Save => 1,
            Control::Stop => 2,
        };
        self.halt.fetch_max(halt, Ordering::Relaxed);
        control
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.lock().is_urgent()
    }

    fn halt(&self) -> Control {
        match self.halt.load(Ordering::Relaxed) {
            0 => Control::Continue,
            1 => Control::Save,
            _ => Control::Stop,
        }
    }

    /// What made all halt, once they have; from here on they may go on.
    pub(super) fn halted(&self) -> Control {
        let halt = self.halt();
        self.halt.store(0, Ordering::Relaxed);
        halt
    }

    /// The observer itself. What panics under this lock ends the training.
    pub(super) fn lock(&self) -> MutexGuard<'_, &'a mut dyn Observer> {
        self.observer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
