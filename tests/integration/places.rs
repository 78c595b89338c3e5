//! How many connections there may be, who makes room, and what is said to those that there is no place for.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use rustix::process::{Pid, Resource, Rlimit};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{TestApp, eventually};

const GET: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";

async fn connected(address: impl tokio::net::ToSocketAddrs) -> TcpStream {
    TcpStream::connect(address).await.expect("a connection")
}

/// A connection whose request is under way.
async fn busy(service: &TestApp) -> TcpStream {
    let mut stream = connected(service.address()).await;
    let head =
        b"POST /datasets HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: 100\r\n\r\na,b\n";
    stream.write_all(head).await.expect("sent");
    stream
}

/// All that comes until the connection ends.
async fn all(stream: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut reply)).await;
    let _ = end.expect("the connection ends");
    String::from_utf8(reply).expect("text")
}

/// Whether a request is answered with 200.
async fn is_served(stream: &mut TcpStream) -> bool {
    let mut reply = [0; 12];
    stream.write_all(GET).await.is_ok() && stream.read_exact(&mut reply).await.is_ok() && reply == *b"HTTP/1.1 200"
}

/// Checks the refusal of a connection.
fn refused(reply: &str, word: &str) {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("a head and a body: {reply:?}"));
    assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("retry-after: ") && head.contains("x-request-id: "));
    let problem: Value = serde_json::from_str(body).expect("a problem document");
    assert_eq!(problem["code"], "overloaded");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{problem}");
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_told() {
    let service = TestApp::with(|settings| settings.max_connections = Some(2)).await;
    let first = busy(&service).await;
    let mut second = busy(&service).await;
    eventually("both are taken", || async { service.app.meters.connections.get() == 2 }).await;
    for _ in 0..3 {
        let mut third = connected(service.address()).await;
        third.write_all(GET).await.expect("sent");
        refused(&all(&mut third).await, "--max-connections");
    }
    assert_eq!(service.app.meters.connections_refused.with_label_values(&["limit"]).get(), 3);
    drop(first);
    eventually("its place is free", || async { service.app.meters.connections.get() == 1 }).await;
    let metrics = service.raw(Method::GET, "/metrics").send().await.expect("a reply").text().await.expect("text");
    assert!(metrics.contains("epochd_connections_refused_total{reason=\"limit\"} 3"), "{metrics}");
    second.write_all(b"1,2\n").await.expect("it is open still");
}

#[tokio::test]
async fn silent_connections_make_room_for_those_that_come() {
    let service = TestApp::with(|settings| settings.max_connections = Some(3)).await;
    let mut idle = connected(service.address()).await;
    let mut half = connected(service.address()).await;
    half.write_all(&GET[..20]).await.expect("sent");
    let mut kept = busy(&service).await;
    eventually("all are taken", || async { service.app.meters.connections.get() == 3 }).await;
    // As long as a silent client keeps its place.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (mut one, mut two) = (connected(service.address()).await, connected(service.address()).await);
    assert!(is_served(&mut one).await && is_served(&mut two).await);
    assert_eq!((all(&mut idle).await, all(&mut half).await), (String::new(), String::new()));
    let mut three = connected(service.address()).await;
    refused(&all(&mut three).await, "--max-connections");
    assert_eq!(service.app.meters.connections_cut.with_label_values(&["made_room"]).get(), 2);
    kept.write_all(b"1,2\n").await.expect("a request under way is kept");
}

#[tokio::test]
async fn who_was_there_before_a_flood_stays() {
    let service = TestApp::with(|settings| settings.max_connections = Some(4)).await;
    let (mut first, mut asked) = (connected(service.address()).await, connected(service.address()).await);
    assert!(is_served(&mut asked).await);
    let mut flood = Vec::new();
    for _ in 0..20 {
        flood.push(connected(service.address()).await);
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(is_served(&mut connected(service.address()).await).await, "one that comes new");
    let _ = asked.read(&mut [0; 4096]).await;
    assert!(is_served(&mut first).await && is_served(&mut asked).await);
}

#[tokio::test]
async fn clients_that_stop_within_a_request_make_room_later() {
    let service = TestApp::with(|settings| settings.max_connections = Some(1)).await;
    let mut stopped = busy(&service).await;
    eventually("it is taken", || async { service.app.meters.connections.get() == 1 }).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    refused(&all(&mut connected(service.address()).await).await, "--max-connections");
    // As long as a client may stop within a body while others have no place.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(is_served(&mut connected(service.address()).await).await);
    assert_eq!(all(&mut stopped).await, "");
    eventually("the upload is forgotten", || async { service.app.datasets.loading.list(1).is_empty() }).await;
}

#[tokio::test]
async fn one_address_may_have_so_many() {
    let service = TestApp::with(|settings| settings.connections_per_address = Some(2)).await;
    let (mut one, two) = (connected(service.address()).await, connected(service.address()).await);
    assert!(is_served(&mut one).await);
    let mut three = connected(service.address()).await;
    refused(&all(&mut three).await, "--connections-per-address");
    assert_eq!(service.app.meters.connections_refused.with_label_values(&["address"]).get(), 1);
    drop(two);
    eventually("a place is free again", || async { is_served(&mut connected(service.address()).await).await }).await;
}

/// The binary at work, killed when dropped.
struct Process(Child, String);

impl Process {
    fn start(folder: &std::path::Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map(|line| line.expect("UTF-8"));
        let address = lines
            .find_map(|line| Some(line.split_once("listening on http://")?.1.split_whitespace().next()?.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Process(child, address.expect("an address"))
    }

    fn descriptors(&self) -> u64 {
        std::fs::read_dir(format!("/proc/{}/fd", self.0.id())).expect("a process").count() as u64
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_a_descriptor_clients_are_told_and_those_that_are_there_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Process::start(folder.path());
    let mut old = connected(&service.1).await;
    assert!(is_served(&mut old).await);
    let most = service.descriptors() + 3;
    let pid = Pid::from_raw(service.0.id() as i32);
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    rustix::process::prlimit(pid, Resource::Nofile, limit).expect("a lower limit");
    // Many more than there is room for: what the start had open may be closed meanwhile.
    let mut new = Vec::new();
    for _ in 0..40 {
        new.push(connected(&service.1).await);
    }
    let mut told = all(new.last_mut().expect("the last one")).await;
    refused(&told, "files and connections");
    let mut rest = vec![0; 4096];
    let _ = old.read(&mut rest).await;
    assert!(is_served(&mut old).await, "a client that is there goes on");
    drop(new);
    for _ in 0..500 {
        let mut stream = connected(&service.1).await;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.expect("sent");
        told = all(&mut stream).await;
        if told.starts_with("HTTP/1.1 200") {
            let mut stream = connected(&service.1).await;
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .await
                .expect("sent");
            let metrics = all(&mut stream).await;
            let refused = metrics.lines().find(|line| line.contains("refused_total{reason=\"descriptors\"}"));
            assert!(refused.is_some_and(|line| !line.ends_with(" 0")), "{refused:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("new clients are served when there is room again: {told}");
}
