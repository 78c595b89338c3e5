//! What trainings take of the memory, counted by an allocator of its own, hence a binary of its own: about as much as was
//! estimated when they were accepted.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use support::{TestApp, text};
use uuid::Uuid;

#[allow(dead_code)]
#[path = "integration/support/mod.rs"]
mod support;

/// Bytes that the process holds, and the most that it held.
static HELD: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

struct Counting;

fn changed(bytes: isize) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    if bytes > 0 {
        PEAK.fetch_max(held, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        changed(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        changed(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        changed(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        changed(size as isize - layout.size() as isize);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A file of so many rows with a line made of each row's number.
fn csv(header: &str, rows: usize, line: impl Fn(&mut String, usize)) -> String {
    let mut csv = format!("{header}\n");
    for row in 0..rows {
        line(&mut csv, row);
        csv.push('\n');
    }
    csv
}

/// A number between 0 and 1 for each row and column, without order.
fn noise(row: usize, column: usize) -> f64 {
    let mixed =
        (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (column as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f64 / (1 << 24) as f64
}

fn numbers(csv: &mut String, row: usize, columns: usize) {
    (0..columns).for_each(|column| write!(csv, "{:.4},", noise(row, column)).expect("a string"));
}

/// A word of letters alone for each number.
fn letters(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

fn names(columns: usize) -> String {
    (0..columns).map(|column| format!("c{column},")).collect()
}

async fn store(service: &TestApp, name: &str, csv: String) {
    service.post_csv(&format!("/datasets?name={name}"), csv).await.expect(201);
}

/// Trains, and holds the most that was allocated meanwhile against the estimate.
async fn check(service: &TestApp, model: &str, training: Value) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let job = service.post(&format!("/models/{model}/train"), training).await.expect(202);
    let ended = service.ended(&job).await;
    assert_eq!(ended["state"], "succeeded", "{model}: {ended}");
    let taken = (PEAK.load(Ordering::Relaxed) - before) as f64;
    let id: Uuid = text(&job["id"]).parse().expect("an identifier");
    let row = service.app.storage.catalog.job(id).await.expect("the catalog answers").expect("the job's row");
    let estimate = row.memory as f64;
    println!("{model}: {:.1} MiB taken, {:.1} MiB estimated", taken / 1048576.0, estimate / 1048576.0);
    // Of a large network the buffers of all passes are estimated, which are not there at one time.
    assert!((0.9..=1.3).contains(&(estimate / taken)), "{model}: {taken} bytes taken, {estimate} estimated");
}

#[tokio::test]
async fn trainings_take_about_as_much_memory_as_was_estimated() {
    // Each training writes checkpoints: a long one does.
    let service = TestApp::with(|settings| settings.checkpoint_interval = Duration::from_millis(1)).await;
    let table = async |name: &str, hidden: Value, csv: String| {
        store(&service, name, csv).await;
        let model = json!({"name": name, "dataset": name, "target": "y", "hidden_layers": hidden});
        service.post("/models", model).await.expect(201);
    };
    let class = |row: usize, classes: usize| (noise(row, 99) * classes as f64) as usize;

    table(
        "many_classes",
        json!([8]),
        csv("a,b,y", 30_000, |csv, row| {
            numbers(csv, row, 2);
            write!(csv, "k{}", class(row, 300)).expect("a string");
        }),
    )
    .await;
    let own = json!({"epochs": 2, "validation": {"dataset": "many_classes"}, "batch_size": 8192});
    check(&service, "many_classes", own).await;

    table(
        "many_rows",
        json!([8]),
        csv("a,b,c,y", 300_000, |csv, row| {
            numbers(csv, row, 3);
            write!(csv, "k{}", class(row, 2)).expect("a string");
        }),
    )
    .await;
    check(&service, "many_rows", json!({"epochs": 2, "batch_size": 4096})).await;

    table(
        "wide",
        json!([8]),
        csv(&(names(1_000) + "y"), 4_000, |csv, row| {
            numbers(csv, row, 1_000);
            write!(csv, "{:.3}", noise(row, 5_000)).expect("a string");
        }),
    )
    .await;
    check(&service, "wide", json!({"epochs": 2})).await;

    // Of more rows than a row group has.
    let wide = csv(&(names(1_100) + "y"), 8_000, |csv, row| {
        numbers(csv, row, 1_100);
        write!(csv, "{:.3}", noise(row, 5_000)).expect("a string");
    });
    store(&service, "wide_groups", wide).await;
    let plain = json!({"name": "wide_groups", "dataset": "wide_groups", "target": "y", "recipe": "plain", "hidden_layers": [8]});
    service.post("/models", plain).await.expect(201);
    check(&service, "wide_groups", json!({"epochs": 1})).await;

    table(
        "words",
        json!([8]),
        csv(&(names(20) + "y"), 30_000, |csv, row| {
            let word = |column| (noise(row, column) * 2_000.0) as usize;
            (0..20).for_each(|column| write!(csv, "a longer word {:06},", word(column)).expect("a string"));
            write!(csv, "{}", class(row, 3)).expect("a string");
        }),
    )
    .await;
    check(&service, "words", json!({"epochs": 2, "batch_size": 1024})).await;

    table(
        "texts",
        json!([8]),
        csv("a,note,y", 30_000, |csv, row| {
            let word = |at| (noise(row, at) * noise(row, 100 + at) * 4_000.0) as usize;
            numbers(csv, row, 1);
            (0..40).for_each(|at| write!(csv, "{} ", letters(word(at))).expect("a string"));
            write!(csv, ",{}", class(row, 3)).expect("a string");
        }),
    )
    .await;
    check(&service, "texts", json!({"epochs": 2, "batch_size": 1024})).await;

    let layers = json!({"name": "rows", "layers": [20, 64, 5]});
    service.post("/models", layers).await.expect(201);
    let of =
        |width: usize| (0..20_000).map(|row| (0..width).map(|i| noise(row, i)).collect::<Vec<_>>()).collect::<Vec<_>>();
    let rows = json!({"inputs": of(20), "targets": of(5), "epochs": 1, "validation_split": 0.2});
    let job = service.post("/models/rows/train", rows).await.expect(202);
    service.ended(&job).await;

    let large = json!({"name": "large", "layers": [100, 2000, 2000, 1]});
    service.post("/models", large).await.expect(201);
    let rows = json!({"inputs": vec![vec![0.5; 100]; 300], "targets": vec![1.0; 300], "epochs": 3, "optimizer": "adam", "batch_size": 50});
    check(&service, "large", rows).await;
}
