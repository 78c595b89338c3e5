//! Telling a webhook of the ends of jobs: signed, until it is taken, in nobody's way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use epochd::app::App;
use epochd::config::Settings;
use epochd::jobs::{NewTraining, TrainingRequest};
use epochd::learning::spec::ModelSpec;
use epochd::learning::training::TrainingSpec;
use epochd::models::{ModelKind, NewModel};
use epochd::storage::Gate;
use epochd::webhooks::{Document, settle};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::contract::contract;
use crate::support::doubt::Doubt;
use crate::support::{TestApp, endless_training, eventually, text, xor_model, xor_training};

/// The bytes 0 to 31, as a secret.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// What a receiver was told.
#[derive(Clone, Debug)]
struct Message {
    head: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Message {
    fn job(&self) -> Value {
        let body: Value = serde_json::from_str(&self.body).expect("JSON");
        body["data"]["job"].clone()
    }
}

/// Somebody who is told: answers with the statuses of `answers` in turn, then 204; with 0 never.
#[derive(Clone)]
struct Receiver {
    port: u16,
    told: Arc<Mutex<Vec<Message>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    async fn new(answers: &[u16]) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.expect("a free port"), answers)
    }

    fn on(listener: TcpListener, answers: &[u16]) -> Self {
        let port = listener.local_addr().expect("bound").port();
        let receiver = Receiver { port, told: Arc::default(), answers: Arc::new(Mutex::new(answers.to_vec().into())) };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        receiver
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some(message) = read(&mut stream).await else { return };
        self.told.lock().expect("no panic").push(message);
        let status = self.answers.lock().expect("no panic").pop_front().unwrap_or(204);
        if status == 0 {
            std::future::pending::<()>().await;
        }
        let location = format!("http://127.0.0.1:{}/elsewhere", self.port);
        let reply =
            format!("HTTP/1.1 {status} So\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(reply.as_bytes()).await;
    }

    fn told(&self) -> Vec<Message> {
        self.told.lock().expect("no panic").clone()
    }

    async fn is_told(&self, times: usize) -> Vec<Message> {
        eventually("the receiver is told", async || self.told().len() >= times).await;
        self.told()
    }

    fn settings(&self) -> impl FnOnce(&mut Settings) {
        told_at(self.port)
    }
}

fn told_at(port: u16) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.webhook.url = Some(format!("http://127.0.0.1:{port}/hook?token=hunter2").into());
        settings.webhook.secret = Some(SECRET.to_owned().into());
    }
}

/// A request, as far as its length says.
async fn read(stream: &mut TcpStream) -> Option<Message> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.split("\r\n");
        let head = lines.next().unwrap_or_default().to_owned();
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        if body.len() >= headers.get("content-length")?.parse().ok()? {
            return Some(Message { head, headers, body: body.to_owned() });
        }
    }
}

/// HMAC-SHA256 by its definition (RFC 2104), and base64 by its own: nothing that the service signs with.
fn signature(key: &[u8], message: &str) -> String {
    let pad = |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36), message.as_bytes().to_vec()].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("v1,");
    for three in outer.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let sign = alphabet[(bits >> (18 - 6 * at) & 63) as usize] as char;
            text.push(if at <= three.len() { sign } else { '=' });
        }
    }
    text
}

#[tokio::test]
async fn the_end_of_a_job_is_told_and_signed_by_the_standard() {
    let receiver = Receiver::new(&[]).await;
    let service = TestApp::with(receiver.settings()).await;
    let job = service.with_xor().await;
    let model = service.get("/models/xor").await.expect(200);
    let message = receiver.is_told(1).await.remove(0);
    let body: Value = serde_json::from_str(&message.body).expect("JSON");
    for (schema, part) in [("JobEnded", ""), ("Model", "/data/model")] {
        let value = body.pointer(part).expect("it is there");
        assert_eq!(contract().check_schema_at(&format!("/components/schemas/{schema}"), value), Ok(()));
    }
    assert_eq!(body["type"], "job.ended");
    assert_eq!(body["timestamp"], job["finished_at"]);
    assert_eq!(body["data"], json!({"job": job, "model": model}));
    assert_eq!((&body["data"]["job"]["version"], &body["data"]["model"]["active_version"]), (&json!(1), &json!(1)));
    assert!(body["data"]["job"]["metrics"].is_object());

    let header = |name: &str| message.headers.get(name).cloned().unwrap_or_else(|| panic!("{name}: {message:?}"));
    assert_eq!(message.head, "POST /hook?token=hunter2 HTTP/1.1");
    assert_eq!(header("content-type"), "application/json");
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let age = Timestamp::now().as_second() - time.parse::<i64>().expect("seconds");
    assert!((0..60).contains(&age), "{time}");
    let key: Vec<u8> = (0..32).collect();
    assert_eq!(header("webhook-signature"), signature(&key, &format!("{id}.{time}.{}", message.body)));

    let metrics = async || String::from_utf8(service.get("/metrics").await.body).expect("UTF-8");
    eventually("it is counted", async || {
        metrics().await.contains("epochd_webhook_deliveries_total{result=\"delivered\"} 1")
    })
    .await;
    assert_eq!(receiver.told().len(), 1, "what was taken is not told again");
}

