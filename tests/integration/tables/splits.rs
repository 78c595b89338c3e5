//! By what rows are held out: what a request asks for, what is done where it asks for nothing, and what is said of it.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use serde_json::{Value, json};

use super::fruit::codes;
use crate::support::{TestApp, text};

const DAYS: usize = 1_600;

/// A table whose rows have a day and a customer: `order` are the places of its rows, `start` the first day.
struct Sales {
    rows: Vec<String>,
}

impl Sales {
    /// Demand that moves slowly; no column but the day, and others that move slowly too, tell where it stands.
    fn slow(seed: u64, days: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut normal = move || -> f64 { StandardNormal.sample(&mut random) };
        let (mut level, mut warmth) = (0.0, 0.0);
        let mut row = |day: usize| {
            level = 0.99 * level + 0.14 * normal();
            warmth = 0.99 * warmth + 0.14 * normal();
            let date = jiff::civil::date(2019, 1, 1) + jiff::Span::new().days(day as i64);
            format!("{date},c{},{warmth:.4},{:.4}\n", day % 7, level + 0.1 * normal())
        };
        Sales { rows: (0..days).map(&mut row).collect() }
    }

    fn shuffled(mut self, seed: u64) -> Self {
        self.rows.shuffle(&mut StdRng::seed_from_u64(seed));
        self
    }

    fn csv(&self) -> String {
        format!("day,counter,warmth,demand\n{}", self.rows.concat())
    }
}

async fn trained(service: &TestApp, query: &str, csv: String) -> Value {
    let job = service.post_csv(&format!("/train?recipe=plain&{query}"), csv).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    job
}

fn r2(job: &Value) -> f64 {
    job["metrics"]["r2"].as_f64().expect("a number")
}

fn share_held_out(job: &Value) -> f64 {
    let (held, trained) = (&job["metrics"]["rows"], &job["rows"]);
    let held = held.as_f64().expect("rows held out");
    held / (held + trained.as_f64().expect("rows trained on"))
}

