//! Data sets: upload in every form, profile, preview, list, deletion, and what is refused with nothing left behind.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, count, flowers_csv, text, xor_model};

/// Numbers with one missing, booleans, words.
pub const CSV: &str = "x,ok,word\n1,true,a\n2,false,b\n,true,a\n4,true,a\n";
const NDJSON: &str = r#"{"x": 1, "ok": true, "word": "a"}
{"word": "b", "ok": false, "x": 2}
{"ok": true, "word": "a"}
{"x": 4, "ok": true, "word": "a"}
"#;
const JSON: &str = r#"[{"x":1,"ok":true,"word":"a"},{"x":2,"ok":false,"word":"b"},{"x":null,"ok":true,"word":"a"},
    {"x":4,"ok":true,"word":"a"}]"#;

/// The same as Arrow columns.
fn batch() -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("x", Arc::new(Float64Array::from(vec![Some(1.0), Some(2.0), None, Some(4.0)]))),
        ("ok", Arc::new(BooleanArray::from(vec![true, false, true, true]))),
        ("word", Arc::new(StringArray::from(vec!["a", "b", "a", "a"]))),
    ];
    RecordBatch::try_from_iter(columns).expect("columns of equal length")
}

fn parquet() -> Vec<u8> {
    let batch = batch();
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a schema");
    writer.write(&batch).expect("memory");
    writer.into_inner().expect("a whole file")
}

fn arrow_stream() -> Vec<u8> {
    let batch = batch();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a schema");
    writer.write(&batch).expect("memory");
    writer.finish().expect("memory");
    writer.into_inner().expect("a whole stream")
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// The body of a form of one file.
fn form(file_name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\nContent-Type: \
         application/octet-stream\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n--edge--\r\n"].concat()
}

async fn post_packed(service: &TestApp, path: &str, bytes: Vec<u8>) -> Reply {
    let request = service.raw(Method::POST, path).header("content-type", "text/csv").header("content-encoding", "gzip");
    service.send(Method::POST, path, request.body(bytes)).await
}

fn column<'a>(dataset: &'a Value, name: &str) -> &'a Value {
    let columns = dataset["columns"].as_array().expect("a list");
    columns.iter().find(|column| column["name"] == name).expect("the column is there")
}

#[tokio::test]
async fn a_table_is_the_same_in_whatever_form_it_is_sent() {
    let service = TestApp::start().await;
    let form_type = "multipart/form-data; boundary=edge";
    let stored = service.post_csv("/datasets?name=first", CSV).await.expect(201);
    let sent: Vec<(&str, Reply)> = vec![
        ("NDJSON", service.post_file("/datasets", "application/x-ndjson", NDJSON).await),
        ("JSON", service.post_file("/datasets", "application/json", JSON).await),
        ("Parquet", service.post_file("/datasets", "application/vnd.apache.parquet", parquet()).await),
        ("Arrow", service.post_file("/datasets", "application/vnd.apache.arrow.stream", arrow_stream()).await),
        ("gzip", post_packed(&service, "/datasets", packed(CSV.as_bytes())).await),
        ("a form", service.post_file("/datasets", form_type, form("table.csv", CSV.as_bytes())).await),
        ("a packed form", service.post_file("/datasets", form_type, form("t.csv.gz", &packed(CSV.as_bytes()))).await),
        ("Windows", service.post_csv("/datasets", format!("\u{feff}{}", CSV.replace('\n', "\r\n"))).await),
        ("semicolons", service.post_csv("/datasets", CSV.replace(',', ";")).await),
    ];
    let preview = service.get("/datasets/first/rows").await.expect(200);
    for (form, reply) in sent {
        let location = reply.header("location").to_owned();
        let dataset = reply.expect(201);
        assert_eq!(dataset["rows"], 4, "{form}");
        assert_eq!(dataset["columns"], stored["columns"], "{form}");
        assert_eq!(location, format!("/datasets/{}", text(&dataset["id"])), "{form}");
        assert_eq!(service.get(&location).await.expect(200), dataset, "{form}");
        assert_eq!(service.get(&format!("{location}/rows")).await.expect(200), preview, "{form}");
    }
    assert_eq!(
        preview["data"],
        json!([
            {"x": 1, "ok": true, "word": "a"},
            {"x": 2, "ok": false, "word": "b"},
            {"x": null, "ok": true, "word": "a"},
            {"x": 4, "ok": true, "word": "a"}
        ])
    );
}

