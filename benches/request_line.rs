//! What the line of a request costs, written by hand and as an event of `tracing`: what the decision rests on that the line
//! is ours (`ARCHITECTURE.md`). Both go to the log's writer; give standard error somewhere to go.
//!
//!     cargo bench --bench request_line 2>/dev/null

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::figures::{Times, line, machine};
use epochd::config::{LogFormat, Settings};
use epochd::telemetry::{RequestLine, request_line, start_logging};

const LINES: usize = 1000;

fn main() {
    println!("{}", machine());
    let json = std::env::args().any(|argument| argument == "--json");
    let log_format = if json { LogFormat::Json } else { LogFormat::Text };
    let _log = start_logging(&Settings { log_format, ..Settings::for_tests() });
    let told = RequestLine {
        request_id: "019cadd4-5698-7c3e-9b52-4f0d3a6e8c11",
        method: "POST",
        path: "/models/small/predict",
        status: 200,
        microseconds: 57,
        bytes_in: 32,
        bytes_out: 91,
        peer: Some("127.0.0.1:49152"),
        trace_id: None,
        key: Some("shop"),
        model: Some("small"),
    };
    let by_hand = Times::repeat(Duration::from_secs(2), || {
        for _ in 0..LINES {
            assert!(request_line::write(black_box(told)), "standard error is no terminal");
        }
    });
    let event = Times::repeat(Duration::from_secs(2), || {
        for _ in 0..LINES {
            let RequestLine { request_id, method, path, status, microseconds, peer, .. } = black_box(told);
            let RequestLine { bytes_in, bytes_out, trace_id, key, model, .. } = told;
            tracing::info!(
                request_id,
                method,
                path,
                status,
                microseconds,
                bytes_in,
                bytes_out,
                peer,
                trace_id,
                key,
                model,
                "request"
            );
        }
    });
    println!("{}", line("1,000 request lines by hand", 1, "s", &by_hand, None));
    println!("{}", line("1,000 request lines as events", 1, "s", &event, None));
}
