//! A data file that is read while it arrives.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use crate::data::ingest::Growing;

/// How long a reader waits for the next piece. A file that comes more slowly than that is read once it is whole: that
/// costs it little, and others need not wait for its reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// The file, for its reader. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Arriving {
    file: Arc<File>,
    growth: Arc<Growth>,
}

/// The file, for whoever writes it: it has ended once this is dropped.
pub struct ArrivingEnd {
    file: Arc<File>,
    growth: Arc<Growth>,
}

/// How far the file has grown, for those who wait for more of it.
#[derive(Default)]
struct Growth {
    extent: Mutex<Extent>,
    /// Told of every change of `extent`.
    changed: Condvar,
    /// Whether a reader has waited too long.
    given_up: AtomicBool,
}

#[derive(Clone, Copy, Default)]
struct Extent {
    bytes: u64,
    has_ended: bool,
}

impl Arriving {
    /// A reader's and a writer's handle of an empty file.
    pub fn new(file: File) -> (Self, ArrivingEnd) {
        let (file, growth) = (Arc::new(file), Arc::<Growth>::default());
        (Arriving { file: file.clone(), growth: growth.clone() }, ArrivingEnd { file, growth })
    }

    /// The file itself, to be read from its start.
    ///
    /// # Errors
    /// The system's.
    pub fn into_file(self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// Whether a reader waited too long.
    pub fn was_given_up(&self) -> bool {
        self.growth.given_up.load(Ordering::Relaxed)
    }
}

impl Growth {
    fn extent(&self) -> MutexGuard<'_, Extent> {
        self.extent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there are so many bytes, or the file has ended; returns how many of them there are.
    fn wait_for(&self, bytes: u64) -> io::Result<u64> {
        let lacks = |extent: &mut Extent| extent.bytes < bytes && !extent.has_ended;
        let waited = self.changed.wait_timeout_while(self.extent(), PATIENCE, lacks);
        let (mut extent, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if lacks(&mut extent) {
            self.given_up.store(true, Ordering::Relaxed);
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(extent.bytes.min(bytes))
    }
}

impl Growing for Arriving {
    fn wait_for(&self, bytes: u64) -> io::Result<u64> {
        self.growth.wait_for(bytes)
    }
}

impl Length for Arriving {
    fn len(&self) -> u64 {
        self.growth.extent().bytes
    }
}

impl ChunkReader for Arriving {
    type T = BufReader<Onward>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(BufReader::new(Onward { source: self.clone(), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// Reads the file from a position on.
pub struct Onward {
    source: Arriving,
    position: u64,
}

impl Read for Onward {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.source.wait_for(self.position + 1)? <= self.position {
            return Ok(0);
        }
        let length = self.source.file.read_at(buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

impl Write for ArrivingEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = (&*self.file).write(bytes)?;
        self.growth.extent().bytes += length as u64;
        self.growth.changed.notify_all();
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.file).flush()
    }
}

impl Drop for ArrivingEnd {
    fn drop(&mut self) {
        self.growth.extent().has_ended = true;
        self.growth.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn new() -> (Arriving, ArrivingEnd) {
        Arriving::new(tempfile::tempfile().expect("a file"))
    }

    #[test]
    fn a_reader_waits_for_what_is_not_there_yet() {
        let (file, mut end) = new();
        thread::scope(|scope| {
            let reader = scope.spawn(|| (file.wait_for(6), file.get_bytes(0, 6), file.wait_for(100)));
            for piece in [b"abcd", b"efgh"] {
                thread::sleep(Duration::from_millis(20));
                end.write_all(piece).expect("room on the disk");
            }
            drop(end);
            let (some, bytes, all) = reader.join().expect("no panic");
            assert_eq!((some.expect("in time"), bytes.expect("bytes"), all.expect("in time")), (6, "abcdef".into(), 8));
        });
        let mut read = String::new();
        file.get_read(2).expect("a reader").read_to_string(&mut read).expect("whole");
        assert_eq!((read.as_str(), file.was_given_up()), ("cdefgh", false));
    }

    #[test]
    fn a_reader_does_not_wait_for_ever() {
        let (file, mut end) = new();
        end.write_all(b"abcd").expect("room on the disk");
        assert_eq!(file.wait_for(4).expect("they are there"), 4);
        assert_eq!(file.wait_for(5).expect_err("nothing comes").kind(), io::ErrorKind::TimedOut);
        assert!(file.was_given_up());
    }
}
