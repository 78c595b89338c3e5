//! Trainings: what they take, what they refuse, what they publish.

use serde_json::{Value, json};

use crate::support::{TestApp, text, xor_model, xor_training};

/// 60 rows of two inputs: the target is their product, noise-free.
fn surface() -> Value {
    let inputs: Vec<[f64; 2]> = (0..60).map(|i| [f64::from(i % 8) / 8.0, f64::from(i % 9) / 9.0]).collect();
    let targets: Vec<f64> = inputs.iter().map(|[a, b]| a * b).collect();
    json!({"inputs": inputs, "targets": targets, "epochs": 20})
}

fn with(mut body: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_training_is_accepted_run_and_published() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let reply = service.post("/models/xor/train", xor_training(50)).await;
    let location = reply.header("location").to_owned();
    let job = reply.expect(202);
    assert_eq!(location, format!("/jobs/{}", text(&job["id"])));
    let job = service.ended(&job).await;
    assert_eq!((text(&job["state"]), text(&job["stop_reason"])), ("succeeded", "completed"));
    assert_eq!((&job["epoch"], &job["progress"], &job["version"]), (&json!(50), &json!(1.0), &json!(1)));
    assert_eq!((&job["rows"], &job["eta_seconds"], &job["error"]), (&json!(4), &json!(null), &json!(null)));
    assert_eq!(job["config"]["optimizer"], json!({"type": "sgd"}));
    assert_eq!(service.get("/models/xor").await.expect(200)["active_version"], 1);
}

#[tokio::test]
async fn what_does_not_make_a_training_is_refused_with_its_place() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "m", "layers": [2, 3, 1]})).await.expect(201);
    service.post("/models", json!({"name": "c", "layers": [2, 3], "loss": "cross_entropy"})).await.expect(201);
    service.post("/models", json!({"name": "b", "layers": [2, 1], "loss": "binary_cross_entropy"})).await.expect(201);
    let rows = json!({"inputs": [[0, 0], [0, 1]], "targets": [0, 1]});
    for (model, changes, code, pointer) in [
        ("m", json!({"inputs": [[0, 0], [0]]}), "shape_mismatch", "/inputs/1"),
        ("m", json!({"inputs": [[0, 0, 0], [0, 0, 0]]}), "shape_mismatch", "/inputs/0"),
        ("m", json!({"inputs": []}), "shape_mismatch", "/inputs"),
        ("m", json!({"inputs": [[0, "1"], [0, 0]]}), "invalid_value", "/inputs/0/1"),
        ("m", json!({"inputs": [[0, 1], [0, true]]}), "invalid_value", "/inputs/1/1"),
        ("m", json!({"inputs": [[0, null], [0, 1]]}), "invalid_value", "/inputs/0/1"),
        ("m", json!({"inputs": [[0, 1e39], [0, 1]]}), "invalid_value", "/inputs/0/1"),
        ("m", json!({"inputs": {"a": 1}}), "invalid_value", "/inputs"),
        ("m", json!({"targets": [0]}), "shape_mismatch", "/targets"),
        ("m", json!({"targets": [[0, 1], [1, 0]]}), "shape_mismatch", "/targets/0"),
        ("m", json!({"targets": []}), "shape_mismatch", "/targets"),
        ("b", json!({"targets": [0, 2]}), "invalid_value", "/targets/1"),
        ("c", json!({"targets": [0, 3]}), "invalid_value", "/targets/1"),
        ("c", json!({"targets": [0.5, 1]}), "invalid_value", "/targets/0"),
        ("c", json!({"targets": [-1, 1]}), "invalid_value", "/targets/0"),
        ("c", json!({"targets": [[1, 0, 0], [1, 1, 0]]}), "invalid_value", "/targets/1"),
        ("c", json!({"targets": [[1], [0]]}), "shape_mismatch", "/targets/0"),
        ("m", json!({"epochs": 0}), "invalid_value", "/epochs"),
        ("m", json!({"epochs": 1000001}), "invalid_value", "/epochs"),
        ("m", json!({"epochs": "5"}), "invalid_value", "/epochs"),
        ("m", json!({"epochs": null}), "invalid_value", "/epochs"),
        ("m", json!({"epoch": 5}), "unknown_field", "/epoch"),
        ("m", json!({"batch_size": 0}), "invalid_value", "/batch_size"),
        ("m", json!({"batch_size": "all"}), "invalid_value", "/batch_size"),
        ("m", json!({"learning_rate": 0}), "invalid_value", "/learning_rate"),
        ("m", json!({"learning_rate": -0.1}), "invalid_value", "/learning_rate"),
        ("m", json!({"l1": -1}), "invalid_value", "/l1"),
        ("m", json!({"weight_decay": -1}), "invalid_value", "/weight_decay"),
        ("m", json!({"gradient_clip_norm": 0}), "invalid_value", "/gradient_clip_norm"),
        ("m", json!({"max_seconds": 0}), "invalid_value", "/max_seconds"),
        ("m", json!({"validation_split": 0.95}), "invalid_value", "/validation_split"),
        ("m", json!({"validation_split": 0.1}), "invalid_value", "/validation_split"),
        ("m", json!({"validation": {"inputs": [[0]], "targets": [0]}}), "shape_mismatch", "/validation/inputs/0"),
        ("m", json!({"validation": {"inputs": [[0, 0]]}}), "missing_field", "/validation/targets"),
        (
            "m",
            json!({"validation": {"inputs": [[0, 0]], "targets": [1]}, "validation_split": 0.5}),
            "invalid_value",
            "/validation",
        ),
        ("m", json!({"optimizer": "sdg"}), "invalid_value", "/optimizer"),
        ("m", json!({"optimizer": {"type": "adam", "momentum": 0.9}}), "unknown_field", "/optimizer/momentum"),
        ("m", json!({"optimizer": {"type": "adam", "beta1": 1}}), "invalid_value", "/optimizer/beta1"),
        ("m", json!({"optimizer": {"beta1": 0.5}}), "missing_field", "/optimizer/type"),
        ("m", json!({"optimizer": null}), "invalid_value", "/optimizer"),
        (
            "m",
            json!({"learning_rate_schedule": {"type": "step", "step_size": 0}}),
            "invalid_value",
            "/learning_rate_schedule/step_size",
        ),
        (
            "m",
            json!({"learning_rate_schedule": {"type": "cosine", "gamma": 1}}),
            "unknown_field",
            "/learning_rate_schedule/gamma",
        ),
        ("m", json!({"early_stopping": {"patience": 0}}), "invalid_value", "/early_stopping/patience"),
        ("m", json!({"early_stopping": {"patients": 3}}), "unknown_field", "/early_stopping/patients"),
        ("m", json!({"early_stopping": [3, 0.0, true]}), "invalid_value", "/early_stopping"),
        ("m", json!({"class_weight": "balanced"}), "invalid_value", "/class_weight"),
        ("c", json!({"class_weight": {"3": 1}}), "invalid_value", "/class_weight"),
        ("c", json!({"class_weight": {"1": 0}}), "invalid_value", "/class_weight/1"),
        ("m", json!({"label_smoothing": 0.1}), "invalid_value", "/label_smoothing"),
        ("c", json!({"label_smoothing": 1}), "invalid_value", "/label_smoothing"),
        ("c", json!({"label_smoothing": -0.1}), "invalid_value", "/label_smoothing"),
        ("m", json!({"seed": -1}), "invalid_value", "/seed"),
    ] {
        let mut body = with(rows.clone(), changes.clone());
        if changes["validation"]["inputs"].is_null() && changes["validation_split"] == 0.1 {
            body = with(body, json!({"inputs": [[0, 0], [0, 1]], "targets": [0, 1]}));
        }
        let problem = service.post(&format!("/models/{model}/train"), body).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{changes}: {problem}");
    }
    service.post("/models/m/train", with(rows, json!({"warm_start": true}))).await.problem(409, "model_not_trained");
    service.post("/models/nobody/train", surface()).await.problem(404, "model_not_found");
    assert_eq!(service.get("/jobs").await.expect(200)["data"], json!([]), "nothing was left behind");
}

