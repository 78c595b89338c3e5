//! Files of columns and sheets, over HTTP: Arrow files, columns that no table can have, Excel workbooks.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Float64Array, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use serde_json::{Value, json};

use crate::support::{TestApp, count, flowers_csv, text};

const EXCEL: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const FILE: &str = "application/vnd.apache.arrow.file";
const STREAM: &str = "application/vnd.apache.arrow.stream";

/// Made by `tests/fixtures/make_workbook.py`: a hidden sheet, a table below a title and around a blank row, a small table.
const SALES: &[u8] = include_bytes!("../fixtures/sales.xlsx");

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn flowers(extra: Option<(&str, ArrayRef)>) -> RecordBatch {
    let lengths = (0..60).map(|row| if row % 2 == 0 { 1.0 } else { 5.0 } + f64::from(row) / 100.0);
    let names = (0..60).map(|row| if row % 2 == 0 { "small" } else { "large" });
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("petal_length", Arc::new(lengths.collect::<Float64Array>())),
        ("species", Arc::new(names.map(Some).collect::<StringArray>())),
    ];
    columns.extend(extra);
    batch(columns)
}

fn arrow_file(batch: &RecordBatch) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).expect("it is known");
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).expect("a schema");
    writer.write(batch).expect("room");
    writer.into_inner().expect("room")
}

fn arrow_stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a schema");
    writer.write(batch).expect("room");
    writer.into_inner().expect("room")
}

fn raw(rows: usize) -> (&'static str, ArrayRef) {
    ("photo", Arc::new(BinaryArray::from_vec(vec![&b"\xff\xd8"[..]; rows])))
}

fn codes(findings: &Value) -> Vec<&str> {
    findings.as_array().expect("a list").iter().map(|finding| text(&finding["code"])).collect()
}

#[tokio::test]
async fn an_arrow_file_is_taken_under_either_name() {
    let service = TestApp::start().await;
    let (file, stream) = (arrow_file(&flowers(None)), arrow_stream(&flowers(None)));
    let stored = service.post_file("/datasets", STREAM, stream.clone()).await.expect(201);
    for (content_type, body) in [(FILE, file.clone()), (STREAM, file.clone()), (FILE, stream)] {
        let dataset = service.post_file("/datasets", content_type, body).await.expect(201);
        assert_eq!((&dataset["rows"], &dataset["columns"]), (&json!(60), &stored["columns"]));
    }
    let cut =
        service.post_file("/datasets", FILE, file[..file.len() - 1].to_vec()).await.problem(400, "malformed_data");
    assert!(text(&cut["detail"]).contains("breaks off"), "{cut}");
}

#[tokio::test]
async fn a_column_that_no_table_can_have_is_left_out_and_told_of() {
    let service = TestApp::start().await;
    let with_photos = arrow_file(&flowers(Some(raw(60))));
    let job = service.post_file("/train?name=f&target=species&epochs=2", FILE, with_photos).await.expect(202);
    service.get(&format!("/jobs/{}?wait=60", text(&job["id"]))).await.expect(200);
    let dataset = service.get("/datasets/f").await.expect(200);
    let names: Vec<_> =
        dataset["columns"].as_array().expect("a list").iter().map(|column| text(&column["name"])).collect();
    assert_eq!(names, ["petal_length", "species"]);
    let finding =
        dataset["findings"].as_array().expect("a list").iter().find(|found| found["code"] == "unusable_column");
    let message = text(&finding.expect("it is told")["message"]);
    assert!(message.contains("Binary"), "{message}");
    let alone = arrow_stream(&batch(vec![raw(3)]));
    let problem = service.post_file("/datasets", STREAM, alone).await.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).contains("Binary"), "{problem}");

    // Of rows to predict for nothing is left out in silence: the model does not know the one, and cannot read the other.
    let predict = async |columns| service.post_file("/models/f/predict", STREAM, arrow_stream(&batch(columns))).await;
    let lengths: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 5.0]));
    assert_eq!(predict(vec![("petal_length", Arc::clone(&lengths))]).await.status, 200);
    predict(vec![("petal_length", lengths), raw(2)]).await.problem(422, "unknown_field");
    let known = predict(vec![("petal_length", raw(2).1)]).await.problem(422, "unfit_data");
    assert!(text(&known["detail"]).contains("columns of type Binary cannot be used"), "{known}");
}

