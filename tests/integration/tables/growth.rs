//! Data sets that grow: new ones of old and new rows.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fruit::{fruit_csv, fruit_service, records};
use crate::support::{TestApp, text};

/// The columns of a data set without what is summed over all rows: sums in another order differ in the last bits.
fn without_sums(dataset: &Value) -> Vec<Value> {
    let mut columns = dataset["columns"].as_array().expect("a list").clone();
    for sum in ["mean", "std"] {
        columns.iter_mut().for_each(|column| column[sum] = Value::Null);
    }
    columns
}

#[tokio::test]
async fn a_data_set_grows_into_a_new_one_that_takes_its_name() {
    let (service, _) = fruit_service().await;
    let old = service.get("/datasets/fruit").await.expect(200);
    let grown = service.post_csv("/datasets/fruit/append", fruit_csv(300..420)).await.expect(201);
    assert_eq!((&grown["name"], &grown["rows"], &grown["parent_id"]), (&json!("fruit"), &json!(420), &old["id"]));
    // As if all rows had come at once.
    let whole = service.post_csv("/datasets?name=whole", fruit_csv(0..420)).await.expect(201);
    assert_eq!((without_sums(&grown), &whole["parent_id"]), (without_sums(&whole), &Value::Null));
    assert_eq!(records(&service, "fruit").await, records(&service, "whole").await);
    let before = service.get(&format!("/datasets/{}", text(&old["id"]))).await.expect(200);
    assert_eq!((&before["name"], &before["rows"], &before["columns"]), (&Value::Null, &json!(300), &old["columns"]));
    // A row that was held out stays so: the rows that the version before was not trained on are compared.
    let job = service.train("kinds", json!({"dataset": "fruit", "epochs": 120, "activate": "if_better"})).await;
    assert!(job["comparison"]["rows"].as_u64() > Some(40), "{job}");
    // Another name leaves the old one its own.
    let path = "/datasets/fruit/append?name=more-fruit";
    let other = service.post_csv(path, fruit_csv(420..430)).await.expect(201);
    assert_eq!(
        (&other["name"], &other["rows"], &other["parent_id"]),
        (&json!("more-fruit"), &json!(430), &grown["id"])
    );
    assert_eq!(service.get("/datasets/fruit").await.expect(200)["id"], grown["id"]);
    service.post_csv(path, fruit_csv(420..430)).await.problem(409, "name_taken");
    // Whoever begins with a data set that has given up its name makes one without.
    let path = format!("/datasets/{}/append", text(&old["id"]));
    let unnamed = service.post_csv(&path, fruit_csv(300..301)).await.expect(201);
    assert_eq!((&unnamed["name"], &unnamed["rows"]), (&Value::Null, &json!(301)));
}

#[tokio::test]
async fn a_training_on_rows_that_others_were_appended_to_says_so() {
    let (service, first) = fruit_service().await;
    let told = |job: &Value| -> Vec<String> {
        let all = job["warnings"].as_array().expect("a list").iter();
        all.filter(|one| one["code"] == "dataset_superseded").map(|one| text(&one["message"]).to_owned()).collect()
    };
    assert!(told(&first).is_empty(), "{first}");
    for rows in [300..420, 420..450] {
        service.post_csv("/datasets/fruit/append", fruit_csv(rows)).await.expect(201);
    }
    let on_all = service.train("kinds", json!({"dataset": "fruit", "epochs": 2})).await;
    assert!(told(&on_all).is_empty(), "{on_all}");
    let on_old = service.train("kinds", json!({"epochs": 2})).await;
    assert_eq!(on_old["dataset_id"], first["dataset_id"]);
    let said = told(&on_old);
    assert!(said.len() == 1 && said[0].contains("300 rows") && said[0].contains("450"), "{on_old}");
    assert!(said[0].contains("give `dataset` \"fruit\""), "{on_old}");
}

