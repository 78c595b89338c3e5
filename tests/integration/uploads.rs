//! Data files under way: what is told of them while they arrive, and what is left of one that breaks off.

use std::io::Write;

use bytesize::ByteSize;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::datasets::CSV;
use crate::support::{TestApp, count, eventually, flowers_csv};

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let service = TestApp::start().await;
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let head = "POST /datasets?name=cut HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 100000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("an open connection");
    stream.write_all(CSV.as_bytes()).await.expect("an open connection");
    stream.shutdown().await.expect("an open connection");
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply).await;
    assert!(!reply.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&reply));
    assert_eq!(count(&service, "/datasets").await, 0);
    let service = service.restarted().await;
    assert_eq!(count(&service, "/datasets").await, 0);
    service.post_csv("/datasets?name=cut", CSV).await.expect(201);
}

#[tokio::test]
async fn an_upload_is_listed_until_its_client_leaves() {
    let service = TestApp::start().await;
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let head = "POST /train?target=ok&name=slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 100000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("an open connection");
    stream.write_all(CSV.as_bytes()).await.expect("an open connection");
    let loading = || async { service.get("/datasets").await.expect(200)["loading"].clone() };
    eventually("the upload is listed", || async { loading().await[0]["bytes"] == CSV.len() }).await;
    let entry = loading().await[0].clone();
    let state = (&entry["name"], &entry["state"], &entry["rows"]);
    assert_eq!(state, (&json!("slow"), &json!("receiving"), &json!(0)));
    assert_eq!(count(&service, "/datasets").await, 0);
    service.get("/datasets/slow").await.problem(404, "dataset_not_found");
    drop(stream);
    eventually("the upload is forgotten", || async { loading().await == json!([]) }).await;
}

#[tokio::test]
async fn a_file_that_comes_slowly_is_stored_whole_and_keeps_no_other_waiting() {
    let service = TestApp::start().await;
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let csv = flowers_csv(300);
    let (one, two) = csv.split_at(csv.len() / 2);
    let head = format!(
        "POST /datasets?name=slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n",
        csv.len()
    );
    stream.write_all(format!("{head}Connection: close\r\n\r\n{one}").as_bytes()).await.expect("an open connection");
    service.post_csv("/datasets?name=quick", csv.clone()).await.expect(201);
    // Longer than its reader waits: that is what makes it slow.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    stream.write_all(two.as_bytes()).await.expect("an open connection");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 201"), "{reply}");
    let [slow, quick] =
        [service.get("/datasets/slow").await.expect(200), service.get("/datasets/quick").await.expect(200)];
    assert_eq!((&slow["rows"], &slow["columns"]), (&json!(300), &quick["columns"]));
}

#[tokio::test]
async fn rows_are_told_while_they_are_read() {
    let service = TestApp::start().await;
    let large = format!("a,b\n{}", "0.123456,-1.234567\n".repeat(2_000_000));
    let mut upload = std::pin::pin!(service.post_csv("/datasets", large));
    let mut seen = 0;
    let stored = loop {
        tokio::select! {
            reply = &mut upload => break reply.expect(201),
            list = service.get("/datasets") => {
                let entry = &list.expect(200)["loading"][0];
                seen = seen.max(entry["rows"].as_u64().unwrap_or(0));
            }
        }
    };
    assert!(seen > 0 && seen <= 2_000_000, "{seen}");
    assert_eq!(stored["rows"], 2_000_000);
    assert_eq!(service.get("/datasets").await.expect(200)["loading"], json!([]));
}

/// What a form is answered whose body begins with `start` and goes on without end.
async fn endless_form(service: &TestApp, start: &str) -> String {
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let head = format!(
        "POST /datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=edge\r\nContent-Length: {}\r\n\r\n",
        256 << 20
    );
    stream.write_all((head + start).as_bytes()).await.expect("an open connection");
    let (mut reading, mut writing) = stream.split();
    let mut sent = 0;
    let sending = async {
        while writing.write_all(&[b'a'; 64 << 10]).await.is_ok() {
            sent += 64 << 10;
        }
    };
    let mut reply = Vec::new();
    tokio::select! {
        read = reading.read_to_end(&mut reply) => drop(read.expect("a whole reply")),
        () = sending => panic!("a client that still sends is heard out"),
    }
    assert!(sent < 64 << 20, "{sent} bytes of a head were taken");
    String::from_utf8_lossy(&reply).into_owned()
}

