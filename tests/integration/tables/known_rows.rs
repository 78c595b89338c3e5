//! Measures on rows that a version has learned from are told to flatter.

use serde_json::{Value, json};

use super::fruit::{fruit_csv, fruit_service, records};
use crate::support::{TestApp, text};

/// The codes of what is told of an evaluation.
async fn told(service: &TestApp, path: &str, data: Value) -> Vec<String> {
    let measured = service.post(path, data).await.expect(200);
    measured["warnings"].as_array().expect("a list").iter().map(|one| text(&one["code"]).to_owned()).collect()
}

#[tokio::test]
async fn measures_on_rows_that_were_learned_from_are_told_to_flatter() {
    let (service, _) = fruit_service().await;
    let fruit = service.get("/datasets/fruit").await.expect(200);
    let path = "/models/kinds/evaluate";
    let known = ["measured_rows_known"];
    assert_eq!(told(&service, path, json!({"dataset": "fruit"})).await, known);
    assert_eq!(told(&service, "/models/kinds/versions/1/evaluate", json!({"dataset": fruit["id"]})).await, known);
    // A copy, under whatever name, and what rows were appended to.
    service.post_csv("/datasets?name=copy", fruit_csv(0..300)).await.expect(201);
    assert_eq!(told(&service, path, json!({"dataset": "copy"})).await, known);
    service.post_csv("/datasets/fruit/append?name=longer", fruit_csv(300..420)).await.expect(201);
    assert_eq!(told(&service, path, json!({"dataset": "longer"})).await, known);
    // The beginning of what was learned from.
    let longer = json!({"dataset": "longer", "epochs": 2});
    let job = service.train("kinds", longer).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(told(&service, "/models/kinds/versions/2/evaluate", json!({"dataset": "fruit"})).await, known);
    // What the epoch was chosen by.
    let chosen = json!({"dataset": "fruit", "validation": {"dataset": "more"}, "epochs": 2});
    let job = service.train("kinds", chosen).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(told(&service, "/models/kinds/versions/3/evaluate", json!({"dataset": "more"})).await, known);
    // Other rows, whether they are stored or sent; of as many as were learned from, too.
    service.post_csv("/datasets?name=others", fruit_csv(300..600)).await.expect(201);
    assert!(told(&service, path, json!({"dataset": "others"})).await.is_empty());
    assert!(told(&service, path, json!({"records": records(&service, "more").await})).await.is_empty());
}
