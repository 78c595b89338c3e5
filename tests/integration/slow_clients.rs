//! Clients that send or read slowly, and requests that take long: what they hold is free again after a while, and others are
//! served meanwhile.

use std::time::{Duration, Instant};

use bytesize::ByteSize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{TestApp, endless_training, eventually, flowers_csv, text};

/// A new connection that has sent the head of a POST.
async fn posting(service: &TestApp, path: &str, kind: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

/// What comes until the service closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut reply)).await;
    let _ = end.expect("the connection ends");
    String::from_utf8_lossy(&reply).into_owned()
}

/// The next reply on a connection that is kept.
async fn reply_of(stream: &mut TcpStream) -> String {
    let mut reply = String::new();
    loop {
        let mut piece = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut piece)).await;
        let read = read.expect("a reply comes").expect("the connection is kept");
        assert!(read > 0, "the connection has ended: {reply}");
        reply.push_str(std::str::from_utf8(&piece[..read]).expect("a text"));
        let Some((head, body)) = reply.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return reply;
        }
    }
}

/// A connection that has asked for about 20 MB of predictions and takes little of them by itself.
async fn slow_reader(service: &TestApp) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(service.address()).await.expect("a connection");
    let body = json!({"inputs": vec![[0.5]; 20_000]}).to_string();
    let head = format!(
        "POST /models/wide/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.expect("sent");
    stream
}

async fn with_wide(change: impl FnOnce(&mut epochd::config::Settings)) -> TestApp {
    let service = TestApp::with(change).await;
    service.post("/models", json!({"name": "wide", "layers": [1, 100]})).await.expect(201);
    service.train("wide", json!({"inputs": [[1]], "targets": [vec![1; 100]], "epochs": 1})).await;
    service
}

#[tokio::test]
async fn a_body_that_drips_ends_as_one_that_pauses_does() {
    let service = TestApp::with(|settings| settings.body_timeout = Duration::from_millis(500)).await;
    service.with_xor().await;
    for (path, kind) in
        [("/datasets", "text/csv"), ("/models/xor/predict", "application/json"), ("/train?target=a", "text/csv")]
    {
        let mut stream = posting(&service, path, kind, 1_000_000).await;
        let since = Instant::now();
        let (mut reading, mut writing) = stream.split();
        let dripping = async {
            // Each pause is far shorter than the timeout.
            while writing.write_all(b"1").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            std::future::pending::<()>().await;
        };
        let mut reply = String::new();
        tokio::select! {
            _ = reading.read_to_string(&mut reply) => {}
            () = dripping => {}
        }
        assert!(since.elapsed() < Duration::from_secs(5), "{path}: {:?}", since.elapsed());
        assert!(reply.starts_with("HTTP/1.1 408 ") && reply.contains("request_timeout"), "{path}: {reply}");
    }
}

