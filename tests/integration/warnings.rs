//! Warnings that teach: raised in runs that have the trouble, silent in runs that do not.

use serde_json::{Value, json};

use crate::support::{TestApp, text, xor_model, xor_training};

/// Codes of the warnings of a training of `model`.
async fn codes(model: Value, training: Value) -> Vec<String> {
    let service = TestApp::start().await;
    let mut model = model;
    model["name"] = json!("m");
    service.post("/models", model).await.expect(201);
    let job = service.train("m", training).await;
    let warnings = job["warnings"].as_array().expect("a list");
    for warning in warnings {
        assert!(text(&warning["message"]).len() > 60, "a warning says what to do: {warning}");
    }
    warnings.iter().map(|warning| text(&warning["code"]).to_owned()).collect()
}

/// A smooth regression on inputs between −1 and 1.
fn healthy(epochs: u64) -> Value {
    let point = |i: i32| [f64::from(i % 17) / 8.5 - 1.0, f64::from(i % 13) / 6.5 - 1.0];
    let inputs: Vec<[f64; 2]> = (0..200).map(point).collect();
    let targets: Vec<f64> = inputs.iter().map(|[a, b]| a * a - b + 0.5 * a * b).collect();
    json!({"inputs": inputs, "targets": targets, "epochs": epochs, "learning_rate": 0.01})
}

