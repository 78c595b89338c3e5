//! Models by data set: from a table to a version, its predictions, and what is told about both.

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::conventions::breaches;
use crate::support::{Reply, TestApp, count, eventually, flowers_csv, numbers, text, xor_model};

/// The columns of [`fruit_csv`], in its order.
const HEADER: &str = "number,weight,size,colour,fresh,picked,note,batch,kind";

/// One row: what it weighs says what kind it is; the other columns say little or nothing.
fn fruit_row(row: u32) -> String {
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
fn fruit_csv(rows: std::ops::Range<u32>) -> String {
    rows.map(fruit_row).fold(format!("{HEADER}\n"), |csv, row| csv + &row + "\n")
}

/// A service with the data sets `fruit` and `more` and the model `kinds`, which tells kinds of fruit apart; and the job
/// that trained it.
async fn fruit_service() -> (TestApp, Value) {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    service.post_csv("/datasets?name=more", fruit_csv(300..420)).await.expect(201);
    service.post("/models", kinds("kinds")).await.expect(201);
    let job = service.train("kinds", json!({"epochs": 120})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    (service, job)
}

fn kinds(name: &str) -> Value {
    json!({"name": name, "dataset": "fruit", "target": "kind", "hidden_layers": [32]})
}

/// The same service with the model `weights` too, a regression.
async fn with_weights() -> TestApp {
    let (service, _) = fruit_service().await;
    let model = json!({"name": "weights", "dataset": "fruit", "target": "weight", "hidden_layers": [32]});
    let model = service.post("/models", model).await.expect(201);
    assert_eq!((&model["task"], &model["classes"]), (&json!("regression"), &Value::Null));
    let job = service.train("weights", json!({"epochs": 120})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    service
}

/// The rows of a data set as records.
async fn records(service: &TestApp, dataset: &str) -> Vec<Value> {
    let reply = service.get(&format!("/datasets/{dataset}/rows?limit=1000")).await.expect(200);
    reply["data"].as_array().expect("a list").clone()
}

async fn predict(service: &TestApp, path: &str, records: &Value) -> Value {
    service.post(path, json!({"records": records})).await.expect(200)["predictions"].clone()
}

/// A ripe peach as every training row might be.
fn peach() -> Value {
    json!({"weight": 100, "size": 20.5, "colour": "red", "fresh": true, "picked": "2024-05-06"})
}

fn with(record: &Value, changes: Value) -> Value {
    let mut record = record.clone();
    for (key, value) in changes.as_object().expect("an object") {
        record[key] = value.clone();
    }
    record
}

fn codes(job: &Value) -> Vec<&str> {
    job["warnings"].as_array().expect("a list").iter().map(|warning| text(&warning["code"])).collect()
}

#[tokio::test]
async fn a_table_is_learned_and_measured_beside_honest_baselines() {
    let (service, job) = fruit_service().await;
    let dataset = service.get("/datasets/fruit").await.expect(200);
    assert_eq!((&job["dataset_id"], &job["validation_dataset_id"]), (&dataset["id"], &Value::Null));
    let metrics = &job["metrics"];
    assert_eq!((&metrics["rows_used"], &metrics["rows"]), (&json!("validation"), &json!(60)));
    let accuracy = metrics["accuracy"].as_f64().expect("a number");
    let majority = &metrics["baselines"]["majority_class"];
    assert!(accuracy > 0.8 && accuracy > majority["accuracy"].as_f64().expect("a number") + 0.3, "{metrics}");
    assert!(metrics["log_loss"].as_f64() < majority["log_loss"].as_f64(), "{metrics}");
    assert!(metrics["baselines"]["linear"]["accuracy"].is_number(), "{metrics}");
    let labels: Vec<&str> =
        metrics["per_class"].as_array().expect("a list").iter().map(|c| text(&c["label"])).collect();
    assert_eq!(labels, ["apple", "peach", "plum"]);
    let version = service.get("/models/kinds/versions/1").await.expect(200);
    assert_eq!(version["metrics"], *metrics);
    let model = service.get("/models/kinds").await.expect(200);
    assert_eq!((&model["kind"], &model["dataset_id"]), (&json!("dataset"), &dataset["id"]));
    assert_eq!(model["classes"], json!(["apple", "peach", "plum"]));
    assert_eq!((&model["loss"], &model["hidden_layers"]), (&json!("cross_entropy"), &json!([32])));
    assert_eq!(model["layers"].as_array().map(|widths| widths[1..].to_vec()), Some(vec![json!(32), json!(3)]));
}

#[tokio::test]
async fn a_model_has_no_network_before_its_first_version() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..60)).await.expect(201);
    let model = service.post("/models", kinds("m")).await.expect(201);
    for field in ["layers", "activations", "dropout", "loss", "initializer", "parameter_count", "active_version"] {
        assert!(model[field].is_null(), "{field}: {model}");
    }
    let columns: Vec<&str> = HEADER.split(',').filter(|name| *name != "kind").collect();
    assert_eq!(model["features"], json!(columns));
    for path in ["/models/m/schema", "/models/m/openapi.json"] {
        service.get(path).await.problem(409, "model_not_trained");
    }
    service.post("/models/m/predict", json!({"records": {}})).await.problem(409, "model_not_trained");
}

#[tokio::test]
async fn a_model_that_does_not_go_with_its_data_is_refused_with_a_pointer() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..60)).await.expect(201);
    let cases = [
        (json!({"target": "kinds"}), "invalid_value", "/target"),
        (json!({"target": "batch"}), "invalid_value", "/target"),
        (json!({"task": "regression"}), "invalid_value", "/target"),
        (json!({"target": "picked"}), "invalid_value", "/target"),
        (json!({"features": ["weight", "wieght"]}), "invalid_value", "/features/1"),
        (json!({"features": ["kind"]}), "invalid_value", "/features/0"),
        (json!({"features": ["weight", "weight"]}), "invalid_value", "/features/1"),
        (json!({"features": []}), "invalid_value", "/features"),
        (json!({"hidden_layers": [0]}), "invalid_value", "/hidden_layers"),
        (json!({"dropout": 1}), "invalid_value", "/dropout"),
        (json!({"layers": [2, 1]}), "invalid_value", "/layers"),
        (json!({"loss": "mse"}), "invalid_value", "/loss"),
        (json!({"targets": "kind"}), "unknown_field", "/targets"),
    ];
    for (changes, code, pointer) in cases {
        let problem = service.post("/models", with(&kinds("m"), changes)).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    service.post("/models", json!({"dataset": "fruit"})).await.problem(422, "missing_field");
    service.post("/models", json!({"dataset": "weeds", "target": "x"})).await.problem(404, "dataset_not_found");
    let of_layers = json!({"layers": [2, 1], "hidden_layers": [2]});
    service.post("/models", of_layers).await.problem(422, "invalid_value");
    assert_eq!(count(&service, "/models").await, 0);
}

