//! A version of several networks made one, which learns what they answer.

use serde_json::{Value, json};

use super::fruit::{fruit_csv, fruit_service, kinds, predict, with_weights};
use super::members::parameters;
use crate::support::{TestApp, eventually, text};

/// Of all rows, or those that `train` names.
async fn distilled(service: &TestApp, model: &str, settings: Value) -> Value {
    let job = service.train(model, settings).await;
    assert_eq!((&job["state"], &job["config"]["members"]), (&json!("succeeded"), &json!(1)), "{job}");
    assert!(job["metrics"]["linear_share"].is_null() && job["candidates"].is_null(), "{job}");
    job["metrics"]["distilled"].clone()
}

#[tokio::test]
async fn several_networks_become_one_that_answers_alike() {
    let (service, _) = fruit_service().await;
    let several = service.train("kinds", json!({"members": 4, "validation_split": 0.25, "epochs": 120})).await;
    assert_eq!(several["metrics"]["rows_used"], "validation", "{several}");
    let job = service.train("kinds", json!({"distill": 2, "epochs": 200, "activate": "if_better"})).await;
    let found = job["metrics"]["distilled"].clone();
    // Between them, its networks have learned from all rows: no row tells how good one that learned of them is.
    let known = |job: &Value| {
        job["warnings"].as_array().expect("warnings").iter().any(|one| one["code"] == "distilled_rows_known")
    };
    assert_eq!((&found["version"], &found["metric"], &found["rows"]), (&json!(2), &json!("log_loss"), &json!(0)));
    assert!(known(&job) && text(&found["reason"]).contains("/evaluate") && found["value"].is_null(), "{job}");
    assert_eq!((&job["comparison"]["rows"], &job["comparison"]["activated"]), (&json!(0), &json!(false)), "{job}");
    let version = service.get("/models/kinds/versions/3").await.expect(200);
    assert_eq!(version["metrics"]["distilled"], found, "the version says so, too");
    let one = parameters(&service, "kinds", 3).await;
    assert!(one["layers"].is_array() && one["members"].is_null(), "one network");

    // What it learned are the answers of the version, which differ from those of any network alone.
    let row = |row: u64| json!({"weight": 50 + row * 37 % 101, "size": 20.5, "colour": "red", "fresh": true, "picked": "2024-05-06"});
    let records = json!((0..60).map(row).collect::<Vec<Value>>());
    let mut likely = Vec::new();
    for version in 2..=3 {
        let answers = predict(&service, &format!("/models/kinds/versions/{version}/predict"), &records).await;
        let answers = answers.as_array().expect("predictions").iter();
        likely.push(answers.map(|answer| answer["label"].clone()).collect::<Vec<Value>>());
    }
    let same = likely[0].iter().zip(&likely[1]).filter(|(one, other)| one == other).count();
    assert!(same >= 54, "{same} of 60 alike");

    // It has the scores of its version: where both are as sure, both have the same label sets.
    let sets = async |version: u64| {
        let path = format!("/models/kinds/versions/{version}/predict?interval=0.9");
        let records =
            json!({"records": [{"weight": 84, "size": 20.5, "colour": "red", "fresh": true, "picked": "2024-05-06"}]});
        service.post(&path, records).await.expect(200)["predictions"][0]["label_set"].clone()
    };
    assert_eq!(sets(2).await, sets(3).await);
    assert_eq!(found["measures_flatter"], true);

    // Rows that are apart tell: the test of both.
    let apart = json!({"distill": 2, "epochs": 200, "validation": {"dataset": "more"}});
    let apart = service.train("kinds", apart).await;
    let found_apart = &apart["metrics"]["distilled"];
    let [value, of_version] = ["value", "of_version"].map(|name| found_apart[name].as_f64().expect("a number"));
    assert!(found_apart["rows"] == 120 && value < of_version + 0.15 && !known(&apart), "{apart}");

    // The same again.
    let again = distilled(&service, "kinds", json!({"distill": 2, "epochs": 200})).await;
    assert_eq!(again, found);
    assert_eq!(parameters(&service, "kinds", 5).await["layers"], one["layers"]);
    service.stop().await;
}

