//! The client commands of the binary, run as a script and as a person would, against a service.

mod away;
mod ends;
mod files;
mod own_service;
mod words;

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use arrow_ipc::reader::FileReader;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use crate::support::{ADMIN, TestApp, eventually, text};

/// A table of the examples: 344 rows, the column `species` and seven more.
fn penguins() -> String {
    format!("{}/examples/data/penguins.csv", env!("CARGO_MANIFEST_DIR"))
}

/// A command that asks the service at `url`.
fn command(url: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
    command.args(words).env("EPOCHD_URL", url).env_remove("EPOCHD_KEY").stdin(Stdio::null());
    command
}

/// What a command says that is given `input`.
async fn said_of(mut command: Command, input: impl Into<Vec<u8>>) -> Output {
    let input = input.into();
    let run = move || {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        // A command that does not read its input is done before all of it is written.
        let _ = child.stdin.take().expect("piped").write_all(&input);
        child.wait_with_output().expect("it ends")
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

/// What a command says, with its exit status.
async fn asked(app: &TestApp, words: &[&str]) -> (Option<i32>, String, String) {
    let output = said_of(command(&app.url(""), words), "").await;
    told(&output)
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// What a command prints that succeeds.
async fn printed(app: &TestApp, words: &[&str]) -> String {
    let (status, out, err) = asked(app, words).await;
    assert_eq!(status, Some(0), "{words:?}: {out}{err}");
    out
}

#[tokio::test]
async fn a_table_becomes_predictions_by_commands() {
    let (app, folder, file) = (TestApp::start().await, tempfile::tempdir().expect("a folder"), penguins());
    let (status, out, err) =
        asked(&app, &["train", &file, "--target", "species", "--epochs", "5", "--name", "birds"]).await;
    assert_eq!(status, Some(0), "{err}");
    let measured = "measured on each of the 344 rows by the network that has not learned from it";
    for part in ["birds, version 1: 344 rows, 5 networks", measured, "linear", "majority class", "accuracy"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    // No bar where there is no terminal, and the command that comes next.
    assert!(err.contains("epochd predict birds FILE") && !err.contains('\r') && !err.contains('\u{1b}'), "{err}");

    let predicted = printed(&app, &["predict", "birds", &file]).await;
    assert!(predicted.starts_with("prediction,probability_Adelie") && predicted.lines().count() == 345, "{predicted}");
    let rows = std::fs::read(&file).expect("the table");
    let from_input = said_of(command(&app.url(""), &["predict", "birds"]), rows).await;
    assert_eq!(told(&from_input).1, predicted);
    let path = folder.path().join("out.json").to_str().expect("UTF-8").to_owned();
    assert_eq!(printed(&app, &["predict", "birds", &file, "-o", &path, "--version", "1"]).await, "");
    let written: Value = serde_json::from_slice(&std::fs::read(&path).expect("written")).expect("JSON");
    assert_eq!(written["predictions"].as_array().map(Vec::len), Some(344));

    let (_, out, err) = asked(&app, &["train", "--model", "birds", "--epochs", "2", "--activate", "never"]).await;
    let path = folder.path().join("out.arrow").to_str().expect("UTF-8").to_owned();
    printed(&app, &["predict", "birds", &file, "-o", &path]).await;
    let batches = FileReader::try_new(std::fs::File::open(&path).expect("written"), None).expect("a file of Arrow");
    assert_eq!(batches.map(|batch| batch.expect("whole").num_rows()).sum::<usize>(), 344);
    let standing = "version 2 does not serve (version 1 does): it was trained with activate=never";
    assert!(out.contains(standing) && err.contains("epochd predict birds FILE --version 2"), "{out}{err}");
    let listed = printed(&app, &["versions", "birds"]).await;
    let serving: Vec<&str> = listed.lines().filter(|line| line.contains('*')).collect();
    assert!(
        listed.lines().count() == 3 && listed.contains("log_loss") && serving[0].trim().starts_with('1'),
        "{listed}"
    );
    let (status, compared, err) = asked(&app, &["versions", "compare", "birds", "1", "2"]).await;
    let line = |start: &str| compared.lines().find(|line| line.starts_with(start)).unwrap_or("").to_owned();
    assert!(status == Some(0) && err.contains("--dataset measures all on the same"), "{err}");
    assert!(line("").contains("version 1 *") && line("").ends_with("difference"), "{compared}");
    let cells: Vec<f64> =
        line("log_loss").split_whitespace().skip(1).map(|cell| cell.parse().expect("a number")).collect();
    assert!(cells.len() == 3 && (cells[1] - cells[0] - cells[2]).abs() < 2e-4, "{compared}");
    let (_, compared, err) = asked(&app, &["versions", "compare", "birds", "--dataset", "birds"]).await;
    assert!(compared.contains("measured on") && compared.contains("344"), "{compared}");
    assert_eq!(err.matches("the measures flatter: version").count(), 2, "{err}");
    let shown = printed(&app, &["versions", "show", "birds", "1"]).await;
    assert!(shown.starts_with("birds, version 1, which serves: 344 rows") && shown.contains(measured), "{shown}");
    let (status, _, err) = asked(&app, &["export", "birds", "-o", "birds.onnx"]).await;
    assert!(status == Some(2) && err.contains("safetensors"), "{err}");
    printed(&app, &["versions", "activate", "birds", "2"]).await;
    printed(&app, &["versions", "alias", "birds", "canary", "1"]).await;
    assert!(printed(&app, &["versions", "list", "birds"]).await.contains("canary"));
    printed(&app, &["versions", "unalias", "birds", "canary"]).await;
    let measured = printed(&app, &["evaluate", "birds", &file, "--version", "1"]).await;
    assert!(measured.starts_with("344 rows") && measured.contains("is \\ predicted"), "{measured}");
    // Rows that the model cannot learn from are refused; neither they nor what was measured on are left behind.
    let other = folder.path().join("other.csv");
    std::fs::write(&other, "a,b\n1,2\n3,4\n").expect("written");
    let (status, _, err) = asked(&app, &["train", other.to_str().expect("UTF-8"), "--model", "birds"]).await;
    assert!(status == Some(1) && err.contains("has no column"), "{err}");
    assert_eq!(app.get("/datasets").await.expect(200)["data"].as_array().map(Vec::len), Some(1));

    let exported = folder.path().join("b.safetensors").to_str().expect("UTF-8").to_owned();
    printed(&app, &["export", "birds", "--version", "1", "-o", &exported]).await;
    assert!(printed(&app, &["import", &exported, "--name", "again"]).await.starts_with("again is there"));
    assert_eq!(printed(&app, &["predict", "again", &file]).await, predicted);
    let shown = printed(&app, &["datasets", "show", "birds"]).await;
    assert!(
        shown.contains("birds: 344 rows") && shown.contains("bill_length_mm") && shown.contains("Adelie (152)"),
        "{shown}"
    );
    assert!(printed(&app, &["datasets"]).await.contains("birds") && printed(&app, &["models"]).await.contains("again"));
    let jobs = printed(&app, &["jobs"]).await;
    assert_eq!((jobs.matches("succeeded").count(), jobs.matches(" birds ").count()), (2, 2), "{jobs}");
    assert_eq!(printed(&app, &["jobs", "list", "--model", "birds", "--state", "failed"]).await.lines().count(), 1);
    let shown = printed(&app, &["jobs", "show", jobs.split_whitespace().nth(8).expect("an id")]).await;
    assert!(shown.contains("succeeded") && shown.contains("majority class"), "{shown}");
    // Nobody can be asked: nothing is deleted.
    let (status, _, err) = asked(&app, &["models", "delete", "again"]).await;
    assert!(status == Some(2) && err.contains("--yes"), "{err}");
    let deleted = printed(&app, &["models", "delete", "again", "--yes", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&deleted).expect("JSON"), json!({"deleted": "again"}));
    assert_eq!(asked(&app, &["models", "show", "again"]).await.0, Some(1));
    app.stop().await;
}

#[tokio::test]
async fn data_sets_are_uploaded_appended_to_and_deleted() {
    let (app, folder) = (TestApp::start().await, tempfile::tempdir().expect("a folder"));
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("first.csv"), "a,b\n1,x\n2,y\n").expect("written");
    std::fs::write(path("more.ndjson"), "{\"a\":3,\"b\":\"x\"}\n").expect("written");
    let shown = printed(&app, &["datasets", "upload", &path("first.csv"), "--types", r#"{"a":"categorical"}"#]).await;
    assert!(shown.contains("first: 2 rows") && shown.contains("categorical"), "{shown}");
    assert!(printed(&app, &["datasets", "append", "first", &path("more.ndjson")]).await.contains("3 rows"));
    let (status, _, err) = asked(&app, &["datasets", "upload", "rows.pdf"]).await;
    assert!(status == Some(2) && err.contains("--content-type"), "{err}");
    let (status, _, err) = asked(&app, &["datasets", "upload", &path("none.csv")]).await;
    assert!(status == Some(1) && err.contains("none.csv"), "{err}");
    std::fs::write(path("ragged.csv"), "a,b\n1\n").expect("written");
    let (status, _, err) = asked(&app, &["datasets", "upload", &path("ragged.csv")]).await;
    assert!(status == Some(1) && err.contains("line 2") && err.contains("Mend the file"), "{err}");
    printed(&app, &["datasets", "delete", "first", "--yes"]).await;
    app.stop().await;
}

#[tokio::test]
async fn scripts_get_json_and_exit_statuses() {
    let app = TestApp::start().await;
    let job = printed(&app, &["train", &penguins(), "--target", "species", "--epochs", "1", "--json", "--quiet"]).await;
    let job: Value = serde_json::from_str(&job).expect("JSON");
    assert_eq!((&job["state"], &job["version"]), (&json!("succeeded"), &json!(1)));
    for words in [
        &["models", "--json"][..],
        &["models", "show", "penguins", "--json"],
        &["versions", "list", "penguins", "--json"],
        &["datasets", "--json"],
        &["jobs", "--json"],
        &["jobs", "show", text(&job["id"]), "--json"],
        &["watch", text(&job["id"]), "--json"],
        &["keys", "--json"],
        &["predict", "penguins", &penguins(), "--json"],
    ] {
        let out = printed(&app, words).await;
        assert!(serde_json::from_str::<Value>(&out).is_ok(), "{words:?}: {out}");
    }
    let id = printed(&app, &["train", "--model", "penguins", "--epochs", "2", "--detach", "--quiet"]).await;
    assert!(printed(&app, &["watch", id.trim()]).await.contains("version 2"));
    let (status, _, err) = asked(&app, &["train", &penguins(), "--target", "species"]).await;
    assert!(status == Some(1) && err.contains("penguins") && err.contains("Choose another"), "{err}");
    let (status, _, err) = asked(&app, &["models", "show", "none"]).await;
    assert!(
        status == Some(1) && err.contains("`epochd models` lists those there are") && !err.contains("GET"),
        "{err}"
    );
    let (status, out, err) = asked(&app, &["models", "show", "none", "--json"]).await;
    let problem: Value = serde_json::from_str(&err).expect("JSON");
    assert_eq!((status, out.as_str(), &problem["code"]), (Some(1), "", &json!("model_not_found")));
    let (_, _, err) = asked(&app, &["train", "--model", "penguins", "--epochs", "0"]).await;
    assert!(err.contains("(at /epochs)"), "{err}");
    let elsewhere =
        told(&said_of(command("http://127.0.0.1:9", &["watch", text(&job["id"]), "--url", &app.url("")]), "").await);
    let next = format!("epochd predict penguins FILE --version 1 --url {}", app.url(""));
    assert!(elsewhere.2.contains(&next), "{}", elsewhere.2);
    let (status, _, err) = asked(&app, &["models", "--url", "http://127.0.0.1:1"]).await;
    assert!(status == Some(3) && err.contains("no service answers") && err.contains("--local"), "{err}");
    assert_eq!(asked(&app, &["train"]).await.0, Some(2));
    let completions = printed(&app, &["completions", "zsh"]).await;
    assert!(completions.starts_with("#compdef epochd") && completions.contains("--hidden-layers"));
    app.stop().await;
}

#[tokio::test]
async fn keys_are_made_used_and_revoked() {
    let app = TestApp::guarded().await;
    let url = app.url("");
    let (status, _, err) = asked(&app, &["models"]).await;
    assert!(status == Some(1) && err.contains("key"), "{err}");
    let as_admin = |words: &[&str]| {
        let mut command = command(&url, words);
        command.env("EPOCHD_KEY", ADMIN);
        said_of(command, "")
    };
    let (status, secret, err) = told(&as_admin(&["keys", "create", "reports", "--models", "shop*"]).await);
    assert!(status == Some(0) && secret.starts_with("epk_"), "{secret}{err}");
    let mut listing = command(&url, &["models", "--key", secret.trim()]);
    listing.env("EPOCHD_KEY", "another");
    assert_eq!(told(&said_of(listing, "").await).0, Some(0));
    let keys: Value = serde_json::from_str(&told(&as_admin(&["keys", "--json"]).await).1).expect("JSON");
    let made = keys.as_array().expect("a list").iter().find(|key| key["name"] == "reports").expect("the new key");
    let revoke = ["keys", "revoke", text(&made["id"]), "--yes"];
    assert_eq!(told(&as_admin(&revoke).await).0, Some(0));
    let (status, _, err) = told(&said_of(command(&url, &["models", "--key", secret.trim()]), "").await);
    assert!(status == Some(1) && !err.contains(secret.trim()), "{err}");
    app.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    let (app, folder) = (TestApp::start().await, tempfile::tempdir().expect("a folder"));
    let (file, workbook) = (penguins(), format!("{}/tests/fixtures/sales.xlsx", env!("CARGO_MANIFEST_DIR")));
    printed(&app, &["train", &file, "--target", "species", "--epochs", "1", "--recipe", "plain", "--name", "birds"])
        .await;
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("rows.csv"), "Island,colour,a,b,c,d,e\nDream,red,1,2,3,4,5\n").expect("written");
    let (rows, packed) = (path("rows.csv"), path("out.csv.gz"));
    let unknown = "has no columns \"Island\", \"colour\", \"a\", \"b\", \"c\" and 2 more; did you mean \"island\" by \"Island\"? \
                   (unknown=ignore passes over such columns)";
    for (status, words, parts) in [
        (2, &["train", &file][..], &["--target <COLUMN>|--model <MODEL>", "epochd train <--target"][..]),
        (2, &["versions"], &["epochd versions MODEL"]),
        (2, &["versions", "alias", "birds", "1", "canary"], &["MODEL ALIAS VERSION"]),
        (2, &["predict", "birds", &file, "-o", &packed], &["in one of .csv, "]),
        (1, &["predict", "birds", &rows], &[unknown]),
        (1, &["train", &file, "--target", "Species"], &["; did you mean \"species\"? it has"]),
        (1, &["train", &workbook, "--target", "none"], &["The sheet that is read is ", "--sheet"]),
    ] {
        let (exit, _, err) = asked(&app, words).await;
        assert!(exit == Some(status) && parts.iter().all(|part| err.contains(part)), "{words:?}: {err}");
    }
    assert!(!PathBuf::from(packed).exists());
    app.stop().await;
}

/// A training that takes until it is cancelled.
const LONG: [&str; 4] = ["--target", "species", "--epochs", "1000000"];

#[tokio::test]
async fn an_interrupt_says_how_to_go_on_watching() {
    let app = TestApp::start().await;
    let file = penguins();
    let mut training = command(&app.url(""), &[&["train", &file][..], &LONG].concat());
    let child = training.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let running = || async { app.get("/jobs?state=running").await.json()["data"][0]["epoch"].as_u64() > Some(0) };
    eventually("the training runs", running).await;
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("it runs").success());
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("no panic").expect("it ends");
    let (status, out, err) = told(&output);
    let job = app.get("/jobs?state=running").await.expect(200)["data"][0].clone();
    let again = format!("the training goes on; watch it by: epochd watch {}", text(&job["id"]));
    assert!(status == Some(130) && out.is_empty() && err.contains(&again), "{status:?} {err}");
    assert!(!err.contains("error:"), "{err}");
    let cancelled = printed(&app, &["jobs", "cancel", text(&job["id"]), "--keep"]).await;
    assert!(cancelled.contains("version 1 keeps ") || cancelled.contains("are measured"), "{cancelled}");
    assert!(printed(&app, &["watch", text(&job["id"])]).await.contains("version 1"));
    app.stop().await;
}

/// What a command draws on a terminal, until it says `end`; then it is interrupted.
fn drawn(command: Command, end: &str) -> String {
    drawn_until(command, |seen| seen.contains(end))
}

/// What a command draws on a terminal, until that is enough; then it is interrupted.
fn drawn_until(mut command: Command, is_enough: impl Fn(&str) -> bool) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("it is ours");
    let name = PathBuf::from(ptsname(&terminal, Vec::new()).expect("a name").into_string().expect("UTF-8"));
    let other = || OwnedFd::from(std::fs::File::options().read(true).write(true).open(&name).expect("the other end"));
    let child = command.stdin(other()).stdout(other()).stderr(other()).spawn().expect("it runs");
    let (mut screen, mut seen) = (std::fs::File::from(terminal), String::new());
    let mut piece = [0; 4096];
    while !is_enough(&seen) {
        let read = screen.read(&mut piece).expect("the command draws");
        seen += &String::from_utf8_lossy(&piece[..read]);
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("it runs");
    ends::ended(child);
    seen
}

#[tokio::test]
async fn a_terminal_sees_bars_and_no_colours_that_it_does_not_want() {
    let app = TestApp::start().await;
    let file = penguins();
    let mut training = command(&app.url(""), &[&["train", &file][..], &LONG].concat());
    training.env("TERM", "xterm").env("NO_COLOR", "1");
    let seen = tokio::task::spawn_blocking(|| drawn(training, "validation")).await.expect("no panic");
    assert!(seen.contains("epoch ") && seen.contains("/1000000 [") && seen.contains("loss "), "{seen:?}");
    assert!(!seen.contains("\u{1b}[3"), "{seen:?}");
    // What it interrupted goes on, and would be in the way of the next.
    let job = app.get("/jobs?state=running").await.expect(200)["data"][0].clone();
    printed(&app, &["jobs", "cancel", text(&job["id"])]).await;

    // A file of some megabytes on its way, and a training that says how long it takes yet, less and less.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("many.csv");
    let rows: String =
        (0..150_000).map(|row| format!("{},{},{}\n", row % 977, row % 89, row % 977 + row % 89)).collect();
    std::fs::write(&file, format!("a,b,y\n{rows}")).expect("it is written");
    let file = file.to_str().expect("UTF-8");
    let words = ["train", file, "--target", "y", "--recipe", "plain", "--epochs", "400"];
    let mut training = command(&app.url(""), &words);
    training.env("TERM", "xterm");
    let falls = |seen: &str| left(seen).windows(2).any(|pair| pair[1] < pair[0]);
    let seen =
        tokio::task::spawn_blocking(move || drawn_until(training, |seen| falls(seen) || left(seen).len() > 60)).await;
    let seen = seen.expect("no panic");
    assert!(seen.contains("many.csv [") && seen.contains("MiB"), "{seen:?}");
    assert!(falls(&seen), "{:?}", left(&seen));
    app.stop().await;
}

/// The seconds that are said to be left, each time that others are said.
fn left(seen: &str) -> Vec<u64> {
    let parts = seen.split(" s left at most").map(|part| part.rsplit(", ").next().unwrap_or(""));
    let mut all: Vec<u64> = parts.filter_map(|number| number.parse().ok()).collect();
    all.dedup();
    all
}

#[tokio::test]
async fn a_service_of_ones_own_needs_no_second_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("state").to_str().expect("UTF-8").to_owned();
    let local = |words: &[&str]| {
        let mut command = command("http://127.0.0.1:1", &[words, &["--local", "--data-dir", &data]].concat());
        command.env("EPOCHD_API_KEYS", "admin:not-for-me");
        command.env("EPOCHD_DATABASE_URL", "postgres://somebody@127.0.0.1:1/of-others");
        command.env("EPOCHD_BLOB_URL", "s3://of-others").env("EPOCHD_WEBHOOK", "http://127.0.0.1:1/of-others");
        said_of(command, "")
    };
    let trained = local(&["train", &penguins(), "--target", "species", "--epochs", "2"]).await;
    assert!(trained.status.success(), "{:?}", told(&trained));
    let next = format!("epochd predict penguins FILE --local --data-dir {data}");
    assert!(told(&trained).2.contains(&next), "{:?}", told(&trained));
    let predicted = local(&["predict", "penguins", &penguins()]).await;
    assert_eq!(told(&predicted).1.lines().count(), 345, "{:?}", told(&predicted));
    // Whoever reads has seen enough, or ends the command: its service ends with it, and leaves the folder to the next.
    let words = ["predict", "penguins", &penguins(), "--local", "--data-dir", &data];
    let mut unread = command("http://127.0.0.1:1", &words).stdout(Stdio::piped()).spawn().expect("it runs");
    drop(unread.stdout.take());
    assert_eq!(unread.wait().expect("it ends").code(), Some(0));
    let mut training = command("http://127.0.0.1:1", &["train", "--model", "penguins", "--epochs", "1000000"]);
    let mut training = training.args(["--local", "--data-dir", &data]).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut said = std::io::BufReader::new(training.stderr.take().expect("piped"));
    std::io::BufRead::read_line(&mut said, &mut String::new()).expect("the training has begun");
    assert!(Command::new("kill").args(["-TERM", &training.id().to_string()]).status().expect("it runs").success());
    assert_eq!(training.wait().expect("it ends").code(), Some(130));
    let jobs: Value = serde_json::from_str(&told(&local(&["jobs", "--json"]).await).1).expect("JSON");
    assert!(jobs[0]["state"] == "queued" || jobs[0]["state"] == "running", "{jobs}");
    // Where a service has the folder already, that is said.
    let mut service = Command::new(env!("CARGO_BIN_EXE_epochd"));
    let mut service =
        service.args(["--listen", "127.0.0.1:0", "--data-dir", &data]).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut log = std::io::BufReader::new(service.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut log, &mut line).expect("a line") > 0, "it ended");
    }
    let (status, _, err) = told(&local(&["models"]).await);
    assert!(status == Some(1) && err.contains("leave --local out"), "{err}");
    service.kill().expect("it runs");
    service.wait().expect("it ends");
}
