//! Where a word belongs among those of an encoding.

/// Where a word belongs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slot {
    /// It has a place of its own, this one in [`Feature::words`](super::Feature::words); of a text, some of its words have a code.
    Own(usize),
    /// It shares a place with other words that few training rows have; of a text, none of its words has a code.
    Rare,
    /// No training row has it.
    Unseen,
}
