//! Pages whose content is gone through before it is decoded, as the decoder does not look.
//!
//! Words may be written with lists of lengths, as differences: a few bytes can stand for a list of any length, which the
//! decoder makes room for as a whole. Times may have 96 bits.
//!
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>: DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY

use std::sync::Arc;

use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;

use super::compact::Compact;
use super::damage::damaged;
use super::int96;
use crate::data::error::DataError;

/// Checks that no list of a column of a row group has more lengths than its page has values, and that times of 96 bits can be
/// told in microseconds.
///
/// # Errors
/// `Malformed`: a list has, or the pages cannot be read; `Unfit`: a time cannot.
pub(super) fn check<S: ChunkReader + 'static>(
    source: Arc<S>,
    column: &ColumnChunkMetaData,
    rows: usize,
) -> Result<(), DataError> {
    let unreadable = |error| damaged("Parquet", error);
    let has_levels = column.column_descr().max_def_level() > 0;
    let mut pages = SerializedPageReader::new(source, column, rows, None).map_err(unreadable)?;
    while let Some(page) = pages.get_next_page().map_err(unreadable)? {
        if column.column_type() == Type::INT96 {
            int96::check(times_of(&page, has_levels)).map_err(|error| error.of(&column.column_path().string()))?;
            continue;
        }
        let lists = match page.encoding() {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
            Encoding::DELTA_BYTE_ARRAY => 2,
            _ => continue,
        };
        let values = values_of(&page, has_levels);
        let mut list = Compact::new(values);
        let fit = values.is_empty() || (0..lists).all(|_| pass(&mut list, u64::from(page.num_values())).is_some());
        if !fit {
            return Err(damaged("Parquet", "a page has more lengths than values"));
        }
    }
    Ok(())
}

/// The times that stand in a page themselves: others have theirs in a dictionary.
fn times_of(page: &Page, has_levels: bool) -> &[u8] {
    match page {
        Page::DictionaryPage { buf, .. } => buf,
        page if page.encoding() == Encoding::PLAIN => values_of(page, has_levels),
        _ => &[],
    }
}

/// The values of a data page of a column that is not nested, behind the levels that say which of them are missing.
fn values_of(page: &Page, has_levels: bool) -> &[u8] {
    let buffer = page.buffer();
    let start = match page {
        Page::DataPage { def_level_encoding: Encoding::RLE, .. } if has_levels => {
            buffer.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize).saturating_add(4)
        }
        // A bit for each.
        Page::DataPage { num_values, .. } if has_levels => num_values.div_ceil(8) as usize,
        Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, .. } => {
            (*def_levels_byte_len as usize).saturating_add(*rep_levels_byte_len as usize)
        }
        _ => 0,
    };
    buffer.get(start..).unwrap_or_default()
}

/// Passes over a list of at most `most` numbers that is written as differences.
fn pass(list: &mut Compact, most: u64) -> Option<()> {
    let (block, parts, count) = (list.varint()?, list.varint()?, list.varint()?);
    list.integer()?;
    let part = block.checked_div(parts).filter(|part| *part > 0)?;
    let mut left = Some(count).filter(|count| *count <= most)?.saturating_sub(1);
    while left > 0 {
        list.integer()?;
        let widths = list.take(parts)?;
        for width in widths.iter().take(left.div_ceil(part) as usize) {
            list.take(u64::from(*width).checked_mul(part)? / 8)?;
        }
        left = left.saturating_sub(part.saturating_mul(parts));
    }
    Some(())
}
