//! The readings of a file: its pieces are taken in turn by several threads.

use std::mem;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::earlier::Earlier;
use super::gathering::Gathered;
use super::output::Output;
use super::row_group::RowGroup;
use super::standing::Standing;
use crate::data::asked::AskedColumns;
use crate::data::error::DataError;
use crate::data::inference::Form;
use crate::data::limits::{IngestLimits, SPARSE};
use crate::data::parallel::in_parallel;
use crate::data::pieces::{Columns, Converted, Pieces, WIDE};
use crate::data::profile::duplicates::Duplicates;
use crate::data::profile::findings::findings;
use crate::data::profile::statistics::ColumnStatistics;
use crate::data::profile::studied::Studied;
use crate::data::profile::{ColumnProfile, TableProfile};
use crate::data::stored::StoredWriter;
use crate::data::values::{CellFormat, DateFormat, DateOrder};
use crate::memory::Charge;

/// A row group of few columns is written once its arrays take this much memory.
const GROUP_BYTES: usize = 24 << 20;
/// The same of many columns: a file of many small row groups has a large index.
const WIDE_GROUP_BYTES: usize = 60 << 20;
/// A row counts as so many bytes at least: there is a hash of each on every thread.
const ROW_BYTES: usize = 24;

/// A file on its way into its stored form.
pub(super) struct Run<'a> {
    pub asked: &'a AskedColumns,
    pub limits: &'a IngestLimits,
    /// Takes what is made.
    pub memory: &'a Charge,
    pub workers: usize,
    pub progress: &'a mut dyn FnMut(u64) -> bool,
    /// The table whose rows come before those of the file.
    pub earlier: Option<&'a Earlier>,
    /// How many readings there will be, as far as is known.
    pub readings: u64,
    /// Rows of the readings before.
    pub before: u64,
    /// Rows of this reading.
    pub rows: AtomicU64,
}

/// The pieces of a file in their order: a thread that has nothing to do takes the next one, with its number.
struct Turns<P: Pieces> {
    cursor: P::Cursor,
    taken: usize,
    ended: bool,
}

/// What one thread has made of the pieces that it has taken.
#[derive(Default)]
struct Taken {
    gathered: Gathered,
    converted: Vec<(usize, Converted)>,
}

/// While a file is written as its first piece suggests: what its cells have shown, and whether the suggestion failed.
#[derive(Default)]
struct Trial {
    gathered: Gathered,
    failed: AtomicBool,
}

/// What is known of columns that are written.
struct Written<'a> {
    statistics: Vec<ColumnStatistics>,
    duplicates: Duplicates,
    /// The memory of both.
    standing: Standing<'a>,
}

/// An error, and the number of the piece that it is in.
type Failed = (usize, DataError);

impl<'a> Run<'a> {
    pub fn ingest<P: Pieces>(&mut self, pieces: &P, out: &mut dyn Output) -> Result<TableProfile, DataError> {
        let expected = if P::IN_ONE_READING { self.expected(pieces)? } else { None };
        let columns = if let Some(expected) = expected {
            let mut trial = Trial::default();
            let written = self.write(pieces, &expected, &mut *out, Some(&mut trial))?;
            let is_partial = trial.gathered.is_partial();
            let mut columns = self.columns(trial.gathered)?;
            if is_partial {
                *self.rows.get_mut() = 0;
                columns = self.survey(pieces)?;
            }
            if !trial.failed.into_inner() && columns.forms == expected.forms {
                return Ok(self.profile(pieces, &columns, written));
            }
            out.restart().map_err(DataError::io)?;
            columns
        } else {
            self.readings = 2;
            let columns = self.survey(pieces)?;
            self.before = self.rows.load(Ordering::Relaxed);
            columns
        };
        let surveyed = mem::take(self.rows.get_mut());
        let written = self.write(pieces, &columns, out, None)?;
        if *self.rows.get_mut() != surveyed {
            return Err(DataError::io("the source has changed while it was read"));
        }
        Ok(self.profile(pieces, &columns, written))
    }

    /// What the first piece makes expect of the columns; nothing if it says too little.
    fn expected<P: Pieces>(&self, pieces: &P) -> Result<Option<Columns>, DataError> {
        let Some(piece) = pieces.next(&mut pieces.start(None)?)? else { return Ok(None) };
        let survey = pieces.survey(piece, self.asked)?;
        if survey.rows == 0 {
            return Ok(None);
        }
        let mut gathered = Gathered::default();
        gathered.add(0, survey, self.limits.max_columns)?;
        Ok(gathered.into_columns(self.asked).ok())
    }