#[tokio::test]
async fn cancelled_and_failed_jobs_are_told_too_and_deleted_ones_as_they_were() {
    let receiver = Receiver::new(&[]).await;
    let service = TestApp::with(|settings| {
        receiver.settings()(settings);
        settings.concurrent_jobs = Some(1);
    })
    .await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let running = service.post("/models/xor/train", endless_training()).await.expect(202);
    let waiting = service.post("/models/xor/train", xor_training(5)).await.expect(202);
    for job in [&waiting, &running] {
        service.post_empty(&format!("/jobs/{}/cancel", text(&job["id"]))).await.expect(200);
    }
    let mut diverging = xor_training(50);
    diverging["learning_rate"] = json!(1e6);
    service.post("/models", json!({"name": "line", "layers": [2, 1]})).await.expect(201);
    let failed = service.train("line", diverging).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    // Whoever deletes at once what has ended does not silence it.
    service.delete(&format!("/jobs/{}", text(&failed["id"]))).await.expect(204);
    service.delete("/models/line").await.expect(204);
    let jobs: Vec<Value> = receiver.is_told(3).await.iter().map(Message::job).collect();
    for job in [&waiting, &running, &failed] {
        let told = jobs.iter().find(|told| told["id"] == job["id"]).expect("it is told");
        let state = if *job == failed { "failed" } else { "cancelled" };
        assert_eq!(told["state"], state);
        assert_eq!(told["error"]["code"] == "training_diverged", state == "failed", "{told}");
    }
    let about_line = receiver.told().into_iter().find(|message| message.job()["id"] == failed["id"]).expect("told");
    let body: Value = serde_json::from_str(&about_line.body).expect("JSON");
    assert_eq!(body["data"]["model"]["name"], "line");
}

#[tokio::test]
async fn the_trace_of_the_request_that_asked_for_a_job_is_told() {
    let receiver = Receiver::new(&[500]).await;
    let service = TestApp::with(receiver.settings()).await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = service.raw(Method::POST, "/models/xor/train").json(&xor_training(5));
    let request = request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    service.send(Method::POST, "/models/xor/train", request).await.expect(202);
    let parents = receiver.is_told(2).await.into_iter().map(|message| message.headers["traceparent"].clone());
    assert_eq!(parents.collect::<Vec<_>>(), vec![format!("00-{trace}-b7ad6b7169203331-01"); 2], "the second time too");
}

#[tokio::test]
async fn what_is_not_taken_is_told_again_with_the_same_id_and_no_redirect_is_followed() {
    let receiver = Receiver::new(&[500, 307]).await;
    let service = TestApp::with(receiver.settings()).await;
    service.with_xor().await;
    let told = receiver.is_told(3).await;
    let of = |name: &str| told.iter().map(|message| message.headers[name].clone()).collect::<Vec<_>>();
    let ids = of("webhook-id");
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(told.iter().all(|message| message.head.starts_with("POST /hook?") && message.body == told[0].body));
    let key: Vec<u8> = (0..32).collect();
    for message in &told {
        let signed = format!("{}.{}.{}", ids[0], message.headers["webhook-timestamp"], message.body);
        assert_eq!(message.headers["webhook-signature"], signature(&key, &signed), "each attempt has its own time");
    }
    let metrics = String::from_utf8(service.get("/metrics").await.body).expect("UTF-8");
    assert!(metrics.contains("epochd_webhook_deliveries_total{result=\"refused\"} 2"), "{metrics}");
}

#[tokio::test]
async fn a_receiver_that_is_not_there_yet_is_told_after_a_restart() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("bound").port()
    };
    let service = TestApp::with(told_at(port)).await;
    let job = service.with_xor().await;
    let metrics = async || String::from_utf8(service.get("/metrics").await.body).expect("UTF-8");
    eventually("an attempt fails", async || !metrics().await.contains("{result=\"unreachable\"} 0")).await;
    assert!(metrics().await.contains("epochd_webhooks_waiting 1"));
    let receiver = Receiver::on(TcpListener::bind(("127.0.0.1", port)).await.expect("still free"), &[]);
    let service = service.restarted().await;
    let told = receiver.is_told(1).await;
    assert_eq!(told[0].job()["id"], job["id"]);
    assert_eq!(receiver.told().len(), 1);
    service.stop().await;
}

