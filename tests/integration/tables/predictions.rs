//! Predictions of models by data set: records, CSV, flags, intervals.

use serde_json::{Map, Value, json};

use super::fruit::{fruit_csv, fruit_service, peach, post_for, predict, records, with, with_weights};
use crate::support::{Reply, TestApp, text};

#[tokio::test]
async fn order_of_columns_and_keys_left_out_do_not_matter() {
    let (service, _) = fruit_service().await;
    let path = "/models/kinds/predict";
    let plain = predict(&service, path, &peach()).await;
    assert_eq!(plain[0]["label"], "peach", "{plain}");
    assert_eq!(plain[0]["flags"], json!([]), "{plain}");
    let probabilities: Map<String, Value> = plain[0]["probabilities"].as_object().expect("an object").clone();
    let sum: f64 = probabilities.values().filter_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-5 && plain[0]["probability"] == probabilities["peach"], "{plain}");
    let reversed = r#"{"records":{"picked":"2024-05-06","fresh":true,"colour":"red","size":20.5,"weight":100}}"#;
    assert_eq!(service.post_text(path, reversed).await.expect(200)["predictions"], plain);
    // Columns that are left out, and the target, say nothing.
    let more = with(&peach(), json!({"note": "x", "batch": "Z", "number": 7, "kind": "plum"}));
    assert_eq!(predict(&service, path, &json!([more])).await, plain);
    let without = predict(&service, path, &json!([{"weight": 100}])).await;
    assert_eq!(predict(&service, path, &json!([{"weight": 100, "size": null, "colour": null}])).await, without);
    let many: Vec<Value> = [60, 100, 145].iter().map(|weight| with(&peach(), json!({"weight": weight}))).collect();
    let many = predict(&service, path, &json!(many)).await;
    let labels: Vec<&str> = many.as_array().expect("a list").iter().map(|entry| text(&entry["label"])).collect();
    assert_eq!(labels, ["plum", "peach", "apple"]);
    let by_query = predict(&service, "/predict?model=kinds", &peach()).await;
    assert_eq!(by_query, plain);
    assert_eq!(predict(&service, "/models/kinds/versions/1/predict", &peach()).await, plain);
}

#[tokio::test]
async fn values_outside_what_training_saw_are_flagged() {
    let (service, _) = fruit_service().await;
    let cases = [
        (json!({"weight": 1e6}), "weight", "above_max"),
        (json!({"weight": -3}), "weight", "below_min"),
        (json!({"picked": "2031-01-01"}), "picked", "above_max"),
        (json!({"picked": "1999-12-31T23:59:59Z"}), "picked", "below_min"),
        (json!({"colour": "violet"}), "colour", "unseen_category"),
        (json!({"colour": null}), "colour", "missing"),
        (json!({"fresh": null}), "fresh", "missing"),
    ];
    for (changes, column, flag) in cases {
        let predicted = predict(&service, "/models/kinds/predict", &with(&peach(), changes)).await;
        assert_eq!(predicted[0]["flags"], json!([{"column": column, "flag": flag}]), "{predicted}");
    }
    // The training rows lacked it as well.
    let predicted = predict(&service, "/models/kinds/predict", &with(&peach(), json!({"size": null}))).await;
    assert_eq!(predicted[0]["flags"], json!([]));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_refused_with_its_place() {
    let (service, _) = fruit_service().await;
    let path = "/models/kinds/predict";
    let typo = json!({"records": [peach(), {"wieght": 100}]});
    let problem = service.post(path, typo).await.problem(422, "unknown_field");
    assert_eq!(problem["errors"][0]["pointer"], "/records/1/wieght", "{problem}");
    assert!(text(&problem["detail"]).contains("did you mean \"weight\""), "{problem}");
    let wrong = [
        (json!({"weight": "heavy"}), "weight"),
        (json!({"weight": true}), "weight"),
        (json!({"weight": "100"}), "weight"),
        (json!({"fresh": "yes"}), "fresh"),
        (json!({"fresh": 1}), "fresh"),
        (json!({"picked": "yesterday"}), "picked"),
        (json!({"picked": 20240506}), "picked"),
    ];
    for (changes, column) in wrong {
        let body = json!({"records": [peach(), peach(), with(&peach(), changes)]});
        let problem = service.post(path, body).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], format!("/records/2/{column}"), "{problem}");
    }
    for body in [json!({"records": [{"weight": [1]}]}), json!({"records": 3}), json!({"records": [3]})] {
        service.post(path, body).await.problem(422, "invalid_value");
    }
    service.post(path, json!({"records": []})).await.problem(422, "shape_mismatch");
    assert_eq!(service.post(path, json!({"inputs": [[1, 2]]})).await.status, 422);
    assert_eq!(service.post(path, json!({})).await.status, 422);
    service.with_xor().await;
    assert_eq!(service.post("/models/xor/predict", json!({"records": {"a": 1}})).await.status, 422);
    service.post("/models/xor/predict?interval=0.9", json!({"inputs": [0, 1]})).await.problem(422, "invalid_value");
}

