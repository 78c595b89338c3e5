//! Predictions that live with callers' data: further columns, columns that the reply repeats, flags in columns, and rows
//! that cannot be read.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use reqwest::Method;
use serde_json::{Value, json};

use super::fruit::{fruit_service, peach, post_for, predict, with, with_weights};
use crate::support::{Reply, TestApp, text};

const KINDS: &str = "/models/kinds/predict";
const ARROW: &str = "application/vnd.apache.arrow.stream";

/// The lines of a CSV reply, its header first.
fn lines(reply: &Reply) -> Vec<Vec<String>> {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&reply.body[..]);
    reader.records().map(|line| line.expect("CSV").iter().map(str::to_owned).collect()).collect()
}

async fn csv(service: &TestApp, query: &str, body: &str) -> Reply {
    service.post_csv(&format!("{KINDS}?{query}"), body.to_owned()).await
}

#[tokio::test]
async fn columns_that_the_model_does_not_know_are_refused_unless_they_are_to_be_ignored() {
    let (service, _) = fruit_service().await;
    let plain = predict(&service, KINDS, &peach()).await;
    let record = with(&peach(), json!({"customer": 17}));
    service.post(KINDS, json!({"records": record})).await.problem(422, "unknown_field");
    assert_eq!(predict(&service, &format!("{KINDS}?unknown=ignore"), &record).await, plain);
    service.post(&format!("{KINDS}?unknown=refuse"), json!({"records": record})).await.problem(422, "unknown_field");
    let problem = service.post(&format!("{KINDS}?unknown=drop"), json!({"records": record})).await;
    assert_eq!(problem.problem(422, "invalid_value")["errors"][0]["parameter"], "unknown");
    let body = "customer,weight\n17,60\n18,145\n";
    csv(&service, "", body).await.problem(422, "unknown_field");
    let ignored = lines(&csv(&service, "unknown=ignore", body).await);
    assert_eq!(ignored, lines(&csv(&service, "", "weight\n60\n145\n").await));
}

#[tokio::test]
async fn a_prediction_from_nothing_is_refused() {
    let (service, _) = fruit_service().await;
    for (records, pointer) in [
        (json!({}), Value::Null),
        (json!({"kind": "plum"}), Value::Null),
        (json!([peach(), {}]), json!("/records/1")),
        (json!([peach(), {"note": "left out"}]), json!("/records/1")),
    ] {
        for query in ["", "?unknown=ignore"] {
            let problem = service.post(&format!("{KINDS}{query}"), json!({"records": records})).await;
            let problem = problem.problem(422, "missing_field");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
            assert!(text(&problem["detail"]).contains("\"weight\""), "{problem}");
        }
    }
    let problem = service.post(&format!("{KINDS}?unknown=ignore"), json!({"records": {"customer": 1}})).await;
    problem.problem(422, "missing_field");
    csv(&service, "unknown=ignore", "customer\n17\n").await.problem(422, "missing_field");
    csv(&service, "on_error=row", "kind\nplum\n").await.problem(422, "missing_field");
    // Null says that there is no value, which training may have seen.
    predict(&service, KINDS, &json!({"size": null})).await;
}

