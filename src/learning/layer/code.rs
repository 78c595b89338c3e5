//! Codes: the whole numbers that pick the vectors of an embedding.

/// The code that a value stands for, of so many; none where it is no code: a fraction, not a number, or out of range.
pub fn known_code(value: f32, values: usize) -> Option<usize> {
    (value >= 0.0 && value < values as f32 && value.fract() == 0.0).then_some(value as usize)
}

/// The codes of a bag that are there: not 0, which fills the places that a row does not need, nor what is no code.
pub fn present(codes: &[f32], values: usize) -> impl Iterator<Item = usize> + Clone {
    codes.iter().filter_map(move |code| known_code(*code, values)).filter(|code| *code > 0)
}
