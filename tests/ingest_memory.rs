//! What reading a data file takes at its peak, counted by an allocator of its own over all threads, hence a binary of its
//! own: files of few bytes that unpack to very many, and whether what is charged is what is there.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::builder::StringBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use bytesize::ByteSize;
use epochd::data::asked::AskedColumns;
use epochd::data::ingest::{Format, IngestLimits, ingest};
use epochd::memory::Share;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

static HELD: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

const LIMIT: u64 = 300 << 20;

/// What the readings charge.
static SHARE: OnceLock<Share> = OnceLock::new();
/// The most that was charged when something was allocated, and the most that was there beyond it and a fifth of it: whoever
/// looks less often may miss what is charged and given back between two looks.
static CHARGED: AtomicU64 = AtomicU64::new(0);
static BEYOND: AtomicIsize = AtomicIsize::new(0);
/// What was there before the reading.
static BEFORE: AtomicIsize = AtomicIsize::new(0);

/// The reader of Arrow streams asks for 64 MiB at once, which are charged as they are filled: pages that nothing was written
/// to are not there yet.
const MOST_BEYOND: u64 = 66 << 20;

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size() as isize, Ordering::Relaxed) + layout.size() as isize;
        PEAK.fetch_max(held, Ordering::Relaxed);
        if let Some(share) = SHARE.get() {
            let charged = share.used();
            CHARGED.fetch_max(charged, Ordering::Relaxed);
            let covered = BEFORE.load(Ordering::Relaxed) + (charged + charged / 5) as isize;
            BEYOND.fetch_max(held - covered, Ordering::Relaxed);
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What one reading took.
struct Taken {
    peak: u64,
    charged: u64,
    beyond: u64,
}

/// Reads a file into one on the disk, with `LIMIT` bytes of memory to be charged.
fn read(label: &str, file: Vec<u8>, format: Format) -> Taken {
    let memory = SHARE.get_or_init(|| Share::new("requests", ByteSize::b(LIMIT))).charge(None);
    let (length, source) = (file.len(), Bytes::from(file));
    let mut out: File = tempfile::tempfile().expect("a file");
    let before = HELD.load(Ordering::Relaxed);
    BEFORE.store(before, Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    CHARGED.store(0, Ordering::Relaxed);
    BEYOND.store(0, Ordering::Relaxed);
    let started = std::time::Instant::now();
    let read =
        ingest(source, format, &AskedColumns::default(), &IngestLimits::default(), &memory, &mut out, &mut |_| true);
    let peak = (PEAK.load(Ordering::Relaxed) - before) as u64;
    let charged = CHARGED.load(Ordering::Relaxed);
    let beyond = BEYOND.load(Ordering::Relaxed) as u64;
    assert_eq!(memory.held(), 0, "{label}: what was taken is given back");
    let said = read.as_ref().map_or_else(ToString::to_string, |profile| format!("{} rows", profile.rows));
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let (most, covered, more, time) = (mib(peak), mib(charged), mib(beyond), started.elapsed());
    println!("{label}: {length} bytes, peak {most}, charged {covered}, beyond it {more}, {time:.1?}: {said}");
    Taken { peak, charged, beyond }
}

fn batch(columns: impl IntoIterator<Item = ArrayRef>) -> RecordBatch {
    let named = columns.into_iter().enumerate().map(|(at, array)| (format!("c{at}"), array));
    RecordBatch::try_from_iter(named).expect("columns of one length")
}

fn parquet(batch: &RecordBatch, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let properties = properties.set_compression(Compression::ZSTD(Default::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a schema");
    writer.write(batch).expect("rows");
    writer.into_inner().expect("a file")
}

fn stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a schema");
    writer.write(batch).expect("rows");
    writer.into_inner().expect("a stream")
}

/// One word in all rows.
fn same_word(length: usize, rows: usize) -> ArrayRef {
    let word = "x".repeat(length);
    let mut builder = StringBuilder::with_capacity(rows, rows * length);
    (0..rows).for_each(|_| builder.append_value(&word));
    Arc::new(builder.finish())
}

fn dictionary_word(length: usize, rows: usize) -> ArrayRef {
    let word: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(length)]));
    Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::from(vec![0; rows]), word))
}

