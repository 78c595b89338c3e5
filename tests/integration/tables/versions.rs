//! Versions of models by data set: they answer the same after a restart and where they are imported.

use serde_json::{Value, json};

use super::fruit::{fruit_csv, fruit_service, predict, records, with_weights};
use crate::support::{Reply, TestApp, eventually, text};

#[tokio::test]
async fn a_restart_changes_no_bit_of_a_prediction() {
    let mut service = with_weights().await;
    let rows = json!({"records": records(&service, "more").await});
    let paths = ["/models/kinds/predict?interval=0.9", "/models/weights/predict?interval=0.9"];
    let mut before = Vec::new();
    for path in paths {
        before.push(service.post(path, rows.clone()).await.body);
    }
    let importance = service.get("/models/kinds/versions/1/importance").await.body;
    service = service.restarted().await;
    for (path, before) in paths.into_iter().zip(before) {
        assert_eq!(service.post(path, rows.clone()).await.body, before, "{path}");
    }
    assert_eq!(service.get("/models/kinds/versions/1/importance").await.body, importance);
}

#[tokio::test]
async fn an_exported_version_predicts_the_same_where_it_is_imported() {
    let service = with_weights().await;
    let rows = json!({"records": records(&service, "more").await});
    let other = TestApp::start().await;
    for model in ["kinds", "weights"] {
        let file = service.get(&format!("/models/{model}/versions/1/export")).await.body;
        let path = format!("/models/import?name={model}");
        let imported = other.post_file(&path, "application/octet-stream", file).await.expect(201);
        assert_eq!((&imported["kind"], &imported["dataset_id"]), (&json!("dataset"), &Value::Null));
        let original = service.get(&format!("/models/{model}")).await.expect(200);
        for field in ["target", "task", "features", "classes", "hidden_layers", "layers", "parameter_count"] {
            assert_eq!(imported[field], original[field], "{field}");
        }
        let path = format!("/models/{model}/predict?interval=0.9");
        let [here, there] = [&service, &other].map(|service| service.post(&path, rows.clone()));
        let predictions = |reply: Reply| reply.expect(200)["predictions"].clone();
        assert_eq!(predictions(there.await), predictions(here.await));
        let path = format!("/models/{model}/versions/1/importance");
        let features = |reply: Reply| reply.expect(200)["features"].clone();
        assert_eq!(features(other.get(&path).await), features(service.get(&path).await));
        let problem = other.post(&format!("/models/{model}/train"), json!({})).await.problem(422, "missing_field");
        assert_eq!(problem["errors"][0]["pointer"], "/dataset");
    }
    other.post_csv("/datasets?name=here", fruit_csv(0..300)).await.expect(201);
    let job = other.train("kinds", json!({"dataset": "here", "epochs": 3})).await;
    assert_eq!((&job["state"], &job["version"]), (&json!("succeeded"), &json!(2)));
}

#[tokio::test]
async fn a_column_of_many_words_is_learned_kept_and_exported() {
    let service = TestApp::start().await;
    let mut csv = "city,noise,rent\n".to_owned();
    for row in 0..600_u32 {
        let city = row * 7 % 60;
        csv += &format!("city{city},{},{}\n", row * 31 % 47, 500 + city * 20 + row % 3);
    }
    service.post_csv("/datasets?name=rents", csv).await.expect(201);
    let model = json!({"name": "rents", "dataset": "rents", "target": "rent", "hidden_layers": [32], "dropout": 0});
    service.post("/models", model).await.expect(201);
    let job = service.train("rents", json!({"epochs": 200})).await;
    assert!(job["metrics"]["r2"].as_f64() > Some(0.9), "{}", job["metrics"]);
    let rows = json!({"records": [{"city": "city3", "noise": 5}, {"city": "city59", "noise": 5}, {"city": "elsewhere"},
                                  {"noise": 5}]});
    let before = service.post("/models/rents/predict", rows.clone()).await.expect(200);
    let value = |index: usize| before["predictions"][index]["value"].as_f64().expect("a number");
    assert!(value(0) < 800.0 && value(1) > 1400.0, "{before}");
    assert_eq!(before["predictions"][2]["flags"][0], json!({"column": "city", "flag": "unseen_category"}));
    let service = service.restarted().await;
    assert_eq!(service.post("/models/rents/predict", rows.clone()).await.expect(200), before);
    let file = service.get("/models/rents/versions/1/export").await.body;
    service.post_file("/models/import?name=copy", "application/octet-stream", file).await.expect(201);
    let copy = service.post("/models/copy/predict", rows).await.expect(200);
    assert_eq!(copy["predictions"], before["predictions"]);
}

#[tokio::test]
async fn the_largest_numbers_leave_a_version_that_is_read_again() {
    let service = TestApp::start().await;
    let big = |i: i32| if i % 2 == 0 { "1.7e308" } else { "-1.7e308" };
    let csv = (0..200).fold("x,z,y\n".to_owned(), |csv, i| csv + &format!("{},{},{}\n", big(i), i * 7 % 11, i % 3));
    let job = service.post_csv("/train?name=big&target=y&epochs=2&task=classification", csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    let asked = json!([{"x": 1.7e308, "z": 3}, {"x": 0, "z": 3}]);
    let before = predict(&service, "/models/big/predict", &asked).await;
    let service = service.restarted().await;
    assert_eq!(predict(&service, "/models/big/predict", &asked).await, before);
}

#[tokio::test]
async fn words_beyond_what_a_file_may_hold_count_as_rare() {
    let service = TestApp::start().await;
    // 9,000 words of 900 bytes, three rows each: twice what is kept.
    let word = |i: usize| format!("{i:05}{}", "w".repeat(895));
    let mut csv = String::from("w,x,y\n");
    (0..27_000).for_each(|row| csv.push_str(&format!("{},{},{}\n", word(row % 9000), row % 7, row % 2)));
    let path = "/train?name=words&target=y&epochs=1&hidden_layers=4&types=%7B%22w%22:%22categorical%22%7D";
    let job = service.post_csv(path, csv).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let asked = json!([{"w": word(8999), "x": 1}, {"w": "never", "x": 1}]);
    let before = predict(&service, "/models/words/predict", &asked).await;
    let service = service.restarted().await;
    assert_eq!(predict(&service, "/models/words/predict", &asked).await, before);
}

#[tokio::test]
async fn a_version_that_a_training_goes_on_from_is_not_deleted() {
    let (service, _) = fruit_service().await;
    service.train("kinds", json!({"epochs": 2})).await;
    service.post_empty("/models/kinds/versions/1/activate").await.expect(200);
    let endless = json!({"epochs": 1_000_000, "early_stopping": null, "warm_start": true});
    let job = service.post("/models/kinds/train", endless).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    eventually("the training runs", async || service.get(&path).await.expect(200)["epoch"] != 0).await;
    service.post_empty("/models/kinds/versions/2/activate").await.expect(200);
    service.delete("/models/kinds/versions/1").await.problem(409, "model_busy");
    service.post_empty(&format!("{path}/cancel")).await.expect(200);
    service.delete("/models/kinds/versions/1").await.expect(204);
}
