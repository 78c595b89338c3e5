//! Floats as their bits, for `#[serde(with = "bits")]`: text formats round them, and JSON has no infinities or NaNs.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that goes as the bits of its floats.
pub trait Bits: Sized {
    /// What is written in its place.
    type Pattern: Serialize + DeserializeOwned;
    /// The bits of the value.
    fn pattern(&self) -> Self::Pattern;
    /// The value with these bits.
    fn of(pattern: Self::Pattern) -> Self;
}

impl Bits for f64 {
    type Pattern = u64;

    fn pattern(&self) -> u64 {
        self.to_bits()
    }

    fn of(pattern: u64) -> Self {
        f64::from_bits(pattern)
    }
}

impl Bits for Option<f64> {
    type Pattern = Option<u64>;

    fn pattern(&self) -> Option<u64> {
        self.map(f64::to_bits)
    }

    fn of(pattern: Option<u64>) -> Self {
        pattern.map(f64::from_bits)
    }
}

pub fn serialize<T: Bits, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.pattern().serialize(serializer)
}

pub fn deserialize<'de, T: Bits, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Pattern::deserialize(deserializer).map(T::of)
}
