//! A data file becomes a table: types from all rows, the stored form, the profile.
//!
//! The source is read twice: once to see what each column is, once to write it. Both times several threads take pieces
//! of the source in turn, so that memory holds a few pieces and one row group, however large the source is.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arrow_array::ArrayRef;
use parquet::file::reader::ChunkReader;

use super::arrow_pieces::ArrowPieces;
use super::column::ColumnType;
use super::csv_pieces::CsvPieces;
use super::duplicates::Duplicates;
use super::error::DataError;
use super::findings::{Studied, findings};
use super::gathering::{Columns, Gathered};
use super::inference::Evidence;
use super::json_pieces::JsonPieces;
use super::parallel::{in_parallel, workers};
use super::profile::TableProfile;
use super::records::SPARSE;
use super::statistics::ColumnStatistics;
use super::stored::StoredWriter;

/// A row group of few columns is written once its arrays take this much memory.
const GROUP_BYTES: usize = 24 << 20;
/// The same of many columns: a file of many small row groups has a large index.
const WIDE_GROUP_BYTES: usize = 60 << 20;
/// From so many columns on a table is wide.
pub(crate) const WIDE: usize = 1000;

/// How data is written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values, or separated by another character, with a header.
    Csv,
    /// A JSON object on each line.
    Ndjson,
    /// One JSON array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
    /// The streaming format of Apache Arrow.
    ArrowStream,
}

/// What a file may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestLimits {
    /// Columns.
    pub max_columns: usize,
    /// Rows.
    pub max_rows: u64,
    /// Bytes of a cell.
    pub max_cell_bytes: usize,
}

impl Default for IngestLimits {
    fn default() -> Self {
        IngestLimits { max_columns: 16_384, max_rows: u64::from(u32::MAX) - 1, max_cell_bytes: 1 << 20 }
    }
}

/// A file in pieces of whole rows.
pub(crate) trait Pieces: Sync {
    /// Where the next piece begins.
    type Cursor: Send;
    /// Rows, not parsed yet.
    type Piece: Send;

    /// Begins anew; `columns` is how many there are, if that is known.
    fn start(&self, columns: Option<&Columns>) -> Result<Self::Cursor, DataError>;
    /// The next piece, if there is one.
    fn next(&self, cursor: &mut Self::Cursor) -> Result<Option<Self::Piece>, DataError>;
    /// What the cells of a piece show.
    fn survey(&self, piece: Self::Piece) -> Result<Survey, DataError>;
    /// The cells of a piece as arrays of these columns.
    fn convert(&self, piece: Self::Piece, columns: &Columns) -> Result<Converted, DataError>;
    /// What a line or row is called in messages.
    fn place(&self) -> &'static str {
        "line"
    }
}

/// What a piece shows: its columns in order of appearance.
#[derive(Default)]
pub(crate) struct Survey {
    pub rows: u64,
    /// Cells that are there in the file, if only to say that a value is missing.
    pub given: u64,
    pub names: Vec<String>,
    pub evidence: Vec<Evidence>,
}

impl Survey {
    /// Of rows that have a cell for each column.
    pub fn full(rows: usize, names: Vec<String>, evidence: Vec<Evidence>) -> Self {
        Survey { rows: rows as u64, given: rows as u64 * names.len() as u64, names, evidence }
    }
}

/// The rows of a piece.
pub(crate) struct Converted {
    pub rows: usize,
    /// One array for each column.
    pub columns: Vec<ArrayRef>,
}

/// Reads `source`, finds the type of every column over all rows unless `types` has it, writes the stored form to `out`
/// and returns the profile.
///
/// `source` is not compressed and can be read again from its start. `progress` is told now and then how many rows are
/// done, and may answer false to stop.
///
/// # Errors
/// The data cannot be parsed or used, or exceeds `limits`; `source` cannot be read or `out` not be written; `progress`
/// said to stop.
pub fn ingest<S: ChunkReader + 'static>(
    source: S,
    format: Format,
    types: &BTreeMap<String, ColumnType>,
    limits: &IngestLimits,
    out: &mut (dyn Write + Send),
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<TableProfile, DataError> {
    let mut run = Run { types, limits, workers: workers(), progress, rows: AtomicU64::new(0) };
    match format {
        Format::Csv => run.ingest(&CsvPieces::new(&source, limits)?, out),
        Format::Ndjson => run.ingest(&JsonPieces::lines(&source, limits)?, out),
        Format::Json => run.ingest(&JsonPieces::array(&source, limits)?, out),
        Format::Parquet => run.ingest(&ArrowPieces::parquet(source, limits)?, out),
        Format::ArrowStream => run.ingest(&ArrowPieces::stream(source, limits)?, out),
    }
}

