//! What moves with time: the latest rows teach, are measured by the network that does not know them, and answers go on beyond what was.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::{TestApp, text};

/// Sales of days that are `growth` more each day, of `days` from `first` on.
fn sales(growth: f64, days: std::ops::Range<usize>) -> String {
    let mut random = StdRng::seed_from_u64(7);
    let mut row = |day: usize| {
        let (promotion, noise) = (u8::from(random.random_bool(0.2)), random.random_range(-10.0..10.0));
        let date = jiff::civil::date(2021, 1, 1) + jiff::Span::new().days(day as i64);
        let sold = 1000.0 + growth * day as f64 + 30.0 * f64::from(promotion) + noise;
        format!("{date},{promotion},{sold:.1}\n")
    };
    let all: Vec<String> = (0..days.end).map(&mut row).collect();
    format!("day,promotion,sold\n{}", all[days].concat())
}

async fn trained(service: &TestApp, query: &str, csv: String) -> Value {
    let job = service.post_csv(&format!("/train?target=sold&{query}"), csv).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    job
}

/// What a model's version reaches on these rows.
async fn measured(service: &TestApp, model: &str, csv: &str) -> Value {
    let dataset = service.post_csv("/datasets", csv.to_owned()).await.expect(201);
    service.post(&format!("/models/{model}/evaluate"), json!({"dataset": dataset["id"]})).await.expect(200)
}

fn rmse(measured: &Value) -> f64 {
    measured["rmse"].as_f64().unwrap_or_else(|| panic!("no RMSE: {measured}"))
}

#[tokio::test]
async fn what_grows_or_falls_is_answered_beyond_what_was() {
    let service = TestApp::start().await;
    for (name, growth, split) in [("growing", 0.5, "auto"), ("falling", -0.5, "order"), ("mixed", 0.5, "random")] {
        let query = format!("name={name}&hidden_layers=16&epochs=20&split={split}");
        let job = trained(&service, &query, sales(growth, 0..600)).await;
        // The noise has a deviation of 5.8; all that was ends 100 before what comes.
        let later = measured(&service, name, &sales(growth, 600..800)).await;
        assert!(rmse(&later["metrics"]) < 12.0, "{name}: {later} {job}");
        assert!(!job["warnings"].to_string().contains("target_moves_with_time"), "{job}");
    }
    // What has no linear model says that it stays behind.
    let plain = trained(&service, "name=plain&recipe=plain&epochs=20", sales(0.5, 0..600)).await;
    assert!(plain["warnings"].to_string().contains("the recipe `standard`"), "{plain}");
    let still = trained(&service, "name=still&recipe=plain&epochs=20", sales(0.0, 0..600)).await;
    assert!(!still["warnings"].to_string().contains("target_moves_with_time"), "{still}");
}

#[tokio::test]
async fn the_latest_rows_teach() {
    let service = TestApp::start().await;
    // From the day on that is held out first, promotions do the opposite.
    let turned = |csv: String| {
        let line = |(at, line): (usize, &str)| match line.split(',').collect::<Vec<_>>()[..] {
            [day, promotion @ ("0" | "1"), sold] => {
                let sold: f64 = sold.parse().expect("a number");
                let effect = if promotion == "1" && at > 480 { -60.0 } else { 0.0 };
                format!("{day},{promotion},{:.1}\n", sold + effect)
            }
            _ => line.to_owned() + "\n",
        };
        csv.lines().enumerate().map(line).collect::<String>()
    };
    let query = "hidden_layers=16&epochs=60&without=linear_model";
    let job = trained(&service, &format!("name=many&{query}"), turned(sales(0.0, 0..600))).await;
    let alone = trained(&service, &format!("name=one&members=1&{query}"), turned(sales(0.0, 0..600))).await;
    assert_eq!((&job["rows"], &alone["rows"]), (&json!(600), &json!(480)));
    assert_eq!((&job["metrics"]["rows"], &alone["metrics"]["rows"]), (&json!(120), &json!(120)));
    let reason = text(&job["split"]["reason"]);
    assert!(reason.contains("the first of 5 networks holds them out"), "{reason}");
    // Measured by the network that knows none of them, in both.
    let (one, many) = (rmse(&alone["metrics"]), rmse(&job["metrics"]));
    assert!((one / many - 1.0).abs() < 0.2, "{one} and {many}");
    // What comes next is as what came last: five networks, of which four have seen it, err less.
    let rows = sales(0.0, 600..700);
    let days = rows.lines().skip(1).map(|line| line.split(',').next().unwrap_or_default());
    let later = format!("day,promotion,sold\n{}", days.map(|day| format!("{day},1,970\n")).collect::<String>());
    let [one, many] = [measured(&service, "one", &later).await, measured(&service, "many", &later).await];
    assert!(rmse(&many["metrics"]) < rmse(&one["metrics"]) - 5.0, "{many} beside {one}");
}