#[tokio::test]
async fn order_of_columns_and_keys_left_out_do_not_matter() {
    let (service, _) = fruit_service().await;
    let path = "/models/kinds/predict";
    let plain = predict(&service, path, &peach()).await;
    assert_eq!(plain[0]["label"], "peach", "{plain}");
    assert_eq!(plain[0]["flags"], json!([]), "{plain}");
    let probabilities: Map<String, Value> = plain[0]["probabilities"].as_object().expect("an object").clone();
    let sum: f64 = probabilities.values().filter_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-5 && plain[0]["probability"] == probabilities["peach"], "{plain}");
    let reversed = r#"{"records":{"picked":"2024-05-06","fresh":true,"colour":"red","size":20.5,"weight":100}}"#;
    assert_eq!(service.post_text(path, reversed).await.expect(200)["predictions"], plain);
    // Columns that are left out, and the target, say nothing.
    let more = with(&peach(), json!({"note": "x", "batch": "Z", "number": 7, "kind": "plum"}));
    assert_eq!(predict(&service, path, &json!([more])).await, plain);
    let without = predict(&service, path, &json!([{"weight": 100}])).await;
    assert_eq!(predict(&service, path, &json!([{"weight": 100, "size": null, "colour": null}])).await, without);
    let many: Vec<Value> = [60, 100, 145].iter().map(|weight| with(&peach(), json!({"weight": weight}))).collect();
    let many = predict(&service, path, &json!(many)).await;
    let labels: Vec<&str> = many.as_array().expect("a list").iter().map(|entry| text(&entry["label"])).collect();
    assert_eq!(labels, ["plum", "peach", "apple"]);
    let by_query = predict(&service, "/predict?model=kinds", &peach()).await;
    assert_eq!(by_query, plain);
    assert_eq!(predict(&service, "/models/kinds/versions/1/predict", &peach()).await, plain);
}

#[tokio::test]
async fn values_outside_what_training_saw_are_flagged() {
    let (service, _) = fruit_service().await;
    let cases = [
        (json!({"weight": 1e6}), "weight", "above_max"),
        (json!({"weight": -3}), "weight", "below_min"),
        (json!({"picked": "2031-01-01"}), "picked", "above_max"),
        (json!({"picked": "1999-12-31T23:59:59Z"}), "picked", "below_min"),
        (json!({"colour": "violet"}), "colour", "unseen_category"),
        (json!({"colour": null}), "colour", "missing"),
        (json!({"fresh": null}), "fresh", "missing"),
    ];
    for (changes, column, flag) in cases {
        let predicted = predict(&service, "/models/kinds/predict", &with(&peach(), changes)).await;
        assert_eq!(predicted[0]["flags"], json!([{"column": column, "flag": flag}]), "{predicted}");
    }
    // The training rows lacked it as well.
    let predicted = predict(&service, "/models/kinds/predict", &with(&peach(), json!({"size": null}))).await;
    assert_eq!(predicted[0]["flags"], json!([]));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_refused_with_its_place() {
    let (service, _) = fruit_service().await;
    let path = "/models/kinds/predict";
    let typo = json!({"records": [peach(), {"wieght": 100}]});
    let problem = service.post(path, typo).await.problem(422, "unknown_field");
    assert_eq!(problem["errors"][0]["pointer"], "/records/1/wieght", "{problem}");
    assert!(text(&problem["detail"]).contains("did you mean \"weight\""), "{problem}");
    let wrong = [
        (json!({"weight": "heavy"}), "weight"),
        (json!({"weight": true}), "weight"),
        (json!({"weight": "100"}), "weight"),
        (json!({"fresh": "yes"}), "fresh"),
        (json!({"fresh": 1}), "fresh"),
        (json!({"picked": "yesterday"}), "picked"),
        (json!({"picked": 20240506}), "picked"),
    ];
    for (changes, column) in wrong {
        let body = json!({"records": [peach(), peach(), with(&peach(), changes)]});
        let problem = service.post(path, body).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], format!("/records/2/{column}"), "{problem}");
    }
    for body in [json!({"records": [{"weight": [1]}]}), json!({"records": 3}), json!({"records": [3]})] {
        service.post(path, body).await.problem(422, "invalid_value");
    }
    service.post(path, json!({"records": []})).await.problem(422, "shape_mismatch");
    assert_eq!(service.post(path, json!({"inputs": [[1, 2]]})).await.status, 422);
    assert_eq!(service.post(path, json!({})).await.status, 422);
    service.with_xor().await;
    assert_eq!(service.post("/models/xor/predict", json!({"records": {"a": 1}})).await.status, 422);
    service.post("/models/xor/predict?interval=0.9", json!({"inputs": [0, 1]})).await.problem(422, "invalid_value");
}

/// The rows of a CSV reply, with its header.
fn parsed(reply: Reply) -> (Vec<String>, Vec<Vec<String>>) {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    assert!(reply.header("content-type").starts_with("text/csv"), "{}", reply.header("content-type"));
    let mut reader = csv::Reader::from_reader(&reply.body[..]);
    let owned = |row: &csv::StringRecord| row.iter().map(str::to_owned).collect::<Vec<String>>();
    let header = owned(reader.headers().expect("a header"));
    (header, reader.records().map(|row| owned(&row.expect("a row"))).collect())
}

async fn post_for(service: &TestApp, path: &str, content_type: &str, accept: &str, body: String) -> Reply {
    let request = service.raw(Method::POST, path).header("content-type", content_type).header("accept", accept);
    service.send(Method::POST, path, request.body(body)).await
}

