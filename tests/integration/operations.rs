//! For those who run the service: health, metrics, the contract, an orderly end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::{ADMIN, TestApp, contract, endless_training, eventually, text, xor_model, xor_training};

#[tokio::test]
async fn health_routes_say_how_the_service_is() {
    let service = TestApp::start().await;
    assert_eq!(service.get("/livez").await.expect(200), json!({"status": "ok"}));
    assert_eq!(service.get("/readyz").await.expect(200)["status"], "ready");
}

#[tokio::test]
async fn the_contract_and_the_list_of_errors_are_served() {
    let service = TestApp::start().await;
    let contract = service.get("/openapi.yaml").await;
    assert_eq!(contract.body, include_bytes!("../../openapi.yaml"));
    let as_json = service.get("/openapi.json").await;
    assert_eq!(Some(&as_json.json()), contract::contract().value(""));
    assert!(
        as_json.body.starts_with(br#"{"openapi":"3.1.0","info":{"title""#),
        "keys stand in the order of the document"
    );
    assert!(as_json.body.ends_with(b"}\n"));
    let errors = String::from_utf8(service.get("/docs/errors").await.body).expect("UTF-8");
    assert!(errors.contains("<article id=\"shape_mismatch\">"));
}

#[tokio::test]
async fn metrics_count_requests_predictions_jobs_and_epochs() {
    let service = TestApp::start().await;
    service.with_xor().await;
    service.post("/models/xor/predict", json!({"inputs": [[0, 1], [1, 1]]})).await.expect(200);
    service.post("/models/xor/predict", json!({"inputs": [[0]]})).await.problem(422, "shape_mismatch");
    service.get("/nothing/1").await.problem(404, "route_not_found");
    let metrics = String::from_utf8(service.get("/metrics").await.body).expect("UTF-8");
    for line in [
        "epochd_http_requests_total{method=\"POST\",route=\"/models/{model}/predict\",status=\"200\"} 1",
        "epochd_http_requests_total{method=\"POST\",route=\"/models/{model}/predict\",status=\"422\"} 1",
        "epochd_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "epochd_http_request_duration_seconds_count{method=\"POST\",route=\"/models/{model}/predict\"} 2",
        "epochd_predictions_total 2",
        "epochd_jobs{state=\"succeeded\"} 1",
        "epochd_jobs{state=\"running\"} 0",
        "epochd_job_queue_seconds_count 1",
        "epochd_epochs_total 300",
        "epochd_models 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.contains("epochd_process_resident_memory_bytes "));
}

#[tokio::test]
async fn a_stopping_service_is_not_ready_takes_no_jobs_and_interrupts_those_it_has() {
    let mut service = TestApp::with(|settings| settings.concurrent_jobs = Some(1)).await;
    service.post("/models", xor_model("xor")).await.expect(201);
    service.post("/models", xor_model("other")).await.expect(201);
    let running = service.post("/models/xor/train", endless_training()).await.expect(202);
    let queued = service.post("/models/other/train", xor_training(5)).await.expect(202);
    let path = format!("/jobs/{}?wait=60", text(&running["id"]));
    let app = service.app.clone();
    let interrupted = {
        let mut waiting = std::pin::pin!(service.get(&path));
        let held = tokio::time::timeout(Duration::from_millis(100), &mut waiting).await;
        assert!(held.is_err(), "the reply is held while the job runs");
        app.close().await;
        waiting.await.expect(200)
    };
    assert_eq!((text(&interrupted["state"]), &interrupted["stop_reason"]), ("queued", &json!(null)));
    let queued = service.get(&format!("/jobs/{}", text(&queued["id"]))).await.expect(200);
    assert_eq!((text(&queued["state"]), &queued["stop_reason"]), ("queued", &json!(null)));
    let unready = service.get("/readyz").await.problem(503, "stopping");
    assert_eq!(unready["checks"][0]["status"], "stopping");
    service.post("/models/xor/train", xor_training(5)).await.problem(503, "stopping");
    service.get("/livez").await.expect(200);
    service.begin_stop();
    drop(app);
    service.stop().await;
}

#[tokio::test]
async fn an_open_event_stream_does_not_hold_up_the_end() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    let events = service.raw(reqwest::Method::GET, &format!("/jobs/{}/events", text(&job["id"])));
    let stream = events.send().await.expect("a reply");
    let (body, ended) = tokio::join!(stream.text(), tokio::time::timeout(Duration::from_secs(10), service.stop()));
    ended.expect("the service ends in time");
    let body = body.expect("a whole stream");
    assert!(body.contains("event: state") && !body.contains("-end"), "{body}");
}

/// The binary, as a user starts it.
fn binary(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn the_binary_listens_answers_its_health_check_and_ends_on_sigterm() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let folder = data.path().to_str().expect("UTF-8");
    let arguments = ["--listen", "127.0.0.1:0", "--data-dir", folder, "--log-format", "json"];
    let mut child = binary(&arguments).spawn().expect("the binary starts");
    let mut log = BufReader::new(child.stderr.take().expect("piped"));
    // Before it stands a warning: the folder is not the owner's alone.
    let address = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).expect("a line of the log") > 0, "it ended");
        let event: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        if let Some(address) = text(&event["message"]).strip_prefix("listening on http://") {
            break address.to_owned();
        }
    };
    let healthy = binary(&["healthcheck", "--listen", &address]).status().expect("it runs");
    assert!(healthy.success());
    // A second process on the same folder is refused with a clear message.
    let second = binary(&["--listen", "127.0.0.1:0", "--data-dir", folder]).output().expect("it runs");
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("held by another process"));

    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("it runs").success());
    eventually("it ends", || std::future::ready(child.try_wait().expect("a child").is_some())).await;
    assert!(child.wait().expect("ended").success(), "exit status 0");
    assert!(!binary(&["healthcheck", "--listen", &address]).status().expect("it runs").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_check_needs_no_key_where_there_are_keys() {
    let service = TestApp::guarded().await;
    let address = service.address().to_string();
    let keys = format!("admin:{ADMIN}");
    // As in the service's own container, with its settings, and from elsewhere.
    for settings in [&[("EPOCHD_API_KEYS", keys.as_str()), ("EPOCHD_METRICS_AUTH", "admin")][..], &[]] {
        let mut check = binary(&["healthcheck", "--listen", &address]);
        let asked = check.envs(settings.iter().copied()).output().expect("it runs");
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    }
    service.stop().await;
}

#[test]
fn settings_that_cannot_be_are_refused_with_a_hint() {
    for (arguments, message) in [
        (vec!["--lisen", "127.0.0.1:0"], "--listen"),
        (vec!["--listen", "0.0.0.0:0"], "--allow-anonymous"),
        (vec!["--max-body", "much"], "--max-body"),
        (vec!["--queue-capacity", "0"], "at least 1"),
    ] {
        let output = binary(&arguments).output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(message), "{arguments:?}: {error}");
    }
    let output = binary(&[]).env("EPOCHD_LISEN", "x").output().expect("it runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("EPOCHD_LISTEN"));
}
