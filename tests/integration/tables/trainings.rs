//! Trainings on data sets: what they learn from, how they go on, and what is refused.

use serde_json::{Value, json};

use super::fruit::{codes, fruit_csv, fruit_service, kinds, peach, predict, range, records, with};
use crate::support::{TestApp, eventually, flowers_csv, numbers, text};

#[tokio::test]
async fn a_model_by_layer_sizes_trains_on_columns() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=flowers", flowers_csv(90)).await.expect(201);
    service.post_csv("/datasets?name=others", flowers_csv(30)).await.expect(201);
    let features = json!(["petal_length", "petal_width"]);
    let classifier = json!({"name": "c", "layers": [2, 8, 3], "loss": "cross_entropy"});
    service.post("/models", classifier).await.expect(201);
    let training = json!({"dataset": "flowers", "features": features, "targets": ["species"], "epochs": 200,
                          "learning_rate": 0.02,
                          "validation": {"dataset": "others", "features": features, "targets": ["species"]}});
    let job = service.train("c", training.clone()).await;
    assert!(job["metrics"]["accuracy"].as_f64() > Some(0.8), "{job}");
    assert_eq!(job["rows"], 90);
    let data = json!({"dataset": "others", "features": features, "targets": ["species"]});
    let measured = service.post("/models/c/evaluate", data).await.expect(200);
    assert_eq!(measured["rows"], 30);
    service.post("/models", json!({"name": "r", "layers": [2, 8, 1]})).await.expect(201);
    let regression = json!({"dataset": "flowers", "features": features, "targets": ["sepal_length"], "epochs": 5});
    assert_eq!(service.train("r", regression.clone()).await["state"], "succeeded");
    let cases = [
        (json!({"features": ["petal_length", "leaf"]}), "invalid_value", "/features/1"),
        (json!({"features": ["petal_length", "species"]}), "invalid_value", "/features/1"),
        (json!({"targets": ["leaf"]}), "invalid_value", "/targets/0"),
        (json!({"targets": [1, 2]}), "invalid_value", "/targets"),
        (json!({"inputs": [[1, 2]]}), "invalid_value", "/inputs"),
    ];
    for (changes, code, pointer) in cases {
        let problem = service.post("/models/r/train", with(&regression, changes)).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let narrow = with(&regression, json!({"features": ["petal_length"]}));
    service.post("/models/r/train", narrow).await.problem(422, "shape_mismatch");
    service.post("/models/r/train", json!({"dataset": "flowers"})).await.problem(422, "missing_field");
    let rows = json!({"inputs": [[1, 2]], "targets": ["sepal_length"]});
    service.post("/models/r/train", rows).await.problem(422, "invalid_value");
    service
        .post("/models/r/train", with(&regression, json!({"dataset": "weeds"})))
        .await
        .problem(404, "dataset_not_found");
}

#[tokio::test]
async fn rows_held_out_do_not_move_the_scale() {
    let service = TestApp::start().await;
    let row = |i: u32| format!("{},{}\n", i * 13 % 40, i * 7 % 50);
    let usual: String = (0..99).map(row).collect();
    service.post_csv("/datasets?name=usual", format!("x,y\n{usual}")).await.expect(201);
    service.post_csv("/datasets?name=odd", format!("x,y\n{usual}1000000,3\n")).await.expect(201);
    let model = |dataset: &str| json!({"name": dataset, "dataset": dataset, "target": "y", "task": "regression", "recipe": "plain", "hidden_layers": [2]});
    service.post("/models", model("usual")).await.expect(201);
    service.post("/models", model("odd")).await.expect(201);
    service.train("usual", json!({"epochs": 1, "validation": {"dataset": "odd"}})).await;
    assert_eq!(range(&service, "usual", "x").await, (0.0, 39.0));
    let mut seen = [false; 2];
    for seed in 0..16 {
        service.train("odd", json!({"epochs": 1, "validation_split": 0.5, "seed": seed})).await;
        match range(&service, "odd", "x").await.1 {
            1_000_000.0 => seen[0] = true,
            most => {
                assert!(most <= 39.0, "{most}");
                seen[1] = true;
            }
        }
    }
    assert_eq!(seen, [true, true], "the odd row was trained on by some, held out by others");
}

