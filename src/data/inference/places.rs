//! Where cells stand, by line or row, and how they are shown.

/// Characters of a cell that are kept to be shown.
const SHOWN: usize = 60;
/// Behind all places.
pub(super) const NOWHERE: u64 = u64::MAX;

/// The first characters of a text.
pub(super) fn shown(text: &str) -> Box<str> {
    text.chars().take(SHOWN).collect()
}

/// The earlier of what two pieces have seen.
pub(super) fn earliest<T: Ord>(one: Option<T>, two: Option<T>) -> Option<T> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}
