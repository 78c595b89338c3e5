//! Files as people have them: without a header, in other encodings, with other ends of lines, of another kind.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, text};

fn utf_16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The message of a data set's finding.
fn finding(dataset: &Value, code: &str) -> String {
    let mut found = dataset["findings"].as_array().expect("a list").iter();
    let found = found.find(|finding| finding["code"] == code);
    text(&found.unwrap_or_else(|| panic!("{code}: {dataset}"))["message"]).to_owned()
}

/// The reply to rows.
async fn predict(service: &TestApp, model: &str, content_type: &str, rows: impl Into<reqwest::Body>) -> Reply {
    service.post_file(&format!("/models/{model}/predict"), content_type, rows).await
}

/// The CSV of predictions.
async fn predicted(service: &TestApp, model: &str, content_type: &str, rows: impl Into<reqwest::Body>) -> String {
    let reply = predict(service, model, content_type, rows).await;
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    assert_eq!(reply.status, 200, "{body}");
    body
}

/// Trains a model on cafés, whose words and whose size say of which class they are.
async fn trained(service: &TestApp, name: &str, content_type: &str, file: impl Into<reqwest::Body>) {
    let path = format!("/train?name={name}&target=y&epochs=200&hidden_layers=8");
    let job = service.post_file(&path, content_type, file).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
}

fn cafes() -> String {
    let row = |row: usize| ["café,1.5,lo\n", "thé,9.5,hi\n"][row % 2];
    "drink,size,y\n".to_owned() + &(0..60).map(row).collect::<String>()
}

