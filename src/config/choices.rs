//! Settings that are one of a few words.

use clap::ValueEnum;

/// Who may read `/metrics` once there are keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MetricsAuth {
    /// Everybody
    None,
    /// Whoever has a key
    Any,
    /// Admins
    Admin,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One readable line per event
    Text,
    /// One JSON object per event
    Json,
}
