//! The data folder: what stands where in it, the lock that lets one process at a time use it, and what a crash leaves.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::OpenError;

/// The SQLite database.
pub const CATALOG: &str = "catalog.sqlite";
/// The folder of the blobs.
pub const BLOBS: &str = "blobs";
/// The file whose lock is the folder's.
const LOCK: &str = "lock";

/// What keeps other processes out, for as long as it lives.
#[derive(Debug)]
pub struct FolderHold {
    _lock: File,
    /// The folder itself: a lock on a file ends for others when the file is deleted and made again, this one does not.
    _folder: File,
}

/// Makes the data folder and holds it for this process.
///
/// # Errors
/// It cannot be used, or another process holds it.
pub fn hold(folder: &Path) -> Result<FolderHold, OpenError> {
    let unusable = |source| OpenError::Folder { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(unusable)?;
    let lock = File::create(folder.join(LOCK)).map_err(unusable)?;
    let opened = File::open(folder).map_err(unusable)?;
    for file in [&lock, &opened] {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::FolderHeld(folder.to_owned())),
            // Some systems lock no folders, such as those over a network.
            Err(TryLockError::Error(_)) if std::ptr::eq(file, &opened) => {}
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
    }
    Ok(FolderHold { _lock: lock, _folder: opened })
}

/// Those of the folder and the catalog's file that others than their owner may read or write.
pub fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let open = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    // Nobody reaches a file in a folder that is closed to him.
    [folder.to_owned()].into_iter().filter(open).flat_map(|path| [path.join(CATALOG), path]).filter(open).collect()
}

/// Removes what processes that are gone were writing, before `now`: scratch files, and files that were to become blobs.
///
/// # Errors
/// The folder cannot be read.
pub fn remove_leftovers(folder: &Path, now: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    for leftover in leftovers(folder)? {
        let old = fs::metadata(&leftover).and_then(|file| file.modified()).is_ok_and(|written| written < now);
        if old && fs::remove_file(&leftover).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Files that are being written, or were when their process died.
///
/// # Errors
/// The folder cannot be read.
pub fn leftovers(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // The names of the `tempfile` crate.
        if entry.file_name().to_string_lossy().starts_with(".tmp") && entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    let mut folders = vec![folder.join(BLOBS)];
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // The names that object_store gives to files that are not whole yet: `key#1`.
            let staged = name.rsplit_once('#').is_some_and(|(_, end)| end.bytes().all(|byte| byte.is_ascii_digit()));
            match entry.file_type()? {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() && staged => found.push(entry.path()),
                _ => {}
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deleted_lock_lets_nobody_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = hold(folder.path()).expect("nobody holds it");
        fs::remove_file(folder.path().join(LOCK)).expect("it is there");
        assert!(matches!(hold(folder.path()), Err(OpenError::FolderHeld(_))));
        drop(held);
        assert!(hold(folder.path()).is_ok());
    }

    #[test]
    fn what_a_crash_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let versions = folder.path().join(BLOBS).join("versions");
        fs::create_dir_all(&versions).expect("a folder");
        let kept = [versions.join("a.safetensors"), folder.path().join(CATALOG)];
        let left = [versions.join("a.safetensors#1"), folder.path().join(".tmpAbc123")];
        kept.iter().chain(&left).for_each(|path| fs::write(path, b"x").expect("a file"));
        assert_eq!(remove_leftovers(folder.path(), SystemTime::UNIX_EPOCH).expect("a folder"), 0, "still written");
        let later = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(remove_leftovers(folder.path(), later).expect("a folder"), 2);
        assert!(kept.iter().all(|path| path.exists()) && !left.iter().any(|path| path.exists()));
    }
}
