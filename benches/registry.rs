//! Start-up time, memory and first-prediction time of a service with many stored models.
//!
//!     cargo bench --bench registry            # 1, 1,000 and 100,000 models
//!     cargo bench --bench registry -- 5000    # as many as are named
//!
//! Each count gets a data folder of its own with networks of 4-16-3, written as the service writes them but without
//! waiting for the disk; then the release binary is started on it. Times are seen by a client of one connection.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use epochd::learning::network::Network;
use epochd::learning::spec::ModelSpec;
use epochd::models::stored::spec_to_json;
use epochd::models::version::VersionFacts;
use epochd::models::{Predictor, artifact};
use epochd::storage::catalog::{ModelRow, VersionRow};
use epochd::storage::{Catalog, Database};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Models of one transaction while a folder is filled.
const BATCH: usize = 1000;
/// Models that are asked for their first prediction.
const ASKED: usize = 200;
const ROW: &str = r#"{"inputs":[0.1,0.2,0.3,0.4]}"#;

fn main() {
    let named: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let counts = if named.is_empty() { vec![1, 1_000, 100_000] } else { named };
    println!("{}", machine());
    println!(
        "| models | ready (ms) | idle (MB) | first prediction p50 / p99 / max (ms) | again p50 (ms) | after (MB) |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    for count in counts {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(fill(folder.path(), count));
        drop(runtime);
        measure(folder.path(), count);
    }
}

/// Writes `count` trained models, named m0, m1 and so on.
async fn fill(folder: &Path, count: usize) {
    let versions = folder.join("blobs/versions");
    fs::create_dir_all(&versions).expect("a folder");
    let database = Database::File(folder.join("catalog.sqlite"));
    let catalog = Catalog::connect(&database, Arc::new(|_| Ok(())), Duration::from_secs(5)).await.expect("a catalog");
    catalog.migrate().await.expect("the catalog's tables");
    let layers = [4, 16, 3].map(Into::into).to_vec();
    for start in (0..count).step_by(BATCH) {
        let mut write = catalog.write().await.expect("a change");
        for i in start..(start + BATCH).min(count) {
            let spec = ModelSpec { layers: layers.clone(), seed: Some(i as u64), ..ModelSpec::default() };
            let predictor = Predictor::from(Network::new(Arc::new(spec.check().expect("a valid model").0)));
            let (id, now) = (Uuid::now_v7(), Timestamp::now());
            let metrics = r#"{"rows_used":"training","rmse":0.1,"mae":0.1,"r2":0.9}"#;
            let facts = VersionFacts {
                job_id: None,
                created_at: now,
                epochs: 100,
                loss: 0.01,
                validation_loss: None,
                metrics: RawValue::from_string(metrics.into()).expect("JSON").into(),
                trained_on: Default::default(),
                settings: None,
                warnings: Vec::new(),
            };
            fs::write(versions.join(format!("{id}.safetensors")), artifact::encode(&predictor, Some(&facts)))
                .expect("a file");
            let model = ModelRow {
                id,
                name: Some(format!("m{i}")),
                spec: spec_to_json(predictor.spec()).to_string(),
                initial_blob: None,
                initial_bytes: None,
                metadata: serde_json::to_string(&BTreeMap::from([("owner", "bench")])).expect("JSON"),
                created_at: now,
                updated_at: now,
                active_version: None,
                activated_at: None,
                owner: None,
                dataset_id: None,
            };
            let version = VersionRow {
                model_id: id,
                number: 1,
                blob: format!("versions/{id}.safetensors"),
                job_id: None,
                created_at: now,
                epochs: facts.epochs,
                loss: facts.loss,
                validation_loss: None,
                metrics: metrics.into(),
                network: None,
                file_bytes: None,
                dataset_id: None,
                rows: None,
                features: None,
                classes: None,
                held_out: None,
                settings: None,
                warnings: None,
            };
            write.add_model(&model).await.expect("a row");
            write.next_version(id).await.expect("a number");
            write.add_version(&version).await.expect("a row");
            write.activate(id, 1, now).await.expect("a row");
        }
        write.commit().await.expect("a commit");
    }
    catalog.close().await;
}

fn measure(folder: &Path, count: usize) {
    let started = Instant::now();
    let mut service = Command::new(env!("CARGO_BIN_EXE_epochd"))
        .args(["--listen", "127.0.0.1:0", "--log-level", "info", "--data-dir"])
        .arg(folder)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the service starts");
    let mut log = BufReader::new(service.stderr.take().expect("piped")).lines();
    let line = log.find_map(|line| line.ok().filter(|line| line.contains("listening on "))).expect("it listens");
    let address = line.split("http://").nth(1).expect("an address").split([' ', '\u{1b}']).next().expect("it");
    std::thread::spawn(move || log.for_each(drop));
    let mut client = Client(TcpStream::connect(address).expect("a connection"));
    assert_eq!(client.call("GET", "/readyz", ""), 200);
    let ready = started.elapsed();
    std::thread::sleep(Duration::from_secs(2));
    let idle = resident(&service);

    let mut random = StdRng::seed_from_u64(1);
    let asked: Vec<usize> = (0..ASKED.min(count)).map(|_| random.random_range(0..count)).collect();
    let mut ask = || {
        let mut times: Vec<Duration> = Vec::new();
        for model in &asked {
            let since = Instant::now();
            assert_eq!(client.call("POST", &format!("/models/m{model}/predict"), ROW), 200);
            times.push(since.elapsed());
        }
        times.sort();
        times
    };
    let (first, again) = (ask(), ask());
    let at = |times: &[Duration], share: f64| 1e3 * times[((times.len() - 1) as f64 * share) as usize].as_secs_f64();
    println!(
        "| {count} | {:.0} | {idle:.1} | {:.2} / {:.2} / {:.2} | {:.2} | {:.1} |",
        1e3 * ready.as_secs_f64(),
        at(&first, 0.5),
        at(&first, 0.99),
        at(&first, 1.0),
        at(&again, 0.5),
        resident(&service),
    );
    service.kill().expect("it runs");
    service.wait().expect("it ends");
}

/// A connection that is kept.
struct Client(TcpStream);

impl Client {
    /// Sends a request, reads the whole reply, and returns its status.
    fn call(&mut self, method: &str, path: &str, body: &str) -> u16 {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.set_nodelay(true).expect("a socket");
        self.0.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).expect("sent");
        let (mut reply, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let read = self.0.read(&mut buffer).expect("a reply");
            assert!(read > 0, "the connection is closed");
            reply.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&reply);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return head.split(' ').nth(1).expect("a status").parse().expect("a number");
            }
        }
    }
}

/// Resident memory in MB.
fn resident(process: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") / 1024.0
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown");
    let cores = epochd::processors::available();
    format!("{model}, {cores} cores\n")
}