#[tokio::test]
async fn class_indices_and_one_hot_rows_are_the_same_training() {
    let service = TestApp::start().await;
    let model = |name: &str| json!({"name": name, "layers": [2, 4, 3], "loss": "cross_entropy"});
    let inputs = json!([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]]);
    let one_hot = json!([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]);
    let mut losses = Vec::new();
    for (name, targets) in [("indices", json!([0, 1, 2, 1, 0])), ("one-hot", one_hot)] {
        service.post("/models", model(name)).await.expect(201);
        let body = json!({"inputs": inputs, "targets": targets, "class_weight": "balanced", "validation_split": 0.2});
        let job = service.train(name, body).await;
        assert_eq!(job["state"], "succeeded");
        losses.push((job["loss"].clone(), job["validation_loss"].clone(), job["metrics"].clone()));
    }
    assert_eq!(losses[0], losses[1]);
}

#[tokio::test]
async fn early_stopping_publishes_the_best_epoch() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "m", "layers": [2, 32, 1], "activation": "tanh"})).await.expect(201);
    // Targets without a pattern: the validation loss soon rises.
    let noise = |i: i32| (f64::from(i) * 12.9898).sin() * 43758.5453 % 1.0;
    let inputs: Vec<[f64; 2]> = (0..40).map(|i| [noise(i), noise(i + 100)]).collect();
    let targets: Vec<f64> = (0..40).map(|i| noise(i + 1000)).collect();
    let stopping = json!({"patience": 5, "min_delta": 0.0001});
    let body = json!({"inputs": inputs, "targets": targets, "epochs": 3000, "learning_rate": 0.02,
                      "validation_split": 0.25, "early_stopping": stopping});
    let job = service.train("m", body.clone()).await;
    assert_eq!(text(&job["stop_reason"]), "early_stopping", "{job}");
    // A quarter of 40 rows is held out, and a tenth of that more or less.
    assert!((29..=31).contains(&job["rows"].as_u64().expect("a number")), "{job}");
    let version = service.get("/models/m/versions/1").await.expect(200);
    let stopped = job["epoch"].as_u64().expect("a number");
    let best = version["epochs"].as_u64().expect("a number");
    assert_eq!(stopped, best + 5, "five epochs without improvement");
    let epochs = service.get(&format!("/jobs/{}/epochs?limit=1000", text(&job["id"]))).await.expect(200);
    assert_eq!(version["validation_loss"], epochs["data"][best as usize - 1]["validation_loss"]);
    // The version is a run of just that many epochs.
    let mut shorter = with(body, json!({"epochs": best}));
    shorter.as_object_mut().expect("an object").remove("early_stopping");
    service.train("m", shorter).await;
    let parameters = |version: u64| format!("/models/m/versions/{version}/parameters");
    let (one, two) = (service.get(&parameters(1)).await.expect(200), service.get(&parameters(2)).await.expect(200));
    assert_eq!(one["layers"], two["layers"]);
    // Without restore_best the last epoch is published.
    let kept = json!({"patience": 5, "min_delta": 0.0001, "restore_best": false});
    let last = with(
        json!({"inputs": inputs, "targets": targets, "epochs": 3000, "learning_rate": 0.02,
                           "validation_split": 0.25}),
        json!({"early_stopping": kept}),
    );
    service.train("m", last).await;
    assert_eq!(service.get("/models/m/versions/3").await.expect(200)["epochs"], stopped);
}

