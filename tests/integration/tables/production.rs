//! A careful way into production: versions measured and named before one of them serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::activation::{active_version, line_service};
use super::fruit::{fruit_csv, fruit_service, peach, predict, records};
use crate::support::{TestApp, text};

#[tokio::test]
async fn a_version_is_measured_and_named_before_it_serves() {
    let (service, _) = fruit_service().await;
    let job = service.train("kinds", json!({"epochs": 2, "activate": "never"})).await;
    assert_eq!((&job["version"], &job["config"]["activate"]), (&json!(2), &json!("never")), "{job}");
    assert_eq!(active_version(&service, "kinds").await, 1);
    let data = json!({"dataset": "more"});
    let active = service.post("/models/kinds/evaluate", data.clone()).await.expect(200);
    let first = service.post("/models/kinds/versions/1/evaluate", data.clone()).await.expect(200);
    assert_eq!(first, active);
    let second = service.post("/models/kinds/versions/2/evaluate", data.clone()).await.expect(200);
    assert_eq!((&second["version"], &second["rows"]), (&json!(2), &json!(120)));
    assert_ne!(second["metrics"], first["metrics"]);
    let set = service.put("/models/kinds/aliases/canary", json!({"version": 2})).await.expect(200);
    assert_eq!((&set["alias"], &set["version"]), (&json!("canary"), &json!(2)));
    assert_eq!(service.post("/models/kinds/versions/canary/evaluate", data).await.expect(200), second);
    let by_number = predict(&service, "/models/kinds/versions/2/predict", &peach()).await;
    assert_eq!(predict(&service, "/models/kinds/versions/canary/predict", &peach()).await, by_number);
    let by_default = predict(&service, "/models/kinds/predict", &peach()).await;
    assert_eq!(predict(&service, "/models/kinds/versions/active/predict", &peach()).await, by_default);
    assert_ne!(by_default, by_number);
    let activated = service.post_empty("/models/kinds/versions/canary/activate").await.expect(200);
    assert_eq!(activated["active_version"], 2);
}

#[tokio::test]
async fn an_alias_moves_outlives_a_restart_and_keeps_its_version() {
    let (service, _) = fruit_service().await;
    service.train("kinds", json!({"epochs": 2, "activate": "never"})).await;
    service.put("/models/kinds/aliases/stable", json!({"version": 2})).await.expect(200);
    service.put("/models/kinds/aliases/canary", json!({"version": 2})).await.expect(200);
    let aliases = async |service: &TestApp| {
        let list = service.get("/models/kinds/aliases").await.expect(200)["data"].clone();
        let named = |alias: &Value| (text(&alias["alias"]).to_owned(), alias["version"].clone());
        list.as_array().expect("a list").iter().map(named).collect::<Vec<_>>()
    };
    let expected = |names: &[(&str, u64)]| -> Vec<(String, Value)> {
        names.iter().map(|(name, version)| ((*name).to_owned(), json!(version))).collect()
    };
    assert_eq!(aliases(&service).await, expected(&[("active", 1), ("canary", 2), ("stable", 2)]));
    let shown = service.get("/models/kinds/versions/canary").await.expect(200);
    assert_eq!((&shown["version"], &shown["aliases"]), (&json!(2), &json!(["canary", "stable"])));
    let problem = service.delete("/models/kinds/versions/2").await.problem(409, "version_aliased");
    assert!(text(&problem["detail"]).contains("canary"), "{problem}");
    service.put("/models/kinds/aliases/canary", json!({"version": 1})).await.expect(200);
    let service = service.restarted().await;
    assert_eq!(aliases(&service).await, expected(&[("active", 1), ("canary", 1), ("stable", 2)]));
    service.delete("/models/kinds/aliases/stable").await.expect(204);
    service.delete("/models/kinds/aliases/stable").await.problem(404, "version_not_found");
    service.delete("/models/kinds/versions/2").await.expect(204);
    let problem = service.post("/models/kinds/versions/stable/predict", json!({"records": peach()})).await;
    assert!(text(&problem.problem(404, "version_not_found")["detail"]).contains("stable"));
    for word in ["active", "Canary", "1st", "a.b", &"a".repeat(33)] {
        let path = format!("/models/kinds/aliases/{word}");
        service.put(&path, json!({"version": 1})).await.problem(422, "invalid_value");
    }
    service.put("/models/kinds/aliases/next", json!({"version": 9})).await.problem(404, "version_not_found");
    for alias in 0..31 {
        service.put(&format!("/models/kinds/aliases/a{alias}"), json!({"version": 1})).await.expect(200);
    }
    service.put("/models/kinds/aliases/one-more", json!({"version": 1})).await.problem(422, "invalid_value");
    service.put("/models/kinds/aliases/a30", json!({"version": 1})).await.expect(200);
    service.delete("/models/kinds").await.expect(204);
}