#[tokio::test]
async fn csv_says_what_json_says() {
    let service = with_weights().await;
    let rows = records(&service, "more").await;
    let csv = fruit_csv(300..420);
    let expected = predict(&service, "/models/kinds/predict", &json!(rows)).await;
    let body = json!({"records": rows}).to_string();
    let replies = [
        post_for(&service, "/models/kinds/predict", "text/csv", "*/*", csv.clone()).await,
        post_for(&service, "/models/kinds/predict", "text/csv; charset=utf-8", "text/csv", csv.clone()).await,
        post_for(&service, "/models/kinds/predict", "application/json", "text/csv", body).await,
    ];
    for reply in replies {
        let (header, answers) = parsed(reply);
        assert_eq!(header, ["prediction", "probability_apple", "probability_peach", "probability_plum"]);
        assert_eq!(answers.len(), 120);
        for (answer, entry) in answers.iter().zip(expected.as_array().expect("a list")) {
            assert_eq!(answer[0], text(&entry["label"]));
            for (field, class) in answer[1..].iter().zip(["apple", "peach", "plum"]) {
                let (csv, json) = (field.parse::<f32>().ok(), entry["probabilities"][class].as_f64());
                assert_eq!(csv, json.map(|p| p as f32), "{class}");
            }
        }
    }
    let reply = post_for(&service, "/models/kinds/predict", "text/csv", "application/json", csv.clone()).await;
    let probabilities = |list: &Value| -> Vec<Value> {
        list.as_array().expect("a list").iter().map(|entry| entry["probabilities"].clone()).collect()
    };
    assert_eq!(probabilities(&reply.expect(200)["predictions"]), probabilities(&expected));
    let values = predict(&service, "/models/weights/predict?interval=0.8", &json!(rows)).await;
    let reply = post_for(&service, "/models/weights/predict?interval=0.8", "text/csv", "text/csv", csv).await;
    let (header, answers) = parsed(reply);
    assert_eq!(header, ["prediction", "lower", "upper"]);
    for (answer, entry) in answers.iter().zip(values.as_array().expect("a list")) {
        let of_json = ["value", "lower", "upper"].map(|field| entry[field].as_f64().expect("a number"));
        let of_csv: Vec<f64> = answer.iter().map(|field| field.parse().expect("a number")).collect();
        assert!(of_csv.iter().zip(of_json).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs()), "{of_csv:?} {of_json:?}");
    }
}

#[tokio::test]
async fn a_csv_may_have_fewer_columns_in_another_order_and_a_million_bytes() {
    let (service, _) = fruit_service().await;
    let rows = 60_000;
    let csv: String = (0..rows).map(|row| format!("red,{}\n", 50 + row % 101)).collect();
    let (header, answers) = parsed(service.post_csv("/models/kinds/predict", format!("colour,weight\n{csv}")).await);
    assert_eq!((header.len(), answers.len()), (4, rows));
    assert!(answers.chunks(101).skip(1).take(5).all(|turn| turn == &answers[..101]), "equal rows have equal answers");
}

#[tokio::test]
async fn a_csv_that_cannot_be_read_is_refused_with_its_line() {
    let (service, _) = fruit_service().await;
    let post = async |csv: &str| service.post_csv("/models/kinds/predict", csv.to_owned()).await;
    let problem = post("weight,colour\n100,red\nheavy,red\n").await.problem(422, "invalid_value");
    assert!(text(&problem["detail"]).contains("line 3") && text(&problem["detail"]).contains("weight"), "{problem}");
    // A quoted field of two lines comes before.
    let problem = post("weight,note\n100,\"a\nb\"\n120,c\nheavy,d\n").await.problem(422, "invalid_value");
    assert!(text(&problem["detail"]).contains("line 5"), "{problem}");
    let problem = post("wieght,colour\n100,red\n").await.problem(422, "unknown_field");
    assert!(text(&problem["detail"]).contains("did you mean \"weight\""), "{problem}");
    let problem = post("weight,colour\n100,red\n101\n").await.problem(400, "malformed_data");
    assert!(text(&problem["detail"]).contains("line 3"), "{problem}");
    for csv in ["", "weight,colour\n"] {
        post(csv).await.problem(400, "malformed_data");
    }
    service.with_xor().await;
    service.post_csv("/models/xor/predict", "a,b\n1,2\n").await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn an_interval_holds_the_answer_and_grows_with_its_level() {
    let service = with_weights().await;
    let rows = json!(records(&service, "more").await);
    let at = async |level: &str| predict(&service, &format!("/models/weights/predict?interval={level}"), &rows).await;
    let (narrow, wide) = (at("0.5").await, at("0.9").await);
    let mut inside = 0;
    for ((a, b), row) in narrow
        .as_array()
        .expect("a list")
        .iter()
        .zip(wide.as_array().expect("a list"))
        .zip(rows.as_array().expect("a list"))
    {
        let [value, lower, upper] = ["value", "lower", "upper"].map(|field| b[field].as_f64().expect("a number"));
        assert!(lower <= value && value <= upper, "{b}");
        assert_eq!(a["value"], b["value"], "the level does not move the value");
        assert!(a["lower"].as_f64() >= Some(lower) && a["upper"].as_f64() <= Some(upper), "{a} {b}");
        let weight = row["weight"].as_f64().expect("a number");
        inside += usize::from(lower <= weight && weight <= upper);
    }
    assert!(inside > 90, "{inside} of 120 are inside an interval of 90 %");
    let plain = predict(&service, "/models/weights/predict", &rows).await;
    assert!(plain[0]["lower"].is_null() && plain[0]["value"] == wide[0]["value"], "{}", plain[0]);
}

#[tokio::test]
async fn a_label_set_starts_with_the_label_and_grows_with_its_level() {
    let (service, _) = fruit_service().await;
    let rows = json!(records(&service, "more").await);
    let at = async |level: &str| predict(&service, &format!("/models/kinds/predict?interval={level}"), &rows).await;
    let (small, large) = (at("0.5").await, at("0.95").await);
    let mut inside = 0;
    for ((a, b), row) in small
        .as_array()
        .expect("a list")
        .iter()
        .zip(large.as_array().expect("a list"))
        .zip(rows.as_array().expect("a list"))
    {
        let (few, many) = (a["label_set"].as_array().expect("a list"), b["label_set"].as_array().expect("a list"));
        assert_eq!((&few[0], &many[0]), (&a["label"], &b["label"]));
        assert!(few.iter().all(|label| many.contains(label)), "{a} {b}");
        inside += usize::from(many.contains(&row["kind"]));
    }
    assert!(inside > 100, "{inside} of 120 are inside a set of 95 %");
}

#[tokio::test]
async fn an_interval_needs_rows_that_were_held_out() {
    let (service, _) = fruit_service().await;
    let path = "/models/kinds/predict?interval=";
    service.post(&format!("{path}0.999"), json!({"records": peach()})).await.problem(409, "interval_unavailable");
    for level in ["0", "1", "-0.5", "2", "NaN", "x"] {
        let problem = service.post(&format!("{path}{level}"), json!({"records": peach()})).await;
        let problem = problem.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "interval");
    }
    let job = service.train("kinds", json!({"epochs": 5, "validation_split": 0})).await;
    assert_eq!(job["metrics"]["rows_used"], "training");
    let problem = service.post(&format!("{path}0.5"), json!({"records": peach()})).await;
    let problem = problem.problem(409, "interval_unavailable");
    assert!(text(&problem["detail"]).contains("validation_split"), "{problem}");
    let importance = service.get("/models/kinds/versions/2/importance").await.expect(200);
    assert_eq!(importance["features"], json!([]));
    let path = "/models/kinds/versions/1/predict?interval=0.5";
    service.post(path, json!({"records": peach()})).await.expect(200);
}

