//! Checksums of a blob, block by block, so that any part of it can be checked without reading the whole.

use std::fmt::Write;
use std::ops::Range;

use crc_fast::{CrcAlgorithm, Digest, checksum};

use super::StorageError;

/// Bytes that have a checksum together. A read is widened to whole blocks, so they are small; each takes eight characters
/// in the catalog.
pub const BLOCK_BYTES: u64 = 64 << 10;
/// That of zlib: it finds every flipped bit, and at 25 to 60 GB/s takes no time beside reading.
const CRC: CrcAlgorithm = CrcAlgorithm::Crc32IsoHdlc;
/// Of a checksum as text.
const DIGITS: usize = 8;

/// The CRC-32 of each block of a blob, and its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksums {
    bytes: u64,
    blocks: Vec<u32>,
}

impl Checksums {
    /// Of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let mut summing = Summing::default();
        summing.add(bytes);
        summing.finish()
    }

    /// Size of the blob.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The whole blocks that have a part of the blob.
    pub fn blocks_around(&self, part: Range<u64>) -> Range<u64> {
        // A part that reaches beyond the end is left so, for the store to refuse.
        let end = part.end.next_multiple_of(BLOCK_BYTES).min(self.bytes).max(part.end);
        part.start / BLOCK_BYTES * BLOCK_BYTES..end
    }

    /// Checks whole blocks of the blob `key`, the first of which begins at `start`.
    ///
    /// # Errors
    /// `Damaged`, with the first block that is not what was written.
    pub fn check(&self, key: &str, start: u64, blocks: &[u8]) -> Result<(), StorageError> {
        let first = usize::try_from(start / BLOCK_BYTES).expect("offsets fit");
        for (block, index) in blocks.chunks(BLOCK_BYTES as usize).zip(first..) {
            if self.blocks.get(index) != Some(&sum_of(block)) {
                let at = index as u64 * BLOCK_BYTES;
                return Err(StorageError::damaged(key, format!("the checksum of its block at byte {at} does not fit")));
            }
        }
        Ok(())
    }

    /// Checks the size of the blob `key`.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn check_size(&self, key: &str, bytes: u64) -> Result<(), StorageError> {
        if bytes == self.bytes {
            return Ok(());
        }
        Err(StorageError::damaged(key, format!("it has {bytes} bytes; {} were written", self.bytes)))
    }

    /// As the catalog keeps them: eight hexadecimal digits a block.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.blocks.len() * DIGITS);
        self.blocks.iter().for_each(|sum| write!(text, "{sum:08x}").expect("writing to a string does not fail"));
        text
    }

    /// What [`Checksums::to_text`] made `text` of, for a blob of so many bytes; none if it is not that.
    pub(super) fn from_text(bytes: u64, text: &str) -> Option<Self> {
        let digits = text.as_bytes().chunks(DIGITS).map(|digits| std::str::from_utf8(digits).ok());
        let blocks: Option<Vec<u32>> = digits.map(|digits| u32::from_str_radix(digits?, 16).ok()).collect();
        let blocks = blocks.filter(|blocks| blocks.len() as u64 == bytes.div_ceil(BLOCK_BYTES))?;
        Some(Checksums { bytes, blocks })
    }
}

/// Checksums in the making.
#[derive(Clone)]
pub struct Summing {
    /// Of the block under way.
    block: Digest,
    bytes: u64,
    blocks: Vec<u32>,
}

impl Default for Summing {
    fn default() -> Self {
        Summing { block: Digest::new(CRC), bytes: 0, blocks: Vec::new() }
    }
}

impl Summing {
    /// Takes further bytes in.
    pub fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = BLOCK_BYTES - self.bytes % BLOCK_BYTES;
            let (now, later) = bytes.split_at(bytes.len().min(room as usize));
            self.block.update(now);
            self.bytes += now.len() as u64;
            if self.bytes.is_multiple_of(BLOCK_BYTES) {
                self.end_block();
            }
            bytes = later;
        }
    }

    /// The checksums of all that was taken in.
    pub fn finish(mut self) -> Checksums {
        if !self.bytes.is_multiple_of(BLOCK_BYTES) {
            self.end_block();
        }
        Checksums { bytes: self.bytes, blocks: self.blocks }
    }

    fn end_block(&mut self) {
        let block = std::mem::replace(&mut self.block, Digest::new(CRC));
        self.blocks.push(block.finalize() as u32);
    }
}

/// A checksum of 32 bits, which comes in 64.
fn sum_of(block: &[u8]) -> u32 {
    checksum(CRC, block) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_and_a_wrong_size_are_seen_in_whatever_pieces_they_were_written() {
        let block = BLOCK_BYTES as usize;
        for length in [0, 1, block - 1, block, 2 * block + 5] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 7 % 251) as u8).collect();
            let mut summing = Summing::default();
            bytes.chunks(1000).for_each(|piece| summing.add(piece));
            let sums = summing.finish();
            assert_eq!(sums, Checksums::of(&bytes));
            assert_eq!(Checksums::from_text(length as u64, &sums.to_text()), Some(sums.clone()));
            assert_eq!(Checksums::from_text(length as u64 + BLOCK_BYTES, &sums.to_text()), None);
            assert!(sums.check("k", 0, &bytes).is_ok() && sums.check_size("k", length as u64 + 1).is_err());
            for at in [0, length / 2, length.saturating_sub(1)].into_iter().filter(|at| *at < length) {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << (at % 8);
                assert!(sums.check("k", 0, &flipped).is_err(), "byte {at} of {length}");
                let start = at / block * block;
                assert!(sums.check("k", start as u64, &flipped[start..]).is_err());
            }
        }
        assert_eq!(Checksums::from_text(1, "0000000g"), None);
    }
}