#[tokio::test]
async fn a_model_that_is_not_trained_has_the_alias_active_and_no_version_of_it() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "m", "layers": [2, 1]})).await.expect(201);
    let list = service.get("/models/m/aliases").await.expect(200);
    assert_eq!(list["data"], json!([{"alias": "active", "version": null, "updated_at": null}]));
    service.get("/models/m/versions/active").await.problem(409, "model_not_trained");
    let data = json!({"inputs": [[0, 1]], "targets": [1]});
    service.post("/models/m/versions/active/evaluate", data.clone()).await.problem(409, "model_not_trained");
    service.post("/models/m/versions/1/evaluate", data).await.problem(404, "version_not_found");
    let job = service.train("m", json!({"inputs": [[0, 1]], "targets": [1], "epochs": 1, "activate": "never"})).await;
    assert_eq!((&job["version"], &active_version(&service, "m").await), (&json!(1), &Value::Null));
    service.post_empty("/models/m/versions/1/activate").await.expect(200);
}

#[tokio::test]
async fn a_client_that_watches_sees_one_version_or_the_other() {
    let service = Arc::new(line_service().await);
    let asked = json!([{"x": 500, "z": 3}, {"x": 20, "z": 90}]);
    service.train("line", json!({"epochs": 3, "activate": "never"})).await;
    service.put("/models/line/aliases/watched", json!({"version": 1})).await.expect(200);
    let mut answers = Vec::new();
    for version in [1, 2] {
        let path = format!("/models/line/versions/{version}/predict");
        answers.push((json!(version), predict(&service, &path, &asked).await));
    }
    let over = Arc::new(AtomicBool::new(false));
    let watch = |path: &'static str| {
        let (service, over, asked) = (service.clone(), over.clone(), asked.clone());
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let reply = service.post(path, json!({"records": asked})).await.expect(200);
                seen.push((reply["version"].clone(), reply["predictions"].clone()));
            }
            seen
        })
    };
    let watchers = ["/models/line/versions/watched/predict", "/models/line/predict"].map(watch);
    for round in 0..20 {
        let version = 1 + round % 2;
        service.put("/models/line/aliases/watched", json!({"version": version})).await.expect(200);
        service.post_empty(&format!("/models/line/versions/{version}/activate")).await.expect(200);
        // Whoever asks after the change was acknowledged gets the new one.
        let path = "/models/line/versions/watched/predict";
        let reply = service.post(path, json!({"records": asked})).await.expect(200);
        assert_eq!(reply["version"], version);
    }
    over.store(true, Ordering::Relaxed);
    for watcher in watchers {
        let seen = watcher.await.expect("no panic");
        assert!(!seen.is_empty());
        seen.iter().for_each(|seen| assert!(answers.contains(seen), "{seen:?}"));
    }
}