#[tokio::test]
async fn columns_of_the_request_are_repeated_whether_the_model_knows_them_or_not() {
    let (service, _) = fruit_service().await;
    let path = format!("{KINDS}?passthrough=customer&passthrough=weight");
    let customers =
        [json!(17), json!(9_007_199_254_740_993_u64), json!(-1.5), json!("x,\"y\""), json!(true), json!(null)];
    let records: Vec<Value> = customers.iter().map(|customer| with(&peach(), json!({"customer": customer}))).collect();
    let predicted = predict(&service, &path, &json!(records)).await;
    let plain = predict(&service, KINDS, &peach()).await;
    for (entry, customer) in predicted.as_array().expect("a list").iter().zip(&customers) {
        assert_eq!(entry["passthrough"], json!({"customer": customer, "weight": 100}));
        assert_eq!(entry["label"], plain[0]["label"]);
    }
    assert_eq!(predict(&service, KINDS, &peach()).await[0].get("passthrough"), None);

    let table =
        lines(&csv(&service, "passthrough=id&passthrough=weight", "id,weight\n007,60\n\"a,b\",145\n,100.0\n").await);
    let repeated: Vec<[&str; 3]> =
        table.iter().map(|line| [&line[0], &line[4], &line[5]].map(String::as_str)).collect();
    assert_eq!(
        repeated,
        [["prediction", "id", "weight"], ["plum", "007", "60"], ["apple", "a,b", "145"], ["peach", "", "100.0"]]
    );
    let path = format!("{KINDS}?passthrough=id&passthrough=weight");
    let as_json = post_for(&service, &path, "text/csv", "application/json", "id,weight\n007,60\n".into());
    assert_eq!(as_json.await.expect(200)["predictions"][0]["passthrough"], json!({"id": "007", "weight": "60"}));
}

#[tokio::test]
async fn what_cannot_be_repeated_is_said() {
    let (service, _) = fruit_service().await;
    let parameter = |reply: Reply| reply.problem(422, "invalid_value")["errors"][0]["parameter"].clone();
    let body = "id,weight\n1,60\n";
    for query in ["passthrough=customer&unknown=ignore", "passthrough=id&passthrough=id", "passthrough=id&ids=true"] {
        assert_eq!(parameter(csv(&service, query, body).await), "passthrough", "{query}");
    }
    assert_eq!(parameter(csv(&service, "passthrough=prediction", "prediction,weight\nx,60\n").await), "passthrough");
    let (records, path) = (json!({"records": peach()}), format!("{KINDS}?passthrough=customer"));
    assert_eq!(parameter(service.post(&path, records).await), "passthrough");
    let path = format!("{KINDS}?passthrough=weight");
    let without_header = service.raw(Method::POST, &path);
    let without_header =
        without_header.header("content-type", "text/csv; header=absent").body("60,1,red,true,2024-01-01\n");
    assert_eq!(parameter(service.send(Method::POST, &path, without_header).await), "passthrough");
    service.with_xor().await;
    for query in ["passthrough=a", "unknown=ignore", "flags=true", "on_error=row"] {
        let reply = service.post(&format!("/models/xor/predict?{query}"), json!({"inputs": [0, 1]})).await;
        assert_eq!(parameter(reply), query.split('=').next().expect("a name"));
    }
}

