//! How many processors this process may use.

use std::num::NonZero;
use std::thread;

/// The processors that the system gives this process; 1 where it does not say.
pub fn available() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
