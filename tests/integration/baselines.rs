//! No version of the recipe `standard` loses to its own linear baseline beyond what chance makes of the rows held out.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
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
