//! Candidates: networks with drawn settings, of which those answer together whose mean errs least.

use serde_json::{Value, json};

use super::fruit::{fruit_csv, fruit_service};
use super::members::{interrupted_and_whole, parameters};
use crate::support::{TestApp, text};

/// A model of the recipe `best` with small networks; dropout is drawn.
fn best(name: &str) -> Value {
    json!({"name": name, "dataset": "fruit", "target": "kind", "recipe": "best", "hidden_layers": [12, 12]})
}

fn list(job: &Value) -> &Vec<Value> {
    job["candidates"].as_array().expect("candidates")
}

#[tokio::test]
async fn candidates_are_drawn_around_the_recipe_and_chosen_by_rows_held_out() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    service.post("/models", best("kinds")).await.expect(201);
    let settings = json!({"candidates": 4, "epochs": 20, "weight_decay": 0.5});
    let job = service.train("kinds", settings.clone()).await;
    assert_eq!((&job["state"], &job["stop_reason"]), (&json!("succeeded"), &json!("completed")), "{job}");
    assert_eq!((&job["epochs"], &job["progress"]), (&json!(80), &json!(1.0)), "{job}");
    let config = &job["config"];
    assert_eq!((&config["max_seconds"], &config["candidates"]), (&json!(300.0), &json!(4)), "{config}");
    let all = list(&job);
    let sum = |name: &str| all.iter().filter_map(|one| one[name].as_f64()).sum::<f64>();
    assert_eq!((all.len(), sum("epochs")), (4, job["epoch"].as_f64().expect("a number")), "{job}");
    assert!((sum("weight") - 1.0).abs() < 1e-9, "{job}");
    // The first is as the recipe has it; what was given is kept, and what was not is drawn.
    let first = json!([12, 12]);
    assert!(all.iter().all(|one| one["hidden_layers"] == first && one["weight_decay"] == 0.5), "{all:?}");
    assert_eq!((&all[0]["dropout"], &all[0]["learning_rate"]), (&json!(0.15), &json!(0.04)));
    assert!(all[1..].iter().all(|one| one["dropout"] != 0.15 && one["learning_rate"] != 0.04), "{all:?}");
    assert_eq!(job["metrics"]["candidates"], job["candidates"]);
    // What they lose by the rows that chose them, and by others.
    let [same, other] = ["validation_loss", "on_other_rows"].map(|name| job["metrics"]["selection"][name].as_f64());
    let [same, other] = [same.expect("a loss"), other.expect("a loss")];
    let alone = all.iter().filter_map(|one| one["validation_loss"].as_f64()).fold(f64::INFINITY, f64::min);
    assert!(same <= alone && same > 0.8 * alone, "{same} {alone}");
    let together: Vec<f64> = all.iter().filter_map(|one| one["loss_together"].as_f64()).collect();
    assert_eq!((together.len(), Some(together[0])), (4, all[0]["validation_loss"].as_f64()), "the first is alone");
    assert!(together[3] == same && same <= together[0], "{together:?}");
    assert!(other > 0.95 * same && other < 1.5 * same, "{same} {other}");
    let mut warnings = job["warnings"].as_array().expect("warnings").iter();
    let warns = warnings.any(|warning| warning["code"] == "chosen_by_measured_rows");
    assert_eq!(warns, other > 1.01 * same, "{job}");
    // Those that answer are in the version: five networks each, and the linear model where it helps.
    let chosen = all.iter().filter(|one| one["weight"].as_f64() > Some(0.0)).count();
    let networks = parameters(&service, "kinds", 1).await["members"].as_array().map_or(0, Vec::len);
    let linear = if job["metrics"]["linear_share"].is_number() { 5 } else { 0 };
    assert_eq!(networks, 5 * chosen + linear, "{job}");
    // The best of them is as good as the best alone, by the rows that they were chosen by.
    let together = job["metrics"]["log_loss"].as_f64().expect("a number");
    assert!(together < alone * 1.05, "{together} {alone}");

    let again = service.train("kinds", settings).await;
    assert_eq!((&again["metrics"], &again["candidates"]), (&job["metrics"], &job["candidates"]));
    let stored = service.get(&format!("/jobs/{}", text(&job["id"]))).await.expect(200);
    assert_eq!(stored["candidates"], job["candidates"]);
    // A warm start goes on with all of them, and tries no others.
    let goes_on = service.train("kinds", json!({"warm_start": true, "epochs": 2})).await;
    assert_eq!((&goes_on["state"], &goes_on["config"]["candidates"]), (&json!("succeeded"), &json!(1)), "{goes_on}");
    assert!(goes_on["candidates"].is_null(), "{goes_on}");
    service.stop().await;
}