/// So many bytes of text, from lines that are repeated.
fn lines(head: &str, line: &str, bytes: usize) -> Vec<u8> {
    [head.as_bytes(), &line.as_bytes().repeat(bytes / line.len())].concat()
}

/// One test, as the allocator counts for the whole process: `cargo test --test ingest_memory -- --nocapture` shows what
/// each file takes.
#[test]
fn no_file_takes_more_than_a_few_hundred_megabytes_or_at_any_time_more_than_is_charged() {
    let plain = || WriterProperties::builder().set_dictionary_enabled(false);
    let mut taken = Vec::new();
    let mut add = |label: &str, file: Vec<u8>, format: Format| {
        let read = read(label, file, format);
        taken.push((label.to_owned(), read));
    };
    let word = same_word(30_000, 1000);
    let words = parquet(&batch(vec![word; 60]), WriterProperties::builder());
    assert!(words.len() < 64 << 10);
    add("60 columns of one word of 30 KB", words, Format::Parquet);
    let word = same_word(900_000, 400);
    let one_page = plain().set_data_page_size_limit(1 << 30).set_data_page_row_count_limit(1 << 20);
    add("long words in one page", parquet(&batch([word.clone()]), one_page), Format::Parquet);
    add("long words in many pages", parquet(&batch([word.clone()]), plain()), Format::Parquet);
    add(
        "long words after their beginnings",
        parquet(&batch([word]), plain().set_encoding(Encoding::DELTA_BYTE_ARRAY)),
        Format::Parquet,
    );
    let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.5; 120_000]));
    let big_pages = plain().set_data_page_row_count_limit(1 << 20);
    add("plain pages of 200 columns", parquet(&batch(vec![zeros; 200]), big_pages), Format::Parquet);
    let few: ArrayRef = Arc::new(Float64Array::from_iter_values((0..50).map(f64::from)));
    add("8,000 columns", parquet(&batch(vec![few; 8000]), WriterProperties::builder()), Format::Parquet);
    let yes: ArrayRef = Arc::new(BooleanArray::from(vec![true; 16 << 20]));
    add("16 million booleans", parquet(&batch([yes.clone()]), WriterProperties::builder()), Format::Parquet);
    add("a stream of 16 million booleans", stream(&batch([yes])), Format::Arrow);
    add("a stream of one word", stream(&batch(vec![dictionary_word(30_000, 4000); 8])), Format::Arrow);
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 8 << 20]));
    add("a stream of one batch of 64 MiB", stream(&batch([numbers])), Format::Arrow);
    let names: Vec<String> = (0..16_000).map(|at| format!("c{at}")).collect();
    let head = format!("{}\n", names.join(","));
    add("16,000 columns of commas", lines(&head, &format!("{}\n", ",".repeat(15_999)), 32 << 20), Format::Csv);
    add("one column of 1", lines("a\n", "1\n", 32 << 20), Format::Csv);
    add("a long row", lines("a,b\n", &format!("{}1\n", "\"x\",".repeat(3 << 20)), 13 << 20), Format::Csv);
    let words = (0..16 << 10).map(|row| format!("{row},{}\n", "w".repeat(2000))).collect::<String>();
    add("long words of CSV", format!("a,b\n{words}").into_bytes(), Format::Csv);
    let keys: Vec<String> = names.iter().map(|name| format!("\"{name}\":1")).collect();
    let first = format!("{{{}}}\n", keys.join(","));
    add("16,000 keys, then none", lines(&first, "{}\n", 3 * 9000), Format::Ndjson);
    add("objects without keys", lines("{\"a\":1}\n", "{}\n", 32 << 20), Format::Ndjson);
    let own: String = (0..16_000).map(|at| format!("{{\"{}{at}\":1}}\n", "k".repeat(900))).collect();
    add("a new long key in each row", own.into_bytes(), Format::Ndjson);
    for (label, read) in &taken {
        assert!(read.peak <= LIMIT, "{label} took {} MiB", read.peak >> 20);
        let charged = read.charged + read.charged / 5 + (50 << 20);
        assert!(read.peak <= charged, "{label}: {} MiB are there, {} MiB charged", read.peak >> 20, read.charged >> 20);
        assert!(read.beyond <= MOST_BEYOND, "{label}: {} MiB beyond what is charged", read.beyond >> 20);
    }
}
