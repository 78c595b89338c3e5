//! The same request gives the same bits.

use serde_json::{Value, json};

use crate::support::{TestApp, xor_model};

/// A training that draws from every random stream: parameters, split, shuffle, dropout.
fn training(seed: u64) -> Value {
    let inputs: Vec<[f64; 3]> =
        (0..300).map(|i| [f64::from(i % 7) / 7.0, f64::from(i % 11) / 11.0, f64::from(i % 13) / 13.0]).collect();
    let targets: Vec<u32> = (0..300).map(|i| (i % 7 + i % 11) % 3).collect();
    json!({"inputs": inputs, "targets": targets, "epochs": 5, "validation_split": 0.2, "seed": seed})
}

async fn parameters(service: &TestApp, model: &str) -> Value {
    let layers = json!([3, {"units": 16, "dropout": 0.2}, {"units": 8, "dropout": 0.1}, 3]);
    let body = json!({"name": model, "layers": layers, "loss": "cross_entropy", "seed": 5});
    service.post("/models", body).await.expect(201);
    service.train(model, training(9)).await;
    service.get(&format!("/models/{model}/versions/1/parameters")).await.expect(200)["layers"].clone()
}

#[tokio::test]
async fn the_same_request_gives_the_same_bits_however_many_jobs_run() {
    let alone = TestApp::with(|settings| settings.concurrent_jobs = Some(1)).await;
    let expected = parameters(&alone, "m").await;
    let busy = TestApp::with(|settings| settings.concurrent_jobs = Some(4)).await;
    let (a, b, c) = tokio::join!(parameters(&busy, "a"), parameters(&busy, "b"), parameters(&busy, "c"));
    assert!(a == expected && b == expected && c == expected);
}

#[tokio::test]
async fn another_seed_gives_another_run() {
    let service = TestApp::start().await;
    let expected = parameters(&service, "m").await;
    service.train("m", training(10)).await;
    assert_ne!(service.get("/models/m/versions/2/parameters").await.expect(200)["layers"], expected);
    for (name, seed) in [("a", 1), ("b", 2)] {
        let mut model = xor_model(name);
        model["seed"] = json!(seed);
        service.post("/models", model).await.expect(201);
        service.train(name, json!({"inputs": [[0, 0]], "targets": [0], "epochs": 1})).await;
    }
    let of = |model: &str| format!("/models/{model}/versions/1/parameters");
    assert_ne!(service.get(&of("a")).await.expect(200)["layers"], service.get(&of("b")).await.expect(200)["layers"]);
}