#[tokio::test]
async fn nobody_waits_for_a_receiver_that_hangs() {
    let receiver = Receiver::new(&[0; 100]).await;
    let service = TestApp::with(receiver.settings()).await;
    service.with_xor().await;
    receiver.is_told(1).await;
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(service.train("xor", xor_training(5)).await["state"], "succeeded");
    }
    let last = service.post("/models/xor/train", xor_training(5)).await.expect(202);
    let last = service.ended(&last).await;
    service.delete(&format!("/jobs/{}", text(&last["id"]))).await.expect(204);
    service.stop().await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn one_that_is_not_answered_holds_up_no_other() {
    let receiver = Receiver::new(&[0, 500]).await;
    let service = TestApp::with(receiver.settings()).await;
    let first = service.with_xor().await;
    receiver.is_told(1).await;
    let started = Instant::now();
    for _ in 0..2 {
        service.train("xor", xor_training(5)).await;
    }
    // One of them twice, as it was refused at first.
    let told = receiver.is_told(4).await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(told[1..].iter().all(|message| message.job()["id"] != first["id"]));
    service.stop().await;
}

#[tokio::test]
async fn an_end_that_seemed_not_to_be_written_down_is_told_at_once() {
    let (receiver, doubt) = (Receiver::new(&[]).await, Doubt::default());
    let service = TestApp::behind(doubt.gate(), receiver.settings()).await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.post("/models/xor/train", xor_training(20_000)).await.expect(202);
    // The file of the version, and the history.
    doubt.arm(2);
    let job = service.ended(&job).await;
    assert!(doubt.has_come());
    assert_eq!(receiver.is_told(1).await[0].job()["id"], job["id"]);
}

#[tokio::test]
async fn nothing_is_noted_where_nobody_is_to_be_told() {
    let service = TestApp::start().await;
    service.with_xor().await;
    assert_eq!(service.app.storage.catalog.count_deliveries().await.expect("a count"), (0, 0));
}

/// Holds the call that brings `left` to zero, until it is let go.
fn holding(left: &Arc<AtomicU64>, is_held: &Arc<AtomicBool>) -> Gate {
    let (left, is_held) = (left.clone(), is_held.clone());
    Arc::new(move |call| {
        let counts = call == "catalog read";
        if counts && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) == Ok(1) {
            is_held.store(true, Ordering::SeqCst);
            while is_held.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_end_that_two_put_into_words_at_once_is_told_though_its_job_is_deleted() {
    let (left, is_held) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = Settings { data_dir: folder.path().to_owned(), ..Settings::for_tests() };
    told_at(1)(&mut settings);
    // Without a server nobody else puts ends into words.
    let app = App::open_behind(settings, holding(&left, &is_held)).await.expect("a new state");
    let (spec, _) = ModelSpec { layers: vec![1.into(), 1.into()], ..ModelSpec::default() }.check().expect("a line");
    let kind = ModelKind::Layers(spec.clone().into());
    let model = NewModel { name: None, kind, initial: None, metadata: BTreeMap::new(), owner: None };
    let model = app.models.create(model, |_| None).await.expect("a model");
    let examples = serde_json::from_value(json!({"inputs": [[0], [1]], "targets": [0, 1]})).expect("rows");
    let settings = TrainingSpec { epochs: Some(2), ..TrainingSpec::default() };
    let training = TrainingRequest { examples, validation: None, settings }.check(&spec).expect("a training");
    let job = app.jobs.submit(&model, NewTraining::Rows(training.into()), "a request".into(), |_| None).await;
    let job = app.jobs.get(&job.expect("a job").record.id.to_string()).await.expect("the job");
    job.over().await;

    let document: Document = |_, _| "said".into();
    // The list of what is to be told is read, and the job not yet.
    left.store(2, Ordering::SeqCst);
    let first = tokio::spawn({
        let app = app.clone();
        async move { settle(&app, document).await }
    });
    eventually("the first is held", || std::future::ready(is_held.load(Ordering::SeqCst))).await;
    settle(&app, document).await.expect("the other says it");
    app.jobs.remove(&job).await.expect("deleted");
    is_held.store(false, Ordering::SeqCst);
    first.await.expect("no panic").expect("the catalog answers");
    assert_eq!(app.storage.catalog.count_deliveries().await.expect("a count"), (1, "said".len() as u64));
    app.close().await;
}
