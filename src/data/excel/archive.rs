//! The zip archive that a workbook is: where its parts are, and what they unpack to.
//!
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::damage::damaged;
use crate::data::error::DataError;
use crate::data::lease::Lease;
use crate::data::source::{Growing, bytes_at};
use crate::memory::Charge;

/// How an archive begins, and how the older workbooks and those with a password do.
const ZIP: &[u8; 4] = b"PK\x03\x04";
const COMPOUND: &[u8; 4] = b"\xd0\xcf\x11\xe0";
/// The end of the directory of parts, behind which stands a comment of at most 65,535 bytes.
const END: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const TAIL_BYTES: usize = END_BYTES + 0xffff;
/// The same in archives of many or large parts, and where it is told where it is.
const END_64_LOCATOR_BYTES: usize = 20;
const END_64_BYTES: usize = 56;
/// A part in the directory, and before its content.
const ENTRY: &[u8; 4] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
/// A directory of more bytes is not read: a workbook has a few parts for each sheet.
const MOST_DIRECTORY_BYTES: u64 = 4 << 20;
/// All parts may unpack to so many bytes, and to so many more for each byte of the file.
const FREE_BYTES: u64 = 256 << 20;
const BYTES_PER_BYTE: u64 = 64;
/// Bytes of the file that are held at once.
const PIECE_BYTES: usize = 256 << 10;

/// The parts of a workbook by their names, in small letters.
pub(super) struct Archive<S> {
    source: Arc<S>,
    entries: HashMap<String, Entry>,
    /// Its bytes.
    pub length: u64,
    _lease: Lease,
}

/// A part.
struct Entry {
    /// Where its local header is.
    header: u64,
    packed: u64,
    unpacked: u64,
    method: u16,
    sum: u32,
}

impl<S: Growing + 'static> Archive<S> {
    /// Reads the directory of parts.
    ///
    /// # Errors
    /// `Malformed`: it is no archive; `Unfit`: it has a password or is older; `TooLarge`, `Overloaded`.
    pub fn open(source: S, memory: &Charge) -> Result<Self, DataError> {
        let length = source.wait_for(u64::MAX).map_err(DataError::io)?;
        let head = bytes_at(&source, 0, ZIP.len())?;
        if head[..] == *COMPOUND {
            let detail = "it is an older workbook (.xls), or one with a password: save it as .xlsx, without a password";
            return Err(DataError::unfit(detail));
        }
        if head[..] != *ZIP {
            return Err(DataError::malformed("the file is no Excel workbook (.xlsx)"));
        }
        let (at, bytes) = directory(&source, length).ok_or_else(|| damaged("it has no directory of its parts"))?;
        if bytes > MOST_DIRECTORY_BYTES {
            return Err(DataError::too_large("the workbook has too many parts"));
        }
        // Names are held as they are and as keys.
        let lease = Lease::of(memory, 4 * bytes)?;
        let directory = bytes_at(&source, at, bytes as usize)?;
        let entries = entries(&directory).ok_or_else(|| damaged("the directory of its parts is cut off"))?;
        let unpacked = entries.values().fold(0, |all: u64, entry| all.saturating_add(entry.unpacked));
        if unpacked > FREE_BYTES.saturating_add(length.saturating_mul(BYTES_PER_BYTE)) {
            let detail = format!("the workbook of {length} bytes unpacks to {} MiB: send fewer rows", unpacked >> 20);
            return Err(DataError::too_large(detail));
        }
        Ok(Archive { source: Arc::new(source), entries, length, _lease: lease })
    }

    /// The content of a part, if there is one of this name.
    ///
    /// # Errors
    /// `Malformed`: it is not where the directory says; `Unfit`: it is packed by another method than usual.
    pub fn part(&self, name: &str) -> Result<Option<Part>, DataError> {
        let Some(entry) = self.entries.get(&key(name)) else { return Ok(None) };
        let local = bytes_at(self.source.as_ref(), entry.header, LOCAL_BYTES)?;
        if !local.starts_with(ZIP) || local.len() < LOCAL_BYTES {
            return Err(damaged("a part is not where its directory says"));
        }
        let at = entry.header + (LOCAL_BYTES + number_2(&local, 26) + number_2(&local, 28)) as u64;
        let packed =
            Packed { source: Arc::clone(&self.source), at, end: at.saturating_add(entry.packed), piece: Bytes::new() };
        let unpacked: Box<dyn Read + Send> = match entry.method {
            0 => Box::new(packed),
            8 => Box::new(DeflateDecoder::new(packed)),
            _ => return Err(DataError::unfit("a part of the workbook is packed in an unusual way: save it anew")),
        };
        let source = Arc::clone(&self.source);
        Ok(Some(Part {
            unpacked,
            left: entry.unpacked,
            sum: Crc::new(),
            expected: entry.sum,
            is_wanted: Box::new(move || source.is_wanted()),
            is_given_up: false,
        }))
    }
}

