//! SIGKILL at random moments under writing and training load: whatever was acknowledged is there after each restart.
//!
//! `KILL_ROUNDS` sets the number of rounds: a few in a plain `cargo test`, more in CI.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{Home, text, xor_model, xor_training};

/// The binary at work on a home, killed when dropped.
struct Process {
    child: Child,
    url: String,
    client: Client,
}

impl Process {
    fn start(home: &Home) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
        command.args(["--listen", "127.0.0.1:0", "--log-format", "json", "--checkpoint-interval", "0.1", "--data-dir"]);
        command.arg(home.folder()).stderr(Stdio::piped());
        if let Some(url) = &home.database_url {
            command.args(["--database-url", url]);
        }
        if let Some(url) = &home.blob_url {
            command.args(["--blob-url", url]);
        }
        // The PostgreSQL server notices a moment later that its client was killed: each try waits some seconds for that.
        for _ in 0..100 {
            let mut child = command.spawn().expect("the binary starts");
            let log = BufReader::new(child.stderr.take().expect("piped"));
            let mut lines = log.lines().map(|line| line.expect("UTF-8"));
            let url = lines.find_map(|line| Some(line.split_once("listening on ")?.1.split('"').next()?.to_owned()));
            if let Some(url) = url {
                std::thread::spawn(move || lines.for_each(drop));
                let client = Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
                return Process { child, url, client };
            }
            child.wait().expect("ended");
        }
        panic!("the service does not start");
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let request = self.client.request(method.parse().expect("a method"), format!("{}{path}", self.url));
        let request = if let Some(body) = body { request.json(body) } else { request };
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let body = response.bytes().await.ok()?;
        Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, None).await.expect("a reply");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the service has acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// By name: each model, with the notes that it must have, or may have if a change was under way.
    models: BTreeMap<String, Vec<Value>>,
    /// By id: each job, with its model and which of the trainings it is.
    jobs: BTreeMap<String, (String, &'static str)>,
    /// By model and version: what it predicted.
    predictions: BTreeMap<(String, u64), Value>,
}

type Log = Arc<Mutex<Acknowledged>>;

