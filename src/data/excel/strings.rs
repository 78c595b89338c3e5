//! The texts that cells share: a cell has its number alone.

use super::xml::{Node, Xml};
use crate::data::error::DataError;
use crate::data::lease::Lease;
use crate::memory::Charge;

/// What an end takes.
const END_BYTES: usize = 8;
/// Memory is taken in steps of so many bytes.
const STEP_BYTES: u64 = 1 << 20;

/// The texts of a workbook, one behind the other.
pub(super) struct Strings {
    text: String,
    /// Where each of them ends.
    ends: Vec<usize>,
    _lease: Lease,
}

impl Strings {
    /// No texts.
    pub fn none(memory: &Charge) -> Self {
        Strings { text: String::new(), ends: Vec::new(), _lease: Lease::of_held(memory, 0) }
    }

    /// Reads the part that has them.
    ///
    /// # Errors
    /// `Malformed`: it cannot be read; `TooLarge`, `Overloaded`: there is no memory for them.
    pub fn read(mut part: Xml, memory: &Charge) -> Result<Self, DataError> {
        let (mut text, mut ends, mut lease) = (String::new(), Vec::new(), Lease::of(memory, STEP_BYTES)?);
        loop {
            part.anew();
            match part.next()? {
                None => return Ok(Strings { text, ends, _lease: lease }),
                Some(Node::Begin(element)) if element.local_name().as_ref() == b"si" => {
                    part.rich_text(&mut text)?;
                    ends.push(text.len());
                    // Both grow by doubling.
                    let held = 2 * (text.len() + END_BYTES * ends.len()) as u64;
                    if held > lease.bytes() {
                        lease.cover(held + STEP_BYTES)?;
                    }
                }
                _ => {}
            }
        }
    }

    /// The text of a number.
    pub fn get(&self, at: usize) -> Option<&str> {
        let start = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start..*self.ends.get(at)?)
    }
}
