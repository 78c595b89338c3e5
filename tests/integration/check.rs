//! `epochd check`: what is missing, damaged, unverified or left over is said, and mended where that can be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::read::GzDecoder;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::support::{Home, TestApp, endless_training, eventually, flowers_csv, text, xor_model};

/// A home on the disk alone.
async fn local_home() -> Home {
    let mut home = Home::new().await;
    (home.database_url, home.blob_url) = (None, None);
    home
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
    command.arg("check").args(arguments).arg("--data-dir").arg(folder).output().expect("it runs")
}

/// The lines of a check whose exit status is as it should be.
#[track_caller]
fn lines(output: &Output, success: bool) -> Vec<String> {
    let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), success, "{all}");
    all.lines().map(str::to_owned).collect()
}

#[track_caller]
fn assert_finds(lines: &[String], begin: &str, part: &str) {
    assert!(lines.iter().any(|line| line.starts_with(begin) && line.contains(part)), "no {begin} {part} in {lines:#?}");
}

/// The only file of a folder of blobs.
fn only(folder: &Path, kind: &str) -> PathBuf {
    let mut files = fs::read_dir(folder.join("blobs").join(kind)).expect("a folder");
    files.next().expect("a file").expect("a readable entry").path()
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).expect("a file");
    bytes[at] ^= 4;
    fs::write(file, bytes).expect("a file");
}

