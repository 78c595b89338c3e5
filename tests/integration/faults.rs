//! Storage that fails: at every single call, each failure is a clean error, a retry works, and nothing half-written is
//! left or served.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use epochd::jobs;
use epochd::storage::{Gate, StorageError};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, eventually, flowers_csv, text, xor_model, xor_training};

/// Fails the call that brings `left` to zero; a commit once before it is made, and once when it has been.
fn failing_at(left: &Arc<AtomicU64>) -> Gate {
    let left = left.clone();
    Arc::new(move |call| match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) {
        Ok(1) if call == "blob put" => Err(StorageError::Full),
        Ok(1) => Err(StorageError::Unavailable(format!("{call} fails, for this test"))),
        _ => Ok(()),
    })
}

/// Sends a request until storage works; every failure must say so cleanly. A retry that finds its first try done is
/// done, too: what makes something has a key that tells it so, and what was deleted is not there.
async fn insist(service: &TestApp, method: Method, path: &str, body: Option<&Value>, done: &[u16]) -> Value {
    let mut key = DefaultHasher::new();
    (path, body.map(Value::to_string)).hash(&mut key);
    let key = key.finish().to_string();
    for attempt in 0..3 {
        let request = service.raw(method.clone(), path);
        let makes = method == Method::POST && (path == "/models" || path.ends_with("/train"));
        let request = if makes { request.header("idempotency-key", &key) } else { request };
        let request = if let Some(body) = body { request.json(body) } else { request };
        let reply = service.send(method.clone(), path, request).await;
        let is_gone = method == Method::DELETE && attempt > 0 && reply.status == 404;
        if done.contains(&reply.status) || is_gone {
            return if reply.body.is_empty() { Value::Null } else { reply.json() };
        }
        let problem = reply.json();
        let code = text(&problem["code"]);
        assert!(["storage_full", "storage_unavailable"].contains(&code), "{method} {path}: {problem}");
        assert!(!problem.to_string().contains("for this test"), "no internals: {problem}");
    }
    panic!("{method} {path} failed three times");
}

async fn scenario(service: &TestApp) {
    let (get, post) = (Method::GET, Method::POST);
    insist(service, post.clone(), "/models", Some(&xor_model("xor")), &[201]).await;
    let mut outputs = Vec::new();
    for version in [1, 2] {
        let job = insist(service, post.clone(), "/models/xor/train", Some(&xor_training(20 * version)), &[202]).await;
        let path = format!("/jobs/{}?wait=60", text(&job["id"]));
        let job = insist(service, get.clone(), &path, None, &[200]).await;
        assert_eq!((text(&job["state"]), &job["version"]), ("succeeded", &json!(version)), "{job}");
        let epochs = format!("/jobs/{}/epochs?every=7", text(&job["id"]));
        let epochs = insist(service, get.clone(), &epochs, None, &[200]).await;
        assert_eq!(epochs["data"].as_array().expect("a list").last().expect("epochs")["loss"], job["loss"]);
        let rows = json!({"inputs": [0, 1]});
        outputs
            .push(insist(service, post.clone(), "/models/xor/predict", Some(&rows), &[200]).await["outputs"].clone());
    }
    insist(service, Method::PATCH, "/models/xor", Some(&json!({"metadata": {"a": "b"}})), &[200]).await;
    let model = insist(service, post.clone(), "/models/xor/versions/1/activate", None, &[200]).await;
    assert_eq!((&model["active_version"], &model["metadata"]), (&json!(1), &json!({"a": "b"})));
    let rows = json!({"inputs": [0, 1]});
    let again = insist(service, post.clone(), "/models/xor/predict", Some(&rows), &[200]).await;
    assert_eq!(again["outputs"], outputs[0]);
    insist(service, Method::DELETE, "/models/xor/versions/2", None, &[204]).await;
    let parameters = json!([{"weights": [[1.5]], "biases": [0.5]}]);
    let given = json!({"name": "given", "layers": [1, 1], "initial_parameters": parameters});
    insist(service, post.clone(), "/models", Some(&given), &[201]).await;
    insist(service, Method::DELETE, "/models/given", None, &[204]).await;
    let jobs = insist(service, get, "/jobs", None, &[200]).await;
    assert_eq!(jobs["data"].as_array().expect("a list").len(), 2, "no job twice");
}

#[tokio::test]
async fn storage_that_fails_at_any_one_call_loses_nothing() {
    let mut calls = 0;
    for n in 1.. {
        let left = Arc::new(AtomicU64::new(0));
        let service = TestApp::behind(failing_at(&left), |_| ()).await;
        left.store(n, Ordering::Relaxed);
        scenario(&service).await;
        let not_reached = left.swap(0, Ordering::Relaxed) > 0;
        no_blob_is_forgotten(&service).await;
        let service = service.restarted().await;
        let rows = json!({"inputs": [0, 1]});
        assert_eq!(service.post("/models/xor/predict", rows).await.expect(200)["version"], 1);
        service.post("/models/xor/train", xor_training(3)).await.expect(202);
        // Its connections are closed: a database has only so many.
        service.stop().await;
        if not_reached {
            calls = n;
            break;
        }
    }
    assert!(calls > 40, "the scenario has only {calls} calls on storage");
}