#[tokio::test]
async fn classes_are_weighed_by_name() {
    let (service, _) = fruit_service().await;
    let job = service.train("kinds", json!({"epochs": 3, "class_weight": {"apple": 5}})).await;
    assert_eq!(job["config"]["class_weight"], json!({"apple": 5.0}));
    let weighed = service.get("/models/kinds/versions/2/parameters").await.expect(200);
    service.train("kinds", json!({"epochs": 3})).await;
    let plain = service.get("/models/kinds/versions/3/parameters").await.expect(200);
    assert_ne!(weighed["layers"], plain["layers"]);
    let job = service.train("kinds", json!({"epochs": 3, "class_weight": "balanced"})).await;
    assert_eq!(job["state"], "succeeded");
    for weights in [json!({"pear": 2}), json!({"0": 2}), json!({"apple": 0})] {
        service.post("/models/kinds/train", json!({"class_weight": weights})).await.problem(422, "invalid_value");
    }
}

#[tokio::test]
async fn the_same_request_gives_the_same_parameters() {
    let (service, _) = fruit_service().await;
    service.train("kinds", json!({"epochs": 120})).await;
    let one = service.get("/models/kinds/versions/1/parameters").await.expect(200);
    let two = service.get("/models/kinds/versions/2/parameters").await.expect(200);
    assert_eq!(one["layers"], two["layers"]);
    let [one, two] = [1, 2].map(|version| format!("/models/kinds/versions/{version}/predict?interval=0.9"));
    let rows = json!(records(&service, "more").await);
    assert_eq!(predict(&service, &one, &rows).await, predict(&service, &two, &rows).await);
    service.train("kinds", json!({"epochs": 3, "seed": 5})).await;
    service.train("kinds", json!({"epochs": 3, "seed": 6})).await;
    let three = service.get("/models/kinds/versions/3/parameters").await.expect(200);
    let four = service.get("/models/kinds/versions/4/parameters").await.expect(200);
    assert_ne!(three["layers"], four["layers"]);
}

#[tokio::test]
async fn a_warm_start_goes_on_with_the_encoding_of_its_version() {
    let (service, first) = fruit_service().await;
    let first_epoch = async |job: &Value| {
        let path = format!("/jobs/{}/epochs?limit=1", text(&job["id"]));
        service.get(&path).await.expect(200)["data"][0]["loss"].as_f64().expect("a number")
    };
    let (min, max) = range(&service, "kinds", "weight").await;
    let heavier = fruit_csv(0..300).replace(",100,", ",149.5,");
    service.post_csv("/datasets?name=heavier", heavier).await.expect(201);
    let job = service.train("kinds", json!({"dataset": "heavier", "epochs": 2, "warm_start": true})).await;
    assert_eq!((&job["state"], &job["version"]), (&json!("succeeded"), &json!(2)), "{job}");
    assert!(first_epoch(&job).await < 0.7 * first_epoch(&first).await, "it does not start again");
    assert_eq!(range(&service, "kinds", "weight").await, (min, max));
    service.post("/models", kinds("cold")).await.expect(201);
    service.post("/models/cold/train", json!({"warm_start": true})).await.problem(409, "model_not_trained");
}

#[tokio::test]
async fn an_interrupted_training_goes_on_to_the_same_parameters() {
    let service = TestApp::with(|settings| settings.checkpoint_interval = std::time::Duration::from_millis(20)).await;
    service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    let training = json!({"epochs": 400, "early_stopping": {"patience": 1000}});
    for name in ["whole", "broken"] {
        service.post("/models", kinds(name)).await.expect(201);
    }
    service.train("whole", training.clone()).await;
    let job = service.post("/models/broken/train", training).await.expect(202);
    eventually("an epoch is done", || async {
        service.get(&format!("/jobs/{}", text(&job["id"]))).await.expect(200)["epoch"].as_u64() > Some(5)
    })
    .await;
    let service = service.restarted().await;
    let ended = service.ended(&job).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let whole = service.get("/models/whole/versions/1/parameters").await.expect(200);
    let broken = service.get("/models/broken/versions/1/parameters").await.expect(200);
    assert_eq!(broken["layers"], whole["layers"]);
    let warned = codes(&ended);
    assert_eq!(warned.iter().filter(|code| **code == "constant_column").count(), 1, "told once: {warned:?}");
}

