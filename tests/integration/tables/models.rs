//! Models by data set: how they are made, measured and described.

use serde_json::{Value, json};

use super::fruit::{HEADER, codes, fruit_csv, fruit_row, fruit_service, kinds, peach, records, with, with_weights};
use crate::support::conventions::breaches;
use crate::support::{TestApp, count, text};

#[tokio::test]
async fn a_table_is_learned_and_measured_beside_honest_baselines() {
    let (service, job) = fruit_service().await;
    let dataset = service.get("/datasets/fruit").await.expect(200);
    assert_eq!((&job["dataset_id"], &job["validation_dataset_id"]), (&dataset["id"], &Value::Null));
    let metrics = &job["metrics"];
    assert_eq!((&metrics["rows_used"], &job["split"]["type"]), (&json!("validation"), &json!("random")));
    assert!(metrics["rows"].as_u64().is_some_and(|rows| (54..=66).contains(&rows)), "{metrics}");
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
async fn columns_that_cannot_help_or_help_too_much_are_named() {
    let (service, job) = fruit_service().await;
    let warned = codes(&job);
    for code in ["constant_column", "identifier_column", "unshared_words"] {
        assert_eq!(warned.iter().filter(|warned| **warned == code).count(), 1, "{code}: {warned:?}");
    }
    // The weight alone tells the kind, wherever it is cut.
    let leakage = |job: &Value| {
        let warnings = job["warnings"].as_array().expect("a list").iter();
        warnings.filter(|told| told["code"] == "target_leakage").cloned().collect::<Vec<_>>()
    };
    let of_weight = leakage(&job);
    assert!(of_weight.len() == 1 && of_weight[0]["columns"] == json!(["weight"]), "{of_weight:?}");
    let leaky: String =
        (0..300).map(|row| fruit_row(row) + "," + &format!("code{}\n", (50 + row * 37 % 101 - 50) / 34)).collect();
    service.post_csv("/datasets?name=leaky", format!("{HEADER},code\n{leaky}")).await.expect(201);
    let model = json!({"name": "leaky", "dataset": "leaky", "target": "kind", "hidden_layers": [4]});
    service.post("/models", model).await.expect(201);
    let job = service.train("leaky", json!({"epochs": 2})).await;
    let leaks = leakage(&job);
    assert!(leaks.len() == 1 && leaks[0]["columns"] == json!(["weight", "code"]), "{job}");
    let dataset = service.get("/datasets/fruit").await.expect(200);
    let found: Vec<&str> = dataset["findings"].as_array().expect("a list").iter().map(|f| text(&f["code"])).collect();
    assert!(found.contains(&"constant_column") && found.contains(&"identifier_column"), "{found:?}");
    assert!(service.restarted().await.get("/models/leaky").await.status == 200);
}

#[tokio::test]
async fn a_model_that_no_memory_could_hold_is_refused_before_it_is_trained() {
    let service = TestApp::with(|settings| settings.model_memory = Some(bytesize::ByteSize::mib(1))).await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..60)).await.expect(201);
    let wide = json!({"name": "wide", "dataset": "fruit", "target": "kind", "hidden_layers": [2000, 2000]});
    service.post("/models", wide).await.problem(422, "model_too_large");
    let path = "/train?name=wide&target=kind&hidden_layers=2000,2000";
    service.post_csv(path, fruit_csv(0..60)).await.problem(422, "model_too_large");
    assert_eq!(count(&service, "/models").await, 0);
    assert_eq!(count(&service, "/datasets").await, 1);
}
