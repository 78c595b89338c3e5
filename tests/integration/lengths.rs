//! How long what a client names may be, and that what is long costs little and is quoted in short.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::support::{TestApp, eventually, text};

/// A service with a model by data set on `columns` columns `column_number_0`, … and the target `y`.
async fn wide_service(columns: usize) -> TestApp {
    let service = TestApp::start().await;
    let names: Vec<String> = (0..columns).map(|at| format!("column_number_{at}")).collect();
    let row = |row: usize| format!("{},{}\n", vec![(row % 7).to_string(); columns].join(","), ["a", "b"][row % 2]);
    let csv = format!("{},y\n{}", names.join(","), (0..40).map(row).collect::<String>());
    let job = service.post_csv("/train?name=wide&target=y&epochs=1&hidden_layers=2", csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    service
}

#[tokio::test]
async fn a_long_key_among_many_columns_is_refused_at_once_and_quoted_in_short() {
    let service = wide_service(1500).await;
    let since = Instant::now();
    let long = json!({"records": [{"c".repeat(400_000): 1}]});
    let (refused, alive) = tokio::join!(service.post("/models/wide/predict", long), service.get("/livez"));
    let problem = refused.problem(422, "invalid_value");
    alive.expect(200);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert!(text(&problem["detail"]).len() < 600 && !problem.to_string().contains(&"c".repeat(1000)), "{problem}");
    let near = json!({"records": [{"column_numbr_7": 1}]});
    let problem = service.post("/models/wide/predict", near).await.problem(422, "unknown_field");
    assert!(text(&problem["detail"]).contains("did you mean \"column_number_"), "{problem}");
}

#[tokio::test]
async fn names_of_columns_and_lists_of_them_are_bounded() {
    let service = TestApp::start().await;
    let long = "n".repeat(1001);
    let problem = service.post_csv("/datasets", format!("a,{long}\n1,2\n")).await.problem(413, "payload_too_large");
    assert!(text(&problem["detail"]).contains("at most 1000 characters") && text(&problem["detail"]).len() < 300);
    service.post_csv("/datasets?name=few", "a,b,y\n1,2,p\n3,4,q\n").await.expect(201);
    let model = |features: Value| json!({"dataset": "few", "target": "y", "features": features});
    for features in [json!([long]), json!(vec![""; 16_385])] {
        let problem = service.post("/models", model(features)).await.problem(422, "invalid_value");
        assert!(text(&problem["errors"][0]["pointer"]).starts_with("/features"), "{problem}");
    }
    service.post("/models", json!({"name": "two", "layers": [2, 1]})).await.expect(201);
    let training = json!({"dataset": "few", "features": ["a", "b"], "targets": vec!["y"; 16_385]});
    service.post("/models/two/train", training).await.problem(422, "invalid_value");
}

#[tokio::test]
async fn words_that_no_version_has_room_for_are_told_before_the_first_epoch_and_hold_nothing_up() {
    let service = TestApp::with(|settings| settings.concurrent_jobs = Some(1)).await;
    // A control character is seven bytes of a text of JSON within JSON.
    let word = |row: usize| format!("{:03}{}", row % 50, "\u{1}".repeat(990));
    let row = |row: usize| format!("{},{}\n", vec![word(row); 60].join(","), ["p", "q"][row * 7 / 3 % 2]);
    let names = (0..60).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
    let csv = format!("{names},y\n{}", (0..150).map(row).collect::<String>());
    let types: serde_json::Map<_, _> = (0..60).map(|at| (format!("c{at}"), json!("categorical"))).collect();
    let types: String = form_urlencoded::byte_serialize(Value::Object(types).to_string().as_bytes()).collect();
    service.post_csv(&format!("/datasets?name=long&types={types}"), csv).await.expect(201);
    let model = json!({"name": "long", "dataset": "long", "target": "y", "recipe": "plain", "hidden_layers": [1]});
    service.post("/models", model).await.expect(201);
    let failed = service.train("long", json!({"epochs": 1})).await;
    assert_eq!((text(&failed["state"]), &failed["epoch"]), ("failed", &json!(0)), "{failed}");
    assert!(failed.to_string().contains("a version's file, which has room for 16777216"), "{failed}");
    service.with_xor().await;
}

#[tokio::test]
async fn classes_are_short() {
    let service = TestApp::start().await;
    let csv = |length: usize| {
        let row = |row: usize| format!("{row},{}{}\n", ["p", "q"][row % 2], "x".repeat(length - 1));
        "a,y\n".to_owned() + &(0..60).map(row).collect::<String>()
    };
    let job = service.post_csv("/train?name=fits&target=y&epochs=1", csv(256)).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    let problem = service.post_csv("/train?target=y&epochs=1", csv(257)).await.problem(422, "invalid_value");
    let detail = text(&problem["detail"]);
    assert!(detail.contains("more than 256 characters") && detail.contains("\"pxxx") && detail.len() < 400, "{detail}");
}

#[tokio::test]
async fn numbers_far_from_1_are_written_alike_in_csv_and_json() {
    let service = TestApp::start().await;
    let row = |row: u32| format!("{},{}\n", row % 5, ["1e-320", "3e-320"][(row % 2) as usize]);
    let csv = "a,y\n".to_owned() + &(0..60).map(row).collect::<String>();
    let job = service.post_csv("/train?name=tiny&target=y&epochs=1", csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    let accept =
        |media: &'static str| service.raw(reqwest::Method::POST, "/models/tiny/predict").header("accept", media);
    let ask = |media| accept(media).header("content-type", "text/csv").body("a\n1\n").send();
    let (as_csv, as_json) = (ask("text/csv").await.unwrap(), ask("application/json").await.unwrap());
    let as_csv = as_csv.text().await.unwrap();
    let as_json: Value = as_json.json().await.unwrap();
    let cell = as_csv.lines().nth(1).and_then(|line| line.split(',').next()).expect("a prediction");
    assert!(cell.len() < 24 && cell.contains("e-320"), "{as_csv}");
    assert_eq!(cell.parse::<f64>().ok(), as_json["predictions"][0]["value"].as_f64(), "{as_csv} {as_json}");
}

#[tokio::test]
async fn a_small_file_of_long_words_is_read_in_modest_memory_that_is_given_back() {
    let service = TestApp::start().await;
    let words: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(30_000); 1000]));
    let columns = (0..12).map(|at| (format!("w{at}"), words.clone()));
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(Default::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a schema");
    writer.write(&batch).expect("rows");
    let file = writer.into_inner().expect("a file");
    assert!(file.len() < 64 << 10);
    let media = "application/vnd.apache.parquet";
    let dataset = service.post_file("/datasets", media, file).await.expect(201);
    assert_eq!((&dataset["rows"], &dataset["columns"][11]["distinct"]), (&json!(1000), &json!(1)));
    let share = &service.app.memory.requests;
    eventually("the memory is given back", async || share.used() == 0).await;
}
