//! The end of the service: it comes with the time of `--shutdown-timeout`, whatever holds it up.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use epochd::storage::Gate;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{TestApp, endless_training, eventually, text, xor_model};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_end_comes_even_if_the_store_hangs_while_a_job_writes() {
    let hangs = Arc::new(AtomicBool::new(false));
    let (told, calls) = (hangs.clone(), Arc::new(AtomicBool::new(false)));
    let called = calls.clone();
    let gate: Gate = Arc::new(move |call| {
        // The thread of a job writes; it stands still as with a store that does not answer.
        if told.load(Ordering::Relaxed) && call == "blob put" {
            called.store(true, Ordering::Relaxed);
            std::thread::sleep(Duration::from_secs(6));
        }
        Ok(())
    });
    let mut service = TestApp::behind(gate, |settings| {
        settings.shutdown_timeout = Duration::from_secs(2);
        settings.checkpoint_interval = Duration::from_millis(100);
    })
    .await;
    service.post("/models", xor_model("m")).await.expect(201);
    let job = service.post("/models/m/train", endless_training()).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    eventually("it runs", || async { service.get(&path).await.expect(200)["state"] == "running" }).await;
    hangs.store(true, Ordering::Relaxed);
    eventually("it writes", || async { calls.load(Ordering::Relaxed) }).await;
    let since = Instant::now();
    service.begin_stop();
    service.has_ended().await;
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
}

/// A hook of certbot or logrotate sends it, who reads files again by it.
#[tokio::test]
async fn a_hangup_without_a_terminal_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = std::process::Command::new(env!("CARGO_BIN_EXE_epochd"))
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path())
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let log = BufReader::new(service.stderr.take().expect("a log"));
    let (pid, mut told) = (Pid::from_child(&service), Vec::new());
    for line in log.lines() {
        let line = line.expect("a line");
        let next = match &line {
            line if line.contains("listening on") => Some(Signal::HUP),
            line if line.contains("SIGHUP") => Some(Signal::TERM),
            _ => None,
        };
        next.map_or(Ok(()), |signal| kill_process(pid, signal)).expect("it runs");
        told.push(line);
    }
    assert!(service.wait().expect("it ends").success() && told.iter().any(|line| line.contains("SIGTERM")), "{told:?}");
}

#[tokio::test]
async fn the_end_comes_even_if_a_request_does_not_end() {
    let mut service = TestApp::with(|settings| settings.shutdown_timeout = Duration::from_secs(1)).await;
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let head =
        b"POST /datasets HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: 100\r\n\r\na,b\n";
    stream.write_all(head).await.expect("sent");
    eventually("it is under way", || async { !service.app.datasets.loading.list(1).is_empty() }).await;
    let since = Instant::now();
    service.begin_stop();
    service.has_ended().await;
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}

/// Begins an upload that does not end, and returns when the service waits for its rows.
fn begin_upload(address: &str) -> std::net::TcpStream {
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    let head = b"POST /datasets HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head).expect("sent");
    let mut said = [0; 12];
    stream.read_exact(&mut said).expect("it is to go on");
    assert_eq!(&said, b"HTTP/1.1 100");
    stream
}

#[test]
fn who_breaks_off_and_who_is_cut_off_have_their_line_in_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = std::process::Command::new(env!("CARGO_BIN_EXE_epochd"))
        .args(["--listen", "127.0.0.1:0", "--shutdown-timeout", "1", "--data-dir"])
        .arg(folder.path())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let log = BufReader::new(service.stderr.take().expect("a log"));
    let mut lines = log.lines().map(|line| line.expect("UTF-8"));
    let address =
        lines.find_map(|line| Some(line.split_once("listening on http://")?.1.split_whitespace().next()?.to_owned()));
    let address = address.expect("an address");
    let of_upload =
        |line: &String, status: u16| line.contains(&format!("method=POST path=\"/datasets\" status={status}"));
    drop(begin_upload(&address));
    assert!(
        lines.find(|line| line.contains("INFO request ")).is_some_and(|line| of_upload(&line, 400)),
        "it broke off"
    );
    let _open = begin_upload(&address);
    kill_process(Pid::from_child(&service), Signal::TERM).expect("it runs");
    let told: Vec<String> = lines.collect();
    assert!(service.wait().expect("it ends").success(), "{told:?}");
    assert!(told.iter().any(|line| of_upload(line, 499)), "{told:?}");
}
