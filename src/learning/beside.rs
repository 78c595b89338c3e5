//! Reading an object that has the fields of two types.

use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Fields that are read one at a time, so that those of another type may stand in the same object.
pub trait Fields: Default {
    /// What they are called.
    const NAMES: &'static [&'static str];

    /// Reads the value of the field `name`, one of [`Fields::NAMES`].
    ///
    /// # Errors
    /// The field came before, or what its value's own deserialization finds.
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A) -> Result<(), A::Error>;
}

/// Reads a field that may stand in an object once, and not be null.
///
/// # Errors
/// The field came before, or what its value's own deserialization finds.
pub fn once<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    field: &mut Option<T>,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if field.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    *field = Some(map.next_value()?);
    Ok(())
}

/// An object with the fields of two types. Each value is read where it stands, unlike with serde's `flatten`, which keeps
/// whatever a client sends in memory before it looks at it, and loses the place of an error.
#[derive(Debug)]
pub struct Beside<F, T> {
    /// Those named in [`Fields::NAMES`].
    pub fields: F,
    /// The others.
    pub others: T,
}

impl<'de, F: Fields, T: Deserialize<'de>> Deserialize<'de> for Beside<F, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BesideVisitor<F, T>(PhantomData<(F, T)>);
        impl<'de, F: Fields, T: Deserialize<'de>> Visitor<'de> for BesideVisitor<F, T> {
            type Value = Beside<F, T>;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Beside<F, T>, A::Error> {
                let mut fields = F::default();
                let others = T::deserialize(MapAccessDeserializer::new(Others { map, fields: &mut fields }))?;
                Ok(Beside { fields, others })
            }
        }
        deserializer.deserialize_map(BesideVisitor(PhantomData))
    }
}

/// The entries of a map that are not `fields`, which are read on the way.
struct Others<'a, A, F> {
    map: A,
    fields: &'a mut F,
}

impl<'de, A: MapAccess<'de>, F: Fields> MapAccess<'de> for Others<'_, A, F> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            match F::NAMES.iter().find(|name| **name == key) {
                Some(name) => self.fields.read(name, &mut self.map)?,
                None => return seed.deserialize(key.into_deserializer()).map(Some).map_err(with_names::<A::Error, F>),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// The error of an unknown field with the names of these fields too. serde lists those of the other type after "expected one
/// of" where they are more than two.
fn with_names<E: Error, F: Fields>(error: E) -> E {
    let names: String = F::NAMES.iter().map(|name| format!("`{name}`, ")).collect();
    E::custom(error.to_string().replacen("expected one of ", &format!("expected one of {names}"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Rows(Option<Vec<u8>>);

    impl Fields for Rows {
        const NAMES: &'static [&'static str] = &["rows"];

        fn read<'de, A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A) -> Result<(), A::Error> {
            once(&mut self.0, name, map)
        }
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        seed: u64,
        epochs: u64,
        shuffle: bool,
    }

    #[test]
    fn each_type_reads_its_own_fields_in_any_order() {
        let read: Beside<Rows, Settings> =
            serde_json::from_str(r#"{"epochs":3,"rows":[1,2],"seed":4,"shuffle":true}"#).expect("right");
        assert_eq!(
            (read.fields.0, read.others.seed, read.others.epochs, read.others.shuffle),
            (Some(vec![1, 2]), 4, 3, true)
        );
    }

    #[test]
    fn a_wrong_field_is_told_of_as_if_there_were_one_type() {
        let cases = [
            (r#"{"row":[1]}"#, "unknown field `row`, expected one of `rows`, `seed`, `epochs`, `shuffle`"),
            (r#"{"rows":[1],"rows":[2]}"#, "duplicate field `rows`"),
            (r#"{"rows":null}"#, "invalid type: null, expected a sequence"),
        ];
        for (body, message) in cases {
            let error = serde_json::from_str::<Beside<Rows, Settings>>(body).expect_err(body).to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
