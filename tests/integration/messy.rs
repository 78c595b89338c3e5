//! Data as spreadsheets and scripts write it, and what is said about it.

use std::io::Write;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, text};

/// The messages of a job's warnings of a code.
fn warnings<'a>(job: &'a Value, code: &str) -> Vec<&'a str> {
    let warnings = job["warnings"].as_array().expect("a list").iter();
    warnings.filter(|warning| warning["code"] == code).map(|warning| text(&warning["message"])).collect()
}

/// The label that a model predicts for a record.
async fn label(service: &TestApp, model: &str, record: Value) -> Value {
    let reply = service.post(&format!("/models/{model}/predict"), json!({"records": record})).await.expect(200);
    reply["predictions"][0]["label"].clone()
}

#[tokio::test]
async fn features_are_named_once_each() {
    let service = TestApp::start().await;
    let rows: String = (0..40).map(|row| format!("{},{},{},{}\n", row % 7, row % 5, row % 3, row % 2)).collect();
    let csv = format!("\"a,b\",c,d,y\n{rows}");
    let path = "/train?target=y&epochs=1&hidden_layers=4";
    for (features, expected) in [
        ("", json!(["a,b", "c", "d"])),
        ("&features=a%2Cb&features=d", json!(["a,b", "d"])),
        ("&features=d,%20c", json!(["d", "c"])),
        ("&features=a,b", json!(["a,b"])),
    ] {
        let job = service.post_csv(&format!("{path}{features}"), csv.clone()).await.expect(202);
        let model = service.get(&format!("/models/{}", text(&job["model_id"]))).await.expect(200);
        assert_eq!(model["features"], expected, "{features}");
    }
    for features in ["e", "c,e", "y", "c,c", ""] {
        let path = format!("{path}&features={features}");
        let problem = service.post_csv(&path, csv.clone()).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "features", "{features}: {problem}");
    }
}

/// Trains a model on rows of `x`, of two values in turn, and a class that follows from it.
async fn trained_on(service: &TestApp, name: &str, content_type: &str, file: String) {
    let types = "%7B%22x%22:%22categorical%22%7D";
    let path = format!("/train?name={name}&target=y&epochs=60&hidden_layers=8&types={types}");
    let job = service.post_file(&path, content_type, file).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
}

#[tokio::test]
async fn a_number_is_one_word_whatever_its_writing_and_its_file() {
    let service = TestApp::start().await;
    let of_floats = [("1.0", "1"), ("2.0", "2")];
    let of_ids = [("9007199254740992", "9007199254740992"), ("9007199254740993", "9007199254740993")];
    for (kind, values) in [("floats", of_floats), ("ids", of_ids)] {
        let rows = |row: &dyn Fn(&str, usize) -> String| (0..400).map(|at| row(values[at % 2].0, at % 2)).collect();
        let csv: String = rows(&|x, y| format!("{x},c{y}\n"));
        let ndjson: String = rows(&|x, y| format!("{{\"x\":{x},\"y\":\"c{y}\"}}\n"));
        let (of_csv, of_ndjson) = (format!("{kind}-csv"), format!("{kind}-ndjson"));
        let csv = format!("x,y\n{csv}");
        trained_on(&service, &of_csv, "text/csv", csv.clone()).await;
        trained_on(&service, &of_ndjson, "application/x-ndjson", ndjson).await;
        service.post_csv(&format!("/datasets?name={kind}"), csv.clone()).await.expect(201);
        for model in [&of_csv, &of_ndjson] {
            for (at, (long, short)) in values.iter().enumerate() {
                for written in [long.to_string(), short.to_string(), format!("\"{long}\""), format!("\"{short}\"")] {
                    let body = format!("{{\"records\":{{\"x\":{written}}}}}");
                    let reply = service.post_text(&format!("/models/{model}/predict"), body).await.expect(200);
                    let predicted = &reply["predictions"][0];
                    assert_eq!(predicted["label"], format!("c{at}"), "{model}: {written}");
                    assert_eq!(predicted["flags"], json!([]), "{model}: {written}: {reply}");
                }
            }
            let path = format!("/models/{model}/predict");
            let lines = service.raw(Method::POST, &path).header("content-type", "text/csv").body(csv.clone());
            let lines = service.send(Method::POST, &path, lines.header("accept", "application/json")).await.expect(200);
            assert_eq!(
                (&lines["predictions"][0]["label"], &lines["predictions"][1]["label"]),
                (&json!("c0"), &json!("c1"))
            );
            let measured =
                service.post(&format!("/models/{model}/evaluate"), json!({"dataset": kind})).await.expect(200);
            assert_eq!(measured["metrics"]["accuracy"], 1.0, "{model}");
        }
    }
}

#[tokio::test]
async fn classes_that_are_numbers_are_found_whatever_their_writing() {
    let service = TestApp::start().await;
    let rows: String = (0..400).map(|at| format!("{},{}.0\n", at % 2 * 9, at % 2)).collect();
    let path = "/train?name=m&target=y&epochs=60&hidden_layers=8&types=%7B%22y%22:%22categorical%22%7D";
    let job = service.post_csv(path, format!("x,y\n{rows}")).await.expect(202);
    service.ended(&job).await;
    assert_eq!(label(&service, "m", json!({"x": 9})).await, "1.0", "the text of the file");
    let records = json!({"records": [{"x": 0, "y": 0}, {"x": 9, "y": 1.0}, {"x": 9, "y": "1.0"}]});
    let measured = service.post("/models/m/evaluate", records).await.expect(200);
    assert_eq!(measured["metrics"]["accuracy"], 1.0, "{measured}");
}

