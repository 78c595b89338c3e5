//! How many streams of a connection are open, which tells whether it is idle.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::watched::{Phase, Watched};

/// The open streams of one connection.
pub struct OpenStreams {
    /// Held while the phase of the connection changes with it: else a stream that ends could call a connection idle on which
    /// another has just begun.
    open: Mutex<usize>,
    connection: Arc<Watched>,
}

impl OpenStreams {
    /// None yet, of the connection that is watched so.
    pub fn of(connection: Arc<Watched>) -> Self {
        OpenStreams { open: Mutex::new(0), connection }
    }

    /// A stream begins; whether it is the only one.
    pub fn begins(&self) -> bool {
        let mut open = self.open();
        *open += 1;
        if *open == 1 {
            self.connection.answering();
        }
        self.connection.carries(*open);
        *open == 1
    }

    /// A stream ends; after the last one the connection is idle.
    pub fn ends(&self) {
        let mut open = self.open();
        *open -= 1;
        if *open == 0 {
            self.connection.begin(Phase::Idle);
        }
        self.connection.carries(*open);
    }

    fn open(&self) -> MutexGuard<'_, usize> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_connection_with_an_open_stream_is_never_idle() {
        let watched = Watched::new(Duration::from_secs(1), 1);
        let streams = OpenStreams::of(watched.clone());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100_000 {
                        streams.begins();
                        assert_eq!(watched.phase(), Phase::Answering);
                        streams.ends();
                    }
                });
            }
        });
        assert_eq!(watched.phase(), Phase::Idle);
    }
}
