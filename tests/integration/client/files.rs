//! Files that commands read and write.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::ends::end_of;
use super::{asked, command, penguins, printed, said_of, told};
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
    assert_eq!((is_link, std::fs::read_to_string(path("to.csv")).expect("written")), (true, read.1.clone()));
    // Standard output by its name is what it is: here a file that something stands in before.
    let mut so_far = std::fs::File::create(path("so far")).expect("a file");
    so_far.write_all(b"before\n").expect("written");
    let mut predicting = command(&app.url(""), &["predict", "birds", &file, "-o", "/dev/stdout"]);
    let ended = end_of(predicting.stdout(so_far).spawn().expect("it runs")).await;
    let whole = std::fs::read_to_string(path("so far")).expect("written");
    assert_eq!((ended.0, whole), (Some(0), "before\n".to_owned() + &read.1));
    app.stop().await;
}

#[tokio::test]
async fn a_service_of_this_machine_is_asked_by_no_proxy() {
    let app = TestApp::start().await;
    let mut listing = command(&app.url(""), &["models"]);
    // Nobody listens at port 9.
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        listing.env(name, "http://127.0.0.1:9");
    }
    let output = said_of(listing, "").await;
    assert_eq!(told(&output).0, Some(0), "{output:?}");
    let with_password = app.url("").replace("http://", "http://u:secret@");
    let (status, out, err) = told(&said_of(command(&with_password, &["models"]), "").await);
    assert!(status == Some(2) && err.contains("EPOCHD_KEY") && !(out + &err).contains("secret"), "{err}");
    app.stop().await;
}
