//! Work that several threads share.

use std::thread;

use crate::processors;

/// Most threads: beyond about eight, reading is bound by memory, and each thread holds pieces of its own.
const MOST: usize = 8;

/// How many threads are of use on this machine.
pub(crate) fn workers() -> usize {
    processors::available().min(MOST)
}

/// Runs `work` on `workers` threads at once. This thread is one of them and runs `here` in its place: the same work, with
/// what only this thread may use.
///
/// # Panics
/// If `work` panics.
pub(crate) fn in_parallel<T: Send>(workers: usize, work: impl Fn() -> T + Sync, here: impl FnOnce() -> T) -> Vec<T> {
    thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(&work)).collect();
        let mut results = vec![here()];
        results.extend(others.into_iter().map(|other| other.join().expect("work does not panic")));
        results
    })
}