#[tokio::test]
async fn a_warm_start_goes_on_where_the_active_version_stands() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("halves")).await.expect(201);
    service.post("/models", xor_model("whole")).await.expect(201);
    service.train("halves", xor_training(40)).await;
    service.train("halves", with(xor_training(60), json!({"warm_start": true}))).await;
    service.train("whole", xor_training(100)).await;
    let halves = service.get("/models/halves/versions/2/parameters").await.expect(200);
    assert_eq!(halves["layers"], service.get("/models/whole/versions/1/parameters").await.expect(200)["layers"]);
    service.train("halves", xor_training(40)).await;
    let cold = service.get("/models/halves/versions/3/parameters").await.expect(200);
    assert_eq!(cold["layers"], service.get("/models/halves/versions/1/parameters").await.expect(200)["layers"]);
}

#[tokio::test]
async fn max_seconds_ends_a_training_with_what_it_reached() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "m", "layers": [2, 64, 64, 1]})).await.expect(201);
    let job = service.train("m", with(surface(), json!({"epochs": 1_000_000, "max_seconds": 0.3}))).await;
    assert_eq!((text(&job["state"]), text(&job["stop_reason"])), ("succeeded", "time_limit"));
    assert_eq!(service.get("/models/m/versions/1").await.expect(200)["epochs"], job["epoch"]);
    let job = service.train("m", with(surface(), json!({"epochs": 1_000_000, "max_seconds": 1e-9}))).await;
    assert_eq!((&job["epoch"], &job["version"]), (&json!(1), &json!(2)), "at least one epoch is done");
}

#[tokio::test]
async fn dropout_is_for_training_only() {
    let service = TestApp::start().await;
    let layers = json!([2, {"units": 16, "dropout": 0.5}, 1]);
    service.post("/models", json!({"name": "m", "layers": layers})).await.expect(201);
    service.train("m", surface()).await;
    let rows = json!({"inputs": [[0.3, 0.6]]});
    let first = service.post("/models/m/predict", rows.clone()).await.expect(200);
    assert_eq!(first, service.post("/models/m/predict", rows).await.expect(200));
}

#[tokio::test]
async fn evaluation_measures_rows_that_are_sent() {
    let service = TestApp::start().await;
    let job = service.with_xor().await;
    let rows = json!({"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [0, 1, 1, 0]});
    let measured = service.post("/models/xor/evaluate", rows).await.expect(200);
    assert_eq!((&measured["rows"], &measured["version"]), (&json!(4), &json!(1)));
    let (rmse, loss) = (measured["metrics"]["rmse"].as_f64().expect("set"), measured["loss"].as_f64().expect("set"));
    assert!((rmse * rmse - loss).abs() < 1e-6);
    assert_eq!(measured["metrics"]["rmse"], job["metrics"]["rmse"]);
    service.post("/models/xor/evaluate", json!({"inputs": [[0]], "targets": [0]})).await.problem(422, "shape_mismatch");
    service.post("/models", xor_model("new")).await.expect(201);
    let one = json!({"inputs": [[0, 0]], "targets": [0]});
    service.post("/models/new/evaluate", one).await.problem(409, "model_not_trained");
}
