//! Blobs: whole files under a key, in an object store. A local folder by default, S3, GCS or Azure by URL.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Handle;

use super::{BlobFile, Gate, StorageError};

/// Size of the parts in which a large file is written: the smallest that every store takes is 5 MiB.
const PART_BYTES: usize = 8 << 20;

/// Where blobs are kept. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// The store, if it is a folder.
    folder: Option<Arc<LocalFileSystem>>,
    gate: Gate,
}

impl Blobs {
    /// Blobs in a local folder, made if missing. What is written there is on the disk when the call returns.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn in_folder(folder: &Path, gate: Gate) -> Result<Self, StorageError> {
        let failed = |error: std::io::Error| StorageError::Unavailable(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let store = Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true));
        Ok(Blobs { folder: Some(store.clone()), store, gate })
    }

    /// Blobs at `url`, such as `s3://bucket/folder`, with credentials and endpoint from the environment.
    ///
    /// # Errors
    /// The URL names no kind of store that is known, or its settings do not fit.
    pub fn at_url(url: &str, gate: Gate) -> Result<Self, StorageError> {
        // Another library of the process may have chosen a provider before: then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unfit = |error: String| StorageError::Unavailable(format!("the blob URL cannot be used: {error}"));
        let url = reqwest::Url::parse(url).map_err(|error| unfit(error.to_string()))?;
        let variables = std::env::vars().filter(|(name, _)| is_store_setting(name));
        let variables = variables.map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (store, path) = object_store::parse_url_opts(&url, variables).map_err(|error| unfit(error.to_string()))?;
        Ok(Blobs { store: Arc::new(PrefixStore::new(store, path)), folder: None, gate })
    }

    /// Writes `bytes` under `key`, whole or not at all.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        (self.gate)("blob put")?;
        self.store.put(&Key::from(key), PutPayload::from_bytes(bytes)).await?;
        Ok(())
    }

    /// Whether blobs are files of a folder.
    pub(super) fn are_files(&self) -> bool {
        self.folder.is_some()
    }

    /// Makes `file` the blob of a new `key`, whole or not at all: the file itself where blobs are files, else a copy that
    /// is sent in parts. Returns its size.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    pub async fn put_file(&self, key: &str, file: BlobFile) -> Result<u64, StorageError> {
        (self.gate)("blob put")?;
        let path = self.folder.as_ref().map(|folder| folder.path_to_filesystem(&Key::from(key))).transpose()?;
        let settled = tokio::task::spawn_blocking(move || {
            let settled = path.map_or(Ok(false), |path| file.settle(&path))?;
            let file = file.into_file()?;
            Ok::<_, std::io::Error>((settled.then(|| file.metadata().map(|file| file.len())).transpose()?, file))
        });
        let (size, file) = settled.await.expect("writing does not panic")?;
        if let Some(size) = size {
            return Ok(size);
        }
        let mut upload = self.store.put_multipart(&Key::from(key)).await?;
        let written = put_parts(upload.as_mut(), file).await;
        if written.is_err() {
            let _ = upload.abort().await;
        }
        written
    }

    /// A reader of parts of the blob, for threads that may block.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`.
    pub async fn reader(&self, key: &str) -> Result<BlobReader, StorageError> {
        (self.gate)("blob get")?;
        let size = self.store.head(&Key::from(key)).await?.size;
        Ok(BlobReader { blobs: self.clone(), key: key.to_owned(), size, runtime: Handle::current() })
    }

    /// The whole blob.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`.
    pub async fn get(&self, key: &str) -> Result<Bytes, StorageError> {
        (self.gate)("blob get")?;
        Ok(self.store.get(&Key::from(key)).await?.bytes().await?)
    }

    /// The blob's size and its bytes as they come.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`.
    pub async fn stream(
        &self,
        key: &str,
    ) -> Result<(u64, impl Stream<Item = Result<Bytes, StorageError>> + Send + use<>), StorageError> {
        (self.gate)("blob get")?;
        let found = self.store.get(&Key::from(key)).await?;
        Ok((found.meta.size, found.into_stream().map_err(StorageError::from)))
    }

    /// Parts of the blob.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`; also where a part reaches beyond the end.
    pub async fn parts(&self, key: &str, parts: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        (self.gate)("blob get")?;
        Ok(self.store.get_ranges(&Key::from(key), parts).await?)
    }

    /// Removes a blob; it is no error if there is none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        (self.gate)("blob delete")?;
        match self.store.delete(&Key::from(key)).await.map_err(StorageError::from) {
            Err(StorageError::Missing(_)) => Ok(()),
            done => done,
        }
    }

    /// Asks whether the store answers at all.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn check(&self) -> Result<(), StorageError> {
        self.store.list(None).next().await.transpose()?;
        Ok(())
    }
}

async fn put_parts(upload: &mut dyn MultipartUpload, file: File) -> Result<u64, StorageError> {
    let (mut file, mut size) = (Some(file), 0);
    while let Some(mut source) = file.take() {
        let read = tokio::task::spawn_blocking(move || {
            let mut part = Vec::with_capacity(PART_BYTES);
            source.by_ref().take(PART_BYTES as u64).read_to_end(&mut part).map(|_| (source, part))
        });
        let failed = |error: std::io::Error| StorageError::Unavailable(format!("a file cannot be read: {error}"));
        let (source, part) = read.await.expect("reading does not panic").map_err(failed)?;
        size += part.len() as u64;
        if part.len() == PART_BYTES {
            file = Some(source);
        }
        if !part.is_empty() {
            upload.put_part(part.into()).await?;
        }
    }
    upload.complete().await?;
    Ok(size)
}

/// Reads parts of a blob, and blocks meanwhile: not for async threads.
#[derive(Clone)]
pub struct BlobReader {
    blobs: Blobs,
    key: String,
    size: u64,
    runtime: Handle,
}

impl BlobReader {
    /// The blob's size.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes of a part.
    ///
    /// # Errors
    /// `Missing`, `Unavailable`; also where the part reaches beyond the end.
    pub fn read(&self, part: Range<u64>) -> Result<Bytes, StorageError> {
        let parts = self.runtime.block_on(self.blobs.parts(&self.key, &[part]))?;
        Ok(parts.into_iter().next().expect("as many parts as were asked for"))
    }
}

/// Whether a variable of the environment configures a store: those that the stores' own tools know.
fn is_store_setting(name: &str) -> bool {
    ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix))
}
