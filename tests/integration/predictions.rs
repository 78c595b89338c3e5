//! Predictions: shapes, limits, and independence from training.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{TestApp, endless_training, eventually, numbers, text, xor_model};

#[tokio::test]
async fn rows_and_a_single_row_are_predicted_by_all_three_routes() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let rows = service.post("/models/xor/predict", json!({"inputs": [[0, 1], [1, 1]]})).await.expect(200);
    assert_eq!(rows["outputs"].as_array().expect("rows").len(), 2);
    let row = service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200);
    assert_eq!(row["outputs"][0], rows["outputs"][0]);
    assert_eq!(row["outputs"].as_array().expect("rows").len(), 1);
    for path in ["/predict?model=xor", "/models/xor/versions/1/predict"] {
        assert_eq!(service.post(path, json!({"inputs": [0, 1]})).await.expect(200), row);
    }
    assert_eq!(row["model_id"], service.get("/models/xor").await.expect(200)["id"]);
}

#[tokio::test]
async fn what_cannot_be_predicted_is_refused_with_its_place() {
    let service = TestApp::start().await;
    service.with_xor().await;
    for (body, code, pointer) in [
        (json!({"inputs": [[0, 1], [1, 1], [0, 1], [0, 0, 0]]}), "shape_mismatch", "/inputs/3"),
        (json!({"inputs": [[0], [1]]}), "shape_mismatch", "/inputs/0"),
        (json!({"inputs": [0, 1, 2]}), "shape_mismatch", "/inputs/0"),
        (json!({"inputs": []}), "shape_mismatch", "/inputs"),
        (json!({"inputs": [[]]}), "shape_mismatch", "/inputs/0"),
        (json!({"inputs": [[0, "1"]]}), "invalid_value", "/inputs/0/1"),
        (json!({"inputs": [[0, 1e308]]}), "invalid_value", "/inputs/0/1"),
        (json!({"inputs": [[0, 1]], "model": "xor"}), "unknown_field", "/model"),
        (json!({"input": [[0, 1]]}), "unknown_field", "/input"),
        (json!({}), "missing_field", "/inputs"),
    ] {
        let problem = service.post("/models/xor/predict", body.clone()).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    let wide = service.post("/models/xor/predict", json!({"inputs": [[0, 1], [0, 1], [0, 1], [0, 1, 2]]})).await;
    let detail = wide.problem(422, "shape_mismatch")["detail"].clone();
    assert_eq!(detail, "inputs[3] has 3 values; the model takes 2");
    service.post("/models", xor_model("new")).await.expect(201);
    service.post("/models/new/predict", json!({"inputs": [0, 1]})).await.problem(409, "model_not_trained");
    service.post("/predict?model=new", json!({"inputs": [0, 1]})).await.problem(409, "model_not_trained");
    service.post("/predict?model=nobody", json!({"inputs": [0, 1]})).await.problem(404, "model_not_found");
    service.post("/predict", json!({"inputs": [0, 1]})).await.problem(422, "missing_field");
    service.post("/models/xor/versions/9/predict", json!({"inputs": [0, 1]})).await.problem(404, "version_not_found");
}

#[tokio::test]
async fn an_output_that_is_not_finite_is_null() {
    let service = TestApp::start().await;
    let parameters = json!([{"weights": [[3e38]], "biases": [0]}]);
    let model = json!({"name": "huge", "layers": [1, 1], "initial_parameters": parameters});
    service.post("/models", model).await.expect(201);
    let job = service.train("huge", json!({"inputs": [[0]], "targets": [0], "epochs": 1})).await;
    assert_eq!(job["state"], "succeeded");
    let outputs = service.post("/models/huge/predict", json!({"inputs": [[10], [0]]})).await.expect(200);
    assert_eq!(outputs["outputs"], json!([[null], [0.0]]));
}

#[tokio::test]
async fn many_rows_give_the_outputs_of_each_row_alone() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let rows: Vec<[f64; 2]> = (0..5000).map(|i| [f64::from(i) / 5000.0, 1.0 - f64::from(i) / 5000.0]).collect();
    let all = service.post("/models/xor/predict", json!({"inputs": rows})).await.expect(200);
    for i in [0, 1, 1023, 1024, 4999] {
        let one = service.post("/models/xor/predict", json!({"inputs": rows[i]})).await.expect(200);
        let (one, of_all) = (numbers(&one["outputs"][0])[0], numbers(&all["outputs"][i])[0]);
        assert!((one - of_all).abs() < 1e-6);
    }
}

#[tokio::test]
async fn a_reply_beyond_the_limit_is_refused() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "wide", "layers": [1, 5000]})).await.expect(201);
    service.train("wide", json!({"inputs": [[0]], "targets": [vec![0; 5000]], "epochs": 1})).await;
    let rows = vec![[0]; 2001];
    service.post("/models/wide/predict", json!({"inputs": rows})).await.problem(413, "reply_too_large");
}

#[tokio::test]
async fn training_never_blocks_a_prediction() {
    let service = TestApp::with(|settings| settings.concurrent_jobs = Some(2)).await;
    service.with_xor().await;
    let mut jobs = Vec::new();
    for name in ["a", "b"] {
        service.post("/models", json!({"name": name, "layers": [2, 256, 256, 1]})).await.expect(201);
        jobs.push(service.post(&format!("/models/{name}/train"), endless_training()).await.expect(202));
    }
    jobs.push(service.post("/models/xor/train", endless_training()).await.expect(202));
    let path = format!("/jobs/{}", text(&jobs[1]["id"]));
    eventually("both run", || async { service.get(&path).await.expect(200)["state"] == "running" }).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..200 {
        let start = Instant::now();
        let outputs = service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200);
        assert_eq!(outputs["version"], 1);
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    for job in jobs {
        service.post_empty(&format!("/jobs/{}/cancel", text(&job["id"]))).await.expect(200);
    }
}
