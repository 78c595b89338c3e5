//! Refusals that the head of a request decides: told before the body is read.

use std::net::IpAddr;
use std::time::Duration;

use bytesize::ByteSize;
use epochd::memory::Client;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ADMIN, TestApp, eventually, flowers_csv, text, xor_training};

/// More than any buffer on the way holds.
pub const LONG: usize = 200 << 20;

/// The head of a POST whose body has so many bytes, with more headers, each with its end of line.
pub fn head(path: &str, kind: &str, length: usize, more: &str) -> String {
    let lines = format!("host: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{more}");
    format!("POST {path} HTTP/1.1\r\n{lines}\r\n")
}

pub async fn sent(service: &TestApp, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    stream
}

/// One reply, while its connection stays open: its head and its body.
pub async fn reply(stream: &mut TcpStream) -> (String, Value) {
    let mut bytes = Vec::new();
    let reading = async {
        loop {
            let read = stream.read_buf(&mut bytes).await.expect("more of a reply");
            let text = String::from_utf8(bytes.clone()).expect("text");
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                return (head.to_ascii_lowercase(), body);
            }
            assert!(read > 0, "the connection ended: {text}");
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reading).await.expect("a reply at once")
}

/// Checks the reply to a request of which the head alone is sent.
pub async fn refused(service: &TestApp, head: &str, status: u16, code: &str) -> Value {
    let (answer, problem) = reply(&mut sent(service, head.as_bytes()).await).await;
    assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{head}{answer}");
    assert!(answer.contains("connection: close"), "{head}{answer}");
    assert_eq!(problem["code"], code, "{head}{problem}");
    problem
}

/// A service with a data set and a model `taken`, and a model `xor` that is not trained.
pub async fn with_taken() -> TestApp {
    let service = TestApp::start().await;
    let job = service.post_csv("/train?name=taken&target=species&epochs=1", flowers_csv(60)).await.expect(202);
    service.ended(&job).await;
    service.post("/models", crate::support::xor_model("xor")).await.expect(201);
    service
}

#[tokio::test]
async fn what_a_head_decides_is_told_before_the_body_comes() {
    let service = with_taken().await;
    let (csv, json, octets) = ("text/csv", "application/json", "application/octet-stream");
    let form = "multipart/form-data; boundary=edge";
    let cases = [
        ("/datasets?name=taken", csv, 409, "name_taken"),
        ("/datasets?name=taken", form, 409, "name_taken"),
        ("/datasets?name=No+name", csv, 422, "invalid_value"),
        ("/datasets?types=nonsense", csv, 422, "invalid_value"),
        ("/datasets?sheet=a&sheet=b", csv, 422, "invalid_value"),
        ("/datasets?nmae=a", csv, 422, "unknown_field"),
        ("/datasets", "image/png", 415, "unsupported_media_type"),
        ("/datasets", "text/csv; charset=none", 415, "unsupported_media_type"),
        ("/datasets/none/append", csv, 404, "dataset_not_found"),
        ("/datasets/taken/append?name=taken", csv, 409, "name_taken"),
        ("/train", csv, 422, "missing_field"),
        ("/train?target=species&name=taken", csv, 409, "name_taken"),
        ("/train?target=species&name=taken", form, 409, "name_taken"),
        ("/train?target=species&name=xor", csv, 409, "name_taken"),
        ("/train?target=species&split=sideways", csv, 422, "invalid_value"),
        ("/train?target=species&types=%7B%22a%22:1%7D", csv, 422, "invalid_value"),
        ("/train?target=species&epochs=0", csv, 422, "invalid_value"),
        ("/train?target=species&validation_split=2", csv, 422, "invalid_value"),
        ("/train?target=species&hidden_layers=wide", csv, 422, "invalid_value"),
        ("/train?target=species&skip_columns=species", csv, 422, "invalid_value"),
        ("/models/none/train", json, 404, "model_not_found"),
        ("/models/none/predict", json, 404, "model_not_found"),
        ("/models/xor/predict", json, 409, "model_not_trained"),
        ("/models/xor/predict", octets, 409, "model_not_trained"),
        ("/models/xor/evaluate", json, 409, "model_not_trained"),
        ("/models/xor/feedback", json, 422, "wrong_model_kind"),
        ("/models/taken/versions/7/predict", csv, 404, "version_not_found"),
        ("/models/taken/predict?interval=2", csv, 422, "invalid_value"),
        ("/models/taken/predict", "text/plain", 415, "unsupported_media_type"),
        ("/models/taken/evaluate", csv, 415, "unsupported_media_type"),
        ("/models/import?name=taken", octets, 409, "name_taken"),
        ("/models/import?name=No+name", octets, 422, "invalid_value"),
        ("/models/import", json, 415, "unsupported_media_type"),
        ("/models", "text/csv", 415, "unsupported_media_type"),
        ("/nowhere", json, 404, "route_not_found"),
    ];
    for (path, kind, status, code) in cases {
        refused(&service, &head(path, kind, LONG, ""), status, code).await;
    }
    let more = "content-encoding: br\r\n";
    refused(&service, &head("/datasets", csv, LONG, more), 415, "unsupported_media_type").await;
    let twice = "idempotency-key: a\r\nidempotency-key: b\r\n";
    refused(&service, &head("/datasets", csv, LONG, twice), 400, "malformed_request").await;
    let counted = service.raw(Method::GET, "/metrics").send().await.expect("a reply").text().await.expect("text");
    assert!(counted.contains("epochd_refusals_total{code=\"name_taken\"} 7"), "{counted}");
}

