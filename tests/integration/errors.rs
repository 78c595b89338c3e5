//! What goes wrong at the edge: every refusal is a problem document, and the service goes on.

use std::time::Duration;

use bytesize::ByteSize;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{TestApp, endless_training, eventually, text, xor_model, xor_training};

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let service = TestApp::start().await;
    service.get("/nothing").await.problem(404, "route_not_found");
    service.get("/models/").await.problem(404, "route_not_found");
    for (method, path) in [(Method::PUT, "/models"), (Method::DELETE, "/jobs"), (Method::GET, "/predict")] {
        let reply = service.send(method.clone(), path, service.raw(method, path)).await;
        assert!(!reply.header("allow").is_empty(), "{path}");
        reply.problem(405, "method_not_allowed");
    }
    let reply = service.raw(Method::PUT, "/models").send().await.expect("a reply");
    assert_eq!(reply.headers()["allow"], "POST,GET,HEAD");
    let whole = service.raw(Method::GET, "/models").send().await.expect("a reply").text().await.expect("text");
    let head = service.raw(Method::HEAD, "/models").send().await.expect("a reply");
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], whole.len().to_string());
    assert_eq!(head.text().await.expect("text"), "");
}

#[tokio::test]
async fn parameters_of_a_path_are_percent_decoded() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    assert_eq!(service.get("/models/%78o%72").await.expect(200)["name"], "xor");
    service.get("/models/xor%2Fversions").await.problem(404, "model_not_found");
    service.get("/models/%ff").await.problem(400, "malformed_request");
}

#[tokio::test]
async fn a_request_keeps_the_callers_id_or_gets_one() {
    let service = TestApp::start().await;
    let request = service.raw(Method::GET, "/models/nobody").header("x-request-id", "mine-1");
    let reply = service.send(Method::GET, "/models/nobody", request).await;
    assert_eq!(reply.header("x-request-id"), "mine-1");
    assert_eq!(reply.problem(404, "model_not_found")["request_id"], "mine-1");
    for foreign in ["a b", "", &"x".repeat(129)] {
        let request = service.raw(Method::GET, "/livez").header("x-request-id", foreign);
        let reply = service.send(Method::GET, "/livez", request).await;
        assert_eq!(reply.header("x-request-id").len(), 36, "{foreign:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_line_and_column() {
    let service = TestApp::start().await;
    let problem = service.post_text("/models", "{\"layers\":\n[2,}").await.problem(400, "malformed_json");
    assert!(text(&problem["detail"]).contains("line 2 column 4"), "{problem}");
    for body in ["", " ", "{", "nonsense", "{\"layers\":[2,1]} {}", "\u{feff}{}"] {
        service.post_text("/models", body.to_owned()).await.problem(400, "malformed_json");
    }
    service.post_text("/models", vec![0xff, 0xfe, b'{']).await.problem(400, "malformed_json");
    let deep = "[".repeat(100_000);
    service.post_text("/models", format!("{{\"layers\":{deep}")).await.problem(422, "invalid_value");
    service.post_text("/models", format!("{{\"deep\":{deep}")).await.problem(422, "unknown_field");
    service.post_text("/models", "{\"layers\":[2,1],\"layers\":[2,1]}").await.problem(422, "invalid_value");
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let service = TestApp::start().await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let request = service.raw(Method::POST, "/models").header("content-type", content_type).body("{}");
        service.send(Method::POST, "/models", request).await.problem(415, "unsupported_media_type");
    }
    let request = service.raw(Method::POST, "/models").header("content-encoding", "br").json(&json!({}));
    service.send(Method::POST, "/models", request).await.problem(415, "unsupported_media_type");
    let request = service.raw(Method::POST, "/models").header("content-type", "Application/JSON; charset=utf-8");
    service.send(Method::POST, "/models", request.body("{\"layers\":[1,1]}")).await.expect(201);
}

#[tokio::test]
async fn bodies_are_bounded_announced_or_not() {
    let service = TestApp::with(|settings| settings.max_body = Some(ByteSize::kib(1))).await;
    let long = format!("{{\"layers\":[1,1],\"name\":\"{}\"}}", "x".repeat(2000));
    service.post_text("/models", long.clone()).await.problem(413, "payload_too_large");
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(long)]);
    service.post_text("/models", reqwest::Body::wrap_stream(chunks)).await.problem(413, "payload_too_large");
    service.post("/models", xor_model("xor")).await.expect(201);
}

#[tokio::test]
async fn memory_for_bodies_is_shared_and_given_back() {
    let service = TestApp::with(|settings| {
        settings.max_body = Some(ByteSize::kib(150));
        settings.request_memory = Some(ByteSize::kib(256));
    })
    .await;
    service.with_xor().await;
    // A body that stays half sent holds its share …
    let mut half = TcpStream::connect(service.address()).await.expect("a connection");
    let head = "POST /models/xor/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 150000\r\n\r\n";
    half.write_all(head.as_bytes()).await.expect("sent");
    half.write_all(&[b' '; 140_000]).await.expect("sent");
    let post = || service.post_text("/models/xor/predict", format!("{}{{\"inputs\":[0,1]}}", " ".repeat(100_000)));
    eventually("the half holds its share", async || service.app.memory.requests.used() >= 140_000).await;
    let reply = post().await;
    assert_eq!(reply.header("retry-after"), "1");
    reply.problem(429, "overloaded");
    service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200);
    // … and gives it back when its sender leaves.
    drop(half);
    eventually("the share is given back", async || post().await.status == 200).await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let service = TestApp::with(|settings| settings.body_timeout = Duration::from_millis(200)).await;
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let head =
        "POST /models HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut reply = vec![0; 4096];
    let read = stream.read(&mut reply).await.expect("a reply");
    let reply = String::from_utf8_lossy(&reply[..read]).into_owned();
    assert!(reply.starts_with("HTTP/1.1 408") && reply.contains("request_timeout"), "{reply}");
}

