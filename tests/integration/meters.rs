//! The metrics: what they tell, that a scrape stays short, and that the table in the docs has each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use epochd::api::routes;
use epochd::storage::StorageError;
use reqwest::Method;
use serde_json::json;

use crate::support::{ADMIN, TestApp, eventually, flowers_csv, text};

/// The longest scrape of a service with 50 routes and 100 models, in bytes.
const MOST: usize = 200_000;

async fn scrape(service: &TestApp) -> String {
    String::from_utf8(service.get("/metrics").await.body).expect("text")
}

/// A metric: its kind, its labels, its series.
#[derive(Default)]
struct Family {
    kind: String,
    labels: BTreeSet<String>,
    series: BTreeSet<String>,
}

/// The metrics of a scrape.
///
/// # Panics
/// Where the text is not what Prometheus reads: each metric once, with its help and kind before its series, each series once.
fn families(text: &str) -> BTreeMap<String, Family> {
    let (mut families, mut helped) = (BTreeMap::<String, Family>::new(), String::new());
    let mut current = String::new();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped = help.split(' ').next().expect("a name").to_owned();
            assert!(help.len() > helped.len() + 1, "{line} says nothing");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert_eq!(name, helped, "a kind follows its help");
            current = name.to_owned();
            let family = Family { kind: kind.to_owned(), ..Family::default() };
            assert!(families.insert(current.clone(), family).is_none(), "{name} is there twice");
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a series and its value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = series.split('{').next().expect("a name");
            let family = families.get_mut(&current).expect("a metric before its series");
            let parts = ["", "_bucket", "_sum", "_count"].iter().take(if family.kind == "histogram" { 4 } else { 1 });
            assert!(parts.into_iter().any(|part| name == format!("{current}{part}")), "{line} stands under {current}");
            family.labels.extend(labels(series).filter(|label| label != "le"));
            assert!(family.series.insert(series.to_owned()), "{series} is there twice");
        }
    }
    families
}

/// The names of a series' labels; none of the values has a comma or a quote in it here.
fn labels(series: &str) -> impl Iterator<Item = String> + '_ {
    let inside = series.split_once('{').map_or("", |(_, inside)| inside.trim_end_matches('}'));
    inside.split(',').filter_map(|pair| pair.split_once('=')).map(|(label, _)| label.to_owned())
}

#[track_caller]
fn has(metrics: &str, lines: &[&str]) {
    for line in lines {
        assert!(metrics.lines().any(|found| found == *line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn the_table_in_the_docs_has_every_metric_with_its_kind_and_labels() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let told: BTreeSet<(String, String, String)> = families(&scrape(&service).await)
        .into_iter()
        .map(|(name, family)| (name, family.kind, family.labels.into_iter().collect::<Vec<_>>().join(", ")))
        .collect();
    let docs = include_str!("../../docs/monitoring.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `epochd_"));
    let written: BTreeSet<(String, String, String)> = rows
        .map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().replace('`', ""));
            let mut next = || cells.next().expect("name, kind and labels");
            (format!("epochd_{}", next()), next(), next())
        })
        .collect();
    let [missing, untold] = [written.difference(&told), told.difference(&written)].map(|rows| rows.collect::<Vec<_>>());
    assert!(missing.is_empty() && untold.is_empty(), "not in /metrics: {missing:#?}; not in the docs: {untold:#?}");
}