#[tokio::test]
async fn a_training_that_is_cancelled_or_cannot_learn_leaves_the_served_version() {
    let (service, _) = fruit_service().await;
    let before = predict(&service, "/models/kinds/predict", &peach()).await;
    let endless = json!({"epochs": 1_000_000, "batch_size": 2, "early_stopping": {"patience": 1_000_000}});
    let job = service.post("/models/kinds/train", endless).await.expect(202);
    let cancelled = service.post_empty(&format!("/jobs/{}/cancel", text(&job["id"]))).await.expect(200);
    assert_eq!((&cancelled["state"], &cancelled["version"]), (&json!("cancelled"), &Value::Null));
    // Another class than the model has: no warm start can learn it.
    service.post_csv("/datasets?name=pears", fruit_csv(0..300).replace("apple", "pear")).await.expect(201);
    let failed = service.train("kinds", json!({"dataset": "pears", "warm_start": true, "epochs": 2})).await;
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("failed"), &json!("unfit_data")), "{failed}");
    assert!(text(&failed["error"]["detail"]).contains("pear"), "{failed}");
    let model = json!({"name": "empty", "dataset": "fruit", "target": "kind", "features": ["batch"]});
    let problem = service.post("/models", model).await.problem(422, "invalid_value");
    assert!(text(&problem["detail"]).contains("no column is left to learn from"), "{problem}");
    assert_eq!(service.get("/models/kinds").await.expect(200)["active_version"], 1);
    assert_eq!(predict(&service, "/models/kinds/predict", &peach()).await, before);
}

