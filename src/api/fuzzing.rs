//! Whole requests of any bytes, to the router of a service with little memory: the entry of the fuzz target `requests`.

use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, HOST, LOCATION};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use axum::response::Response;
use bytesize::ByteSize;
use http_body_util::BodyExt;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::app::App;
use crate::config::Settings;

/// Memory that the service is told it has.
const MEMORY: ByteSize = ByteSize::mib(512);
/// Requests after which it starts again in a new folder: what they made is gone, and the disk does not fill up.
const REQUESTS_A_SERVICE: usize = 500;
/// Longest time that a reply may take to be whole: those that wait for a job or follow it are given up after it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Times that a body may be repeated.
const MOST_REPEATS: usize = 1 << 20;
/// Most bytes of a body that was repeated.
const MOST_BYTES: usize = 64 << 20;

/// A service, and how many requests it may still take.
struct Service {
    app: App,
    left: usize,
    _folder: TempDir,
}

/// Bytes that are an HTTP request are answered, never by a fault of the server; and what it took of the budget is given back.
///
/// A header `x-repeat: N` repeats what of the body stands between the first two bytes `0x1e`; `x-pack: gzip` packs it
/// then. So a few bytes reach what only large bodies do.
///
/// # Panics
/// If a property does not hold.
pub fn requests(bytes: &[u8]) {
    static SERVICE: OnceLock<(Runtime, Mutex<Option<Service>>)> = OnceLock::new();
    let Some(request) = request_of(bytes) else { return };
    let new_runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let (runtime, service) = SERVICE.get_or_init(|| (new_runtime().expect("a runtime"), Mutex::default()));
    // Where an input broke a property the next begins with a new service.
    let mut held = service.lock().unwrap_or_else(PoisonError::into_inner);
    let mut service = match held.take() {
        Some(service) if service.left > 0 => service,
        other => runtime.block_on(renewed(other)),
    };
    service.left -= 1;
    let app = service.app.clone();
    runtime.block_on(async { answered(&app, request).await });
    *held = Some(service);
}

/// A service in a new folder, with a trained model by layer sizes (`xor`) and one by a data set (`table`), of a single small network:
/// with the instruments of fuzzing five large ones take fifteen seconds for a hundred thousand rows.
async fn renewed(old: Option<Service>) -> Service {
    if let Some(old) = old {
        old.app.close().await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = Settings::for_tests();
    settings.data_dir = folder.path().to_owned();
    settings.memory = Some(MEMORY);
    let app = App::open(settings).await.expect("the service opens");
    let xor = r#"{"inputs":[[0,0],[0,1],[1,0],[1,1]],"targets":[0,1,1,0],"epochs":3}"#;
    let posted = [
        ("/models", "application/json", r#"{"name":"xor","layers":[2,2,1]}"#),
        ("/models/xor/train", "application/json", xor),
        (
            "/train?name=table&target=y&epochs=1&recipe=plain",
            "text/csv",
            "a,b,y\n1,u,p\n2,v,q\n3,u,p\n4,v,q\n5,u,p\n6,v,q\n",
        ),
    ];
    for (path, kind, body) in posted {
        let request = Request::post(path).header("content-type", kind).body(Body::from(body)).expect("a request");
        let reply = asked(&app, request).await;
        assert!(reply.status().is_success(), "{path}: {}", reply.status());
    }
    Service { app, left: REQUESTS_A_SERVICE, _folder: folder }
}

/// The request is answered in time; what it made is taken away again, and memory comes back.
async fn answered(app: &App, request: Request<Body>) {
    let told = format!("{} {}", request.method(), request.uri());
    let may_wait = told.contains("wait=") || told.contains("/events");
    let answer = async {
        let reply = asked(app, request).await;
        let (head, body) = reply.into_parts();
        (head, body.collect().await.is_ok())
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok((head, whole)) => {
            let fault = head.status.is_server_error()
                && ![StatusCode::SERVICE_UNAVAILABLE, StatusCode::INSUFFICIENT_STORAGE].contains(&head.status);
            assert!(!fault && whole, "{told}: {}", head.status);
            if let Some(location) = head.headers.get(LOCATION).and_then(|location| location.to_str().ok()) {
                remove(app, location).await;
            }
        }
        Err(_) => assert!(may_wait, "{told}: no answer within {PATIENCE:?}"),
    }
    // Work that is told to stop gives back what it holds a moment later.
    for _ in 0..100 {
        if app.memory.requests.used() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{told}: {} bytes of the budget are not given back", app.memory.requests.used());
}

/// The reply to a request, which names a host as HTTP/1.1 wants it.
async fn asked(app: &App, mut request: Request<Body>) -> Response {
    request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
    super::router(app.clone()).oneshot(request).await.expect("the router does not fail")
}

/// Ends a job, deletes what else was made.
async fn remove(app: &App, location: &str) {
    let (method, path) = match location.starts_with("/jobs/") {
        true => (Method::POST, format!("{location}/cancel")),
        false => (Method::DELETE, location.to_owned()),
    };
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    asked(app, request).await;
}

/// The request that the bytes write out: a line `METHOD TARGET`, headers, a blank line, the body; lines end with a line feed.
fn request_of(bytes: &[u8]) -> Option<Request<Body>> {
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = line.split_once(' ')?;
    let mut builder = Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(target);
    let (mut repeats, mut packed) = (1, false);
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..at], line[at + 1..].trim_ascii());
        match name {
            b"x-repeat" => repeats = std::str::from_utf8(value).ok()?.parse().ok()?,
            b"x-pack" => packed = true,
            _ => builder = builder.header(name, value),
        }
    }
    let body = repeated(body, repeats);
    if !packed {
        return builder.body(Body::from(body)).ok();
    }
    builder.header(CONTENT_ENCODING, "gzip").body(Body::from(gzip(&body))).ok()
}

/// The body with what stands between the first two bytes `0x1e` so many times.
fn repeated(body: &[u8], times: usize) -> Vec<u8> {
    let parts: Vec<&[u8]> = body.splitn(3, |byte| *byte == 0x1e).collect();
    match parts[..] {
        [begin, unit, end] => {
            let times = times.min(MOST_REPEATS).min(MOST_BYTES / unit.len().max(1));
            [begin, &unit.repeat(times), end].concat()
        }
        _ => body.to_vec(),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).expect("memory takes it");
    packer.finish().expect("memory takes it")
}
