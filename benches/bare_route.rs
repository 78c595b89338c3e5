//! What predictions are held against: a route of axum that does nothing but parse the body and answer.
//!
//!     cargo bench --bench bare_route -- --listen 127.0.0.1:8081   # serves POST / until it is stopped
//!     cargo bench --bench bare_route                              # times parsing 10,000 × 20 and printing its reply
//!
//! The route takes one row for a network of 4-16-3, as `POST …/predict` does, and answers as many bytes.

mod common;

use std::hint::black_box;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::serve::ListenerExt;
use common::figures::{Times, line, machine};
use epochd::data::json::Rows;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

const REPLY: &str =
    r#"{"model_id":"019cadd4-5698-7c3e-9b52-4f0d3a6e8c11","version":1,"outputs":[[0.61803399,0.23606798,0.14589803]]}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    inputs: Rows,
}

#[derive(Serialize)]
struct Reply {
    model_id: uuid::Uuid,
    version: u64,
    outputs: Vec<[f32; 1]>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--listen") {
        Some(at) => serve(&arguments[at + 1]),
        None => parse_and_print(),
    }
}

fn serve(address: &str) {
    let answer = async |body: Bytes| {
        let body: Body = serde_json::from_slice(&body).expect("a row");
        assert_eq!(black_box(body.inputs).into_matrix(4).expect("a row of 4").nrows(), 1);
        ([(CONTENT_TYPE, "application/json")], REPLY).into_response()
    };
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, Router::new().route("/", post(answer))).await.expect("it serves");
    });
}

fn parse_and_print() {
    println!("{}", machine());
    // Six digits, as `benches/http bulk` sends them.
    let value = |i: usize| ((i * 7_919 % 4_000_003) as f64 - 2_000_001.0) / 1e6;
    let rows: Vec<Vec<f64>> = (0..10_000).map(|row| (0..20).map(|column| value(row * 20 + column)).collect()).collect();
    let body = serde_json::json!({ "inputs": rows }).to_string();
    let outputs: Vec<[f32; 1]> = (0..10_000).map(|i| [1.0 / (i as f32 + 1.7)]).collect();
    let reply = Reply { model_id: uuid::Uuid::nil(), version: 1, outputs };
    let times = Times::repeat(Duration::from_secs(3), || {
        let body: Body = serde_json::from_slice(black_box(body.as_bytes())).expect("rows");
        black_box(body.inputs.into_matrix(20).expect("rows of 20"));
        black_box(serde_json::to_vec(black_box(&reply)).expect("plain data"));
    });
    println!("{}", line("P2 parse and print", 1, "s", &times, None));
}
