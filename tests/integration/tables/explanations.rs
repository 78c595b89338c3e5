//! Why a version answers to a row as it does: Shapley values, held against networks whose truth is known.

use serde_json::{Value, json};

use crate::support::{TestApp, text};

/// A table of `rows` rows by `a`, `b`, `word` and `noise`: `sum` adds up what it is made of, `class` does not.
fn csv(rows: usize) -> String {
    let row = |row: usize| {
        let (a, b) = ((row * 37 % 101) as f64 / 10.0, (row * 53 % 97) as f64 / 10.0);
        let (word, bonus) = [("low", 0.0), ("mid", 4.0), ("high", 9.0)][row * 7 % 3];
        let class = if (a > 5.0) == (word == "high") { "yes" } else { "no" };
        format!("{a},{b},{word},{},{},{class}\n", row * 29 % 11, 3.0 * a - 2.0 * b + bonus)
    };
    "a,b,word,noise,sum,class\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

/// A model of `csv` with these hidden layers, without the columns `left_out`.
async fn trained(service: &TestApp, name: &str, csv: String, target: &str, hidden_layers: Value, left_out: &str) {
    service.post_csv(&format!("/datasets?name={name}&skip_columns={left_out}"), csv).await.expect(201);
    let model = json!({"name": name, "dataset": name, "target": target, "hidden_layers": hidden_layers});
    service.post("/models", model).await.expect(201);
    let job = service.train(name, json!({"epochs": 60})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
}

async fn explained(service: &TestApp, model: &str, query: &str, records: Value) -> Vec<Value> {
    let path = format!("/models/{model}/predict?explain=true{query}");
    let reply = service.post(&path, json!({"records": records})).await.expect(200);
    reply["predictions"].as_array().expect("predictions").clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// What a column brings to a prediction.
fn brings(prediction: &Value, column: &str) -> f64 {
    let features = prediction["explanation"]["features"].as_array().expect("features");
    let found = features.iter().find(|feature| feature["column"] == column);
    number(&found.unwrap_or_else(|| panic!("{column}: {prediction}"))["contribution"])
}

/// Base, contributions and rest together.
fn together(prediction: &Value) -> f64 {
    let explanation = &prediction["explanation"];
    let features = explanation["features"].as_array().expect("features").iter();
    number(&explanation["base"])
        + features.map(|feature| number(&feature["contribution"])).sum::<f64>()
        + number(&explanation["rest"])
}

/// That two predictions are explained alike. What is served may differ in its last bits by how many rows are asked at once, and so
/// the rest.
fn same(one: &Value, other: &Value) {
    let [one, other] = [one, other].map(|prediction| &prediction["explanation"]);
    assert_eq!((&one["base"], &one["features"]), (&other["base"], &other["features"]));
    assert!((number(&one["rest"]) - number(&other["rest"])).abs() < 1e-4, "{one} and {other}");
}

/// A network without hidden layers adds up what its columns bring, so that what differs between two records is what the column
/// brings in which they differ.
#[tokio::test]
async fn a_linear_model_is_taken_apart_into_its_columns() {
    let service = TestApp::start().await;
    trained(&service, "sum", csv(600), "sum", json!([]), "class").await;
    let record = json!({"a": 3.0, "b": 5.0, "word": "mid", "noise": 4});
    let changed = |column: &str, value: Value| {
        let mut record = record.clone();
        record[column] = value;
        record
    };
    let records = json!([record, changed("a", json!(8.0)), changed("b", json!(1.0)), changed("word", json!("high"))]);
    let answers = explained(&service, "sum", "", records).await;
    for answer in &answers {
        assert!((together(answer) - number(&answer["value"])).abs() < 1e-6, "{answer}");
    }
    let scale = number(&answers[1]["value"]).abs().max(1.0);
    for (changed, answer) in ["a", "b", "word"].into_iter().zip(&answers[1..]) {
        let difference = number(&answer["value"]) - number(&answers[0]["value"]);
        let found = brings(answer, changed) - brings(&answers[0], changed);
        assert!((difference - found).abs() < 1e-4 * scale, "{changed}: {found} and {difference}");
        for same in ["a", "b", "word", "noise"].into_iter().filter(|column| *column != changed) {
            assert!((brings(answer, same) - brings(&answers[0], same)).abs() < 1e-4 * scale, "{same}");
        }
    }
    // The largest come first, with what was sent.
    let features = answers[1]["explanation"]["features"].as_array().expect("features");
    let sizes: Vec<f64> = features.iter().map(|feature| number(&feature["contribution"]).abs()).collect();
    assert!(sizes.is_sorted_by(|one, other| one >= other), "{sizes:?}");
    let sent = features.iter().find(|feature| feature["column"] == "a").expect("a");
    assert_eq!(sent["value"], 8.0);
    service.stop().await;
}

#[tokio::test]
async fn a_classification_adds_up_to_the_log_odds_that_are_served() {
    let service = TestApp::start().await;
    trained(&service, "class", csv(600), "class", json!([16]), "sum").await;
    let record = |row: usize| {
        let word = ["low", "high"][row % 2];
        json!({"a": row as f64 / 2.0, "word": word, "b": 3, "noise": null})
    };
    let records: Vec<Value> = (0..20).map(record).collect();
    let answers = explained(&service, "class", "&top=2", json!(records)).await;
    let plain = service.post("/models/class/predict", json!({"records": records})).await.expect(200);
    for (answer, plain) in answers.iter().zip(plain["predictions"].as_array().expect("predictions")) {
        let p = number(&answer["probability"]);
        assert!((together(answer) - (p / (1.0 - p)).ln()).abs() < 1e-3, "{answer}");
        assert_eq!(answer["explanation"]["features"].as_array().map(Vec::len), Some(2));
        assert_eq!((&answer["label"], &answer["probability"]), (&plain["label"], &plain["probability"]));
        assert_eq!(plain.get("explanation"), None);
    }
    // What the class hangs on is named.
    let named = answers[1]["explanation"]["features"].as_array().expect("features");
    let mut names: Vec<&str> = named.iter().map(|feature| text(&feature["column"])).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "word"], "{}", answers[1]);
    // It hangs on nothing but record and version: neither on the others of the request, nor on where the version is.
    let alone = explained(&service, "class", "&top=2", records[7].clone()).await;
    same(&alone[0], &answers[7]);
    let file = service.get("/models/class/versions/1/export?format=safetensors").await.body;
    service.post_file("/models/import?name=copy", "application/octet-stream", file).await.expect(201);
    let copied = explained(&service, "copy", "&top=2", records[7].clone()).await;
    same(&copied[0], &answers[7]);
    service.stop().await;
}

#[tokio::test]
async fn a_row_without_a_prediction_has_no_explanation_and_the_others_their_own() {
    let service = TestApp::start().await;
    trained(&service, "sum", csv(600), "sum", json!([8]), "class").await;
    let records = json!([{"a": 1.5}, {"a": "many"}, {"a": 7.5}]);
    let answers = explained(&service, "sum", "&on_error=row&top=4", records).await;
    assert_eq!((answers[1].get("explanation"), answers[1]["error"]["column"].as_str()), (None, Some("a")));
    for (answer, sent) in [(&answers[0], 1.5), (&answers[2], 7.5)] {
        let features = answer["explanation"]["features"].as_array().expect("features");
        let value = |column: &str| &features.iter().find(|one| one["column"] == column).expect("it is named")["value"];
        assert_eq!((value("a"), value("b")), (&json!(sent), &Value::Null));
        assert!((together(answer) - number(&answer["value"])).abs() < 1e-6);
    }
    service.stop().await;
}

#[tokio::test]
async fn what_cannot_be_explained_says_why() {
    let service = TestApp::start().await;
    trained(&service, "sum", csv(600), "sum", json!([8]), "class").await;
    let many = json!({"records": vec![json!({"a": 1}); 101]});
    service.post("/models/sum/predict?explain=true", many).await.problem(422, "invalid_value");
    service.post_csv("/models/sum/predict?explain=true", "a,b\n1,2\n").await.problem(422, "invalid_value");
    for query in ["top=3", "explain=true&top=0", "explain=true&top=101", "explain=maybe"] {
        let body = json!({"records": {"a": 1}});
        service.post(&format!("/models/sum/predict?{query}"), body).await.problem(422, "invalid_value");
    }
    service.with_xor().await;
    let row = json!({"inputs": [0, 1]});
    service.post("/models/xor/predict?explain=true", row).await.problem(422, "invalid_value");
    // A version of before explanations still predicts.
    let older = include_bytes!("../../fixtures/table-version-form-2.safetensors").to_vec();
    service.post_file("/models/import?name=older", "application/octet-stream", older).await.expect(201);
    let record = json!({"records": {"x": 12.5, "pair": "on"}});
    service.post("/models/older/predict", record.clone()).await.expect(200);
    let refused = service.post("/models/older/predict?explain=true", record).await;
    refused.problem(409, "explanation_unavailable");
    service.stop().await;
}

/// Of very many columns those of least importance count together, and the sum holds.
#[tokio::test]
async fn a_wide_table_is_explained_by_its_most_important_columns() {
    let service = TestApp::start().await;
    let columns = 200;
    let head: String = (0..columns).map(|column| format!("x{column},")).collect();
    let line = |row: usize| {
        let cells: Vec<usize> = (0..columns).map(|column| (row * (2 * column + 3) + column) % 17).collect();
        let target = 5 * cells[150] + cells[3];
        cells.iter().map(|cell| format!("{cell},")).collect::<String>() + &format!("0,{target}\n")
    };
    let csv = format!("{head}spare,y\n{}", (0..300).map(line).collect::<String>());
    trained(&service, "wide", csv, "y", json!([]), "spare").await;
    let answers = explained(&service, "wide", "&top=1", json!({"x150": 16, "x3": 5})).await;
    assert_eq!(answers[0]["explanation"]["features"][0]["column"], "x150", "{}", answers[0]);
    assert!((together(&answers[0]) - number(&answers[0]["value"])).abs() < 1e-4, "{}", answers[0]);
    service.stop().await;
}