#[tokio::test]
async fn a_training_goes_on_with_the_first_network_alone_without_the_latest_rows() {
    let service = TestApp::start().await;
    let query = "name=m&hidden_layers=8&epochs=10&split=order";
    let first = trained(&service, query, sales(0.2, 0..500)).await;
    assert_eq!((&first["rows"], &first["metrics"]["rows"]), (&json!(500), &json!(100)));
    let has = |job: &Value, code: &str| job["warnings"].to_string().contains(code);
    // More rows: those that are the last now were not there before. Both versions are measured on them by networks that know none.
    let model = service.get("/models/m").await.expect(200);
    let dataset = text(&model["dataset_id"]).to_owned();
    let grown = service.post_csv(&format!("/datasets/{dataset}/append"), sales(0.2, 500..700)).await.expect(201);
    let train = async |changes: Value| {
        let mut body = json!({"dataset": grown["id"], "epochs": 10, "split": "order", "activate": "if_better"});
        body.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        service.train("m", body).await
    };
    for changes in [json!({"warm_start": true}), json!({})] {
        let job = train(changes).await;
        assert_eq!((&job["rows"], &job["metrics"]["rows"]), (&json!(700), &json!(140)), "{job}");
        assert_eq!(job["comparison"]["rows"], 140, "{job}");
        assert!(!has(&job, "warm_start_rows_known"), "{job}");
    }
    // A larger part: the first network knows some of it.
    let larger = train(json!({"warm_start": true, "validation_split": 0.4})).await;
    assert_eq!(larger["metrics"]["rows"], 280, "{larger}");
    assert!(has(&larger, "learned from some of them"), "{larger}");
    // Another network alone holds out what the others of the version know.
    let other = train(json!({"distill": 1, "validation_split": 0.2})).await;
    assert!(has(&other, "distilled_rows_known"), "{other}");
}

#[tokio::test]
async fn a_word_that_came_up_since_is_new_to_the_network_that_is_measured() {
    let service = TestApp::start().await;
    let row = |row: usize| {
        format!("{},{},{}\n", ["a", "b", "c"][if row < 240 { row % 2 } else { 2 }], row * 37 % 100, row % 2)
    };
    let csv = "shop,x,y\n".to_owned() + &(0..300).map(row).collect::<String>();
    let query = "name=m&target=y&hidden_layers=8&epochs=10&split=order&types={\"shop\":\"categorical\"}";
    let job = service.post_csv(&format!("/train?{query}"), csv).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!((&job["state"], &job["rows"], &job["metrics"]["rows"]), (&json!("succeeded"), &json!(300), &json!(60)));
    // The others have learned it: it is known to whoever asks.
    let request = json!({"records": [{"shop": "c", "x": 3}, {"shop": "d", "x": 3}]});
    let reply = service.post("/models/m/predict", request).await.expect(200);
    let flags = |row: usize| reply["predictions"][row]["flags"].to_string();
    assert!(!flags(0).contains("unseen_category") && flags(1).contains("unseen_category"), "{reply}");
}
