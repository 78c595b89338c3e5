//! Files that commands read and write.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::ends::end_of;
use super::{asked, command, penguins, printed};
use crate::support::TestApp;

#[tokio::test]
async fn a_file_that_cannot_be_read_is_no_service_that_does_not_answer() {
    let (app, folder) = (TestApp::start().await, tempfile::tempdir().expect("a folder"));
    let named = folder.path().join("folder.csv").to_str().expect("UTF-8").to_owned();
    std::fs::create_dir(&named).expect("a folder");
    // The memory of a process can be opened, and its first byte cannot be read.
    for file in [named.as_str(), "/proc/self/mem"] {
        let words = ["datasets", "upload", file, "--content-type", "text/csv", "--name", "a", "--json"];
        let (status, _, err) = asked(&app, &words).await;
        let problem: Value = serde_json::from_str(&err).expect("JSON");
        let detail = problem["detail"].as_str().expect("words");
        assert!(status == Some(1) && problem["code"] == "io" && detail.starts_with(file), "{status:?} {err}");
    }
    app.stop().await;
}

#[tokio::test]
async fn predictions_go_into_what_is_there() {
    let (app, folder) = (TestApp::start().await, tempfile::tempdir().expect("a folder"));
    let file = penguins();
    printed(&app, &["train", &file, "--target", "species", "--epochs", "1", "--recipe", "plain", "--name", "birds"])
        .await;
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let [pipe, link] = ["pipe.csv", "link.csv"].map(path);
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
    symlink("to.csv", &link).expect("a link");
    let reader = Command::new("cat").arg(&pipe).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let predicting = command(&app.url(""), &["predict", "birds", &file, "-o", &pipe]).spawn().expect("it runs");
    let (read, ended) = tokio::join!(end_of(reader), end_of(predicting));
    assert_eq!((ended.0, read.1.lines().count()), (Some(0), 345), "{}", read.1);
    printed(&app, &["predict", "birds", &file, "-o", &link]).await;
    let is_link = std::fs::symlink_metadata(&link).expect("it is there").is_symlink();
    assert_eq!((is_link, std::fs::read_to_string(path("to.csv")).expect("written")), (true, read.1));
    app.stop().await;
}
