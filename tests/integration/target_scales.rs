//! The scale that numbers are learned in: where their logarithm errs less on rows held out, and nowhere else.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson, StandardNormal};
use serde_json::{Value, json};

use crate::support::TestApp;

/// Rows of two numbers, with what `answer` draws for them.
fn table(seed: u64, rows: usize, answer: impl Fn(f64, f64, &mut StdRng) -> f64) -> (String, Vec<Value>, Vec<f64>) {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut csv, mut records, mut answers) = (String::from("a,b,y\n"), Vec::new(), Vec::new());
    for _ in 0..rows {
        let [a, b]: [f64; 2] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
        let y = answer(a, b, &mut random);
        csv.push_str(&format!("{a},{b},{y}\n"));
        records.push(json!({"a": a, "b": b}));
        answers.push(y);
    }
    (csv, records, answers)
}

fn skewed(a: f64, b: f64, random: &mut StdRng) -> f64 {
    let noise: f64 = StandardNormal.sample(random);
    (1.0 + 1.4 * a - b + 0.4 * noise).exp()
}

fn count(a: f64, b: f64, random: &mut StdRng) -> f64 {
    Poisson::new((0.8 * a - b / 2.0).exp()).expect("a rate").sample(random)
}

struct Trained {
    metrics: Value,
    values: Vec<f64>,
}

/// A model trained on such a table, and what it says of `records`.
async fn trained(service: &TestApp, name: &str, csv: &str, settings: Value, records: &[Value]) -> Trained {
    let dataset = service.post_csv(&format!("/datasets?name={name}"), csv.to_owned()).await.expect(201);
    let model = json!({"name": name, "dataset": dataset["id"], "target": "y", "hidden_layers": [32]});
    service.post("/models", model).await.expect(201);
    let job = service.train(name, settings).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let version = service.get(&format!("/models/{name}/versions/1")).await.expect(200);
    let reply = service.post(&format!("/models/{name}/predict"), json!({"records": records})).await.expect(200);
    let value = |row: &Value| row["value"].as_f64().expect("a number");
    let values = reply["predictions"].as_array().expect("a list").iter().map(value).collect();
    Trained { metrics: version["metrics"].clone(), values }
}

fn rmse(values: &[f64], truth: &[f64]) -> f64 {
    (values.iter().zip(truth).map(|(value, y)| (value - y).powi(2)).sum::<f64>() / truth.len() as f64).sqrt()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[tokio::test]
async fn skewed_numbers_are_learned_in_logarithms_where_that_errs_less() {
    let service = TestApp::start().await;
    let mut taken = 0;
    for seed in 0..4 {
        let (csv, ..) = table(seed, 1500, skewed);
        let (_, records, truth) = table(100 + seed, 4000, skewed);
        let settings = |scale: &str| json!({"epochs": 24, "members": 2, "target_scale": scale});
        let chosen = trained(&service, &format!("chosen-{seed}"), &csv, settings("auto"), &records).await;
        let own = trained(&service, &format!("own-{seed}"), &csv, settings("identity"), &records).await;
        assert!(own.metrics["target_scale"].is_null());
        let [with, without] = [&chosen, &own].map(|trained| rmse(&trained.values, &truth));
        match chosen.metrics["target_scale"].as_str() {
            Some(scale) => {
                assert!(
                    scale == "log1p" && with < 1.05 * without,
                    "{seed}: {with} with the logarithm, {without} without"
                );
                taken += 1;
            }
            None => assert_eq!(chosen.values, own.values, "a trial leaves nothing behind"),
        }
        assert!(chosen.values.iter().all(|value| *value >= 0.0));
        // The measures are in the target's unit, those of the baselines too.
        let [measured, of_mean] = [&chosen.metrics["rmse"], &chosen.metrics["baselines"]["mean"]["rmse"]];
        let [measured, of_mean] = [measured, of_mean].map(|rmse| rmse.as_f64().expect("a number"));
        assert!(measured < of_mean, "{seed}: {measured}, and {of_mean} of the mean");
    }
    assert!(taken >= 1, "the logarithm was never taken");
}

#[tokio::test]
async fn a_scale_that_is_asked_for_is_taken_and_explained_in_the_targets_unit() {
    let service = TestApp::start().await;
    let (csv, ..) = table(3, 600, count);
    let (_, records, truth) = table(4, 500, count);
    let settings = json!({"epochs": 30, "target_scale": "log1p"});
    let asked = trained(&service, "asked", &csv, settings, &records).await;
    assert_eq!(asked.metrics["target_scale"], "log1p");
    assert!(asked.values.iter().all(|value| *value >= 0.0));
    assert!((mean(&asked.values) / mean(&truth) - 1.0).abs() < 0.15, "{} and {}", mean(&asked.values), mean(&truth));
    let path = "/models/asked/predict?explain=true&interval=0.9";
    let reply = service.post(path, json!({"records": &records[..1]})).await.expect(200);
    let row = &reply["predictions"][0];
    let number = |value: &Value| value.as_f64().expect("a number");
    let explained = &row["explanation"];
    let contributions = explained["features"].as_array().expect("a list").iter();
    let sum: f64 = contributions.map(|one| number(&one["contribution"])).sum();
    let total = number(&explained["base"]) + number(&explained["rest"]) + sum;
    assert!((total - number(&row["value"])).abs() < 1e-6, "{row}");
    assert!(number(&row["lower"]) >= 0.0 && number(&row["lower"]) <= number(&row["value"]), "{row}");
}

#[tokio::test]
async fn a_target_without_skewness_keeps_its_scale() {
    let service = TestApp::start().await;
    let (csv, records, _) = table(5, 400, |a, b, random| 10.0 + a + b * b.signum() + 0.1 * random.random::<f64>());
    let even = trained(&service, "even", &csv, json!({"epochs": 8}), &records[..1]).await;
    assert!(even.metrics["target_scale"].is_null(), "{}", even.metrics);
}

#[tokio::test]
async fn what_has_no_logarithm_is_refused_with_its_place() {
    let service = TestApp::start().await;
    let (csv, ..) = table(6, 60, |a, b, _| a - b);
    service.post_csv("/datasets?name=below", csv).await.expect(201);
    service.post("/models", json!({"name": "below", "dataset": "below", "target": "y"})).await.expect(201);
    let job = service.train("below", json!({"epochs": 2, "target_scale": "log1p"})).await;
    assert_eq!(job["state"], "failed", "{job}");
    assert!(job["error"].to_string().contains("below 0"), "{job}");
    service.post("/models", json!({"name": "layers", "layers": [1, 1]})).await.expect(201);
    let body = json!({"inputs": [[1.0]], "targets": [[1.0]], "target_scale": "log1p"});
    let problem = service.post("/models/layers/train", body).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/target_scale", "{problem}");
}