#[tokio::test]
async fn a_training_that_does_not_go_with_its_data_is_refused() {
    let (service, _) = fruit_service().await;
    service.post_csv("/datasets?name=narrow", "weight,kind\n100,peach\n60,plum\n").await.expect(201);
    let cases = [
        (json!({"inputs": [[1]], "targets": [1]}), "wrong_model_kind", Value::Null),
        (json!({"dataset": "narrow"}), "invalid_value", json!("/dataset")),
        (json!({"validation": {"dataset": "narrow"}}), "invalid_value", json!("/validation/dataset")),
        (json!({"validation": {"dataset": "more"}, "validation_split": 0.1}), "invalid_value", json!("/validation")),
        (json!({"validation_split": 0.95}), "invalid_value", json!("/validation_split")),
        (json!({"epochs": 0}), "invalid_value", json!("/epochs")),
    ];
    for (body, code, pointer) in cases {
        let problem = service.post("/models/kinds/train", body).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    for body in [json!({"dataset": "weeds"}), json!({"validation": {"dataset": "weeds"}})] {
        service.post("/models/kinds/train", body).await.problem(404, "dataset_not_found");
    }
    let unset = service.train("kinds", json!({"epochs": 2})).await;
    let config = &unset["config"];
    assert_eq!((&config["batch_size"], &config["optimizer"]["type"]), (&json!(32), &json!("adamw")));
    assert_eq!((config["learning_rate"].as_f64(), config["validation_split"].as_f64()), (Some(0.002), Some(0.2)));
    assert_eq!(
        (&config["learning_rate_schedule"]["type"], &config["early_stopping"]["patience"]),
        (&json!("cosine"), &json!(40))
    );
    let chosen = service.train("kinds", json!({"epochs": 2, "optimizer": "sgd", "early_stopping": null})).await;
    assert_eq!(chosen["config"]["optimizer"], json!({"type": "sgd"}));
    assert!(chosen["config"]["early_stopping"].is_null(), "null is never: {chosen}");
    let validated = service.train("kinds", json!({"epochs": 2, "validation": {"dataset": "more"}})).await;
    assert_eq!((&validated["metrics"]["rows"], &validated["config"]["validation_split"]), (&json!(120), &json!(0.0)));
    let more = service.get("/datasets/more").await.expect(200);
    assert_eq!(validated["validation_dataset_id"], more["id"]);
}

#[tokio::test]
async fn yes_or_no_and_numbers_for_classes_are_learned_too() {
    let service = TestApp::start().await;
    let row = |i: u32| format!("{},{},{}\n", i * 37 % 100, i * 37 % 100 >= 50, u32::from(i * 37 % 100 >= 50));
    let csv = "x,over,one\n".to_owned() + &(0..200).map(row).collect::<String>();
    service.post_csv("/datasets?name=halves", csv).await.expect(201);
    for (target, labels) in [("over", ["false", "true"]), ("one", ["0", "1"])] {
        let model =
            json!({"name": target, "dataset": "halves", "target": target, "features": ["x"], "hidden_layers": [8]});
        let model = service.post("/models", model).await.expect(201);
        assert_eq!((&model["task"], &model["classes"]), (&json!("classification"), &json!(labels)));
        let job = service.train(target, json!({"epochs": 100})).await;
        assert!(job["metrics"]["roc_auc"].as_f64() > Some(0.95), "{}", job["metrics"]);
        let path = format!("/models/{target}/predict");
        let predicted = predict(&service, &path, &json!([{"x": 5}, {"x": 95}])).await;
        assert_eq!((&predicted[0]["label"], &predicted[1]["label"]), (&json!(labels[0]), &json!(labels[1])));
        let both = numbers(&json!(labels.map(|label| predicted[0]["probabilities"][label].clone())));
        assert!((both[0] + both[1] - 1.0).abs() < 1e-6, "{predicted}");
    }
}

#[tokio::test]
async fn a_column_that_numbers_the_rows_is_learned_from_where_nothing_else_is_or_it_is_named() {
    let service = TestApp::start().await;
    let csv = |other: &str| {
        (0..120).fold(format!("t{other},y\n"), |csv, t| {
            let other = if other.is_empty() { String::new() } else { format!(",{}", t * 7 % 5) };
            csv + &format!("{t}{other},{}\n", f64::from(t).sqrt())
        })
    };
    let job = service.post_csv("/train?name=alone&target=y&epochs=2", csv("")).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!((&job["state"], codes(&job).contains(&"identifier_column")), (&json!("succeeded"), false), "{job}");
    let job = service.post_csv("/train?name=beside&target=y&epochs=2", csv(",k")).await.expect(202);
    assert!(codes(&service.ended(&job).await).contains(&"identifier_column"));
    let chosen = json!({"name": "chosen", "dataset": "beside", "target": "y", "features": ["t", "k"]});
    service.post("/models", chosen).await.expect(201);
    service.train("chosen", json!({"epochs": 2})).await;
    let schema = service.get("/models/chosen/schema").await.expect(200);
    assert_eq!((&schema["features"][0]["name"], &schema["features"][0]["used"]), (&json!("t"), &json!(true)));
}

#[tokio::test]
async fn columns_that_are_damaged_fail_their_job_instead_of_holding_its_place() {
    let service = TestApp::start().await;
    if service.home().blob_url.is_some() {
        return; // The columns are damaged in the data folder.
    }
    let stored = service.post_csv("/datasets?name=fruit", fruit_csv(0..300)).await.expect(201);
    service.post("/models", kinds("kinds")).await.expect(201);
    let file = service.home().folder().join("blobs/datasets").join(format!("{}.parquet", text(&stored["id"])));
    let bytes = std::fs::read(&file).expect("the columns");
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("half of them");
    let job = service.train("kinds", json!({"epochs": 2})).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("state_damaged")), "{job}");
    service.get("/datasets/fruit/rows").await.problem(500, "state_damaged");
}
