//! No version of the recipe `standard` loses to its own linear baseline beyond what chance makes of the rows held out.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;

/// A table of numbers of which five say the target, added up, with noise of this size.
fn linear(seed: u64, rows: usize, columns: usize, noise: f64) -> String {
    let mut random = StdRng::seed_from_u64(seed);
    let names: Vec<String> = (0..columns).map(|column| format!("x{column}")).collect();
    let mut csv = format!("{},y\n", names.join(","));
    for _ in 0..rows {
        let x: Vec<f64> = (0..columns).map(|_| StandardNormal.sample(&mut random)).collect();
        let error: f64 = StandardNormal.sample(&mut random);
        let y = x.iter().take(5).sum::<f64>() + noise * error + 0.001 * random.random::<f64>();
        csv.push_str(&x.iter().map(|x| format!("{x:.4},")).collect::<String>());
        csv.push_str(&format!("{y:.4}\n"));
    }
    csv
}

#[tokio::test]
async fn standard_does_not_lose_to_its_linear_baseline() {
    let service = TestApp::start().await;
    for (name, rows, columns, noise) in [("wide", 63, 400, 0.5), ("square", 300, 40, 1.0), ("noisy", 500, 8, 4.0)] {
        service.post_csv(&format!("/datasets?name={name}"), linear(1, rows, columns, noise)).await.expect(201);
        let model = json!({"name": name, "dataset": name, "target": "y", "hidden_layers": [64, 64]});
        service.post("/models", model).await.expect(201);
        let job = service.train(name, json!({"epochs": 24})).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        let metrics = &service.get(&format!("/models/{name}/versions/1")).await.expect(200)["metrics"];
        let rmse = |measures: &Value| measures["rmse"].as_f64().expect("a number");
        let (of_version, of_linear) = (rmse(metrics), rmse(&metrics["baselines"]["linear"]));
        // Both are measured on the same rows: of their mean squares, what chance moves is a part of this.
        let noise = 1.0 / (2.0 * rows as f64).sqrt();
        assert!(of_version < of_linear * (1.0 + noise), "{name}: {of_version} and {of_linear} of a linear model");
    }
}

/// Amounts have long tails, and a sum of them is one as they are, not with their extremes drawn in.
#[tokio::test]
async fn sums_of_columns_with_long_tails_are_learned_as_sums() {
    const NOISE: f64 = 0.1;
    let service = TestApp::start().await;
    let mut random = StdRng::seed_from_u64(3);
    let mut csv = "a,b,c,y\n".to_owned();
    for _ in 0..2_000 {
        let [a, b, c, noise]: [f64; 4] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
        let [a, b, c] = [a, b, c].map(f64::exp);
        let y = 3.0 * a + b + 2.0 * c + NOISE * noise;
        csv.push_str(&format!("{a:.6},{b:.6},{c:.6},{y:.6}\n"));
    }
    service.post_csv("/datasets?name=amounts", csv).await.expect(201);
    for recipe in ["standard", "plain"] {
        let model =
            json!({"name": recipe, "dataset": "amounts", "target": "y", "recipe": recipe, "hidden_layers": [32, 32]});
        service.post("/models", model).await.expect(201);
        let job = service.train(recipe, json!({"epochs": 16, "target_scale": "identity"})).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        let of_linear = job["metrics"]["baselines"]["linear"]["rmse"].as_f64().expect("a number");
        assert!(of_linear < 1.1 * NOISE, "{recipe}: {of_linear}");
    }
    let metrics = service.get("/models/standard/versions/1").await.expect(200)["metrics"].take();
    let rmse = metrics["rmse"].as_f64().expect("a number");
    assert!(rmse < 1.2 * NOISE, "{metrics}");
    assert!(metrics["linear_share"].as_f64().is_some_and(|share| share > 0.5), "{metrics}");

    // What a version's file says of its linear model answers as the version does.
    let file = service.get("/models/standard/versions/1/export").await;
    let request = service.raw(Method::POST, "/models/import?name=again");
    let request = request.header("content-type", "application/octet-stream").body(file.body);
    service.send(Method::POST, "/models/import?name=again", request).await.expect(201);
    let records = json!({"records": [{"a": 0.3, "b": 40, "c": 1}, {"a": 1e9, "b": 1, "c": 0.001}]});
    let predicted = service.post("/models/standard/predict", records.clone()).await.expect(200);
    let again = service.post("/models/again/predict", records).await.expect(200);
    let values = |reply: &Value| [0, 1].map(|row| reply["predictions"][row]["value"].as_f64().expect("a number"));
    assert_eq!(values(&predicted), values(&again));
    assert!((values(&predicted)[0] - 42.9).abs() < 3.0, "{predicted}");
    service.stop().await;
}

