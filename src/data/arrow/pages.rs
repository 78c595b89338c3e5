//! The pages of a Parquet file, by their headers alone: what they unpack to is known before anything is unpacked.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use parquet::arrow::ProjectionMask;
use parquet::basic::{Compression, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::ChunkReader;

use super::compact::{Compact, STRUCT, TRUE};
use super::damage::damaged;
use crate::data::error::DataError;
use crate::data::lease::Lease;
use crate::memory::Charge;

/// A header and, where they are small, the pages behind it are read at once.
const WINDOW: u64 = 4096;
/// A header has at most so many bytes: it may quote the smallest and the largest word of its page.
const MOST_HEADER_BYTES: u64 = 1 << 20;
/// Pages of one row group that are unpacked at the same time may take so many bytes, and so many more for each byte of
/// the file.
const FREE_BYTES: u64 = 64 << 20;
const BYTES_PER_BYTE: u64 = 64;
/// A page packed as gzip into more bytes than this may unpack to more than [`FREE_BYTES`]: gzip packs 1,032 bytes into one.
const MOST_UNSURE_BYTES: u64 = FREE_BYTES / 1032;
/// What reads a column holds so many bytes until its row group is read, and its Zstandard contexts so many more: measured
/// with files of 8,000 columns.
const READER_BYTES: u64 = 6 << 10;
const ZSTD_BYTES: u64 = 24 << 10;
/// A window of Brotli has at most 16 MiB, and grows by being copied.
const BROTLI_BYTES: u64 = 32 << 20;
/// How a stream of Brotli begins whose window may be larger, in its lowest seven bits: no writer of Parquet files makes one.
const LARGE_WINDOW: u8 = 0x11;
/// Bytes of Brotli that are unpacked at once.
const BROTLI_PIECE: usize = 4096;
/// How LZ4 frames begin, now and formerly: what they unpack to is known to none but their decoder.
const LZ4_FRAMES: [[u8; 4]; 2] = [[0x04, 0x22, 0x4d, 0x18], [0x02, 0x21, 0x4c, 0x18]];

/// What reading a file takes at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// Bytes of the pages that are unpacked at the same time, whatever the number of rows.
    pub pages: u64,
    /// Bytes of what reads the columns.
    pub readers: u64,
    /// Bytes of the cells of a row, about, before words that several rows share are told apart.
    pub row: u64,
    /// The row groups and columns in them whose content is to be gone through: words written with lists of lengths, and
    /// times of 96 bits.
    pub unsure: Vec<(usize, usize)>,
}

/// The same of a column of a row group.
struct ColumnDemand {
    pages: u64,
    readers: u64,
    row: u64,
    is_unsure: bool,
}

/// What the header of a page says.
#[derive(Debug, Default)]
struct Page {
    kind: i32,
    unpacked: u64,
    packed: u64,
    values: u64,
    encoding: i32,
    /// Bytes before the values that are never packed.
    levels: u64,
    /// Whether the values are packed, where the column's are.
    is_packed: bool,
}

/// Words behind the list of their lengths, as Parquet numbers the encodings.
const DELTA_LENGTH_BYTE_ARRAY: i32 = 6;
/// Words that share their beginnings with the words before them.
const DELTA_BYTE_ARRAY: i32 = 7;

/// The kinds of pages, from the first to the last; those of an index are numbered between them.
const DATA: i32 = 0;
const DICTIONARY: i32 = 2;
const DATA_2: i32 = 3;

impl Demand {
    /// Looks at the headers of all pages of the columns that are read; `memory` is charged with what has to be unpacked for
    /// that.
    ///
    /// # Errors
    /// `Malformed`: the pages are not as the file says; `TooLarge`: they unpack to more than such a file may.
    pub fn of<S: ChunkReader>(
        source: &S,
        metadata: &ParquetMetaData,
        read: &ProjectionMask,
        memory: &Charge,
    ) -> Result<Self, DataError> {
        let mut most = Demand::default();
        for (at, group) in metadata.row_groups().iter().enumerate() {
            let (mut of_group, mut unpacker) = (Demand::default(), 0);
            for (index, column) in group.columns().iter().enumerate().filter(|(index, _)| read.leaf_included(*index)) {
                let _unpacker = Lease::of(memory, unpacker_bytes(column))?;
                unpacker = unpacker.max(unpacker_bytes(column));
                let demand = of_column(source, column)?;
                most.unsure.extend(demand.is_unsure.then_some((at, index)));
                of_group.pages = of_group.pages.saturating_add(demand.pages);
                of_group.readers += demand.readers;
                of_group.row = of_group.row.saturating_add(demand.row);
            }
            most.pages = most.pages.max(of_group.pages);
            most.readers = most.readers.max(of_group.readers + unpacker);
            most.row = most.row.max(of_group.row);
        }
        let free = FREE_BYTES.saturating_add(source.len().saturating_mul(BYTES_PER_BYTE));
        if most.pages > free {
            return Err(DataError::too_large(format!(
                "the pages of a row group unpack to {} MiB at a time, too much for a file of {} bytes: write it with \
                 smaller pages or fewer columns",
                most.pages >> 20,
                source.len()
            )));
        }
        Ok(most)
    }
}

