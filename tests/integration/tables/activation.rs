//! Whether a new version serves: always, never, or if it is better on rows that neither was trained on.

use serde_json::{Value, json};

use super::fruit::{fruit_csv, fruit_service, predict};
use crate::support::{TestApp, text};

/// Rows of two numbers, of which the second says what `y` is: 3x, and noise that no model can learn.
fn line_csv(rows: std::ops::Range<u32>, slope: i64) -> String {
    let row = |i: u32| {
        let (x, noise) = (i64::from(i * 37 % 1009), i64::from(i * 7919 % 13));
        format!("{x},{},{}\n", i * 31 % 101, slope * x + noise)
    };
    rows.map(row).fold("x,z,y\n".to_owned(), |csv, row| csv + &row)
}

/// A service with the model `line` trained on the data set `line`.
pub async fn line_service() -> TestApp {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=line", line_csv(0..600, 3)).await.expect(201);
    let model = json!({"name": "line", "dataset": "line", "target": "y", "hidden_layers": [16], "dropout": 0});
    service.post("/models", model).await.expect(201);
    let job = service.train("line", json!({"epochs": 60})).await;
    assert_eq!((&job["state"], &job["comparison"]), (&json!("succeeded"), &Value::Null), "{job}");
    service
}

pub async fn active_version(service: &TestApp, model: &str) -> Value {
    service.get(&format!("/models/{model}")).await.expect(200)["active_version"].clone()
}

#[tokio::test]
async fn a_retraining_that_is_worse_does_not_serve_if_better_is_asked_for() {
    let service = line_service().await;
    let asked = json!([{"x": 500, "z": 3}, {"x": 20, "z": 90}]);
    let before = predict(&service, "/models/line/predict", &asked).await;
    let worse = service.train("line", json!({"epochs": 1, "learning_rate": 1e-6, "activate": "if_better"})).await;
    let comparison = &worse["comparison"];
    assert_eq!(
        (&worse["state"], &worse["version"], &comparison["activated"]),
        (&json!("succeeded"), &json!(2), &json!(false))
    );
    let number = |name: &str| comparison[name].as_f64().unwrap_or_else(|| panic!("{name}: {worse}"));
    assert!(number("candidate") > number("active") && number("rows") > 50.0, "{worse}");
    assert_eq!((&comparison["metric"], &comparison["active_version"]), (&json!("rmse"), &json!(1)));
    assert_eq!(active_version(&service, "line").await, 1);
    assert_eq!(predict(&service, "/models/line/predict", &asked).await, before);
    // The rows held out are the same, as seed and data are: what is told of the new version is what its own measures say.
    let own = worse["metrics"]["rmse"].as_f64().expect("a number");
    assert!((number("candidate") - own).abs() < 1e-6 * own, "{worse}");
    let better = service.train("line", json!({"epochs": 200, "activate": "if_better"})).await;
    assert_eq!(better["comparison"]["activated"], true, "{better}");
    assert!(better["comparison"]["candidate"].as_f64() < better["comparison"]["active"].as_f64(), "{better}");
    assert_eq!(active_version(&service, "line").await, 3);
    let told = better["comparison"].clone();
    let path = format!("/jobs/{}", text(&better["id"]));
    let service = service.restarted().await;
    assert_eq!(service.get(&path).await.expect(200)["comparison"], told);
}

#[tokio::test]
async fn what_cannot_be_compared_does_not_serve_and_says_why() {
    let (service, _) = fruit_service().await;
    // Another class than the active version knows.
    service.post_csv("/datasets?name=pears", fruit_csv(0..300).replace("apple", "pear")).await.expect(201);
    let job = service.train("kinds", json!({"dataset": "pears", "epochs": 2, "activate": "if_better"})).await;
    let reason = text(&job["comparison"]["reason"]);
    assert!(reason.contains("pear") && job["comparison"]["activated"] == false, "{job}");
    assert_eq!(job["comparison"]["candidate"], Value::Null);
    // No row held out.
    let none = json!({"epochs": 2, "validation_split": 0, "activate": "if_better"});
    let job = service.train("kinds", none).await;
    assert_eq!((&job["comparison"]["rows"], &job["comparison"]["activated"]), (&json!(0), &json!(false)), "{job}");
    assert_eq!(active_version(&service, "kinds").await, 1);
    // Both measured on a data set of their own: all of its rows.
    let apart = |epochs: u32| json!({"epochs": epochs, "validation": {"dataset": "more"}, "activate": "if_better"});
    service.post_empty("/models/kinds/versions/1/activate").await.expect(200);
    service.train("kinds", json!({"epochs": 2, "validation": {"dataset": "more"}})).await;
    let better = service.train("kinds", apart(120)).await;
    assert_eq!(
        (&better["comparison"]["rows"], &better["comparison"]["activated"]),
        (&json!(120), &json!(true)),
        "{better}"
    );
    assert_eq!(better["comparison"]["metric"], "log_loss");
    let worse = service.train("kinds", apart(1)).await;
    assert_eq!(
        (&worse["comparison"]["rows"], &worse["comparison"]["activated"]),
        (&json!(120), &json!(false)),
        "{worse}"
    );
}

#[tokio::test]
async fn the_first_version_serves_if_better_is_asked_for() {
    let service = TestApp::start().await;
    let path = "/train?name=fruit&target=kind&epochs=2&activate=if_better&class_weight=balanced";
    let job = service.post_csv(path, fruit_csv(0..300)).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!((&job["comparison"]["activated"], &job["comparison"]["rows"]), (&json!(true), &json!(0)), "{job}");
    assert_eq!(
        (&job["config"]["class_weight"], &active_version(&service, "fruit").await),
        (&json!("balanced"), &json!(1))
    );
    let path = "/train?name=other&target=kind&epochs=2&class_weight=heavy";
    let problem = service.post_csv(path, fruit_csv(0..300)).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["parameter"], "class_weight");
    let path = "/train?name=later&target=kind&epochs=2&activate=never";
    let job = service.post_csv(path, fruit_csv(0..300)).await.expect(202);
    assert_eq!(service.ended(&job).await["version"], 1);
    assert_eq!(active_version(&service, "later").await, Value::Null);
}

#[tokio::test]
async fn versions_by_layer_sizes_are_compared_by_their_loss() {
    let service = TestApp::start().await;
    let inputs: Vec<[f64; 2]> = (0..200).map(|i| [f64::from(i % 17) / 17.0, f64::from(i % 13) / 13.0]).collect();
    let targets: Vec<f64> = inputs.iter().map(|[a, b]| 2.0 * a - b).collect();
    service.post("/models", json!({"name": "m", "layers": [2, 1]})).await.expect(201);
    let training = |epochs: u32, rate: f64| {
        json!({"inputs": inputs, "targets": targets, "epochs": epochs, "learning_rate": rate, "validation_split": 0.25,
               "activate": "if_better"})
    };
    assert_eq!(service.train("m", training(20, 0.01)).await["comparison"]["activated"], true);
    let worse = service.train("m", training(1, 1e-7)).await;
    assert_eq!(
        (&worse["comparison"]["metric"], &worse["comparison"]["activated"]),
        (&json!("loss"), &json!(false)),
        "{worse}"
    );
    assert_eq!(worse["comparison"]["candidate"], worse["validation_loss"]);
    let better = service.train("m", training(60, 0.01)).await;
    assert_eq!(
        (&better["comparison"]["activated"], &active_version(&service, "m").await),
        (&json!(true), &json!(3)),
        "{better}"
    );
}
