//! What a request of a few bytes may cost: memory and time of the service stay within bounds, and what goes beyond them is
//! refused with a code.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use epochd::data::asked::AskedColumns;
use epochd::data::ingest::Format;
use epochd::datasets::{Arriving, Asked, Loading};
use epochd::storage::{Gate, StorageError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{TestApp, eventually, text};

/// Rows whose class follows from `x`, but for the words in `odd` rows; more than are read at once.
fn long_csv(rows: u32, odd: Option<u32>) -> String {
    let row = |i: u32| {
        let x = i * 37 % 101;
        let kind = if odd == Some(i) { "odd" } else { ["low", "high"][(x / 51) as usize] };
        format!("{x},{},{kind}\n", i % 7)
    };
    (0..rows).map(row).fold("x,y,kind\n".to_owned(), |csv, row| csv + &row)
}

/// A service with the data set `long` of 20,000 rows and the models `kinds` and `values` on it.
async fn long_service() -> TestApp {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=long", long_csv(20_000, None)).await.expect(201);
    for (name, target) in [("kinds", "kind"), ("values", "y")] {
        let model = json!({"name": name, "dataset": "long", "target": target, "hidden_layers": [4]});
        service.post("/models", model).await.expect(201);
        let job = service.train(name, json!({"epochs": 1})).await;
        assert_eq!(job["state"], "succeeded", "{job}");
    }
    service
}

#[tokio::test]
async fn a_data_set_is_measured_batch_by_batch_as_a_whole_would_be() {
    let service = long_service().await;
    let records: Vec<Value> = (0..20_000)
        .map(|i: u32| {
            let x = i * 37 % 101;
            let kind = ["low", "high"][(x / 51) as usize];
            json!({"x": x, "y": i % 7, "kind": kind})
        })
        .collect();
    for model in ["kinds", "values"] {
        let path = format!("/models/{model}/evaluate");
        let whole = service.post(&path, json!({"records": records})).await.expect(200);
        assert_eq!(whole["rows"], 20_000);
        let stored = service.post(&path, json!({"dataset": "long"})).await.expect(200);
        for field in ["version", "rows", "loss", "metrics"] {
            assert_eq!(stored[field], whole[field], "{field}");
        }
    }
    service.post_csv("/datasets?name=odd", long_csv(20_000, Some(17_001))).await.expect(201);
    let problem = service.post("/models/kinds/evaluate", json!({"dataset": "odd"})).await.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).contains("\"odd\" in row 17002"), "{problem}");
}

#[tokio::test]
async fn rows_of_data_sets_count_as_memory_of_requests() {
    let service = long_service().await;
    let layers = json!({"name": "layers", "layers": [2, 2, 2], "loss": "cross_entropy"});
    service.post("/models", layers).await.expect(201);
    let training = json!({"dataset": "long", "features": ["x", "y"], "targets": ["kind"], "epochs": 1});
    let job = service.train("layers", training.clone()).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let service = service.restarted_with(|settings| settings.request_memory = Some(ByteSize::kib(512))).await;
    let problem = service.post("/models/layers/train", training).await.problem(422, "training_too_large");
    assert!(text(&problem["detail"]).contains("--request-memory"), "{problem}");
    for model in ["kinds", "values"] {
        let path = format!("/models/{model}/evaluate");
        service.post(&path, json!({"dataset": "long"})).await.problem(422, "training_too_large");
    }
    service.post_csv("/datasets?name=short", long_csv(500, None)).await.expect(201);
    service.post("/models/kinds/evaluate", json!({"dataset": "short"})).await.expect(200);
}

#[tokio::test]
async fn a_target_of_too_many_or_too_long_classes_is_refused_before_it_is_a_model() {
    let service = TestApp::start().await;
    let words = |of: &dyn Fn(u32) -> String| (0..6_000).fold("x,kind\n".to_owned(), |csv, i| csv + &of(i));
    let many = words(&|i| format!("{i},w{}\n", i % 1_500));
    let types = "types=%7B%22kind%22:%22categorical%22%7D";
    service.post_csv(&format!("/datasets?name=many&{types}"), many).await.expect(201);
    let long = words(&|i| format!("{i},{}{}\n", "w".repeat(60_000 * usize::from(i < 300)), i % 300));
    service.post_csv(&format!("/datasets?name=long&{types}"), long).await.expect(201);
    let model = |dataset: &str| json!({"dataset": dataset, "target": "kind"});
    let problem = service.post("/models", model("many")).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["pointer"], "/target");
    assert!(text(&problem["detail"]).contains("1500 classes"), "{problem}");
    let problem = service.post("/models", model("long")).await.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).contains("too long"), "{problem}");
    let layers = json!({"name": "layers", "layers": [1, 9], "loss": "cross_entropy"});
    service.post("/models", layers).await.expect(201);
    let training = json!({"dataset": "many", "features": ["x"], "targets": ["kind"]});
    let problem = service.post("/models/layers/train", training).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["pointer"], "/targets/0");
}

