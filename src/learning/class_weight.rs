//! How much each class counts in the loss, and the classes that settings may name.

use std::collections::BTreeMap;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{SpecError, require};
use super::row_weights::RowWeights;
use super::spec::{MAX_WIDTH, ValidModelSpec};
use crate::strict::map_of_at_most;
use crate::wording::Shown;

/// What has classes, in messages.
pub(super) const OF_CLASSES: &str = "a classification, cross_entropy, or binary_cross_entropy of one output";

/// Classes that a message lists at most.
const LISTED_CLASSES: usize = 20;

/// The classes of what is trained, as settings name them.
#[derive(Clone, Copy, Debug)]
pub enum Classes<'a> {
    /// It has none.
    None,
    /// So many: they are called 0, 1 and so on.
    Count(usize),
    /// These.
    Named(&'a [String]),
}

impl Classes<'_> {
    /// The classes of a model by layer sizes.
    pub fn of(model: &ValidModelSpec) -> Self {
        model.classes().map_or(Classes::None, Classes::Count)
    }

    fn has(self, class: &str) -> bool {
        match self {
            Classes::None => false,
            Classes::Count(count) => {
                class.parse::<usize>().is_ok_and(|index| index < count && class == index.to_string())
            }
            Classes::Named(names) => names.iter().any(|name| name == class),
        }
    }

    /// The classes by name, in order.
    fn names(self) -> Vec<String> {
        match self {
            Classes::None => Vec::new(),
            Classes::Count(count) => (0..count).map(|class| class.to_string()).collect(),
            Classes::Named(names) => names.to_vec(),
        }
    }

    /// That `class` is none of them, and which there are.
    fn without(self, class: &str) -> String {
        let class = Shown(class);
        if let Classes::Count(count) = self {
            return format!("class {class} is not one of 0 to {}", count - 1);
        }
        let names = self.names();
        let listed: Vec<_> = names.iter().take(LISTED_CLASSES).map(|name| Shown(name).to_string()).collect();
        let further = names.len() - listed.len();
        let more = if further > 0 { format!(" and {further} more") } else { String::new() };
        format!("{class} is no class of the data, which have {}{more}", listed.join(", "))
    }
}

/// Weight of each class in the loss.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeight {
    /// rows / (classes · rows of the class), as in scikit-learn; where rows have weights, these are counted in their place.
    Balanced,
    /// By class; classes that are not named weigh 1.
    Given(BTreeMap<String, f64>),
}

impl ClassWeight {
    pub(super) fn check(&self, classes: Classes) -> Result<(), SpecError> {
        if matches!(classes, Classes::None) {
            let detail = format!("class_weight needs classes: {OF_CLASSES}");
            return Err(SpecError::invalid("/class_weight", detail));
        }
        let ClassWeight::Given(weights) = self else { return Ok(()) };
        for (class, weight) in weights {
            require(classes.has(class), "/class_weight", || classes.without(class))?;
            let pointer = format!("/class_weight/{class}");
            let holds = *weight > 0.0 && (*weight as f32).is_normal();
            require(holds, &pointer, || "a class weight must be above 0, and a 32-bit float must hold it".into())?;
        }
        Ok(())
    }

    /// The weight of each row in the loss, given the rows' classes: that of its class, times its own among `weights`.
    pub fn row_weights(&self, labels: &[u32], classes: Classes, weights: RowWeights) -> Vec<f32> {
        let names = classes.names();
        let by_class: Vec<f64> = match self {
            ClassWeight::Given(weights) => {
                names.iter().map(|class| weights.get(class).copied().unwrap_or(1.0)).collect()
            }
            ClassWeight::Balanced => {
                let classes = names.len();
                let mut of_class = vec![0.0; classes];
                labels.iter().enumerate().for_each(|(row, label)| of_class[*label as usize] += weights.get(row));
                let total = weights.total(labels.len());
                let share = |of_class: &f64| total / (classes as f64 * of_class);
                of_class.iter().map(|of_class| if *of_class > 0.0 { share(of_class) } else { 1.0 }).collect()
            }
        };
        let of_row = |(row, label): (usize, &u32)| (by_class[*label as usize] * weights.get(row)) as f32;
        labels.iter().enumerate().map(of_row).map(|weight| weight.clamp(f32::MIN_POSITIVE, f32::MAX)).collect()
    }
}

impl Serialize for ClassWeight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ClassWeight::Balanced => serializer.serialize_str("balanced"),
            ClassWeight::Given(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ClassWeightVisitor;
        impl<'de> Visitor<'de> for ClassWeightVisitor {
            type Value = ClassWeight;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("\"balanced\" or an object of weights such as {\"0\":1,\"1\":3}")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<ClassWeight, E> {
                if word == "balanced" {
                    Ok(ClassWeight::Balanced)
                } else {
                    Err(E::unknown_variant(word, &["balanced"]))
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClassWeight, A::Error> {
                map_of_at_most::<_, _, MAX_WIDTH>(map).map(ClassWeight::Given)
            }
        }
        deserializer.deserialize_any(ClassWeightVisitor)
    }
}
