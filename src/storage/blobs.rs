//! Blobs: whole files under a key, in an object store. A local folder by default, S3, GCS or Azure by URL.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::time::timeout;

use super::calls::{Call, Calls};
use super::checksums::Checksums;
use super::remote;
use super::{BlobFile, Gate, StorageError};

/// Size of the parts in which a large file is written: the smallest that every store takes is 5 MiB.
const PART_BYTES: usize = 8 << 20;
/// A call that moves many bytes has a second more for each so many of them.
const LEAST_RATE: u64 = 1 << 20;

/// Where blobs are kept. Cheap to clone: a handle. Every call has a deadline.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// The store, if it is a folder.
    folder: Option<Arc<LocalFileSystem>>,
    gate: Gate,
    patience: Duration,
    /// How the store is called.
    pub calls: Calls,
    /// Keys whose writing was given up at its deadline: it may still come to its end.
    late: Arc<Mutex<HashSet<String>>>,
}

impl Blobs {
    /// Blobs in a local folder, made if missing. What is written there is on the disk when the call returns.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn in_folder(folder: &Path, gate: Gate, patience: Duration) -> Result<Self, StorageError> {
        let failed = |error: std::io::Error| StorageError::Unavailable(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let store = Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true));
        let calls = Calls::on("folder", Call::BLOBS, patience);
        Ok(Blobs { folder: Some(store.clone()), store, gate, patience, calls, late: Arc::default() })
    }

    /// Blobs at `url`, such as `s3://bucket/folder`, with credentials and endpoint from the environment.
    ///
    /// # Errors
    /// The URL names no kind of store that is known, or its settings do not fit.
    pub fn at_url(url: &str, gate: Gate, patience: Duration) -> Result<Self, StorageError> {
        let (store, path, kind) = remote::open(url, patience)?;
        let store = Arc::new(PrefixStore::new(store, path));
        let calls = Calls::on(kind, Call::BLOBS, patience);
        Ok(Blobs { store, folder: None, gate, patience, calls, late: Arc::default() })
    }

    /// Makes a call on the store, if the gate lets it through, and counts it.
    async fn call<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let gate = match call {
            Call::Put => "blob put",
            Call::Delete => "blob delete",
            _ => "blob get",
        };
        self.calls.count(call, async { (self.gate)(gate).map(|()| work)?.await }).await
    }

    /// Does a call on the store that moves so many bytes, within its deadline.
    async fn within<T, E: Into<StorageError>>(
        &self,
        bytes: u64,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StorageError> {
        let deadline = self.patience + Duration::from_millis(bytes.saturating_mul(1000) / LEAST_RATE);
        match timeout(deadline, call).await {
            Ok(done) => done.map_err(E::into),
            Err(_) => Err(no_answer(deadline)),
        }
    }

    /// Writes `bytes` under `key`, whole or not at all.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        let (key, length) = (Key::from(key), bytes.len() as u64);
        let put = self.within(length, self.store.put(&key, PutPayload::from_bytes(bytes)));
        self.call(Call::Put, self.writing(key.as_ref(), put)).await.map(drop)
    }

    /// Remembers a key whose writing is given up, or was never waited for, before it has come to its end.
    async fn writing<T>(
        &self,
        key: &str,
        write: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        self.late().insert(key.to_owned());
        let done = write.await;
        if !matches!(done, Err(StorageError::Unavailable(_))) {
            self.late().remove(key);
        }
        done
    }

    fn late(&self) -> MutexGuard<'_, HashSet<String>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something may still be written under `key` by a call that was given up: deleted now, it could come back.
    pub(super) fn may_still_come(&self, key: &str) -> bool {
        self.late().contains(key)
    }

    /// Whether blobs are files of a folder.
    pub(super) fn are_files(&self) -> bool {
        self.folder.is_some()
    }

    /// Makes `file` the blob of a new `key`, whole or not at all: the file itself where blobs are files, else a copy that
    /// is sent in parts. Returns its checksums.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    pub async fn put_file(&self, key: &str, file: BlobFile) -> Result<Checksums, StorageError> {
        let checksums = file.checksums();
        let key = Key::from(key);
        let put = self.writing(key.as_ref(), self.settle_or_send(&key, file, checksums.bytes()));
        self.call(Call::Put, put).await.map(|()| checksums)
    }

    async fn settle_or_send(&self, key: &Key, file: BlobFile, bytes: u64) -> Result<(), StorageError> {
        let path = self.folder.as_ref().map(|folder| folder.path_to_filesystem(key)).transpose()?;
        let settled = tokio::task::spawn_blocking(move || {
            let settled = path.map_or(Ok(false), |path| file.settle(&path))?;
            Ok::<_, std::io::Error>((settled, file.into_file()?))
        });
        let settled = async { settled.await.expect("writing does not panic") };
        let (settled, file) = self.within(bytes, settled).await?;
        if settled {
            return Ok(());
        }
        let mut upload = self.within(0, self.store.put_multipart(key)).await?;
        let sent = self.send_parts(upload.as_mut(), file).await;
        if sent.is_err() {
            let patience = self.patience;
            tokio::spawn(async move { timeout(patience, upload.abort()).await });
        }
        sent
    }

    async fn send_parts(&self, upload: &mut dyn MultipartUpload, file: File) -> Result<(), StorageError> {
        let mut file = Some(file);
        while let Some(mut source) = file.take() {
            let read = tokio::task::spawn_blocking(move || {
                let mut part = Vec::with_capacity(PART_BYTES);
                source.by_ref().take(PART_BYTES as u64).read_to_end(&mut part).map(|_| (source, part))
            });
            let failed = |error: std::io::Error| StorageError::Unavailable(format!("a file cannot be read: {error}"));
            let (source, part) = read.await.expect("reading does not panic").map_err(failed)?;
            if part.len() == PART_BYTES {
                file = Some(source);
            }
            if !part.is_empty() {
                self.within(part.len() as u64, upload.put_part(part.into())).await?;
            }
        }
        self.within(0, upload.complete()).await?;
        Ok(())
    }

    /// Size of the blob.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`.
    pub async fn size(&self, key: &str) -> Result<u64, StorageError> {
        self.call(Call::Get, async { Ok(self.within(0, self.store.head(&Key::from(key))).await?.size) }).await
    }

    /// The whole blob.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`.
    pub async fn get(&self, key: &str) -> Result<Bytes, StorageError> {
        self.call(Call::Get, async {
            let found = self.within(0, self.store.get(&Key::from(key))).await?;
            self.within(found.meta.size, found.bytes()).await
        })
        .await
    }

    /// The blob's size and its bytes as they come.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`.
    pub async fn stream(
        &self,
        key: &str,
    ) -> Result<(u64, impl Stream<Item = Result<Bytes, StorageError>> + Send + use<>), StorageError> {
        let found = self.call(Call::Get, self.within(0, self.store.get(&Key::from(key)))).await?;
        let (size, patience, calls) = (found.meta.size, self.patience, self.calls.clone());
        let pieces =
            futures_util::stream::try_unfold((found.into_stream(), calls), move |(mut pieces, calls)| async move {
                let next = next_within(patience, &mut pieces).await;
                let piece = next.inspect_err(|error| calls.note_failed(Call::Get, error))?;
                Ok(piece.map(|piece| (piece, (pieces, calls))))
            });
        Ok((size, pieces))
    }

    /// Parts of the blob.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`; also where a part reaches beyond the end.
    pub async fn parts(&self, key: &str, parts: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        let bytes = parts.iter().map(|part| part.end.saturating_sub(part.start)).sum();
        self.call(Call::Get, self.within(bytes, self.store.get_ranges(&Key::from(key), parts))).await
    }

    /// Removes a blob; it is no error if there is none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        match self.call(Call::Delete, self.within(0, self.store.delete(&Key::from(key)))).await {
            Err(StorageError::Missing(_)) => Ok(()),
            done => done,
        }
    }

    /// The keys of all blobs, in no particular order.
    pub fn keys(&self) -> impl Stream<Item = Result<String, StorageError>> + Send + use<> {
        let patience = self.patience;
        let begin = (self.store.list(None), Some(self.calls.clone()));
        futures_util::stream::try_unfold(begin, move |(mut found, first)| async move {
            let next = next_within(patience, &mut found);
            // A store lists a thousand at a time: the first tells how long it takes.
            let next = match first {
                Some(calls) => calls.count(Call::List, next).await?,
                None => next.await?,
            };
            Ok(next.map(|next| (next.location.to_string(), (found, None))))
        })
    }

    /// Asks whether the store answers at all.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn check(&self) -> Result<(), StorageError> {
        std::pin::pin!(self.keys()).next().await.transpose()?;
        Ok(())
    }
}

/// The next of what a store gives piece by piece.
async fn next_within<T>(
    patience: Duration,
    pieces: &mut (impl Stream<Item = object_store::Result<T>> + Unpin),
) -> Result<Option<T>, StorageError> {
    Ok(timeout(patience, pieces.try_next()).await.map_err(|_| no_answer(patience))??)
}

fn no_answer(patience: Duration) -> StorageError {
    StorageError::Unavailable(format!("the blobs' store gave no answer in {} seconds", patience.as_secs_f64()))
}
