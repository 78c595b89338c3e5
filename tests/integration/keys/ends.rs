//! What a key has begun ends when the key does.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Client;
use crate::support::{TestApp, count, endless_training, eventually, text, xor_model};

#[tokio::test]
async fn an_upload_that_goes_on_beyond_the_end_of_its_key_leaves_nothing() {
    let service = TestApp::guarded().await;
    let uploader = Client::with(&service, json!({"name": "uploader", "role": "train"})).await;
    let secret = uploader.key.clone().expect("a key");
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let head = format!(
        "POST /datasets?name=late HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {secret}\r\ncontent-type: text/csv\r\n\
         content-length: 8\r\nconnection: close\r\n\r\na,b\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    eventually("it is under way", || async { !service.app.datasets.loading.list(1).is_empty() }).await;
    assert_eq!(service.delete("/keys/uploader").await.status, 204);
    stream.write_all(b"1,2\n").await.expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 401") && reply.contains("key_invalid"), "{reply}");
    assert_eq!(count(&service, "/datasets").await, 0);
}

#[tokio::test]
async fn who_waits_for_a_job_is_told_soon_that_the_key_is_over() {
    let service = TestApp::guarded().await;
    let waiter = Client::with(&service, json!({"name": "waiter", "role": "train"})).await;
    service.post("/models", xor_model("m")).await.expect(201);
    let job = service.post("/models/m/train", endless_training()).await.expect(202);
    let (path, since) = (format!("/jobs/{}?wait=20", text(&job["id"])), Instant::now());
    let ending = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        service.delete("/keys/waiter").await
    };
    let (reply, ended) = tokio::join!(waiter.send(Method::GET, &path, None), ending);
    assert_eq!(ended.status, 204);
    reply.problem(401, "key_invalid");
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}
