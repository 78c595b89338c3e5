//! What a key may do, in three steps: each role may what those before it may.

use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Ask models, and read what they are.
    Predict,
    /// Store data, make models, train them and take them away.
    Train,
    /// Everything, keys too.
    Admin,
}

impl Role {
    /// All roles, from the least.
    pub const ALL: [Role; 3] = [Role::Predict, Role::Train, Role::Admin];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Role::Predict => "predict",
            Role::Train => "train",
            Role::Admin => "admin",
        }
    }

    /// The role that is written so.
    pub fn of_word(word: &str) -> Option<Self> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }
}
