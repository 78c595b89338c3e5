//! What the threads of a team share and wait by, as loom has it.

pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use loom::sync::{Arc, Mutex};
pub(crate) use loom::thread::{Builder, JoinHandle, park, yield_now as wait};

/// A helper goes to sleep at once: to look again changes nothing that is not tried anyway.
pub(crate) const SPINS: u32 = 0;
pub(crate) const WAIT_SPINS: u32 = 0;

/// A value that several threads reach; loom sees who does not keep out of another's way.
#[derive(Default)]
pub(crate) struct Cell<T>(loom::cell::UnsafeCell<T>);

impl<T> Cell<T> {
    pub(crate) unsafe fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        self.0.with(|value| read(unsafe { &*value }))
    }

    pub(crate) unsafe fn write(&self, value: T) {
        self.0.with_mut(|place| unsafe { *place = value });
    }
}