#[tokio::test]
async fn bounds_on_what_may_come_are_told_before_it_comes() {
    let service = TestApp::with(|settings| {
        settings.max_body = Some(ByteSize::mib(1));
        settings.max_upload = ByteSize::mib(100);
        settings.scratch_space = Some(ByteSize::mib(20));
        settings.max_stored_objects = 4;
    })
    .await;
    refused(&service, &head("/models", "application/json", 2 << 20, ""), 413, "payload_too_large").await;
    for path in ["/datasets", "/train?target=a"] {
        refused(&service, &head(path, "text/csv", LONG, ""), 413, "payload_too_large").await;
        refused(&service, &head(path, "text/csv", 50 << 20, ""), 507, "storage_full").await;
    }
    for _ in 0..4 {
        service.post("/models", json!({"layers": [1, 1]})).await.expect(201);
    }
    for (path, kind) in
        [("/datasets", "text/csv"), ("/train?target=a", "text/csv"), ("/models/import", "application/octet-stream")]
    {
        refused(&service, &head(path, kind, 1000, ""), 507, "quota_exceeded").await;
    }
}

#[tokio::test]
async fn who_may_not_is_told_before_the_body_comes() {
    let service = TestApp::guarded().await;
    let key = json!({"name": "reader", "role": "predict"});
    let secret = service.post("/keys", key).await.expect(201)["key"].clone();
    let with = |secret: &str| format!("authorization: Bearer {secret}\r\n");
    for (more, status, code) in [
        (String::new(), 401, "key_required"),
        (with("none-of-these"), 401, "key_invalid"),
        (with(text(&secret)), 403, "key_forbids"),
        (with(ADMIN), 404, "dataset_not_found"),
    ] {
        refused(&service, &head("/datasets/none/append", "text/csv", LONG, &more), status, code).await;
    }
}

