//! The messages of an Arrow stream, looked at before its reader comes to them: buffers of a batch may be packed (compressed),
//! and what they unpack to is taken from memory before they are.
//!
//! <https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc>

use std::collections::HashMap;
use std::ops::Range;

use arrow_ipc::{DictionaryBatch, RecordBatch, root_as_message};

use super::damage::damaged;
use crate::data::error::DataError;
use crate::data::lease::Lease;
use crate::data::source::{Growing, bytes_at};
use crate::memory::Charge;

/// The metadata of a message has at most so many bytes: a batch of 16,384 columns of words takes a tenth of them.
const MOST_METADATA_BYTES: u32 = 16 << 20;
/// What stands before the length of a message, but for files of before 2019.
const CONTINUATION: u32 = u32::MAX;
/// The length of what a buffer unpacks to, before it.
const PREFIX_BYTES: usize = 8;

/// Each further piece of a dictionary has its reader copy what it had of it. So many bytes may be copied …
const FREE_COPIED_BYTES: u64 = 1 << 30;
/// … and so many more for each byte of the stream.
const COPIED_PER_BYTE: u64 = 64;

/// The messages from a place in a stream on.
pub(super) struct Messages {
    at: u64,
    /// Bytes of the dictionaries, by their ids, as far as they have come.
    dictionaries: HashMap<i64, u64>,
    /// Bytes that were copied for further pieces of them.
    copied: u64,
}

impl Messages {
    /// From byte `at` on.
    pub fn from(at: u64) -> Self {
        Messages { at, dictionaries: HashMap::new(), copied: 0 }
    }

    /// Bytes of the stream behind which the next message begins.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Passes over the messages up to the next batch and says what their buffers unpack to, in bytes. What is wrong with
    /// them, or missing, is left to their reader.
    ///
    /// # Errors
    /// The source cannot be read; `TooLarge`, `Overloaded`: metadata of a message is too long, or a dictionary has too many pieces.
    pub fn unpacked_by_next_batch(&mut self, source: &impl Growing, memory: &Charge) -> Result<u64, DataError> {
        let mut unpacked = 0_u64;
        loop {
            let Some((start, length)) = self.metadata(source)? else { return Ok(unpacked) };
            if length > MOST_METADATA_BYTES {
                let detail =
                    format!("what describes a batch takes {length} bytes; at most {MOST_METADATA_BYTES} are read");
                return Err(DataError::too_large(detail));
            }
            let _lease = Lease::of(memory, u64::from(length))?;
            let bytes = bytes_at(source, start, length as usize)?;
            if bytes.len() < length as usize {
                return Ok(unpacked);
            }
            let message = root_as_message(&bytes).map_err(|error| damaged("Arrow", error))?;
            let body = start + u64::from(length);
            let end = u64::try_from(message.bodyLength()).ok().and_then(|length| body.checked_add(length));
            self.at = end.ok_or_else(|| damaged("Arrow", "a message has fewer bytes than none"))?;
            let batch = message.header_as_record_batch();
            let dictionary = message.header_as_dictionary_batch();
            if let Some(batch) = batch.or(dictionary.and_then(|dictionary| dictionary.data())) {
                let bytes = unpacked_bytes(source, &batch, body..self.at)?;
                unpacked = unpacked.saturating_add(bytes);
                if let Some(dictionary) = dictionary {
                    self.note(&dictionary, bytes.max(self.at - body))?;
                }
            }
            if batch.is_some() {
                return Ok(unpacked);
            }
        }
    }

    /// Takes note of a dictionary of so many bytes, or a further piece of one.
    fn note(&mut self, dictionary: &DictionaryBatch, bytes: u64) -> Result<(), DataError> {
        let known = self.dictionaries.entry(dictionary.id()).or_default();
        let before = if dictionary.isDelta() { *known } else { 0 };
        *known = before.saturating_add(bytes);
        self.copied = self.copied.saturating_add(before);
        if self.copied > FREE_COPIED_BYTES.saturating_add(self.at.saturating_mul(COPIED_PER_BYTE)) {
            return Err(DataError::too_large(
                "a dictionary comes in too many pieces for its length: write it in one, or in larger ones",
            ));
        }
        Ok(())
    }

    /// Where the metadata of the next message begins, and its length; nothing at the end.
    fn metadata(&self, source: &impl Growing) -> Result<Option<(u64, u32)>, DataError> {
        let head = bytes_at(source, self.at, 8)?;
        let number =
            |at: usize| head.get(at..at + 4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes")));
        let (length, before) = match number(0) {
            Some(CONTINUATION) => (number(4), 8),
            length => (length, 4),
        };
        Ok(length.filter(|length| *length > 0).map(|length| (self.at + before, length)))
    }
}

/// What the packed buffers of a batch, whose body lies between two places of the stream, say that they unpack to.
fn unpacked_bytes(source: &impl Growing, batch: &RecordBatch, body: Range<u64>) -> Result<u64, DataError> {
    let (Some(_), Some(buffers)) = (batch.compression(), batch.buffers()) else { return Ok(0) };
    let mut unpacked = 0_u64;
    for buffer in buffers {
        let at = u64::try_from(buffer.offset()).ok().and_then(|offset| body.start.checked_add(offset));
        let Some(at) = at.filter(|at| at.checked_add(PREFIX_BYTES as u64).is_some_and(|end| end <= body.end)) else {
            continue;
        };
        let prefix = bytes_at(source, at, PREFIX_BYTES)?;
        let length = prefix.first_chunk().map_or(0, |prefix| i64::from_le_bytes(*prefix));
        // -1: it is not packed.
        unpacked = unpacked.saturating_add(u64::try_from(length).unwrap_or(0));
    }
    Ok(unpacked)
}