struct Run<'a> {
    types: &'a BTreeMap<String, ColumnType>,
    limits: &'a IngestLimits,
    workers: usize,
    progress: &'a mut dyn FnMut(u64) -> bool,
    /// Rows of both readings.
    rows: AtomicU64,
}

/// Pieces, each with its number, taken by one thread at a time.
struct Turns<P: Pieces> {
    cursor: P::Cursor,
    taken: usize,
    ended: bool,
}

/// An error, and the number of the piece that it is in.
type Failed = (usize, DataError);

impl Run<'_> {
    fn ingest<P: Pieces>(&mut self, pieces: &P, out: &mut (dyn Write + Send)) -> Result<TableProfile, DataError> {
        let columns = self.survey(pieces)?;
        let surveyed = self.rows.load(Ordering::Relaxed);
        let count = columns.names.len();
        let mut statistics: Vec<_> =
            columns.forms.iter().enumerate().map(|(at, form)| ColumnStatistics::new(*form, at, count)).collect();
        let mut duplicates = Duplicates::default();
        let mut writer = StoredWriter::new(out, &columns.names, &columns.forms)?;
        let turns = Mutex::new(Turns::<P> { cursor: pieces.start(Some(&columns))?, taken: 0, ended: false });
        loop {
            let (arrays, mut hashes) = self.group(pieces, &turns, &columns)?;
            if hashes.is_empty() {
                break;
            }
            writer.write(arrays, &mut statistics, &mut hashes, self.workers)?;
            duplicates.add(&hashes);
        }
        writer.finish()?;
        if self.rows.load(Ordering::Relaxed) != 2 * surveyed {
            return Err(DataError::io("the source has changed while it was read"));
        }
        Ok(profile(&columns, &statistics, &mut duplicates, surveyed, pieces.place()))
    }

    /// First reading: what the columns are.
    fn survey<P: Pieces>(&mut self, pieces: &P) -> Result<Columns, DataError> {
        let turns = Mutex::new(Turns::<P> { cursor: pieces.start(None)?, taken: 0, ended: false });
        let limits = self.limits;
        let work = |gathered: &mut Gathered, index, piece| {
            let survey = pieces.survey(piece)?;
            let rows = survey.rows;
            gathered.add(index, survey, limits.max_columns)?;
            Ok(rows)
        };
        let mut all = Gathered::default();
        for gathered in self.each(pieces, &turns, || false, work)? {
            all.merge(gathered, limits.max_columns)?;
        }
        let rows = self.rows.load(Ordering::Relaxed);
        if rows == 0 {
            return Err(DataError::malformed("there are no rows"));
        }
        if all.is_sparse(rows) {
            return Err(DataError::unfit(SPARSE));
        }
        all.into_columns(self.types)
    }

    /// Second reading: the arrays of the next row group, for each column in the order of the rows; and a place for the
    /// hash of each row.
    fn group<P: Pieces>(
        &mut self,
        pieces: &P,
        turns: &Mutex<Turns<P>>,
        columns: &Columns,
    ) -> Result<(Vec<Vec<ArrayRef>>, Vec<u64>), DataError> {
        let enough = if columns.names.len() < WIDE { GROUP_BYTES } else { WIDE_GROUP_BYTES };
        let bytes = AtomicUsize::new(0);
        let work = |done: &mut Vec<(usize, Converted)>, index, piece| {
            let converted = pieces.convert(piece, columns)?;
            let size = converted.columns.iter().map(|array| array.get_buffer_memory_size()).sum();
            bytes.fetch_add(size, Ordering::Relaxed);
            let rows = converted.rows as u64;
            done.push((index, converted));
            Ok(rows)
        };
        let parts = self.each(pieces, turns, || bytes.load(Ordering::Relaxed) >= enough, work)?;
        let mut parts: Vec<_> = parts.into_iter().flatten().collect();
        parts.sort_unstable_by_key(|(index, _)| *index);
        let rows = parts.iter().map(|(_, part)| part.rows).sum();
        let mut arrays = vec![Vec::with_capacity(parts.len()); columns.names.len()];
        for (_, part) in parts {
            arrays.iter_mut().zip(part.columns).for_each(|(column, array)| column.push(array));
        }
        Ok((arrays, vec![0; rows]))
    }

    /// Takes pieces until there are enough or none is left; the error of the earliest piece wins.
    fn each<P: Pieces, T: Default + Send>(
        &mut self,
        pieces: &P,
        turns: &Mutex<Turns<P>>,
        enough: impl Fn() -> bool + Sync,
        work: impl Fn(&mut T, usize, P::Piece) -> Result<u64, DataError> + Sync,
    ) -> Result<Vec<T>, DataError> {
        let stopped = AtomicBool::new(false);
        let (rows, most) = (&self.rows, self.limits.max_rows);
        let take = |go_on: &mut dyn FnMut(u64) -> bool| -> Result<T, Failed> {
            let mut done = T::default();
            while !stopped.load(Ordering::Relaxed) && !enough() {
                let Some((index, piece)) = turns.lock().expect("taking a piece does not panic").take(pieces)? else {
                    break;
                };
                let result = work(&mut done, index, piece).and_then(|count| {
                    let rows = rows.fetch_add(count, Ordering::Relaxed) + count;
                    let too_many = rows > most.saturating_mul(2) || count > most;
                    if too_many { Err(too_many_rows(most)) } else { Ok(rows) }
                });
                let result = result.and_then(|rows| if go_on(rows / 2) { Ok(()) } else { Err(DataError::stopped()) });
                if let Err(error) = result {
                    stopped.store(true, Ordering::Relaxed);
                    return Err((index, error));
                }
            }
            Ok(done)
        };
        let progress = &mut *self.progress;
        let results = in_parallel(self.workers, || take(&mut |_| true), || take(progress));
        let (done, failed): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        match failed.into_iter().filter_map(Result::err).min_by_key(|(index, _)| *index) {
            Some((_, error)) => Err(error),
            None => Ok(done.into_iter().filter_map(Result::ok).collect()),
        }
    }
}