#[tokio::test]
async fn rows_in_the_order_of_their_times_are_held_out_by_time() {
    let service = TestApp::start().await;
    let sales = Sales::slow(1, DAYS);
    let in_order = trained(&service, "name=a&target=demand&epochs=60", sales.csv()).await;
    assert_eq!(
        (&in_order["split"]["type"], &in_order["split"]["column"]),
        (&json!("time"), &json!("day")),
        "{in_order}"
    );
    assert!(text(&in_order["split"]["reason"]).contains("2022-07"), "{}", in_order["split"]);
    assert_eq!(in_order["config"]["split"], json!({"type": "auto"}));
    assert_eq!((&in_order["metrics"]["rows"], &in_order["rows"]), (&json!(320), &json!(1280)));
    // The version keeps it.
    let version = service.get("/models/a/versions/1").await.expect(200);
    assert_eq!(version["metrics"]["split"], in_order["split"]);
    // The latest rows are the same wherever they stand; at random they are not even looked for.
    let shuffled = sales.shuffled(1);
    let by_time = trained(&service, "name=b&target=demand&epochs=60&split=time:day", shuffled.csv()).await;
    assert_eq!((&by_time["split"]["type"], &by_time["metrics"]["rows"]), (&json!("time"), &json!(320)));
    let at_random = trained(&service, "name=c&target=demand&epochs=60", shuffled.csv()).await;
    assert_eq!(at_random["split"]["type"], "random");
    assert!((share_held_out(&at_random) - 0.2).abs() <= 0.02, "{}", share_held_out(&at_random));
    assert!(r2(&at_random) > r2(&by_time) + 0.3, "{} beside {}", r2(&at_random), r2(&by_time));
    // What flatters is said to, with what to do.
    let said = at_random["warnings"].as_array().expect("a list").iter();
    let said: Vec<&str> = said
        .filter(|warning| warning["code"] == "rows_depend_on_each_other")
        .map(|warning| text(&warning["message"]))
        .collect();
    assert!(said.len() == 1 && said[0].contains(r#"{"type":"time","column":"day"}"#), "{said:?}");
    assert!(!codes(&by_time).contains(&"rows_depend_on_each_other"), "{by_time}");
}

/// Readings of patients, each with a level of its own that only their number, their age and their weight tell.
fn readings(seed: u64, patients: usize, each: usize) -> String {
    let mut random = StdRng::seed_from_u64(seed);
    let mut csv = String::from("patient,age,weight,dose,reading\n");
    let mut rows = Vec::new();
    for patient in 0..patients {
        let [age, weight, level]: [f64; 3] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
        for _ in 0..each {
            let [dose, noise]: [f64; 2] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
            rows.push(format!("p{patient},{age:.4},{weight:.4},{dose:.4},{:.4}\n", level + 0.5 * dose + 0.2 * noise));
        }
    }
    rows.shuffle(&mut random);
    csv.extend(rows);
    csv
}

#[tokio::test]
async fn whole_groups_are_held_out() {
    let service = TestApp::start().await;
    let csv = readings(1, 150, 10);
    let at_random = trained(&service, "name=a&target=reading&epochs=40", csv.clone()).await;
    let by_group = trained(&service, "name=b&target=reading&epochs=40&split=group:patient", csv.clone()).await;
    assert_eq!((&by_group["split"]["type"], &by_group["split"]["column"]), (&json!("group"), &json!("patient")));
    assert!((share_held_out(&by_group) - 0.2).abs() <= 0.02, "{}", share_held_out(&by_group));
    assert_eq!(by_group["metrics"]["rows"].as_u64().map(|rows| rows % 10), Some(0), "whole groups of ten");
    assert!(r2(&at_random) > r2(&by_group) + 0.3, "{} beside {}", r2(&at_random), r2(&by_group));
    assert!(codes(&at_random).contains(&"rows_depend_on_each_other"), "{at_random}");
    // The column need not be learned from.
    let model = json!({"name": "c", "dataset": "b", "target": "reading", "recipe": "plain",
                       "features": ["age", "weight", "dose"]});
    service.post("/models", model).await.expect(201);
    let chosen = service.train("c", json!({"epochs": 40, "split": {"type": "group", "column": "patient"}})).await;
    assert_eq!(chosen["metrics"]["rows"], by_group["metrics"]["rows"]);
    let unchosen = service.train("c", json!({"epochs": 2})).await;
    assert!(codes(&unchosen).contains(&"rows_depend_on_each_other"), "{unchosen}");
}

#[tokio::test]
async fn the_last_rows_of_a_request_are_held_out_by_order() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "m", "layers": [1, 1]})).await.expect(201);
    // y = 0 for the first eight rows, 1 for the last two.
    let inputs: Vec<Value> = (0..10).map(|row| json!([f64::from(row) / 1000.0])).collect();
    let targets: Vec<u32> = (0..10).map(|row| u32::from(row >= 8)).collect();
    let training = |changes: Value| {
        let mut body = json!({"inputs": inputs, "targets": targets, "epochs": 400, "learning_rate": 0.05});
        body.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        body
    };
    let job = service.train("m", training(json!({"split": "order"}))).await;
    assert_eq!((&job["rows"], &job["split"]["type"]), (&json!(8), &json!("order")), "{job}");
    assert_eq!((&job["config"]["split"], &job["config"]["validation_split"]), (&json!({"type": "order"}), &json!(0.2)));
    assert!(job["metrics"]["rmse"].as_f64() > Some(0.8), "what it never saw: {job}");
    assert_eq!(job["metrics"]["split"]["type"], "order");
    let job = service.train("m", training(json!({"validation_split": 0.2}))).await;
    assert_eq!((&job["rows"], &job["split"]["type"]), (&json!(8), &json!("random")), "{job}");
    assert_eq!(job["config"]["split"], json!({"type": "auto"}));
    let job = service.train("m", training(json!({}))).await;
    assert_eq!((&job["rows"], &job["split"]), (&json!(10), &Value::Null));
    let rows = json!({"inputs": [[1]], "targets": [1]});
    for (changes, pointer) in [
        (json!({"split": {"type": "time", "column": "day"}}), "/split"),
        (json!({"split": {"type": "group", "column": "day"}}), "/split"),
        (json!({"split": "order", "validation": rows}), "/validation"),
        (json!({"split": "order", "validation_split": 0}), "/split"),
        (json!({"split": "lot"}), "/split"),
    ] {
        let problem = service.post("/models/m/train", training(changes)).await.problem(422, "invalid_value");
        assert!(text(&problem["errors"][0]["pointer"]).starts_with(pointer), "{problem}");
    }
    let unknown = training(json!({"split": {"type": "order", "column": "day"}}));
    service.post("/models/m/train", unknown).await.problem(422, "unknown_field");
}

#[tokio::test]
async fn a_split_that_the_data_do_not_have_is_refused() {
    let service = TestApp::start().await;
    let row =
        |i: usize| format!("{},2024-01-{:02},a,{},{}\n", i, 1 + i % 28, if i < 50 { "x" } else { "" }, i * 37 % 101);
    let csv = format!("x,day,one,gaps,y\n{}", (0..120).map(row).collect::<String>());
    for (split, says) in [
        ("time:dya", "no column"),
        ("time:x", "numeric"),
        ("group:y", "target"),
        ("group:one", "one value"),
        ("group:gaps", "one value"),
        ("time", "expected"),
        ("lot", "expected"),
    ] {
        let path = format!("/train?name=t&target=y&split={split}");
        let problem = service.post_csv(&path, csv.clone()).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "split", "{problem}");
        assert!(text(&problem["detail"]).contains(says), "{split}: {problem}");
    }
    service.get("/datasets/t").await.problem(404, "dataset_not_found");
    service.post_csv("/datasets?name=t", csv).await.expect(201);
    service.post("/models", json!({"name": "t", "dataset": "t", "target": "y"})).await.expect(201);
    let both = json!({"validation": {"dataset": "t"}, "split": "order"});
    let problem = service.post("/models/t/train", both).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["pointer"], "/validation");
    let unknown = json!({"split": {"type": "group", "column": "no"}});
    let problem = service.post("/models/t/train", unknown).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["pointer"], "/split/column");
}

