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

async fn measured(service: &TestApp, model: &str, csv: String) -> Value {
    let path = format!("/models/{model}/evaluate");
    let request = service.raw(reqwest::Method::POST, &path).header("content-type", "text/csv").body(csv);
    service.send(reqwest::Method::POST, &path, request).await.expect(200)
}

fn rmse(measured: &Value) -> f64 {
    measured["rmse"].as_f64().unwrap_or_else(|| panic!("no RMSE: {measured}"))
}

#[tokio::test]
async fn what_grows_or_falls_is_answered_beyond_what_was() {
    let service = TestApp::start().await;
    for (name, growth) in [("growing", 0.5), ("falling", -0.5)] {
        let query = format!("name={name}&hidden_layers=16&epochs=20");
        let job = trained(&service, &query, sales(growth, 0..600)).await;
        assert_eq!(job["split"]["type"], "time", "{job}");
        // The noise has a deviation of 5.8; all that was ends 100 before what comes.
        let later = measured(&service, name, sales(growth, 600..800)).await;
        assert!(rmse(&later["metrics"]) < 12.0, "{later}");
    }
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
    let next = |csv: String| csv.replace(",0,", ",1,");
    let later = {
        let csv = next(sales(0.0, 0..100));
        let rows = csv.lines().skip(1).map(|line| line.split(',').next().unwrap_or_default().to_owned());
        "day,promotion,sold\n".to_owned() + &rows.map(|day| format!("{day},1,970\n")).collect::<String>()
    };
    let [one, many] = [measured(&service, "one", later.clone()).await, measured(&service, "many", later).await];
    assert!(rmse(&many["metrics"]) < rmse(&one["metrics"]) - 5.0, "{many} beside {one}");
}