    /// A reading that only finds what the columns are.
    fn survey<P: Pieces>(&mut self, pieces: &P) -> Result<Columns, DataError> {
        let turns = Mutex::new(Turns::begin(pieces, None)?);
        let (limits, asked) = (self.limits, self.asked);
        let work = |gathered: &mut Gathered, index, piece| {
            let survey = pieces.survey(piece, asked)?;
            let rows = survey.rows;
            // The columns of a table before come first.
            gathered.add(index + 1, survey, limits.max_columns)?;
            Ok(rows)
        };
        let mut all = Gathered::default();
        for gathered in self.each(pieces, &turns, || false, work)? {
            all.merge(gathered, limits.max_columns)?;
        }
        if let Some(table) = self.earlier {
            all.add(0, table.survey(self.workers, &mut || self.count(0).is_ok())?, limits.max_columns)?;
            self.count(table.rows())?;
        }
        self.columns(all)
    }

    /// Counts rows of the table before, and tells of them.
    fn count(&mut self, rows: u64) -> Result<(), DataError> {
        let all = *self.rows.get_mut() + rows;
        *self.rows.get_mut() = all;
        if all > self.limits.max_rows {
            return Err(too_many_rows(self.limits.max_rows));
        }
        if (self.progress)((self.before + all) / self.readings) { Ok(()) } else { Err(DataError::stopped()) }
    }

    /// The columns that a whole reading has shown.
    fn columns(&mut self, gathered: Gathered) -> Result<Columns, DataError> {
        let rows = *self.rows.get_mut();
        if rows == 0 {
            return Err(DataError::malformed("there are no rows"));
        }
        if gathered.is_sparse(rows) {
            return Err(DataError::unfit(SPARSE));
        }
        gathered.into_columns(self.asked)
    }