#[tokio::test]
async fn a_profile_counts_and_measures_each_column() {
    let service = TestApp::start().await;
    let csv = "x,ok,word,day\n1,true,a,2024-05-01\n2,false,b,2024-05-03\n,true,a,\n4,true,a,2024-05-02\n";
    let dataset = service.post_csv("/datasets?name=small", csv).await.expect(201);
    assert_eq!(dataset["name"], "small");
    assert!(dataset["bytes"].as_u64().expect("a number") > 0);
    let types = ["x", "ok", "word", "day"].map(|name| text(&column(&dataset, name)["type"]).to_owned());
    assert_eq!(types, ["numeric", "boolean", "categorical", "datetime"]);
    let x = column(&dataset, "x");
    assert_eq!((&x["missing"], &x["distinct"]), (&json!(1), &json!(3)));
    assert_eq!((x["min"].as_f64(), x["max"].as_f64()), (Some(1.0), Some(4.0)));
    // Mean (1 + 2 + 4)/3; variance ((4/3)² + (1/3)² + (5/3)²)/3 = 14/9.
    assert!((x["mean"].as_f64().expect("a number") - 7.0 / 3.0).abs() < 1e-12, "{x}");
    assert!((x["std"].as_f64().expect("a number") - (14.0_f64 / 9.0).sqrt()).abs() < 1e-12, "{x}");
    assert_eq!(column(&dataset, "ok")["mean"].as_f64(), Some(0.75));
    let word = column(&dataset, "word");
    assert_eq!(word["top"], json!([{"value": "a", "count": 3}, {"value": "b", "count": 1}]));
    let day = column(&dataset, "day");
    assert_eq!(day["missing"], 1);
    assert!(text(&day["min"]).starts_with("2024-05-01") && text(&day["max"]).starts_with("2024-05-03"), "{day}");
}

#[tokio::test]
async fn a_preview_holds_as_many_rows_as_are_asked_for() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=flowers", flowers_csv(50)).await.expect(201);
    let rows = async |query: &str| {
        let reply = service.get(&format!("/datasets/flowers/rows{query}")).await.expect(200);
        reply["data"].as_array().expect("a list").len()
    };
    assert_eq!((rows("").await, rows("?limit=3").await, rows("?limit=1000").await), (20, 3, 50));
    for query in ["?limit=0", "?limit=1001", "?limit=x"] {
        service.get(&format!("/datasets/flowers/rows{query}")).await.problem(422, "invalid_value");
    }
    service.get("/datasets/flowers/rows?page=2").await.problem(422, "unknown_field");
    service.get("/datasets/weeds/rows").await.problem(404, "dataset_not_found");
}

#[tokio::test]
async fn data_sets_are_listed_newest_first_and_survive_a_restart() {
    let service = TestApp::start().await;
    for name in ["a", "b", "c"] {
        service.post_csv(&format!("/datasets?name={name}"), CSV).await.expect(201);
    }
    let service = service.restarted().await;
    let page = service.get("/datasets?limit=2").await.expect(200);
    let names = |page: &Value| -> Vec<String> {
        page["data"].as_array().expect("a list").iter().map(|set| text(&set["name"]).to_owned()).collect()
    };
    assert_eq!(names(&page), ["c", "b"]);
    let rest = service.get(&format!("/datasets?limit=2&cursor={}", text(&page["next_cursor"]))).await.expect(200);
    assert_eq!((names(&rest), &rest["next_cursor"]), (vec!["a".to_owned()], &Value::Null));
    let by_name = service.get("/datasets/a").await.expect(200);
    assert_eq!(service.get(&format!("/datasets/{}", text(&by_name["id"]))).await.expect(200), by_name);
    service.get("/datasets?cursor=x").await.problem(422, "invalid_value");
}

#[tokio::test]
async fn a_name_is_given_once_and_is_free_again_after_deletion() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("table")).await.expect(201);
    service.post_csv("/datasets?name=table", CSV).await.expect(201);
    let problem = service.post_csv("/datasets?name=table", CSV).await.problem(409, "name_taken");
    assert_eq!(problem["errors"][0]["parameter"], "name");
    for name in ["Table", "-t", "", "019cadd4-5698-7c3e-9b52-4f0d3a6e8c11"] {
        let problem = service.post_csv(&format!("/datasets?name={name}"), CSV).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "name", "{name}");
    }
    assert_eq!(count(&service, "/datasets").await, 1);
    assert_eq!(service.delete("/datasets/table").await.status, 204);
    service.get("/datasets/table").await.problem(404, "dataset_not_found");
    service.delete("/datasets/table").await.problem(404, "dataset_not_found");
    service.post_csv("/datasets?name=table", CSV).await.expect(201);
}

