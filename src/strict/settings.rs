//! Settings that may be left out, be a word, or be bounded in number.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::memory::made;
use crate::wording::Shown;

/// A list of so many entries is charged when it grows.
const COUNTED: usize = 64;

/// Reads an optional setting that may be left out, but not be null: null is no number.
///
/// # Errors
/// What the value's own deserialization finds.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a list of at most `N` entries, and stops at the first one too many: what a few bytes each of a large body ask
/// for may take far more memory than the body.
///
/// # Errors
/// More entries, or what an entry's own deserialization finds.
pub fn at_most<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(d: D) -> Result<Vec<T>, D::Error> {
    struct List<T, const N: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for List<T, N> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            write!(f, "a list of at most {N} entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = list.next_element()? {
                if entries.len() == N {
                    return Err(A::Error::custom(format!("more than {N} entries")));
                }
                if entries.len() == entries.capacity() && entries.len() >= COUNTED {
                    // It is about to double.
                    made((entries.len() * size_of::<T>()) as u64).map_err(|_| A::Error::custom("no memory"))?;
                }
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    d.deserialize_seq(List::<T, N>(PhantomData))
}

/// Reads a list of at most `N` names, each of at most `LENGTH` characters.
///
/// # Errors
/// More names, or a longer one.
pub fn names_of_at_most<'de, D: Deserializer<'de>, const N: usize, const LENGTH: usize>(
    d: D,
) -> Result<Vec<String>, D::Error> {
    at_most::<_, Name<LENGTH>, N>(d).map(|names| names.into_iter().map(|Name(name)| name).collect())
}

/// A text of at most so many characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<const LENGTH: usize>(pub String);

impl<'de, const LENGTH: usize> Deserialize<'de> for Name<LENGTH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor<const LENGTH: usize>;
        impl<const LENGTH: usize> Visitor<'_> for NameVisitor<LENGTH> {
            type Value = Name<LENGTH>;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<LENGTH>, E> {
                if name.len() > LENGTH && name.chars().count() > LENGTH {
                    return Err(E::custom(format!("a name of more than {LENGTH} characters")));
                }
                Ok(Name(name.to_owned()))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Reads a map of at most `N` entries from text to `T`, and stops at the first one too many.
///
/// # Errors
/// More entries, an entry twice, or what an entry's own deserialization finds.
pub fn map_of_at_most<'de, A: MapAccess<'de>, T: Deserialize<'de>, const N: usize>(
    mut map: A,
) -> Result<BTreeMap<String, T>, A::Error> {
    let mut entries = BTreeMap::new();
    while let Some((key, value)) = map.next_entry::<String, T>()? {
        if entries.len() == N {
            return Err(A::Error::custom(format!("more than {N} entries")));
        }
        if entries.contains_key(&key) {
            return Err(A::Error::custom(format!("{} is there twice", Shown(&key))));
        }
        entries.insert(key, value);
    }
    Ok(entries)
}

/// A value that must be written as an object: serde's structs would also take a list of their fields' values.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// Reads a setting that may be left out, or be null, which says that there is none, or be an object.
///
/// # Errors
/// What the object's own deserialization finds.
pub fn object_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<Object<T>>::deserialize(d).map(|setting| Some(setting.map(|Object(setting)| setting)))
}

/// Reads a setting that is a word or an object whose `type` is that word: `"adam"` is `{"type":"adam"}`.
///
/// # Errors
/// What the object's own deserialization finds.
pub fn word_or_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct WordOrObject<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for WordOrObject<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a word, or an object with a `type`")
        }

        fn visit_str<E: Error>(self, word: &str) -> Result<Option<T>, E> {
            T::deserialize(MapDeserializer::new(std::iter::once(("type", word)))).map(Some)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
    deserializer.deserialize_any(WordOrObject(PhantomData))
}