    /// A reading that writes the columns. With a trial it gathers what the cells show, too, and goes on with that alone
    /// from the first piece on that does not fit.
    fn write<P: Pieces>(
        &mut self,
        pieces: &P,
        columns: &Columns,
        out: &mut dyn Output,
        mut trial: Option<&mut Trial>,
    ) -> Result<Written<'a>, DataError> {
        let kept = columns.kept();
        let (names, forms): (Vec<_>, Vec<_>) =
            kept.iter().map(|at| (columns.names[*at].clone(), columns.forms[*at].clone())).unzip();
        let count = kept.len();
        let statistics = forms.iter().enumerate().map(|(at, form)| ColumnStatistics::new(form, at, count));
        let standing = Standing::new(columns, self.workers, self.memory)?;
        let mut written = Written { statistics: statistics.collect(), duplicates: Duplicates::default(), standing };
        let most = if columns.names.len() < WIDE { GROUP_BYTES } else { WIDE_GROUP_BYTES };
        let mut earlier = self.earlier.map_or_else(Vec::new, |table| table.portions(most)).into_iter();
        let (mut out, mut writer) = (Some(out), None);
        let turns = Mutex::new(Turns::begin(pieces, Some(columns))?);
        loop {
            let portion = earlier.next();
            let room = most.saturating_sub(portion.as_ref().map_or(0, |portion| portion.bytes));
            // Behind the last of the table's rows come those of the file.
            let later = if earlier.len() > 0 {
                Vec::new()
            } else {
                self.group(pieces, &turns, columns, trial.as_deref_mut(), room)?
            };
            let is_end = portion.is_none() && later.is_empty();
            if is_end || trial.as_ref().is_some_and(|trial| trial.failed.load(Ordering::Relaxed)) {
                break;
            }
            let told = portion.as_ref().map_or(0, |portion| portion.rows as u64);
            let group = RowGroup::new(self.earlier.zip(portion), later, (&kept, &forms), self.workers);
            let _working = written.standing.grow(&group)?;
            if let Some(out) = out.take() {
                writer = Some(StoredWriter::new(out, &names, &forms, |column| group.is_packed(column))?);
            }
            let mut hashes = vec![0; group.rows];
            let writer = writer.as_mut().expect("the first row group begins the file");
            writer.write(&group, &mut written.statistics, &mut hashes, self.workers)?;
            written.duplicates.add(&hashes);
            self.count(told)?;
        }
        writer.map_or(Ok(()), StoredWriter::finish)?;
        Ok(written)
    }

    /// The pieces of the next row group, which take about `most` bytes, in the order of the rows.
    fn group<P: Pieces>(
        &mut self,
        pieces: &P,
        turns: &Mutex<Turns<P>>,
        columns: &Columns,
        trial: Option<&mut Trial>,
        most: usize,
    ) -> Result<Vec<Converted>, DataError> {
        let (limits, asked) = (self.limits, self.asked);
        let bytes = AtomicUsize::new(0);
        let failed = trial.as_ref().map(|trial| &trial.failed);
        let has_failed = || failed.is_some_and(|failed| failed.load(Ordering::Relaxed));
        let work = |taken: &mut Taken, index, piece| {
            let Some(failed) = failed else {
                return Ok(taken.take(index, pieces.convert(piece, columns)?, &bytes));
            };
            let (survey, converted) = if has_failed() {
                (pieces.survey(piece, asked)?, None)
            } else {
                pieces.try_convert(piece, columns, asked)?
            };
            let rows = survey.rows;
            match converted.filter(|_| columns.fit(&survey.evidence)) {
                Some(converted) => _ = taken.take(index, converted, &bytes),
                None => failed.store(true, Ordering::Relaxed),
            }
            taken.gathered.add(index, survey, limits.max_columns)?;
            Ok(rows)
        };
        let enough = || bytes.load(Ordering::Relaxed) >= most && !has_failed();
        let all = self.each(pieces, turns, enough, work)?;
        let (gathered, converted): (Vec<_>, Vec<_>) =
            all.into_iter().map(|taken| (taken.gathered, taken.converted)).unzip();
        if let Some(trial) = trial {
            gathered.into_iter().try_for_each(|gathered| trial.gathered.merge(gathered, limits.max_columns))?;
        }
        let mut group: Vec<_> = converted.into_iter().flatten().collect();
        group.sort_unstable_by_key(|(index, _)| *index);
        Ok(group.into_iter().map(|(_, piece)| piece).collect())
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
        let (before, readings) = (self.before, self.readings);
        let take = |go_on: &mut dyn FnMut(u64) -> bool| -> Result<T, Failed> {
            let mut done = T::default();
            while !stopped.load(Ordering::Relaxed) && !enough() {
                let Some((index, piece)) = turns.lock().expect("taking a piece does not panic").take(pieces)? else {
                    break;
                };
                let result = work(&mut done, index, piece).and_then(|count| {
                    let rows = rows.fetch_add(count, Ordering::Relaxed) + count;
                    if rows > most { Err(too_many_rows(most)) } else { Ok(rows) }
                });
                let told = result.map(|rows| (before + rows) / readings);
                let result = told.and_then(|rows| if go_on(rows) { Ok(()) } else { Err(DataError::stopped()) });
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

    fn profile<P: Pieces>(&self, pieces: &P, columns: &Columns, mut written: Written<'_>) -> TableProfile {
        let rows = self.rows.load(Ordering::Relaxed);
        written.statistics.iter_mut().for_each(ColumnStatistics::settle);
        let statistics = &written.statistics;
        let kept = columns.kept();
        let profiles: Vec<_> =
            kept.iter().zip(statistics).map(|(at, statistics)| profile(columns, *at, statistics)).collect();
        let studied: Vec<_> = (kept.iter().zip(&profiles).zip(statistics))
            .map(|((at, profile), statistics)| Studied {
                profile,
                statistics,
                evidence: &columns.evidence[*at],
                has_asked_format: columns.asked[*at].as_ref().is_some_and(|asked| asked.format.is_some()),
                inferred: columns.asked[*at].as_ref().is_none_or(|asked| asked.kind.is_none()),
                place: pieces.place(),
            })
            .collect();
        let mut findings = findings(&studied, &mut written.duplicates, rows);
        findings.splice(..0, pieces.findings(&profiles));
        TableProfile { rows, columns: profiles, findings }
    }
}

impl Taken {
    /// Keeps a piece's arrays; says how many rows they have.
    fn take(&mut self, index: usize, converted: Converted, bytes: &AtomicUsize) -> u64 {
        let size = converted.lease.bytes() as usize;
        bytes.fetch_add(size.max(ROW_BYTES * converted.rows), Ordering::Relaxed);
        let rows = converted.rows as u64;
        self.converted.push((index, converted));
        rows
    }
}

impl<P: Pieces> Turns<P> {
    fn begin(pieces: &P, columns: Option<&Columns>) -> Result<Self, DataError> {
        Ok(Turns { cursor: pieces.start(columns)?, taken: 0, ended: false })
    }

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

/// The profile of a column, of whatever type was asked for or found.
fn profile(columns: &Columns, at: usize, statistics: &ColumnStatistics) -> ColumnProfile {
    let (form, asked) = (&columns.forms[at], columns.asked[at].as_ref());
    let kind = asked.and_then(|asked| asked.kind).unwrap_or_else(|| statistics.kind(form));
    let mut profile = statistics.profile(&columns.names[at], kind);
    if let Form::Datetime(order, _) = form {
        profile.date_order = Some(*order).filter(|order| *order != DateOrder::Iso);
    }
    profile.format = match form {
        Form::Written(format) | Form::Datetime(_, Some(format)) => Some((**format).clone()),
        Form::Datetime(_, None) => {
            let pattern = columns.evidence[at].dates().pattern();
            pattern.map(|format| CellFormat::Date(DateFormat { format, asked: false }))
        }
        _ => None,
    };
    profile.missing_words = columns.missing.of_column(at).to_vec();
    profile
}

fn too_many_rows(most: u64) -> DataError {
    DataError::too_large(format!("there are more than {most} rows"))
}