#[tokio::test]
async fn a_training_beyond_the_memory_for_trainings_is_refused() {
    let service = TestApp::with(|settings| settings.training_memory = Some(ByteSize::mib(1))).await;
    service.post("/models", json!({"name": "big", "layers": [100, 1000, 1]})).await.expect(201);
    let rows = json!({"inputs": [vec![0; 100]], "targets": [0]});
    let problem = service.post("/models/big/train", rows).await.problem(422, "training_too_large");
    assert!(text(&problem["detail"]).contains("--training-memory"), "{problem}");
    service.post("/models", xor_model("xor")).await.expect(201);
    service.train("xor", xor_training(2)).await;
}

#[tokio::test]
async fn a_model_beyond_the_memory_for_models_is_refused_and_the_rest_goes_on() {
    let service = TestApp::with(|settings| settings.model_memory = Some(ByteSize::kib(64))).await;
    service.with_xor().await;
    let big = json!({"name": "big", "layers": [100, 200]});
    let problem = service.post("/models", big).await.problem(422, "model_too_large");
    assert!(text(&problem["detail"]).contains("--model-memory"), "{problem}");
    service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200);
}

#[tokio::test]
async fn a_full_queue_is_429_with_retry_after() {
    let service = TestApp::with(|settings| {
        settings.concurrent_jobs = Some(1);
        settings.queue_capacity = 2;
    })
    .await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let running = service.post("/models/xor/train", endless_training()).await.expect(202);
    for _ in 0..2 {
        service.post("/models/xor/train", xor_training(5)).await.expect(202);
    }
    let reply = service.post("/models/xor/train", xor_training(5)).await;
    assert_eq!(reply.header("retry-after"), "1");
    reply.problem(429, "queue_full");
    service.post_empty(&format!("/jobs/{}/cancel", text(&running["id"]))).await.expect(200);
    let last = service.post("/models/xor/train", xor_training(5)).await.expect(202);
    assert_eq!(service.ended(&last).await["state"], "succeeded");
}

#[tokio::test]
async fn every_route_refuses_a_query_parameter_that_it_does_not_know() {
    let service = TestApp::start().await;
    let job = service.with_xor().await;
    service.post_csv("/datasets?name=rows", "a,b\n1,2\n3,4\n").await.expect(201);
    for route in epochd::api::routes() {
        let path = route.path.replace("{model}", "xor").replace("{version}", "1").replace("{job}", text(&job["id"]));
        let path = path.replace("{dataset}", "rows");
        let path = format!("{path}?nonsense=1");
        let reply = service.send(route.method.clone(), &path, service.raw(route.method, &path).json(&json!({}))).await;
        let problem = reply.problem(422, "unknown_field");
        assert_eq!(problem["errors"][0]["parameter"], "nonsense", "{path}");
    }
}

#[tokio::test]
async fn lists_and_texts_that_would_take_more_memory_than_the_body_are_cut_short() {
    let service = TestApp::start().await;
    let many = "1,".repeat(1_000_000);
    service.post_text("/models", format!("{{\"layers\":[{many}1]}}")).await.problem(422, "invalid_value");
    let rows = "[],".repeat(100_000);
    let body = format!("{{\"layers\":[1,1],\"initial_parameters\":[{{\"weights\":[{rows}[]],\"biases\":[0]}}]}}");
    service.post_text("/models", body).await.problem(422, "invalid_value");
    let keys: String = (0..100).map(|i| format!("\"k{i}\":\"\",")).collect();
    let body = format!("{{\"layers\":[1,1],\"metadata\":{{{keys}\"k\":\"\"}}}}");
    service.post_text("/models", body).await.problem(422, "invalid_value");
    let long = "x".repeat(1_000_000);
    for body in [
        format!("{{\"{long}\":1}}"),
        format!("{{\"layers\":\"{long}\"}}"),
        format!("{{\"name\":\"{long}\",\"layers\":[1,1]}}"),
    ] {
        let reply = service.post_text("/models", body).await;
        assert!(reply.status == 422 && reply.body.len() < 10_000, "{}", reply.body.len());
    }
}

#[tokio::test]
async fn a_classifier_of_very_many_classes_is_measured_in_bounded_memory() {
    let service = TestApp::start().await;
    let model = json!({"name": "wide", "layers": [1, 65_536], "loss": "cross_entropy"});
    service.post("/models", model).await.expect(201);
    let rows: Vec<[u32; 1]> = (0..300).map(|i| [i % 2]).collect();
    let targets: Vec<u32> = (0..300).map(|i| i % 2).collect();
    let body = json!({"inputs": rows, "targets": targets, "epochs": 1, "batch_size": 300});
    let job = service.train("wide", body.clone()).await;
    assert_eq!((text(&job["state"]), &job["metrics"]["confusion_matrix"]), ("succeeded", &json!(null)));
    assert_eq!(job["metrics"]["per_class"], json!([]));
    let measured =
        service.post("/models/wide/evaluate", json!({"inputs": body["inputs"], "targets": body["targets"]})).await;
    assert_eq!(measured.expect(200)["metrics"]["accuracy"], job["metrics"]["accuracy"]);
}
