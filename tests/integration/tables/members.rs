//! Several networks in a version: each learns without another fold of the rows, and they answer together.

use serde_json::{Value, json};

use super::activation::active_version;
use super::fruit::{fruit_csv, fruit_service, kinds, predict};
use crate::support::{TestApp, eventually, text};

pub async fn parameters(service: &TestApp, model: &str, version: u64) -> Value {
    service.get(&format!("/models/{model}/versions/{version}/parameters")).await.expect(200)
}

/// x from 0 to 99, and three times as much with a little beside it.
fn line_csv(rows: u32) -> String {
    let row = |row: u32| format!("{},{},{}\n", row * 37 % 100, row * 7 % 11, (row * 37 % 100) * 3 + row * 5 % 7);
    "x,z,y\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

#[tokio::test]
async fn each_row_is_measured_by_the_network_that_has_not_learned_from_it() {
    let (service, _) = fruit_service().await;
    let job = service.train("kinds", json!({"members": 4, "validation_split": 0.25, "epochs": 120})).await;
    assert_eq!((&job["state"], &job["config"]["members"]), (&json!("succeeded"), &json!(4)), "{job}");
    let reason = text(&job["split"]["reason"]);
    assert!(job["split"]["type"] == "random" && reason.contains("each of 4 networks"), "{reason}");
    // All rows are trained on, and all are measured but copies of a row that stand alone in their class.
    let measured = &job["metrics"];
    assert_eq!((&job["rows"], &measured["rows_used"]), (&json!(300), &json!("validation")), "{job}");
    let rows = measured["rows"].as_u64().expect("a count");
    assert!((290..=300).contains(&rows), "{rows}");
    let accuracy = measured["accuracy"].as_f64().expect("a number");
    assert!(accuracy > 0.8 && measured["baselines"]["linear"]["accuracy"].is_number(), "{measured}");
    assert!(job["progress"] == 1.0 || job["stop_reason"] == "early_stopping", "{job}");

    let shown = parameters(&service, "kinds", 2).await;
    let members = shown["members"].as_array().expect("networks");
    assert!(members.len() == 4 && shown["layers"].is_null() && members[0]["weight"] == 1.0, "{}", members.len());
    assert_ne!(members[0]["layers"], members[1]["layers"]);

    // What all reached is the mean of what each did.
    let epochs = async |query: &str| {
        let page = service.get(&format!("/jobs/{}/epochs?limit=5{query}", text(&job["id"]))).await.expect(200);
        page["data"].as_array().expect("epochs").clone()
    };
    let (all, mut sums) = (epochs("").await, [0.0; 5]);
    for member in 1..=4 {
        let of_one = epochs(&format!("&member={member}")).await;
        assert_eq!((of_one.len(), &of_one[4]["epoch"]), (5, &json!(5)));
        sums.iter_mut().zip(&of_one).for_each(|(sum, epoch)| *sum += epoch["loss"].as_f64().expect("a loss") / 4.0);
        assert!(of_one[4]["validation_loss"].is_number() && of_one[4]["loss"] != all[4]["loss"], "{of_one:?}");
    }
    let near = |(sum, epoch): (&f64, &Value)| (sum - epoch["loss"].as_f64().expect("a loss")).abs() < 1e-12;
    assert!(sums.iter().zip(&all).all(near), "{sums:?} {all:?}");
    assert_eq!(epochs("&member=2&every=2&after=2").await[0]["epoch"], 4);
    let refused = service.get(&format!("/jobs/{}/epochs?member=5", text(&job["id"]))).await;
    assert!(text(&refused.problem(422, "invalid_value")["detail"]).contains("4 networks"));

    // The same again; where other rows come in, the same is elsewhere, too.
    let again = service.train("kinds", json!({"members": 4, "validation_split": 0.25, "epochs": 120})).await;
    assert_eq!(again["metrics"], job["metrics"]);
    assert_eq!(parameters(&service, "kinds", 3).await["members"], shown["members"]);
    let goes_on = service.train("kinds", json!({"warm_start": true, "epochs": 2})).await;
    assert_eq!((&goes_on["state"], &goes_on["config"]["members"]), (&json!("succeeded"), &Value::Null), "{goes_on}");
    assert_eq!(parameters(&service, "kinds", 4).await["members"].as_array().map(Vec::len), Some(4));
    service.stop().await;
}

/// Trains a model of `kinds` and another one that is interrupted once more than `epochs` epochs are done: both come to the same. Returns
/// the service, with models `whole` and `broken`, and the job of the second.
pub async fn interrupted_and_whole(kinds: impl Fn(&str) -> Value, training: Value, epochs: u64) -> (TestApp, Value) {
    let service = TestApp::with(|settings| settings.checkpoint_interval = std::time::Duration::from_millis(20)).await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    for name in ["whole", "broken"] {
        service.post("/models", kinds(name)).await.expect(201);
    }
    let whole = service.train("whole", training.clone()).await;
    let job = service.post("/models/broken/train", training).await.expect(202);
    eventually("epochs are done", || async {
        service.get(&format!("/jobs/{}", text(&job["id"]))).await.expect(200)["epoch"].as_u64() > Some(epochs)
    })
    .await;
    let service = service.restarted().await;
    let ended = service.ended(&job).await;
    assert_eq!((&ended["state"], &ended["metrics"]), (&json!("succeeded"), &whole["metrics"]), "{ended}");
    let path = |job: &Value| format!("/jobs/{}/epochs?every=50", text(&job["id"]));
    let losses = async |job: &Value| {
        let page = service.get(&path(job)).await.expect(200);
        page["data"]
            .as_array()
            .expect("epochs")
            .iter()
            .map(|epoch| epoch["validation_loss"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(losses(&ended).await, losses(&whole).await);
    let of_second = async |job: &Value| {
        let page = service.get(&format!("/jobs/{}/epochs?every=50&member=2", text(&job["id"]))).await.expect(200);
        page["data"].as_array().expect("epochs").iter().map(|epoch| epoch["loss"].clone()).collect::<Vec<_>>()
    };
    assert!(of_second(&ended).await == of_second(&whole).await && !of_second(&whole).await.is_empty());
    let members = parameters(&service, "broken", 1).await["members"].clone();
    assert!(members.is_array() && members == parameters(&service, "whole", 1).await["members"]);
    (service, ended)
}

#[tokio::test]
async fn an_interrupted_training_of_several_goes_on_to_the_same_parameters() {
    let training = json!({"members": 3, "epochs": 200, "early_stopping": {"patience": 1000}});
    interrupted_and_whole(kinds, training, 5).await;
}

/// All rows are held out, each by one network: both versions answer to each with the network that has not learned from it.
#[tokio::test]
async fn versions_of_several_networks_are_compared_row_by_row() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=line", line_csv(400)).await.expect(201);
    let model = json!({"name": "line", "dataset": "line", "target": "y", "hidden_layers": [16], "dropout": 0});
    service.post("/models", model).await.expect(201);
    let training = |epochs: u32| json!({"members": 5, "epochs": epochs, "activate": "if_better"});
    let first = service.train("line", training(60)).await;
    let worse =
        service.train("line", json!({"members": 5, "epochs": 1, "learning_rate": 1e-6, "activate": "if_better"})).await;
    let (comparison, of_first) = (&worse["comparison"], &first["metrics"]["rmse"]);
    let near = |one: &Value, other: &Value| {
        let [one, other] = [one, other].map(|number| number.as_f64().expect("a number"));
        assert!((one - other).abs() < 1e-5 * other, "{one} {other}");
    };
    near(&comparison["active"], of_first);
    near(&comparison["candidate"], &worse["metrics"]["rmse"]);
    assert_eq!((&comparison["rows"], &comparison["activated"]), (&worse["metrics"]["rows"], &json!(false)), "{worse}");
    // One network beside five: on the rows that it held out.
    let one = service.train("line", json!({"epochs": 200, "activate": "if_better"})).await;
    near(&one["comparison"]["candidate"], &one["metrics"]["rmse"]);
    assert_eq!(
        (&one["comparison"]["rows"], &one["comparison"]["active_version"]),
        (&one["metrics"]["rows"], &json!(1))
    );
    service.stop().await;
}

#[tokio::test]
async fn whole_groups_are_in_one_fold_and_the_latest_rows_are_held_out_by_the_first_network_alone() {
    let service = TestApp::start().await;
    let row =
        |row: u32| format!("{},{},2024-01-{:02},{}\n", row * 37 % 100, row % 9, 1 + row / 16, (row * 37 % 100) * 3);
    let csv = "x,shop,day,y\n".to_owned() + &(0..400).map(row).collect::<String>();
    service.post_csv("/datasets?name=shops&types={\"shop\":\"categorical\"}", csv).await.expect(201);
    let model = json!({"name": "shops", "dataset": "shops", "target": "y", "features": ["x"], "recipe": "plain",
                       "hidden_layers": [8]});
    service.post("/models", model).await.expect(201);
    let by_shop = json!({"type": "group", "column": "shop"});
    let grouped = service.train("shops", json!({"members": 3, "epochs": 20, "split": by_shop})).await;
    let reason = text(&grouped["split"]["reason"]);
    assert!(reason.contains("9") && reason.contains("3 networks"), "{grouped}");
    // Nine groups of 44 or 45 rows: three folds with one group or two of them each.
    let rows = grouped["metrics"]["rows"].as_u64().expect("a count");
    assert!((3 * 44..=6 * 45).contains(&rows) && grouped["rows"] == 400, "{grouped}");
    let by_day = json!({"type": "time", "column": "day"});
    let timed = service.train("shops", json!({"members": 3, "epochs": 20, "split": by_day})).await;
    let rows = timed["metrics"]["rows"].as_u64().expect("a count");
    assert_eq!(timed["rows"], 400, "they teach the others: {timed}");
    assert!((60..=100).contains(&rows), "{timed}");
    assert!(text(&timed["split"]["reason"]).contains("the first of 3 networks"), "{timed}");
    assert_eq!(parameters(&service, "shops", 2).await["members"].as_array().map(Vec::len), Some(3));
    assert_eq!(active_version(&service, "shops").await, 2);
    service.stop().await;
}

#[tokio::test]
async fn more_networks_than_there_are_parts_of_the_rows_are_refused() {
    let (service, _) = fruit_service().await;
    let refused = async |body: Value| {
        let problem = service.post("/models/kinds/train", body).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], "/members", "{problem}");
        text(&problem["detail"]).to_owned()
    };
    let detail = refused(json!({"members": 6})).await;
    assert!(detail.contains("0.166") && detail.contains("no more than 5"), "{detail}");
    refused(json!({"members": 0})).await;
    refused(json!({"members": 65, "validation_split": 0})).await;
    refused(json!({"members": 2, "warm_start": true})).await;
    service.with_xor().await;
    let layers = json!({"inputs": [[0, 1]], "targets": [1], "members": 2});
    let problem = service.post("/models/xor/train", layers).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["pointer"], "/members", "{problem}");
    let wrong = service.post_csv("/train?name=fruit2&target=kind&members=9", fruit_csv(0..100)).await;
    let wrong = wrong.problem(422, "invalid_value");
    assert!(text(&wrong["detail"]).contains("9 networks"), "{wrong}");
    // Where no row is held out, networks are as many as are asked for.
    let job = service.train("kinds", json!({"members": 7, "validation_split": 0, "epochs": 2})).await;
    assert_eq!((&job["state"], &job["metrics"]["rows_used"]), (&json!("succeeded"), &json!("training")), "{job}");
    let answer = predict(&service, "/models/kinds/predict", &json!([{"weight": 150, "colour": "red"}])).await;
    assert!(answer[0]["probability"].is_number(), "{answer}");
    service.stop().await;
}
