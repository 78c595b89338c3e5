//! What is wrong with a command line, and what a training came to, however it is looked at.

use std::process::Stdio;

use serde_json::Value;

use super::{LONG, asked, command, penguins, printed};
use crate::support::{TestApp, text};

#[tokio::test]
async fn what_is_wrong_with_a_command_line_is_refused() {
    let app = TestApp::start().await;
    for (words, part) in [
        (&["train", "a.csv", "--target", "y", "--max-seconds", "nan"][..], "a number is expected"),
        (&["keys", "create", "a", "--requests-per-second", "inf"], "a number is expected"),
        (&["train", "--model", "m", "--types", "{}"], "--types"),
        (&["train", "--model", "m", "--missing", "?"], "--missing"),
        (&["train", "数据.csv", "--target", "y"], "数据.csv has no letter or digit"),
        (&["models", "--local", "--url", "http://127.0.0.1:1"], "leave one of them out"),
        (&["train", "a.csv"], "--target"),
    ] {
        let (status, _, err) = asked(&app, words).await;
        assert!(status == Some(2) && err.contains(part), "{words:?}: {status:?} {err}");
        let (status, _, err) = asked(&app, &[words, &["--json"]].concat()).await;
        let problem: Value = serde_json::from_str(&err).expect("JSON");
        let detail = text(&problem["detail"]);
        assert!(status == Some(2) && problem["code"] == "usage" && detail.contains(part), "{words:?}: {err}");
        assert!(!detail.starts_with("error") && !detail.contains('\u{1b}'), "{err}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_training_without_a_version_is_a_failure_for_whoever_reads_nothing() {
    let app = TestApp::start().await;
    let file = penguins();
    let id = printed(&app, &[&["train", &file, "--detach", "--quiet"][..], &LONG].concat()).await;
    printed(&app, &["jobs", "cancel", id.trim()]).await;
    let mut unread = command(&app.url(""), &["watch", id.trim()]).stdout(Stdio::piped()).spawn().expect("it runs");
    drop(unread.stdout.take());
    let ended = tokio::task::spawn_blocking(move || unread.wait()).await.expect("no panic").expect("it ends");
    assert_eq!(ended.code(), Some(1));
    app.stop().await;
}