#[tokio::test]
async fn a_scrape_is_short_with_a_hundred_models_and_every_route_in_use() {
    let service = TestApp::guarded().await;
    service.with_xor().await;
    // With names as long as a hundred may have them, columns with names of 80 bytes, and all that is told of a model.
    let columns: Vec<String> = (0..6).map(|number| format!("{number}{}", "c".repeat(79))).collect();
    let rows = |shift: usize| {
        let row = |i: usize| format!("{},{}\n", vec![(i % 7 + shift).to_string(); 6].join(","), i.is_multiple_of(2));
        (0..400).map(row).fold(format!("{},y\n", columns.join(",")), |csv, row| csv + &row)
    };
    let mut record = json!({"y": "true"});
    columns.iter().for_each(|column| record[column] = json!(3));
    let path = "/train?name=base&target=y&epochs=2&recipe=plain&hidden_layers=2";
    let job = service.post_csv(path, rows(0)).await.expect(202);
    service.get(&format!("/jobs/{}?wait=60", text(&job["id"]))).await.expect(200);
    let file = service.get("/models/base/versions/1/export").await.body;
    for number in 0..100 {
        let name = format!("{number:03}-{}", "m".repeat(30));
        let import = service.raw(Method::POST, &format!("/models/import?name={name}"));
        let import = import.header("content-type", "application/octet-stream").body(file.clone());
        assert_eq!(import.send().await.expect("a reply").status(), 201);
        assert_eq!(service.post_csv(&format!("/models/{name}/predict"), rows(9)).await.status, 200);
        service.post(&format!("/models/{name}/feedback"), json!({"records": [record]})).await.expect(200);
    }
    service.app.drift.write_down().await;
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "MAKE-LABELS"];
    for route in routes() {
        let path = |model: &str| {
            let none = "00000000-0000-7000-8000-000000000000";
            let path = route.path.replace("{model}", model).replace("{version}", "1");
            ["{job}", "{dataset}", "{key}"].iter().fold(path, |path, part| path.replace(part, none))
        };
        for method in methods.map(|method| Method::from_bytes(method.as_bytes()).expect("a method")) {
            let seen = if matches!(method, Method::GET | Method::HEAD) { path("xor") } else { path("nothing") };
            for (key, path) in [(None, &seen), (Some("nobody's"), &seen), (Some(ADMIN), &seen)] {
                service.raw_as(key, method.clone(), path).send().await.expect("a reply");
            }
            let asked = service.raw(method.clone(), &format!("{seen}?nonsense=1")).body("{");
            asked.header("content-type", "application/json").send().await.expect("a reply");
        }
    }
    let metrics = scrape(&service).await;
    let families = families(&metrics);
    assert!(metrics.len() < MOST, "{} bytes with {} routes", metrics.len(), routes().len());
    for (name, series) in [("model_rows_total", 101), ("feedback_accuracy", 100), ("drift_population_stability", 200)] {
        assert_eq!(families[&*format!("epochd_{name}")].series.len(), series, "{name}");
    }
    assert!(!metrics.contains("BREW") && !metrics.contains("MAKE-LABELS"));
    assert!(families["epochd_http_requests_total"].series.len() > 200, "the routes were in use");
}

#[tokio::test]
async fn refusals_are_counted_by_code() {
    let service = TestApp::guarded().await;
    let refused = |key| service.raw_as(key, Method::GET, "/models").send();
    refused(None).await.expect("a reply");
    refused(Some("nobody's")).await.expect("a reply");
    service.get("/models/nothing").await.problem(404, "model_not_found");
    let at_once = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let address = service.address();
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(address).expect("a connection");
        stream.write_all(at_once.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    });
    assert!(answer.await.expect("no panic").expect("an answer").starts_with("HTTP/1.1 400"));
    let codes = ["key_required", "key_invalid", "model_not_found", "malformed_request"];
    let lines = codes.map(|code| format!("epochd_refusals_total{{code=\"{code}\"}} 1"));
    let metrics = scrape(&service).await;
    has(&metrics, &lines.each_ref().map(String::as_str));
    has(&metrics, &["epochd_refusals_total{code=\"queue_full\"} 0"]);
}

#[tokio::test]
async fn rows_and_flags_are_told_by_model_and_go_with_it() {
    let service = TestApp::start().await;
    let job = service.post_csv("/train?name=flowers&target=species&epochs=3", flowers_csv(90)).await.expect(202);
    service.ended(&job).await;
    let plain = json!({"sepal_length": 5.0, "sepal_width": 3.0, "petal_length": 1.5, "petal_width": 0.3});
    let mut giant = plain.clone();
    giant["petal_length"] = json!(900);
    service.post("/models/flowers/predict", json!({"records": [plain, plain, giant.clone()]})).await.expect(200);
    let lines = [
        "epochd_model_rows_total{model=\"flowers\"} 3",
        "epochd_model_flags_total{model=\"flowers\"} 1",
        "epochd_predictions_total 3",
        "epochd_cache_lookups_total{cache=\"versions\",result=\"hit\"} 1",
    ];
    has(&scrape(&service).await, &lines);
    service.patch("/models/flowers", json!({"name": "blossoms"})).await.expect(200);
    service.post("/models/blossoms/predict", json!({"records": [giant]})).await.expect(200);
    let metrics = scrape(&service).await;
    has(&metrics, &["epochd_model_rows_total{model=\"blossoms\"} 4", "epochd_model_flags_total{model=\"blossoms\"} 2"]);
    assert!(!metrics.contains("model=\"flowers\""), "{metrics}");
    assert_eq!(service.delete("/models/blossoms").await.status, 204);
    assert!(!scrape(&service).await.contains("model=\"blossoms\""));
}

#[tokio::test]
async fn a_key_that_sees_some_models_is_told_nothing_by_model() {
    let service = TestApp::guarded().await;
    service.with_xor().await;
    service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200);
    let limited = json!({"name": "limited", "role": "predict", "models": ["o*"]});
    let key = service.post("/keys", limited).await.expect(201);
    let told = service.raw_as(Some(text(&key["key"])), Method::GET, "/metrics").send().await.expect("a reply");
    let told = told.text().await.expect("text");
    assert!(told.contains("epochd_predictions_total 1\n") && !told.contains("model=\""), "{told}");
    has(&scrape(&service).await, &["epochd_model_rows_total{model=\"xor\"} 1"]);
}

