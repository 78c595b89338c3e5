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

/// What is kept of the reply to the request with this key.
async fn kept(service: &TestApp, key: &str) -> String {
    let receipt = service.app.storage.catalog.receipt(key, 3600).await.expect("the catalog answers");
    receipt.expect("a receipt").body
}

#[tokio::test]
async fn receipts_are_short_and_long_replies_are_made_again() {
    let service = TestApp::start().await;
    let columns = |of: &dyn Fn(usize) -> String| (0..1_600).map(of).collect::<Vec<_>>().join(",");
    let [first, second] = [0, 1].map(|row| columns(&|i| (i + row).to_string()));
    let csv = format!("{}\n{first}\n{second}\n", columns(&|i| format!("a_long_name_{i}")));
    let store = || async {
        let request = service.raw(Method::POST, "/datasets?name=wide").header("idempotency-key", "wide");
        let request = request.header("content-type", "text/csv").body(csv.clone());
        service.send(Method::POST, "/datasets?name=wide", request).await
    };
    let first = store().await.expect(201);
    assert!(kept(&service, "wide").await.len() < 512);
    assert_eq!(store().await.expect(201), first);

    let model = json!({"name": "wide", "dataset": "wide", "target": "a_long_name_0"});
    let made = post(&service, "/models", "model", &model).await.expect(201);
    assert!(kept(&service, "model").await.len() < 16);
    assert_eq!(post(&service, "/models", "model", &model).await.expect(201), made);
    assert_eq!(service.delete("/models/wide").await.status, 204);
    post(&service, "/models", "model", &model).await.problem(404, "model_not_found");

    assert_eq!(service.delete("/datasets/wide").await.status, 204);
    let again = store().await.expect(201);
    assert_eq!((&again["id"], &again["rows"], &again["columns"]), (&first["id"], &first["rows"], &json!([])));
    assert_eq!(count(&service, "/datasets").await, 0, "nothing is made twice");
}

#[tokio::test]
async fn a_file_is_imported_once() {
    let service = TestApp::start().await;
    let file = include_bytes!("../fixtures/version-form-1.safetensors");
    let import = async |path: &str, file: &[u8]| {
        let request = service.raw(Method::POST, path).header("idempotency-key", "k");
        let request = request.header("content-type", "application/octet-stream").body(file.to_vec());
        service.send(Method::POST, path, request).await
    };
    let path = "/models/import?name=first";
    let first = import(path, file).await;
    let location = first.header("location").to_owned();
    let model = first.expect(201);
    let again = import(path, file).await;
    assert_eq!(again.header("location"), location);
    assert_eq!(again.expect(201), model);
    import("/models/import?name=second", file).await.problem(422, "idempotency_key_reused");
    import(path, &file[1..]).await.problem(422, "idempotency_key_reused");
    assert_eq!(count(&service, "/models").await, 1);
    assert_eq!(service.delete("/models/first").await.status, 204);
    import(path, file).await.problem(404, "model_not_found");
}
