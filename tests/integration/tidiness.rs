//! Stored state is kept tidy: closed to others, without what a crash left, and no larger than what is in it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use epochd::config::Settings;
use epochd::storage::catalog::{Catalog, Database, ReceiptRow};
use epochd::storage::{Gate, Storage, StorageError};
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use crate::support::{Home, TestApp, eventually};

/// The binary on a folder, once it listens; and the lines of its log until then.
fn started(folder: &Path) -> (Child, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
    command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut lines = Vec::new();
    for line in BufReader::new(child.stderr.take().expect("piped")).lines() {
        lines.push(line.expect("text"));
        if lines.last().is_some_and(|line| line.contains("listening on")) {
            return (child, lines);
        }
    }
    panic!("it ended with {:?}: {lines:#?}", child.wait());
}

fn end(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it ended");
}

#[test]
fn what_is_made_is_closed_to_others_and_what_is_open_is_left_with_a_warning() {
    let work = tempfile::tempdir().expect("a folder");
    let folder = work.path().join("data");
    let (child, lines) = started(&folder);
    end(child);
    assert!(!lines.iter().any(|line| line.contains("WARN")), "{lines:#?}");
    let mut paths = vec![folder.clone()];
    while let Some(path) = paths.pop() {
        let found = fs::metadata(&path).expect("it is there");
        assert_eq!(found.permissions().mode() & 0o077, 0, "{}", path.display());
        if found.is_dir() {
            paths.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("a folder");
    fs::set_permissions(folder.join("catalog.sqlite"), fs::Permissions::from_mode(0o644)).expect("a file");
    let (child, lines) = started(&folder);
    end(child);
    assert!(lines.iter().any(|line| line.contains("catalog.sqlite may be used by others")), "{lines:#?}");
    assert_eq!(fs::metadata(&folder).expect("it is there").permissions().mode() & 0o777, 0o755, "it is left as it was");
}

#[tokio::test]
async fn what_a_crash_left_is_gone_after_a_start() {
    let mut home = Home::new().await;
    (home.database_url, home.blob_url) = (None, None);
    let left = [home.folder().join(".tmpXyz123"), home.folder().join("blobs/versions/a.safetensors#3")];
    fs::create_dir_all(home.folder().join("blobs/versions")).expect("a folder");
    left.iter().for_each(|path| fs::write(path, b"half").expect("a file"));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let service = TestApp::on(home).await;
    eventually("it is gone", || std::future::ready(!left.iter().any(|path| path.exists()))).await;
    service.with_xor().await;
    service.post("/models/xor/predict", json!({"inputs": [[0, 1]]})).await.expect(200);
}

/// Makes all that is listed to be deleted, and all receipts, as old as such rows get.
async fn age_rows(folder: &Path) {
    let url = format!("sqlite://{}/catalog.sqlite", folder.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("the catalog");
    for statement in ["UPDATE litter SET noted_at = 0", "UPDATE receipts SET created_at = 0"] {
        sqlx::query(statement).execute(&mut connection).await.expect("a statement");
    }
    connection.close().await.expect("a clean end");
}

#[tokio::test]
async fn a_file_that_cannot_be_deleted_keeps_no_other_and_no_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken = Arc::new(AtomicBool::new(false));
    let fails_once = broken.clone();
    let gate: Gate = Arc::new(move |call| match call {
        "blob delete" if fails_once.swap(false, Ordering::Relaxed) => Err(StorageError::Unavailable("locked".into())),
        _ => Ok(()),
    });
    let settings = Settings { data_dir: folder.path().to_owned(), ..Settings::for_tests() };
    let storage = Storage::open(&settings.location(), gate).await.expect("a new state");
    for name in ["versions/a", "versions/b", "versions/c"] {
        storage.put_noted(name, "left over".into()).await.expect("written");
    }
    let receipt =
        ReceiptRow { key: "k".into(), fingerprint: "f".into(), status: 201, location: "/".into(), body: "{}".into() };
    let mut write = storage.catalog.write().await.expect("a change");
    write.add_receipt(&receipt, 3600).await.expect("a row");
    write.commit().await.expect("a change");
    age_rows(folder.path()).await;
    broken.store(true, Ordering::Relaxed);
    assert_eq!(storage.sweep().await, Err(StorageError::Unavailable("locked".into())));
    assert_eq!(storage.catalog.litter().await.expect("the list"), ["versions/a"], "it is tried again later");
    assert!(storage.blobs.get("versions/a").await.is_ok() && storage.blobs.get("versions/c").await.is_err());
    assert_eq!(storage.catalog.receipt("k", i64::MAX / 2).await, Ok(None));
    age_rows(folder.path()).await;
    assert_eq!(storage.sweep().await, Ok(()));
    assert!(storage.blobs.get("versions/a").await.is_err());
    storage.close().await;
}

#[tokio::test]
async fn what_a_row_refers_to_is_not_deleted_though_it_is_listed() {
    let mut home = Home::new().await;
    (home.database_url, home.blob_url) = (None, None);
    let service = TestApp::on(home).await;
    service.with_xor().await;
    let storage = &service.app.storage;
    let blobs = storage.catalog.version_blobs().await.expect("blobs");
    for blob in &blobs {
        storage.catalog.note_litter(blob).await.expect("noted");
    }
    age_rows(service.home().folder()).await;
    storage.sweep().await.expect("swept");
    assert_eq!(storage.catalog.litter().await.expect("the list"), Vec::<String>::new());
    let service = service.restarted().await;
    service.post("/models/xor/predict", json!({"inputs": [[0, 1]]})).await.expect(200);
}

#[tokio::test]
async fn the_catalogs_file_shrinks_when_much_of_it_is_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("catalog.sqlite");
    let database = Database::File(file.clone());
    let catalog = Catalog::connect(&database, Arc::new(|_| Ok(())), Duration::from_secs(10)).await.expect("a file");
    catalog.migrate().await.expect("new tables");
    let long = |i: u32| format!("{i}/{}", "x".repeat(4000));
    let mut write = catalog.write().await.expect("a change");
    for i in 0..8000 {
        write.note_litter(&long(i)).await.expect("a row");
    }
    write.commit().await.expect("a change");
    let mut write = catalog.write().await.expect("a change");
    for i in 0..8000 {
        write.strike_litter(&long(i)).await.expect("a row");
    }
    write.commit().await.expect("a change");
    catalog.shrink().await.expect("room");
    catalog.close().await;
    let bytes = fs::metadata(&file).expect("it is there").len();
    assert!(bytes < 16 << 20, "{bytes} bytes are left of 60 MB");
}