#[tokio::test]
async fn an_interrupted_search_goes_on_to_the_same_choice() {
    let training = json!({"candidates": 3, "epochs": 150, "early_stopping": {"patience": 1000}, "members": 2,
                          "max_seconds": 3600});
    let (service, ended) = interrupted_and_whole(best, training, 170).await;
    let whole = service.get("/jobs?model=whole").await.expect(200)["data"][0].clone();
    assert_eq!((&ended["candidates"], list(&ended).len()), (&whole["candidates"], 3));
}

#[tokio::test]
async fn when_the_time_is_up_the_best_so_far_answer() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    service.post("/models", best("kinds")).await.expect(201);
    let settings = json!({"max_seconds": 1.5, "epochs": 400, "early_stopping": null});
    let job = service.train("kinds", settings).await;
    assert_eq!((&job["state"], &job["stop_reason"]), (&json!("succeeded"), &json!("time_limit")), "{job}");
    assert!(job["metrics"]["accuracy"].as_f64() > Some(0.7) && !list(&job).is_empty(), "{job}");
    assert!(list(&job).iter().all(|one| one["epochs"].is_u64()), "{job}");
    service.stop().await;
}

#[tokio::test]
async fn candidates_need_rows_to_choose_them_by() {
    let (service, _) = fruit_service().await;
    let refused = async |model: &str, body: Value| {
        let problem = service.post(&format!("/models/{model}/train"), body).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], "/candidates", "{problem}");
    };
    refused("kinds", json!({"candidates": 2, "validation_split": 0})).await;
    refused("kinds", json!({"candidates": 0})).await;
    refused("kinds", json!({"candidates": 65})).await;
    refused("kinds", json!({"candidates": 2, "warm_start": true})).await;
    service.with_xor().await;
    refused("xor", json!({"inputs": [[0, 1]], "targets": [1], "candidates": 2})).await;
    // Under `best` there are none then.
    service.post("/models", best("all")).await.expect(201);
    let job = service.train("all", json!({"validation_split": 0, "epochs": 2})).await;
    assert_eq!((&job["state"], &job["config"]["candidates"]), (&json!("succeeded"), &json!(1)), "{job}");
    service.stop().await;
}

#[tokio::test]
async fn a_candidate_that_diverges_in_its_first_epoch_is_left_out() {
    let service = TestApp::start().await;
    let row = |row: u32| {
        let (a, b) = (f64::from(row * 37 % 101) / 25.0 - 2.0, f64::from(row * 53 % 97) / 24.0 - 2.0);
        format!("{a:.3},{b:.3},{:.3}\n", 3.0 * a + b)
    };
    let csv = "a,b,y\n".to_owned() + &(0..300).map(row).collect::<String>();
    service.post_csv("/datasets?name=plane", csv).await.expect(201);
    service.post("/models", json!({"name": "m", "dataset": "plane", "target": "y"})).await.expect(201);
    // Plain steps of a size that networks of some widths and depths do not bear.
    let settings = json!({"candidates": 24, "epochs": 1, "batch_size": 16, "optimizer": "sgd", "learning_rate": 0.1,
                          "members": 1, "target_scale": "identity"});
    let job = service.train("m", settings).await;
    let of_job = list(&job);
    let diverged = of_job.iter().filter(|one| one["validation_loss"].is_null());
    assert!(diverged.clone().count() > 0 && diverged.clone().all(|one| one["epochs"] == 0), "{job}");
    assert_eq!((&job["state"], of_job.len()), (&json!("succeeded"), 24), "{job}");
    service.stop().await;
}
