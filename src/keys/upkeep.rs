//! What is done about keys now and then: the file of keys is looked at, and when keys were used last is written down.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::error::KeyError;
use super::given;
use super::key::Key;
use super::ring::KeyRing;
use super::secret::SecretHash;

/// How often the file is read. It is short, and so a change is seen wherever it is, also where no file system tells of one.
const LOOK: Duration = Duration::from_millis(500);
/// How often refusals are told that had no line of their own, and that the file cannot be read.
const TELL: Duration = Duration::from_secs(10);
/// How often it is written down when keys were used.
const NOTE: Duration = Duration::from_secs(60);

impl KeyRing {
    /// Begins to look at the file, of which this is known, and to write down uses; for as long as the ring lives.
    pub(super) fn look_after(&self, file: Option<(Vec<u8>, PathBuf)>) {
        let (alive, audit) = (Arc::downgrade(&self.inner), self.audit.clone());
        let ring = move || Some(KeyRing { inner: alive.upgrade()?, audit: audit.clone() });
        if let Some((bytes, path)) = file {
            tokio::spawn(watch(ring.clone(), SecretHash::of(&bytes), path));
        }
        tokio::spawn(every(TELL, ring.clone(), async |ring| ring.audit.tell_rest()));
        tokio::spawn(every(NOTE, ring, async |ring| ring.note_uses().await));
    }

    /// Writes down when keys were used, of those that were since it was done last.
    pub async fn note_uses(&self) {
        let since = |key: Arc<Key>| {
            let last = key.usage.last();
            let is_known = last == key.usage.written.load(Ordering::Relaxed);
            Some((key.id?, Timestamp::from_second(last).ok()?, key)).filter(|_| !is_known)
        };
        let used: Vec<_> = self.stored().into_iter().filter_map(since).collect();
        let noted = async {
            if used.is_empty() {
                return Ok(());
            }
            let mut write = self.inner.storage.catalog.write().await?;
            for (id, last, _) in &used {
                write.key_used(*id, *last).await?;
            }
            write.commit().await?;
            for (_, last, key) in &used {
                key.usage.written.store(last.as_second(), Ordering::Relaxed);
            }
            Ok::<_, KeyError>(())
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, "when keys were used could not be written down");
        }
    }
}

/// Does something again and again, for as long as the ring lives.
async fn every(interval: Duration, ring: impl Fn() -> Option<KeyRing>, mut work: impl AsyncFnMut(KeyRing)) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(ring) = ring() else { return };
        work(ring).await;
    }
}

/// Takes a new version of the file once it was the same at two looks: one that is still being written is not.
async fn watch(ring: impl Fn() -> Option<KeyRing>, mut taken: SecretHash, path: PathBuf) {
    let mut last = taken;
    let mut missing = false;
    loop {
        tokio::time::sleep(LOOK).await;
        let from = path.clone();
        let mut reading = tokio::task::spawn_blocking(move || given::read_file(&from));
        let read = loop {
            match timeout(TELL, &mut reading).await {
                Ok(read) => break read,
                Err(_) => tracing::warn!(
                    "--api-keys-file cannot be read: its storage does not answer, and the keys that it had still hold"
                ),
            }
        };
        let Some(ring) = ring() else { return };
        let Ok(read) = read else { continue };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) if missing => {
                tracing::debug!("{error}");
                continue;
            }
            Err(error) => {
                missing = true;
                tracing::warn!("{error}: the keys that it had still hold");
                continue;
            }
        };
        missing = false;
        let (seen, before) = (SecretHash::of(&bytes), last);
        last = seen;
        if seen == taken || seen != before {
            continue;
        }
        taken = seen;
        match given::of_file(&bytes) {
            Ok(keys) => {
                let (added, removed) = ring.set_file(keys);
                ring.audit.file_read(&added, &removed);
                if !ring.has_keys() {
                    tracing::warn!("--api-keys-file has no key any more, and there is no other: nobody is let in");
                }
            }
            Err(error) => tracing::warn!("{error}: the keys that it had before still hold"),
        }
    }
}
