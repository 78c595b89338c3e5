//! What the threads of a team share and wait by. `tests/loom` puts the same of loom in its place, and so tries all orders of
//! the steps of a round.

pub(super) use std::hint::spin_loop;
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
pub(super) use std::sync::{Arc, Mutex};
pub(super) use std::thread::{Builder, JoinHandle, park};

use std::time::Duration;

/// How often a helper without work looks for some before it goes to sleep: for about 50 µs, longer than the pause between
/// two batches.
pub(super) const SPINS: u32 = 4_000;
/// How often the training thread looks whether the helpers are done before it sleeps between two looks: for about 2 ms,
/// longer than a part of a batch takes unless that is very large, and shorter than a time slice of the system.
pub(super) const WAIT_SPINS: u32 = 40_000;
const WAIT: Duration = Duration::from_micros(50);

/// Sleeps between two looks.
pub(super) fn wait() {
    std::thread::sleep(WAIT);
}

/// A value that several threads reach, of which those that read and the one that writes keep out of each other's way.
#[derive(Default)]
pub(super) struct Cell<T>(std::cell::UnsafeCell<T>);

impl<T> Cell<T> {
    /// Reads the value.
    ///
    /// # Safety
    /// Nobody writes meanwhile.
    pub(super) unsafe fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        // SAFETY: as above.
        read(unsafe { &*self.0.get() })
    }

    /// Writes the value.
    ///
    /// # Safety
    /// Nobody reads or writes meanwhile.
    pub(super) unsafe fn write(&self, value: T) {
        // SAFETY: as above.
        unsafe { *self.0.get() = value }
    }
}
