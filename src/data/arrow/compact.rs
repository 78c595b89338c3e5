//! Structures in Thrift's compact protocol, read as far as page headers and the metadata need it: the Parquet crate keeps its own reader to
//! itself.
//!
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// How deep structures may be nested.
const MOST_DEPTH: u32 = 16;

/// The types of fields that are told apart.
pub(super) const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
/// Integers of 16, 32 and 64 bits, all of them written alike.
pub(super) const INTEGERS: [u8; 3] = [4, 5, 6];
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
const SET: u8 = 10;
pub(super) const STRUCT: u8 = 12;

/// Reads one structure after another from some bytes. `None` is all that is said of bytes that are none, or too few.
pub(super) struct Compact<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Compact<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Compact { bytes, at: 0 }
    }

    /// Bytes that were read.
    pub fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// An unsigned number of seven bits a byte.
    pub fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A signed number.
    pub fn integer(&mut self) -> Option<i64> {
        self.varint().map(|number| (number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A signed number that fits into 32 bits: of a longer one the Parquet crate would take the lowest bits for another.
    pub fn short_integer(&mut self) -> Option<i32> {
        i32::try_from(self.integer()?).ok()
    }

    /// The number and the type of the next field of a structure, whose field before it had the number `last`; (0, 0) at
    /// its end. Fields come in ascending order, as all writers have them, so that none is there twice.
    pub fn field(&mut self, last: i16) -> Option<(i16, u8)> {
        let head = self.byte()?;
        let (field, kind) = match (head >> 4, head & 0x0f) {
            (_, 0) => return Some((0, 0)),
            (0, kind) => (i16::try_from(self.integer()?).ok()?, kind),
            (step, kind) => (last.checked_add(i16::from(step))?, kind),
        };
        (field > last).then_some((field, kind))
    }

    /// The entries of a list and their type.
    pub fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let short = u64::from(head >> 4);
        Some((if short == 15 { self.varint()? } else { short }, head & 0x0f))
    }

    /// Passes over the value of a field.
    pub fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_nested(kind, MOST_DEPTH)
    }

    fn skip_nested(&mut self, kind: u8, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => {}
            BYTE => _ = self.byte()?,
            kind if INTEGERS.contains(&kind) => _ = self.varint()?,
            DOUBLE => _ = self.take(8)?,
            BINARY => {
                let length = self.varint()?;
                self.take(length)?;
            }
            LIST | SET => {
                let (entries, kind) = self.list()?;
                for _ in 0..entries {
                    // In a list a boolean takes a byte.
                    self.skip_nested(if matches!(kind, TRUE | FALSE) { BYTE } else { kind }, depth)?;
                }
            }
            STRUCT => {
                let mut last = 0;
                loop {
                    match self.field(last)? {
                        (_, 0) => return Some(()),
                        (field, kind) => {
                            self.skip_nested(kind, depth)?;
                            last = field;
                        }
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// The next bytes, so many.
    pub fn take(&mut self, bytes: u64) -> Option<&'a [u8]> {
        let end = self.at.checked_add(usize::try_from(bytes).ok()?)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }
}
