//! Scratch files: what is too large for memory while one request lasts. Together they take no more than a bound of the disk,
//! however many requests there are and however much their bodies unpack to; and a client leaves something to the others.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::ScratchTaken;
use crate::memory::{Client, TIMES_FREE};

/// Bytes that a file takes of the space at once.
const STEP: u64 = 1 << 20;

/// The space of all scratch files, for one client or for the service itself. Cheap to clone: a handle.
#[derive(Clone)]
pub struct ScratchSpace {
    space: Arc<Space>,
    client: Option<Client>,
}

struct Space {
    folder: PathBuf,
    /// Bytes; `None` is half of what the disk has free.
    limit: Option<u64>,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    /// Bytes.
    all: u64,
    /// Those of each client that has any.
    by_client: HashMap<Client, u64>,
}

/// A file without a name, gone when it is closed. One writes to it at a time; others may read meanwhile.
pub struct ScratchFile {
    file: File,
    written: AtomicU64,
    /// Bytes of the space that are its own.
    taken: AtomicU64,
    space: ScratchSpace,
}

impl ScratchSpace {
    /// The scratch files in `folder`, of at most `limit` bytes together: by default half of what the disk has free.
    pub fn new(folder: &Path, limit: Option<u64>) -> Self {
        let space = Space { folder: folder.to_owned(), limit, used: Mutex::default() };
        ScratchSpace { space: Arc::new(space), client: None }
    }

    /// The same for files of `client`.
    pub fn of(&self, client: Option<Client>) -> Self {
        ScratchSpace { space: self.space.clone(), client }
    }

    /// A new file.
    ///
    /// # Errors
    /// The system's.
    pub fn file(&self) -> io::Result<ScratchFile> {
        let file = tempfile::tempfile_in(&self.space.folder)?;
        Ok(ScratchFile { file, written: AtomicU64::new(0), taken: AtomicU64::new(0), space: self.clone() })
    }

    /// Bytes that all files take.
    pub fn used(&self) -> u64 {
        self.space.used().all
    }

    /// Bytes that all files may take.
    pub fn limit(&self) -> u64 {
        self.space.limit.unwrap_or_else(|| match self.disk() {
            Some((free, _)) => free.saturating_add(self.used()) / 2,
            // The disk itself says when it is full.
            None => u64::MAX,
        })
    }

    /// Bytes that the disk has free, and all of them, where the system tells.
    pub fn disk(&self) -> Option<(u64, u64)> {
        let disk = rustix::fs::statvfs(&self.space.folder).ok()?;
        Some((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
    }

    /// Whether so many bytes more are free.
    pub fn has_room(&self, bytes: u64) -> bool {
        let limit = self.limit();
        self.space.used().has_room(bytes, limit, self.client)
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        let limit = self.limit();
        let mut used = self.space.used();
        if !used.has_room(bytes, limit, self.client) {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, ScratchTaken));
        }
        used.all += bytes;
        self.client.inspect(|client| *used.by_client.entry(*client).or_default() += bytes);
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        let mut used = self.space.used();
        used.all -= bytes;
        if let Some(client) = self.client
            && let Some(own) = used.by_client.get_mut(&client)
        {
            *own -= bytes;
            if *own == 0 {
                used.by_client.remove(&client);
            }
        }
    }
}

impl Space {
    /// Held for a few lines, which do not panic.
    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    /// Whether `client` may have so many bytes more where there are `limit` in all.
    fn has_room(&self, bytes: u64, limit: u64, client: Option<Client>) -> bool {
        let Some(free) = limit.checked_sub(self.all.saturating_add(bytes)) else { return false };
        let own = |client| self.by_client.get(&client).copied().unwrap_or(0);
        client.is_none_or(|client| own(client).saturating_add(bytes) <= free.saturating_mul(TIMES_FREE))
    }
}

impl ScratchFile {
    /// Reads a part of what is written.
    ///
    /// # Errors
    /// The system's.
    pub fn read_at(&self, buffer: &mut [u8], start: u64) -> io::Result<usize> {
        self.file.read_at(buffer, start)
    }

    /// Writes at the end; returns how many of the bytes were written.
    ///
    /// # Errors
    /// The system's; `QuotaExceeded` where the space is taken.
    pub fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.written.load(Ordering::Relaxed);
        let (needed, taken) =
            ((written + bytes.len() as u64).next_multiple_of(STEP), self.taken.load(Ordering::Relaxed));
        if needed > taken {
            self.space.take(needed - taken)?;
            self.taken.store(needed, Ordering::Relaxed);
        }
        let length = (&self.file).write(bytes)?;
        self.written.store(written + length as u64, Ordering::Relaxed);
        Ok(length)
    }

    /// Goes back to the start, to read.
    ///
    /// # Errors
    /// The system's.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.file.rewind()
    }
}

impl Write for ScratchFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for ScratchFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        self.space.give_back(*self.taken.get_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StorageError;

    #[test]
    fn files_share_one_bound_and_give_back_what_they_took() {
        let folder = tempfile::tempdir().expect("a folder");
        let space = ScratchSpace::new(folder.path(), Some(3 * STEP));
        let mut one = space.file().expect("a file");
        one.write_all(&vec![1; STEP as usize + 1]).expect("room");
        assert_eq!(space.used(), 2 * STEP);
        let mut other = space.file().expect("a file");
        other.write_all(b"some").expect("room");
        let full = other.write_all(&vec![2; STEP as usize]).expect_err("no room");
        assert_eq!(StorageError::from_io(&full), StorageError::ScratchTaken);
        drop(one);
        other.write_all(&vec![2; STEP as usize]).expect("room again");
        drop(other);
        assert_eq!(space.used(), 0);
    }

    #[test]
    fn one_client_leaves_something_to_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let all = ScratchSpace::new(folder.path(), Some(10 * STEP));
        let [one, two] = [1, 2].map(|last| all.of(Some(std::net::IpAddr::from([10, 0, 0, last]).into())));
        let mut first = one.file().expect("a file");
        first.write_all(&vec![1; 8 * STEP as usize]).expect("room");
        assert!(!one.has_room(1) && two.has_room(STEP) && all.has_room(2 * STEP));
        assert!(one.file().expect("a file").write_all(b"more").is_err());
        two.file().expect("a file").write_all(b"some").expect("room");
        drop(first);
        assert!(one.has_room(8 * STEP) && all.used() == 0 && all.space.used().by_client.is_empty());
    }

    #[test]
    fn without_a_bound_they_take_no_more_than_half_of_what_is_free() {
        let folder = tempfile::tempdir().expect("a folder");
        let space = ScratchSpace::new(folder.path(), None);
        assert!(space.limit() > 0 && space.limit() < u64::MAX, "{}", space.limit());
        assert!(space.take(u64::MAX / 2).is_err());
        assert_eq!(space.used(), 0);
    }
}
