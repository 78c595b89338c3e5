//! `openapi.yaml` and the service say the same.

use std::collections::BTreeSet;

use epochd::api::error::ErrorCode;
use epochd::api::routes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::contract::contract;
use crate::support::conventions::breaches;
use crate::support::examples::RequestExample;
use crate::support::{TestApp, flowers_csv, text, xor_model, xor_training};

#[test]
fn router_and_contract_name_the_same_routes() {
    let ours: BTreeSet<(String, String)> =
        routes().iter().map(|route| (route.method.to_string(), route.path.to_owned())).collect();
    let theirs: BTreeSet<(String, String)> = contract().routes().into_iter().collect();
    assert_eq!(ours, theirs);
}

#[test]
fn service_and_contract_name_the_same_error_codes() {
    let ours: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.entry().0).collect();
    let listed = contract().value("/components/schemas/ErrorCode/enum").expect("the list of codes");
    let theirs: BTreeSet<&str> = listed.as_array().expect("a list").iter().map(text).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn every_reply_that_the_contract_shows_fits_its_schema() {
    let examples = contract().reply_examples();
    assert!(examples.len() > 24, "there are examples");
    for example in examples {
        if !example.content_type.ends_with("json") {
            continue;
        }
        let fits = contract().check_body(&example.reply, example.status, &example.content_type, &example.body);
        fits.unwrap_or_else(|error| panic!("{} {} {}: {error}", example.operation, example.status, example.name));
    }
}

#[test]
fn every_problem_that_the_contract_shows_says_what_the_service_says() {
    let entry = |word: &Value| ErrorCode::ALL.iter().map(|code| code.entry()).find(|entry| entry.0 == *word);
    let examples = contract().reply_examples();
    let problems = examples.iter().filter(|example| example.content_type == "application/problem+json");
    for body in problems.map(|example| &example.body) {
        let (_, status, title, remedy) = entry(&body["code"]).unwrap_or_else(|| panic!("{body}"));
        let said = [&body["status"], &body["title"], &body["remedy"]];
        assert_eq!(said, [&json!(status), &json!(title), &json!(remedy)], "{body}");
    }
}

#[test]
fn a_reply_with_a_field_a_time_or_a_code_that_is_not_declared_is_found() {
    let reply = "/paths/~1models~1{model}/get/responses/200";
    let model = contract().value("/components/examples/TrainedModel/value").expect("an example").clone();
    let check = |model: &Value| contract().check_body(reply, 200, "application/json", model);
    check(&model).expect("the example fits");
    for (field, value) in [("colour", json!("red")), ("created_at", json!("2026-03-02T09:15:00+00:00"))] {
        let mut changed = model.clone();
        changed[field] = value;
        assert!(check(&changed).is_err(), "{field}");
    }
    let (reply, problem) = ("/components/responses/TooManyRequests", "/content/application~1problem+json/examples");
    let problem = contract().value(&format!("{reply}{problem}/queue_full/value")).expect("an example").clone();
    let check = |problem: &Value| contract().check_body(reply, 429, "application/problem+json", problem);
    check(&problem).expect("the example fits");
    for (field, value) in [("status", json!(503)), ("code", json!("stopping"))] {
        let mut changed = problem.clone();
        changed[field] = value;
        assert!(check(&changed).is_err(), "{field}");
    }
}

#[test]
fn the_document_keeps_to_the_conventions_of_client_generators() {
    let document = contract().value("").expect("the document");
    assert_eq!(breaches(document), Vec::<String>::new());
}

#[test]
fn a_breach_of_each_convention_is_found() {
    let plant = |pointer: &str, name: &str, value: Value| {
        let mut document = contract().value("").expect("the document").clone();
        document.pointer_mut(pointer).expect("a place to plant at")[name] = value;
        breaches(&document)
    };
    let field = "/components/schemas/Job/properties/epoch";
    let body = "/paths/~1models/post/requestBody/content/application~1json";
    let operation = "/paths/~1models/get";
    let cases = [
        (field, "type", json!("null"), "null"),
        (field, "type", json!(["string", "number", "null"]), "several types"),
        (field, "const", json!(1), "const"),
        (field, "allOf", json!([{"minimum": 1}]), "allOf"),
        (field, "prefixItems", json!([]), "prefixItems"),
        (field, "default", json!(1), "default"),
        ("/components/schemas/Timestamp", "pattern", json!("Z$"), "pattern"),
        ("/components/schemas/Cell", "enum", json!([1]), "enum"),
        (body, "schema", json!({}), "a body needs a schema"),
        ("/components/parameters/Types", "schema", json!({"type": "null"}), "null"),
        (operation, "operationId", json!("createModel"), "operationId"),
        (operation, "tags", json!(["network"]), "tags"),
        ("/components/schemas/Warning", "additionalProperties", json!(false), "additionalProperties"),
    ];
    for (pointer, name, value, expected) in cases {
        let found = plant(pointer, name, value);
        assert!(found.iter().any(|breach| breach.contains(&format!(": {expected}"))), "{pointer} {name}: {found:?}");
    }
}