#[tokio::test]
async fn a_data_set_that_a_job_needs_is_not_deleted() {
    let service = TestApp::start().await;
    for name in ["flowers", "others"] {
        service.post_csv(&format!("/datasets?name={name}"), flowers_csv(300)).await.expect(201);
    }
    let model = json!({"name": "m", "dataset": "flowers", "target": "species", "hidden_layers": [8]});
    service.post("/models", model).await.expect(201);
    let training = json!({"epochs": 1_000_000, "batch_size": 2, "early_stopping": {"patience": 1_000_000},
                          "validation": {"dataset": "others"}});
    let job = service.post("/models/m/train", training).await.expect(202);
    for name in ["flowers", "others"] {
        service.delete(&format!("/datasets/{name}")).await.problem(409, "dataset_busy");
    }
    service.post_empty(&format!("/jobs/{}/cancel", text(&job["id"]))).await.expect(200);
    for name in ["flowers", "others"] {
        assert_eq!(service.delete(&format!("/datasets/{name}")).await.status, 204);
    }
    let model = service.get("/models/m").await.expect(200);
    assert_eq!(model["target"], "species", "the model stays");
    service.post("/models/m/train", json!({})).await.problem(404, "dataset_not_found");
}

#[tokio::test]
async fn what_is_malformed_is_refused_with_its_line_and_nothing_is_kept() {
    let service = TestApp::start().await;
    let cases: Vec<(&str, &str, Vec<u8>, &str)> = vec![
        ("a short row", "text/csv", b"a,b\n1,2\n3\n".to_vec(), "line 3"),
        ("a long row", "text/csv", b"a,b\n1,2\n3,4\n5,6,7\n".to_vec(), "line 4"),
        ("a row after a field of two lines", "text/csv", b"a,b\n1,\"x\ny\"\n3\n".to_vec(), "line 4"),
        ("no UTF-8", "text/csv; charset=utf-8", b"a,b\n1,2\n\xff,3\n".to_vec(), "line 3"),
        ("two encodings", "text/csv", b"a,b\n1,2\n\xff,3\n\xc3\xa9,4\n".to_vec(), "line 3"),
        ("an open quote", "text/csv", b"a,b\n1,2\n3,\"4\n".to_vec(), "line"),
        ("two columns of one name", "text/csv", b"a,a\n1,2\n".to_vec(), ""),
        ("broken JSON", "application/x-ndjson", b"{\"a\":1}\n{\"a\":\n".to_vec(), "line 2"),
        ("no object", "application/x-ndjson", b"{\"a\":1}\n{\"a\":2}\n[3]\n".to_vec(), "line 3"),
        ("no array", "application/json", b"{\"a\":1}".to_vec(), ""),
        ("an array cut short", "application/json", b"[{\"a\":1},\n{\"a\":2}".to_vec(), ""),
        ("no Parquet", "application/vnd.apache.parquet", b"PAR1 and nothing else".to_vec(), ""),
        ("Parquet cut short", "application/vnd.apache.parquet", parquet()[..200].to_vec(), ""),
        ("no Arrow", "application/vnd.apache.arrow.stream", vec![7; 100], ""),
    ];
    for (what, content_type, body, place) in cases {
        let reply = service.post_file("/datasets?name=bad", content_type, body).await;
        assert_eq!(reply.status, 400, "{what}: {}", String::from_utf8_lossy(&reply.body));
        let problem = reply.problem(400, "malformed_data");
        assert!(text(&problem["detail"]).contains(place), "{what}: {problem}");
    }
    for (what, body) in [("no gzip", b"a,b\n1,2\n".to_vec()), ("gzip cut short", packed(CSV.as_bytes())[..20].to_vec())]
    {
        let reply = post_packed(&service, "/datasets?name=bad", body).await;
        assert_eq!(reply.status, 400, "{what}: {}", String::from_utf8_lossy(&reply.body));
    }
    assert_eq!(count(&service, "/datasets").await, 0);
    service.post_csv("/datasets?name=bad", CSV).await.expect(201);
}

#[tokio::test]
async fn an_empty_file_is_refused() {
    let service = TestApp::start().await;
    let cases = [
        ("text/csv", ""),
        ("text/csv", "a,b\n"),
        ("application/x-ndjson", ""),
        ("application/x-ndjson", "\n\n"),
        ("application/json", ""),
        ("application/json", "[]"),
    ];
    for (content_type, body) in cases {
        let reply = service.post_file("/datasets", content_type, body).await;
        assert!([400, 422].contains(&reply.status), "{content_type} {body:?}: {}", reply.status);
    }
    assert_eq!(count(&service, "/datasets").await, 0);
}

