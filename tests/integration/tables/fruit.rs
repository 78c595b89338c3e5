//! A table of fruit, a service that has learned from it, and what tests ask of both.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, text};

/// The columns of [`fruit_csv`], in its order.
pub const HEADER: &str = "number,weight,size,colour,fresh,picked,note,batch,kind";

/// One row: what it weighs says what kind it is; the other columns say little or nothing.
pub fn fruit_row(row: u32) -> String {
    let weight = 50 + row * 37 % 101;
    let kind = ["plum", "peach", "apple"][(weight as usize - 50) / 34];
    let size = if row % 10 == 3 { String::new() } else { format!("{}.5", row * 53 % 97) };
    let colour = ["red", "green", "blue"][row as usize * 7 % 3];
    let (month, day) = (1 + row * 5 % 12, 1 + row * 11 % 28);
    format!(
        "{},{weight},{size},{colour},{},2024-{month:02}-{day:02},from tree {},A,{kind}",
        row + 1,
        row % 4 < 2,
        row * 7919 % 211
    )
}

/// Columns of every type: numbers (one with missing values), words, booleans, dates, text; one constant, one that
/// numbers the rows.
pub fn fruit_csv(rows: std::ops::Range<u32>) -> String {
    rows.map(fruit_row).fold(format!("{HEADER}\n"), |csv, row| csv + &row + "\n")
}

/// A service with the data sets `fruit` and `more` and the model `kinds`, which tells kinds of fruit apart; and the job
/// that trained it.
pub async fn fruit_service() -> (TestApp, Value) {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    service.post_csv("/datasets?name=more", fruit_csv(300..420)).await.expect(201);
    service.post("/models", kinds("kinds")).await.expect(201);
    let job = service.train("kinds", json!({"epochs": 120})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    (service, job)
}

pub fn kinds(name: &str) -> Value {
    json!({"name": name, "dataset": "fruit", "target": "kind", "recipe": "plain", "hidden_layers": [32]})
}

/// The same service with the model `weights` too, a regression.
pub async fn with_weights() -> TestApp {
    let (service, _) = fruit_service().await;
    let model =
        json!({"name": "weights", "dataset": "fruit", "target": "weight", "recipe": "plain", "hidden_layers": [32]});
    let model = service.post("/models", model).await.expect(201);
    assert_eq!((&model["task"], &model["classes"]), (&json!("regression"), &Value::Null));
    let job = service.train("weights", json!({"epochs": 120})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    service
}

/// The rows of a data set as records.
pub async fn records(service: &TestApp, dataset: &str) -> Vec<Value> {
    let reply = service.get(&format!("/datasets/{dataset}/rows?limit=1000")).await.expect(200);
    reply["data"].as_array().expect("a list").clone()
}

pub async fn predict(service: &TestApp, path: &str, records: &Value) -> Value {
    service.post(path, json!({"records": records})).await.expect(200)["predictions"].clone()
}

/// A ripe peach as every training row might be.
pub fn peach() -> Value {
    json!({"weight": 100, "size": 20.5, "colour": "red", "fresh": true, "picked": "2024-05-06"})
}

pub fn with(record: &Value, changes: Value) -> Value {
    let mut record = record.clone();
    for (key, value) in changes.as_object().expect("an object") {
        record[key] = value.clone();
    }
    record
}

pub fn codes(job: &Value) -> Vec<&str> {
    job["warnings"].as_array().expect("a list").iter().map(|warning| text(&warning["code"])).collect()
}

/// The smallest and largest value of a column that the active version of `model` has seen.
pub async fn range(service: &TestApp, model: &str, column: &str) -> (f64, f64) {
    let schema = service.get(&format!("/models/{model}/schema")).await.expect(200);
    let features = schema["features"].as_array().expect("a list");
    let feature = features.iter().find(|feature| feature["name"] == column).expect("the column is there");
    (feature["min"].as_f64().expect("a number"), feature["max"].as_f64().expect("a number"))
}

pub async fn post_for(service: &TestApp, path: &str, content_type: &str, accept: &str, body: String) -> Reply {
    let request = service.raw(Method::POST, path).header("content-type", content_type).header("accept", accept);
    service.send(Method::POST, path, request.body(body)).await
}