fn with(mut body: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn healthy_runs_have_no_warning() {
    for activation in ["relu", "tanh", "sigmoid", "silu"] {
        let model = json!({"layers": [2, 32, 16, 1], "activation": activation});
        let training = with(healthy(200), json!({"validation_split": 0.2}));
        assert_eq!(codes(model, training).await, Vec::<String>::new(), "{activation}");
    }
    assert_eq!(codes(xor_model("m"), xor_training(10_000)).await, Vec::<String>::new(), "the article's run");
    let short = codes(json!({"layers": [2, 8, 1]}), healthy(3)).await;
    assert_eq!(short, Vec::<String>::new(), "a short run proves nothing");
}

#[tokio::test]
async fn unscaled_inputs_are_named() {
    let mut training = healthy(20);
    for row in training["inputs"].as_array_mut().expect("rows") {
        row[1] = json!(row[1].as_f64().expect("a number") * 1000.0);
    }
    assert!(codes(json!({"layers": [2, 8, 1]}), training).await.contains(&"unscaled_inputs".to_owned()));
}

#[tokio::test]
async fn few_rows_of_many_columns_have_no_vanishing_gradient() {
    let service = TestApp::start().await;
    let cell = |row: usize, column: usize| (row * 31 + column * 17 + row * column * 7) % 101;
    let names = (0..100).map(|column| format!("c{column}")).collect::<Vec<_>>().join(",");
    let line = |row: usize| {
        let cells: Vec<String> = (0..100).map(|column| cell(row, column).to_string()).collect();
        format!("{},{}\n", cells.join(","), ["a", "b"][usize::from(cell(row, 3) > 50)])
    };
    let csv = format!("{names},y\n{}", (0..100).map(line).collect::<String>());
    let job = service.post_csv("/train?name=wide&target=y&epochs=8&members=1", csv).await.expect(202);
    let ended = service.ended(&job).await;
    assert_eq!(ended["state"], "succeeded");
    assert!(!ended["warnings"].to_string().contains("vanishing_gradient"), "{}", ended["warnings"]);
}

#[tokio::test]
async fn a_deep_sigmoid_network_has_a_vanishing_gradient_and_a_deep_relu_one_does_not() {
    let layers = json!([2, 16, 16, 16, 16, 16, 16, 16, 16, 1]);
    let model = |activation: &str, initializer: &str| json!({"layers": layers, "activation": activation, "initializer": initializer});
    let vanishing = "vanishing_gradient".to_owned();
    assert!(codes(model("sigmoid", "glorot_uniform"), healthy(20)).await.contains(&vanishing));
    assert!(!codes(model("relu", "he_uniform"), healthy(20)).await.contains(&vanishing));
}

#[tokio::test]
async fn dead_units_are_named_with_their_layer() {
    let service = TestApp::start().await;
    let parameters = json!([
        {"weights": vec![vec![0.1; 4]; 2], "biases": [-9, -9, -9, 1]},
        {"weights": vec![[0.1]; 4], "biases": [0]}
    ]);
    let model = json!({"name": "m", "layers": [2, 4, 1], "initial_parameters": parameters});
    service.post("/models", model).await.expect(201);
    let job = service.train("m", healthy(3)).await;
    let warning = &job["warnings"][0];
    assert_eq!((text(&warning["code"]), &warning["layer"], &warning["epoch"]), ("dead_relu", &json!(1), &json!(1)));
    assert!(text(&warning["message"]).starts_with("3 of 4"), "{warning}");
    // The same news comes as an event.
    let events = service.get(&format!("/jobs/{}/events", text(&job["id"]))).await;
    assert!(String::from_utf8(events.body).expect("UTF-8").contains("dead_relu"));
}

#[tokio::test]
async fn units_saturated_at_the_start_are_named_and_those_that_have_learned_are_not() {
    let mut training = with(healthy(20), json!({"learning_rate": 0.0001}));
    for row in training["inputs"].as_array_mut().expect("rows") {
        *row = json!([row[0].as_f64().expect("a number") * 9.0, row[1].as_f64().expect("a number") * 9.0]);
    }
    let model = json!({"layers": [2, 16, 1], "activation": "tanh", "initializer": "normal"});
    assert!(codes(model, training).await.contains(&"saturated_units".to_owned()));
    let learned = with(xor_training(20_000), json!({"learning_rate": 5}));
    assert!(!codes(xor_model("m"), learned).await.contains(&"saturated_units".to_owned()));
}

/// Forty rows of noise, of which a network learns thirty by heart.
fn noise() -> Value {
    let noise = |i: i32| (f64::from(i) * 12.9898).sin() * 43758.5453 % 1.0;
    let inputs: Vec<[f64; 2]> = (0..40).map(|i| [noise(i), noise(i + 100)]).collect();
    let targets: Vec<f64> = (0..40).map(|i| noise(i + 1000)).collect();
    json!({"inputs": inputs, "targets": targets, "epochs": 1500, "learning_rate": 0.02, "validation_split": 0.25})
}

#[tokio::test]
async fn overfitting_is_named_only_where_the_published_epoch_suffers_from_it() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "m", "layers": [2, 32, 1], "activation": "tanh"})).await.expect(201);
    let run = async |early_stopping: Value| {
        let job = service.train("m", with(noise(), json!({"early_stopping": early_stopping}))).await;
        let said = job["warnings"].as_array().expect("a list").iter();
        let said: Vec<Value> = said.filter(|warning| warning["code"] == "overfitting").cloned().collect();
        (job, said)
    };
    for stopping in [Value::Null, json!({"patience": 1000, "restore_best": false})] {
        let (job, said) = run(stopping).await;
        let (best, last) = (&job["best_epoch"], &job["epoch"]);
        assert!(said.len() == 1 && best.as_u64() < last.as_u64() && said[0]["epoch"] == *last, "{job}");
        let message = text(&said[0]["message"]);
        assert!(message.contains(&format!("best in epoch {best} ")), "{message}");
        assert!(
            message.contains(&format!("in epoch {last}, which")) && message.contains("early_stopping"),
            "{message}"
        );
    }
    // The curve rises all the same, but the version is of the best epoch.
    let (job, said) = run(json!({"patience": 1500, "restore_best": true})).await;
    assert_eq!(job["epoch"], 1500, "{job}");
    assert_eq!(said, Vec::<Value>::new());
}

#[tokio::test]
async fn a_loss_that_does_not_fall_is_named() {
    let stuck = "loss_not_falling".to_owned();
    let slow = with(healthy(30), json!({"learning_rate": 1e-9, "optimizer": "sgd"}));
    assert!(codes(json!({"layers": [2, 8, 1]}), slow).await.contains(&stuck));
    let zeros = with(xor_training(100), json!({"optimizer": "sgd"}));
    let model =
        json!({"layers": [2, 2, 1], "initializer": "zeros", "activation": "tanh", "output_activation": "sigmoid"});
    assert!(codes(model, zeros).await.contains(&stuck), "zero weights never part");
}
