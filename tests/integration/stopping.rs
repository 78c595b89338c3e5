//! Jobs that are stopped while they are measured, or while the store hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use epochd::jobs::checkpoint_blob;
use epochd::storage::Gate;
use serde_json::{Value, json};

use crate::support::{TestApp, endless_training, eventually, text, xor_model};

/// Puts a training into the queue whose epoch is over soon and whose version takes seconds to measure: 300 classes. It is one of
/// `plain`, whose linear baseline ends after some seconds.
async fn long_measured(service: &TestApp) -> Value {
    let row = |row: u32| format!("{},{},k{:03}\n", row * 37 % 1009, row * 53 % 911, row * 7919 % 300);
    let csv = (0..6_000).map(row).fold("a,b,y\n".to_owned(), |csv, row| csv + &row);
    service.post_csv("/datasets?name=classes", csv).await.expect(201);
    let model =
        json!({"name": "classes", "dataset": "classes", "target": "y", "recipe": "plain", "hidden_layers": [8]});
    service.post("/models", model).await.expect(201);
    let training = json!({"epochs": 1, "validation": {"dataset": "classes"}, "batch_size": 8192});
    service.post("/models/classes/train", training).await.expect(202)
}

/// Waits until the epoch of a job is over: it is measured then.
async fn measured(service: &TestApp, job: &Value) -> String {
    let path = format!("/jobs/{}", text(&job["id"]));
    eventually("its epoch is over", || async { service.get(&path).await.expect(200)["epoch"] == 1 }).await;
    path
}

#[tokio::test]
async fn a_job_is_cancelled_while_it_is_measured() {
    let service = TestApp::start().await;
    let job = long_measured(&service).await;
    let path = measured(&service, &job).await;
    assert_eq!(service.get(&path).await.expect(200)["state"], "running");
    let start = Instant::now();
    let cancelled = service.post_empty(&format!("{path}/cancel")).await.expect(200);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!((text(&cancelled["state"]), text(&cancelled["stop_reason"])), ("cancelled", "cancelled"));
    assert!(cancelled["version"].is_null());
    service.get("/models/classes/versions/1").await.problem(404, "version_not_found");
}

#[tokio::test]
async fn a_job_that_is_interrupted_while_it_is_measured_goes_on_to_the_same_result() {
    let result = async |service: &TestApp, job: &Value| {
        let ended = service.ended(job).await;
        assert_eq!((text(&ended["state"]), &ended["version"]), ("succeeded", &json!(1)), "{ended}");
        let mut metrics = ended["metrics"].clone();
        // Whether the linear baseline is done in its time depends on the machine.
        metrics["baselines"]["linear"].take();
        let of_version = async |what: &str| {
            let mut reply = service.get(&format!("/models/classes/versions/1/{what}")).await.expect(200);
            reply["model_id"].take();
            reply
        };
        let (parameters, importance) = (of_version("parameters").await, of_version("importance").await);
        (metrics, parameters, importance, ended["loss"].clone(), ended["warnings"].clone())
    };
    let undisturbed = TestApp::start().await;
    let job = long_measured(&undisturbed).await;
    let expected = result(&undisturbed, &job).await;

    let service = TestApp::start().await;
    let job = long_measured(&service).await;
    measured(&service, &job).await;
    let start = Instant::now();
    let service = service.restarted().await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(result(&service, &job).await == expected, "the same version");
}

#[tokio::test]
async fn a_version_is_measured_before_a_cancelled_job_is_kept() {
    let service = TestApp::start().await;
    let job = long_measured(&service).await;
    let path = measured(&service, &job).await;
    let kept = service.post_empty(&format!("{path}/cancel?keep=true")).await.expect(200);
    assert!(["running", "succeeded"].contains(&text(&kept["state"])), "all its epochs were done: {kept}");
    assert_eq!(service.ended(&job).await["version"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_queue_closes_in_its_time_though_the_store_hangs() {
    let hangs = Arc::new(AtomicBool::new(false));
    let hanging = hangs.clone();
    let gate: Gate = Arc::new(move |call| {
        while call == "blob put" && hanging.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    let service = TestApp::behind(gate, |_| ()).await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    eventually("it runs", || async { service.get(&path).await.expect(200)["epoch"].as_u64() > Some(0) }).await;
    hangs.store(true, Ordering::Relaxed);
    let start = Instant::now();
    assert!(service.app.jobs.close(Duration::from_secs(2)).await, "the job leaves its checkpoint");
    assert!(start.elapsed() < Duration::from_millis(2_500), "{:?}", start.elapsed());
    hangs.store(false, Ordering::Relaxed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_cancels_does_not_wait_for_a_checkpoint_that_is_being_written() {
    let (next_hangs, hangs) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (of_gate, hanging) = (next_hangs.clone(), hangs.clone());
    let gate: Gate = Arc::new(move |call| {
        if call == "blob put" && of_gate.swap(false, Ordering::Relaxed) {
            hanging.store(true, Ordering::Relaxed);
            while hanging.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    });
    let service = TestApp::behind(gate, |settings| settings.checkpoint_interval = Duration::from_millis(50)).await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    eventually("it runs", || async { service.get(&path).await.expect(200)["epoch"].as_u64() > Some(0) }).await;
    next_hangs.store(true, Ordering::Relaxed);
    eventually("a checkpoint is being written", || async { hangs.load(Ordering::Relaxed) }).await;
    let start = Instant::now();
    let cancelled = service.post_empty(&format!("{path}/cancel")).await.expect(200);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(text(&cancelled["state"]), "cancelled");
    hangs.store(false, Ordering::Relaxed);
    let blob = checkpoint_blob(text(&job["id"]).parse().expect("an identifier"));
    eventually("its checkpoint is deleted", || async { service.app.storage.blobs.get(&blob).await.is_err() }).await;
}
