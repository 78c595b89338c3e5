//! Trainings that go on from a version: what is held out of them, and what is known of the rows that came.

use serde_json::{Value, json};

use super::recipes::drawn;
use crate::support::{TestApp, text};

/// Rows of numbers, with a class that has nothing to do with them: who has not seen a row cannot tell its class.
fn noise_csv(rows: std::ops::Range<usize>) -> String {
    let row = |row: usize| {
        let class = if drawn(row, 9) < 0.5 { "heads" } else { "tails" };
        format!("{:.4},{:.4},{:.4},{class}\n", drawn(row, 0), drawn(row, 1), drawn(row, 2))
    };
    "a,b,c,side\n".to_owned() + &rows.map(row).collect::<String>()
}

fn log_loss(job: &Value) -> f64 {
    job["metrics"]["log_loss"].as_f64().expect("a log loss")
}

fn has(job: &Value, code: &str) -> bool {
    job["warnings"].as_array().expect("warnings").iter().any(|one| one["code"] == code)
}

#[tokio::test]
async fn rows_that_a_version_held_out_stay_so_when_a_training_goes_on_from_it() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=coins", noise_csv(0..240)).await.expect(201);
    let model =
        json!({"name": "coins", "dataset": "coins", "target": "side", "hidden_layers": [32, 32], "recipe": "plain"});
    service.post("/models", model).await.expect(201);
    // Long enough to know every row that is learned from by heart.
    let by_heart = json!({"members": 5, "epochs": 400, "early_stopping": {"patience": 1000, "restore_best": false}, "learning_rate": 0.02, "weight_decay": 0});
    let first = service.train("coins", by_heart).await;
    assert!(log_loss(&first) > 0.65, "{first}");
    service.post_csv("/datasets/coins/append", noise_csv(240..300)).await.expect(201);

    let goes_on = |settings: Value| {
        let mut all = json!({"dataset": "coins", "warm_start": true, "epochs": 60, "early_stopping": {"patience": 1000, "restore_best": false}, "learning_rate": 0.02});
        all.as_object_mut().expect("an object").extend(settings.as_object().expect("an object").clone());
        all
    };
    let honest = service.train("coins", goes_on(json!({"activate": "if_better"}))).await;
    assert!(log_loss(&honest) > 0.65 && !has(&honest, "warm_start_rows_known"), "{honest}");
    assert!(text(&honest["split"]["reason"]).contains("which the training goes on from"), "{honest}");
    // Each row is answered by the network that has not learned from it, of both versions.
    assert_eq!(honest["comparison"]["rows"], 300, "{honest}");

    // By another seed the networks have learned from nearly all rows that are held out: that is said, and nothing is compared.
    let active = service.get("/models/coins").await.expect(200)["active_version"].clone();
    let flattering = service.train("coins", goes_on(json!({"seed": 9, "activate": "if_better"}))).await;
    assert!(has(&flattering, "warm_start_rows_known"), "{flattering}");
    assert_eq!((&flattering["comparison"]["rows"], &flattering["comparison"]["activated"]), (&json!(0), &json!(false)));
    assert_eq!(service.get("/models/coins").await.expect(200)["active_version"], active);
    service.stop().await;
}

#[tokio::test]
async fn networks_of_several_candidates_go_on_without_the_rows_that_they_held_out() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=coins", noise_csv(0..240)).await.expect(201);
    let model = json!({"name": "coins", "dataset": "coins", "target": "side", "hidden_layers": [32, 32]});
    service.post("/models", model).await.expect(201);
    let settings = json!({"members": 2, "candidates": 4, "epochs": 40, "early_stopping": {"patience": 1000, "restore_best": false}, "learning_rate": 0.02});
    let first = service.train("coins", settings).await;
    let chosen = first["candidates"].as_array().expect("candidates").iter().filter(|one| one["weight"] != 0.0).count();
    assert!(chosen > 1, "{first}");
    let goes_on = json!({"warm_start": true, "epochs": 120, "early_stopping": {"patience": 1000, "restore_best": false}, "learning_rate": 0.02});
    let honest = service.train("coins", goes_on).await;
    assert!(log_loss(&honest) > 0.65 && !has(&honest, "warm_start_rows_known"), "{honest}");
    service.stop().await;
}

#[tokio::test]
async fn a_training_that_goes_on_knows_the_range_and_the_mean_of_the_rows_that_come() {
    let service = TestApp::start().await;
    let prices = |base: f64| {
        let row = |row: usize| format!("{:.3},{:.2}\n", drawn(row, 0), base + 90.0 * drawn(row, 0));
        "size,price\n".to_owned() + &(0..300).map(row).collect::<String>()
    };
    service.post_csv("/datasets?name=old", prices(10.0)).await.expect(201);
    service.post_csv("/datasets?name=new", prices(300.0)).await.expect(201);
    let model = json!({"name": "m", "dataset": "old", "target": "price", "hidden_layers": [16], "recipe": "plain"});
    service.post("/models", model).await.expect(201);
    service.train("m", json!({"epochs": 60})).await;
    let job =
        service.train("m", json!({"dataset": "new", "warm_start": true, "epochs": 200, "learning_rate": 0.02})).await;
    let metrics = &job["metrics"];
    assert!(metrics["rmse"].as_f64() < Some(10.0), "{job}");
    // Half a deviation of evenly spread prices: always their mean errs by 26, and the old mean by 290.
    let mean = metrics["baselines"]["mean"]["rmse"].as_f64().expect("a number");
    assert!((20.0..32.0).contains(&mean), "{job}");
    let answers = service.post("/models/m/predict", json!({"records": [{"size": 0.5}]})).await.expect(200);
    let value = answers["predictions"][0]["value"].as_f64().expect("a number");
    assert!((330.0..360.0).contains(&value), "{answers}");
    service.stop().await;
}