#[tokio::test]
async fn a_repetition_gets_its_first_reply_though_the_name_is_taken() {
    let service = TestApp::start().await;
    let post = |path: &'static str, csv: String| {
        let request = service.raw(Method::POST, path).header("content-type", "text/csv");
        service.send(Method::POST, path, request.header("idempotency-key", path.len().to_string()).body(csv))
    };
    for (path, status) in [("/datasets?name=once", 201), ("/train?target=species&name=both&epochs=1", 202)] {
        let first = post(path, flowers_csv(60)).await.expect(status);
        assert_eq!(post(path, flowers_csv(60)).await.expect(status)["id"], first["id"]);
        post(path, flowers_csv(61)).await.problem(422, "idempotency_key_reused");
    }
    let other = service.raw(Method::POST, "/datasets?name=once").header("content-type", "text/csv");
    let other = other.header("idempotency-key", "another").body(flowers_csv(60));
    service.send(Method::POST, "/datasets?name=once", other).await.problem(409, "name_taken");
}

#[tokio::test]
async fn a_name_that_is_taken_while_the_file_comes_is_found_out_at_its_end() {
    let service = TestApp::start().await;
    let csv = flowers_csv(60);
    let (one, two) = csv.split_at(1000);
    let head = head("/train?name=race&target=species", "text/csv", csv.len(), "");
    let mut stream = sent(&service, (head + one).as_bytes()).await;
    eventually("it is under way", || async { service.app.datasets.loading.list(1).len() == 1 }).await;
    service.post_csv("/datasets?name=race", csv.as_str().to_owned()).await.expect(201);
    stream.write_all(two.as_bytes()).await.expect("sent");
    let (head, problem) = reply(&mut stream).await;
    assert!(head.starts_with("http/1.1 409 ") && problem["code"] == "name_taken", "{problem}");
    assert_eq!(crate::support::count(&service, "/models").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_work_that_could_not_begin_is_refused_by_its_head() {
    let service = with_taken().await;
    service.train("xor", xor_training(1)).await;
    service.post("/models", json!({"name": "broad", "layers": [64, 512, 512, 1]})).await.expect(201);
    service.train("broad", json!({"inputs": [vec![0.5; 64]], "targets": [[1]], "epochs": 1})).await;
    let places = service.app.long_work.clone();
    let taken = join_all((0..places.occupancy().places).map(|_| places.take(None))).await;
    let queue: Vec<_> = (0..4 * taken.len()).map(|_| places.clone()).collect();
    // Of the client that asks: others have their turns between.
    let client = Some(Client::from(IpAddr::from([127, 0, 0, 1])));
    let queue: Vec<_> =
        queue.into_iter().map(|places| tokio::spawn(async move { drop(places.take(client).await) })).collect();
    eventually("a queue stands", async || places.are_crowded(client)).await;
    for (path, kind, length) in [
        ("/models/taken/predict", "text/csv", LONG),
        ("/models/taken/predict", "application/json", 1 << 20),
        ("/models/xor/predict", "application/json", 1 << 20),
        ("/models/xor/evaluate", "application/json", 100),
        // As many rows as surely take long.
        ("/models/broad/predict", "application/json", 40_000),
    ] {
        refused(&service, &head(path, kind, length, ""), 429, "overloaded").await;
    }
    service.post("/models/broad/predict", json!({"inputs": vec![0.5; 64]})).await.expect(200);
    service.post("/models/taken/predict", json!({"records": {"petal_length": 1.4}})).await.expect(200);
    drop(taken);
    join_all(queue).await;
    service.post("/models/broad/predict", json!({"inputs": vec![vec![0.5; 64]; 100]})).await.expect(200);
}

#[tokio::test]
async fn memory_that_is_not_free_is_told_before_the_body_comes() {
    let service = TestApp::with(|settings| settings.request_memory = Some(ByteSize::mib(64))).await;
    service.with_xor().await;
    let memory = service.app.memory.requests.charge(None);
    memory.grow(50 << 20).expect("free");
    let long = head("/models/xor/predict", "application/json", 30 << 20, "");
    refused(&service, &long, 429, "overloaded").await;
    drop(memory);
    let mut stream = sent(&service, long.as_bytes()).await;
    let early = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut [0])).await;
    assert!(early.is_err(), "the body is waited for");
}
