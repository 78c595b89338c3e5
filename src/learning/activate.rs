//! Whether the version that a training makes is to serve.

use serde::{Deserialize, Serialize};

/// When a new version becomes the active one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activate {
    /// When it is there.
    #[default]
    Always,
    /// When its owner activates it.
    Never,
    /// When it is there, if it answers better than the active one on rows that neither was trained on.
    IfBetter,
}