/// A name as parts are looked for: readers of workbooks tell no capitals apart.
pub(super) fn key(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches('/').to_ascii_lowercase()
}

/// Where the directory is, and how long.
fn directory(source: &impl Growing, length: u64) -> Option<(u64, u64)> {
    let before = length.saturating_sub(TAIL_BYTES as u64);
    let tail = bytes_at(source, before, TAIL_BYTES).ok()?;
    let at = (0..=tail.len().checked_sub(END_BYTES)?)
        .rev()
        .find(|at| tail[*at..].starts_with(END) && at + END_BYTES + number_2(&tail, at + 20) == tail.len())?;
    let (bytes, start) = (number_4(&tail, at + 12), number_4(&tail, at + 16));
    if bytes != u64::from(u32::MAX) && start != u64::from(u32::MAX) {
        return Some((start, bytes));
    }
    let locator = tail.get(at.checked_sub(END_64_LOCATOR_BYTES)?..at)?;
    let end = bytes_at(source, number_8(locator, 8).min(length), END_64_BYTES).ok()?;
    (locator.starts_with(b"PK\x06\x07") && end.starts_with(b"PK\x06\x06") && end.len() == END_64_BYTES)
        .then(|| (number_8(&end, 48).min(length), number_8(&end, 40)))
}

/// The parts of a directory.
fn entries(directory: &[u8]) -> Option<HashMap<String, Entry>> {
    let (mut entries, mut rest) = (HashMap::new(), directory);
    while !rest.is_empty() {
        let head = rest.get(..ENTRY_BYTES).filter(|head| head.starts_with(ENTRY))?;
        let (name, extra, comment) = (number_2(head, 28), number_2(head, 30), number_2(head, 32));
        let content = rest.get(ENTRY_BYTES..ENTRY_BYTES + name + extra + comment)?;
        let mut entry = Entry {
            header: number_4(head, 42),
            packed: number_4(head, 20),
            unpacked: number_4(head, 24),
            method: number_2(head, 10) as u16,
            sum: number_4(head, 16) as u32,
        };
        entry.widen(&content[name..name + extra]);
        entries.insert(key(&String::from_utf8_lossy(&content[..name])), entry);
        rest = &rest[ENTRY_BYTES + name + extra + comment..];
    }
    Some(entries)
}

impl Entry {
    /// Takes numbers of 64 bits from the field of extras that has them, in place of those that say so.
    fn widen(&mut self, mut extras: &[u8]) {
        const WIDE: usize = 1;
        while extras.len() >= 4 {
            let (kind, length) = (number_2(extras, 0), number_2(extras, 2));
            let Some(mut wide) = extras.get(4..4 + length) else { return };
            for number in [&mut self.unpacked, &mut self.packed, &mut self.header] {
                if kind == WIDE && *number == u64::from(u32::MAX) && wide.len() >= 8 {
                    *number = number_8(wide, 0).min(i64::MAX as u64);
                    wide = &wide[8..];
                }
            }
            extras = &extras[4 + length..];
        }
    }
}

fn number_2(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn number_4(bytes: &[u8], at: usize) -> u64 {
    number_2(bytes, at) as u64 | ((number_2(bytes, at + 2) as u64) << 16)
}

fn number_8(bytes: &[u8], at: usize) -> u64 {
    number_4(bytes, at) | (number_4(bytes, at + 4) << 32)
}

/// The content of a part, unpacked while it is read and wanted: no more bytes, and no others, than the directory says.
pub(super) struct Part {
    unpacked: Box<dyn Read + Send>,
    left: u64,
    sum: Crc,
    expected: u32,
    is_wanted: Box<dyn Fn() -> bool + Send>,
    /// Whether the reading has ended as nobody waits for it any more.
    pub is_given_up: bool,
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !(self.is_wanted)() {
            self.is_given_up = true;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let read = self.unpacked.read(into)?;
        self.sum.update(&into[..read]);
        let is_whole = self.left == 0 && (cfg!(fuzzing) || self.sum.sum() == self.expected);
        match self.left.checked_sub(read as u64) {
            Some(left) if read > 0 => self.left = left,
            _ if read == 0 && (is_whole || into.is_empty()) => {}
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a part is not what its directory says")),
        }
        Ok(read)
    }
}

/// The bytes of a source between two places.
struct Packed<S> {
    source: Arc<S>,
    at: u64,
    end: u64,
    piece: Bytes,
}

impl<S: Growing> Read for Packed<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            let length = self.end.saturating_sub(self.at).min(PIECE_BYTES as u64);
            self.piece = bytes_at(self.source.as_ref(), self.at, length as usize).map_err(io::Error::other)?;
            self.at += self.piece.len() as u64;
        }
        let count = into.len().min(self.piece.len());
        into[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