#[tokio::test]
async fn a_cell_that_cannot_be_read_costs_its_row_alone() {
    let (service, _) = fruit_service().await;
    let path = format!("{KINDS}?on_error=row&ids=true&passthrough=customer");
    let record = |customer: u32, weight: Value| with(&peach(), json!({"weight": weight, "customer": customer}));
    let records = json!([record(1, json!(60)), record(2, json!("heavy")), record(3, json!(145)), {"customer": 4}, record(5, json!(100))]);
    let refused = service.post(&path.replace("row", "refuse"), json!({"records": [records[0], records[1]]})).await;
    let refused = refused.problem(422, "invalid_value");
    assert!(text(&refused["detail"]).starts_with("row 2, column \"weight\": a number is expected"), "{refused}");
    let before = metric(&service).await;
    let reply = service.post(&path, json!({"records": records})).await;
    assert_eq!(reply.header("x-rows-failed"), "2");
    let predicted = reply.expect(200)["predictions"].clone();
    let labels: Vec<Option<&str>> =
        predicted.as_array().expect("a list").iter().map(|row| row["label"].as_str()).collect();
    assert_eq!(labels, [Some("plum"), None, Some("apple"), None, Some("peach")]);
    let error = json!({"column": "weight", "detail": "a number is expected, got \"heavy\""});
    assert_eq!(predicted[1], json!({"flags": [], "error": error, "passthrough": {"customer": 2}}));
    assert_eq!(
        (&predicted[3]["error"]["column"], &predicted[3]["passthrough"]),
        (&Value::Null, &json!({"customer": 4}))
    );
    let ids: Vec<&str> = [0, 2, 4].iter().map(|row| text(&predicted[*row]["id"])).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && predicted[0].get("error").is_none(), "{predicted}");
    let told = service.post("/models/kinds/feedback", json!({"ids": ids, "targets": ["plum", "apple", "peach"]})).await;
    assert_eq!(told.expect(200)["rows"], 3);
    let after = metric(&service).await;
    assert_eq!([after[0] - before[0], after[1] - before[1]], [3, 2], "rows answered and rows failed");

    let body = "customer,weight,fresh\n1,60,true\n2,heavy,true\n3,145,perhaps\n4,100,\n";
    let reply = csv(&service, "on_error=row&passthrough=customer&flags=true", body).await;
    assert_eq!(reply.header("x-rows-failed"), "2");
    let table = lines(&reply);
    assert_eq!(table[0][4..], ["flags", "error", "customer"]);
    let rows: Vec<[&str; 3]> =
        table[1..].iter().map(|line| [&line[0], &line[5], &line[6]].map(String::as_str)).collect();
    let errors = [
        "column \"weight\": a number is expected, got \"heavy\"",
        "column \"fresh\": true or false is expected, got \"perhaps\"",
    ];
    assert_eq!(rows, [["plum", "", "1"], ["", errors[0], "2"], ["", errors[1], "3"], ["peach", "", "4"]]);
    let flags: Value = serde_json::from_str(&table[4][4]).expect("JSON");
    assert!(flags.as_array().expect("a list").contains(&json!({"column": "fresh", "flag": "missing"})), "{flags}");
    assert_eq!((table[2][4].as_str(), table[2][1].as_str()), ("", ""));
    // Every row may fail, and a broken file is one all the same.
    let none = lines(&csv(&service, "on_error=row", "weight\nheavy\nlight\n").await);
    assert_eq!(
        (none.len(), none[2].last().map(String::as_str)),
        (3, Some("column \"weight\": a number is expected, got \"light\""))
    );
    csv(&service, "on_error=row", "weight,fresh\n60,true\n60\n").await.problem(400, "malformed_data");
}

/// Rows that the model has answered, and rows that have failed.
async fn metric(service: &TestApp) -> [u64; 2] {
    let reply = service.get("/metrics").await;
    let told = String::from_utf8_lossy(&reply.body).into_owned();
    ["epochd_model_rows_total", "epochd_model_failed_rows_total"].map(|name| {
        let series = format!("{name}{{model=\"kinds\"}} ");
        let value = told.lines().find_map(|line| line.strip_prefix(&series)).expect("the series is there");
        value.parse().expect("a count")
    })
}

/// Many rows, some of which fail, are answered as they would be alone, to the bit.
#[tokio::test]
async fn rows_that_fail_change_no_other_answer() {
    let service = with_weights().await;
    let path = "/models/weights/predict";
    let row = |row: u32| format!("{},{}.5,2024-05-{:02}\n", ["red", "green"][row as usize % 2], row % 97, 1 + row % 28);
    let bad = |row: u32| row.is_multiple_of(7) || (3000..5000).contains(&row);
    let header = "colour,size,picked\n";
    let some: String = (0..9000).filter(|at| !bad(*at)).map(row).collect();
    let all: String = (0..9000).map(|at| if bad(at) { format!("red,{at}x,2024-05-01\n") } else { row(at) }).collect();
    let expected = lines(&service.post_csv(path, format!("{header}{some}")).await);
    let reply = service.post_csv(&format!("{path}?on_error=row"), format!("{header}{all}")).await;
    let failed = (0..9000).filter(|at| bad(*at)).count();
    assert_eq!(reply.header("x-rows-failed"), failed.to_string());
    let answered: Vec<Vec<String>> =
        lines(&reply).into_iter().filter(|line| line[1].is_empty()).map(|line| vec![line[0].clone()]).collect();
    assert_eq!(answered[..], expected[1..]);
}