#[tokio::test]
async fn a_workbook_is_a_table_and_trains() {
    let service = TestApp::start().await;
    let dataset = service.post_file("/datasets?name=sales", EXCEL, SALES).await.expect(201);
    let types: Vec<_> = dataset["columns"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|column| (text(&column["name"]), text(&column["type"])))
        .collect();
    let expected =
        [("day", "datetime"), ("shop", "categorical"), ("sold", "numeric"), ("open", "boolean"), ("share", "numeric")];
    assert_eq!((&types[..5], dataset["rows"].as_u64()), (&expected[..], Some(40)));
    let found = codes(&dataset["findings"]);
    for code in ["rows_above_header", "blank_rows", "other_sheets", "formulas_without_values"] {
        assert!(found.contains(&code), "{code}: {found:?}");
    }
    let rows = service.get("/datasets/sales/rows?limit=2").await.expect(200);
    let second = &rows["data"][1];
    let cells = (&second["day"], &second["shop"], &second["sold"], &second["open"], &second["share"]);
    let expected = (json!("2024-02-21T06:00:00Z"), json!("north & west"), json!(11.25), json!(false), json!(0.01));
    assert_eq!(cells, (&expected.0, &expected.1, &expected.2, &expected.3, &expected.4));

    let prices = service.post_file("/datasets?name=prices&sheet=Prices", EXCEL, SALES).await.expect(201);
    assert_eq!((&prices["rows"], &prices["columns"][1]["missing"]), (&json!(3), &json!(1)));
    let job = service.post_file("/train?name=m&target=sold&epochs=2", EXCEL, SALES).await.expect(202);
    let job = service.get(&format!("/jobs/{}?wait=60", text(&job["id"]))).await.expect(200);
    assert_eq!(job["state"], "succeeded", "{job}");
}

#[tokio::test]
async fn what_cannot_be_read_of_a_workbook_is_refused_with_the_reason() {
    let service = TestApp::start().await;
    let unknown = service.post_file("/datasets?sheet=Costs", EXCEL, SALES).await.problem(422, "unfit_data");
    assert!(text(&unknown["detail"]).contains("\"Sales 2024\", \"Prices\""), "{unknown}");
    let sheet = service.post_csv("/datasets?sheet=Costs", flowers_csv(10)).await.problem(422, "unfit_data");
    assert!(text(&sheet["detail"]).contains("Excel"), "{sheet}");
    let other = service.post_file("/datasets", EXCEL, flowers_csv(10)).await.problem(400, "malformed_data");
    assert!(text(&other["detail"]).contains("no Excel workbook"), "{other}");
    let cut = SALES[..SALES.len() - 100].to_vec();
    service.post_file("/datasets", EXCEL, cut).await.problem(400, "malformed_data");
    assert_eq!(count(&service, "/datasets").await, 0);
}

#[tokio::test]
async fn a_sheet_of_a_workbook_is_appended() {
    let service = TestApp::start().await;
    service.post_file("/datasets?name=prices&sheet=Prices", EXCEL, SALES).await.expect(201);
    let twice = service.post_file("/datasets/prices/append?sheet=Prices", EXCEL, SALES).await.expect(201);
    assert_eq!(twice["rows"], 6);
    // Without its name it is another sheet, which lacks the columns.
    service.post_file("/datasets/prices/append", EXCEL, SALES).await.problem(422, "unfit_data");
    let path = "/datasets/prices/append?sheet=Costs";
    let unknown = service.post_file(path, EXCEL, SALES).await.problem(422, "unfit_data");
    assert!(text(&unknown["detail"]).contains("\"Prices\""), "{unknown}");
    let csv = service.post_csv(path, flowers_csv(10)).await.problem(422, "unfit_data");
    assert!(text(&csv["detail"]).contains("Excel"), "{csv}");
}
