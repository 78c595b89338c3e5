//! Trainings held against PyTorch and NumPy: `tests/reference/` has the numbers and the script that made them.

use serde_json::{Value, json};

use crate::support::{TestApp, numbers, text};

fn reference(file: &str) -> Value {
    let path = format!("{}/tests/reference/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the reference is there")).expect("JSON")
}

/// The largest relative deviation of two series of losses.
fn deviation(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs() / b.abs().max(1e-12)).fold(0.0, f64::max)
}

async fn history(service: &TestApp, job: &Value, field: &str) -> Vec<f64> {
    let (mut after, mut values) = (0, Vec::new());
    loop {
        let page = service.get(&format!("/jobs/{}/epochs?after={after}", text(&job["id"]))).await.expect(200);
        values.extend(page["data"].as_array().expect("a list").iter().map(|entry| entry[field].as_f64().expect("set")));
        match page["next_after"].as_u64() {
            Some(next) => after = next,
            None => return values,
        }
    }
}

#[tokio::test]
async fn every_loss_optimizer_schedule_and_option_retraces_pytorch() {
    let service = TestApp::start().await;
    let cases = reference("trajectories.json");
    let mut failures = Vec::new();
    for case in cases.as_array().expect("a list") {
        let name = text(&case["name"]);
        let model = service.post("/models", case["model"].clone()).await.expect(201);
        let id = text(&model["id"]);
        let job = service.train(id, case["train"].clone()).await;
        assert_eq!(job["state"], "succeeded", "{name}: {}", job["error"]);
        for (ours, theirs, tolerance) in [
            ("loss", "losses", 1e-4),
            ("validation_loss", "validation_losses", 1e-4),
            ("learning_rate", "learning_rates", 1e-8),
        ] {
            if case[theirs].is_array() {
                let off = deviation(&history(&service, &job, ours).await, &numbers(&case[theirs]));
                if off > tolerance {
                    failures.push(format!("{name}: {theirs} off by {off:.1e}"));
                }
            }
        }
        let reply = service.post(&format!("/models/{id}/predict"), json!({"inputs": case["train"]["inputs"]})).await;
        let outputs = reply.expect(200);
        let flat = |rows: &Value| rows.as_array().expect("rows").iter().flat_map(numbers).collect::<Vec<f64>>();
        let pairs = flat(&outputs["outputs"]).into_iter().zip(flat(&case["outputs"]));
        let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if off > 1e-4 {
            failures.push(format!("{name}: outputs off by {off:.1e}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn the_articles_xor_run_is_retraced_through_all_its_epochs() {
    let service = TestApp::start().await;
    let xor = reference("xor.json");
    let model = json!({"name": "xor", "layers": [2, 2, 1], "activation": "sigmoid", "output_activation": "sigmoid",
                       "initial_parameters": xor["initial_parameters"]});
    service.post("/models", model).await.expect(201);
    let job = service.train("xor", crate::support::xor_training(10_000)).await;
    let off = deviation(&history(&service, &job, "loss").await, &numbers(&xor["losses"]));
    assert!(off < 1e-3, "losses off by {off:.1e}");
    let outputs = service.post("/models/xor/predict", json!({"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]]})).await;
    let outputs: Vec<f64> = outputs.expect(200)["outputs"].as_array().expect("rows").iter().flat_map(numbers).collect();
    for (ours, theirs) in outputs.iter().zip(numbers(&xor["predictions"])) {
        assert!((ours - theirs).abs() < 1e-4, "{outputs:?}");
    }
}

mod functions {
    use super::reference;
    use crate::support::{numbers, text};
    use epochd::learning::activation::{Activation, OutputActivation};
    use epochd::learning::examples::Targets;
    use epochd::learning::loss::{Loss, Scored};
    use epochd::learning::metrics::{by_class, by_output, regression};
    use epochd::learning::predicted::Predicted;
    use epochd::learning::row_weights::RowWeights;
    use ndarray::Array2;
    use serde_json::Value;

    fn close(ours: f64, theirs: f64, tolerance: f64) -> bool {
        (ours - theirs).abs() <= tolerance * theirs.abs().max(1.0)
    }

    #[test]
    fn activations_and_their_derivatives_agree_with_autograd() {
        for case in reference("kernels.json")["activations"].as_array().expect("a list") {
            let activation: Activation = serde_json::from_value(case["name"].clone()).expect("an activation");
            let inputs: Vec<f32> = numbers(&case["inputs"]).iter().map(|x| *x as f32).collect();
            let mut out = inputs.clone();
            activation.forward(&mut out);
            let mut gradient = vec![1.0; inputs.len()];
            activation.backward(&inputs, &out, &mut gradient);
            let expected = numbers(&case["values"]).into_iter().zip(numbers(&case["derivatives"]));
            for (i, (value, derivative)) in expected.enumerate() {
                let (ours, slope) = (f64::from(out[i]), f64::from(gradient[i]));
                let at = format!("{activation:?}({}): {ours}, {slope}", inputs[i]);
                assert!(close(ours, value, 1e-6) && close(slope, derivative, 2e-6), "{at}; {value}, {derivative}");
            }
        }
    }

    fn matrix(rows: &Value) -> (Vec<f32>, usize) {
        let rows: Vec<Vec<f64>> = rows.as_array().expect("rows").iter().map(numbers).collect();
        let width = rows[0].len();
        (rows.into_iter().flatten().map(|value| value as f32).collect(), width)
    }

    #[test]
    fn losses_and_their_gradients_agree_with_autograd_also_when_saturated() {
        let (of_pytorch, of_scikit_learn) = (reference("kernels.json"), reference("losses.json"));
        let cases = [&of_pytorch["losses"], &of_scikit_learn].map(|cases| cases.as_array().expect("a list"));
        for case in cases.into_iter().flatten() {
            if !case["class_weight"].is_null() {
                continue; // Row weights are held against PyTorch in the trajectories.
            }
            let loss: Loss = serde_json::from_value(case["loss"].clone()).expect("a loss");
            let loss = case["quantile"].as_f64().map_or(loss, Loss::Quantile);
            let (logits, width) = matrix(&case["logits"]);
            let targets = targets(&case["targets"], width);
            let output: OutputActivation = loss.default_output();
            let mut outputs = logits.clone();
            output.forward(&mut outputs, width);
            let batch = Scored { logits: &logits, outputs: &outputs, targets: &targets, weights: None, width };
            let rows = (logits.len() / width) as f64;
            let value = loss.sum(&batch) / rows;
            assert!(close(value, case["value"].as_f64().expect("a number"), 1e-6), "{loss:?}: {value}");
            let mut gradient = vec![0.0; logits.len()];
            loss.gradient(output, &batch, (1.0 / rows) as f32, &mut gradient);
            for (ours, theirs) in gradient.iter().zip(matrix(&case["gradient"]).0) {
                assert!(close(f64::from(*ours), f64::from(theirs), 1e-6), "{loss:?}: {gradient:?}");
            }
        }
    }

    /// Rows of targets, or class indices as one-hot rows.
    fn targets(value: &Value, width: usize) -> Vec<f32> {
        if value[0].is_array() {
            return matrix(value).0;
        }
        let mut rows = vec![0.0; numbers(value).len() * width];
        for (row, class) in numbers(value).into_iter().enumerate() {
            rows[row * width + class as usize] = 1.0;
        }
        rows
    }

    #[test]
    fn metrics_agree_with_scikit_learn() {
        for case in reference("metrics.json").as_array().expect("a list") {
            let (outputs, width) = matrix(&case["outputs"]);
            let rows = outputs.len() / width;
            let outputs = Array2::from_shape_vec((rows, width), outputs).expect("rows");
            let flat = !case["targets"][0].is_array();
            let values: Vec<f32> = match flat {
                true => numbers(&case["targets"]).iter().map(|value| *value as f32).collect(),
                false => matrix(&case["targets"]).0,
            };
            let log_loss = case["metrics"]["log_loss"].as_f64().unwrap_or(0.0);
            let given: Vec<f32> = match case["weights"].is_null() {
                true => Vec::new(),
                false => numbers(&case["weights"]).iter().map(|weight| *weight as f32).collect(),
            };
            let weights = if given.is_empty() { RowWeights::ALIKE } else { RowWeights::of(&given) };
            let ours = match text(&case["loss"]) {
                loss @ ("cross_entropy" | "binary_cross_entropy") if loss == "cross_entropy" || width == 1 => {
                    let truth: Vec<u32> = values.iter().map(|value| *value as u32).collect();
                    let mut predicted = Predicted::default();
                    predicted.extend(outputs.as_slice().expect("row-major"), width);
                    serde_json::to_value(by_class(&predicted, &truth, width.max(2), log_loss, weights))
                }
                "binary_cross_entropy" => {
                    let targets = Targets::Values(Array2::from_shape_vec((rows, width), values).expect("rows"));
                    serde_json::to_value(by_output(&outputs, &targets, log_loss, weights))
                }
                _ => {
                    let targets = Targets::Values(Array2::from_shape_vec((rows, width), values).expect("rows"));
                    serde_json::to_value(regression(&outputs, &targets, weights))
                }
            };
            agree(&ours.expect("metrics are plain data"), &case["metrics"], text(&case["name"]));
        }
    }

    fn agree(ours: &Value, theirs: &Value, name: &str) {
        match (ours, theirs) {
            (Value::Object(a), Value::Object(b)) => {
                b.iter().for_each(|(key, value)| agree(&a[key], value, &format!("{name}.{key}")));
            }
            (Value::Array(a), Value::Array(b)) => {
                assert_eq!(a.len(), b.len(), "{name}");
                a.iter().zip(b).for_each(|(a, b)| agree(a, b, name));
            }
            (Value::Number(a), Value::Number(b)) => {
                let (a, b) = (a.as_f64().expect("f64"), b.as_f64().expect("f64"));
                assert!(close(a, b, 1e-6), "{name}: {a} is not {b}");
            }
            (a, b) => assert_eq!(a, b, "{name}"),
        }
    }
}