fn stream(columns: [(&str, ArrayRef); 3]) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).expect("columns");
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a schema");
    writer.write(&batch.slice(0, 2)).and_then(|()| writer.write(&batch.slice(2, 1))).expect("batches");
    writer.into_inner().expect("a stream")
}

#[tokio::test]
async fn arrow_repeats_columns_with_their_types() {
    let (service, _) = fruit_service().await;
    let times = TimestampMillisecondArray::from(vec![Some(1_700_000_000_000), None, Some(0)]);
    let columns: [(&str, ArrayRef); 3] = [
        ("weight", Arc::new(StringArray::from(vec!["60", "heavy", "145"]))),
        ("seen", Arc::new(times.clone())),
        ("customer", Arc::new(Int64Array::from(vec![1, 2, i64::MAX]))),
    ];
    let body = stream(columns);
    let path = format!("{KINDS}?passthrough=seen&passthrough=customer&on_error=row&flags=true&ids=true&interval=0.5");
    let ask = async |accept: &str| {
        let request = service.raw(Method::POST, &path).header("content-type", ARROW).header("accept", accept);
        service.send(Method::POST, &path, request.body(body.clone())).await
    };
    let reply = ask(ARROW).await;
    assert_eq!((reply.status, reply.header("x-rows-failed")), (200, "1"));
    let batches: Vec<RecordBatch> =
        StreamReader::try_new(&reply.body[..], None).expect("Arrow").map(|batch| batch.expect("a batch")).collect();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 3);
    let first = &batches[0];
    let column = |name: &str| first.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
    assert_eq!(
        column("seen").as_any().downcast_ref::<TimestampMillisecondArray>().expect("times").value(0),
        times.value(0)
    );
    assert_eq!(column("customer").as_primitive::<Int64Type>().value(1), 2);
    assert_eq!(column("prediction").as_string::<i32>().iter().collect::<Vec<_>>(), [Some("plum"), None]);
    for name in ["probability_plum", "label_set", "id", "flags"] {
        assert!(column(name).is_valid(0) && column(name).is_null(1), "{name}");
    }
    assert!(column("error").is_null(0) && column("error").as_string::<i32>().value(1).contains("heavy"));
    let flags = column("flags").as_list::<i32>().value(0);
    let flags = flags
        .as_struct()
        .column_by_name("flag")
        .expect("a flag")
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect::<Vec<_>>();
    assert!(flags.contains(&"missing"), "{flags:?}");

    let as_json = ask("application/json").await.expect(200);
    let repeated = json!({"seen": "2023-11-14T22:13:20Z", "customer": 1});
    assert_eq!(as_json["predictions"][0]["passthrough"], repeated);
    assert_eq!(as_json["predictions"][2]["passthrough"]["customer"], i64::MAX);
    let table = lines(&ask("text/csv").await);
    let line: Vec<&str> = table[1].iter().rev().take(3).map(String::as_str).collect();
    assert_eq!(line, ["1", "2023-11-14T22:13:20Z", ""]);
    // Of records, an array holds what all cells of the column are.
    let records = json!({"records": [with(&peach(), json!({"seen": 0.5, "customer": 1})), with(&peach(), json!({"seen": 2, "customer": null}))]});
    let reply = post_for(&service, &path, "application/json", ARROW, records.to_string()).await;
    let batch = StreamReader::try_new(&reply.body[..], None).expect("Arrow").next().expect("a batch").expect("a batch");
    let of = |name: &str| batch.column_by_name(name).expect("a column").clone();
    assert_eq!(of("seen").as_ref(), &Float64Array::from(vec![0.5, 2.0]) as &dyn Array);
    assert_eq!(of("customer").as_ref(), &Int64Array::from(vec![Some(1), None]) as &dyn Array);
}