#[tokio::test]
async fn a_training_tells_how_long_each_phase_took() {
    let service = TestApp::start().await;
    let job = service.post_csv("/train?name=flowers&target=species&epochs=3", flowers_csv(90)).await.expect(202);
    service.ended(&job).await;
    let metrics = scrape(&service).await;
    for phase in ["load", "fit", "train", "calibrate", "measure", "importance", "baseline", "publish"] {
        has(&metrics, &[&format!("epochd_job_phase_seconds_count{{phase=\"{phase}\"}} 1")]);
        has(&metrics, &[&format!("epochd_job_phase_jobs{{phase=\"{phase}\"}} 0")]);
    }
    has(&metrics, &["epochd_jobs_ended_total{state=\"succeeded\"} 1", "epochd_jobs_ended_total{state=\"failed\"} 0"]);
}

#[tokio::test]
async fn a_store_that_fails_is_told_and_keeps_no_scrape_back() {
    let broken = Arc::new(AtomicBool::new(false));
    let of_gate = broken.clone();
    let gate = move |call: &'static str| match of_gate.load(Ordering::Relaxed) {
        true => Err(StorageError::Unavailable(format!("{call} fails, for this test"))),
        false => Ok(()),
    };
    let service = TestApp::behind(Arc::new(gate), |_| ()).await;
    service.with_xor().await;
    let before = scrape(&service).await;
    has(&before, &["epochd_models 1", "epochd_ready{check=\"catalog\"} 1", "epochd_ready{check=\"jobs\"} 1"]);
    let count = |metrics: &str, part: &str| {
        let line = metrics.lines().find(|line| line.starts_with("epochd_storage_calls_total{") && line.contains(part));
        let (_, value) =
            line.unwrap_or_else(|| panic!("{part} is not in\n{metrics}")).rsplit_once(' ').expect("a value");
        value.parse::<u64>().expect("a number")
    };
    assert_eq!(count(&before, "call=\"read\",result=\"error\""), 0);
    assert!(count(&before, "call=\"commit\",result=\"ok\"") > 0 && count(&before, "call=\"put\",result=\"ok\"") > 0);
    broken.store(true, Ordering::Relaxed);
    service.get("/models/nothing").await.problem(503, "storage_unavailable");
    let during = scrape(&service).await;
    has(&during, &["epochd_models 1", "epochd_ready{check=\"catalog\"} 0", "epochd_ready{check=\"hold\"} 1"]);
    assert!(count(&during, "call=\"read\",result=\"error\"") > 0);
    broken.store(false, Ordering::Relaxed);
    has(&scrape(&service).await, &["epochd_ready{check=\"catalog\"} 1"]);
}

#[tokio::test]
async fn memory_is_told_by_what_holds_it() {
    let service = TestApp::start().await;
    let held = service.app.memory.uploads.charge(None);
    assert!(held.grow(5 << 20).is_ok());
    let metrics = scrape(&service).await;
    has(&metrics, &["epochd_memory_held_bytes{holder=\"uploads\",share=\"requests\"} 5242880"]);
    let used = |line: &&str| line.starts_with("epochd_memory_used_bytes{share=\"requests\"} 5");
    assert!(metrics.lines().any(|line| used(&line)), "{metrics}");
    drop(held);
    eventually("it is given back", async || {
        let metrics = scrape(&service).await;
        metrics.contains("epochd_memory_held_bytes{holder=\"uploads\",share=\"requests\"} 0\n")
    })
    .await;
}

#[tokio::test]
async fn the_build_and_the_places_are_told() {
    let service = TestApp::with(|settings| settings.concurrent_jobs = Some(2)).await;
    let metrics = scrape(&service).await;
    let build = metrics.lines().find(|line| line.starts_with("epochd_build_info{")).expect("the build");
    assert!(build.contains(&format!("version=\"{}\"", env!("CARGO_PKG_VERSION"))) && build.contains("rustc=\"1."));
    has(&metrics, &["epochd_places{pool=\"trainings\"} 2", "epochd_places_taken{pool=\"trainings\"} 0"]);
    has(&metrics, &["epochd_places_waiting{pool=\"long_work\"} 0", "epochd_places{pool=\"catalog\"} 8"]);
    let open = metrics.lines().find_map(|line| line.strip_prefix("epochd_process_open_fds "));
    assert!(open.is_some_and(|open| open.parse::<u64>().is_ok_and(|open| open > 3)), "{metrics}");
    assert!(text(&service.get("/readyz").await.expect(200)["status"]) == "ready");
}