#[tokio::test]
async fn objects_that_share_too_few_keys_are_no_data_set() {
    let service = TestApp::start().await;
    let keys: Vec<String> = (0..2_000).map(|key| format!("\"k{key}\":1")).collect();
    let wide = format!("{{{}}}", keys.join(","));
    let lines = |empty: usize| format!("{wide}\n{}", "{}\n".repeat(empty));
    let problem = service.post_file("/datasets", "application/x-ndjson", lines(100_000)).await;
    let problem = problem.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).contains("too few of their keys"), "{problem}");
    let list = format!("[{wide}{}]", ",{}".repeat(1_000));
    service.post_file("/datasets", "application/json", list).await.problem(422, "unfit_data");
    service.post_file("/datasets", "application/x-ndjson", lines(500)).await.expect(201);
}

/// Ends within a part of the time that the reading takes which is given up.
#[tokio::test]
async fn a_file_is_read_no_further_when_nobody_waits_for_it() {
    let service = TestApp::start().await;
    let file = |rows: u32| {
        let (file, mut end) = Arriving::new(service.app.storage.scratch.clone(), Box::new(|_| true));
        end.write_all(long_csv(rows, None).as_bytes()).expect("room on the disk");
        file
    };
    let arrival = Loading::default().begin(None, None);
    let asked = Asked { name: None, format: Format::Csv.into(), columns: AskedColumns::default(), parent: None };
    let memory = service.app.memory.requests.charge(None);
    let read = async |file: Arriving| service.app.datasets.read(&asked, &file, arrival.load(), &memory).await;
    let since = Instant::now();
    read(file(2_000_000)).await.expect("a table");
    let whole = since.elapsed();
    // As many as may be read at once, so that the next one waits for the end of one of them.
    let cores = epochd::processors::available();
    let given_up: Vec<_> = (0..cores).map(|_| read(file(2_000_000))).collect();
    let all = futures_util::future::join_all(given_up);
    assert!(tokio::time::timeout(Duration::from_millis(20), all).await.is_err(), "it takes longer than that");
    let since = Instant::now();
    read(file(10)).await.expect("a table");
    assert!(since.elapsed() < whole / 2, "{:?} of {whole:?}", since.elapsed());
}

#[tokio::test]
async fn a_preview_is_short_however_long_the_cells_and_however_many_the_columns() {
    let service = TestApp::start().await;
    let csv = format!("x,note\n1,{}\n2,{}\n", "é".repeat(256), "é".repeat(257));
    service.post_csv("/datasets?name=long", csv).await.expect(201);
    let rows = service.get("/datasets/long/rows").await.expect(200);
    assert_eq!(rows["data"][0]["note"], "é".repeat(256));
    assert_eq!(rows["data"][1]["note"], "é".repeat(256) + "…");
    let line = |of: &dyn Fn(usize) -> String| (0..16_000).map(of).collect::<Vec<_>>().join(",") + "\n";
    let wide = line(&|column| format!("c{column}")) + &line(&|column| column.to_string()).repeat(30);
    service.post_csv("/datasets?name=wide", wide).await.expect(201);
    let rows = service.get("/datasets/wide/rows?limit=1000").await.expect(200);
    assert_eq!(rows["data"].as_array().map(Vec::len), Some((1 << 17) / 16_000));

    // Its profile and its rows count as memory of requests, and so do the classes of a column of words.
    let words = (0..5_000).fold("word,y\n".to_owned(), |csv, row| csv + &format!("{:0>250},{row}\n", row % 900));
    service.post_csv("/datasets?name=words&types=%7B%22word%22:%22categorical%22%7D", words).await.expect(201);
    let little =
        |kib| move |settings: &mut epochd::config::Settings| settings.request_memory = Some(ByteSize::kib(kib));
    let service = service.restarted_with(little(24 * 1024)).await;
    let problem = service.get("/datasets/wide/rows?limit=1000").await.problem(422, "training_too_large");
    assert!(text(&problem["detail"]).contains("--request-memory"), "{problem}");
    service.get("/datasets/long/rows?limit=1000").await.expect(200);
    let service = service.restarted_with(little(64)).await;
    let model = json!({"name": "words", "dataset": "words", "target": "word"});
    for reply in [service.get("/datasets/wide").await, service.post("/models", model).await] {
        let problem = reply.problem(429, "overloaded");
        assert!(text(&problem["detail"]).contains("--request-memory"), "{problem}");
    }
}

