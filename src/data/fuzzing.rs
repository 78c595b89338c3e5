//! What is fed with any bytes: the entries of this room's fuzz targets, and the properties that must hold.

use bytes::Bytes;
use bytesize::ByteSize;

use crate::data::arrow::{ArrowRows, is_guarded};
use crate::data::asked::AskedColumns;
use crate::data::cell_rows::CellRows;
use crate::data::charset::Charset;
use crate::data::column::ColumnType;
use crate::data::csv::{CsvOptions, CsvRows, Header};
use crate::data::encoder::EncodeError;
use crate::data::error::{DataError, DataErrorKind};
use crate::data::excel::ExcelRows;
use crate::data::ingest::{Declared, Format, IngestLimits, ingest};
use crate::data::json::{LineRows, Records, RowsOrNames};
use crate::data::limits::MAX_NAME_CHARACTERS;
use crate::data::stored::{preview, read_columns};
use crate::data::values::Reading;
use crate::memory::{Charge, Share};

/// Rows of a stream that are gone through.
const MOST_ROWS: u64 = 1 << 12;

/// Panics of decoders that are caught and told as errors of the file no longer reach the hook that a fuzz target ends by; all
/// others do.
pub fn bear_broken_files() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_guarded() {
            hook(panic);
        }
    }));
}

/// A corpus by its name, and what its files are fed to.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this room.
pub const TARGETS: [Target; 10] = [
    ("csv", csv),
    ("ndjson", ndjson),
    ("json", |bytes| file(bytes, Format::Json)),
    ("parquet", |bytes| file(bytes, Format::Parquet)),
    ("arrow_stream", |bytes| file(bytes, Format::Arrow)),
    ("excel", excel),
    ("records", records),
    ("csv_rows", csv_rows),
    ("arrow_rows", arrow_rows),
    ("rows", rows),
];

/// What a request may say of a CSV file.
fn csv_options() -> [CsvOptions; 4] {
    let absent = CsvOptions { header: Header::Absent, ..CsvOptions::default() };
    let in_charset = |name| CsvOptions { charset: Charset::named(name), ..CsvOptions::default() };
    [CsvOptions::default(), absent, in_charset("windows-1252"), in_charset("utf-16")]
}

/// A CSV file, whatever is said of it.
///
/// # Panics
/// If a property of [`file`] does not hold.
pub fn csv(bytes: &[u8]) {
    csv_options().into_iter().for_each(|csv| file(bytes, Declared { csv, ..Format::Csv.into() }));
}

/// A file is read or refused, and what is read can be read back.
///
/// # Panics
/// If a property does not hold.
pub fn file(bytes: &[u8], declared: impl Into<Declared>) {
    let limits = IngestLimits { max_columns: 64, max_rows: 1 << 16, max_cell_bytes: 1 << 12 };
    let (memory, mut stored) = (Share::new("requests", ByteSize::mib(64)).charge(None), Vec::new());
    let source = Bytes::copy_from_slice(bytes);
    let read = ingest(source, declared, &AskedColumns::default(), &limits, &memory, &mut stored, &mut |_| true);
    assert_eq!(memory.held(), 0, "what was taken is given back");
    let Ok(profile) = read else { return };
    let names: Vec<&str> = profile.columns.iter().map(|column| column.name.as_str()).collect();
    assert!(profile.rows > 0 && !names.is_empty());
    let stored = Bytes::from(stored);
    let table = read_columns(stored.clone(), &profile, &names).expect("what was written can be read");
    assert!(table.columns.iter().all(|column| column.values.len() as u64 == profile.rows));
    let last = preview(stored, &profile, profile.rows - 1, 2).expect("what was written can be shown");
    assert!(last.len() == 1 && last[0].len() == names.len());
    serde_json::to_vec(&profile).expect("a profile can be written");
}

/// NDJSON, also as rows to predict for.
///
/// # Panics
/// If a property of [`file`] does not hold, or portions of other sizes have other rows.
pub fn ndjson(bytes: &[u8]) {
    file(bytes, Format::Ndjson);
    portions(|most, memory| {
        let mut rows = LineRows::new(Bytes::copy_from_slice(bytes), memory)?;
        all_places(most, || rows.next_rows(most))
    });
}

/// A workbook, also as rows to predict for.
///
/// # Panics
/// As [`ndjson`].
pub fn excel(bytes: &[u8]) {
    file(bytes, Format::Excel);
    portions(|most, memory| {
        let mut rows = ExcelRows::new(Bytes::copy_from_slice(bytes), None, memory)?;
        all_places(most, || rows.next_rows(most))
    });
}

/// Where rows stand does not depend on how many are read at once.
fn portions(places: impl Fn(usize, &Charge) -> Result<Vec<u64>, DataError>) {
    let memory = Share::new("requests", ByteSize::mib(64)).charge(None);
    let (some, all) = (places(3, &memory), places(1 << 16, &memory));
    assert_eq!(memory.held(), 0, "what was taken is given back");
    if let (Ok(some), Ok(all)) = (some, all) {
        let both = some.len().min(all.len());
        assert!(some[..both] == all[..both] && (some.len() == all.len() || both as u64 > MOST_ROWS));
    }
}

