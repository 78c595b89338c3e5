//! `Idempotency-Key`: a repeated request gets its first reply again and does nothing, across restarts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, count, text, xor_model, xor_training};

async fn post(service: &TestApp, path: &str, key: &str, body: &Value) -> Reply {
    let request = service.raw(Method::POST, path).header("idempotency-key", key).json(body);
    service.send(Method::POST, path, request).await
}

#[tokio::test]
async fn the_first_reply_is_given_again_and_nothing_is_made_twice() {
    let service = TestApp::start().await;
    let first = post(&service, "/models", "key-1", &xor_model("xor")).await;
    let location = first.header("location").to_owned();
    let model = first.expect(201);
    let training = xor_training(50);
    let job = post(&service, "/models/xor/train", "key-2", &training).await.expect(202);
    assert_eq!(job["state"], "queued");
    service.ended(&job).await;
    let mut service = service;
    for _ in 0..2 {
        let again = post(&service, "/models", "key-1", &xor_model("xor")).await;
        assert_eq!(again.header("location"), location);
        assert_eq!(again.expect(201), model);
        let again = post(&service, "/models/xor/train", "key-2", &training).await;
        assert_eq!(again.header("location"), format!("/jobs/{}", text(&job["id"])));
        assert_eq!(again.expect(202), job, "the first reply, whatever the job has come to");
        post(&service, "/models", "key-1", &xor_model("y")).await.problem(422, "idempotency_key_reused");
        post(&service, "/models", "key-2", &xor_model("y")).await.problem(422, "idempotency_key_reused");
        assert_eq!((count(&service, "/models").await, count(&service, "/jobs").await), (1, 1));
        service = service.restarted().await;
    }
    service.post("/models", xor_model("xor")).await.problem(409, "name_taken");
}

#[tokio::test]
async fn a_refused_request_may_be_mended_under_the_same_key() {
    let service = TestApp::start().await;
    post(&service, "/models", "k", &json!({"name": "m", "layers": [1]})).await.problem(422, "invalid_value");
    post(&service, "/models", "k", &json!({"name": "m", "layers": [1, 1]})).await.expect(201);
    for key in ["", "two words", &"x".repeat(256)] {
        post(&service, "/models", key, &xor_model("x")).await.problem(400, "malformed_request");
    }
    let twice = service.raw(Method::POST, "/models").header("idempotency-key", "a").header("idempotency-key", "b");
    service.send(Method::POST, "/models", twice.json(&xor_model("x"))).await.problem(400, "malformed_request");
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_done_once() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let training = xor_training(5);
    let replies =
        futures_util::future::join_all((0..20).map(|_| post(&service, "/models/xor/train", "same", &training)));
    let jobs: Vec<Value> = replies.await.into_iter().map(|reply| reply.expect(202)).collect();
    assert!(jobs.iter().all(|job| *job == jobs[0]));
    assert_eq!(count(&service, "/jobs").await, 1);
}
