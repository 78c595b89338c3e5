//! Traces: a caller's context goes on through the service, and a collector is sent spans of what is done.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use epochd::config::Settings;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Word;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use reqwest::Method;
use tokio::net::TcpListener;

use crate::support::{TestApp, text, xor_model, xor_training};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A collector that keeps what it is sent.
struct Collector {
    port: u16,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (port, requests) = (listener.local_addr().expect("bound").port(), Arc::<Mutex<Vec<_>>>::default());
        let kept = requests.clone();
        let take = async move |headers: HeaderMap, body: Bytes| {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
            kept.lock().expect("no panic").push(request);
        };
        tokio::spawn(axum::serve(listener, axum::Router::new().route("/v1/traces", post(take))).into_future());
        Collector { port, requests }
    }

    fn settings(&self, ratio: Option<f64>) -> impl FnOnce(&mut Settings) {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        move |settings| {
            settings.traces.otlp_endpoint = Some(endpoint.into());
            settings.traces.trace_ratio = ratio;
        }
    }

    /// All spans, once the service has sent them.
    async fn spans(&self, service: &TestApp) -> Vec<Span> {
        let traces = service.app.traces.clone();
        tokio::task::spawn_blocking(move || traces.close()).await.expect("sent");
        let requests = self.requests.lock().expect("no panic");
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        for resource in resources.clone() {
            let attributes = &resource.resource.as_ref().expect("a resource").attributes;
            assert!(attributes.iter().any(|attribute| attribute.key == "service.name"));
        }
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let names = || spans.iter().map(|span| &span.name).collect::<Vec<_>>();
    let span = found.next().unwrap_or_else(|| panic!("{name} in {:?}", names()));
    assert!(found.next().is_none(), "one {name} in {:?}", names());
    span
}

fn word(span: &Span, key: &str) -> String {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key);
    let value =
        attribute.unwrap_or_else(|| panic!("{key} in {span:?}")).value.as_ref().and_then(|any| any.value.as_ref());
    match value.expect("a value") {
        Word::StringValue(word) => word.clone(),
        Word::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn train_traced(service: &TestApp) {
    service.post("/models", xor_model("xor")).await.expect(201);
    let request = service.raw(Method::POST, "/models/xor/train").json(&xor_training(20));
    let request = request.header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    let job = service.send(Method::POST, "/models/xor/train", request).await.expect(202);
    let job = service.get(&format!("/jobs/{}?wait=30", text(&job["id"]))).await.expect(200);
    assert_eq!(job["state"], "succeeded", "{job}");
}

#[tokio::test]
async fn a_training_is_one_trace_from_its_caller_to_its_version() {
    let collector = Collector::new().await;
    let service = TestApp::with(collector.settings(None)).await;
    train_traced(&service).await;
    let spans = collector.spans(&service).await;
    let request = named(&spans, "POST /models/{model}/train");
    assert_eq!((request.kind, hexadecimal(&request.trace_id)), (SpanKind::Server as i32, TRACE.to_owned()));
    assert_eq!(hexadecimal(&request.parent_span_id), CALLER);
    assert_eq!(word(request, "http.response.status_code"), "202");
    assert_eq!((word(request, "epochd.model"), word(request, "url.path")), ("xor".into(), "/models/xor/train".into()));
    let job = named(&spans, "job");
    assert_eq!((&job.trace_id, &job.parent_span_id), (&request.trace_id, &request.span_id));
    assert_eq!(word(job, "epochd.job.state"), "succeeded");
    let phases = ["load", "train", "measure", "publish"].map(|phase| named(&spans, phase));
    for phase in phases {
        assert_eq!((&phase.trace_id, &phase.parent_span_id), (&job.trace_id, &job.span_id), "{}", phase.name);
        assert!(job.start_time_unix_nano <= phase.start_time_unix_nano, "{}", phase.name);
        assert!(phase.end_time_unix_nano <= job.end_time_unix_nano, "{}", phase.name);
    }
    assert!(phases.is_sorted_by_key(|phase| phase.start_time_unix_nano));
    let calls = |parent: &Span| -> Vec<&str> {
        let below =
            spans.iter().filter(|span| span.parent_span_id == parent.span_id && span.kind == SpanKind::Client as i32);
        below.filter_map(|call| call.name.split_once(' ')).map(|(_, call)| call).collect()
    };
    let [load, _, _, publish] = phases;
    for (parent, expected) in
        [(request, ["begin", "commit"]), (load, ["begin", "commit"]), (publish, ["put", "commit"])]
    {
        let made = calls(parent);
        assert!(expected.iter().all(|call| made.contains(call)), "{expected:?} of {}: {made:?}", parent.name);
    }
    let made = named(&spans, "POST /models");
    assert!(made.parent_span_id.is_empty() && made.trace_id != request.trace_id, "a trace of its own");
}

#[tokio::test]
async fn what_its_caller_does_not_sample_is_not_sent_nor_what_the_ratio_leaves_out() {
    let collector = Collector::new().await;
    let service = TestApp::with(collector.settings(Some(0.0))).await;
    service.get("/models").await.expect(200);
    for (sampled, path) in [("00", "/datasets"), ("01", "/jobs")] {
        let request = service.raw(Method::GET, path).header("traceparent", format!("00-{TRACE}-{CALLER}-{sampled}"));
        service.send(Method::GET, path, request).await.expect(200);
    }
    let short = [format!("00-{}-{CALLER}-01", &TRACE[1..]), format!("0-{TRACE}-{CALLER}-01")];
    let others = ["", "00", "00-0-0-00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "ä"];
    for wrong in others.into_iter().chain(short.iter().map(String::as_str)) {
        let request = service.raw(Method::GET, "/models").header("traceparent", wrong);
        service.send(Method::GET, "/models", request).await.expect(200);
    }
    let spans = collector.spans(&service).await;
    assert!(spans.iter().all(|span| hexadecimal(&span.trace_id) == TRACE));
    let requests = spans.iter().filter(|span| span.kind == SpanKind::Server as i32);
    assert_eq!(requests.map(|span| span.name.as_str()).collect::<Vec<_>>(), ["GET /jobs"]);
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nothing_up() {
    let collector = Collector { port: 9, requests: Arc::default() };
    let service = TestApp::with(collector.settings(None)).await;
    train_traced(&service).await;
    let begin = Instant::now();
    assert!(collector.spans(&service).await.is_empty());
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    service.stop().await;
}
