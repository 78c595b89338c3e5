//! Scratch files: what is too large for memory while one request lasts. Together they take no more than a bound of the disk,
//! however many requests there are and however much their bodies unpack to.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that a file takes of the space at once.
const STEP: u64 = 1 << 20;

/// The space of all scratch files. Cheap to clone: a handle.
#[derive(Clone)]
pub struct ScratchSpace(Arc<Space>);

struct Space {
    folder: PathBuf,
    /// Bytes; `None` is half of what the disk has free.
    limit: Option<u64>,
    used: AtomicU64,
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
        ScratchSpace(Arc::new(Space { folder: folder.to_owned(), limit, used: AtomicU64::new(0) }))
    }

    /// A new file.
    ///
    /// # Errors
    /// The system's.
    pub fn file(&self) -> io::Result<ScratchFile> {
        let file = tempfile::tempfile_in(&self.0.folder)?;
        Ok(ScratchFile { file, written: AtomicU64::new(0), taken: AtomicU64::new(0), space: self.clone() })
    }

    /// Bytes that all files take.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Bytes that all files may take.
    pub fn limit(&self) -> u64 {
        self.0.limit.unwrap_or_else(|| match self.disk() {
            Some((free, _)) => free.saturating_add(self.used()) / 2,
            // The disk itself says when it is full.
            None => u64::MAX,
        })
    }

    /// Bytes that the disk has free, and all of them, where the system tells.
    pub fn disk(&self) -> Option<(u64, u64)> {
        let disk = rustix::fs::statvfs(&self.0.folder).ok()?;
        Some((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
    }

    /// Whether so many bytes more are free.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.used().saturating_add(bytes) <= self.limit()
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        let used = self.0.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if used > self.limit() {
            self.give_back(bytes);
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
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
        assert_eq!(StorageError::from_io(&full), StorageError::Full);
        drop(one);
        other.write_all(&vec![2; STEP as usize]).expect("room again");
        drop(other);
        assert_eq!(space.used(), 0);
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