/// A service that holds what the contract's examples speak of; returns an ended job too.
async fn service_of_the_examples() -> (TestApp, Value) {
    let service = TestApp::guarded().await;
    service.post("/keys", json!({"name": "dashboard", "role": "predict"})).await.expect(201);
    service.post("/models", xor_model("xor")).await.expect(201);
    service.train("xor", xor_training(20)).await;
    let job = service.train("xor", xor_training(20)).await;
    let digits = json!({"name": "digits-mini", "layers": [4, 8, 3], "loss": "cross_entropy"});
    service.post("/models", digits).await.expect(201);
    let rows = json!({"inputs": [[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], "targets": [0, 1, 2], "epochs": 2});
    service.train("digits-mini", rows).await;
    store_flowers(&service).await;
    let flowers = json!({"name": "flowers", "dataset": "iris", "target": "species", "hidden_layers": [8]});
    service.post("/models", flowers).await.expect(201);
    service.train("flowers", json!({"epochs": 30})).await;
    (service, job)
}

/// The data sets that the examples speak of.
async fn store_flowers(service: &TestApp) {
    service.post_csv("/datasets?name=iris", flowers_csv(90)).await.expect(201);
    service.post_csv("/datasets?name=iris-test", flowers_csv(30)).await.expect(201);
}

#[tokio::test]
async fn every_request_that_the_contract_shows_works_when_sent() {
    let examples = contract().request_examples();
    assert!(examples.len() > 15, "there are examples");
    let (mut service, mut job) = service_of_the_examples().await;
    for example in examples {
        if example.path == "/models" {
            (service, job) = (TestApp::start().await, Value::Null);
            store_flowers(&service).await;
        } else if job.is_null() {
            (service, job) = service_of_the_examples().await;
        }
        send(&service, &example).await;
    }
}

async fn send(service: &TestApp, example: &RequestExample) {
    let RequestExample { method, path, name, model, target, content_type, body, .. } = example;
    let mut path = path
        .replace("{model}", model)
        .replace("{version}", "1")
        .replace("{key}", "dashboard")
        .replace("{alias}", "canary");
    path = path.replace("{dataset}", "iris");
    if path == "/predict" {
        path = format!("/predict?model={model}");
    } else if path == "/train" {
        path = format!("/train?target={}", target.as_deref().expect("a data file's example names its target"));
    }
    let body = if content_type == "application/json" {
        let fits = contract().check_request(method, &path, body);
        fits.unwrap_or_else(|error| panic!("{method} {path} {name}: {error}"));
        body.to_string()
    } else {
        text(body).to_owned()
    };
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = service.raw(method.clone(), &path).header("content-type", content_type).body(body);
    let reply = service.send(method, &path, request).await;
    let shown = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(example.statuses.contains(&reply.status), "{path} {name}: {} {shown}", reply.status);
    if reply.status == 202 {
        let ended = service.ended(&reply.json()).await;
        assert_eq!(ended["state"], "succeeded", "{path} {name}: {ended}");
    }
}

#[tokio::test]
async fn defaults_of_the_contract_are_those_that_a_job_echoes() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "m", "layers": [1, 1]})).await.expect(201);
    let job = service.train("m", json!({"inputs": [[0], [1]], "targets": [0, 1]})).await;
    let properties = contract().value("/components/schemas/TrainRequest/properties").expect("the training's schema");
    let mut compared = 0;
    for (name, schema) in properties.as_object().expect("an object") {
        let Some(default) = schema.get("x-default") else { continue };
        let echoed = &job["config"][name];
        // A word stands for the object with that type.
        let echoed = if default.is_string() && echoed.is_object() { &echoed["type"] } else { echoed };
        let same = default == echoed || default.as_f64().is_some() && default.as_f64() == echoed.as_f64();
        assert!(same, "{name}: the contract says {default}, the job {echoed}");
        compared += 1;
    }
    assert!(compared >= 10, "defaults are written down");
}