/// What reading a column of a row group takes: its dictionary, two pages, as rows that are read at once may lie in two, and
/// what the largest page has for a row.
fn of_column<S: ChunkReader>(source: &S, column: &ColumnChunkMetaData) -> Result<ColumnDemand, DataError> {
    let (start, length) = column.byte_range();
    let end = start.saturating_add(length);
    let is_words = column.column_type() == Type::BYTE_ARRAY;
    let (mut at, mut window) = (start, (start, bytes::Bytes::new()));
    let (mut dictionary, mut data, mut row) = (0, 0, 0);
    let mut is_unsure = column.column_type() == Type::INT96;
    while at < end {
        let (page, behind) = page_at(source, &mut window, at, end).map_err(|error| of(column, error))?;
        let fits = behind.checked_add(page.packed).filter(|end_of_page| *end_of_page <= end);
        let Some(next) = fits else { return Err(of(column, damaged("Parquet", "a page is longer than its column"))) };
        check_packing(source, column, &page, behind).map_err(|error| of(column, error))?;
        match page.kind {
            DICTIONARY if page.values > page.unpacked => {
                return Err(of(column, damaged("Parquet", "a dictionary has fewer bytes than entries")));
            }
            // A word is found by a view of 16 bytes, and stays where it was unpacked; a number is copied.
            DICTIONARY => dictionary = page.unpacked.saturating_add(page.values.saturating_mul(16)),
            DATA | DATA_2 => {
                data = page.unpacked.max(data);
                is_unsure |= matches!(page.encoding, DELTA_LENGTH_BYTE_ARRAY | DELTA_BYTE_ARRAY);
                let of_a_row = match page.encoding {
                    // A word may repeat the beginning of the one before: each may be as long as the page.
                    DELTA_BYTE_ARRAY => page.unpacked,
                    _ => page.unpacked.div_ceil(page.values.max(1)),
                };
                row = of_a_row.max(row);
            }
            _ => {}
        }
        at = next;
    }
    let mut pages = dictionary + if is_words { 2 * data } else { data };
    let mut readers = READER_BYTES;
    match column.compression() {
        Compression::ZSTD(_) => readers += ZSTD_BYTES,
        // Its decoder reads by a buffer of the page's length.
        Compression::BROTLI(_) => pages += data.max(dictionary),
        _ => {}
    }
    Ok(ColumnDemand { pages, readers, row: 17 + if is_words { row } else { 0 }, is_unsure })
}

/// What unpacking a page of a column takes beside the page: one at a time is unpacked.
fn unpacker_bytes(column: &ColumnChunkMetaData) -> u64 {
    if matches!(column.compression(), Compression::BROTLI(_)) { BROTLI_BYTES } else { 0 }
}

fn of(column: &ColumnChunkMetaData, error: DataError) -> DataError {
    error.of(&column.column_path().string())
}

/// The page whose header is at `at`, and where its content begins.
fn page_at<S: ChunkReader>(
    source: &S,
    window: &mut (u64, bytes::Bytes),
    at: u64,
    end: u64,
) -> Result<(Page, u64), DataError> {
    let unreadable = |error| damaged("Parquet", error);
    let mut wanted = WINDOW;
    loop {
        let known = at.checked_sub(window.0).and_then(|skip| window.1.get(skip as usize..)).unwrap_or_default();
        let mut header = Compact::new(known);
        if let Some(page) = Page::read(&mut header) {
            return Ok((page, at + header.position() as u64));
        }
        let is_all = window.0 == at && window.1.len() as u64 >= wanted.min(end - at);
        if is_all && (wanted >= end - at || wanted >= MOST_HEADER_BYTES) {
            return Err(damaged("Parquet", "the header of a page cannot be read"));
        }
        wanted = if is_all { wanted * 8 } else { wanted };
        *window = (at, source.get_bytes(at, wanted.min(end - at) as usize).map_err(unreadable)?);
    }
}