/// Every file is referred to by a row, or listed as litter that a sweep removes.
async fn no_blob_is_forgotten(service: &TestApp) {
    if service.home().blob_url.is_some() {
        return;
    }
    let catalog = &service.app.storage.catalog;
    let mut known: BTreeSet<String> = catalog.version_blobs().await.expect("blobs").into_iter().collect();
    let litter = catalog.litter().await.expect("litter");
    assert!(litter.iter().all(|blob| !known.contains(blob)), "{litter:?} is to be deleted, of {known:?}");
    known.extend(litter);
    known.insert(epochd::storage::identity::IDENTITY.to_owned());
    for (id, rows_blob) in catalog.job_rows_blobs().await.expect("jobs") {
        known.extend(jobs::blobs(id, rows_blob));
    }
    let root = service.home().folder().join("blobs");
    for file in files(&root) {
        let blob = file.strip_prefix(&root).expect("below").to_str().expect("UTF-8").to_owned();
        assert!(known.contains(&blob), "{blob} is forgotten");
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn predictions_go_on_and_jobs_wait_while_storage_is_down() {
    let down = Arc::new(AtomicU64::new(0));
    let is_down = down.clone();
    let gate: Gate = Arc::new(move |_| match is_down.load(Ordering::Relaxed) {
        0 => Ok(()),
        _ => Err(StorageError::Unavailable("down".into())),
    });
    let service = TestApp::behind(gate, |settings| settings.concurrent_jobs = Some(1)).await;
    service.with_xor().await;
    let before = service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200);
    let mut body = xor_training(200_000);
    body["batch_size"] = json!(1);
    let job = service.post("/models/xor/train", body).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    eventually("it runs", || async { service.get(&path).await.expect(200)["epoch"].as_u64() > Some(0) }).await;
    down.store(1, Ordering::Relaxed);
    assert_eq!(service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200), before);
    let reply = service.post("/models", xor_model("other")).await;
    assert_eq!(reply.header("retry-after"), "1");
    reply.problem(503, "storage_unavailable");
    service.post("/models/xor/train", xor_training(5)).await.problem(503, "storage_unavailable");
    service.get("/models/nobody").await.problem(503, "storage_unavailable");
    // What can be no name is not asked for.
    service.get("/models/%00").await.problem(404, "model_not_found");
    service.get("/datasets/%00").await.problem(404, "dataset_not_found");
    let by_nothing = json!({"name": "m", "dataset": "\u{0}", "target": "x"});
    service.post("/models", by_nothing).await.problem(404, "dataset_not_found");
    service.get("/models").await.problem(503, "storage_unavailable");
    let unready = service.get("/readyz").await.problem(503, "storage_unavailable");
    assert_eq!(unready["checks"][1]["status"], "unavailable");
    let path = format!("/jobs/{}?wait=3", text(&job["id"]));
    service.get(&path).await.expect(200);
    let running = service.get(&path).await.expect(200);
    assert_eq!(running["state"], "running", "it ends only when that can be written down: {running}");
    assert_eq!(service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200), before);
    down.store(0, Ordering::Relaxed);
    let ended = service.ended(&job).await;
    assert_eq!((text(&ended["state"]), &ended["version"]), ("succeeded", &json!(2)));
    assert_eq!(service.get("/readyz").await.expect(200)["status"], "ready");
}

#[tokio::test]
async fn a_job_that_waits_for_storage_starts_once() {
    let (left, committed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (fails, since) = (left.clone(), committed.clone());
    // What is read first after a commit fails, some times: a start that is written down each time would be followed by one.
    let gate: Gate = Arc::new(move |call| match call {
        "catalog committed" => {
            since.store(true, Ordering::Relaxed);
            Ok(())
        }
        "catalog read" if fails.load(Ordering::Relaxed) > 0 && since.swap(false, Ordering::Relaxed) => {
            fails.fetch_sub(1, Ordering::Relaxed);
            Err(StorageError::Unavailable("for this test".into()))
        }
        _ => Ok(()),
    });
    let service = TestApp::behind(gate, |_| ()).await;
    service.post_csv("/datasets?name=flowers", flowers_csv(60)).await.expect(201);
    let model = json!({"name": "flowers", "dataset": "flowers", "target": "species", "recipe": "plain"});
    service.post("/models", model).await.expect(201);
    committed.store(false, Ordering::Relaxed);
    left.store(5, Ordering::Relaxed);
    let job = service.post("/models/flowers/train", json!({"epochs": 2})).await.expect(202);
    eventually("it has ended", || std::future::ready(service.app.jobs.open_counts() == (0, 0))).await;
    assert!(left.swap(0, Ordering::Relaxed) < 5, "what it needs could not be read");
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    let id = text(&job["id"]).parse().expect("a UUID");
    let row = service.app.storage.catalog.job(id).await.expect("the catalog answers").expect("the job");
    assert_eq!(row.attempts, 1);
}