/// A catalog that is changed from outside.
async fn sql(folder: &Path, statement: &str) {
    let url = format!("sqlite://{}/catalog.sqlite", folder.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("the catalog");
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.expect("a statement");
    connection.close().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_and_what_can_be_is_mended() {
    let service = TestApp::on(local_home().await).await;
    service.with_xor().await;
    service.post_csv("/datasets?name=flowers", flowers_csv(60)).await.expect(201);
    let folder = service.home().folder().to_owned();
    let in_use = check(&folder, &[]);
    assert_finds(&lines(&in_use, false), "the data folder", "held by another process");
    let home = service.into_home().await;
    let sound = lines(&check(&folder, &[]), true);
    assert_finds(&sound, "checked", "0 findings");

    let version = only(&folder, "versions");
    fs::remove_file(&version).expect("it is there");
    let history = only(&folder, "histories");
    fs::write(&history, b"short").expect("a file");
    fs::write(folder.join("blobs/versions/stray.safetensors"), b"stray").expect("a file");
    fs::write(folder.join("blobs/versions/half.safetensors#1"), b"half").expect("a file");
    sql(&folder, "DELETE FROM checksums").await;
    let found = lines(&check(&folder, &[]), false);
    assert_finds(&found, "missing: versions/", "version 1 of model");
    assert_finds(&found, "damaged: histories/", "length");
    assert_finds(&found, "orphaned: versions/stray.safetensors", "nothing");
    assert_finds(&found, "unverified: datasets/", "no checksums");
    let mended = lines(&check(&folder, &["--repair"]), false);
    assert_finds(&mended, "orphaned: versions/stray.safetensors", "[noted");
    assert_finds(&mended, "unverified: datasets/", "[given");
    assert!(!folder.join("blobs/versions/half.safetensors#1").exists());
    let left = lines(&check(&folder, &[]), false);
    assert!(left.len() == 3, "what is lost for good: {left:?}");
    let dataset = only(&folder, "datasets");
    flip(&dataset, fs::read(&dataset).expect("a file").len() / 2);
    assert_finds(&lines(&check(&folder, &[]), false), "damaged: datasets/", "checksum");

    // The service starts on it, and says what is damaged where it is asked for it.
    let service = TestApp::on(home).await;
    service.get("/models/xor").await.expect(200);
    service.post("/models/xor/predict", json!({"inputs": [[0, 1]]})).await.problem(500, "version_damaged");
    service.get("/datasets/flowers/rows").await.problem(500, "state_damaged");
    service.delete("/datasets/flowers").await.expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_that_nobody_reads_is_done_to_its_end() {
    let service = TestApp::on(local_home().await).await;
    service.with_xor().await;
    let folder = service.home().folder().to_owned();
    let _home = service.into_home().await;
    for stray in ["first", "second"] {
        fs::write(folder.join(format!("blobs/versions/{stray}.safetensors")), b"stray").expect("a file");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
    command.args(["check", "--repair", "--data-dir"]).arg(&folder).stdout(Stdio::piped());
    let mut unread = command.spawn().expect("it runs");
    drop(unread.stdout.take());
    assert_eq!(unread.wait().expect("it ends").code(), Some(0));
    assert_finds(&lines(&check(&folder, &[]), true), "checked", "0 findings");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_rows_are_lost_is_ended() {
    let service = TestApp::on(local_home().await).await;
    service.with_xor().await;
    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    let folder = service.home().folder().to_owned();
    let home = service.into_home().await;
    fs::remove_file(only(&folder, "rows")).expect("it is there");
    assert_finds(&lines(&check(&folder, &[]), false), "missing: job", "its rows");
    assert_finds(&lines(&check(&folder, &["--repair"]), true), "missing: job", "[ended as failed]");
    let service = TestApp::on(home).await;
    let job = service.get(&format!("/jobs/{}", text(&job["id"]))).await.expect(200);
    assert_eq!((text(&job["state"]), text(&job["error"]["code"])), ("failed", "state_damaged"), "{job}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_of_a_job_that_was_about_to_end_is_no_orphan() {
    let service = TestApp::on(local_home().await).await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    let history = format!("histories/{}", text(&job["id"]));
    eventually("it runs", || async { service.get(&path).await.expect(200)["epoch"].as_u64() > Some(0) }).await;
    let folder = service.home().folder().to_owned();
    let home = service.into_home().await;
    fs::create_dir_all(folder.join("blobs/histories")).expect("a folder");
    fs::write(folder.join("blobs").join(&history), b"of an end that was not written down").expect("a file");
    assert_finds(&lines(&check(&folder, &["--repair"]), true), "checked", "0 findings");
    // An earlier release has listed it.
    let service = TestApp::on(home).await;
    let catalog = &service.app.storage.catalog;
    catalog.note_litter(&history).await.expect("noted");
    eventually("it goes on", || async { service.get(&path).await.expect(200)["epoch"].as_u64() > Some(0) }).await;
    service.post_empty(&format!("{path}/cancel")).await.expect(200);
    assert!(!catalog.litter().await.expect("the list").contains(&history), "it is the history of an ended job");
    assert!(service.get(&format!("{path}/epochs")).await.expect(200)["data"][0]["epoch"].is_number());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_down_of_models_in_service_is_read_too() {
    let service = TestApp::on(local_home().await).await;
    let path = "/train?name=flowers&target=species&epochs=2&hidden_layers=4";
    let job = service.post_csv(path, flowers_csv(120)).await.expect(202);
    service.ended(&job).await;
    let record = json!({"petal_length": 1.4, "species": "setosa"});
    service.post("/models/flowers/feedback", json!({"records": [record]})).await.expect(200);
    service.post("/models/flowers/predict", json!({"records": [{"petal_length": 1.4}]})).await.expect(200);
    let folder = service.home().folder().to_owned();
    let _home = service.into_home().await;
    assert_finds(&lines(&check(&folder, &[]), true), "checked", "0 findings");
    sql(&folder, "UPDATE drift SET counts = '[1,'").await;
    sql(&folder, "UPDATE feedback SET sums = '{}'").await;
    let found = lines(&check(&folder, &[]), false);
    assert_finds(&found, "unreadable: drift of model", "counted anew");
    assert_finds(&found, "unreadable: feedback on model", "lost");
}

#[tokio::test]
async fn data_sets_of_an_earlier_release_get_checksums() {
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = format!("{}/tests/fixtures/state-0.1.0/sqlite.tar.gz", env!("CARGO_MANIFEST_DIR"));
    let archive = GzDecoder::new(fs::File::open(fixture).expect("the fixture"));
    tar::Archive::new(archive).unpack(folder.path()).expect("a whole archive");
    let before = lines(&check(folder.path(), &[]), false);
    assert!(before.iter().all(|line| line.starts_with("unverified: ") || line.starts_with("checked")), "{before:#?}");
    lines(&check(folder.path(), &["--repair"]), true);
    assert_finds(&lines(&check(folder.path(), &[]), true), "checked", "0 findings");
}

#[test]
fn a_folder_without_state_is_refused_and_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("nowhere");
    for folder in [&nowhere, folder.path()] {
        assert_finds(&lines(&check(folder, &[]), false), "there is nothing to check: ", "--data-dir");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is made");
}

/// Why the service does not start on a folder.
fn refusal(folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
    let started = command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder).output().expect("it runs");
    assert!(!started.status.success(), "it started and ended");
    String::from_utf8_lossy(&started.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalog_and_blobs_of_two_states_are_refused() {
    let mut folders = Vec::new();
    for _ in 0..2 {
        let service = TestApp::on(local_home().await).await;
        service.with_xor().await;
        let folder = service.home().folder().to_owned();
        folders.push((service.into_home().await, folder));
    }
    let (one, other) = (&folders[0].1, &folders[1].1);
    let aside = one.join("aside");
    fs::rename(one.join("blobs"), &aside).expect("a folder");
    assert!(refusal(one).contains("do not belong together: none of the files"), "no blobs at all");
    fs::remove_dir_all(one.join("blobs")).expect("what the start made");
    fs::rename(other.join("blobs"), one.join("blobs")).expect("a folder");
    let strange = refusal(one);
    assert!(strange.contains("identifier of another state") && strange.contains("epochd check"), "{strange}");
    let found = lines(&check(one, &[]), false);
    assert_finds(&found, "strangers: the catalog and the blobs do not belong together: ", "--repair takes both");
    let empty = tempfile::tempdir().expect("a folder");
    fs::rename(one.join("blobs"), empty.path().join("blobs")).expect("a folder");
    assert!(refusal(empty.path()).contains("the catalog is empty, and there are files"));
    fs::rename(&aside, one.join("blobs")).expect("a folder");
    let service = TestApp::on(folders.swap_remove(0).0).await;
    service.post("/models/xor/predict", json!({"inputs": [[0, 1]]})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_catalog_is_said_at_once() {
    let service = TestApp::on(local_home().await).await;
    for i in 0..40 {
        let model = json!({"name": format!("m{i}"), "layers": [2, 1], "metadata": {"note": "x".repeat(900)}});
        service.post("/models", model).await.expect(201);
    }
    let folder = service.home().folder().to_owned();
    let home = service.into_home().await;
    let file = folder.join("catalog.sqlite");
    let whole = fs::read(&file).expect("the catalog");
    let garbage = vec![b'x'; whole.len()];
    let mut torn = whole.clone();
    torn[whole.len() / 2..whole.len() / 2 + 8192].fill(0xff);
    for damaged in [&garbage[..], &torn, &whole[..whole.len() / 2]] {
        fs::write(&file, damaged).expect("a file");
        let said = refusal(&folder);
        assert!(said.contains("is damaged") && said.contains("catalog.sqlite") && said.contains("restore"), "{said}");
    }
    fs::write(&file, &whole).expect("a file");
    TestApp::on(home).await.get("/models/m0").await.expect(200);
}
