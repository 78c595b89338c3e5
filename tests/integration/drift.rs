//! Drift: whether columns that have moved are named and others are not, and what becomes of the counts.

use bytesize::ByteSize;
use epochd::data::encoder::Histogram;
use epochd::models::artifact::decode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::doubt::Doubt;
use crate::support::{TestApp, text};

/// A row of people: age and income, city and whether they are a member, and what they buy, which follows from the age.
#[derive(Clone)]
struct Person {
    age: f64,
    income: Option<f64>,
    city: &'static str,
    member: bool,
}

/// Numbers from 0 to 1, the same in each run (Knuth's generator MMIX).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal: twelve of them, less their mean.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// People as they were when the model was trained.
fn people(rows: usize, seed: u64) -> Vec<Person> {
    let mut numbers = Numbers(seed);
    let person = |_| {
        let income = 2000.0 + 500.0 * numbers.normal();
        Person {
            age: (40.0 + 8.0 * numbers.normal()).round(),
            income: (numbers.next() > 0.05).then_some(income.round()),
            city: ["Aachen", "Bremen", "Celle", "Dresden"][(4.0 * numbers.next()) as usize],
            member: numbers.next() < 0.4,
        }
    };
    (0..rows).map(person).collect()
}

fn csv(people: &[Person]) -> String {
    let mut csv = "age,income,city,member,buys\n".to_owned();
    for Person { age, income, city, member } in people {
        let income = income.map(|income| income.to_string()).unwrap_or_default();
        csv += &format!("{age},{income},{city},{member},{}\n", if *age < 40.0 { "books" } else { "tools" });
    }
    csv
}

fn record(person: &Person) -> Value {
    let Person { age, income, city, member } = person;
    json!({"age": age, "income": income, "city": city, "member": member})
}

/// A service with the model `shop`, trained twice on people.
async fn shop() -> TestApp {
    shop_of(TestApp::start().await).await
}

/// The same of this service.
async fn shop_of(service: TestApp) -> TestApp {
    service.post_csv("/datasets?name=people", csv(&people(6000, 1))).await.expect(201);
    let model = json!({"name": "shop", "dataset": "people", "target": "buys", "hidden_layers": [8]});
    service.post("/models", model).await.expect(201);
    for seed in [1, 2] {
        let job = service.train("shop", json!({"epochs": 2, "seed": seed})).await;
        assert_eq!(job["state"], "succeeded", "{job}");
    }
    service
}

async fn predict_csv(service: &TestApp, people: &[Person]) {
    assert_eq!(service.post_csv("/models/shop/predict", csv(people)).await.status, 200);
}

async fn drift(service: &TestApp) -> Value {
    service.get("/models/shop/drift").await.expect(200)
}

fn stability(drift: &Value, column: &str) -> f64 {
    let columns = drift["columns"].as_array().expect("a list");
    let found = columns.iter().chain([&drift["predictions"]]).find(|entry| entry["column"] == column);
    found.expect("the column is followed")["population_stability"].as_f64().expect("a number")
}

const COLUMNS: [&str; 5] = ["age", "income", "city", "member", "buys"];

#[tokio::test]
async fn columns_that_have_moved_are_named_and_others_are_not() {
    let service = shop().await;
    let none = drift(&service).await;
    assert_eq!((&none["rows"], &none["version"]), (&json!(0), &json!(2)));
    assert_eq!(none["columns"][0]["population_stability"], Value::Null, "{none}");
    predict_csv(&service, &people(3000, 7)).await;
    let same = drift(&service).await;
    assert_eq!(same["rows"], 3000);
    for column in COLUMNS {
        assert!(stability(&same, column) < 0.1, "{column}: {same}");
    }
    // Activated anew, it is asked other things.
    service.post_empty("/models/shop/versions/1/activate").await.expect(200);
    assert_eq!((&drift(&service).await["rows"], &drift(&service).await["version"]), (&json!(0), &json!(1)));
    let mut moved = people(3000, 8);
    let mut numbers = Numbers(3);
    for person in &mut moved {
        person.age += 12.0;
        person.city = if numbers.next() < 0.2 { "Zwickau" } else { person.city };
        person.income = person.income.filter(|_| numbers.next() < 0.6);
    }
    predict_csv(&service, &moved).await;
    let moved = drift(&service).await;
    for (column, has_moved) in COLUMNS.iter().zip([true, true, true, false, true]) {
        let far = stability(&moved, column);
        assert!(if has_moved { far > 0.25 } else { far < 0.1 }, "{column}: {far}");
    }
    let city = &moved["columns"].as_array().expect("a list")[2];
    let bin = |name: &str| city["bins"].as_array().expect("a list").iter().find(|bin| bin["bin"] == name).cloned();
    let unseen = bin("never seen").expect("a bin of its own");
    assert!(unseen["expected"] == 0.0 && unseen["actual"].as_f64() > Some(0.15), "{city}");
    assert!(bin("Aachen").is_some_and(|bin| bin["expected"].as_f64() > Some(0.2)), "{city}");
    // The same version again counts on; another, and back, starts again.
    service.post_empty("/models/shop/versions/1/activate").await.expect(200);
    assert_eq!(drift(&service).await["rows"], 3000);
    service.post_empty("/models/shop/versions/2/activate").await.expect(200);
    service.post_empty("/models/shop/versions/1/activate").await.expect(200);
    assert_eq!(drift(&service).await["rows"], 0);
}

