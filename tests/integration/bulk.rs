//! Many rows at once: numbers as octets, bodies and replies packed with gzip.

use std::io::{Read, Write};

use bytesize::ByteSize;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, numbers, text};

const OCTETS: &str = "application/octet-stream";
const JSON: &str = "application/json";
const XOR: &str = "/models/xor/predict";

fn octets(rows: &[f32]) -> Vec<u8> {
    rows.iter().flat_map(|value| value.to_le_bytes()).collect()
}

async fn send(service: &TestApp, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
    let request =
        headers.iter().fold(service.raw(Method::POST, path), |request, (name, value)| request.header(*name, *value));
    service.send(Method::POST, path, request.body(body)).await
}

fn values(reply: &Reply) -> Vec<f64> {
    reply.body.as_chunks::<4>().0.iter().map(|octets| f64::from(f32::from_le_bytes(*octets))).collect()
}

#[tokio::test]
async fn octets_and_json_may_be_mixed_both_ways() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let rows: Vec<f32> = (0..40_000).map(|i| i as f32 / 20_000.0).collect();
    let as_json = json!({"inputs": rows.chunks(2).collect::<Vec<_>>()});
    let expected = service.post(XOR, as_json.clone()).await.expect(200);
    let outputs: Vec<f64> = expected["outputs"].as_array().expect("rows").iter().flat_map(numbers).collect();
    let narrow: Vec<f64> = outputs.iter().map(|value| f64::from(*value as f32)).collect();

    for accept in ["*/*", OCTETS, "application/octet-stream, application/json"] {
        let reply = send(&service, XOR, &[("content-type", OCTETS), ("accept", accept)], octets(&rows)).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, OCTETS));
        assert_eq!(values(&reply), narrow);
        assert_eq!((reply.header("x-shape"), reply.header("x-model-version")), ("20000,1", "1"));
        assert_eq!(reply.header("x-model-id"), text(&expected["model_id"]));
    }
    let reply = send(&service, XOR, &[("content-type", OCTETS), ("accept", JSON)], octets(&rows)).await;
    assert_eq!(reply.expect(200), expected);
    let json_in = as_json.to_string().into_bytes();
    let reply = send(&service, XOR, &[("content-type", JSON), ("accept", OCTETS)], json_in).await;
    assert_eq!(values(&reply), narrow);
}

#[tokio::test]
async fn octets_that_are_no_rows_are_refused() {
    let service = TestApp::with(|settings| settings.max_body = ByteSize::kib(1)).await;
    service.with_xor().await;
    for wrong in [vec![], vec![0; 4], vec![0; 12], vec![0; 9]] {
        let detail = format!("the body has {} bytes; a row of 2 inputs has 8", wrong.len());
        let problem = service.post_file(XOR, OCTETS, wrong).await.problem(422, "shape_mismatch");
        assert!(text(&problem["detail"]).starts_with(&detail), "{problem}");
    }
    for not_finite in [f32::NAN, f32::INFINITY] {
        let body = octets(&[0.0, 1.0, 1.0, not_finite]);
        let problem = service.post_file(XOR, OCTETS, body).await.problem(422, "invalid_value");
        assert_eq!(problem["detail"], "row 1, input 1 is not finite");
    }
    service.post_file(XOR, OCTETS, vec![0; 1032]).await.problem(413, "payload_too_large");
    service.post_file("/models/xor/train", OCTETS, vec![0; 8]).await.problem(415, "unsupported_media_type");
    let path = "/models/xor/predict?interval=0.9";
    service.post_file(path, OCTETS, vec![0; 8]).await.problem(422, "invalid_value");
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).expect("packed");
    packer.finish().expect("packed")
}

fn unpacked(reply: &Reply) -> Vec<u8> {
    assert_eq!((reply.status, reply.header("content-encoding")), (200, "gzip"));
    let mut bytes = Vec::new();
    GzDecoder::new(&reply.body[..]).read_to_end(&mut bytes).expect("gzip");
    bytes
}

#[tokio::test]
async fn bodies_and_long_replies_may_be_packed() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let body = json!({"inputs": vec![[0, 1]; 20_000]});
    let plain = service.post(XOR, body.clone()).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    let gzip = [("content-type", JSON), ("content-encoding", "gzip"), ("accept-encoding", "br, gzip;q=0.5")];
    let reply = service_reply(&service, &gzip, packed(body.to_string().as_bytes())).await;
    assert!(reply.len() == plain.body.len() && serde_json::from_slice::<Value>(&reply).expect("JSON") == plain.json());

    let train = json!({"inputs": [[0, 1]], "targets": [1], "epochs": 1}).to_string();
    let reply = send(&service, "/models/xor/train", &gzip[..2], packed(train.as_bytes())).await;
    service.ended(&reply.expect(202)).await;

    let short = [("content-type", JSON), ("accept-encoding", "gzip")];
    let reply = send(&service, XOR, &short, json!({"inputs": [0, 1]}).to_string().into_bytes()).await;
    assert_eq!((reply.status, reply.header("content-encoding")), (200, ""));
    let refused = [("content-type", JSON), ("accept-encoding", "gzip;q=0")];
    let reply = send(&service, XOR, &refused, body.to_string().into_bytes()).await;
    assert_eq!(reply.header("content-encoding"), "");
    let binary = [("content-type", OCTETS), ("accept-encoding", "gzip")];
    let reply = send(&service, XOR, &binary, vec![0; 80_000]).await;
    assert_eq!((reply.header("content-encoding"), reply.body.len()), ("", 40_000));
}

/// The unpacked reply, whatever the contract says of packed ones.
async fn service_reply(service: &TestApp, headers: &[(&str, &str)], body: Vec<u8>) -> Vec<u8> {
    let request =
        headers.iter().fold(service.raw(Method::POST, XOR), |request, (name, value)| request.header(*name, *value));
    let response = request.body(body).send().await.expect("a reply");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    unpacked(&Reply { status, headers, body: response.bytes().await.expect("whole").to_vec() })
}

#[tokio::test]
async fn what_is_packed_is_bounded_by_what_comes_out() {
    let service = TestApp::with(|settings| settings.max_body = ByteSize::kib(64)).await;
    service.with_xor().await;
    let gzip = [("content-type", JSON), ("content-encoding", "gzip")];
    let bomb = packed(format!("{{\"inputs\":[0,1]{}}}", " ".repeat(10 << 20)).as_bytes());
    assert!(bomb.len() < 32 << 10);
    send(&service, XOR, &gzip, bomb).await.problem(413, "payload_too_large");
    send(&service, XOR, &gzip, b"{\"inputs\":[0,1]}".to_vec()).await.problem(400, "malformed_request");
    let whole = packed(b"{\"inputs\":[0,1]}");
    send(&service, XOR, &gzip, whole[..whole.len() - 9].to_vec()).await.problem(400, "malformed_request");
    send(&service, XOR, &gzip, whole).await.expect(200);
}

#[tokio::test]
async fn events_are_never_packed() {
    let service = TestApp::start().await;
    let job = service.with_xor().await;
    let path = format!("/jobs/{}/events", text(&job["id"]));
    let request = service.raw(Method::GET, &path).header("accept-encoding", "gzip");
    let reply = service.send(Method::GET, &path, request).await;
    assert_eq!((reply.status, reply.header("content-encoding")), (200, ""));
    assert!(reply.header("content-type").starts_with("text/event-stream"));
}