#[tokio::test]
async fn a_data_set_and_its_records_measure_the_same() {
    let service = with_weights().await;
    let rows = records(&service, "more").await;
    for model in ["kinds", "weights"] {
        let path = format!("/models/{model}/evaluate");
        let by_dataset = service.post(&path, json!({"dataset": "more"})).await.expect(200);
        assert_eq!((&by_dataset["rows"], &by_dataset["version"]), (&json!(120), &json!(1)));
        assert_eq!(service.post(&path, json!({"records": rows})).await.expect(200), by_dataset);
        let mut without = rows.clone();
        let target = if model == "kinds" { "kind" } else { "weight" };
        without[0][target] = Value::Null;
        let fewer = service.post(&path, json!({"records": without})).await.expect(200);
        assert_eq!(fewer["rows"], 119, "rows without a target are left out");
        service.post(&path, json!({"records": peach(), "dataset": "more"})).await.problem(422, "invalid_value");
        service.post(&path, json!({"inputs": [[1]], "targets": [1]})).await.problem(422, "wrong_model_kind");
        service.post(&path, json!({"dataset": "weeds"})).await.problem(404, "dataset_not_found");
    }
    let measured = service.post("/models/kinds/evaluate", json!({"dataset": "more"})).await.expect(200);
    assert_eq!(measured["loss"], measured["metrics"]["log_loss"]);
    assert!(measured["metrics"]["accuracy"].as_f64() > Some(0.75), "{measured}");
    assert_eq!(measured["metrics"]["per_class"][0]["label"], "apple");
    let pear = with(&peach(), json!({"kind": "pear"}));
    service.post("/models/kinds/evaluate", json!({"records": pear})).await.problem(422, "unfit_data");
    service.post("/models/kinds/evaluate", json!({"records": peach()})).await.problem(422, "unfit_data");
    let typo = with(&peach(), json!({"kind": "peach", "wieght": 1}));
    service.post("/models/kinds/evaluate", json!({"records": typo})).await.problem(422, "unknown_field");
    service.post_csv("/datasets?name=narrow", "weight,kind\n100,peach\n60,plum\n").await.expect(201);
    let problem = service.post("/models/kinds/evaluate", json!({"dataset": "narrow"})).await;
    assert_eq!(problem.problem(422, "invalid_value")["errors"][0]["pointer"], "/dataset");
    service.with_xor().await;
    service.post("/models/xor/evaluate", json!({"records": [{"a": 1}]})).await.problem(422, "wrong_model_kind");
}

#[tokio::test]
async fn the_column_that_decides_matters_most() {
    let service = with_weights().await;
    let importance = service.get("/models/kinds/versions/1/importance").await.expect(200);
    assert_eq!(importance["measure"], "log_loss");
    let features = importance["features"].as_array().expect("a list");
    assert_eq!(features[0]["feature"], "weight", "{importance}");
    let values: Vec<f64> = features.iter().map(|entry| entry["importance"].as_f64().expect("a number")).collect();
    assert!(values.is_sorted_by(|a, b| a >= b) && values[0] > 0.2 && values[1] < values[0] / 2.0, "{values:?}");
    // Columns that are left out have none.
    assert_eq!(values.len(), 5, "{importance}");
    let importance = service.get("/models/weights/versions/1/importance").await.expect(200);
    assert_eq!((&importance["measure"], &importance["features"][0]["feature"]), (&json!("rmse"), &json!("kind")));
    service.get("/models/kinds/versions/9/importance").await.problem(404, "version_not_found");
    service.with_xor().await;
    service.get("/models/xor/versions/1/importance").await.problem(422, "wrong_model_kind");
}

#[tokio::test]
async fn the_schema_describes_what_predict_takes_and_gives() {
    let service = with_weights().await;
    let schema = service.get("/models/kinds/schema").await.expect(200);
    assert_eq!((&schema["kind"], &schema["version"], &schema["inputs"]), (&json!("dataset"), &json!(1), &Value::Null));
    assert_eq!(schema["target"]["classes"], json!(["apple", "peach", "plum"]));
    let feature = |name: &str| {
        let features = schema["features"].as_array().expect("a list");
        features.iter().find(|feature| feature["name"] == name).expect("the column is there").clone()
    };
    assert_eq!(feature("colour")["categories"], json!(["blue", "green", "red"]));
    assert_eq!((&feature("size")["missing"], &feature("weight")["missing"]), (&json!(true), &json!(false)));
    assert!(text(&feature("picked")["min"]).starts_with("2024-01"), "{schema}");
    for name in ["note", "batch", "number"] {
        let feature = feature(name);
        assert!(feature["used"] == false && feature["note"].is_string(), "{feature}");
    }
    for model in ["kinds", "weights"] {
        let schema = service.get(&format!("/models/{model}/schema")).await.expect(200);
        let request = json!({"records": schema["example"]});
        let reply = service.post(&format!("/models/{model}/predict?interval=0.5"), request.clone()).await.expect(200);
        assert_eq!(reply["predictions"][0]["flags"], json!([]), "the example lies in the middle of the training rows");
        let contract = service.get(&format!("/models/{model}/openapi.json")).await.expect(200);
        assert!(fits(&contract, "Request", &request), "{request}");
        assert!(fits(&contract, "Request", &json!({"records": [schema["example"], {}]})));
        assert!(!fits(&contract, "Request", &json!({"records": {"wieght": 1}})));
        assert!(fits(&contract, "Reply", &reply), "{reply}");
        assert_eq!(breaches(&contract), Vec::<String>::new());
        assert!(contract["paths"][format!("/models/{model}/predict")]["post"].is_object(), "{contract}");
    }
    service.with_xor().await;
    let schema = service.get("/models/xor/schema").await.expect(200);
    assert_eq!((&schema["kind"], &schema["inputs"], &schema["outputs"]), (&json!("layers"), &json!(2), &json!(1)));
    let request = json!({"inputs": schema["example"]});
    let reply = service.post("/models/xor/predict", request.clone()).await.expect(200);
    let contract = service.get("/models/xor/openapi.json").await.expect(200);
    assert!(fits(&contract, "Request", &request));
    assert!(fits(&contract, "Reply", &reply));
    assert_eq!(breaches(&contract), Vec::<String>::new());
}