/// Σ (a − e) ln(a / e), worked out from counts as the documents say it.
fn index(expected: &[u64], actual: &[u64]) -> f64 {
    let shares = |counts: &[u64]| -> Vec<f64> {
        let rows: u64 = counts.iter().sum();
        counts.iter().map(|count| (*count as f64 / rows as f64).max(1e-4)).collect()
    };
    shares(expected).iter().zip(shares(actual)).map(|(e, a)| (a - e) * (a / e).ln()).sum()
}

/// The counts of training, with an empty bin for words that it did not see if there are words.
fn of_training(histogram: &Histogram, has_words: bool) -> Vec<u64> {
    let counts = histogram.counts.iter().copied().chain(has_words.then_some(0)).chain([histogram.missing]);
    counts.map(u64::from).collect()
}

#[tokio::test]
async fn the_index_is_the_one_worked_out_from_the_rows_and_the_versions_file() {
    let service = shop().await;
    let asked = people(700, 11);
    predict_csv(&service, &asked).await;
    let drift = drift(&service).await;
    let file = service.raw(Method::GET, "/models/shop/versions/2/export").send().await.expect("a reply");
    let read = decode(&file.bytes().await.expect("a file")).expect("a version's file").predictor;
    let parts = read.table().expect("of a table").parts;
    let counted = |bins: usize, bin_of: &dyn Fn(&Person) -> usize| {
        let mut counts = vec![0u64; bins];
        asked.iter().for_each(|person| counts[bin_of(person)] += 1);
        counts
    };
    let numbers = |column: usize, value: &dyn Fn(&Person) -> Option<f64>| {
        let histogram = &parts.histograms[column];
        let bin = |x: f64| histogram.bounds.iter().filter(|bound| **bound <= x).count();
        let expected = of_training(histogram, false);
        let last = expected.len() - 1;
        index(&expected, &counted(expected.len(), &|person| value(person).map_or(last, bin)))
    };
    let place = |name: &str| parts.encoder.features.iter().position(|feature| feature.name == name).expect("a feature");
    let words = parts.encoder.features[place("city")].words();
    let expected = of_training(&parts.histograms[place("city")], true);
    let city = |person: &Person| words.iter().position(|word| word == person.city).expect("a known city");
    let member = of_training(&parts.histograms[place("member")], false);
    for (column, offline) in [
        ("age", numbers(place("age"), &|person| Some(person.age))),
        ("income", numbers(place("income"), &|person| person.income)),
        ("city", index(&expected, &counted(expected.len(), &city))),
        ("member", index(&member, &counted(3, &|person| usize::from(person.member)))),
    ] {
        let far = stability(&drift, column);
        assert!((far - offline).abs() < 1e-12, "{column}: {far}, and offline {offline}");
    }
    let reply = service.post("/models/shop/predict", json!({"records": asked.iter().map(record).collect::<Vec<_>>()}));
    let answers = reply.await.expect(200)["predictions"].clone();
    let mut counts = vec![0u64; 3];
    let labels = answers.as_array().expect("a list").iter().map(|row| usize::from(text(&row["label"]) == "tools"));
    labels.for_each(|label| counts[label] += 1);
    let expected = of_training(parts.answers.as_ref().expect("what it answered"), false);
    let far = stability(&drift, "buys");
    assert!((far - index(&expected, &counts)).abs() < 1e-12, "{far}");
}