#[tokio::test]
async fn an_encoding_that_is_said_is_read_in_data_sets_trainings_and_predictions() {
    let service = TestApp::start().await;
    let windows = |text: &str| encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    let latin = "text/csv; charset=ISO-8859-1";
    trained(&service, "plain", "text/csv", cafes()).await;
    trained(&service, "latin", latin, windows(&cafes())).await;
    trained(&service, "wide", "text/csv", utf_16(&cafes())).await;
    let rows = "drink,size\ncafé,1.5\nthé,9.5\n";
    let expected = predicted(&service, "plain", "text/csv", rows).await;
    assert_eq!(expected.lines().count(), 3, "{expected}");
    for (model, content_type, body) in [
        ("plain", latin, windows(rows)),
        ("latin", "text/csv", rows.as_bytes().to_vec()),
        ("latin", latin, windows(rows)),
        ("wide", "text/csv; charset=utf-16", utf_16(rows)),
        ("wide", "text/csv", utf_16(rows)),
    ] {
        let found = predicted(&service, model, content_type, body).await;
        assert_eq!(found, expected, "{model}: {content_type}");
    }
    // Nothing tells whoever predicts that something was guessed: so nothing is.
    let problem = predict(&service, "latin", "text/csv", windows(rows)).await.problem(400, "malformed_data");
    assert!(text(&problem["detail"]).contains("line 2") && text(&problem["detail"]).contains("charset="), "{problem}");
    let dataset = service.post_file("/datasets", "text/csv", windows(&cafes())).await.expect(201);
    assert_eq!(dataset["columns"][0]["top"][0]["value"], "café");
    let told = finding(&dataset, "encoding_guessed");
    assert!(told.contains("Windows-1252") && told.contains("line 2") && told.contains("café"), "{told}");
    for (path, wrong) in
        [("/datasets", "charset=utf-32"), ("/datasets", "header=no"), ("/models/plain/predict", "charset=x")]
    {
        let content_type = format!("text/csv; {wrong}");
        service.post_file(path, &content_type, "a\n1\n").await.problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_long_file_in_another_encoding_is_read_while_it_arrives() {
    let service = TestApp::start().await;
    let rows: String = (0..200_000).map(|row| format!("{row},größe {}\r\n", row % 9)).collect();
    let file = utf_16(&format!("n,wort\r\n{rows}"));
    let dataset = service.post_file("/datasets", "text/csv; charset=utf-16le", file).await.expect(201);
    assert_eq!((&dataset["rows"], &dataset["columns"][1]["distinct"]), (&json!(200_000), &json!(9)));
    assert_eq!(dataset["columns"][0]["max"], 199_999.0);
    let late =
        [format!("n,wort\n{}", rows.replace('ö', "oe").replace('ß', "ss")).as_bytes(), b"7,gr\xf6\xdfe\n"].concat();
    let dataset = service.post_file("/datasets", "text/csv", late).await.expect(201);
    assert_eq!((&dataset["rows"], &dataset["columns"][1]["distinct"]), (&json!(200_001), &json!(10)));
    assert!(finding(&dataset, "encoding_guessed").contains("line 200002"));
}

#[tokio::test]
async fn rows_without_a_header_have_the_models_features_in_their_order() {
    let service = TestApp::start().await;
    let row = |row: usize| ["lo,café,1.5\n", "hi,thé,9.5\n"][row % 2];
    let file: String = (0..60).map(row).collect();
    let absent = "text/csv; header=absent";
    let path = "/train?name=bare&target=column_1&epochs=200&hidden_layers=8";
    let job = service.post_file(path, absent, file.clone()).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    let expected = predicted(&service, "bare", "text/csv", "column_3,column_2\n1.5,café\n9.5,thé\n").await;
    let found = predicted(&service, "bare", absent, "café,1.5\nthé,9.5\n").await;
    assert_eq!(found, expected);
    assert!(found.contains("\nlo,") && found.contains("\nhi,"), "{found}");
    // With the target in front nothing says which column is which.
    let problem = predict(&service, "bare", absent, file).await.problem(422, "shape_mismatch");
    assert!(text(&problem["detail"]).contains("\"column_2\", \"column_3\""), "{problem}");
    let dataset = service.post_csv("/datasets", "0.5,1.5,red\n0.25,3,blue\n0.5,4,red\n").await.expect(201);
    assert!(finding(&dataset, "header_looks_like_data").contains("header=absent"), "{dataset}");
}

#[tokio::test]
async fn as_many_rows_of_one_column_come_out_as_go_in() {
    let service = TestApp::start().await;
    let row = |row: usize| ["DE,lo\n", ",hi\n", "FR,hi\n"][row % 3];
    let file = "country,y\n".to_owned() + &(0..90).map(row).collect::<String>();
    trained(&service, "countries", "text/csv", file).await;
    let blank = predicted(&service, "countries", "text/csv", "country\nDE\n\nFR\n\n").await;
    let quoted = predicted(&service, "countries", "text/csv", "country\r\nDE\r\n\"\"\r\nFR\r\n").await;
    assert_eq!((blank.lines().count(), &blank), (4, &quoted));
    let labels: Vec<&str> = blank.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(labels, ["lo", "hi", "hi"]);
}

#[tokio::test]
async fn a_table_parted_by_blanks_is_read_in_data_sets_trainings_and_predictions() {
    let service = TestApp::start().await;
    let with_blanks =
        |text: String| text.lines().map(|line| format!("  {} \n", line.replace(',', "   "))).collect::<String>();
    trained(&service, "commas", "text/csv", cafes()).await;
    trained(&service, "blanks", "text/csv", with_blanks(cafes())).await;
    let rows = format!("drink,size\n{}", "café,1.5\nthé,9.5\n".repeat(4));
    let expected = predicted(&service, "commas", "text/csv", rows.clone()).await;
    assert_eq!(expected.lines().count(), 9, "{expected}");
    for model in ["commas", "blanks"] {
        let found = predicted(&service, model, "text/csv", with_blanks(rows.clone())).await;
        assert_eq!(found, expected, "{model}");
        // Too few rows to be sure, but it is said.
        let one = predicted(&service, model, "text/csv", "sep= \nsize drink\n1.5  café\n").await;
        assert_eq!(one.lines().nth(1), expected.lines().nth(1), "{model}");
    }
    let dataset = service.post_csv("/datasets?name=parted", with_blanks(cafes())).await.expect(201);
    let measured = service.post("/models/commas/evaluate", json!({"dataset": "parted"})).await.expect(200);
    assert_eq!(measured["metrics"]["accuracy"], 1.0, "{measured}");
    assert_eq!((&dataset["rows"], &dataset["columns"][1]["name"]), (&json!(60), &json!("size")));
    assert!(finding(&dataset, "parted_by_blanks").contains("3 columns"), "{dataset}");
}

#[tokio::test]
async fn what_may_mean_something_else_is_refused_with_its_line() {
    let service = TestApp::start().await;
    trained(&service, "cafes", "text/csv", cafes()).await;
    for (rows, line, part) in [
        ("drink,size\n\"café\",1\n\"thé,2\n\"eau,3\n\"lait\",4\n", 3, "\"eau"),
        ("drink,size\n\"ca\\\"fé\",1\n", 2, "backslash"),
        ("drink,size\nca\"fé,1\n", 2, "double those in it"),
        ("drink,size\ncafé,1\nthé\r2,2\n", 3, "carriage return"),
        ("drink,size\ncafé,1\n\"thé,2\n", 3, "never closed"),
    ] {
        for path in ["/datasets", "/models/cafes/predict"] {
            let problem = service.post_csv(path, rows).await.problem(400, "malformed_data");
            let detail = text(&problem["detail"]);
            assert!(detail.starts_with(&format!("line {line}: ")) && detail.contains(part), "{path}: {detail}");
        }
    }
}

#[tokio::test]
async fn other_lines_and_kinds_are_read_or_named() {
    let service = TestApp::start().await;
    let dataset = service.post_csv("/datasets", "size,colour\r1,red\r2,blue\r3,red").await.expect(201);
    assert_eq!((&dataset["rows"], &dataset["columns"][1]["distinct"]), (&json!(3), &json!(2)));
    let table: String = (0..60).map(|row| format!("N;{row};{}.5\n", row / 2)).collect();
    let dataset =
        service.post_csv("/datasets", format!("Sales of 2024\nregion;units;price\n{table}")).await.expect(201);
    assert_eq!((&dataset["rows"], &dataset["columns"][1]["name"]), (&json!(60), &json!("units")));
    assert!(finding(&dataset, "lines_skipped").starts_with("Line 1 "), "{dataset}");
    let workbook = b"PK\x03\x04\x14\0\x06\0\x08\0xl/workbook.xml".to_vec();
    for (content_type, body, part) in [
        ("text/csv", workbook.clone(), "an Excel workbook (.xlsx), sent as text/csv"),
        ("application/json", workbook.clone(), "an Excel workbook (.xlsx), sent as application/json"),
        ("text/csv", b"[{\"a\": 1}]".to_vec(), "send it as application/json"),
        ("application/x-ndjson", b"PAR1\x15\0\x15".to_vec(), "a Parquet file"),
    ] {
        let problem = service.post_file("/datasets", content_type, body).await.problem(400, "malformed_data");
        assert!(text(&problem["detail"]).contains(part), "{problem}");
    }
    let part = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv; \
                header=absent\r\n\r\n1,2\n3,4\n\r\n--edge--\r\n";
    let form = service.raw(Method::POST, "/datasets").header("content-type", "multipart/form-data; boundary=edge");
    let dataset = service.send(Method::POST, "/datasets", form.body(part)).await.expect(201);
    assert_eq!((&dataset["rows"], &dataset["columns"][0]["name"]), (&json!(2), &json!("column_1")));
}
