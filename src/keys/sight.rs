//! What somebody sees of models, and of what follows them.

use std::sync::Arc;

use uuid::Uuid;

use super::key::Key;

/// Who asks: with a key, or with none while none is needed.
#[derive(Clone, Debug, Default)]
pub struct Sight(Option<Arc<Key>>);

impl Sight {
    /// Of the holder of a key.
    pub fn of(key: Arc<Key>) -> Self {
        Sight(Some(key))
    }

    /// The key.
    pub fn key(&self) -> Option<&Key> {
        self.0.as_deref()
    }

    /// Whether there may be models that it does not see.
    pub fn is_limited(&self) -> bool {
        self.key().is_some_and(|key| key.models.is_some())
    }

    /// Whether it sees a model of this name.
    pub fn sees(&self, name: Option<&str>) -> bool {
        self.key().is_none_or(|key| key.sees(name))
    }

    /// Whether its key still opens the door.
    pub fn holds(&self) -> bool {
        self.key().is_none_or(Key::holds)
    }

    /// The key that what it stores is of; those of the settings are none.
    pub fn owner(&self) -> Option<Uuid> {
        self.key().and_then(|key| key.id)
    }
}
