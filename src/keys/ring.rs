//! The ring that all keys hang on: who knocks is looked up here, by the hash of the secret.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::audit::Audit;
use super::error::KeyError;
use super::given;
use super::key::Key;
use super::secret::SecretHash;
use crate::storage::Storage;

/// Which keys the settings give, and what holds where there are none.
#[derive(Clone, Default)]
pub struct KeySettings {
    /// `ROLE:SECRET,ROLE:SECRET`
    pub listed: Option<String>,
    /// A file of the same, one a line.
    pub file: Option<PathBuf>,
    /// Whether nobody is let in without a key, also while there are none: others than this machine reach the service, or there is a
    /// file of keys, which somebody may have emptied.
    pub stays_closed: bool,
}

/// All keys. Cheap to clone: a handle.
#[derive(Clone)]
pub struct KeyRing {
    pub(super) inner: Arc<Inner>,
    /// Tells of changes and refusals.
    pub audit: Audit,
}

pub(super) struct Inner {
    pub(super) storage: Storage,
    keys: RwLock<Keys>,
    /// Whether the door is closed: there is a key, or there always has to be one. One that has ended counts: nobody who gave a key an
    /// end meant all others to come in from then on.
    is_closed: AtomicBool,
    stays_closed: bool,
    /// Held while stored keys are changed, so that what is here changes in the order of the catalog.
    pub(super) changing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Keys {
    listed: Vec<Arc<Key>>,
    of_file: Vec<Arc<Key>>,
    stored: Vec<Arc<Key>>,
    /// A quick hash of the hashes will do: who could choose them would have broken SHA-256.
    by_hash: HashMap<SecretHash, Arc<Key>, RandomState>,
}

impl KeyRing {
    /// The keys of `settings` and those in `storage`. Must be called within a tokio runtime, where the file of keys is
    /// looked at from now on.
    ///
    /// # Errors
    /// `Given`, `Storage`.
    pub async fn open(storage: Storage, settings: KeySettings) -> Result<Self, KeyError> {
        let listed = settings.listed.as_deref().map_or(Ok(Vec::new()), given::listed)?;
        let file = settings.file.map(|path| Ok::<_, KeyError>((given::read_file(&path)?, path))).transpose()?;
        let of_file = file.as_ref().map_or(Ok(Vec::new()), |(bytes, _)| given::of_file(bytes))?;
        if file.is_some() && of_file.is_empty() {
            return Err(KeyError::Given("--api-keys-file has no key: ROLE:SECRET".into()));
        }
        let inner = Inner {
            storage,
            keys: RwLock::default(),
            is_closed: AtomicBool::new(false),
            stays_closed: settings.stays_closed,
            changing: tokio::sync::Mutex::default(),
        };
        let ring = KeyRing { inner: Arc::new(inner), audit: Audit::default() };
        ring.change(|keys| keys.listed = listed.into_iter().map(Arc::new).collect());
        ring.set_file(of_file);
        ring.read_stored().await?;
        ring.look_after(file);
        Ok(ring)
    }

    /// Whether a key is needed.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed.load(Ordering::Relaxed)
    }

    /// Whether any key opens the door.
    pub fn has_keys(&self) -> bool {
        self.read().by_hash.values().any(|key| key.holds())
    }

    /// The key with this secret, if there is one that opens the door.
    pub fn find(&self, secret: &[u8]) -> Option<Arc<Key>> {
        let hash = SecretHash::of(secret);
        let key = self.read().by_hash.get(&hash).cloned();
        key.filter(|key| key.holds())
    }

    /// The stored keys, newest first.
    pub fn stored(&self) -> Vec<Arc<Key>> {
        self.read().stored.iter().rev().cloned().collect()
    }

    /// The stored key that `key` names: a UUID or a name.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, key: &str) -> Result<Arc<Key>, KeyError> {
        let id = Uuid::try_parse(key).ok();
        let is_it = |found: &&Arc<Key>| found.id == id && id.is_some() || found.name == key;
        self.read().stored.iter().find(is_it).cloned().ok_or_else(|| KeyError::NotFound(key.to_owned()))
    }

    /// Reads the stored keys again, whatever is known of them.
    pub(super) async fn read_stored(&self) -> Result<(), KeyError> {
        let rows = self.inner.storage.catalog.all_keys().await?;
        let stored: Vec<Arc<Key>> =
            rows.into_iter().map(|row| Key::from_row(row).map(Arc::new)).collect::<Result<_, _>>()?;
        self.change(|keys| keys.stored = stored);
        Ok(())
    }

    /// Takes these keys in place of those that the file had; what was opened with one that stays goes on. The names of those that are
    /// new, and of those that are gone.
    pub(super) fn set_file(&self, of_file: Vec<Key>) -> (Vec<String>, Vec<String>) {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        self.change(|keys| {
            let stays = |key: &Key, known: &Key| key.hash == known.hash && key.role == known.role;
            for gone in keys.of_file.iter().filter(|known| !of_file.iter().any(|key| stays(key, known))) {
                gone.usage.is_revoked.store(true, Ordering::Relaxed);
                removed.push(gone.name.clone());
            }
            let mut known = |key: Key| match keys.of_file.iter().find(|known| stays(&key, known)) {
                Some(known) => Key { usage: known.usage.clone(), created_at: known.created_at, ..key },
                None => {
                    added.push(key.name.clone());
                    key
                }
            };
            keys.of_file = of_file.into_iter().map(&mut known).map(Arc::new).collect();
        });
        (added, removed)
    }

    /// Puts a stored key in, in place of what it was before.
    pub(super) fn put(&self, key: Arc<Key>) {
        self.change(|keys| match keys.stored.iter_mut().find(|known| known.id == key.id) {
            Some(known) => *known = key,
            None => keys.stored.push(key),
        });
    }

    /// Takes a stored key out: it opens nothing from now on.
    pub(super) fn take(&self, key: &Key) {
        key.usage.is_revoked.store(true, Ordering::Relaxed);
        self.change(|keys| keys.stored.retain(|known| known.id != key.id));
    }

    fn change(&self, change: impl FnOnce(&mut Keys)) {
        let mut keys = self.inner.keys.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut keys);
        let all: Vec<Arc<Key>> = keys.stored.iter().chain(&keys.of_file).chain(&keys.listed).cloned().collect();
        let is_closed = self.inner.stays_closed || !all.is_empty();
        // What the settings say of a secret goes before what is stored.
        keys.by_hash = all.into_iter().map(|key| (key.hash, key)).collect();
        if self.inner.is_closed.swap(is_closed, Ordering::Relaxed) && !is_closed {
            tracing::warn!("the last key is gone: from now on nobody needs one");
        }
    }

    // A panic while the lock was held leaves the maps usable: each change is a few infallible lines.
    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.inner.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}
