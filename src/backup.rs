//! Backups of a data folder: one tar file with the catalog as it was at one moment and every blob it refers to.
//!
//! The file ends with an entry that says it is whole, with the SHA-256 of each of its entries, so that one that broke
//! off or was damaged is not restored. While a backup is under way a row in the catalog keeps the service from deleting
//! blobs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::identifier::new_id;
use crate::jobs;
use crate::storage::folder::{self, BLOBS, CATALOG};
use crate::storage::identity::IDENTITY;
use crate::storage::{Catalog, Database, OpenError, StorageError};

/// The last entry of a backup: the checksums of the others, as JSON.
const MANIFEST: &str = "manifest.json";
/// Deadline of a statement on the catalog: the service may be writing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a backup was not made or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no state in the data folder.
    #[error("there is nothing to back up: {} has no {CATALOG}", .0.display())]
    NoState(PathBuf),
    /// The file to write, or the folder to restore into, is there already.
    #[error("{} is there already: name another, or remove it", .0.display())]
    Exists(PathBuf),
    /// The catalog does not work.
    #[error("the catalog: {0}")]
    Catalog(#[from] StorageError),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The backup is not whole.
    #[error("{} cannot be restored: {reason}", path.display())]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was told to stop: nothing is left of it.
    #[error("it was interrupted, and has left nothing behind")]
    Interrupted,
    /// The folder is in use.
    #[error(transparent)]
    Held(#[from] OpenError),
}

/// What was backed up or restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Blobs beside the catalog.
    pub blobs: usize,
    /// Bytes of all files together.
    pub bytes: u64,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { path, source }
}

/// Writes the state of `folder` into the new file `file`. The service may run meanwhile. Setting `stop` ends it.
///
/// # Errors
/// There is no state, or such a file; or something cannot be read or written, or it is told to stop: then there is no file.
pub async fn back_up(folder: &Path, file: &Path, stop: &AtomicBool) -> Result<Extent, BackupError> {
    let catalog = folder.join(CATALOG);
    if !catalog.try_exists().map_err(at(&catalog))? {
        return Err(BackupError::NoState(folder.to_owned()));
    }
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let catalog = Catalog::connect(&Database::File(catalog), Arc::new(|_| Ok(())), PATIENCE).await?;
    let id = new_id();
    let mut write = catalog.write().await?;
    write.begin_backup(id).await?;
    write.commit().await?;
    let written = write_file(&catalog, id, (folder, file), stop).await;
    let mut write = catalog.write().await?;
    write.end_backup(id).await?;
    write.commit().await?;
    catalog.close().await;
    unless_stopped(written, stop)
}

/// What was done, or that it was told to stop in the midst of it.
fn unless_stopped(done: Result<Extent, BackupError>, stop: &AtomicBool) -> Result<Extent, BackupError> {
    done.map_err(|error| if stop.load(Ordering::Relaxed) { BackupError::Interrupted } else { error })
}

async fn write_file(
    catalog: &Catalog,
    id: Uuid,
    (folder, file): (&Path, &Path),
    stop: &AtomicBool,
) -> Result<Extent, BackupError> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = tempfile::tempdir_in(parent).map_err(at(parent))?;
    let copy = scratch.path().join(CATALOG);
    catalog.copy_to(&copy.to_string_lossy()).await?;
    let copied = Catalog::connect(&Database::File(copy.clone()), Arc::new(|_| Ok(())), PATIENCE).await?;
    let mut write = copied.write().await?;
    write.end_backup(id).await?;
    write.commit().await?;
    let blobs = blobs_of(&copied).await?;
    copied.close().await;
    let partial = scratch.path().join("backup");
    let extent = Archive::write(&partial, &copy, (folder, &blobs), stop)?;
    fs::hard_link(&partial, file).map_err(at(file))?;
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(at(parent))?;
    Ok(extent)
}

/// Every blob that the catalog refers to.
async fn blobs_of(catalog: &Catalog) -> Result<Vec<String>, StorageError> {
    let mut blobs = catalog.version_blobs().await?;
    blobs.extend(catalog.dataset_blobs().await?);
    blobs.push(IDENTITY.to_owned());
    for (id, rows_blob) in catalog.job_rows_blobs().await? {
        blobs.extend(jobs::blobs(id, rows_blob));
    }
    Ok(blobs)
}

/// A tar file being written, with the checksums of its entries.
struct Archive<'a> {
    tar: tar::Builder<BufWriter<File>>,
    sums: BTreeMap<String, String>,
    extent: Extent,
    stop: &'a AtomicBool,
}