#[tokio::test]
async fn numbers_are_learned_on_the_scale_of_the_version() {
    let service = with_weights().await;
    let training = json!({"target_scale": "log1p", "epochs": 120});
    let one = service.train("weights", training.clone()).await;
    assert_eq!(one["metrics"]["target_scale"], "log1p", "{one}");
    let job = service.train("weights", json!({"distill": 2, "epochs": 150})).await;
    let (metrics, found) = (&job["metrics"], &job["metrics"]["distilled"]);
    assert_eq!((&metrics["target_scale"], &found["metric"]), (&json!("log1p"), &json!("rmse")), "{job}");
    let [value, of_version] = ["value", "of_version"].map(|name| found[name].as_f64().expect("a number"));
    assert!(value < 1.5 * of_version && found["rows"] == metrics["rows"], "both held out the same rows: {found}");
    assert_eq!(found["value"], metrics["rmse"]);
    // The baselines are of what is true: both held out and trained on the same rows.
    assert_eq!(metrics["baselines"], one["metrics"]["baselines"]);
    assert!(found["measures_flatter"].is_null(), "{found}");

    // Of three networks with rows of their own each: intervals are taken over, and none is known to be good.
    let mut several = training;
    several["members"] = json!(3);
    service.train("weights", several).await;
    let job = service.train("weights", json!({"distill": 4, "epochs": 150})).await;
    let (metrics, found) = (&job["metrics"], &job["metrics"]["distilled"]);
    assert!(found["measures_flatter"] == true && found["rows"] == 0 && metrics["target_scale"] == "log1p", "{job}");
    let records = json!({"records": [{"weight": 84, "size": 20.5, "colour": "red", "fresh": true, "kind": "plum"}]});
    let width = async |version: u64| {
        let path = format!("/models/weights/versions/{version}/predict?interval=0.9&unknown=ignore");
        let answer = service.post(&path, records.clone()).await.expect(200)["predictions"][0].clone();
        answer["upper"].as_f64().expect("a number") - answer["lower"].as_f64().expect("a number")
    };
    let [of_version, of_one] = [width(4).await, width(5).await];
    assert!((of_one / of_version - 1.0).abs() < 0.3, "{of_version} {of_one}");
    service.stop().await;
}

/// A row of another data set is unknown to the version, too, where its content would have been held out.
#[tokio::test]
async fn other_rows_can_be_learned_and_where_none_are_held_out_it_says_so() {
    let (service, _) = fruit_service().await;
    let found = distilled(&service, "kinds", json!({"distill": 1, "dataset": "more", "epochs": 30})).await;
    assert!(found["rows"].as_u64() > Some(5), "{found}");
    let found = distilled(&service, "kinds", json!({"distill": 1, "seed": 9, "epochs": 30})).await;
    assert!((1..40).contains(&found["rows"].as_u64().expect("a count")), "those that both held out: {found}");
    let found = distilled(&service, "kinds", json!({"distill": 1, "validation_split": 0, "epochs": 30})).await;
    assert_eq!((&found["rows"], &found["value"], &found["of_version"]), (&json!(0), &Value::Null, &Value::Null));
    assert!(text(&found["reason"]).contains("/evaluate"), "{found}");
    service.stop().await;
}

#[tokio::test]
async fn what_cannot_be_distilled_is_told() {
    let (service, _) = fruit_service().await;
    let refused = async |model: &str, body: Value, pointer: &str| {
        let problem = service.post(&format!("/models/{model}/train"), body).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    };
    refused("kinds", json!({"distill": 7}), "/distill").await;
    refused("kinds", json!({"distill": 1, "members": 2}), "/members").await;
    refused("kinds", json!({"distill": 1, "candidates": 2}), "/candidates").await;
    refused("kinds", json!({"distill": 1, "warm_start": true}), "/warm_start").await;
    refused("kinds", json!({"distill": 1, "class_weight": "balanced"}), "/class_weight").await;
    refused("kinds", json!({"distill": 1, "label_smoothing": 0.1}), "/label_smoothing").await;
    refused("kinds", json!({"distill": 1, "features": ["weight"]}), "/features").await;
    service.post("/models", json!({"name": "xor", "layers": [2, 2, 1]})).await.expect(201);
    refused("xor", json!({"distill": 1, "inputs": [[0, 1]], "targets": [1]}), "/distill").await;
    service.stop().await;
}

/// It is read again when the job goes on.
#[tokio::test]
async fn a_version_stays_while_it_is_distilled_and_the_job_goes_on_after_a_restart() {
    let service = TestApp::with(|settings| settings.checkpoint_interval = std::time::Duration::from_millis(20)).await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    for name in ["whole", "broken"] {
        service.post("/models", kinds(name)).await.expect(201);
        for _ in 0..2 {
            service.train(name, json!({"members": 3, "epochs": 20})).await;
        }
    }
    let training = json!({"distill": 1, "epochs": 400, "early_stopping": {"patience": 1000}});
    let whole = service.train("whole", training.clone()).await;
    let job = service.post("/models/broken/train", training).await.expect(202);
    service.delete("/models/broken/versions/1").await.problem(409, "model_busy");
    let path = format!("/jobs/{}", text(&job["id"]));
    eventually("epochs are done", || async { service.get(&path).await.expect(200)["epoch"].as_u64() > Some(5) }).await;
    let service = service.restarted().await;
    let ended = service.ended(&job).await;
    assert_eq!((&ended["state"], &ended["metrics"]), (&json!("succeeded"), &whole["metrics"]), "{ended}");
    assert_eq!(parameters(&service, "broken", 3).await["layers"], parameters(&service, "whole", 3).await["layers"]);
    service.delete("/models/broken/versions/1").await.expect(204);
    service.stop().await;
}
