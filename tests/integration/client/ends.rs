//! How commands end that are ended: by a signal, whatever they wait for, by an early refusal, or without a word.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{command, drawn, penguins, told};
use crate::support::{TestApp, eventually};

/// Sends a signal to a process.
fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().expect("it runs").success());
}

/// What a process says that ends within some seconds.
///
/// # Panics
/// If it does not end.
pub(super) fn ended(mut child: Child) -> (Option<i32>, String, String) {
    let begun = Instant::now();
    while child.try_wait().expect("it is ours").is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            child.kill().expect("it is ours");
            panic!("it does not end: {:?}", told(&child.wait_with_output().expect("it ended")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    told(&child.wait_with_output().expect("it ended"))
}

/// The same, while the service answers.
pub(super) async fn end_of(child: Child) -> (Option<i32>, String, String) {
    tokio::task::spawn_blocking(|| ended(child)).await.expect("it ends")
}

/// A command with a standard input that is left open.
fn with_open_input(url: &str, words: &[&str]) -> Child {
    let mut command = command(url, words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

/// Whether these tests were started to ignore SIGHUP: then so are commands that they start.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}

#[tokio::test]
async fn a_signal_ends_a_command_that_waits_for_its_input() {
    let app = TestApp::start().await;
    for (name, word) in [("-INT", "interrupted"), ("-TERM", "terminated"), ("-HUP", "hung up")] {
        if name == "-HUP" && ignores_hangups() {
            continue;
        }
        let mut child = with_open_input(&app.url(""), &["datasets", "upload", "-", "--name", "slow"]);
        let mut input = child.stdin.take().expect("piped");
        input.write_all(b"a,b\n1,2\n").expect("it is read");
        let arrives = || async { !app.get("/datasets").await.json()["loading"].as_array().expect("a list").is_empty() };
        eventually("the upload has begun", arrives).await;
        signal(&child, name);
        let (status, _, err) = end_of(child).await;
        assert!(status == Some(130) && err == format!("{word}\n"), "{status:?} {err}");
        drop(input);
        eventually("the upload is given up", || async { !arrives().await }).await;
    }
    assert_eq!(app.get("/datasets").await.expect(200)["data"], Value::Array(Vec::new()));
    app.stop().await;
}

/// `nohup` has the processes that it starts ignore SIGHUP.
#[tokio::test]
async fn a_command_that_was_started_to_ignore_a_hangup_does() {
    let app = TestApp::start().await;
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" datasets upload - --name kept", env!("CARGO_BIN_EXE_epochd")]);
    shell.env("EPOCHD_URL", app.url("")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = shell.spawn().expect("it runs");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(b"a,b\n1,2\n").expect("it is read");
    let arrives = || async { !app.get("/datasets").await.json()["loading"].as_array().expect("a list").is_empty() };
    eventually("the upload has begun", arrives).await;
    signal(&child, "-HUP");
    input.write_all(b"3,4\n").expect("it is read");
    drop(input);
    let (status, _, err) = end_of(child).await;
    assert!(status == Some(0), "{status:?} {err}");
    assert_eq!(app.get("/datasets/kept").await.expect(200)["rows"], 2);
    app.stop().await;
}

#[tokio::test]
async fn a_refusal_is_told_before_the_input_ends() {
    let app = TestApp::start().await;
    let mut child = with_open_input(&app.url(""), &["predict", "none"]);
    let input = child.stdin.take().expect("piped");
    let (status, _, err) = end_of(child).await;
    assert!(status == Some(1) && err.contains("`epochd models` lists those there are"), "{status:?} {err}");
    drop(input);
    app.stop().await;
}

#[tokio::test]
async fn a_signal_ends_a_command_that_asks() {
    let app = TestApp::start().await;
    let asking = command(&app.url(""), &["models", "delete", "none"]);
    let seen = tokio::task::spawn_blocking(|| drawn(asking, "[y/N]")).await.expect("no panic");
    assert!(seen.contains("delete the model none"), "{seen}");
    app.stop().await;
}

#[tokio::test]
async fn a_service_of_ones_own_ends_with_a_command_that_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("state").to_str().expect("UTF-8").to_owned();
    let local = |words: &[&str]| {
        let words = [words, &["--local", "--data-dir", &data]].concat();
        command("http://127.0.0.1:1", &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
    };
    let mut training = local(&["train", &penguins(), "--target", "species", "--epochs", "1000000"]);
    let mut said = std::io::BufReader::new(training.stderr.take().expect("piped"));
    std::io::BufRead::read_line(&mut said, &mut String::new()).expect("the training has begun");
    training.kill().expect("it is ours");
    training.wait().expect("it ended");
    let is_free = || async { end_of(local(&["jobs", "--json"])).await.0 == Some(0) };
    eventually("the folder is free", is_free).await;
}
