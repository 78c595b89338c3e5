//! Many jobs on many models at once, and more requests than can be answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{TestApp, eventually, text, xor_model, xor_training};

const MODELS: usize = 50;
const JOBS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_jobs_on_fifty_models_all_end_in_order_while_predictions_go_on() {
    // A queue smaller than the rush: some posts meet its bound and come again.
    let service = TestApp::with(|settings| settings.queue_capacity = 60).await;
    service.with_xor().await;
    join_all((0..MODELS).map(|i| service.post("/models", xor_model(&format!("m{i}"))))).await;
    let done = AtomicBool::new(false);
    let rush = async {
        let jobs = join_all((0..JOBS).map(|i| post_until_taken(&service, i % MODELS))).await;
        let refused: usize = jobs.iter().map(|(_, refused)| refused).sum();
        let jobs: Vec<Value> = join_all(jobs.iter().map(|(job, _)| service.ended(job))).await;
        done.store(true, Ordering::Relaxed);
        (jobs, refused)
    };
    let predictions = async {
        let mut answered = 0;
        while !done.load(Ordering::Relaxed) {
            service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200);
            answered += 1;
        }
        answered
    };
    let ((jobs, refused), answered) = tokio::join!(rush, predictions);
    assert!(refused > 0, "the queue's bound was met");
    assert!(answered > 20, "{answered} predictions were answered meanwhile");
    assert!(jobs.iter().all(|job| job["state"] == "succeeded"));
    check_order(&jobs);
}

/// Posts a training, again after each 429; returns the job and how often it was refused.
async fn post_until_taken(service: &TestApp, model: usize) -> (Value, usize) {
    for refused in 0.. {
        let reply = service.post(&format!("/models/m{model}/train"), xor_training(2000)).await;
        if reply.status == 202 {
            return (reply.json(), refused);
        }
        assert!(!reply.header("retry-after").is_empty());
        reply.problem(429, "queue_full");
        // As a client does that was told to come again.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    unreachable!("the loop has no end")
}

/// Jobs of one model ran one after another, in the order they were taken.
fn check_order(jobs: &[Value]) {
    let mut by_model: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    jobs.iter().for_each(|job| by_model.entry(text(&job["model_id"])).or_default().push(job));
    assert_eq!(by_model.len(), MODELS);
    for jobs in by_model.values_mut() {
        jobs.sort_by_key(|job| text(&job["id"]));
        for (number, pair) in jobs.windows(2).enumerate() {
            let time = |job: &Value, field: &str| text(&job[field]).parse::<jiff::Timestamp>().expect("a time");
            assert!(time(pair[0], "finished_at") <= time(pair[1], "started_at"), "one after another");
            assert_eq!(pair[0]["version"], number + 1, "versions in the order of the jobs");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_work_that_comes_faster_than_it_is_done_is_refused_at_once_and_short_work_is_done() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let large = || service.post("/models/xor/predict", json!({"inputs": vec![[0, 1]; 8_000]}));
    let evaluation = || service.post("/models/xor/evaluate", json!({"inputs": [[0, 1]], "targets": [1]}));
    let places = service.app.long_work.clone();
    let taken = join_all((0..places.occupancy().places).map(|_| places.take(None))).await;
    let queue: Vec<_> = (0..4 * taken.len())
        .map(|_| {
            let places = places.clone();
            tokio::spawn(async move { drop(places.take(None).await) })
        })
        .collect();
    eventually("a queue stands", async || places.are_crowded(None)).await;
    for refused in [large().await, evaluation().await] {
        assert_eq!(refused.header("retry-after"), "1");
        refused.problem(429, "overloaded");
    }
    service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200);
    drop(taken);
    for place in queue {
        place.await.expect("no panic");
    }
    large().await.expect(200);
    evaluation().await.expect(200);
}
