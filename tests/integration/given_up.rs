//! Long work of a request that is given up stops, and its place is free for others.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{TestApp, eventually};

/// A training on a few rows of a network of so many multiply-adds that the rows which are measured take minutes.
async fn with_large_networks() -> TestApp {
    let service = TestApp::start().await;
    let csv =
        |rows: usize| (0..rows).fold("x,y\n".to_owned(), |csv, row| csv + &format!("{row},{}\n", ["p", "q"][row % 2]));
    for (name, rows) in [("few", 60), ("many", 100_000)] {
        service.post_csv(&format!("/datasets?name={name}"), csv(rows)).await.expect(201);
    }
    let table =
        json!({"name": "table", "dataset": "few", "target": "y", "recipe": "plain", "hidden_layers": [4096, 4096]});
    service.post("/models", table).await.expect(201);
    service.post("/models", json!({"name": "rows", "layers": [1, 4096, 4096, 1], "loss": "mse"})).await.expect(201);
    for (name, training) in [
        ("table", json!({"epochs": 1, "members": 1})),
        ("rows", json!({"epochs": 1, "inputs": [[0], [1]], "targets": [0, 1]})),
    ] {
        assert_eq!(service.train(name, training).await["state"], "succeeded");
    }
    service
}

#[tokio::test]
async fn work_that_nobody_waits_for_frees_its_place() {
    let service = with_large_networks().await;
    let service = service.restarted_with(|settings| settings.request_timeout = Duration::from_secs(2)).await;
    let records: Vec<Value> = (0..60_000).map(|_| json!({"x": 1, "y": "p"})).collect();
    let inputs = vec![[1]; 100_000];
    for (path, body) in [
        ("/models/table/evaluate", json!({"records": &records})),
        ("/models/table/feedback", json!({"records": &records})),
        ("/models/table/evaluate", json!({"dataset": "many"})),
        ("/models/rows/evaluate", json!({"inputs": &inputs, "targets": vec![1; inputs.len()]})),
    ] {
        let taken = || async { service.app.long_work.occupancy().taken > 0 };
        let (reply, ()) = tokio::join!(service.post(path, body), eventually("it has a place", taken));
        reply.problem(408, "request_timeout");
        let free = eventually("its place is free", || async { !taken().await });
        tokio::time::timeout(Duration::from_secs(5), free).await.expect("the work stops soon");
    }
}
