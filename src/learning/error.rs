//! What is wrong with a specification or with the examples that came with it.

/// The kind of trouble, for those who answer it with a code of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecErrorKind {
    /// A setting is outside its range, or does not go with another one.
    Invalid,
    /// Numbers of rows or columns do not fit.
    Shape,
    /// The model has more parameters than this build allows.
    TooLarge,
}

/// A specification that cannot be used. `pointer` is the JSON pointer of the setting within the specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct SpecError {
    /// What kind of trouble it is.
    pub kind: SpecErrorKind,
    /// Where: a JSON pointer such as `/layers/2`.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl SpecError {
    /// A setting outside its range, or one that does not go with another.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        SpecError { kind: SpecErrorKind::Invalid, pointer: pointer.into(), detail: detail.into() }
    }

    /// Rows or columns that do not fit.
    pub fn shape(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        SpecError { kind: SpecErrorKind::Shape, pointer: pointer.into(), detail: detail.into() }
    }
}

/// `Ok` if `holds`, else an invalid setting at `pointer`.
pub(super) fn require(holds: bool, pointer: &str, detail: impl FnOnce() -> String) -> Result<(), SpecError> {
    if holds { Ok(()) } else { Err(SpecError::invalid(pointer, detail())) }
}

/// A number as a person writes it: far from 1, with an exponent.
pub(super) fn shown(value: f64) -> String {
    let plain = value == 0.0 || (1e-6..1e9).contains(&value.abs());
    if plain { value.to_string() } else { format!("{value:e}") }
}
