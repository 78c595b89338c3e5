//! The layers of a model: as they are asked for, and checked.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::learning::activation::{Activation, OutputActivation};
use crate::learning::error::{SpecError, require};
use crate::strict::given;

/// Entries of `layers`, the input width included.
pub const MAX_LAYERS: usize = 64;
/// Width of the input or of a layer.
pub const MAX_WIDTH: usize = 65_536;
/// An entry of `layers`: a width, or a width with settings of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec {
    pub(super) units: usize,
    pub(super) settings: Option<LayerSettings>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LayerSettings {
    units: usize,
    #[serde(default, deserialize_with = "given")]
    pub(super) activation: Option<OutputActivation>,
    #[serde(default, deserialize_with = "given")]
    pub(super) dropout: Option<f64>,
}

impl From<usize> for LayerSpec {
    fn from(units: usize) -> Self {
        LayerSpec { units, settings: None }
    }
}

impl<'de> Deserialize<'de> for LayerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LayerVisitor;
        impl<'de> Visitor<'de> for LayerVisitor {
            type Value = LayerSpec;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a width or an object such as {\"units\":64,\"activation\":\"relu\",\"dropout\":0.1}")
            }

            fn visit_u64<E: Error>(self, units: u64) -> Result<LayerSpec, E> {
                Ok(LayerSpec::from(usize::try_from(units).unwrap_or(usize::MAX)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LayerSpec, A::Error> {
                let settings = LayerSettings::deserialize(MapAccessDeserializer::new(map))?;
                Ok(LayerSpec { units: settings.units, settings: Some(settings) })
            }
        }
        deserializer.deserialize_any(LayerVisitor)
    }
}

/// One checked layer.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidLayer {
    /// Width of the layer's input.
    pub inputs: usize,
    /// Width of the layer.
    pub units: usize,
    /// Activation of a hidden layer; the last layer has `Identity` here, its own stands in [`ValidModelSpec::output`](super::ValidModelSpec::output).
    pub activation: Activation,
    /// Share of units dropped in training.
    pub dropout: f64,
}

impl ValidLayer {
    /// Weights and biases.
    pub fn parameter_count(&self) -> usize {
        self.inputs * self.units + self.units
    }
}

/// Checks that there are layers, and that their widths are within the limits.
pub(super) fn check_widths(layers: &[LayerSpec]) -> Result<(), SpecError> {
    require((2..=MAX_LAYERS).contains(&layers.len()), "/layers", || {
        format!("layers has {} entries; it takes 2 to {MAX_LAYERS}: the input width, then each layer", layers.len())
    })?;
    require(layers[0].settings.is_none(), "/layers/0", || "the first entry is the input width: a number".into())?;
    for (i, layer) in layers.iter().enumerate() {
        require((1..=MAX_WIDTH).contains(&layer.units), &format!("/layers/{i}"), || {
            format!("a width lies between 1 and {MAX_WIDTH}; got {}", layer.units)
        })?;
    }
    Ok(())
}