#[tokio::test]
async fn long_words_count_as_memory_of_a_training() {
    let service = TestApp::with(|settings| settings.training_memory = Some(ByteSize::mib(32))).await;
    for (name, length, code) in [("short", 20, None), ("long", 20_000, Some("training_too_large"))] {
        let row = |i: u32| format!("{}{},{}\n", "w".repeat(length * usize::from(i < 1_000)), i % 1_000, i % 2);
        let csv = (0..2_000).map(row).fold("word,y\n".to_owned(), |csv, row| csv + &row);
        let path = format!("/datasets?name={name}&types=%7B%22word%22:%22categorical%22%7D");
        let dataset = service.post_csv(&path, csv).await.expect(201);
        assert_eq!(dataset["columns"][0]["word_bytes"]["longest"], length + 3);
        service
            .post("/models", json!({"name": name, "dataset": name, "target": "y", "hidden_layers": [2]}))
            .await
            .expect(201);
        let reply = service.post(&format!("/models/{name}/train"), json!({"epochs": 1})).await;
        match code {
            None => reply.expect(202),
            Some(code) => reply.problem(422, code),
        };
    }
}

/// Counts readings of blobs, and fails them while `broken`.
fn blob_gate(reads: &Arc<AtomicU64>, broken: &Arc<AtomicBool>) -> Gate {
    let (reads, broken) = (reads.clone(), broken.clone());
    Arc::new(move |call| match call {
        "blob get" if broken.load(Ordering::Relaxed) => {
            reads.fetch_add(1, Ordering::Relaxed);
            Err(StorageError::Unavailable("for this test".into()))
        }
        "blob get" => {
            reads.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        _ => Ok(()),
    })
}

#[tokio::test]
async fn no_network_is_read_before_the_body_that_asks_for_it() {
    let (reads, broken) = (Arc::default(), Arc::default());
    let service =
        TestApp::behind(blob_gate(&reads, &broken), |settings| settings.model_memory = Some(ByteSize::kib(64))).await;
    service.post_csv("/datasets?name=long", long_csv(200, None)).await.expect(201);
    for name in ["a", "b", "c", "d"] {
        let model =
            json!({"name": name, "dataset": "long", "target": "kind", "recipe": "plain", "hidden_layers": [64, 64]});
        service.post("/models", model).await.expect(201);
        service.train(name, json!({"epochs": 1})).await;
    }
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    let body = r#"{"records": {"x": 1, "y": 2}}"#;
    let head = format!(
        "POST /models/a/predict HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let before = reads.load(Ordering::Relaxed);
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&body.as_bytes()[..5]).await.expect("sent");
    // Time enough to read a network, if it were read for a head without its body.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(reads.load(Ordering::Relaxed), before, "the network waits for the body");
    stream.write_all(&body.as_bytes()[5..]).await.expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(reads.load(Ordering::Relaxed) > before, "it had left memory");
}

#[tokio::test]
async fn a_warm_start_goes_on_from_the_version_that_was_active_when_it_began_even_before_it_could_read_it() {
    let (reads, broken) = (Arc::default(), Arc::<AtomicBool>::default());
    let service = TestApp::behind(blob_gate(&reads, &broken), |_| ()).await;
    service.post_csv("/datasets?name=long", long_csv(400, None)).await.expect(201);
    let model = json!({"name": "m", "dataset": "long", "target": "kind", "recipe": "plain", "hidden_layers": [8]});
    service.post("/models", model).await.expect(201);
    service.train("m", json!({"epochs": 1, "seed": 1})).await;
    service.train("m", json!({"epochs": 40, "seed": 2})).await;
    broken.store(true, Ordering::Relaxed);
    let before = reads.load(Ordering::Relaxed);
    let warm = json!({"warm_start": true, "epochs": 1, "learning_rate": 1e-9, "validation_split": 0});
    let job = service.post("/models/m/train", warm).await.expect(202);
    eventually("it has tried to read", || async { reads.load(Ordering::Relaxed) > before }).await;
    service.post_empty("/models/m/versions/1/activate").await.expect(200);
    let service = service.restarted().await;
    assert_eq!(service.ended(&job).await["version"], 3);
    let mut weights = Vec::new();
    for version in 1..=3 {
        let layers =
            service.get(&format!("/models/m/versions/{version}/parameters")).await.expect(200)["layers"].clone();
        weights.push(layers[0]["weights"][0][0].as_f64().expect("a number"));
    }
    assert!((weights[2] - weights[1]).abs() < 1e-5 && (weights[2] - weights[0]).abs() > 1e-4, "{weights:?}");
}