impl<P: Pieces> Turns<P> {
    fn take(&mut self, pieces: &P) -> Result<Option<(usize, P::Piece)>, Failed> {
        if self.ended {
            return Ok(None);
        }
        let index = self.taken;
        self.taken += 1;
        let piece = pieces.next(&mut self.cursor);
        self.ended = !matches!(piece, Ok(Some(_)));
        Ok(piece.map_err(|error| (index, error))?.map(|piece| (index, piece)))
    }
}

fn too_many_rows(most: u64) -> DataError {
    DataError::too_large(format!("there are more than {most} rows"))
}

fn profile(
    columns: &Columns,
    statistics: &[ColumnStatistics],
    duplicates: &mut Duplicates,
    rows: u64,
    place: &'static str,
) -> TableProfile {
    let profiles: Vec<_> = (0..columns.names.len())
        .map(|at| statistics[at].profile(&columns.names[at], columns.kind(at, &statistics[at]), columns.forms[at]))
        .collect();
    let studied: Vec<_> = (0..columns.names.len())
        .map(|at| Studied {
            profile: &profiles[at],
            statistics: &statistics[at],
            evidence: &columns.evidence[at],
            inferred: columns.asked[at].is_none(),
            place,
        })
        .collect();
    let findings = findings(&studied, duplicates, rows);
    TableProfile { rows, columns: profiles, findings }
}

#[cfg(test)]
mod binary_tests;
#[cfg(test)]
mod messy_tests;
#[cfg(test)]
mod tests;