/// Whether a value fits a schema of a model's own document.
fn fits(document: &Value, schema: &str, value: &Value) -> bool {
    let schema = json!({"$ref": format!("#/components/schemas/{schema}"), "components": document["components"]});
    jsonschema::is_valid(&schema, value)
}

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
    let rows =
        json!({"records": [{"city": "city3", "noise": 5}, {"city": "city59", "noise": 5}, {"city": "elsewhere"}, {}]});
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
async fn a_model_by_layer_sizes_trains_on_columns() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=flowers", flowers_csv(90)).await.expect(201);
    service.post_csv("/datasets?name=others", flowers_csv(30)).await.expect(201);
    let features = json!(["petal_length", "petal_width"]);
    let classifier = json!({"name": "c", "layers": [2, 8, 3], "loss": "cross_entropy"});
    service.post("/models", classifier).await.expect(201);
    let training = json!({"dataset": "flowers", "features": features, "targets": ["species"], "epochs": 200,
                          "learning_rate": 0.02,
                          "validation": {"dataset": "others", "features": features, "targets": ["species"]}});
    let job = service.train("c", training.clone()).await;
    assert!(job["metrics"]["accuracy"].as_f64() > Some(0.8), "{job}");
    assert_eq!(job["rows"], 90);
    let data = json!({"dataset": "others", "features": features, "targets": ["species"]});
    let measured = service.post("/models/c/evaluate", data).await.expect(200);
    assert_eq!(measured["rows"], 30);
    service.post("/models", json!({"name": "r", "layers": [2, 8, 1]})).await.expect(201);
    let regression = json!({"dataset": "flowers", "features": features, "targets": ["sepal_length"], "epochs": 5});
    assert_eq!(service.train("r", regression.clone()).await["state"], "succeeded");
    let cases = [
        (json!({"features": ["petal_length", "leaf"]}), "invalid_value", "/features/1"),
        (json!({"features": ["petal_length", "species"]}), "invalid_value", "/features/1"),
        (json!({"targets": ["leaf"]}), "invalid_value", "/targets/0"),
        (json!({"targets": [1, 2]}), "invalid_value", "/targets"),
        (json!({"inputs": [[1, 2]]}), "invalid_value", "/inputs"),
    ];
    for (changes, code, pointer) in cases {
        let problem = service.post("/models/r/train", with(&regression, changes)).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let narrow = with(&regression, json!({"features": ["petal_length"]}));
    service.post("/models/r/train", narrow).await.problem(422, "shape_mismatch");
    service.post("/models/r/train", json!({"dataset": "flowers"})).await.problem(422, "missing_field");
    let rows = json!({"inputs": [[1, 2]], "targets": ["sepal_length"]});
    service.post("/models/r/train", rows).await.problem(422, "invalid_value");
    service
        .post("/models/r/train", with(&regression, json!({"dataset": "weeds"})))
        .await
        .problem(404, "dataset_not_found");
}

/// The smallest and largest value of a column that the active version of `model` has seen.
async fn range(service: &TestApp, model: &str, column: &str) -> (f64, f64) {
    let schema = service.get(&format!("/models/{model}/schema")).await.expect(200);
    let features = schema["features"].as_array().expect("a list");
    let feature = features.iter().find(|feature| feature["name"] == column).expect("the column is there");
    (feature["min"].as_f64().expect("a number"), feature["max"].as_f64().expect("a number"))
}

#[tokio::test]
async fn rows_held_out_do_not_move_the_scale() {
    let service = TestApp::start().await;
    let row = |i: u32| format!("{},{}\n", i * 13 % 40, i * 7 % 50);
    let usual: String = (0..99).map(row).collect();
    service.post_csv("/datasets?name=usual", format!("x,y\n{usual}")).await.expect(201);
    service.post_csv("/datasets?name=odd", format!("x,y\n{usual}1000000,3\n")).await.expect(201);
    let model = |dataset: &str| json!({"name": dataset, "dataset": dataset, "target": "y", "task": "regression", "hidden_layers": [2]});
    service.post("/models", model("usual")).await.expect(201);
    service.post("/models", model("odd")).await.expect(201);
    service.train("usual", json!({"epochs": 1, "validation": {"dataset": "odd"}})).await;
    assert_eq!(range(&service, "usual", "x").await, (0.0, 39.0));
    let mut seen = [false; 2];
    for seed in 0..16 {
        service.train("odd", json!({"epochs": 1, "validation_split": 0.5, "seed": seed})).await;
        match range(&service, "odd", "x").await.1 {
            1_000_000.0 => seen[0] = true,
            most => {
                assert!(most <= 39.0, "{most}");
                seen[1] = true;
            }
        }
    }
    assert_eq!(seen, [true, true], "the odd row was trained on by some, held out by others");
}

#[tokio::test]
async fn columns_that_cannot_help_or_help_too_much_are_named() {
    let (service, job) = fruit_service().await;
    let warned = codes(&job);
    for code in ["constant_column", "identifier_column", "text_column"] {
        assert_eq!(warned.iter().filter(|warned| **warned == code).count(), 1, "{code}: {warned:?}");
    }
    assert!(!warned.contains(&"target_leakage"), "{warned:?}");
    let leaky: String =
        (0..300).map(|row| fruit_row(row) + "," + &format!("code{}\n", (50 + row * 37 % 101 - 50) / 34)).collect();
    service.post_csv("/datasets?name=leaky", format!("{HEADER},code\n{leaky}")).await.expect(201);
    let model = json!({"name": "leaky", "dataset": "leaky", "target": "kind", "hidden_layers": [4]});
    service.post("/models", model).await.expect(201);
    let job = service.train("leaky", json!({"epochs": 2})).await;
    let leaks: Vec<&Value> =
        job["warnings"].as_array().expect("a list").iter().filter(|w| w["code"] == "target_leakage").collect();
    assert!(leaks.len() == 1 && text(&leaks[0]["message"]).contains("\"code\""), "{job}");
    let dataset = service.get("/datasets/fruit").await.expect(200);
    let found: Vec<&str> = dataset["findings"].as_array().expect("a list").iter().map(|f| text(&f["code"])).collect();
    assert!(found.contains(&"constant_column") && found.contains(&"identifier_column"), "{found:?}");
    assert!(service.restarted().await.get("/models/leaky").await.status == 200);
}