#[tokio::test]
async fn rows_that_are_appended_have_the_old_columns_with_their_types_and_may_have_new_ones() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=t", "when,size,word\n2024-01-05,1.5,a\n2024-02-06,,b\n").await.expect(201);
    let rows =
        json!([{"word": "c", "late": 7, "size": 2, "when": "2024-03-07"}, {"when": null, "size": null, "word": "a"}]);
    let grown = service.post("/datasets/t/append", rows).await.expect(201);
    let kinds = |set: &Value| -> Vec<(String, String)> {
        let columns = set["columns"].as_array().expect("a list").iter();
        columns.map(|column| (text(&column["name"]).to_owned(), text(&column["type"]).to_owned())).collect()
    };
    let named = |names: [(&str, &str); 4]| names.map(|(name, kind)| (name.to_owned(), kind.to_owned())).to_vec();
    let expected = named([("when", "datetime"), ("size", "numeric"), ("word", "categorical"), ("late", "numeric")]);
    assert_eq!(kinds(&grown), expected);
    let rows = records(&service, "t").await;
    let all: Vec<(&Value, &Value, &Value)> =
        rows.iter().map(|row| (&row["size"], &row["word"], &row["late"])).collect();
    let (null, none) = (Value::Null, Value::Null);
    let expected = [
        (json!(1.5), json!("a"), null.clone()),
        (null.clone(), json!("b"), null.clone()),
        (json!(2), json!("c"), json!(7)),
        (none, json!("a"), null),
    ];
    let same = |(found, expected): (&(&Value, &Value, &Value), &(Value, Value, Value))| {
        let number = |value: &Value| value.as_f64();
        (number(found.0), found.1, number(found.2)) == (number(&expected.0), &expected.1, number(&expected.2))
    };
    assert!(all.len() == 4 && all.iter().zip(&expected).all(same), "{rows:?}");
    let lacking =
        service.post_csv("/datasets/t/append", "when,size,late\n2024-01-05,1,1\n").await.problem(422, "unfit_data");
    assert!(text(&lacking["detail"]).contains("\"word\""), "{lacking}");
    let wrong = "when,size,word,late\n2024-01-05,1,a,1\n2024-01-05,wide,a,1\n";
    let problem = service.post_csv("/datasets/t/append", wrong).await.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).starts_with("line 3") && text(&problem["detail"]).contains("size"), "{problem}");
    service.post_csv("/datasets/none/append", "a\n1\n").await.problem(404, "dataset_not_found");
    assert_eq!(service.get("/datasets/t").await.expect(200)["rows"], 4);
}

#[tokio::test]
async fn rows_that_are_appended_are_read_as_the_old_ones_are_written() {
    let service = TestApp::start().await;
    // 13/05 shows that the day comes first, 1.234,5 what point and comma are.
    let old = "when;price\n13/05/2020;1.234,5\n01/06/2020;2,25\n";
    service.post_csv("/datasets?name=t", old).await.expect(201);
    // By itself it would be January, and a thousand and five hundred would be one and a half.
    let grown =
        service.post_csv("/datasets/t/append", "when;price\n01/05/2021;1.500\n2021-05-02;3,5\n").await.expect(201);
    let rows = records(&service, "t").await;
    let read = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    let days = ["2020-05-13T00:00:00Z", "2020-06-01T00:00:00Z", "2021-05-01T00:00:00Z", "2021-05-02T00:00:00Z"];
    assert_eq!(read("when"), days);
    let prices: Vec<f64> = read("price").iter().filter_map(Value::as_f64).collect();
    assert_eq!(prices, [1234.5, 2.25, 1500.0, 3.5]);
    let columns = &grown["columns"];
    assert_eq!((&columns[0]["date_order"], &columns[1]["format"]["decimal"]), (&json!("day_first"), &json!(",")));
    // What contradicts is refused with its line and column.
    for (wrong, line, name) in [
        ("when;price\n01/05/2021;1\n05/13/2021;1\n", "line 3", "\"when\""),
        ("when;price\n01/05/2021;1,234.5\n", "line 2", "\"price\""),
    ] {
        let problem = service.post_csv("/datasets/t/append", wrong).await.problem(422, "unfit_data");
        let detail = text(&problem["detail"]);
        assert!(detail.starts_with(line) && detail.contains(name), "{detail}");
    }
    assert_eq!(service.get("/datasets/t").await.expect(200)["rows"], 4);

    // Where dates begin with their year, nothing has said whether the day or the month comes first in others.
    service.post_csv("/datasets?name=iso", "when,x\n2024-05-31,1\n2024-06-01,2\n").await.expect(201);
    let problem = service.post_csv("/datasets/iso/append", "when,x\n2024-06-02,3\n01/02/2024,4\n").await;
    let problem = problem.problem(422, "unfit_data");
    assert!(text(&problem["detail"]).starts_with("line 3"), "{problem}");
    service.post_csv("/datasets/iso/append", "when,x\n2 June 2024,3\n").await.expect(201);
}

#[tokio::test]
async fn of_those_who_append_at_once_one_goes_first_and_the_others_are_told() {
    let service = Arc::new(TestApp::start().await);
    service.post_csv("/datasets?name=t", fruit_csv(0..50)).await.expect(201);
    let appending = (1..=4).map(|part| {
        let service = service.clone();
        tokio::spawn(async move {
            let reply = service.post_csv("/datasets/t/append", fruit_csv(part * 50..part * 50 + 50)).await;
            reply.status
        })
    });
    let mut statuses = Vec::new();
    for one in appending.collect::<Vec<_>>() {
        statuses.push(one.await.expect("no panic"));
    }
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    let done = statuses.iter().filter(|status| **status == 201).count() as u64;
    assert!(done >= 1);
    let grown = service.get("/datasets/t").await.expect(200);
    assert_eq!(grown["rows"].as_u64(), Some(50 + 50 * done), "no row is lost, and none twice");
    let listed = service.get("/datasets").await.expect(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1 + done as usize), "{listed}");
}
