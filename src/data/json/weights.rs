//! How much each row counts, as a request says it.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::rows::Rows;
use crate::data::limits::check_column_name;

/// A column by name, a number for each row, or null: all count alike.
#[derive(Clone, Debug, PartialEq)]
pub enum GivenWeights {
    /// All rows count alike.
    Alike,
    /// As the numbers of this column say.
    Column(String),
    /// As these say.
    Rows(Rows),
}

impl<'de> Deserialize<'de> for GivenWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WeightsVisitor;
        impl<'de> Visitor<'de> for WeightsVisitor {
            type Value = GivenWeights;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("the name of a column, a list of numbers, or null")
            }

            fn visit_unit<E: Error>(self) -> Result<GivenWeights, E> {
                Ok(GivenWeights::Alike)
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<GivenWeights, E> {
                check_column_name(name).map_err(E::custom)?;
                Ok(GivenWeights::Column(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<GivenWeights, A::Error> {
                Rows::deserialize(SeqAccessDeserializer::new(list)).map(GivenWeights::Rows)
            }
        }
        deserializer.deserialize_any(WeightsVisitor)
    }
}