#[tokio::test]
async fn a_body_that_keeps_up_its_rate_may_take_longer_than_any_pause() {
    let service = TestApp::with(|settings| settings.body_timeout = Duration::from_millis(600)).await;
    let csv = flowers_csv(200);
    let mut stream = posting(&service, "/datasets?name=steady", "text/csv", csv.len()).await;
    let since = Instant::now();
    for piece in csv.as_bytes().chunks(csv.len().div_ceil(8)) {
        stream.write_all(piece).await.expect("an open connection");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert!(since.elapsed() > Duration::from_millis(1000));
    let mut reply = [0; 12];
    stream.read_exact(&mut reply).await.expect("a reply");
    assert_eq!(&reply, b"HTTP/1.1 201");
}

#[tokio::test]
async fn a_client_that_does_not_read_gives_its_memory_back() {
    let service = with_wide(|settings| settings.reply_timeout = Duration::from_secs(1)).await;
    let readers = [slow_reader(&service).await, slow_reader(&service).await];
    let used = || service.app.memory.requests.used();
    eventually("the replies are held", || async { used() > 10 << 20 }).await;
    eventually("they are given up", || async { used() < 1 << 20 }).await;
    let cut = service.app.meters.connections_cut.with_label_values(&["reply"]);
    eventually("the connections are counted", || async { cut.get() == 2 }).await;
    drop(readers);
    service.get("/livez").await.expect(200);
}

#[tokio::test]
async fn a_client_that_reads_steadily_gets_all_however_long_it_takes() {
    let service = with_wide(|settings| settings.reply_timeout = Duration::from_secs(1)).await;
    let mut stream = slow_reader(&service).await;
    let (since, mut bytes, mut buffer) = (Instant::now(), Vec::new(), vec![0; 1 << 20]);
    loop {
        let length = stream.read(&mut buffer).await.expect("an open connection");
        bytes.extend_from_slice(&buffer[..length]);
        if length == 0 {
            break;
        }
        // About 10 MB/s: several times the timeout in all.
        tokio::time::sleep(Duration::from_micros(length as u64 / 10)).await;
    }
    assert!(since.elapsed() > Duration::from_secs(1), "{:?}", since.elapsed());
    let body = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
    let reply: Value = serde_json::from_slice(&bytes[body..]).expect("a whole body");
    assert_eq!(reply["outputs"].as_array().map(Vec::len), Some(20_000));
}

#[tokio::test]
async fn what_is_quiet_by_nature_is_not_cut() {
    let service = TestApp::with(|settings| {
        settings.concurrent_jobs = Some(1);
        settings.reply_timeout = Duration::from_millis(500);
        settings.body_timeout = Duration::from_millis(500);
        settings.head_timeout = Duration::from_millis(500);
        settings.request_timeout = Duration::from_millis(1500);
    })
    .await;
    service.with_xor().await;
    service.post("/models", json!({"name": "slow", "layers": [2, 512, 512, 1]})).await.expect(201);
    let running = service.post("/models/slow/train", endless_training()).await.expect(202);
    let queued = service.post("/models/xor/train", endless_training()).await.expect(202);
    let id = text(&queued["id"]);
    let events = service.raw(reqwest::Method::GET, &format!("/jobs/{id}/events")).send();
    let mut events = events.await.expect("a reply");
    events.chunk().await.expect("open").expect("the state");
    let since = Instant::now();
    let job = service.get(&format!("/jobs/{id}?wait=3")).await.expect(200);
    assert!(job["state"] == "queued" && since.elapsed() >= Duration::from_secs(3), "{job}");
    service.post_empty(&format!("/jobs/{id}/cancel")).await.expect(200);
    let last = events.chunk().await.expect("still open").expect("the state");
    assert!(String::from_utf8_lossy(&last).contains("cancelled"));
    service.post_empty(&format!("/jobs/{}/cancel", text(&running["id"]))).await.expect(200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up_and_its_work_stops() {
    let service = TestApp::with(|settings| settings.request_timeout = Duration::from_millis(500)).await;
    service.post("/models", json!({"name": "wide", "layers": [20, 1024, 1024, 1]})).await.expect(201);
    service.train("wide", json!({"inputs": [vec![0.5; 20]], "targets": [[1]], "epochs": 1})).await;
    let rows = 300_000;
    let reply = service.post_file("/models/wide/predict", "application/octet-stream", vec![0; rows * 80]).await;
    reply.problem(408, "request_timeout");
    let predicted = || service.app.meters.predictions.get();
    let mut last = 0;
    eventually("nothing more is predicted", || {
        let still = std::mem::replace(&mut last, predicted()) == predicted();
        async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            still && predicted() == last
        }
    })
    .await;
    assert!(predicted() < rows as u64, "all rows were predicted for nobody");
    service.post("/models/wide/predict", json!({"inputs": vec![0.5; 20]})).await.expect(200);
}

#[tokio::test]
async fn the_time_of_a_request_begins_when_it_is_whole() {
    let service = TestApp::with(|settings| settings.request_timeout = Duration::from_millis(300)).await;
    service.with_xor().await;
    let body = r#"{"inputs":[[0,1]]}"#;
    let mut stream = posting(&service, "/models/xor/predict", "application/json", body.len()).await;
    // Longer than a request may take.
    tokio::time::sleep(Duration::from_millis(900)).await;
    stream.write_all(body.as_bytes()).await.expect("an open connection");
    let mut reply = [0; 12];
    stream.read_exact(&mut reply).await.expect("a reply");
    assert_eq!(&reply, b"HTTP/1.1 200");
}

/// More of them than the service has threads that may block.
#[test]
fn uploads_that_drip_hold_no_threads() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).max_blocking_threads(4).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let service = TestApp::with(|settings| settings.scratch_space = Some(ByteSize::mib(64))).await;
        service.with_xor().await;
        let large = "0.123456,-1.234567\n".repeat(8 << 10);
        let mut open = Vec::new();
        for i in 0..24 {
            let mut stream = posting(&service, "/datasets", "text/csv", 10 << 20).await;
            stream.write_all(b"a,b\n").await.expect("sent");
            if i % 3 == 0 {
                // Beyond what stays in memory.
                for _ in 0..10 {
                    stream.write_all(large.as_bytes()).await.expect("sent");
                }
            }
            open.push(stream);
        }
        eventually("they are under way", || async {
            service.app.datasets.loading.list(100).iter().filter(|load| load.bytes() > 0).count() == 24
        })
        .await;
        let served = async {
            service.get("/datasets").await.expect(200);
            service.post_csv("/datasets?name=quick", flowers_csv(300)).await.expect(201);
            service.train("xor", json!({"inputs": [[0, 1]], "targets": [[1]], "epochs": 1})).await;
            service.post("/models/xor/predict", json!({"inputs": vec![[0, 1]; 20_000]})).await.expect(200);
        };
        tokio::time::timeout(Duration::from_secs(20), served).await.expect("others are served beside them");
        let mut first = open.remove(0);
        drop(open);
        first.write_all(b"x").await.expect("it is open still");
    });
}

