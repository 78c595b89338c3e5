//! A file that is written piece by piece and becomes a blob once it is whole.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::checksums::{Checksums, Summing};

/// Bytes that are left to the system before it is told to write them to the disk.
const WRITE_BACK_BYTES: u64 = 8 << 20;

/// A file without a name, gone when it is closed unless it has become a blob.
pub struct BlobFile {
    file: File,
    sums: Summing,
    written: u64,
    /// Bytes that are on their way to the disk.
    written_back: u64,
    /// Whether the file itself may become the blob; else it is copied.
    stays: bool,
}

impl BlobFile {
    pub(super) fn new(file: File, stays: bool) -> Self {
        BlobFile { file, sums: Summing::default(), written: 0, written_back: 0, stays }
    }

    /// Forgets what was written.
    ///
    /// # Errors
    /// The system's.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        (self.written, self.written_back, self.sums) = (0, 0, Summing::default());
        self.file.set_len(0)
    }

    /// The checksums of what was written.
    pub(super) fn checksums(&self) -> Checksums {
        self.sums.clone().finish()
    }

    /// The file, to be read from its start.
    pub(super) fn into_file(mut self) -> io::Result<File> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(self.file)
    }

    /// Gives the file a name, if it can have one: false where the system or the folder cannot do that. It is on the
    /// disk then, with its name.
    ///
    /// # Errors
    /// The system's, about writing.
    pub(super) fn settle(&self, path: &Path) -> io::Result<bool> {
        if !self.stays {
            return Ok(false);
        }
        self.file.sync_data()?;
        let folder = path.parent().expect("a blob lies in a folder");
        std::fs::create_dir_all(folder)?;
        if !link(&self.file, path) {
            return Ok(false);
        }
        self.file.sync_all()?;
        // The folder may be new: so is its entry then.
        for folder in folder.ancestors().take(2) {
            File::open(folder)?.sync_all()?;
        }
        Ok(true)
    }

    /// Has the system begin to write early, so that little is left to wait for in the end.
    fn write_back(&mut self) {
        if self.stays && self.written - self.written_back >= WRITE_BACK_BYTES {
            begin_write_back(&self.file, self.written_back, self.written - self.written_back);
            self.written_back = self.written;
        }
    }
}

impl Write for BlobFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.sums.add(&bytes[..length]);
        self.written += length as u64;
        self.write_back();
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Gives an open file without a name one.
#[cfg(target_os = "linux")]
fn link(file: &File, path: &Path) -> bool {
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD, linkat};
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, open, CWD, path, AtFlags::SYMLINK_FOLLOW).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn link(_: &File, _: &Path) -> bool {
    false
}

/// Linux answers the news that a part of a file is not needed soon by writing what is changed in it, without waiting; what
/// is not written yet stays in memory.
#[cfg(target_os = "linux")]
fn begin_write_back(file: &File, start: u64, length: u64) {
    let _ = rustix::fs::fadvise(file, start, std::num::NonZero::new(length), rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn begin_write_back(_: &File, _: u64, _: u64) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_the_blob_or_is_copied() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/blob");
        let written = |stays| {
            let mut file = BlobFile::new(tempfile::tempfile_in(folder.path()).expect("a file"), stays);
            file.write_all(b"forgotten, and longer").expect("room on the disk");
            file.restart().expect("a file");
            file.write_all(b"kept").expect("room on the disk");
            file
        };
        assert!(!written(false).settle(&path).expect("a file") && !path.exists());
        let settled = written(true).settle(&path).expect("a file");
        assert_eq!(settled, cfg!(target_os = "linux"));
        assert!(!settled || std::fs::read(&path).expect("the blob") == b"kept");
        // What has a name already is no new blob.
        assert!(!settled || !written(true).settle(&path).expect("a file"));
        let mut read = String::new();
        io::Read::read_to_string(&mut written(false).into_file().expect("a file"), &mut read).expect("a text");
        assert_eq!(read, "kept");
    }
}
