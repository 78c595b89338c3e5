//! A database or a store that does not answer: whoever asks is told so in time, and a process that lost its database writes
//! no more.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use epochd::app::App;
use serde_json::json;

use crate::support::proxy::{Mode, Proxy};
use crate::support::{Home, TestApp, eventually, xor_model};

/// What the binary says when it cannot start, and after how long.
fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> (String, Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
    command.args(["--listen", "127.0.0.1:0", "--storage-timeout", "1"]).args(arguments);
    command.arg("--data-dir").arg(folder.path()).envs(environment.iter().copied());
    let since = Instant::now();
    let output = command.output().expect("it runs");
    assert!(!output.status.success());
    (String::from_utf8_lossy(&output.stderr).into_owned(), since.elapsed())
}

/// Takes connections and never says a word.
fn silent_server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address").to_string();
    (listener, address)
}

#[test]
fn servers_that_never_answer_do_not_hold_up_the_start() {
    let (_listener, address) = silent_server();
    let (said, took) = refused(&["--database-url", &format!("postgres://me:hunter2@{address}/x")], &[]);
    assert!(took < Duration::from_secs(10) && said.contains("the catalog cannot be opened"), "{took:?}: {said}");
    assert!(!said.contains("hunter2"), "{said}");
    let endpoint = format!("http://{address}");
    let environment = [
        ("AWS_ENDPOINT", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "me"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_REGION", "nowhere"),
    ];
    let (said, took) = refused(&["--blob-url", "s3://bucket/folder"], &environment);
    assert!(took < Duration::from_secs(10) && said.contains("the blobs cannot be opened"), "{took:?}: {said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn wrong_urls_are_not_repeated_with_their_passwords() {
    for arguments in [
        ["--database-url", "mysql://me:hunter2@127.0.0.1:1/x"],
        ["--database-url", "postgres://me:hunter2@127.0.0.1:port/x"],
        ["--blob-url", "ftp://me:hunter2@127.0.0.1/x"],
        ["--blob-url", "https://me:hunter2@example.com/x?sig=hunter2"],
        ["--listen", "postgres://me:hunter2@127.0.0.1:1/x"],
        ["--keep-jobs", "https://example.com/?sig=hunter2"],
    ] {
        let (said, _) = refused(&arguments, &[]);
        assert!(!said.contains("hunter2") && !said.is_empty(), "{arguments:?}: {said}");
    }
    let mut help = Command::new(env!("CARGO_BIN_EXE_epochd"));
    let help = help.arg("--help").env("EPOCHD_DATABASE_URL", "postgres://me:hunter2@x/y").output().expect("it runs");
    assert!(!String::from_utf8_lossy(&help.stdout).contains("hunter2"));
}

/// A service on the database of the tests, through a proxy; none without such a database.
async fn behind_proxy() -> Option<(TestApp, Proxy, String)> {
    let home = Home::new().await;
    let url = home.database_url.clone()?;
    let at = url.split_once('@').expect("a user").1;
    let address = at.split_once('/').expect("a database").0.to_owned();
    let proxy = Proxy::new(address.clone()).await;
    let through = url.replace(&address, &format!("127.0.0.1:{}", proxy.port));
    let mut home = home;
    home.database_url = Some(through);
    let change = |settings: &mut epochd::config::Settings| settings.storage_timeout = Duration::from_secs(1);
    Some((TestApp::on_with(home, change).await, proxy, url))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_database_is_an_error_in_time_and_all_goes_on_afterwards() {
    let Some((service, proxy, _)) = behind_proxy().await else { return };
    service.with_xor().await;
    // What is in memory goes on.
    service.post("/models/xor/predict", json!({"inputs": [[0, 1]]})).await.expect(200);
    proxy.set(Mode::Silent);
    let since = Instant::now();
    // More than there are connections.
    let asking = (0..12).map(|_| async { service.get("/models").await.problem(503, "storage_unavailable") });
    futures_util::future::join_all(asking).await;
    service.post("/models", xor_model("other")).await.problem(503, "storage_unavailable");
    let unready = service.get("/readyz").await.problem(503, "storage_unavailable");
    assert_eq!(unready["checks"][1]["status"], "unavailable");
    service.post("/models/xor/predict", json!({"inputs": [[0, 1]]})).await.expect(200);
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    proxy.set(Mode::Pass);
    eventually("it is ready", || async { service.get("/readyz").await.status == 200 }).await;
    service.post("/models", xor_model("after")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_hold_is_taken_again_and_a_lost_one_ends_all_writing() {
    let Some((service, proxy, url)) = behind_proxy().await else { return };
    let mut settings = service.settings.clone();
    settings.database_url = Some(url.into());
    let folder = tempfile::tempdir().expect("a folder");
    settings.data_dir = folder.path().to_owned();
    proxy.set(Mode::Refuse);
    proxy.set(Mode::Pass);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let second = App::open(settings.clone()).await;
    assert!(second.is_err_and(|error| error.to_string().contains("held by another epochd")));
    service.post("/models", xor_model("one")).await.expect(201);

    proxy.set(Mode::Refuse);
    let second = App::open(settings).await.expect("the first has lost its session");
    proxy.set(Mode::Pass);
    let refused = service.post("/models", xor_model("two")).await;
    assert_eq!(refused.status, 503, "{}", String::from_utf8_lossy(&refused.body));
    eventually("it knows", || std::future::ready(service.app.storage.is_lost())).await;
    let unready = service.get("/readyz").await.problem(503, "storage_unavailable");
    assert_eq!(unready["checks"][3]["status"], "lost");
    assert!(second.models.get("one").await.is_ok() && second.models.get("two").await.is_err());
    second.close().await;
    second.storage.close().await;
}
