//! Rows to predict for in every kind of file: the same answers, and the same errors with their places.

use bytesize::ByteSize;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, flowers_csv, text};
use crate::values::files::{Cell, Column, Kind};

const PREDICT: &str = "/models/flowers/predict";

async fn flowers() -> TestApp {
    flowers_within(None).await
}

async fn flowers_within(memory: Option<ByteSize>) -> TestApp {
    let service = TestApp::with(|settings| settings.request_memory = memory).await;
    let job = service.post_csv("/train?name=flowers&target=species&epochs=5", flowers_csv(150)).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    service
}

fn column(name: &str, cells: &[Cell]) -> Column {
    Column { name: name.to_owned(), cells: cells.to_vec() }
}

fn numbers(cells: [&str; 3]) -> Vec<Cell> {
    cells.map(|cell| if cell.is_empty() { Cell::Missing } else { Cell::Number(cell.to_owned()) }).to_vec()
}

async fn ask(service: &TestApp, query: &str, accept: &str, kind: Kind, columns: &[Column]) -> Reply {
    let path = format!("{PREDICT}?{query}");
    let request = service.raw(Method::POST, &path).header("content-type", kind.content_type()).header("accept", accept);
    service.send(Method::POST, &path, request.body(kind.rows_to_predict(columns))).await
}

/// What a message calls the second row of a file with one row of names, where there is one.
fn second_row(kind: Kind) -> &'static str {
    match kind {
        Kind::Csv => "line 3",
        Kind::Ndjson => "line 2",
        Kind::Json | Kind::Parquet | Kind::ArrowStream | Kind::ArrowFile => "row 2",
        Kind::Excel => "row 3",
    }
}

#[tokio::test]
async fn every_kind_of_file_gets_the_same_answers_and_the_same_errors() {
    let service = flowers().await;
    let lengths = column("petal_length", &numbers(["1.5", "", "5.6"]));
    let widths = column("petal_width", &numbers(["0.25", "1.5", "2"]));
    let right = [lengths.clone(), widths.clone()];
    let wrong =
        [column("petal_length", &[Cell::Number("1.5".into()), Cell::Text("long".into()), Cell::Missing]), widths];
    let ids = column("id", &["a", "b", "c"].map(|id| Cell::Text(id.to_owned())));
    let expected = ask(&service, "", "application/json", Kind::Json, &right).await.expect(200)["predictions"].clone();
    for kind in Kind::ALL {
        let reply = ask(&service, "", "application/json", kind, &right).await.expect(200);
        assert_eq!(reply["predictions"], expected, "{kind:?}");
        let unasked = ask(&service, "", "*/*", kind, &right).await;
        let form = match kind {
            Kind::Csv | Kind::Excel => "text/csv; charset=utf-8",
            Kind::Json | Kind::Ndjson => "application/json",
            Kind::Parquet | Kind::ArrowStream | Kind::ArrowFile => "application/vnd.apache.arrow.stream",
        };
        assert_eq!((unasked.status, unasked.header("content-type")), (200, form), "{kind:?}");

        let problem = ask(&service, "", "*/*", kind, &wrong).await.problem(422, "invalid_value");
        let place = format!("{}, column \"petal_length\"", second_row(kind));
        assert!(text(&problem["detail"]).starts_with(&place), "{kind:?}: {problem}");
        let more = [&right[..], std::slice::from_ref(&ids)].concat();
        let problem = ask(&service, "", "*/*", kind, &more).await.problem(422, "unknown_field");
        assert!(text(&problem["detail"]).contains("no column \"id\""), "{kind:?}: {problem}");
        ask(&service, "", "*/*", kind, std::slice::from_ref(&ids)).await.problem(422, "unknown_field");

        let more = [&wrong[..], std::slice::from_ref(&ids)].concat();
        let reply = ask(&service, "passthrough=id&on_error=row", "application/json", kind, &more).await;
        assert_eq!(reply.header("x-rows-failed"), "1", "{kind:?}");
        let answers = reply.expect(200)["predictions"].clone();
        assert_eq!(
            (&answers[0]["label"], &answers[1]["error"]["column"]),
            (&expected[0]["label"], &json!("petal_length"))
        );
        let ids: Vec<&Value> =
            answers.as_array().expect("a list").iter().map(|row| &row["passthrough"]["id"]).collect();
        assert_eq!(ids, ["a", "b", "c"], "{kind:?}");
        let problem = ask(&service, "passthrough=number", "*/*", kind, &right).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "passthrough", "{kind:?}: {problem}");
    }
}