#[tokio::test]
async fn records_and_files_count_alike_and_the_counts_outlive_a_restart() {
    let service = shop().await;
    let asked = people(300, 5);
    predict_csv(&service, &asked).await;
    let of_csv = drift(&service).await;
    service.post_empty("/models/shop/versions/1/activate").await.expect(200);
    service.post_empty("/models/shop/versions/2/activate").await.expect(200);
    for some in asked.chunks(7) {
        let records: Vec<Value> = some.iter().map(record).collect();
        let path = ["/models/shop/predict", "/predict?model=shop", "/models/shop/versions/2/predict"][some.len() % 3];
        service.post(path, json!({"records": records})).await.expect(200);
    }
    // What is asked of another version, or measured, does not count.
    service.post("/models/shop/versions/1/predict", json!({"records": record(&asked[0])})).await.expect(200);
    service.post("/models/shop/evaluate", json!({"dataset": "people"})).await.expect(200);
    let of_records = drift(&service).await;
    assert_eq!((&of_records["columns"], &of_records["rows"]), (&of_csv["columns"], &json!(300)));
    let service = service.restarted().await;
    assert_eq!(drift(&service).await, of_records, "what was counted last was written down at the end");
    service.post("/models/shop/predict", json!({"records": record(&asked[0])})).await.expect(200);
    assert_eq!(drift(&service).await["rows"], 301);
    service.patch("/models/shop", json!({"name": "store"})).await.expect(200);
    let drift = service.get("/models/store/drift").await.expect(200);
    assert_eq!(drift["rows"], 301, "a name is no activation");
}

async fn metrics(service: &TestApp) -> String {
    String::from_utf8(service.get("/metrics").await.body).expect("UTF-8")
}

#[tokio::test]
async fn metrics_name_the_columns_that_have_moved_most() {
    let service = shop().await;
    let mut moved = people(400, 8);
    moved.iter_mut().for_each(|person| person.age += 20.0);
    predict_csv(&service, &moved[..100]).await;
    service.app.drift.write_down().await;
    let found = metrics(&service).await;
    let names = |column: &str| found.contains(&format!("epochd_drift_population_stability{{{column}"));
    assert!(names("") && !names("column=\"age\""), "so few rows may be chance: {found}");
    predict_csv(&service, &moved[100..]).await;
    service.app.drift.write_down().await;
    let far = stability(&drift(&service).await, "age");
    let found = metrics(&service).await;
    let series: Vec<&str> =
        found.lines().filter(|line| line.starts_with("epochd_drift_population_stability{")).collect();
    assert_eq!(series.len(), 2, "{series:?}");
    let line = format!("epochd_drift_population_stability{{column=\"age\",model=\"shop\"}} {far}");
    assert!(series.contains(&line.as_str()), "{line} is not in {series:?}");
    service.post_empty("/models/shop/versions/1/activate").await.expect(200);
    assert!(!metrics(&service).await.contains("population_stability{"), "another version is active");
}

#[tokio::test]
async fn rows_whose_writing_down_seemed_to_fail_are_counted_once() {
    let doubt = Doubt::default();
    let service = shop_of(TestApp::behind(doubt.gate(), |_| ()).await).await;
    predict_csv(&service, &people(30, 7)).await;
    for rows in [30, 35] {
        doubt.arm(0);
        service.app.drift.write_down().await;
        assert!(doubt.has_come());
        assert_eq!(drift(&service).await["rows"], rows);
        predict_csv(&service, &people(5, 8)).await;
        assert_eq!(drift(&service).await["rows"], rows + 5);
    }
    service.app.drift.write_down().await;
    assert_eq!(drift(&service.restarted().await).await["rows"], 40);
}

