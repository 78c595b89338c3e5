//! Data files under way: what is told of them while they arrive, and what is left of one that breaks off.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::datasets::CSV;
use crate::support::{TestApp, count, eventually, flowers_csv};

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let service = TestApp::start().await;
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let head =
        "POST /datasets?name=cut HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 100000\r\n\r\n";
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
    let head = "POST /train?target=ok&name=slow HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 100000\r\n\r\n";
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
        "POST /datasets?name=slow HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n",
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