#[tokio::test]
async fn classes_are_weighed_by_name() {
    let (service, _) = fruit_service().await;
    let job = service.train("kinds", json!({"epochs": 3, "class_weight": {"apple": 5}})).await;
    assert_eq!(job["config"]["class_weight"], json!({"apple": 5.0}));
    let weighed = service.get("/models/kinds/versions/2/parameters").await.expect(200);
    service.train("kinds", json!({"epochs": 3})).await;
    let plain = service.get("/models/kinds/versions/3/parameters").await.expect(200);
    assert_ne!(weighed["layers"], plain["layers"]);
    let job = service.train("kinds", json!({"epochs": 3, "class_weight": "balanced"})).await;
    assert_eq!(job["state"], "succeeded");
    for weights in [json!({"pear": 2}), json!({"0": 2}), json!({"apple": 0})] {
        service.post("/models/kinds/train", json!({"class_weight": weights})).await.problem(422, "invalid_value");
    }
}

#[tokio::test]
async fn the_same_request_gives_the_same_parameters() {
    let (service, _) = fruit_service().await;
    service.train("kinds", json!({"epochs": 120})).await;
    let one = service.get("/models/kinds/versions/1/parameters").await.expect(200);
    let two = service.get("/models/kinds/versions/2/parameters").await.expect(200);
    assert_eq!(one["layers"], two["layers"]);
    let [one, two] = [1, 2].map(|version| format!("/models/kinds/versions/{version}/predict?interval=0.9"));
    let rows = json!(records(&service, "more").await);
    assert_eq!(predict(&service, &one, &rows).await, predict(&service, &two, &rows).await);
    service.train("kinds", json!({"epochs": 3, "seed": 5})).await;
    service.train("kinds", json!({"epochs": 3, "seed": 6})).await;
    let three = service.get("/models/kinds/versions/3/parameters").await.expect(200);
    let four = service.get("/models/kinds/versions/4/parameters").await.expect(200);
    assert_ne!(three["layers"], four["layers"]);
}

#[tokio::test]
async fn a_warm_start_goes_on_with_the_encoding_of_its_version() {
    let (service, first) = fruit_service().await;
    let first_epoch = async |job: &Value| {
        let path = format!("/jobs/{}/epochs?limit=1", text(&job["id"]));
        service.get(&path).await.expect(200)["data"][0]["loss"].as_f64().expect("a number")
    };
    let (min, max) = range(&service, "kinds", "weight").await;
    let heavier = fruit_csv(0..300).replace(",100,", ",149.5,");
    service.post_csv("/datasets?name=heavier", heavier).await.expect(201);
    let job = service.train("kinds", json!({"dataset": "heavier", "epochs": 2, "warm_start": true})).await;
    assert_eq!((&job["state"], &job["version"]), (&json!("succeeded"), &json!(2)), "{job}");
    assert!(first_epoch(&job).await < 0.7 * first_epoch(&first).await, "it does not start again");
    assert_eq!(range(&service, "kinds", "weight").await, (min, max));
    service.post("/models", kinds("cold")).await.expect(201);
    service.post("/models/cold/train", json!({"warm_start": true})).await.problem(409, "model_not_trained");
}

#[tokio::test]
async fn an_interrupted_training_goes_on_to_the_same_parameters() {
    let service = TestApp::with(|settings| settings.checkpoint_interval = std::time::Duration::from_millis(20)).await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    let training = json!({"epochs": 400, "early_stopping": {"patience": 1000}});
    for name in ["whole", "broken"] {
        service.post("/models", kinds(name)).await.expect(201);
    }
    service.train("whole", training.clone()).await;
    let job = service.post("/models/broken/train", training).await.expect(202);
    crate::support::eventually("an epoch is done", || async {
        service.get(&format!("/jobs/{}", text(&job["id"]))).await.expect(200)["epoch"].as_u64() > Some(5)
    })
    .await;
    let service = service.restarted().await;
    let ended = service.ended(&job).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let whole = service.get("/models/whole/versions/1/parameters").await.expect(200);
    let broken = service.get("/models/broken/versions/1/parameters").await.expect(200);
    assert_eq!(broken["layers"], whole["layers"]);
    let warned = codes(&ended);
    assert_eq!(warned.iter().filter(|code| **code == "constant_column").count(), 1, "told once: {warned:?}");
}

#[tokio::test]
async fn a_training_that_is_cancelled_or_cannot_learn_leaves_the_served_version() {
    let (service, _) = fruit_service().await;
    let before = predict(&service, "/models/kinds/predict", &peach()).await;
    let endless = json!({"epochs": 1_000_000, "batch_size": 2, "early_stopping": {"patience": 1_000_000}});
    let job = service.post("/models/kinds/train", endless).await.expect(202);
    let cancelled = service.post_empty(&format!("/jobs/{}/cancel", text(&job["id"]))).await.expect(200);
    assert_eq!((&cancelled["state"], &cancelled["version"]), (&json!("cancelled"), &Value::Null));
    // Another class than the model has: no warm start can learn it.
    service.post_csv("/datasets?name=pears", fruit_csv(0..300).replace("apple", "pear")).await.expect(201);
    let failed = service.train("kinds", json!({"dataset": "pears", "warm_start": true, "epochs": 2})).await;
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("failed"), &json!("unfit_data")), "{failed}");
    assert!(text(&failed["error"]["detail"]).contains("pear"), "{failed}");
    let model = json!({"name": "empty", "dataset": "fruit", "target": "kind", "features": ["batch", "note"]});
    service.post("/models", model).await.expect(201);
    let failed = service.train("empty", json!({"epochs": 2})).await;
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("failed"), &json!("unfit_data")), "{failed}");
    assert_eq!(service.get("/models/kinds").await.expect(200)["active_version"], 1);
    assert_eq!(predict(&service, "/models/kinds/predict", &peach()).await, before);
}