#[tokio::test]
async fn versions_without_histograms_say_so() {
    let service = TestApp::start().await;
    service.with_xor().await;
    service.get("/models/xor/drift").await.problem(409, "drift_unavailable");
    let forms: [&[u8]; 2] = [
        include_bytes!("../fixtures/table-version-form-1.safetensors"),
        include_bytes!("../fixtures/table-version-form-2.safetensors"),
    ];
    for (name, file) in ["first", "second"].iter().zip(forms) {
        let path = format!("/models/import?name={name}");
        let request = service.raw(Method::POST, &path).header("content-type", "application/octet-stream");
        service.send(Method::POST, &path, request.body(file)).await.expect(201);
    }
    service.get("/models/first/drift").await.problem(409, "drift_unavailable");
    let drift = service.get("/models/second/drift").await.expect(200);
    assert_eq!(drift["predictions"], Value::Null, "{drift}");
    let untrained = json!({"name": "new", "layers": [1, 1]});
    service.post("/models", untrained).await.expect(201);
    service.get("/models/new/drift").await.problem(409, "model_not_trained");
}

#[tokio::test]
async fn a_million_rows_take_no_more_memory_than_one() {
    let service = TestApp::start().await;
    let rows: String = (0..2000).map(|row| format!("{},{}\n", row % 100, row % 100 > 50)).collect();
    service.post_csv("/datasets?name=small", format!("x,y\n{rows}")).await.expect(201);
    let model = json!({"name": "small", "dataset": "small", "target": "y", "hidden_layers": [1]});
    service.post("/models", model).await.expect(201);
    service.train("small", json!({"epochs": 1})).await;
    service.post("/models/small/predict", json!({"records": {"x": 1}})).await.expect(200);
    let used = service.app.memory.models.used();
    let many = format!("x\n{}", (0..250_000).map(|row| format!("{}\n", row % 100)).collect::<String>());
    for _ in 0..4 {
        assert_eq!(service.post_csv("/models/small/predict", many.clone()).await.status, 200);
    }
    assert_eq!(service.app.memory.models.used(), used);
    service.app.drift.write_down().await;
    let drift = service.get("/models/small/drift").await.expect(200);
    assert_eq!(drift["rows"], 1_000_001);
    let id = service.app.models.get("small").await.expect("it is there").id;
    let row = service.app.storage.catalog.drift(id).await.expect("a catalog").expect("a row");
    assert!(row.counts.len() < 1000, "{}", row.counts);
    // Once nobody asks for long, the counters leave memory, and come back for the next who asks.
    for _ in 0..61 {
        service.app.drift.write_down().await;
    }
    assert!(service.app.memory.models.used() < used);
    service.post("/models/small/predict", json!({"records": {"x": 1}})).await.expect(200);
    assert_eq!(service.get("/models/small/drift").await.expect(200)["rows"], 1_000_002);
}

#[tokio::test]
async fn counters_of_all_models_together_have_a_bound_and_predictions_go_on() {
    let service = TestApp::with(|settings| settings.model_memory = Some(ByteSize::mib(3))).await;
    let names: Vec<String> = (0..200).map(|column| format!("x{column}")).collect();
    let row = |row: usize| {
        let cells: Vec<String> = (0..200).map(|column| (row * (column + 3) % 97).to_string()).collect();
        format!("{},{}\n", cells.join(","), row.is_multiple_of(3))
    };
    let rows: String = (0..100).map(row).collect();
    service.post_csv("/datasets?name=wide", format!("{},y\n{rows}", names.join(","))).await.expect(201);
    let model = json!({"name": "wide", "dataset": "wide", "target": "y", "hidden_layers": [1]});
    service.post("/models", model).await.expect(201);
    service.train("wide", json!({"epochs": 1})).await;
    let file = service.raw(Method::GET, "/models/wide/versions/1/export").send().await.expect("a reply");
    let file = file.bytes().await.expect("a file");
    let mut counted = Vec::new();
    for copy in 0..12 {
        let path = format!("/models/import?name=copy{copy}");
        let request = service.raw(Method::POST, &path).header("content-type", "application/octet-stream");
        service.send(Method::POST, &path, request.body(file.clone())).await.expect(201);
        service.post(&format!("/models/copy{copy}/predict"), json!({"records": {"x1": 5}})).await.expect(200);
        let reply = service.get(&format!("/models/copy{copy}/drift")).await;
        counted.push(reply.status);
        if reply.status == 200 {
            assert_eq!(reply.expect(200)["rows"], 1);
        } else {
            reply.problem(429, "overloaded");
        }
    }
    assert!(counted[0] == 200 && counted[11] == 429, "{counted:?}");
}
