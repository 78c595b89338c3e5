//! JSON that is read back exactly: every f64 has the bits it was written with.
//!
//! `serde_json` prints floats exactly but, for speed, parses some of them a unit in the last place off. A resumed
//! training must not be off by a bit, so here the standard library parses them, at the price of several passes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::{DeserializeOwned, Error};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

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
    // serde_json's parser first: it refuses what is no JSON or too deep. What it accepts is read once more, exactly.
    serde_json::from_str::<Value>(text)?;
    serde_json::from_value(exact(serde_json::from_str(text)?)?)
}

fn exact(raw: &RawValue) -> Result<Value, serde_json::Error> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            let fields = fields.into_iter().map(|(name, field)| Ok((name, exact(field)?)));
            fields.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(text)?;
            values.into_iter().map(exact).collect::<Result<_, _>>().map(Value::Array)
        }
        Some(b'-' | b'0'..=b'9') if text.contains(['.', 'e', 'E']) => {
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map(Value::Number).ok_or_else(|| serde_json::Error::custom("a number is too large"))
        }
        _ => serde_json::from_str(text),
    }
}

#[cfg(test)]
mod tests {
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
}
