//! A data file that is read while it arrives. A short one stays in memory and never touches the disk.

use std::io::{self, BufReader, Read, Write};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};
use tokio::sync::Notify;

use crate::data::ingest::Growing;
use crate::storage::{ScratchFile, ScratchSpace};
use crate::waiting::WaitedFor;

/// A file of so many bytes stays in memory.
pub const IN_MEMORY: usize = 1 << 20;
/// How long a reader waits for the next piece. A file that comes more slowly than that is read once it is whole: that
/// costs it little, and others need not wait for its reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asked whether a file may have so many bytes in memory; where not, it goes to the disk. Dropped when it is there.
pub type MayKeep = Box<dyn FnMut(u64) -> bool + Send>;

/// The file, for its reader. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Arriving {
    growth: Arc<Growth>,
    /// Whether somebody waits for its reader, where that is known.
    waited_for: Option<WaitedFor>,
}

/// The file, for whoever writes it: it has ended once this is dropped.
pub struct ArrivingEnd {
    growth: Arc<Growth>,
    space: ScratchSpace,
}

/// How far the file has grown, for those who wait for more of it.
struct Growth {
    extent: Mutex<Extent>,
    /// Told of every change of `extent`.
    changed: Condvar,
    /// Told when the file leaves memory, and when it ends.
    settled: Notify,
    /// Whether a reader has waited too long.
    given_up: AtomicBool,
}

struct Extent {
    content: Content,
    bytes: u64,
    has_ended: bool,
}

/// Where the bytes are.
enum Content {
    Memory { bytes: Vec<u8>, may_keep: MayKeep },
    Disk(Arc<ScratchFile>),
}

impl Arriving {
    /// A reader's and a writer's handle of an empty file. It goes to `space` when it is long.
    pub fn new(space: ScratchSpace, may_keep: MayKeep) -> (Self, ArrivingEnd) {
        let content = Content::Memory { bytes: Vec::new(), may_keep };
        let growth = Arc::new(Growth {
            extent: Mutex::new(Extent { content, bytes: 0, has_ended: false }),
            changed: Condvar::new(),
            settled: Notify::new(),
            given_up: AtomicBool::new(false),
        });
        (Arriving { growth: growth.clone(), waited_for: None }, ArrivingEnd { growth, space })
    }

    /// The same file for a reader that is waited for as long as `waited_for` holds.
    pub fn while_waited_for(&self, waited_for: WaitedFor) -> Self {
        Arriving { growth: self.growth.clone(), waited_for: Some(waited_for) }
    }

    /// Whether the file is long, once that is known: it has left memory, or ended.
    pub async fn is_long(&self) -> bool {
        loop {
            let settled = self.growth.settled.notified();
            {
                let extent = self.growth.extent();
                let is_long = matches!(extent.content, Content::Disk(_));
                if is_long || extent.has_ended {
                    return is_long;
                }
            }
            settled.await;
        }
    }

