//! `POST /train`: one call makes a data set, a model and its training of a file.

use reqwest::Method;
use serde_json::{Value, json};

use super::fruit::predict;
use crate::support::{TestApp, count, flowers_csv, text, xor_model};

#[tokio::test]
async fn one_call_makes_a_model_of_a_file() {
    let service = TestApp::start().await;
    let path =
        "/train?name=flowers&target=species&epochs=40&hidden_layers=16,8&seed=4&validation_split=0.3&recipe=plain";
    let reply = service.post_csv(path, flowers_csv(150)).await;
    let location = reply.header("location").to_owned();
    let job = reply.expect(202);
    assert_eq!(location, format!("/jobs/{}", text(&job["id"])));
    let ended = service.ended(&job).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    // 45 rows and a tenth more or less.
    let held_out = ended["metrics"]["rows"].as_u64().expect("a number");
    assert!((41..=49).contains(&held_out) && ended["rows"] == 150 - held_out, "{ended}");
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

/// The parts of a form, each a name with a head and what stands in it.
fn form(parts: &[(&str, &str)]) -> String {
    let part =
        |(head, text): &(&str, &str)| format!("--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n");
    parts.iter().map(part).collect::<String>() + "--edge--\r\n"
}

#[tokio::test]
async fn a_form_may_say_what_to_do_with_its_file() {
    let service = TestApp::start().await;
    let file = flowers_csv(90);
    let file = ("name=\"file\"; filename=\"flowers.csv\"", file.as_str());
    let kind = "multipart/form-data; boundary=edge";
    let options = json!({"name": "flowers", "target": "species", "features": ["petal_length", "petal_width"], "seed": 3,
                         "hidden_layers": [8], "epochs": 3, "class_weight": {"virginica": 2}, "activate": "never",
                         "types": {"petal_width": "numeric"}, "skip_columns": ["sepal_width"], "optimizer": "sgd",
                         "label_smoothing": 0.05});
    let text = options.to_string();
    let options_part = ("name=\"options\"", text.as_str());
    for (order, parts) in [[options_part, file], [file, options_part]].iter().enumerate() {
        let reply = service.post_file("/train", kind, form(parts)).await;
        if order == 1 {
            assert_eq!(reply.problem(409, "name_taken")["errors"][0]["pointer"], "/name");
            continue;
        }
        let job = service.ended(&reply.expect(202)).await;
        assert_eq!((&job["state"], &job["config"]["optimizer"]["type"]), (&json!("succeeded"), &json!("sgd")), "{job}");
        assert_eq!(job["config"]["class_weight"], json!({"virginica": 2.0}));
        assert_eq!(job["config"]["label_smoothing"], 0.05);
        let model = service.get("/models/flowers").await.expect(200);
        assert_eq!(model["features"], json!(["petal_length", "petal_width"]));
        assert_eq!((&model["hidden_layers"], &model["active_version"]), (&json!([8]), &Value::Null));
        let columns = service.get("/datasets/flowers").await.expect(200)["columns"].as_array().expect("a list").len();
        assert_eq!(columns, 4, "one was skipped");
    }
    for (text, code, pointer) in [
        (json!({"name": "x"}), "missing_field", "/target"),
        (json!({"target": "kind"}), "invalid_value", "/target"),
        (json!({"target": "species", "class_weight": {"tulip": 2}}), "invalid_value", "/class_weight"),
        (json!({"target": "species", "epochs": 0}), "invalid_value", "/epochs"),
        (json!({"target": "species", "epoks": 1}), "unknown_field", "/epoks"),
        (json!({"target": "species", "warm_start": true}), "invalid_value", "/warm_start"),
        (json!({"target": "species", "weights": "species"}), "invalid_value", "/weights"),
    ] {
        let text = text.to_string();
        let reply = service.post_file("/train", kind, form(&[("name=\"options\"", &text), file])).await;
        assert_eq!(reply.problem(422, code)["errors"][0]["pointer"], pointer, "{text}");
    }
    let send = async |path: &str, parts: &[(&str, &str)]| service.post_file(path, kind, form(parts)).await;
    send("/train?seed=1", &[options_part, file]).await.problem(422, "missing_field");
    send("/train?target=species", &[options_part, file]).await.problem(422, "invalid_value");
    send("/train", &[options_part, options_part, file]).await.problem(415, "unsupported_media_type");
    send("/train", &[options_part]).await.problem(400, "malformed_request");
    send("/train", &[file]).await.problem(422, "missing_field");
    send("/train", &[("name=\"options\"", "{"), file]).await.problem(400, "malformed_json");
    send("/train", &[("name=\"options\"", &" ".repeat(300_000)), file]).await.problem(400, "malformed_request");
    send("/datasets?name=d", &[options_part, file]).await.problem(415, "unsupported_media_type");
    assert_eq!((count(&service, "/models").await, count(&service, "/datasets").await), (1, 1));
}