#[tokio::test]
async fn objects_on_lines_may_have_other_keys_each() {
    let service = flowers().await;
    let post = async |lines: &str| service.post_file(PREDICT, Kind::Ndjson.content_type(), lines.to_owned()).await;
    let lines = "{\"petal_length\":1.5}\n\n{\"petal_width\":2,\"species\":\"?\"}\r\n{\"sepal_width\":null}";
    let records = json!({"records": [{"petal_length": 1.5}, {"petal_width": 2}, {"sepal_width": null}]});
    let expected = service.post(PREDICT, records).await.expect(200);
    assert_eq!(post(lines).await.expect(200), expected);
    for (lines, status, code, says) in [
        ("{\"petal_length\":1.5}\n\n{\"petal_lenght\":1}", 422, "unknown_field", "line 3: the model has no column"),
        ("{\"petal_length\":1.5}\n{\"species\":\"setosa\"}", 422, "missing_field", "line 2 has none of the columns"),
        ("{\"petal_length\":1.5}\n{\"petal_length\":[1]}", 400, "malformed_data", "line 2"),
        ("{\"petal_length\":1.5}\n{\"petal_length\":\"1.5\"}", 422, "invalid_value", "line 2, column \"petal_length\""),
        ("{\"petal_length\":1.5}\nno object", 400, "malformed_data", "line 2"),
        ("\n\n", 400, "malformed_data", "no rows"),
    ] {
        let problem = post(lines).await.problem(status, code);
        assert!(text(&problem["detail"]).contains(says), "{lines}: {problem}");
    }
}

#[tokio::test]
async fn the_sheet_of_a_workbook_is_named_in_predictions_too() {
    let service = flowers().await;
    let rows = [column("petal_length", &numbers(["1.5", "2", "5.6"]))];
    assert_eq!(ask(&service, "sheet=Data", "*/*", Kind::Excel, &rows).await.status, 200);
    let problem = ask(&service, "sheet=Costs", "*/*", Kind::Excel, &rows).await.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).contains("\"Data\""), "{problem}");
    for kind in [Kind::Json, Kind::Csv, Kind::Parquet] {
        ask(&service, "sheet=Data", "*/*", kind, &rows).await.problem(422, "unfit_data");
    }
    // A cell that people have typed as text, and one that Excel could not work out.
    let widths = column("petal_width", &[Cell::Number("1".into()), Cell::Number("2".into())]);
    let typed = [column("petal_length", &["1.5", "#N/A"].map(|text| Cell::Text(text.to_owned()))), widths.clone()];
    let plain = [column("petal_length", &[Cell::Number("1.5".into()), Cell::Missing]), widths];
    let (typed, plain) = (
        ask(&service, "", "*/*", Kind::Excel, &typed).await.body,
        ask(&service, "", "*/*", Kind::Excel, &plain).await.body,
    );
    assert_eq!(String::from_utf8_lossy(&typed), String::from_utf8_lossy(&plain));
}

#[tokio::test]
async fn long_files_are_worked_off_in_little_memory() {
    const ROWS: usize = 240_000;
    let cells: Vec<Cell> = (0..ROWS).map(|row| Cell::Number(format!("{}.5", row % 7))).collect();
    let columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"].map(|name| column(name, &cells));
    // To read a workbook takes 16 MiB whatever its length, and one request may have three quarters of the memory. The cells of
    // all rows would take 23 MB.
    for (kind, memory) in [(Kind::Ndjson, 16), (Kind::Parquet, 16), (Kind::Excel, 32)] {
        let service = flowers_within(Some(ByteSize::mib(memory))).await;
        assert!(kind != Kind::Ndjson || kind.file(&columns).len() > 16 << 20);
        let reply = ask(&service, "", "text/csv", kind, &columns).await;
        assert_eq!(
            reply.status,
            200,
            "{kind:?}: {}",
            String::from_utf8_lossy(&reply.body[..reply.body.len().min(300)])
        );
        assert_eq!(memchr::memchr_iter(b'\n', &reply.body).count(), ROWS + 1, "{kind:?}");
    }
}