#[tokio::test]
async fn a_training_that_does_not_go_with_its_data_is_refused() {
    let (service, _) = fruit_service().await;
    service.post_csv("/datasets?name=narrow", "weight,kind\n100,peach\n60,plum\n").await.expect(201);
    let cases = [
        (json!({"inputs": [[1]], "targets": [1]}), "wrong_model_kind", Value::Null),
        (json!({"features": ["weight"]}), "wrong_model_kind", Value::Null),
        (json!({"dataset": "narrow"}), "invalid_value", json!("/dataset")),
        (json!({"validation": {"dataset": "narrow"}}), "invalid_value", json!("/validation/dataset")),
        (json!({"validation": {"dataset": "more"}, "validation_split": 0.1}), "invalid_value", json!("/validation")),
        (json!({"validation_split": 0.95}), "invalid_value", json!("/validation_split")),
        (json!({"epochs": 0}), "invalid_value", json!("/epochs")),
    ];
    for (body, code, pointer) in cases {
        let problem = service.post("/models/kinds/train", body).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    for body in [json!({"dataset": "weeds"}), json!({"validation": {"dataset": "weeds"}})] {
        service.post("/models/kinds/train", body).await.problem(404, "dataset_not_found");
    }
    let unset = service.train("kinds", json!({"epochs": 2})).await;
    let config = &unset["config"];
    assert_eq!((&config["batch_size"], &config["optimizer"]["type"]), (&json!(32), &json!("adamw")));
    assert_eq!((config["learning_rate"].as_f64(), config["validation_split"].as_f64()), (Some(0.002), Some(0.2)));
    assert_eq!(
        (&config["learning_rate_schedule"]["type"], &config["early_stopping"]["patience"]),
        (&json!("cosine"), &json!(40))
    );
    let chosen = service.train("kinds", json!({"epochs": 2, "optimizer": "sgd", "early_stopping": null})).await;
    assert_eq!(chosen["config"]["optimizer"], json!({"type": "sgd"}));
    assert!(chosen["config"]["early_stopping"].is_null(), "null is never: {chosen}");
    let validated = service.train("kinds", json!({"epochs": 2, "validation": {"dataset": "more"}})).await;
    assert_eq!((&validated["metrics"]["rows"], &validated["config"]["validation_split"]), (&json!(120), &json!(0.0)));
    let more = service.get("/datasets/more").await.expect(200);
    assert_eq!(validated["validation_dataset_id"], more["id"]);
}

#[tokio::test]
async fn one_call_makes_a_model_of_a_file() {
    let service = TestApp::start().await;
    let path = "/train?name=flowers&target=species&epochs=40&hidden_layers=16,8&seed=4&validation_split=0.3";
    let reply = service.post_csv(path, flowers_csv(150)).await;
    let location = reply.header("location").to_owned();
    let job = reply.expect(202);
    assert_eq!(location, format!("/jobs/{}", text(&job["id"])));
    let ended = service.ended(&job).await;
    assert_eq!((&ended["state"], &ended["metrics"]["rows"]), (&json!("succeeded"), &json!(45)), "{ended}");
    let (model, dataset) =
        (service.get("/models/flowers").await.expect(200), service.get("/datasets/flowers").await.expect(200));
    assert_eq!((&model["id"], &model["dataset_id"]), (&job["model_id"], &dataset["id"]));
    assert_eq!((&job["dataset_id"], &dataset["rows"]), (&dataset["id"], &json!(150)));
    assert_eq!((&model["hidden_layers"], &model["seed"]), (&json!([16, 8]), &json!(4)));
    let record = json!({"petal_length": 1.5, "petal_width": 0.3, "sepal_length": 5, "sepal_width": 3});
    assert_eq!(predict(&service, "/models/flowers/predict", &record).await[0]["label"], "setosa");
    // Numbers are a regression, unless it is said otherwise; names are not needed.
    let job = service.post_csv("/train?target=petal_width&epochs=2", flowers_csv(60)).await.expect(202);
    let model = service.get(&format!("/models/{}", text(&job["model_id"]))).await.expect(200);
    assert_eq!((&model["task"], &model["name"]), (&json!("regression"), &Value::Null));
    let labelled = "x,y\n".to_owned() + &(0..60).map(|i| format!("{},{}\n", i * 7 % 11, i % 3)).collect::<String>();
    let job = service.post_csv("/train?target=y&task=classification&epochs=2", labelled).await.expect(202);
    let model = service.get(&format!("/models/{}", text(&job["model_id"]))).await.expect(200);
    assert_eq!(model["classes"], json!(["0", "1", "2"]));
}

#[tokio::test]
async fn a_call_that_fails_leaves_neither_data_set_nor_model() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("taken-model")).await.expect(201);
    service.post_csv("/datasets?name=taken-data", flowers_csv(30)).await.expect(201);
    let cases = [
        ("name=f&target=kind", 422, "invalid_value", "target"),
        ("name=f", 422, "missing_field", "target"),
        ("name=f&target=species&task=regression", 422, "invalid_value", "target"),
        ("name=f&target=species&task=guess", 422, "invalid_value", "task"),
        ("name=f&target=species&epochs=0", 422, "invalid_value", "epochs"),
        ("name=f&target=species&epochs=many", 422, "invalid_value", "epochs"),
        ("name=f&target=species&hidden_layers=4,x", 422, "invalid_value", "hidden_layers"),
        ("name=f&target=species&hidden_layers=0", 422, "invalid_value", "hidden_layers"),
        ("name=f&target=species&validation_split=1", 422, "invalid_value", "validation_split"),
        ("name=f&target=species&seed=-1", 422, "invalid_value", "seed"),
        ("name=f&target=species&types=x", 422, "invalid_value", "types"),
        ("name=F&target=species", 422, "invalid_value", "name"),
        ("name=f&target=species&epoch=3", 422, "unknown_field", "epoch"),
        ("name=taken-model&target=species", 409, "name_taken", "name"),
        ("name=taken-data&target=species", 409, "name_taken", "name"),
    ];
    for (query, status, code, parameter) in cases {
        let problem = service.post_csv(&format!("/train?{query}"), flowers_csv(30)).await.problem(status, code);
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query}: {problem}");
    }
    let single = "x,y\n1,a\n2,a\n3,a\n";
    service.post_csv("/train?target=y", single).await.problem(422, "invalid_value");
    service.post_csv("/train?target=y", "x,y\n1,a\n2\n").await.problem(400, "malformed_data");
    service.post_file("/train?target=y", "text/plain", single).await.problem(415, "unsupported_media_type");
    let lists = (count(&service, "/models").await, count(&service, "/datasets").await, count(&service, "/jobs").await);
    assert_eq!(lists, (1, 1, 0));
    let service = service.restarted().await;
    assert_eq!((count(&service, "/models").await, count(&service, "/datasets").await), (1, 1));
    let job = service.post_csv("/train?name=f&target=species&epochs=2", flowers_csv(30)).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
}