/// Four kinds of 63 rows with 2,308 columns, as tables of genes have them: fifty columns tell each kind, the others are noise.
fn genes(seed: u64, rows: usize) -> (String, Vec<String>) {
    const COLUMNS: usize = 2_308;
    let mut random = StdRng::seed_from_u64(seed);
    let names: Vec<String> = (0..COLUMNS).map(|column| format!("g{column}")).collect();
    let (mut csv, mut kinds) = (format!("{},kind\n", names.join(",")), Vec::new());
    for row in 0..rows {
        let kind = row % 4;
        for column in 0..COLUMNS {
            let value: f64 = StandardNormal.sample(&mut random);
            let shift = if column / 50 == kind { 1.5 } else { 0.0 };
            csv.push_str(&format!("{:.3},", value + shift));
        }
        csv.push_str(&format!("kind{kind}\n"));
        kinds.push(format!("kind{kind}"));
    }
    (csv, kinds)
}

/// On rows that neither has seen, row by row: the difference of their losses against its standard error.
#[tokio::test]
async fn few_rows_of_very_many_columns_are_answered_as_well_as_by_a_linear_model() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=genes", genes(1, 63).0).await.expect(201);
    for (name, others) in [("standard", json!({})), ("linear", json!({"hidden_layers": []}))] {
        let mut model = json!({"name": name, "dataset": "genes", "target": "kind"});
        model.as_object_mut().expect("an object").extend(others.as_object().expect("an object").clone());
        service.post("/models", model).await.expect(201);
        let job = service.train(name, json!({})).await;
        assert_eq!(job["state"], "succeeded", "{job}");
    }
    let (rows, kinds) = genes(2, 160);
    let mut losses: Vec<Vec<f64>> = Vec::new();
    for name in ["standard", "linear"] {
        let reply = service.post_csv(&format!("/models/{name}/predict?unknown=ignore"), rows.clone()).await;
        let answers = String::from_utf8(reply.body.to_vec()).expect("a table");
        let mut lines = answers.lines();
        let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
        let place =
            |kind: &str| header.iter().position(|name| *name == format!("probability_{kind}")).expect("a column");
        let loss = |(line, kind): (&str, &String)| {
            let probability: f64 = line.split(',').nth(place(kind)).expect("a cell").parse().expect("a number");
            -probability.max(1e-15).ln()
        };
        losses.push(lines.zip(&kinds).map(loss).collect::<Vec<f64>>());
        assert_eq!(losses[losses.len() - 1].len(), kinds.len());
    }
    let differences: Vec<f64> = losses[0].iter().zip(&losses[1]).map(|(one, other)| one - other).collect();
    let (count, mean) = (differences.len() as f64, |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64);
    let off = mean(&differences);
    let error = (mean(&differences.iter().map(|one| (one - off).powi(2)).collect::<Vec<f64>>()) / count).sqrt();
    let (of_standard, of_linear) = (mean(&losses[0]), mean(&losses[1]));
    assert!(of_linear < 1.2, "there is something to learn: {of_linear}");
    assert!(off < 2.0 * error, "{of_standard} and {of_linear}, {error} off by chance");
    service.stop().await;
}