#[tokio::test]
async fn a_long_head_ends_its_connection_and_few_of_them_come_in_at_once() {
    let service = TestApp::start().await;
    let long = format!("GET /livez HTTP/1.1\r\nhost: localhost\r\nx-a: {}\r\n\r\n", "a".repeat(40 << 10));
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    stream.write_all(long.as_bytes()).await.expect("sent");
    let reply = rest(&mut stream).await.to_ascii_lowercase();
    assert!(reply.starts_with("http/1.1 200") && reply.contains("connection: close"), "{reply}");

    // A body that comes in one piece with its head makes that no longer.
    let body = format!("{{\"name\":\"m\",\"layers\":[2,1]{}}}", " ".repeat(30 << 10));
    let head = "POST /models HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let whole = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    for turn in 0..8 {
        stream.write_all(whole.as_bytes()).await.expect("sent");
        let reply = reply_of(&mut stream).await.to_ascii_lowercase();
        let status = if turn == 0 { "http/1.1 201" } else { "http/1.1 409" };
        assert!(reply.starts_with(status) && !reply.contains("connection: close"), "{turn}: {reply}");
    }

    let mut halves = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
        stream.write_all(&long.as_bytes()[..20 << 10]).await.expect("sent");
        halves.push(stream);
    }
    let mut refused = 0;
    for stream in &mut halves {
        let mut status = [0; 12];
        let read = tokio::time::timeout(Duration::from_millis(20), stream.read_exact(&mut status)).await;
        refused += usize::from(read.is_ok_and(|read| read.is_ok()) && &status == b"HTTP/1.1 429");
    }
    assert!(refused >= 20, "{refused}");
    service.get("/livez").await.expect(200);
}
