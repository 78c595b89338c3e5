//! Commits in doubt: the change was made, and the database did not say so. What follows from it follows all the same.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::doubt::Doubt;
use crate::support::{TestApp, count, endless_training, eventually, text, xor_model, xor_training};

/// Files that the end of a training writes: that of the version, and the history.
const PUTS_OF_AN_END: u64 = 2;

#[tokio::test]
async fn a_version_whose_publication_seemed_to_fail_serves_and_keeps_its_file() {
    let doubt = Doubt::default();
    let service = TestApp::behind(doubt.gate(), |_| ()).await;
    service.with_xor().await;
    let predicted = async |service: &TestApp| {
        let reply = service.post("/models/xor/predict", json!({"inputs": [[0, 1]]})).await;
        reply.expect(200)["version"].clone()
    };
    assert_eq!(predicted(&service).await, 1);
    let job = service.post("/models/xor/train", xor_training(20_000)).await.expect(202);
    doubt.arm(PUTS_OF_AN_END);
    let job = service.ended(&job).await;
    assert!(doubt.has_come());
    assert_eq!((text(&job["state"]), &job["version"]), ("succeeded", &json!(2)), "{job}");
    assert_eq!(predicted(&service).await, 2, "what was in memory of the model is forgotten");
    let catalog = &service.app.storage.catalog;
    let (blobs, litter) =
        (catalog.version_blobs().await.expect("blobs"), catalog.litter().await.expect("what is listed"));
    assert_eq!(blobs.len(), 2);
    assert!(litter.iter().all(|listed| !blobs.contains(listed)), "{litter:?} is to be deleted, of {blobs:?}");
    assert_eq!(predicted(&service.restarted().await).await, 2);
}

/// Asks for a training whose writing down seems to fail, with an `Idempotency-Key`.
async fn doubtful_training(service: &TestApp, doubt: &Doubt, key: &str, is_unseen: bool) -> Value {
    // The file of its rows.
    if is_unseen {
        doubt.arm_unseen(1)
    } else {
        doubt.arm(1)
    }
    let request = service.raw(Method::POST, "/models/xor/train").header("idempotency-key", key);
    let request = request.json(&xor_training(20));
    let job = service.send(Method::POST, "/models/xor/train", request).await.expect(202);
    assert!(doubt.has_come());
    job
}

#[tokio::test]
async fn a_job_whose_writing_down_seemed_to_fail_runs() {
    let doubt = Doubt::default();
    let service = TestApp::behind(doubt.gate(), |_| ()).await;
    service.post("/models", xor_model("xor")).await.expect(201);
    // What became of it is looked at on the spot.
    let job = doubtful_training(&service, &doubt, "seen", false).await;
    assert_eq!(service.ended(&job).await["version"], 1);
    // Where that cannot be seen, whoever asks for the job has it taken up,
    let job = doubtful_training(&service, &doubt, "asked-for", true).await;
    let path = format!("/jobs/{}", text(&job["id"]));
    assert_eq!(service.get(&format!("{path}?wait=30")).await.expect(200)["version"], 2);
    // or else it is found in time.
    let job = doubtful_training(&service, &doubt, "found", true).await;
    assert_eq!(service.app.jobs.open_counts(), (0, 0));
    assert_eq!(service.app.jobs.recover().await.expect("the catalog answers"), 1);
    assert_eq!(service.ended(&job).await["version"], 3);
    assert_eq!(service.app.jobs.recover().await.expect("the catalog answers"), 0, "nothing runs twice");
    assert_eq!(count(&service, "/jobs").await, 3);
}

/// A job that runs, and one of the same model that waits behind it.
async fn running_and_waiting(service: &TestApp) -> (String, String) {
    service.post("/models", xor_model("xor")).await.expect(201);
    let running = service.post("/models/xor/train", endless_training()).await.expect(202);
    let waiting = service.post("/models/xor/train", xor_training(20)).await.expect(202);
    let [running, waiting] = [running, waiting].map(|job| format!("/jobs/{}", text(&job["id"])));
    let runs = async || service.get(&running).await.expect(200)["epoch"].as_u64() > Some(0);
    eventually("the first runs", runs).await;
    (running, waiting)
}

#[tokio::test]
async fn a_job_whose_cancellation_seemed_to_fail_stays_cancelled() {
    for is_unseen in [false, true] {
        let doubt = Doubt::default();
        let service = TestApp::behind(doubt.gate(), |_| ()).await;
        let (running, waiting) = running_and_waiting(&service).await;
        if is_unseen {
            doubt.arm_unseen(0)
        } else {
            doubt.arm(0)
        }
        let cancel = format!("{waiting}/cancel");
        let reply = service.post_empty(&cancel).await;
        assert!(doubt.has_come());
        if is_unseen {
            drop(reply.problem(503, "storage_unavailable"))
        } else {
            drop(reply.expect(200))
        }
        let path = format!("{running}/cancel");
        service.post_empty(&path).await.expect(200);
        let job = service.get(&format!("{waiting}?wait=30")).await.expect(200);
        assert_eq!((text(&job["state"]), text(&job["stop_reason"])), ("cancelled", "cancelled"), "{job}");
        let service = service.restarted().await;
        assert_eq!(service.get(&waiting).await.expect(200)["state"], "cancelled");
        assert_eq!(service.get("/models/xor").await.expect(200)["active_version"], Value::Null);
    }
}
