//! Connections: how long a client may hold one for nothing, what is said to a head that never became a request, and what
//! becomes of work whose client has gone.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{TestApp, eventually};

/// Sends `bytes` on a new connection and reads until the service closes it.
async fn exchange(service: &TestApp, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut reply = String::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut reply))
        .await
        .expect("an end")
        .expect("text");
    reply
}

/// Checks a reply to a head that was refused, and that it was counted.
async fn refused(service: &TestApp, reply: &str, status: u16, code: &str) {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("a head and a body: {reply:?}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    assert!(head.contains("content-type: application/problem+json") && head.contains("connection: close"), "{head}");
    let problem: Value = serde_json::from_str(body).expect("a problem document");
    assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)), "{problem}");
    let id = problem["request_id"].as_str().expect("an id");
    assert!(head.contains(&format!("x-request-id: {id}")), "{head}");
    assert!(body.ends_with("}\n"), "{body:?}");
    let metrics =
        service.raw(reqwest::Method::GET, "/metrics").send().await.expect("a reply").text().await.expect("text");
    let counted = format!("epochd_http_requests_total{{method=\"other\",route=\"unmatched\",status=\"{status}\"}} 1");
    assert!(metrics.contains(&counted), "{counted} in {metrics}");
}

#[tokio::test]
async fn what_is_no_request_gets_a_problem_document() {
    let service = TestApp::start().await;
    let two_lengths = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n";
    refused(&service, &exchange(&service, two_lengths).await, 400, "malformed_request").await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(70_000));
    refused(&service, &exchange(&service, long.as_bytes()).await, 414, "uri_too_long").await;
    let headers: String = (0..200).map(|i| format!("x-{i}: 1\r\n")).collect();
    let many = format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    refused(&service, &exchange(&service, many.as_bytes()).await, 431, "headers_too_large").await;
}

#[tokio::test]
async fn a_refusal_follows_the_reply_to_an_earlier_request() {
    let service = TestApp::start().await;
    let both = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\nnonsense\r\n\r\n";
    let replies = exchange(&service, both).await;
    let second = replies.rfind("HTTP/1.1 400").expect("a refusal");
    assert!(replies.starts_with("HTTP/1.1 200 OK") && second > 0, "{replies}");
    refused(&service, &replies[second..], 400, "malformed_request").await;
}

#[tokio::test]
async fn who_is_answered_early_may_send_to_the_end_and_gets_the_reply() {
    let service = TestApp::start().await;
    let head =
        b"POST /predict?model=none HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: 8388608\r\n\r\n";
    for _ in 0..3 {
        // More than the system keeps of what nobody reads: without a reader it would break off.
        let reply = exchange(&service, &[&head[..], &vec![b'a'; 8 << 20]].concat()).await;
        assert!(reply.starts_with("HTTP/1.1 404") && reply.contains("model_not_found"), "{reply}");
    }
}

#[tokio::test]
async fn half_a_head_is_not_waited_for() {
    let service = TestApp::with(|settings| settings.head_timeout = Duration::from_millis(300)).await;
    let reply = exchange(&service, b"GET /livez HTTP/1.1\r\nhos").await;
    refused(&service, &reply, 408, "request_timeout").await;
}

#[tokio::test]
async fn a_head_that_drips_is_given_no_more_time() {
    let service = TestApp::with(|settings| settings.head_timeout = Duration::from_millis(500)).await;
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let dripping = async {
        for byte in b"GET /livez HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'a')) {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            // The pauses are what is tested: each is shorter than the timeout, all of them are longer.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), dripping).await.expect("the service closes the connection");
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let service = TestApp::with(|settings| settings.idle_timeout = Duration::from_millis(300)).await;
    assert_eq!(exchange(&service, b"").await, "");
    let reply = exchange(&service, b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(reply.matches("HTTP/1.1").count(), 1, "{reply}");
}

#[tokio::test]
async fn a_request_may_take_longer_than_a_head() {
    let service = TestApp::with(|settings| {
        settings.head_timeout = Duration::from_millis(200);
        settings.idle_timeout = Duration::from_millis(200);
    })
    .await;
    service.post("/models", json!({"name": "m", "layers": [1, 256, 256, 1]})).await.expect(201);
    let training = json!({"inputs": [[1]], "targets": [[1]], "epochs": 1_000_000, "max_seconds": 1.5});
    let job = service.post("/models/m/train", training).await.expect(202);
    let job = service.get(&format!("/jobs/{}?wait=20", job["id"].as_str().expect("an id"))).await.expect(200);
    assert_eq!(job["state"], "succeeded", "{job}");
}

/// The rows predicted so far.
fn predicted(service: &TestApp) -> u64 {
    service.app.meters.predictions.get()
}

/// Sends a prediction that takes seconds, leaves when it has begun, and checks that it ends before it is done.
async fn leaves(service: &TestApp, path: &str, kind: &str, body: &[u8], rows: u64) {
    let before = predicted(service);
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(body).await.expect("sent");
    eventually("the prediction has begun", || async { predicted(service) > before }).await;
    drop(stream);
    let mut last = 0;
    eventually("nothing more is predicted", || {
        let still = std::mem::replace(&mut last, predicted(service)) == predicted(service);
        async move {
            // Longer than a piece of the work takes.
            tokio::time::sleep(Duration::from_millis(500)).await;
            still && predicted(service) == last
        }
    })
    .await;
    let done = predicted(service) - before;
    assert!(done < rows, "{done} of {rows} rows were predicted for nobody");
}

#[tokio::test]
async fn a_prediction_whose_client_is_gone_stops() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "wide", "layers": [20, 1024, 1024, 1]})).await.expect(201);
    service.train("wide", json!({"inputs": [vec![0.5; 20]], "targets": [[1]], "epochs": 1})).await;
    let rows = 300_000;
    leaves(&service, "/models/wide/predict", "application/octet-stream", &vec![0; rows * 20 * 4], rows as u64).await;
    let metrics = String::from_utf8(service.get("/metrics").await.body).expect("UTF-8");
    let counted = r#"epochd_http_requests_total{method="POST",route="/models/{model}/predict",status="499"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");

    let csv = (0..100).map(|i| format!("{i},{}\n", i % 7)).fold("x,y\n".to_owned(), |csv, row| csv + &row);
    service.post_csv("/datasets?name=xy", csv).await.expect(201);
    let model = json!({"name": "table", "dataset": "xy", "target": "y", "hidden_layers": [1024, 1024]});
    service.post("/models", model).await.expect(201);
    service.train("table", json!({"epochs": 1})).await;
    let rows = 200_000;
    let body = json!({"records": (0..rows).map(|x| json!({"x": x})).collect::<Vec<_>>()}).to_string();
    leaves(&service, "/models/table/predict", "application/json", body.as_bytes(), rows).await;
}
