//! Keys: who may ask for what. Those that the settings give and those that were made by `POST /keys`, in memory by the
//! hash of their secret; the catalog has the latter.
//!
//! A secret that the service makes has 256 random bits. Nobody finds it by trying, so its SHA-256 is kept and no slow hash
//! is needed: those make it dear to try the likely words, and here there are none.

mod audit;
pub mod error;
mod given;
pub mod key;
pub mod pattern;
pub mod registry;
pub mod ring;
pub mod role;
pub mod secret;
pub mod sight;
#[cfg(test)]
mod timing_tests;
mod upkeep;

pub use audit::{Audit, Refused};
pub use error::KeyError;
pub use key::Key;
pub use registry::{KeyChanges, NewKey};
pub use ring::{KeyRing, KeySettings};
pub use role::Role;
pub use sight::Sight;