/// The rows of a CSV reply, with its header.
fn parsed(reply: Reply) -> (Vec<String>, Vec<Vec<String>>) {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    assert!(reply.header("content-type").starts_with("text/csv"), "{}", reply.header("content-type"));
    let mut reader = csv::Reader::from_reader(&reply.body[..]);
    let owned = |row: &csv::StringRecord| row.iter().map(str::to_owned).collect::<Vec<String>>();
    let header = owned(reader.headers().expect("a header"));
    (header, reader.records().map(|row| owned(&row.expect("a row"))).collect())
}

#[tokio::test]
async fn csv_says_what_json_says() {
    let service = with_weights().await;
    let rows = records(&service, "more").await;
    let csv = fruit_csv(300..420);
    let expected = predict(&service, "/models/kinds/predict", &json!(rows)).await;
    let body = json!({"records": rows}).to_string();
    let replies = [
        post_for(&service, "/models/kinds/predict", "text/csv", "*/*", csv.clone()).await,
        post_for(&service, "/models/kinds/predict", "text/csv; charset=utf-8", "text/csv", csv.clone()).await,
        post_for(&service, "/models/kinds/predict", "application/json", "text/csv", body).await,
    ];
    for reply in replies {
        let (header, answers) = parsed(reply);
        assert_eq!(header, ["prediction", "probability_apple", "probability_peach", "probability_plum"]);
        assert_eq!(answers.len(), 120);
        for (answer, entry) in answers.iter().zip(expected.as_array().expect("a list")) {
            assert_eq!(answer[0], text(&entry["label"]));
            for (field, class) in answer[1..].iter().zip(["apple", "peach", "plum"]) {
                let (csv, json) = (field.parse::<f32>().ok(), entry["probabilities"][class].as_f64());
                assert_eq!(csv, json.map(|p| p as f32), "{class}");
            }
        }
    }
    let reply = post_for(&service, "/models/kinds/predict", "text/csv", "application/json", csv.clone()).await;
    let probabilities = |list: &Value| -> Vec<Value> {
        list.as_array().expect("a list").iter().map(|entry| entry["probabilities"].clone()).collect()
    };
    assert_eq!(probabilities(&reply.expect(200)["predictions"]), probabilities(&expected));
    let values = predict(&service, "/models/weights/predict?interval=0.8", &json!(rows)).await;
    let reply = post_for(&service, "/models/weights/predict?interval=0.8", "text/csv", "text/csv", csv).await;
    let (header, answers) = parsed(reply);
    assert_eq!(header, ["prediction", "lower", "upper"]);
    for (answer, entry) in answers.iter().zip(values.as_array().expect("a list")) {
        let of_json = ["value", "lower", "upper"].map(|field| entry[field].as_f64().expect("a number"));
        let of_csv: Vec<f64> = answer.iter().map(|field| field.parse().expect("a number")).collect();
        assert!(of_csv.iter().zip(of_json).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs()), "{of_csv:?} {of_json:?}");
    }
}

#[tokio::test]
async fn a_csv_may_have_fewer_columns_in_another_order_and_a_million_bytes() {
    let (service, _) = fruit_service().await;
    let rows = 60_000;
    let csv: String = (0..rows).map(|row| format!("red,{}\n", 50 + row % 101)).collect();
    let (header, answers) = parsed(service.post_csv("/models/kinds/predict", format!("colour,weight\n{csv}")).await);
    assert_eq!((header.len(), answers.len()), (4, rows));
    assert!(answers.chunks(101).skip(1).take(5).all(|turn| turn == &answers[..101]), "equal rows have equal answers");
}