/// The network and the training of each kind of job: the same each time, so that all versions must be the same.
fn kinds() -> [(&'static str, Value, Value); 3] {
    let inputs: Vec<[f64; 3]> = (0..400).map(|i| [0, 1, 2].map(|j| f64::from(i * (j + 5) % 13) / 13.0)).collect();
    let targets: Vec<f64> = inputs.iter().map(|[a, b, c]| a * b - c).collect();
    let long = json!({"inputs": inputs, "targets": targets, "epochs": 150, "batch_size": 8, "validation_split": 0.2,
                      "learning_rate_schedule": "cosine", "early_stopping": {"patience": 150}});
    let network = json!({"layers": [3, {"units": 24, "dropout": 0.1}, 1]});
    let table = json!({"dataset": DATASET, "target": "y", "hidden_layers": [8]});
    let on_table = json!({"epochs": 60, "batch_size": 16, "early_stopping": null});
    [("long", network, long), ("short", xor_model("-"), xor_training(100)), ("table", table, on_table)]
}

/// The data set that tables are trained on.
const DATASET: &str = "numbers-and-words";

async fn store_dataset(process: &Process) {
    let row = |i: u32| format!("{},{},{}\n", i * 5 % 13, ["a", "b", "c"][i as usize % 3], i * 7 % 11);
    let csv = (0..200).fold("x,w,y\n".to_owned(), |csv, i| csv + &row(i));
    let request = process.client.post(format!("{}/datasets?name={DATASET}", process.url));
    let reply = request.header("content-type", "text/csv").body(csv).send().await.expect("a reply");
    assert_eq!(reply.status().as_u16(), 201);
}

fn rows(kind: &str) -> Value {
    match kind {
        "long" => json!({"inputs": [0.3, 0.6, 0.9]}),
        "table" => json!({"records": {"x": 3, "w": "b"}}),
        _ => json!({"inputs": [0.0, 1.0]}),
    }
}

/// Writes until the service is gone.
async fn write(process: &Process, log: &Log, round: u64, writer: u64, mut random: StdRng) {
    for i in 0.. {
        let name = format!("m-{round}-{writer}-{i}");
        // The long ones are few, so that they end in the time of a few rounds.
        let chosen = match (writer, i) {
            (0, 0) if round.is_multiple_of(2) => 0,
            (1, _) if i % 2 == 0 => 2,
            _ => 1,
        };
        let (kind, network, training) = &kinds()[chosen];
        let mut model = network.clone();
        model["name"] = json!(name);
        let Some((201, _)) = process.send("POST", "/models", Some(&model)).await else { return };
        log.lock().expect("no panic").models.insert(name.clone(), vec![json!({})]);
        let path = format!("/models/{name}/train");
        let Some((status, job)) = process.send("POST", &path, Some(training)).await else { return };
        if status == 202 {
            let id = text(&job["id"]).to_owned();
            log.lock().expect("no panic").jobs.insert(id, (name.clone(), kind));
        }
        for _ in 0..random.random_range(0..4) {
            let notes = json!({"note": random.random::<u32>().to_string()});
            log.lock().expect("no panic").models.get_mut(&name).expect("made above").push(notes.clone());
            let path = format!("/models/{name}");
            let Some((200, _)) = process.send("PATCH", &path, Some(&json!({"metadata": notes}))).await else { return };
            *log.lock().expect("no panic").models.get_mut(&name).expect("made above") = vec![notes];
            let path = format!("/models/{name}/predict");
            let Some((status, predicted)) = process.send("POST", &path, Some(&rows(kind))).await else { return };
            if status == 200 {
                let version = predicted["version"].as_u64().expect("a number");
                log.lock().expect("no panic").predictions.insert((name.clone(), version), predicted);
            }
        }
    }
}

async fn check(process: &Process, log: &Log) {
    let (models, jobs, predictions) = {
        let log = log.lock().expect("no panic");
        (log.models.clone(), log.jobs.clone(), log.predictions.clone())
    };
    for (name, notes) in &models {
        let model = process.get(&format!("/models/{name}")).await;
        assert!(notes.contains(&model["metadata"]), "{name} has {} of {notes:?}", model["metadata"]);
    }
    for (id, (name, _)) in &jobs {
        let job = process.get(&format!("/jobs/{id}")).await;
        let state = text(&job["state"]);
        assert!(["queued", "running", "succeeded"].contains(&state), "{name}: {job}");
    }
    for ((name, version), predicted) in &predictions {
        let path = format!("/models/{name}/versions/{version}/predict");
        let (status, again) = process.send("POST", &path, Some(&rows(kind_of(&jobs, name)))).await.expect("a reply");
        assert_eq!((status, &again), (200, predicted), "{name}");
    }
}

fn kind_of(jobs: &BTreeMap<String, (String, &'static str)>, name: &str) -> &'static str {
    jobs.values().find(|(model, _)| model == name).map_or("short", |(_, kind)| kind)
}

async fn parameters(process: &Process, name: &str) -> String {
    process.get(&format!("/models/{name}/versions/1/parameters")).await["layers"].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_being_killed() {
    let rounds: u64 = std::env::var("KILL_ROUNDS").map_or(5, |rounds| rounds.parse().expect("a number"));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let undisturbed = Home::new().await;
    let process = Process::start(&undisturbed);
    store_dataset(&process).await;
    let mut expected = BTreeMap::new();
    for (kind, mut model, training) in kinds() {
        model["name"] = json!(kind);
        process.send("POST", "/models", Some(&model)).await.expect("a reply");
        let (_, job) = process.send("POST", &format!("/models/{kind}/train"), Some(&training)).await.expect("a reply");
        let job = process.get(&format!("/jobs/{}?wait=60", text(&job["id"]))).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        expected.insert(kind, parameters(&process, kind).await);
    }
    drop(process);

    let home = Home::new().await;
    let log = Log::default();
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..rounds {
        let process = Arc::new(Process::start(&home));
        if round == 0 {
            store_dataset(&process).await;
        }
        check(&process, &log).await;
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (process, log, random) = (process.clone(), log.clone(), StdRng::seed_from_u64(round * 10 + writer));
                tokio::spawn(async move { write(&process, &log, round, writer, random).await })
            })
            .collect();
        // Killed at any moment, whatever is under way then: that is what this test is for.
        tokio::time::sleep(Duration::from_millis(random.random_range(20..600))).await;
        let killed = Command::new("kill").args(["-KILL", &process.child.id().to_string()]).status();
        assert!(killed.expect("it runs").success());
        for writer in writers {
            writer.await.expect("no panic");
        }
    }
    let process = Process::start(&home);
    check(&process, &log).await;
    let jobs = log.lock().expect("no panic").jobs.clone();
    assert!(jobs.len() as u64 >= rounds, "only {} jobs in {rounds} rounds", jobs.len());
    for (id, (name, kind)) in &jobs {
        let mut job = process.get(&format!("/jobs/{id}?wait=60")).await;
        while !["succeeded", "failed", "cancelled"].contains(&text(&job["state"])) {
            job = process.get(&format!("/jobs/{id}?wait=60")).await;
        }
        assert_eq!((text(&job["state"]), &job["version"]), ("succeeded", &json!(1)), "{job}");
        assert_eq!(
            parameters(&process, name).await,
            expected[kind],
            "{name} is not what an undisturbed {kind} run gives"
        );
    }
}