impl Page {
    /// Nothing if it is no header, or goes on behind the bytes. What it says is read as the Parquet crate reads it, or it is none:
    /// by what is read here memory is charged.
    fn read(header: &mut Compact) -> Option<Page> {
        let mut page = Page { kind: -1, is_packed: true, ..Page::default() };
        let mut last = 0;
        loop {
            let (field, kind) = header.field(last)?;
            match (field, page.kind) {
                (_, DATA..=DATA_2) if kind == 0 => return Some(page),
                _ if kind == 0 => return None,
                (1, _) => page.kind = header.short_integer()?,
                (2, _) => page.unpacked = size(header)?,
                (3, _) => page.packed = size(header)?,
                // Of what there is for each kind of pages, that of its own counts.
                (5..=8, _) if kind != STRUCT => return None,
                (5, DATA) | (7, DICTIONARY) => page.read_content(header, 2)?,
                (8, DATA_2) => page.read_content(header, 4)?,
                _ => header.skip(kind)?,
            }
            last = field;
        }
    }

    /// The values of a page in what it is packed into.
    fn values<'a>(&self, packed: &'a [u8]) -> &'a [u8] {
        packed.get(self.levels as usize..).unwrap_or_default()
    }

    /// What a header says of the page's values; the field `encoding` says how they are written.
    fn read_content(&mut self, header: &mut Compact, encoding: i16) -> Option<()> {
        let mut last = 0;
        loop {
            let (field, kind) = header.field(last)?;
            match field {
                _ if kind == 0 => return Some(()),
                1 => self.values = size(header)?,
                field if field == encoding => self.encoding = header.short_integer()?,
                // Of the second form of data pages alone, whose encoding is its fourth field.
                5 | 6 if encoding == 4 => self.levels += size(header)?,
                7 if encoding == 4 => self.is_packed = kind == TRUE,
                _ => header.skip(kind)?,
            }
            last = field;
        }
    }
}

/// A number that says how much of something there is.
fn size(header: &mut Compact) -> Option<u64> {
    u64::try_from(header.short_integer()?).ok()
}

/// Checks that a page unpacks to what its header says, where its decoder does not end there by itself.
fn check_packing<S: ChunkReader>(
    source: &S,
    column: &ColumnChunkMetaData,
    page: &Page,
    at: u64,
) -> Result<(), DataError> {
    let content = |length: u64| {
        let bytes = source.get_bytes(at, page.packed.min(length) as usize);
        bytes.map_err(|error| damaged("Parquet", error))
    };
    match column.compression() {
        Compression::GZIP(_) if page.is_packed && page.packed > MOST_UNSURE_BYTES => {
            let packed = content(u64::MAX)?;
            check_length(MultiGzDecoder::new(page.values(&packed)), page)
        }
        // It packs any number of bytes into a few.
        Compression::BROTLI(_) if page.is_packed => {
            let packed = content(u64::MAX)?;
            let values = page.values(&packed);
            if values.first().is_some_and(|first| first & 0x7f == LARGE_WINDOW) {
                return Err(DataError::unfit(
                    "a page is packed by Brotli with a large window: write it with a usual one",
                ));
            }
            check_length(brotli::Decompressor::new(values, BROTLI_PIECE), page)
        }
        Compression::LZO => {
            Err(DataError::unfit("columns packed with LZO cannot be read: write the file with ZSTD or SNAPPY"))
        }
        Compression::LZ4 if LZ4_FRAMES.iter().any(|mark| content(4).is_ok_and(|bytes| bytes[..] == *mark)) => {
            Err(DataError::unfit("LZ4 frames cannot be read: write the file with LZ4_RAW, ZSTD or SNAPPY"))
        }
        _ => Ok(()),
    }
}

/// Checks that a page unpacks to no more bytes than its header says. What cannot be unpacked to its end is left to the
/// decoder, which ends at the same place.
fn check_length(unpacked: impl Read, page: &Page) -> Result<(), DataError> {
    match io::copy(&mut unpacked.take(page.unpacked + 1), &mut io::sink()) {
        Ok(length) if length > page.unpacked => Err(damaged("Parquet", "a page unpacks to more than its header says")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_the_decoder_reads_it_or_not_at_all() {
        let read =
            |bytes: &[u8]| Page::read(&mut Compact::new(bytes)).map(|page| (page.kind, page.unpacked, page.values));
        // Kind, sizes, then what there is of a data page: values and encoding.
        let content = [0x2c, 0x15, 0x06, 0x15, 0x0c, 0x00, 0x00];
        let header = |kind: &[u8]| [&[0x15], kind, &[0x15, 0x10, 0x15, 0x10], &content[..]].concat();
        assert_eq!(read(&header(&[0x00])), Some((DATA, 8, 3)));
        // A kind that is 0 in its lowest 32 bits, one that is none, and a field that comes twice.
        assert_eq!(read(&header(&[0x80, 0x80, 0x80, 0x80, 0x20])), None);
        assert_eq!(read(&header(&[0x08])), None);
        assert_eq!(read(&[&[0x15, 0x00, 0x15, 0x10, 0x05, 0x04, 0x12, 0x15, 0x10], &content[..]].concat()), None);
    }
}