#[tokio::test]
async fn a_repeated_call_makes_one_model() {
    let service = TestApp::start().await;
    let path = "/train?name=once&target=species&epochs=2";
    let post = async |service: &TestApp, csv: String| {
        let request =
            service.raw(Method::POST, path).header("idempotency-key", "key").header("content-type", "text/csv");
        service.send(Method::POST, path, request.body(csv)).await
    };
    let first = post(&service, flowers_csv(60)).await.expect(202);
    service.ended(&first).await;
    let service = service.restarted().await;
    assert_eq!(post(&service, flowers_csv(60)).await.expect(202), first);
    post(&service, flowers_csv(61)).await.problem(422, "idempotency_key_reused");
    let lists = (count(&service, "/models").await, count(&service, "/datasets").await, count(&service, "/jobs").await);
    assert_eq!(lists, (1, 1, 1));
}

#[tokio::test]
async fn yes_or_no_and_numbers_for_classes_are_learned_too() {
    let service = TestApp::start().await;
    let row = |i: u32| format!("{},{},{}\n", i * 37 % 100, i * 37 % 100 >= 50, u32::from(i * 37 % 100 >= 50));
    let csv = "x,over,one\n".to_owned() + &(0..200).map(row).collect::<String>();
    service.post_csv("/datasets?name=halves", csv).await.expect(201);
    for (target, labels) in [("over", ["false", "true"]), ("one", ["0", "1"])] {
        let model =
            json!({"name": target, "dataset": "halves", "target": target, "features": ["x"], "hidden_layers": [8]});
        let model = service.post("/models", model).await.expect(201);
        assert_eq!((&model["task"], &model["classes"]), (&json!("classification"), &json!(labels)));
        let job = service.train(target, json!({"epochs": 100})).await;
        assert!(job["metrics"]["roc_auc"].as_f64() > Some(0.95), "{}", job["metrics"]);
        let path = format!("/models/{target}/predict");
        let predicted = predict(&service, &path, &json!([{"x": 5}, {"x": 95}])).await;
        assert_eq!((&predicted[0]["label"], &predicted[1]["label"]), (&json!(labels[0]), &json!(labels[1])));
        let both = numbers(&json!(labels.map(|label| predicted[0]["probabilities"][label].clone())));
        assert!((both[0] + both[1] - 1.0).abs() < 1e-6, "{predicted}");
    }
}

#[tokio::test]
async fn dates_are_read_as_the_training_data_writes_them() {
    let service = TestApp::start().await;
    let day = |row: u32| format!("{:02}/{:02}/2024", 1 + row % 28, 1 + row % 12);
    let csv = (0..120).fold("day,y\n".to_owned(), |csv, row| csv + &format!("{},{}\n", day(row), row % 28));
    let job = service.post_csv("/train?name=days&target=y&epochs=3&task=regression", csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    let dataset = service.get("/datasets/days").await.expect(200);
    assert_eq!(dataset["columns"][0]["date_order"], "day_first");
    let predicted = predict(
        &service,
        "/models/days/predict",
        &json!([{"day": "03/02/2024"}, {"day": "2024-02-03"}, {"day": "2024-02-03T00:00:00Z"}]),
    )
    .await;
    assert_eq!(predicted[0], predicted[1], "3 February in both");
    assert_eq!(predicted[0], predicted[2]);
    let csv = "day\n03/02/2024\n2024-02-03\n2024-02-03T00:00:00Z\n".to_owned();
    let reply = post_for(&service, "/models/days/predict", "text/csv", "text/csv", csv).await;
    let csv = String::from_utf8(reply.body).expect("UTF-8");
    assert_eq!(csv.lines().nth(1), Some(predicted[0]["value"].to_string().as_str()));
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

#[tokio::test]
async fn a_long_csv_is_answered_as_json_whole() {
    let (service, _) = fruit_service().await;
    let rows = 20_000;
    let csv = (0..rows)
        .fold("weight,size\n".to_owned(), |csv, row| csv + &format!("{},{}.125000\n", 50 + row % 100, row % 97));
    assert!(csv.len() > 256 << 10, "longer than what is read at once");
    let reply = post_for(&service, "/models/kinds/predict", "text/csv", "application/json", csv).await.expect(200);
    assert_eq!(reply["predictions"].as_array().map(Vec::len), Some(rows));
}

#[tokio::test]
async fn a_column_that_numbers_the_rows_is_learned_from_where_nothing_else_is_or_it_is_named() {
    let service = TestApp::start().await;
    let csv = |other: &str| {
        (0..120).fold(format!("t{other},y\n"), |csv, t| {
            let other = if other.is_empty() { String::new() } else { format!(",{}", t * 7 % 5) };
            csv + &format!("{t}{other},{}\n", f64::from(t).sqrt())
        })
    };
    let job = service.post_csv("/train?name=alone&target=y&epochs=2", csv("")).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!((&job["state"], codes(&job).contains(&"identifier_column")), (&json!("succeeded"), false), "{job}");
    let job = service.post_csv("/train?name=beside&target=y&epochs=2", csv(",k")).await.expect(202);
    assert!(codes(&service.ended(&job).await).contains(&"identifier_column"));
    let chosen = json!({"name": "chosen", "dataset": "beside", "target": "y", "features": ["t", "k"]});
    service.post("/models", chosen).await.expect(201);
    service.train("chosen", json!({"epochs": 2})).await;
    let schema = service.get("/models/chosen/schema").await.expect(200);
    assert_eq!((&schema["features"][0]["name"], &schema["features"][0]["used"]), (&json!("t"), &json!(true)));
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
async fn a_model_that_no_memory_could_hold_is_refused_before_it_is_trained() {
    let service = TestApp::with(|settings| settings.model_memory = bytesize::ByteSize::mib(1)).await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..60)).await.expect(201);
    let wide = json!({"name": "wide", "dataset": "fruit", "target": "kind", "hidden_layers": [2000, 2000]});
    service.post("/models", wide).await.problem(422, "model_too_large");
    let path = "/train?name=wide&target=kind&hidden_layers=2000,2000";
    service.post_csv(path, fruit_csv(0..60)).await.problem(422, "model_too_large");
    assert_eq!(count(&service, "/models").await, 0);
    assert_eq!(count(&service, "/datasets").await, 1);
}

#[tokio::test]
async fn columns_that_are_damaged_fail_their_job_instead_of_holding_its_place() {
    let service = TestApp::start().await;
    if service.home().blob_url.is_some() {
        return; // The columns are damaged in the data folder.
    }
    let stored = service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    service.post("/models", kinds("kinds")).await.expect(201);
    let file = service.home().folder().join("blobs/datasets").join(format!("{}.parquet", text(&stored["id"])));
    let bytes = std::fs::read(&file).expect("the columns");
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("half of them");
    let job = service.train("kinds", json!({"epochs": 2})).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("state_damaged")), "{job}");
    service.get("/datasets/fruit/rows").await.problem(500, "state_damaged");
}