    /// Whether a reader waited too long.
    pub fn was_given_up(&self) -> bool {
        self.growth.given_up.load(Ordering::Relaxed)
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> u64 {
        self.growth.extent().bytes
    }

    /// Reads from the start on.
    pub fn reader(&self) -> Onward {
        Onward { source: self.clone(), position: 0 }
    }

    /// Reads what there is from `start` on into `buffer`; returns its length.
    fn read_at(&self, buffer: &mut [u8], start: u64) -> io::Result<usize> {
        let file = match &self.growth.extent().content {
            Content::Disk(file) => file.clone(),
            Content::Memory { bytes, .. } => {
                let rest = bytes.get(start as usize..).unwrap_or_default();
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                return Ok(length);
            }
        };
        file.read_at(buffer, start)
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

    fn is_wanted(&self) -> bool {
        self.waited_for.as_ref().is_none_or(WaitedFor::holds)
    }
}

impl Length for Arriving {
    fn len(&self) -> u64 {
        self.bytes()
    }
}

impl ChunkReader for Arriving {
    type T = BufReader<Onward>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(BufReader::new(Onward { source: self.clone(), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let mut bytes = vec![0; length];
        let mut read = 0;
        while read < length {
            match self.read_at(&mut bytes[read..], start + read as u64)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                more => read += more,
            }
        }
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
        let length = self.source.read_at(buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

impl ArrivingEnd {
    /// Keeps `more` in memory, where it may be; false where it has to go to the disk.
    fn keep(&self, more: &[u8]) -> bool {
        let mut extent = self.growth.extent();
        let Content::Memory { bytes, may_keep } = &mut extent.content else { return false };
        let length = bytes.len() + more.len();
        let fits = length <= IN_MEMORY && (length <= bytes.capacity() || may_keep(2 * length as u64));
        if fits {
            bytes.extend_from_slice(more);
            extent.bytes = length as u64;
        }
        fits
    }

    /// The file on the disk, with what was in memory.
    fn on_disk(&self) -> io::Result<Arc<ScratchFile>> {
        if let Content::Disk(file) = &self.growth.extent().content {
            return Ok(file.clone());
        }
        let mut file = self.space.file()?;
        let mut extent = self.growth.extent();
        if let Content::Memory { bytes, .. } = &mut extent.content {
            file.write_all(bytes)?;
        }
        let file = Arc::new(file);
        let _ = mem::replace(&mut extent.content, Content::Disk(file.clone()));
        drop(extent);
        self.growth.settled.notify_waiters();
        Ok(file)
    }
}

impl Write for ArrivingEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = if self.keep(bytes) {
            bytes.len()
        } else {
            let length = self.on_disk()?.append(bytes)?;
            self.growth.extent().bytes += length as u64;
            length
        };
        self.growth.changed.notify_all();
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ArrivingEnd {
    fn drop(&mut self) {
        self.growth.extent().has_ended = true;
        self.growth.changed.notify_all();
        self.growth.settled.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::thread;

    use super::*;

    fn new(folder: &Path, in_memory: bool) -> (Arriving, ArrivingEnd) {
        Arriving::new(ScratchSpace::new(folder, None), Box::new(move |_| in_memory))
    }

    #[test]
    fn a_reader_waits_for_what_is_not_there_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        for in_memory in [true, false] {
            let (file, mut end) = new(folder.path(), in_memory);
            thread::scope(|scope| {
                let reader = scope.spawn(|| (file.wait_for(6), file.get_bytes(0, 6), file.wait_for(100)));
                for piece in [b"abcd", b"efgh"] {
                    thread::sleep(Duration::from_millis(20));
                    end.write_all(piece).expect("room on the disk");
                }
                drop(end);
                let (some, bytes, all) = reader.join().expect("no panic");
                let found = (some.expect("in time"), bytes.expect("bytes"), all.expect("in time"));
                assert_eq!(found, (6, "abcdef".into(), 8));
            });
            let mut read = String::new();
            file.get_read(2).expect("a reader").read_to_string(&mut read).expect("whole");
            assert_eq!((read.as_str(), file.was_given_up()), ("cdefgh", false));
            assert!(file.get_bytes(4, 5).is_err(), "there is less");
        }
    }

    #[test]
    fn a_reader_does_not_wait_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, mut end) = new(folder.path(), true);
        end.write_all(b"abcd").expect("it stays in memory");
        assert_eq!(file.wait_for(4).expect("they are there"), 4);
        assert_eq!(file.wait_for(5).expect_err("nothing comes").kind(), io::ErrorKind::TimedOut);
        assert!(file.was_given_up());
    }

    #[test]
    fn a_short_file_needs_no_disk_and_a_long_one_goes_there_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, mut end) = new(&folder.path().join("missing"), true);
        let short: Vec<u8> = (0..IN_MEMORY).map(|i| i as u8).collect();
        end.write_all(&short).expect("it stays in memory");
        assert!(end.write_all(b"more").is_err(), "there is no such folder");
        assert_eq!(file.get_bytes(0, IN_MEMORY).expect("still there"), short);

        let space = ScratchSpace::new(folder.path(), None);
        let (file, mut end) = Arriving::new(space.clone(), Box::new(|_| true));
        end.write_all(&short).expect("it stays in memory");
        assert_eq!(space.used(), 0);
        end.write_all(&short).expect("room on the disk");
        drop(end);
        assert!(space.used() >= 2 * IN_MEMORY as u64);
        assert_eq!(file.get_bytes(0, 2 * IN_MEMORY).expect("whole"), [short.clone(), short].concat());
        drop(file);
        assert_eq!(space.used(), 0);
    }
}
