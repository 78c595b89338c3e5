//! What may be stored in all: beyond it nothing is written, and what is deleted makes room.

use bytesize::ByteSize;
use serde_json::{Value, json};

use crate::support::{TestApp, count, eventually, flowers_csv, text, xor_model, xor_training};

/// The value of a metric without labels.
async fn metric(service: &TestApp, name: &str) -> u64 {
    let metrics = String::from_utf8(service.get("/metrics").await.body).expect("text");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.expect("the metric").parse().expect("a number")
}

#[tokio::test]
async fn objects_are_bounded_and_deleting_makes_room() {
    let service = TestApp::with(|settings| settings.max_stored_objects = 4).await;
    let job = service.with_xor().await;
    assert_eq!(metric(&service, "epochd_stored_objects").await, 3, "a model, a job, a version");
    service.post("/models", xor_model("second")).await.expect(201);
    let problem = service.post("/models", xor_model("third")).await.problem(507, "quota_exceeded");
    assert!(text(&problem["detail"]).contains("4 of 4 objects (--max-stored-objects)"), "{problem}");
    service.post("/models/xor/train", xor_training(5)).await.problem(507, "quota_exceeded");
    service.post_csv("/datasets?name=flowers", flowers_csv(30)).await.problem(507, "quota_exceeded");
    service.post_csv("/train?name=flowers&target=species", flowers_csv(30)).await.problem(507, "quota_exceeded");
    assert_eq!((count(&service, "/models").await, count(&service, "/datasets").await), (2, 0), "nothing was written");
    assert_eq!(service.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.status, 200);

    assert_eq!(service.delete(&format!("/jobs/{}", text(&job["id"]))).await.status, 204);
    let refused = || async { service.post_csv("/datasets?name=flowers", flowers_csv(30)).await.status != 507 };
    eventually("there is room", refused).await;
    assert_eq!(metric(&service, "epochd_stored_objects").await, 4);
}

#[tokio::test]
async fn bytes_are_bounded_and_counted_by_what_is_stored() {
    let service = TestApp::with(|settings| settings.max_stored_bytes = ByteSize::kib(64)).await;
    let dataset = service.post_csv("/datasets?name=flowers", flowers_csv(60)).await.expect(201);
    let (bytes, stored) = (dataset["bytes"].as_u64().expect("set"), metric(&service, "epochd_stored_bytes").await);
    assert!((bytes + 1000..bytes + 4000).contains(&stored), "columns of {bytes} bytes and their profile: {stored}");
    let job = service.with_xor().await;
    let used = metric(&service, "epochd_stored_bytes").await - stored;
    assert!(used > 300 * 32, "a history of 300 epochs, and a version: {used}");
    assert_eq!(service.delete(&format!("/jobs/{}", text(&job["id"]))).await.status, 204);
    let left = metric(&service, "epochd_stored_bytes").await - stored;
    let file = service.get("/models/xor/versions/1/export").await.body.len() as u64;
    assert!((file + 500..file + 10_000).contains(&left), "a version of {file} bytes, and what it says: {left}");
    let used = left;
    let notes: serde_json::Map<String, Value> =
        (0..64).map(|i| (format!("note-{i}"), json!("n".repeat(500)))).collect();
    service.patch("/models/xor", json!({"metadata": notes})).await.expect(200);
    assert!(metric(&service, "epochd_stored_bytes").await - stored - used > 64 * 500, "notes count");
    let mut noted = xor_model("noted");
    noted["metadata"] = Value::Object(notes.clone());
    service.post("/models", noted).await.problem(507, "quota_exceeded");
    service.post("/models", xor_model("plain")).await.expect(201);
    service.patch("/models/plain", json!({"metadata": notes})).await.problem(507, "quota_exceeded");
    assert_eq!(service.delete("/models/plain").await.status, 204);
    let row = |row: u64| format!("{}\n", row * 0x9E37_79B9 % 1_000_003);
    let large = (0..20_000).map(row).fold("x\n".to_owned(), |csv, row| csv + &row);
    service.post_csv("/datasets?name=large", large).await.problem(507, "quota_exceeded");
    let weights = json!([{"weights": vec![vec![0.5; 200]; 200], "biases": vec![0.0; 200]}]);
    let given = json!({"name": "given", "layers": [200, 200], "initial_parameters": weights});
    let problem = service.post("/models", given).await.problem(507, "quota_exceeded");
    assert!(text(&problem["detail"]).contains("64.0 KiB (--max-stored-bytes)"), "{problem}");
    service.post("/models/xor/train", xor_training(5_000)).await.problem(507, "quota_exceeded");
    assert_eq!(count(&service, "/models").await, 1);
}