fn all_places(
    most: usize,
    mut next: impl FnMut() -> Result<Option<CellRows>, DataError>,
) -> Result<Vec<u64>, DataError> {
    let mut all = Vec::new();
    while let Some(read) = next()? {
        assert!((1..=most).contains(&read.places.len()) && read.records.rows == read.places.len());
        assert!(read.records.columns.iter().all(|column| column.len() == read.records.rows));
        all.extend(read.places);
        // A few bytes may stand for very many rows.
        if all.len() as u64 > MOST_ROWS {
            break;
        }
    }
    assert!(all.is_sorted());
    Ok(all)
}

/// A body of JSON objects is read or refused; all columns are of one length.
///
/// # Panics
/// If a property does not hold.
pub fn records(bytes: &[u8]) {
    let Ok(records) = serde_json::from_slice::<Records>(bytes) else { return };
    assert_eq!(records.names.len(), records.columns.len());
    assert!(records.columns.iter().all(|column| column.len() == records.rows));
}

/// A stream of rows to predict for is read or refused; its columns can be read as any kind or are refused.
///
/// # Panics
/// If a property does not hold.
pub fn arrow_rows(bytes: &[u8]) {
    let memory = Share::new("requests", ByteSize::mib(64)).charge(None);
    let count = |most| {
        let mut rows = ArrowRows::new(Bytes::copy_from_slice(bytes), &memory)?;
        let (width, mut count) = (rows.headers().len(), 0);
        while let Some(batch) = rows.next_rows(most)? {
            assert!((1..=most).contains(&batch.rows()) && batch.first() == count + 1);
            count += batch.rows() as u64;
            let kinds = [ColumnType::Numeric, ColumnType::Boolean, ColumnType::Datetime, ColumnType::Categorical];
            rows.columns(&batch, |columns| {
                for (at, kind) in (0..width).flat_map(|at| kinds.map(|kind| (at, kind))) {
                    let column = columns.column(at, "c", kind, Reading::default(), &mut EncodeError::refuse);
                    assert!(column.is_err() || column.is_ok_and(|column| column.values.len() == batch.rows()));
                }
            })?;
            // A few bytes may stand for very many rows.
            if count > MOST_ROWS {
                break;
            }
        }
        Ok::<_, DataError>(count)
    };
    let (some, all) = (count(3), count(1 << 16));
    assert_eq!(memory.held(), 0, "what was taken is given back");
    if let (Ok(some), Ok(all)) = (some, all) {
        assert!(some == all || some.min(all) > MOST_ROWS);
    }
}

/// Rows of numbers or names of columns are read or refused.
///
/// # Panics
/// If a property does not hold.
pub fn rows(bytes: &[u8]) {
    match serde_json::from_slice(bytes) {
        Ok(RowsOrNames::Names(names)) => assert!(names.iter().all(|name| name.chars().count() <= MAX_NAME_CHARACTERS)),
        Ok(RowsOrNames::Rows(rows)) => {
            let matrix = rows.into_matrix(2);
            assert!(matrix.is_err() || matrix.is_ok_and(|rows| rows.iter().all(|value| value.is_finite())));
        }
        Err(_) => {}
    }
}

/// A body of CSV is read or refused, gives the same rows in any portions, and as a file.
///
/// # Panics
/// If a property does not hold.
pub fn csv_rows(bytes: &[u8]) {
    csv_options().iter().for_each(|options| csv_rows_with(bytes, options));
}

fn csv_rows_with(bytes: &[u8], options: &CsvOptions) {
    let rows = |most| {
        let mut rows = CsvRows::new(bytes, options)?;
        let (mut cells, mut lines) = (vec![Vec::new(); rows.headers().len()], Vec::new());
        while let Some(read) = rows.next_rows(most)? {
            assert!(!read.is_empty() && read.len() <= most);
            cells.iter_mut().zip(read.columns).for_each(|(all, part)| all.extend(part));
            lines.extend(read.lines);
        }
        Ok::<_, DataError>((rows.headers().to_vec(), cells, lines))
    };
    let (one, all) = (rows(1), rows(usize::MAX));
    assert_eq!(one.is_ok(), all.is_ok());
    if let (Ok(one), Ok(all)) = (&one, &all) {
        assert!(one == all && all.1.iter().all(|cells| cells.len() == all.2.len()));
        assert!(all.2.is_sorted());
    }
    let (memory, limits) = (Share::new("requests", ByteSize::mib(64)).charge(None), IngestLimits::default());
    let (source, csv) = (Bytes::copy_from_slice(bytes), Declared { csv: *options, ..Format::Csv.into() });
    match (all, ingest(source, csv, &AskedColumns::default(), &limits, &memory, &mut Vec::new(), &mut |_| true)) {
        (Ok((names, _, lines)), Ok(profile)) => {
            assert!(profile.rows == lines.len() as u64);
            assert!(profile.columns.iter().map(|column| &column.name).eq(&names));
        }
        (Ok((.., lines)), Err(error)) => assert!(lines.is_empty() || error.kind != DataErrorKind::Malformed, "{error}"),
        // A file has findings to tell of a guess; rows to predict for have not.
        (Err(error), Ok(_)) => assert_eq!(error.kind, DataErrorKind::NotUtf8, "{error}"),
        (Err(_), Err(_)) => {}
    }
}