#[tokio::test]
async fn the_head_of_a_forms_part_has_an_end() {
    let service = TestApp::start().await;
    let before = "--edge\r\nContent-Disposition: form-data; name=\"";
    let after =
        "--edge\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.csv\"\r\n\r\na,b\n1,2\n\r\n--edge\r\n";
    for start in [before, "", after] {
        let reply = endless_form(&service, start).await;
        let told = reply.starts_with("HTTP/1.1 400") && reply.contains("malformed_request") && reply.contains("16384");
        assert!(told, "{reply}");
    }
    let long = format!("x-a: {}\r\n", "a".repeat(10_000));
    let part = |head: &str| {
        format!(
            "preamble\r\n--edge\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.csv\"\r\n{head}\r\n{CSV}\r\n--edge--\r\nepilogue"
        )
    };
    let kind = "multipart/form-data; boundary=edge";
    service.post_file("/datasets", kind, part(&long)).await.expect(201);
    let problem = service.post_file("/datasets", kind, part(&long.repeat(2))).await.problem(400, "malformed_request");
    assert!(crate::support::text(&problem["detail"]).contains("16384 bytes"), "{problem}");
    assert_eq!(service.app.storage.scratch.used(), 0);
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).expect("into memory");
    packer.finish().expect("into memory")
}

#[tokio::test]
async fn uploads_under_way_take_no_more_of_the_disk_than_they_may() {
    let service = TestApp::with(|settings| settings.scratch_space = Some(ByteSize::mib(8))).await;
    let used = || service.app.storage.scratch.used();
    let four = packed("1,2\n".repeat(1 << 20).as_bytes());
    let head = format!(
        "POST /datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        four.len() + 1_000_000
    );
    let mut open = TcpStream::connect(service.address()).await.expect("a connection");
    open.write_all(head.as_bytes()).await.expect("an open connection");
    open.write_all(&four).await.expect("an open connection");
    // What makes it worth a thread: a second file behind the first.
    open.write_all(&packed(&(0..120_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>())).await.expect("open");
    eventually("it is unpacked to the disk", || async { used() >= 4 << 20 }).await;
    let csv = "0.123456,-1.234567\n".repeat(300_000);
    let gzip = service.raw(reqwest::Method::POST, "/datasets").header("content-type", "text/csv");
    let gzip = gzip.header("content-encoding", "gzip").body(packed(csv.as_bytes()));
    let problem = service.send(reqwest::Method::POST, "/datasets", gzip).await.problem(507, "storage_full");
    assert!(problem["detail"].to_string().contains("--scratch-space"), "{problem}");
    service.post_csv("/datasets", CSV).await.expect(201);
    let metrics = service.raw(reqwest::Method::GET, "/metrics").send().await.expect("a reply").text().await;
    assert!(metrics.expect("text").contains(&format!("epochd_scratch_bytes {}", used())));
    drop(open);
    eventually("all of it is free again", || async { used() == 0 }).await;
    service.post_csv("/datasets", csv).await.expect(201);
}

#[tokio::test]
async fn predictions_by_csv_need_no_disk() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=flowers", flowers_csv(300)).await.expect(201);
    service.post("/models", json!({"name": "m", "dataset": "flowers", "target": "species"})).await.expect(201);
    service.train("m", json!({"epochs": 2})).await;
    let service = service.restarted_with(|settings| settings.scratch_space = Some(ByteSize::b(0))).await;
    for (kind, accept) in [("text/csv", "text/csv"), ("text/csv", "application/json")] {
        let request = service.raw(reqwest::Method::POST, "/models/m/predict").header("content-type", kind);
        let reply = request.header("accept", accept).body(flowers_csv(2_000)).send().await.expect("a reply");
        assert_eq!(reply.status(), 200);
        assert!(reply.bytes().await.expect("whole").len() > 2_000);
    }
    // The reply is too long for what stays in memory otherwise; then the rows are.
    let reply = service.raw(reqwest::Method::POST, "/models/m/predict").header("content-type", "text/csv");
    let reply = reply.header("accept", "text/csv").body(flowers_csv(26_000)).send().await.expect("a reply");
    assert_eq!(reply.status(), 200);
    let long = reply.bytes().await.expect("whole").len();
    assert!(long > 1 << 20, "{long}");
    let reply = service.post_file("/models/m/predict", "text/csv", flowers_csv(60_000)).await;
    reply.problem(507, "storage_full");
}
