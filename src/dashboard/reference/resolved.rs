//! An OpenAPI document whose references are followed.

use serde_json::Value;

/// The document.
#[derive(Clone, Copy)]
pub struct Contract<'a>(pub &'a Value);

impl<'a> Contract<'a> {
    /// The value, or what it refers to.
    pub fn at(self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            Some(pointer) => self.0.pointer(pointer).map_or(&Value::Null, |value| self.at(value)),
            None => value,
        }
    }

    /// The values of a list, or what they refer to.
    pub fn list(self, values: &'a Value) -> impl Iterator<Item = &'a Value> {
        values.as_array().into_iter().flatten().map(move |value| self.at(value))
    }

    /// What calls are grouped by.
    pub fn tags(self) -> impl Iterator<Item = &'a Value> {
        self.0["tags"].as_array().into_iter().flatten()
    }
}
