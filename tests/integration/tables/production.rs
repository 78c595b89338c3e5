//! A careful way into production: versions measured, named and compared before one of them serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::fruit::{fruit_csv, fruit_service, peach, predict, records};
use crate::support::{TestApp, text};

/// Rows of two numbers, of which the second says what `y` is: 3x, and noise that no model can learn.
fn line_csv(rows: std::ops::Range<u32>, slope: i64) -> String {
    let row = |i: u32| {
        let (x, noise) = (i64::from(i * 37 % 1009), i64::from(i * 7919 % 13));
        format!("{x},{},{}\n", i * 31 % 101, slope * x + noise)
    };
    rows.map(row).fold("x,z,y\n".to_owned(), |csv, row| csv + &row)
}

/// A service with the model `line` trained on the data set `line`.
async fn line_service() -> TestApp {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=line", line_csv(0..600, 3)).await.expect(201);
    let model = json!({"name": "line", "dataset": "line", "target": "y", "hidden_layers": [16], "dropout": 0});
    service.post("/models", model).await.expect(201);
    let job = service.train("line", json!({"epochs": 60})).await;
    assert_eq!((&job["state"], &job["comparison"]), (&json!("succeeded"), &Value::Null), "{job}");
    service
}

async fn active_version(service: &TestApp, model: &str) -> Value {
    service.get(&format!("/models/{model}")).await.expect(200)["active_version"].clone()
}

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
async fn a_retraining_that_is_worse_does_not_serve_if_better_is_asked_for() {
    let service = line_service().await;
    let asked = json!([{"x": 500, "z": 3}, {"x": 20, "z": 90}]);
    let before = predict(&service, "/models/line/predict", &asked).await;
    let worse = service.train("line", json!({"epochs": 1, "learning_rate": 1e-6, "activate": "if_better"})).await;
    let comparison = &worse["comparison"];
    assert_eq!(
        (&worse["state"], &worse["version"], &comparison["activated"]),
        (&json!("succeeded"), &json!(2), &json!(false))
    );
    let number = |name: &str| comparison[name].as_f64().unwrap_or_else(|| panic!("{name}: {worse}"));
    assert!(number("candidate") > number("active") && number("rows") > 50.0, "{worse}");
    assert_eq!((&comparison["metric"], &comparison["active_version"]), (&json!("rmse"), &json!(1)));
    assert_eq!(active_version(&service, "line").await, 1);
    assert_eq!(predict(&service, "/models/line/predict", &asked).await, before);
    // The rows held out are the same, as seed and data are: what is told of the new version is what its own measures say.
    let own = worse["metrics"]["rmse"].as_f64().expect("a number");
    assert!((number("candidate") - own).abs() < 1e-6 * own, "{worse}");
    let better = service.train("line", json!({"epochs": 200, "activate": "if_better"})).await;
    assert_eq!(better["comparison"]["activated"], true, "{better}");
    assert!(better["comparison"]["candidate"].as_f64() < better["comparison"]["active"].as_f64(), "{better}");
    assert_eq!(active_version(&service, "line").await, 3);
    let told = better["comparison"].clone();
    let path = format!("/jobs/{}", text(&better["id"]));
    let service = service.restarted().await;
    assert_eq!(service.get(&path).await.expect(200)["comparison"], told);
}

#[tokio::test]
async fn what_cannot_be_compared_does_not_serve_and_says_why() {
    let (service, _) = fruit_service().await;
    // Another class than the active version knows.
    service.post_csv("/datasets?name=pears", fruit_csv(0..300).replace("apple", "pear")).await.expect(201);
    let job = service.train("kinds", json!({"dataset": "pears", "epochs": 2, "activate": "if_better"})).await;
    let reason = text(&job["comparison"]["reason"]);
    assert!(reason.contains("pear") && job["comparison"]["activated"] == false, "{job}");
    assert_eq!(job["comparison"]["candidate"], Value::Null);
    // No row held out.
    let none = json!({"epochs": 2, "validation_split": 0, "activate": "if_better"});
    let job = service.train("kinds", none).await;
    assert_eq!((&job["comparison"]["rows"], &job["comparison"]["activated"]), (&json!(0), &json!(false)), "{job}");
    assert_eq!(active_version(&service, "kinds").await, 1);
    // Both measured on a data set of their own: all of its rows.
    let apart = |epochs: u32| json!({"epochs": epochs, "validation": {"dataset": "more"}, "activate": "if_better"});
    service.post_empty("/models/kinds/versions/1/activate").await.expect(200);
    service.train("kinds", json!({"epochs": 2, "validation": {"dataset": "more"}})).await;
    let better = service.train("kinds", apart(120)).await;
    assert_eq!(
        (&better["comparison"]["rows"], &better["comparison"]["activated"]),
        (&json!(120), &json!(true)),
        "{better}"
    );
    assert_eq!(better["comparison"]["metric"], "log_loss");
    let worse = service.train("kinds", apart(1)).await;
    assert_eq!(
        (&worse["comparison"]["rows"], &worse["comparison"]["activated"]),
        (&json!(120), &json!(false)),
        "{worse}"
    );
}