/// Ages that say which of two classes a row has; one row has `odd` for its age.
fn ages(rows: usize, odd: &str) -> String {
    let age = |row: usize| if row == 7 { odd.to_owned() } else { (row * 7 % 90).to_string() };
    let row = |row: usize| format!("{},{},{}\n", age(row), row % 3, if row * 7 % 90 < 45 { "young" } else { "old" });
    "age,rooms,y\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

#[tokio::test]
async fn a_column_that_changes_its_type_is_named() {
    let service = TestApp::start().await;
    let job = service.post_csv("/train?name=m&target=y&epochs=2", ages(200, "49")).await.expect(202);
    let first = service.ended(&job).await;
    assert_eq!(warnings(&first, "column_type_changed"), Vec::<&str>::new());
    service.post_csv("/datasets?name=later", ages(200, "unknown")).await.expect(201);
    let second = service.train("m", json!({"dataset": "later", "epochs": 2})).await;
    assert_eq!(second["state"], "succeeded", "{second}");
    let changed = warnings(&second, "column_type_changed");
    assert!(changed.len() == 1 && changed[0].starts_with("column \"age\" was numeric"), "{changed:?}");
    assert!(changed[0].contains("is categorical in this one"), "{changed:?}");
    let words = warnings(&second, "numbers_as_words");
    assert!(words.len() == 1 && words[0].contains("line 9 has \"unknown\""), "{words:?}");
    let again = service.restarted().await;
    let third = again.train("m", json!({"dataset": "later", "epochs": 2})).await;
    assert_eq!(warnings(&third, "column_type_changed").len(), 1, "after a restart");
}

#[tokio::test]
async fn measures_on_few_rows_say_how_far_they_may_be_off() {
    let service = TestApp::start().await;
    let train = async |rows: usize, query: &str| {
        let path = format!("/train?epochs=2&recipe=plain&hidden_layers=4&{query}");
        let job = service.post_csv(&path, ages(rows, "49")).await.expect(202);
        service.ended(&job).await
    };
    let few = train(60, "target=y").await;
    let accuracy = few["metrics"]["accuracy"].as_f64().expect("a number");
    let warned = warnings(&few, "few_validation_rows");
    let start = format!("the accuracy of {accuracy:.2} is measured on 12 rows: it may be off by ± 0.");
    assert!(warned.len() == 1 && warned[0].starts_with(&start), "{warned:?}");
    assert_eq!(warnings(&train(60, "target=age").await, "few_validation_rows").len(), 1);
    // About a fifth of them: more than a hundred.
    assert_eq!(warnings(&train(600, "target=y").await, "few_validation_rows").len(), 0);
    assert_eq!(warnings(&train(60, "target=y&validation_split=0").await, "few_validation_rows").len(), 0);
}

#[tokio::test]
async fn a_file_that_is_packed_is_unpacked_even_if_nothing_says_so() {
    let service = TestApp::start().await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(ages(300, "49").as_bytes()).expect("memory");
    let packed = packed.finish().expect("memory");
    assert_eq!(service.post_csv("/datasets", packed.clone()).await.expect(201)["rows"], 300);
    service.post_csv("/datasets", packed[..40].to_vec()).await.problem(400, "malformed_request");
    for short in ["", "\u{1f}", "a"] {
        service.post_csv("/datasets", short).await.problem(400, "malformed_data");
    }
}

#[tokio::test]
async fn errors_say_what_to_do_next() {
    let service = TestApp::start().await;
    let detail = |problem: Value| text(&problem["detail"]).to_owned();
    service.post_csv("/datasets?name=ages", ages(60, "49")).await.expect(201);
    service.post("/models", json!({"name": "m", "dataset": "ages", "target": "y"})).await.expect(201);
    let record = json!({"records": {"age": 3}});
    let untrained = service.post("/models/m/predict", record.clone()).await.problem(409, "model_not_trained");
    assert!(detail(untrained).contains("POST to its /train first"));
    service.post_csv("/datasets?name=single", "age,rooms,y\n1,2,old\n2,3,old\n3,1,old\n").await.expect(201);
    let single = service.post("/models/m/train", json!({"dataset": "single"})).await.problem(422, "invalid_value");
    assert!(detail(single).contains("has a single class"));
    // A failed training is named with its error.
    let failed = service.train("m", json!({"optimizer": "sgd", "learning_rate": 1e30})).await;
    assert_eq!(
        (&failed["state"], &failed["error"]["code"]),
        (&json!("failed"), &json!("training_diverged")),
        "{failed}"
    );
    let untrained = detail(service.post("/models/m/predict", record).await.problem(409, "model_not_trained"));
    let reason = text(&failed["error"]["detail"]);
    assert!(untrained.contains(text(&failed["id"])) && untrained.contains(reason), "{untrained}");
    service.train("m", json!({"epochs": 1})).await;
    let unread = service.post_csv("/models/m/evaluate", ages(60, "49")).await.problem(415, "unsupported_media_type");
    assert!(detail(unread).contains("POST it to /datasets"));
    service.post_csv("/datasets?name=narrow", "age,y\n1,old\n2,young\n").await.expect(201);
    let lacking =
        detail(service.post("/models/m/train", json!({"dataset": "narrow"})).await.problem(422, "invalid_value"));
    assert!(lacking.contains("\"narrow\"") && lacking.contains("\"rooms\""), "{lacking}");
    service.delete("/datasets/ages").await;
    let gone = detail(service.post("/models/m/train", json!({})).await.problem(404, "dataset_not_found"));
    assert!(gone.contains("the data set that the model was made for"), "{gone}");
    let nothing = service.post("/models/m/evaluate", json!({})).await.problem(422, "missing_field");
    assert!(detail(nothing).contains("`records`"));
}