impl<'a> Archive<'a> {
    fn write(
        file: &Path,
        catalog: &Path,
        (folder, blobs): (&Path, &[String]),
        stop: &'a AtomicBool,
    ) -> Result<Extent, BackupError> {
        let tar = tar::Builder::new(BufWriter::new(File::create(file).map_err(at(file))?));
        let mut archive = Archive { tar, sums: BTreeMap::new(), extent: Extent { blobs: 0, bytes: 0 }, stop };
        archive.add(CATALOG, catalog)?;
        for blob in blobs {
            match archive.add(&format!("{BLOBS}/{blob}"), &folder.join(BLOBS).join(blob)) {
                Ok(()) => archive.extent.blobs += 1,
                // A job that has no checkpoint yet, or a version whose file is lost: the backup holds what there is.
                Err(BackupError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let manifest = serde_json::to_vec(&archive.sums).expect("names and checksums are text");
        let mut header = header(manifest.len() as u64);
        archive.tar.append_data(&mut header, MANIFEST, &manifest[..]).map_err(at(file))?;
        let written = archive.tar.into_inner().map_err(at(file))?;
        written.into_inner().map_err(|error| at(file)(error.into_error()))?.sync_all().map_err(at(file))?;
        Ok(archive.extent)
    }

    fn add(&mut self, name: &str, path: &Path) -> Result<(), BackupError> {
        let source = File::open(path).map_err(at(path))?;
        let size = source.metadata().map_err(at(path))?.len();
        let mut reader = Summed { inner: BufReader::new(source).take(size), sum: Sha256::new(), stop: self.stop };
        self.tar.append_data(&mut header(size), name, &mut reader).map_err(at(path))?;
        self.sums.insert(name.to_owned(), hex::encode(reader.sum.finalize()));
        self.extent.bytes += size;
        Ok(())
    }
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header
}

/// Makes the data folder `folder` from the backup `file`: whole or not at all. Setting `stop` ends it.
///
/// # Errors
/// The folder has something in it, or the file is not a whole backup; it is told to stop.
pub fn restore(folder: &Path, file: &Path, stop: &AtomicBool) -> Result<Extent, BackupError> {
    unless_stopped(restored(folder, file, stop), stop)
}

fn restored(folder: &Path, file: &Path, stop: &AtomicBool) -> Result<Extent, BackupError> {
    // What a fresh file system has in it.
    let is_own = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() != "lost+found");
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            return match entries.any(is_own) {
                true => Err(BackupError::Exists(folder.to_owned())),
                false => fill(folder, file, stop),
            };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at(folder)(error)),
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(at(parent))?;
    let scratch = tempfile::tempdir_in(parent).map_err(at(parent))?;
    let extent = unpack(file, scratch.path(), stop)?;
    drop(folder::hold(scratch.path())?);
    let made = scratch.keep();
    fs::rename(&made, folder).map_err(at(folder))?;
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(at(parent))?;
    Ok(extent)
}

/// Restores into a folder that is there and empty: a mount point cannot be exchanged for another folder, and what it is in may be
/// somebody else's. The catalog comes last: a service refuses blobs without one.
fn fill(folder: &Path, file: &Path, stop: &AtomicBool) -> Result<Extent, BackupError> {
    let scratch = tempfile::tempdir_in(folder).map_err(at(folder))?;
    let extent = unpack(file, scratch.path(), stop)?;
    drop(folder::hold(scratch.path())?);
    let made = fs::read_dir(scratch.path()).map_err(at(scratch.path()))?;
    let mut names =
        made.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>().map_err(at(folder))?;
    names.sort_by_key(|name| name == CATALOG);
    for name in names {
        fs::rename(scratch.path().join(&name), folder.join(&name)).map_err(at(folder))?;
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
    Ok(extent)
}

fn unpack(file: &Path, target: &Path, stop: &AtomicBool) -> Result<Extent, BackupError> {
    let damaged = |reason: &str| BackupError::Damaged { path: file.to_owned(), reason: reason.to_owned() };
    // What is wrong with it is told by bytes of the file, which may be anything.
    let broken = |_: io::Error| damaged("it is no tar file, or not a whole one");
    let mut tar = tar::Archive::new(BufReader::new(File::open(file).map_err(at(file))?));
    let (mut sums, mut manifest) = (BTreeMap::new(), None);
    let mut extent = Extent { blobs: 0, bytes: 0 };
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        if name == MANIFEST {
            manifest = Some(serde_json::from_reader(entry).map_err(|_| damaged("its manifest cannot be read"))?);
            continue;
        }
        let plain = Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
        let known = name == CATALOG || name.starts_with(&format!("{BLOBS}/"));
        if !plain || !known || !entry.header().entry_type().is_file() {
            return Err(damaged(&format!("it has an entry {name:?}, which no backup has")));
        }
        let path = target.join(&name);
        fs::create_dir_all(path.parent().expect("it lies in the target")).map_err(at(&path))?;
        let mut out = File::create(&path).map_err(at(&path))?;
        let mut reader = Summed { inner: &mut entry, sum: Sha256::new(), stop };
        extent.bytes += io::copy(&mut reader, &mut out).map_err(broken)?;
        sums.insert(name, hex::encode(reader.sum.finalize()));
        out.flush().and_then(|()| out.sync_all()).map_err(at(&path))?;
    }
    let manifest: BTreeMap<String, String> = manifest.ok_or_else(|| damaged("it breaks off before its end"))?;
    if manifest != sums || !sums.contains_key(CATALOG) {
        return Err(damaged("its entries are not those that were written"));
    }
    extent.blobs = sums.len() - 1;
    Ok(extent)
}

/// A reader that sums up what it read, until it is told to stop.
struct Summed<'a, R> {
    inner: R,
    sum: Sha256,
    stop: &'a AtomicBool,
}

impl<R: Read> Read for Summed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("it is told to stop"));
        }
        let read = self.inner.read(buffer)?;
        self.sum.update(&buffer[..read]);
        Ok(read)
    }
}