#[tokio::test]
async fn the_first_version_serves_if_better_is_asked_for() {
    let service = TestApp::start().await;
    let path = "/train?name=fruit&target=kind&epochs=2&activate=if_better&class_weight=balanced";
    let job = service.post_csv(path, fruit_csv(0..300)).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!((&job["comparison"]["activated"], &job["comparison"]["rows"]), (&json!(true), &json!(0)), "{job}");
    assert_eq!(
        (&job["config"]["class_weight"], &active_version(&service, "fruit").await),
        (&json!("balanced"), &json!(1))
    );
    let path = "/train?name=other&target=kind&epochs=2&class_weight=heavy";
    let problem = service.post_csv(path, fruit_csv(0..300)).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["parameter"], "class_weight");
    let path = "/train?name=later&target=kind&epochs=2&activate=never";
    let job = service.post_csv(path, fruit_csv(0..300)).await.expect(202);
    assert_eq!(service.ended(&job).await["version"], 1);
    assert_eq!(active_version(&service, "later").await, Value::Null);
}

#[tokio::test]
async fn versions_by_layer_sizes_are_compared_by_their_loss() {
    let service = TestApp::start().await;
    let inputs: Vec<[f64; 2]> = (0..200).map(|i| [f64::from(i % 17) / 17.0, f64::from(i % 13) / 13.0]).collect();
    let targets: Vec<f64> = inputs.iter().map(|[a, b]| 2.0 * a - b).collect();
    service.post("/models", json!({"name": "m", "layers": [2, 1]})).await.expect(201);
    let training = |epochs: u32, rate: f64| {
        json!({"inputs": inputs, "targets": targets, "epochs": epochs, "learning_rate": rate, "validation_split": 0.25,
               "activate": "if_better"})
    };
    assert_eq!(service.train("m", training(20, 0.01)).await["comparison"]["activated"], true);
    let worse = service.train("m", training(1, 1e-7)).await;
    assert_eq!(
        (&worse["comparison"]["metric"], &worse["comparison"]["activated"]),
        (&json!("loss"), &json!(false)),
        "{worse}"
    );
    assert_eq!(worse["comparison"]["candidate"], worse["validation_loss"]);
    let better = service.train("m", training(60, 0.01)).await;
    assert_eq!(
        (&better["comparison"]["activated"], &active_version(&service, "m").await),
        (&json!(true), &json!(3)),
        "{better}"
    );
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
    service.post_csv("/train?name=m&target=y&epochs=3", csv("a,y\n", 200, &small)).await.expect(202);
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
    assert_eq!(service.get("/models/m/versions/2").await.expect(200), *second);
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

#[tokio::test]
async fn a_data_set_grows_into_a_new_one_that_takes_its_name() {
    let (service, _) = fruit_service().await;
    let old = service.get("/datasets/fruit").await.expect(200);
    let grown = service.post_csv("/datasets/fruit/append", fruit_csv(300..420)).await.expect(201);
    assert_eq!((&grown["name"], &grown["rows"], &grown["parent_id"]), (&json!("fruit"), &json!(420), &old["id"]));
    // As if all rows had come at once.
    let whole = service.post_csv("/datasets?name=whole", fruit_csv(0..420)).await.expect(201);
    assert_eq!((&grown["columns"], &whole["parent_id"]), (&whole["columns"], &Value::Null));
    assert_eq!(records(&service, "fruit").await, records(&service, "whole").await);
    let before = service.get(&format!("/datasets/{}", text(&old["id"]))).await.expect(200);
    assert_eq!((&before["name"], &before["rows"], &before["columns"]), (&Value::Null, &json!(300), &old["columns"]));
    // A row that was held out stays so: the rows that the version before was not trained on are compared.
    let job = service.train("kinds", json!({"dataset": "fruit", "epochs": 120, "activate": "if_better"})).await;
    assert!(job["comparison"]["rows"].as_u64() > Some(40), "{job}");
    // Another name leaves the old one its own.
    let path = "/datasets/fruit/append?name=more-fruit";
    let other = service.post_csv(path, fruit_csv(420..430)).await.expect(201);
    assert_eq!(
        (&other["name"], &other["rows"], &other["parent_id"]),
        (&json!("more-fruit"), &json!(430), &grown["id"])
    );
    assert_eq!(service.get("/datasets/fruit").await.expect(200)["id"], grown["id"]);
    service.post_csv(path, fruit_csv(420..430)).await.problem(409, "name_taken");
    // Whoever begins with a data set that has given up its name makes one without.
    let path = format!("/datasets/{}/append", text(&old["id"]));
    let unnamed = service.post_csv(&path, fruit_csv(300..301)).await.expect(201);
    assert_eq!((&unnamed["name"], &unnamed["rows"]), (&Value::Null, &json!(301)));
}

#[tokio::test]
async fn rows_that_are_appended_have_the_old_columns_with_their_types_and_may_have_new_ones() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=t", "when,size,word\n2024-01-05,1.5,a\n2024-02-06,,b\n").await.expect(201);
    let rows =
        json!([{"word": "c", "late": 7, "size": 2, "when": "2024-03-07"}, {"when": null, "size": null, "word": "a"}]);
    let grown = service.post("/datasets/t/append", rows).await.expect(201);
    let kinds = |set: &Value| -> Vec<(String, String)> {
        let columns = set["columns"].as_array().expect("a list").iter();
        columns.map(|column| (text(&column["name"]).to_owned(), text(&column["type"]).to_owned())).collect()
    };
    let named = |names: [(&str, &str); 4]| names.map(|(name, kind)| (name.to_owned(), kind.to_owned())).to_vec();
    let expected = named([("when", "datetime"), ("size", "numeric"), ("word", "categorical"), ("late", "numeric")]);
    assert_eq!(kinds(&grown), expected);
    let rows = records(&service, "t").await;
    let all: Vec<(&Value, &Value, &Value)> =
        rows.iter().map(|row| (&row["size"], &row["word"], &row["late"])).collect();
    let (null, none) = (Value::Null, Value::Null);
    let expected = [
        (json!(1.5), json!("a"), null.clone()),
        (null.clone(), json!("b"), null.clone()),
        (json!(2), json!("c"), json!(7)),
        (none, json!("a"), null),
    ];
    let same = |(found, expected): (&(&Value, &Value, &Value), &(Value, Value, Value))| {
        let number = |value: &Value| value.as_f64();
        (number(found.0), found.1, number(found.2)) == (number(&expected.0), &expected.1, number(&expected.2))
    };
    assert!(all.len() == 4 && all.iter().zip(&expected).all(same), "{rows:?}");
    let lacking =
        service.post_csv("/datasets/t/append", "when,size,late\n2024-01-05,1,1\n").await.problem(422, "unfit_data");
    assert!(text(&lacking["detail"]).contains("\"word\""), "{lacking}");
    let wrong = "when,size,word,late\n2024-01-05,1,a,1\n2024-01-05,wide,a,1\n";
    let problem = service.post_csv("/datasets/t/append", wrong).await.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).starts_with("line 3") && text(&problem["detail"]).contains("size"), "{problem}");
    service.post_csv("/datasets/none/append", "a\n1\n").await.problem(404, "dataset_not_found");
    assert_eq!(service.get("/datasets/t").await.expect(200)["rows"], 4);
}

#[tokio::test]
async fn of_those_who_append_at_once_one_goes_first_and_the_others_are_told() {
    let service = Arc::new(TestApp::start().await);
    service.post_csv("/datasets?name=t", fruit_csv(0..50)).await.expect(201);
    let appending = (1..=4).map(|part| {
        let service = service.clone();
        tokio::spawn(async move {
            let reply = service.post_csv("/datasets/t/append", fruit_csv(part * 50..part * 50 + 50)).await;
            reply.status
        })
    });
    let mut statuses = Vec::new();
    for one in appending.collect::<Vec<_>>() {
        statuses.push(one.await.expect("no panic"));
    }
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    let done = statuses.iter().filter(|status| **status == 201).count() as u64;
    assert!(done >= 1);
    let grown = service.get("/datasets/t").await.expect(200);
    assert_eq!(grown["rows"].as_u64(), Some(50 + 50 * done), "no row is lost, and none twice");
    let listed = service.get("/datasets").await.expect(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1 + done as usize), "{listed}");
}
