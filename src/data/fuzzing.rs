//! What is fed with any bytes: the entries of this room's fuzz targets, and the properties that must hold.

use std::collections::BTreeMap;

use bytes::Bytes;
use bytesize::ByteSize;

use crate::data::csv::CsvRows;
use crate::data::ingest::{Format, IngestLimits, ingest};
use crate::data::json::Records;
use crate::data::stored::{preview, read_columns};
use crate::memory::Share;

/// A corpus by its name, and what its files are fed to.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this room.
pub const TARGETS: [Target; 7] = [
    ("csv", |bytes| file(bytes, Format::Csv)),
    ("ndjson", |bytes| file(bytes, Format::Ndjson)),
    ("json", |bytes| file(bytes, Format::Json)),
    ("parquet", |bytes| file(bytes, Format::Parquet)),
    ("arrow_stream", |bytes| file(bytes, Format::ArrowStream)),
    ("records", records),
    ("csv_rows", csv_rows),
];

/// A file is read or refused, and what is read can be read back.
///
/// # Panics
/// If a property does not hold.
pub fn file(bytes: &[u8], format: Format) {
    let limits = IngestLimits { max_columns: 64, max_rows: 1 << 16, max_cell_bytes: 1 << 12 };
    let (memory, mut stored) = (Share::new("requests", ByteSize::mib(64)).charge(None), Vec::new());
    let source = Bytes::copy_from_slice(bytes);
    let Ok(profile) = ingest(source, format, &BTreeMap::new(), &limits, &memory, &mut stored, &mut |_| true) else {
        return;
    };
    let names: Vec<&str> = profile.columns.iter().map(|column| column.name.as_str()).collect();
    assert!(profile.rows > 0 && !names.is_empty());
    let stored = Bytes::from(stored);
    let table = read_columns(stored.clone(), &profile, &names).expect("what was written can be read");
    assert!(table.columns.iter().all(|column| column.values.len() as u64 == profile.rows));
    let last = preview(stored, &profile, profile.rows - 1, 2).expect("what was written can be shown");
    assert!(last.len() == 1 && last[0].len() == names.len());
    serde_json::to_vec(&profile).expect("a profile can be written");
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

/// A body of CSV is read or refused, and gives the same rows in any portions.
///
/// # Panics
/// If a property does not hold.
pub fn csv_rows(bytes: &[u8]) {
    let rows = |most| {
        let mut rows = CsvRows::new(bytes)?;
        let (mut cells, mut lines) = (vec![Vec::new(); rows.headers().len()], Vec::new());
        while let Some(read) = rows.next_rows(most)? {
            assert!(!read.is_empty() && read.len() <= most);
            cells.iter_mut().zip(read.columns).for_each(|(all, part)| all.extend(part));
            lines.extend(read.lines);
        }
        Ok::<_, crate::data::error::DataError>((cells, lines))
    };
    let (one, all) = (rows(1), rows(usize::MAX));
    assert_eq!(one.is_ok(), all.is_ok());
    if let (Ok(one), Ok(all)) = (one, all) {
        assert!(one == all && all.0.iter().all(|cells| cells.len() == all.1.len()));
        assert!(all.1.is_sorted());
    }
}