#[tokio::test]
async fn a_content_type_that_says_nothing_is_refused() {
    let service = TestApp::start().await;
    for content_type in ["text/plain", "application/octet-stream", "application/xml"] {
        let problem = service.post_file("/datasets", content_type, CSV).await.problem(415, "unsupported_media_type");
        assert!(text(&problem["detail"]).contains("text/csv"), "{problem}");
    }
    let request = service.raw(Method::POST, "/datasets").body(CSV);
    service.send(Method::POST, "/datasets", request).await.problem(415, "unsupported_media_type");
    let request = service.raw(Method::POST, "/datasets").header("content-type", "text/csv");
    let request = request.header("content-encoding", "br").body(CSV);
    service.send(Method::POST, "/datasets", request).await.problem(415, "unsupported_media_type");
    let form_type = "multipart/form-data; boundary=edge";
    let unknown = form("table.xls", CSV.as_bytes());
    service.post_file("/datasets", form_type, unknown).await.problem(415, "unsupported_media_type");
    service.post_file("/datasets", form_type, "--edge--\r\n").await.problem(400, "malformed_request");
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_refused_packed_or_not() {
    let service = TestApp::with(|settings| settings.max_upload = bytesize::ByteSize::kib(64)).await;
    let large = flowers_csv(4000);
    service.post_csv("/datasets", large.clone()).await.problem(413, "payload_too_large");
    let small = packed(large.as_bytes());
    assert!(small.len() < 64 << 10, "it is small only while it is packed");
    post_packed(&service, "/datasets", small).await.problem(413, "payload_too_large");
    assert_eq!(count(&service, "/datasets").await, 0);
    service.post_csv("/datasets", flowers_csv(300)).await.expect(201);
}

#[tokio::test]
async fn types_that_are_named_take_the_place_of_those_found() {
    let service = TestApp::start().await;
    let csv = "zip,note,n\n10115,a,1\n10117,b,2\n10115,a,x\n";
    let found = service.post_csv("/datasets", csv).await.expect(201);
    assert_eq!(column(&found, "zip")["type"], "numeric");
    let path = "/datasets?types=%7B%22zip%22:%22categorical%22,%22note%22:%22text%22%7D";
    let named = service.post_csv(path, csv).await.expect(201);
    assert_eq!(column(&named, "zip")["type"], "categorical");
    assert_eq!(column(&named, "note")["type"], "text");
    assert_eq!(column(&named, "zip")["top"][0], json!({"value": "10115", "count": 2}));
    for types in ["%7B%22zip%22:%22number%22%7D", "zip", "%5B%5D"] {
        let path = format!("/datasets?types={types}");
        let problem = service.post_csv(&path, csv).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "types", "{types}");
    }
    let reply = service.post_csv("/datasets?types=%7B%22n%22:%22numeric%22%7D", csv).await;
    assert!([400, 422].contains(&reply.status), "x is no number: {}", reply.status);
    let shown = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(shown.contains("line 4"), "{shown}");
    let reply = service.post_csv("/datasets?types=%7B%22zap%22:%22numeric%22%7D", csv).await;
    assert_eq!(reply.status, 422, "there is no such column");
}

#[tokio::test]
async fn a_repeated_upload_stores_one_data_set() {
    let service = TestApp::start().await;
    let post = async |service: &TestApp, path: &str, key: &str, csv: &'static str| {
        let request = service.raw(Method::POST, path).header("idempotency-key", key).header("content-type", "text/csv");
        service.send(Method::POST, path, request.body(csv)).await
    };
    let first = post(&service, "/datasets?name=once", "key-1", CSV).await.expect(201);
    let service = service.restarted().await;
    let again = post(&service, "/datasets?name=once", "key-1", CSV).await;
    assert_eq!(again.header("location"), format!("/datasets/{}", text(&first["id"])));
    assert_eq!(again.expect(201), first);
    assert_eq!(count(&service, "/datasets").await, 1);
    post(&service, "/datasets?name=once", "key-1", "x\n1\n2\n").await.problem(422, "idempotency_key_reused");
    post(&service, "/datasets?name=twice", "key-1", CSV).await.problem(422, "idempotency_key_reused");
    post(&service, "/datasets?name=once", "key-2", CSV).await.problem(409, "name_taken");
}