#[tokio::test]
async fn a_later_training_may_bring_columns_and_classes() {
    let service = TestApp::start().await;
    let small = |row: u32| format!("{},{}\n", row % 10, if row % 10 < 5 { "low" } else { "high" });
    let wide = |row: u32| {
        let y = ["low", "high", "none"][(row % 3) as usize];
        format!("{},{},{y}\n", row % 10, row % 3)
    };
    let csv = |header: &str, rows: u32, row: &dyn Fn(u32) -> String| {
        (0..rows).map(row).fold(header.to_owned(), |csv, row| csv + &row)
    };
    service.post_csv("/train?name=m&target=y&epochs=3&recipe=plain", csv("a,y\n", 200, &small)).await.expect(202);
    service.post_csv("/datasets?name=wide", csv("a,b,y\n", 300, &wide)).await.expect(201);
    let first = service.get("/models/m").await.expect(200);
    let weighted = json!({"dataset": "wide", "features": ["a", "b"], "epochs": 40, "class_weight": {"none": 2}});
    let job = service.train("m", weighted).await;
    assert_eq!((&job["state"], &job["config"]["features"]), (&json!("succeeded"), &json!(["a", "b"])), "{job}");
    let model = service.get("/models/m").await.expect(200);
    let data = service.get("/datasets/wide").await.expect(200);
    assert_eq!(model["features"], json!(["a", "b"]));
    assert_eq!((&model["classes"], &model["dataset_id"]), (&json!(["high", "low", "none"]), &data["id"]));
    let versions = service.get("/models/m/versions").await.expect(200);
    let [second, old] = &versions["data"].as_array().expect("a list")[..] else { panic!("two versions") };
    assert_eq!((&second["dataset_id"], &second["features"]), (&data["id"], &json!(["a", "b"])));
    assert_eq!((&old["dataset_id"], &old["features"]), (&first["dataset_id"], &json!(["a"])));
    assert_eq!((&second["classes"], &old["classes"]), (&json!(["high", "low", "none"]), &json!(["high", "low"])));
    assert!(second["rows"].as_u64() > Some(200) && old["rows"].as_u64() < Some(200), "{versions}");
    let answer = predict(&service, "/models/m/predict", &json!({"a": 1, "b": 2})).await;
    assert_eq!(answer[0]["label"], "none");
    // A warm start goes on with the columns and the classes of the version that it starts from.
    let warm = service.train("m", json!({"dataset": "wide", "warm_start": true, "epochs": 2})).await;
    assert_eq!(warm["state"], "succeeded", "{warm}");
    assert_eq!(service.get("/models/m/versions/3").await.expect(200)["features"], json!(["a", "b"]));
    // A training that names none has those that the model was made with.
    service.train("m", json!({"dataset": "wide", "epochs": 2, "activate": "never"})).await;
    assert_eq!(service.get("/models/m/versions/4").await.expect(200)["features"], json!(["a"]));
    let cases = [
        (json!({"dataset": "wide", "features": ["a", "c"]}), "/features/1"),
        (json!({"dataset": "wide", "features": ["y"]}), "/features/0"),
        (json!({"dataset": "wide", "features": ["a", "b"], "warm_start": true}), "/features"),
        (json!({"dataset": "wide", "class_weight": {"other": 2}}), "/class_weight"),
        (json!({"class_weight": {"none": 2}}), "/class_weight"),
    ];
    for (body, pointer) in cases {
        let problem = service.post("/models/m/train", body).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let service = service.restarted().await;
    // Another version serves by now.
    let mut second = second.clone();
    second["active"] = json!(false);
    assert_eq!(service.get("/models/m/versions/2").await.expect(200), second);
}

#[tokio::test]
async fn rows_are_counted_from_one_in_every_message() {
    let (service, _) = fruit_service().await;
    let odd = fruit_csv(0..3).replace(",apple", ",quince").replace(",plum", ",quince").replace(",peach", ",quince");
    service.post_csv("/datasets?name=odd", odd).await.expect(201);
    let problem = service.post("/models/kinds/evaluate", json!({"dataset": "odd"})).await.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).contains("in row 1,"), "{problem}");
    let mut rows = records(&service, "more").await;
    rows[2]["kind"] = json!("quince");
    let problem = service.post("/models/kinds/evaluate", json!({"records": rows})).await.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).contains("in row 3,"), "{problem}");
    let twice = r#"{"records":[{"weight":1},{"weight":1,"weight":2}]}"#;
    let problem = service.post_text("/models/kinds/predict", twice).await.problem(422, "invalid_value");
    assert!(text(&problem["detail"]).contains("row 2"), "{problem}");
    service.with_xor().await;
    let data = json!({"dataset": "more", "features": ["weight", "size"], "targets": ["weight"]});
    let problem = service.post("/models/xor/train", data).await.problem(422, "invalid_value");
    assert!(text(&problem["detail"]).contains("in row 4;"), "{problem}");
}