#[tokio::test]
async fn classes_that_come_late_and_rows_without_a_time_are_told_of() {
    let service = TestApp::start().await;
    let row = |i: usize| {
        let day = if i % 40 == 7 { String::new() } else { format!("2024-{:02}-{:02}", 1 + i / 28, 1 + i % 28) };
        let kind = if i >= 290 { "new" } else { ["old", "older"][i * 37 % 101 / 51] };
        format!("{day},{},{kind}\n", i * 37 % 101)
    };
    let csv = format!("day,x,kind\n{}", (0..300).map(row).collect::<String>());
    // The rows stand in the order of time, but the latest have a class that no other has.
    let job = trained(&service, "name=a&target=kind&epochs=5", csv.clone()).await;
    assert_eq!(job["split"]["type"], "random", "{job}");
    let job = trained(&service, "name=b&target=kind&epochs=5&split=time:day", csv.clone()).await;
    let found = codes(&job);
    assert!(found.contains(&"classes_not_trained") && found.contains(&"split_values_missing"), "{job}");
    assert_eq!(job["metrics"]["rows"], 48, "58 of 292 rows with a day less ten");
    let job = service.post_csv("/train?name=c&target=kind&split=order&validation_split=0.9", csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    let sorted: String = (0..100).map(|i| format!("{},{}\n", i * 7 % 13, ["a", "b"][i / 50])).collect();
    let path = "/train?name=d&target=kind&split=order&validation_split=0.5";
    let job = service.post_csv(path, format!("x,kind\n{sorted}")).await.expect(202);
    let failed = service.ended(&job).await;
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("failed"), &json!("unfit_data")), "{failed}");
    assert!(text(&failed["error"]["detail"]).contains("single class"), "{failed}");
}

#[tokio::test]
async fn a_class_of_a_single_group_is_learned_by_all_networks_and_told_of() {
    let service = TestApp::start().await;
    // Twenty customers; the seventh alone has bought what no other has.
    let row = |i: usize| {
        let (customer, x) = (i / 25, i * 37 % 101);
        let kind = if customer == 7 && i.is_multiple_of(2) { "rare" } else { ["low", "high"][x / 51] };
        format!("c{customer},{x},{kind}\n")
    };
    let csv = format!("customer,x,kind\n{}", (0..500).map(row).collect::<String>());
    let job =
        trained(&service, "name=a&target=kind&epochs=60&hidden_layers=16&members=5&split=group:customer", csv).await;
    assert!(codes(&job).contains(&"classes_not_measured"), "{job}");
    assert_eq!(job["metrics"]["rows"], 475, "all but those of the one customer");
    assert!(job["metrics"]["log_loss"].as_f64() < Some(0.4), "{job}");
}

#[tokio::test]
async fn rows_in_no_order_are_split_at_random_and_nothing_is_said() {
    let service = TestApp::start().await;
    let mut random = StdRng::seed_from_u64(5);
    let mut csv = String::from("a,b,word,y\n");
    for _ in 0..400 {
        let [a, b, noise]: [f64; 3] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
        let word = random.random_range(0..6);
        csv.push_str(&format!("{a:.3},{b:.3},w{word},{:.3}\n", a * b + f64::from(word) + 0.3 * noise));
    }
    let job = trained(&service, "name=a&target=y&epochs=5", csv.clone()).await;
    assert_eq!((&job["split"]["type"], codes(&job).contains(&"rows_depend_on_each_other")), (&json!("random"), false));
    let asked = trained(&service, "name=b&target=y&epochs=5&split=random", csv.clone()).await;
    assert_eq!(asked["split"]["type"], "random");
    let weights = async |name: &str| service.get(&format!("/models/{name}/versions/1/parameters")).await.expect(200);
    assert_eq!(weights("a").await["layers"], weights("b").await["layers"], "the same rows either way");
    // Copies of rows are held out together: five times the rows, the same ones held out.
    let (header, rows) = csv.split_once('\n').expect("a header");
    let copies = trained(&service, "name=c&target=y&epochs=5", format!("{header}\n{}", rows.repeat(5))).await;
    assert!((share_held_out(&copies) - 0.2).abs() <= 0.021, "{}", share_held_out(&copies));
    assert_eq!(copies["metrics"]["rows"].as_u64().map(|rows| rows % 5), Some(0));
}