#[tokio::test]
async fn a_csv_that_cannot_be_read_is_refused_with_its_line() {
    let (service, _) = fruit_service().await;
    let post = async |csv: &str| service.post_csv("/models/kinds/predict", csv.to_owned()).await;
    let problem = post("weight,colour\n100,red\nheavy,red\n").await.problem(422, "invalid_value");
    assert!(text(&problem["detail"]).contains("line 3") && text(&problem["detail"]).contains("weight"), "{problem}");
    // A quoted field of two lines comes before.
    let problem = post("weight,note\n100,\"a\nb\"\n120,c\nheavy,d\n").await.problem(422, "invalid_value");
    assert!(text(&problem["detail"]).contains("line 5"), "{problem}");
    let problem = post("wieght,colour\n100,red\n").await.problem(422, "unknown_field");
    assert!(text(&problem["detail"]).contains("did you mean \"weight\""), "{problem}");
    let problem = post("weight,colour\n100,red\n101\n").await.problem(400, "malformed_data");
    assert!(text(&problem["detail"]).contains("line 3"), "{problem}");
    for csv in ["", "weight,colour\n"] {
        post(csv).await.problem(400, "malformed_data");
    }
    service.with_xor().await;
    service.post_csv("/models/xor/predict", "a,b\n1,2\n").await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_long_csv_is_answered_as_json_whole() {
    let (service, _) = fruit_service().await;
    let rows = 20_000;
    let csv = (0..rows)
        .fold("weight,size\n".to_owned(), |csv, row| csv + &format!("{},{}.125000\n", 50 + row % 100, row % 97));
    assert!(csv.len() > 256 << 10, "longer than what is read at once");
    let reply = post_for(&service, "/models/kinds/predict", "text/csv", "application/json", csv).await.expect(200);
    assert_eq!(reply["predictions"].as_array().map(Vec::len), Some(rows));
}

#[tokio::test]
async fn dates_are_read_as_the_training_data_writes_them() {
    let service = TestApp::start().await;
    let day = |row: u32| format!("{:02}/{:02}/2024", 1 + row % 28, 1 + row % 12);
    let csv = (0..120).fold("day,y\n".to_owned(), |csv, row| csv + &format!("{},{}\n", day(row), row % 28));
    let job = service.post_csv("/train?name=days&target=y&epochs=3&task=regression", csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    let dataset = service.get("/datasets/days").await.expect(200);
    assert_eq!(dataset["columns"][0]["date_order"], "day_first");
    let predicted = predict(
        &service,
        "/models/days/predict",
        &json!([{"day": "03/02/2024"}, {"day": "2024-02-03"}, {"day": "2024-02-03T00:00:00Z"}]),
    )
    .await;
    assert_eq!(predicted[0], predicted[1], "3 February in both");
    assert_eq!(predicted[0], predicted[2]);
    let csv = "day\n03/02/2024\n2024-02-03\n2024-02-03T00:00:00Z\n".to_owned();
    let reply = post_for(&service, "/models/days/predict", "text/csv", "text/csv", csv).await;
    let csv = String::from_utf8(reply.body).expect("UTF-8");
    assert_eq!(csv.lines().nth(1), Some(predicted[0]["value"].to_string().as_str()));
}

#[tokio::test]
async fn an_interval_holds_the_answer_and_grows_with_its_level() {
    let service = with_weights().await;
    let rows = json!(records(&service, "more").await);
    let at = async |level: &str| predict(&service, &format!("/models/weights/predict?interval={level}"), &rows).await;
    let (narrow, wide) = (at("0.5").await, at("0.9").await);
    let mut inside = 0;
    for ((a, b), row) in narrow
        .as_array()
        .expect("a list")
        .iter()
        .zip(wide.as_array().expect("a list"))
        .zip(rows.as_array().expect("a list"))
    {
        let [value, lower, upper] = ["value", "lower", "upper"].map(|field| b[field].as_f64().expect("a number"));
        assert!(lower <= value && value <= upper, "{b}");
        assert_eq!(a["value"], b["value"], "the level does not move the value");
        assert!(a["lower"].as_f64() >= Some(lower) && a["upper"].as_f64() <= Some(upper), "{a} {b}");
        let weight = row["weight"].as_f64().expect("a number");
        inside += usize::from(lower <= weight && weight <= upper);
    }
    assert!(inside > 90, "{inside} of 120 are inside an interval of 90 %");
    let plain = predict(&service, "/models/weights/predict", &rows).await;
    assert!(plain[0]["lower"].is_null() && plain[0]["value"] == wide[0]["value"], "{}", plain[0]);
}

#[tokio::test]
async fn a_label_set_starts_with_the_label_and_grows_with_its_level() {
    let (service, _) = fruit_service().await;
    let rows = json!(records(&service, "more").await);
    let at = async |level: &str| predict(&service, &format!("/models/kinds/predict?interval={level}"), &rows).await;
    let (small, large) = (at("0.5").await, at("0.95").await);
    let mut inside = 0;
    for ((a, b), row) in small
        .as_array()
        .expect("a list")
        .iter()
        .zip(large.as_array().expect("a list"))
        .zip(rows.as_array().expect("a list"))
    {
        let (few, many) = (a["label_set"].as_array().expect("a list"), b["label_set"].as_array().expect("a list"));
        assert_eq!((&few[0], &many[0]), (&a["label"], &b["label"]));
        assert!(few.iter().all(|label| many.contains(label)), "{a} {b}");
        inside += usize::from(many.contains(&row["kind"]));
    }
    assert!(inside > 100, "{inside} of 120 are inside a set of 95 %");
}

#[tokio::test]
async fn an_interval_needs_rows_that_were_held_out() {
    let (service, _) = fruit_service().await;
    let path = "/models/kinds/predict?interval=";
    service.post(&format!("{path}0.999"), json!({"records": peach()})).await.problem(409, "interval_unavailable");
    for level in ["0", "1", "-0.5", "2", "NaN", "x"] {
        let problem = service.post(&format!("{path}{level}"), json!({"records": peach()})).await;
        let problem = problem.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "interval");
    }
    let job = service.train("kinds", json!({"epochs": 5, "validation_split": 0})).await;
    assert_eq!(job["metrics"]["rows_used"], "training");
    let problem = service.post(&format!("{path}0.5"), json!({"records": peach()})).await;
    let problem = problem.problem(409, "interval_unavailable");
    assert!(text(&problem["detail"]).contains("validation_split"), "{problem}");
    let importance = service.get("/models/kinds/versions/2/importance").await.expect(200);
    assert_eq!(importance["features"], json!([]));
    let path = "/models/kinds/versions/1/predict?interval=0.5";
    service.post(path, json!({"records": peach()})).await.expect(200);
}
