//! Stored JSON: every f64 comes back with the bits it was written with, as a resumed training may not be off by one.
//!
//! `serde_json` reads so with its feature `float_roundtrip`, which bodies have the good of as well. What a type does not know is
//! passed over, however much it is.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StorageError;

/// `value` as JSON.
///
/// # Panics
/// If `value` has a map whose keys are no text: stored types have none.
pub fn to_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("stored types are plain data")
}

/// The value that [`to_text`] made `text` of.
///
/// # Errors
/// The text is not that of a `T`.
pub fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

/// A text that is this long takes a millisecond to read, about: too long for a thread that answers.
pub const LONG: usize = 64 << 10;

/// What `read` makes of texts of so many bytes, which `what` has; on a thread that may take longer where they are long.
///
/// # Errors
/// Those of `read`; `Damaged` if it panics.
pub async fn read_apart<T: Send + 'static, E: From<StorageError> + Send + 'static>(
    what: impl Into<String>,
    bytes: usize,
    read: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    if bytes < LONG {
        return read();
    }
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|panic| StorageError::damaged(what, panic))?
}

/// Memory of what is read of a text, about: its bytes, and a record for each value of its lists.
pub fn value_bytes(text: &str) -> usize {
    const OF_A_VALUE: usize = 32;
    text.len() + OF_A_VALUE * memchr::memchr_iter(b',', text.as_bytes()).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_float_comes_back_bit_for_bit() {
        let mut bits = 0x3ff0_0000_0000_0001_u64;
        for _ in 0..10_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(bits);
            if value.is_finite() {
                let back: BTreeMap<String, Vec<f64>> =
                    from_text(&to_text(&BTreeMap::from([("x", vec![value])]))).unwrap();
                assert_eq!(back["x"][0].to_bits(), bits);
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "[1e999]", "{\"a\":01}", &"[".repeat(100_000)] {
            assert!(from_text::<Value>(text).is_err());
        }
    }

    #[test]
    fn what_a_type_does_not_know_is_passed_over() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Known {
            below: f64,
        }
        let text = format!("{{\"zz\":[{}0],\"below\":1.5}}", "{\"\":[0]},".repeat(1000));
        assert_eq!(from_text::<Known>(&text).expect("it is read"), Known { below: 1.5 });
        assert!(from_text::<Known>("{\"below\":1.5} 1").is_err() && from_text::<Known>("{\"below\":null}").is_err());
    }
}
