//! C1: seconds from a CSV file to stored columns with their profile through the library, beside a plain reader.
//!
//!     cargo bench --bench ingest -- FILE          # a CSV file of numbers, as benches/make_csv writes it
//!
//! The reference reads the same file with the `csv` crate and `str::parse` into columns of floats on one thread: no
//! types are found, nothing is counted or kept. A line for `benches/report.py` goes to the standard output, a table to
//! the standard error.

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use clap::Parser;
use common::figures::{Times, line, machine};
use epochd::data::asked::AskedColumns;
use epochd::data::ingest::{Format, IngestLimits, ingest};
use epochd::memory::Share;

/// What is asked for on the command line.
#[derive(Parser)]
struct Arguments {
    /// The CSV file.
    file: PathBuf,
    /// Seconds for which each is repeated.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let time = Duration::from_secs(arguments.seconds);
    let bytes = std::fs::metadata(&arguments.file).expect("the file is there").len();
    let threads = epochd::processors::available();
    let mut rows = 0;
    let ours = Times::repeat(time, || rows = store(&arguments.file));
    let mut plain_rows = 0;
    let plain = Times::repeat(time, || plain_rows = read_plainly(&arguments.file));
    assert_eq!(rows, plain_rows, "both see the same rows");
    eprintln!("{}\n| reader | s best | median | MB/s |\n|---|---:|---:|---:|", machine());
    for (name, times) in [("epochd", &ours), ("csv and parse, 1 thread", &plain)] {
        let speed = bytes as f64 / times.best() / 1e6;
        eprintln!("| {name} | {:.3} | {:.3} | {speed:.0} |", times.best(), times.median());
    }
    eprintln!("epochd takes {:.2} of the plain reader's time", ours.best() / plain.best());
    println!("{}", line("C1", threads, "s", &ours, None));
}

/// Types, stores and profiles the columns, in a file as the service does; says how many rows there are.
fn store(path: &Path) -> u64 {
    let source = File::open(path).expect("the file is there");
    let mut out = tempfile::tempfile().expect("a temporary file");
    let (asked, limits) = (AskedColumns::default(), IngestLimits::default());
    let memory = Share::new("requests", ByteSize::gib(1)).charge(None);
    let profile = ingest(source, Format::Csv, &asked, &limits, &memory, &mut out, &mut |_| true);
    profile.expect("the file is a table").rows
}

/// Reads numbers into columns; says how many rows there are.
fn read_plainly(path: &Path) -> u64 {
    let mut reader = csv::Reader::from_path(path).expect("the file is there");
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); reader.headers().expect("a header").len()];
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).expect("rows as wide as the header") {
        let values = record.iter().map(|field| field.parse().expect("a number"));
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
    }
    columns[0].len() as u64
}
