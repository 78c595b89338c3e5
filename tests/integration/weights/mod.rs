//! Rows that count by their weights: in trainings, in measures, in what is told of both, and through a restart.

mod steps;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{TestApp, eventually, numbers, text};

/// Rows of three numbers and their weights, some of which are 0.
fn rows(count: usize) -> (Vec<[f64; 3]>, Vec<u32>) {
    let row = |i: usize| [i * 7 % 11, i * 3 % 5, i * 5 % 7].map(|x| x as f64 / 5.0 - 1.0);
    ((0..count).map(row).collect(), (0..count as u32).map(|i| i * 5 % 4).collect())
}

/// Each row as often as it weighs.
fn repeated<T: Clone>(rows: &[T], times: &[u32]) -> Vec<T> {
    rows.iter().zip(times).flat_map(|(row, times)| std::iter::repeat_n(row.clone(), *times as usize)).collect()
}

fn close(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 2e-5 * b.abs().max(1.0), "{what}: {a} is not {b}");
}

async fn losses(service: &TestApp, job: &Value) -> Vec<[f64; 2]> {
    let page = service.get(&format!("/jobs/{}/epochs", text(&job["id"]))).await.expect(200);
    let entry = |e: &Value| ["loss", "validation_loss"].map(|name| e[name].as_f64().unwrap_or(0.0));
    page["data"].as_array().expect("a list").iter().map(entry).collect()
}

/// Full batches from the same parameters: the gradient of Σ w·L / Σ w is that of the mean over repeated rows.
#[tokio::test]
async fn whole_weights_train_as_repeated_rows_do() {
    let service = TestApp::start().await;
    let (inputs, times) = rows(24);
    let classes: Vec<u32> = (0..24).map(|i| i * 2 % 3).collect();
    let values: Vec<f64> = inputs.iter().map(|row| row[0] * row[1] - row[2]).collect();
    // What weighs nothing may be anything.
    let absurd: Vec<f64> = values.iter().zip(&times).map(|(y, times)| if *times == 0 { 1e6 } else { *y }).collect();
    let cases = [
        ("mse", json!(1), json!(absurd), json!(repeated(&values, &times)), Value::Null),
        ("huber", json!(1), json!(absurd), json!(repeated(&values, &times)), Value::Null),
        ("cross_entropy", json!(3), json!(classes), json!(repeated(&classes, &times)), Value::Null),
        ("cross_entropy", json!(3), json!(classes), json!(repeated(&classes, &times)), json!("balanced")),
        ("cross_entropy", json!(3), json!(classes), json!(repeated(&classes, &times)), json!({"0": 3, "2": 0.5})),
    ];
    for (index, (loss, outputs, targets, repeated_targets, class_weight)) in cases.into_iter().enumerate() {
        let settings = json!({"epochs": 40, "batch_size": "full", "optimizer": "adam", "learning_rate": 0.02,
                              "class_weight": class_weight,
                              "validation": {"inputs": inputs, "targets": targets, "weights": times}});
        let weighted = json!({"inputs": inputs, "targets": targets, "weights": times});
        let (inputs, other) = (json!(repeated(&inputs, &times)), json!({"targets": repeated_targets}));
        let mut repeated = json!({"inputs": inputs, "targets": repeated_targets});
        repeated["validation"] = json!({"inputs": inputs, "targets": other["targets"]});
        let mut found = Vec::new();
        for (name, data) in [("weighted", weighted), ("repeated", repeated)] {
            let name = format!("{name}-{index}");
            let model = json!({"name": name, "layers": [3, 6, outputs], "loss": loss, "activation": "tanh", "seed": 3});
            service.post("/models", model).await.expect(201);
            let mut body = settings.clone();
            body.as_object_mut().expect("settings").extend(data.as_object().expect("data").clone());
            let job = service.train(&name, body).await;
            assert_eq!(job["state"], "succeeded", "{job}");
            let path = format!("/models/{name}/versions/1/parameters");
            let layers = service.get(&path).await.expect(200)["layers"].clone();
            found.push((losses(&service, &job).await, numbers_in(&layers), job["metrics"].clone()));
        }
        let [(losses, parameters, metrics), (other_losses, other_parameters, other_metrics)] = &found[..] else {
            unreachable!("two trainings")
        };
        for (ours, theirs) in losses.iter().flatten().zip(other_losses.iter().flatten()) {
            close(*ours, *theirs, loss);
        }
        for (ours, theirs) in parameters.iter().zip(other_parameters) {
            assert!((ours - theirs).abs() < 2e-3, "{loss}: {ours} is not {theirs}");
        }
        for name in ["accuracy", "log_loss", "macro_f1", "rmse", "mae", "r2"] {
            if let (Some(ours), Some(theirs)) = (metrics[name].as_f64(), other_metrics[name].as_f64()) {
                assert!((ours - theirs).abs() < 1e-3, "{loss}: {name} {ours} is not {theirs}");
            }
        }
    }
}

fn numbers_in(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers_in).collect(),
        Value::Object(map) => ["weights", "biases"].iter().flat_map(|name| numbers_in(&map[*name])).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

/// A table of a class, a number that follows from two others, and how much each row counts.
fn table(rows: usize, weight: impl Fn(usize) -> String) -> String {
    let mut csv = String::from("a,b,w,y,kind\n");
    for i in 0..rows {
        let (a, b) = (i * 7 % 31, i * 11 % 17);
        let kind = if (a + b) % 3 == 0 { "thirds" } else { "others" };
        csv += &format!("{a},{b},{},{},{kind}\n", weight(i), 2 * a + b);
    }
    csv
}

fn some_weight(row: usize) -> String {
    (row * 5 % 4).to_string()
}

#[tokio::test]
async fn a_column_of_weights_is_no_feature_and_later_trainings_go_by_it() {
    let service = TestApp::start().await;
    let path = "/train?name=t&target=y&weights=w&epochs=3&recipe=plain&hidden_layers=8&seed=2";
    let job = service.post_csv(path, table(240, some_weight)).await.expect(202);
    assert_eq!(job["config"]["weights"], "w");
    let job = service.ended(&job).await;
    assert_eq!((&job["state"], &job["metrics"]["weights"]), (&json!("succeeded"), &json!("w")), "{job}");
    // A quarter of the rows weighs nothing: they are neither trained on nor measured.
    assert_eq!(job["rows"].as_u64().expect("rows") + job["metrics"]["rows"].as_u64().expect("rows"), 180, "{job}");
    let model = service.get("/models/t").await.expect(200);
    assert_eq!((&model["features"], &model["weights"]), (&json!(["a", "b", "kind"]), &json!("w")));
    // It may be there in a request, as the target may, and is not looked at.
    let predicted = async |record: Value| {
        service.post("/models/t/predict", json!({"records": [record]})).await.expect(200)["predictions"].clone()
    };
    let plain = predicted(json!({"a": 3, "b": 4, "kind": "others"})).await;
    assert_eq!(predicted(json!({"a": 3, "b": 4, "kind": "others", "w": 1e9, "y": 0})).await, plain);
    let schema = service.get("/models/t/schema").await.expect(200);
    let names: Vec<&str> = schema["features"].as_array().expect("a list").iter().map(|f| text(&f["name"])).collect();
    assert_eq!(names, ["a", "b", "kind"]);
    // Later trainings go by it, unless they say otherwise.
    let epochs = json!({"epochs": 2});
    assert_eq!(service.train("t", epochs).await["config"]["weights"], "w");
    let job = service.train("t", json!({"epochs": 2, "weights": null})).await;
    assert_eq!((&job["config"]["weights"], &job["metrics"]["weights"]), (&Value::Null, &Value::Null));
    assert_eq!(job["rows"].as_u64().expect("rows") + job["metrics"]["rows"].as_u64().expect("rows"), 240, "{job}");
    let warm = service.train("t", json!({"epochs": 2, "warm_start": true})).await;
    assert_eq!((&warm["state"], &warm["config"]["weights"]), (&json!("succeeded"), &json!("w")), "{warm}");
    let job = service.train("t", json!({"epochs": 2, "weights": "b"})).await;
    assert_eq!((&job["state"], &job["config"]["weights"]), (&json!("succeeded"), &json!("b")), "{job}");
    assert_eq!(
        service.get("/models/t").await.expect(200)["features"],
        json!(["a", "kind"]),
        "of the version that serves"
    );
    let problem = service.post("/models/t/train", json!({"warm_start": true, "weights": "a"})).await;
    assert_eq!(problem.problem(422, "invalid_value")["errors"][0]["pointer"], "/weights", "a feature of its version");
    // What `if_better` compares is weighted, too.
    let better = service.train("t", json!({"epochs": 60, "activate": "if_better", "weights": "w"})).await;
    assert!(better["comparison"]["rows"].as_u64() > Some(0), "{better}");
}

#[tokio::test]
async fn weights_that_are_none_are_refused_with_their_row() {
    let service = TestApp::start().await;
    let none = |row: usize, other: &str| table(60, |i| if i == row { other.to_owned() } else { "1.5".to_owned() });
    for (query, csv, says) in [
        ("weights=v", none(60, ""), "has no column \"v\""),
        ("weights=kind", none(60, ""), "numbers"),
        ("weights=y", none(60, ""), "is the target"),
        ("weights=a&features=a,b", none(60, ""), "is one of the features"),
        ("weights=w", none(7, ""), "row 8 of column \"w\""),
        ("weights=w", none(4, "-0.5"), "row 5 of column \"w\""),
        ("weights=w", none(2, "1e39"), "row 3 of column \"w\""),
        ("weights=w", table(60, |_| "0".to_owned()), "0 in every row"),
    ] {
        let problem = service.post_csv(&format!("/train?name=x&target=y&{query}"), csv).await;
        let problem = problem.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "weights", "{query}: {problem}");
        assert!(text(&problem["detail"]).contains(says), "{query}: {problem}");
    }
    assert_eq!(service.get("/datasets").await.expect(200)["data"], json!([]), "nothing is left behind");
    service.post_csv("/datasets?name=whole", table(60, some_weight)).await.expect(201);
    service.post_csv("/datasets?name=holes", none(9, "")).await.expect(201);
    service.post_csv("/datasets?name=short", "a,b,y,kind\n1,2,3,thirds\n2,3,4,others\n").await.expect(201);
    let model = |name: &str| json!({"name": name, "dataset": "whole", "target": "y", "features": ["a", "b"]});
    service.post("/models", model("m")).await.expect(201);
    for (body, pointer) in [
        (json!({"weights": "a"}), "/weights"),
        (json!({"weights": [1, 2]}), "/weights"),
        (json!({"weights": "w", "dataset": "holes"}), "/weights"),
        (json!({"weights": "w", "dataset": "short"}), "/weights"),
        (json!({"weights": "w", "validation": {"dataset": "holes"}}), "/validation/dataset"),
        (json!({"weights": 3}), "/weights"),
    ] {
        let problem = service.post("/models/m/train", body.clone()).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    let mut weighted = model("n");
    weighted["weights"] = json!("b");
    assert_eq!(
        service.post("/models", weighted).await.problem(422, "invalid_value")["errors"][0]["pointer"],
        "/weights"
    );
    service.post("/models", json!({"name": "plain", "layers": [1, 1]})).await.expect(201);
    let rows = json!({"inputs": [[1], [2]], "targets": [1, 2], "epochs": 1});
    for (weights, code, pointer) in [
        (json!([1]), "shape_mismatch", "/weights"),
        (json!([[1], [2]]), "shape_mismatch", "/weights"),
        (json!([1, -2]), "invalid_value", "/weights/1"),
        (json!([0, 0]), "invalid_value", "/weights"),
        (json!("w"), "invalid_value", "/weights"),
    ] {
        let mut body = rows.clone();
        body["weights"] = weights.clone();
        let problem = service.post("/models/plain/train", body).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{weights}: {problem}");
    }
}

#[tokio::test]
async fn an_evaluation_by_weights_is_one_of_repeated_rows() {
    let service = TestApp::start().await;
    let job =
        service.post_csv("/train?name=t&target=y&features=a,b&epochs=3", table(200, some_weight)).await.expect(202);
    service.ended(&job).await;
    let kinds = json!({"name": "k", "dataset": "t", "target": "kind", "features": ["a", "b"]});
    service.post("/models", kinds).await.expect(201);
    service.train("k", json!({"epochs": 3})).await;
    let once = table(120, some_weight);
    let (header, lines) = once.split_once('\n').expect("lines");
    let often = lines.lines().enumerate().flat_map(|(i, line)| std::iter::repeat_n(line, i * 5 % 4));
    let often = format!("{header}\n{}\n", often.collect::<Vec<_>>().join("\n"));
    service.post_csv("/datasets?name=once", once.clone()).await.expect(201);
    service.post_csv("/datasets?name=often", often).await.expect(201);
    let records: Vec<Value> = lines
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let number = |i: usize| cells[i].parse::<f64>().expect("a number");
            json!({"a": number(0), "b": number(1), "w": number(2), "y": number(3), "kind": cells[4]})
        })
        .collect();
    for model in ["t", "k"] {
        let path = format!("/models/{model}/evaluate");
        let of = async |body: Value| service.post(&path, body).await.expect(200)["metrics"].clone();
        let repeated = of(json!({"dataset": "often"})).await;
        let records: Vec<Value> = records
            .iter()
            .cloned()
            .map(|mut record| {
                record.as_object_mut().expect("a record").remove(if model == "t" { "kind" } else { "y" });
                record
            })
            .collect();
        for weighted in [
            of(json!({"dataset": "once", "weights": "w"})).await,
            of(json!({"records": records, "weights": "w"})).await,
        ] {
            for name in ["rmse", "mae", "r2", "accuracy", "log_loss", "macro_f1", "roc_auc"] {
                if repeated[name].is_number() {
                    close(weighted[name].as_f64().expect(name), repeated[name].as_f64().expect(name), name);
                }
            }
        }
        assert_ne!(of(json!({"dataset": "once"})).await, repeated);
    }
    let problem = service.post("/models/t/evaluate", json!({"dataset": "once", "weights": "v"})).await;
    assert_eq!(problem.problem(422, "invalid_value")["errors"][0]["pointer"], "/weights");
}

#[tokio::test]
async fn a_weighted_training_goes_on_after_a_restart_to_the_same_bits() {
    let service = TestApp::with(|settings| settings.checkpoint_interval = Duration::from_millis(20)).await;
    service.post_csv("/datasets?name=t", table(400, some_weight)).await.expect(201);
    let (inputs, weights) = rows(900);
    let targets: Vec<f64> = inputs.iter().map(|row| f64::from(u8::from(row[0] > row[1]))).collect();
    let of_rows = json!({"inputs": inputs, "targets": targets, "weights": weights, "epochs": 150, "batch_size": 8,
                         "validation_split": 0.2, "class_weight": "balanced"});
    let of_table = json!({"weights": "w", "epochs": 250, "early_stopping": null, "class_weight": {"thirds": 2}});
    for name in ["whole", "broken"] {
        let model = json!({"name": format!("rows-{name}"), "layers": [3, 24, 1], "loss": "binary_cross_entropy"});
        service.post("/models", model).await.expect(201);
        let model = json!({"name": format!("table-{name}"), "dataset": "t", "target": "kind", "hidden_layers": [24]});
        service.post("/models", model).await.expect(201);
    }
    let mut service = service;
    for (kind, body) in [("rows", of_rows), ("table", of_table)] {
        let whole = service.train(&format!("{kind}-whole"), body.clone()).await;
        let job = service.post(&format!("/models/{kind}-broken/train"), body).await.expect(202);
        eventually("an epoch is done", || async {
            service.get(&format!("/jobs/{}", text(&job["id"]))).await.expect(200)["epoch"].as_u64() > Some(4)
        })
        .await;
        service = service.restarted().await;
        let broken = service.ended(&job).await;
        for field in ["state", "epoch", "loss", "validation_loss", "metrics", "config", "rows"] {
            assert_eq!(broken[field], whole[field], "{kind}: {field}");
        }
        let parameters = async |name: &str| {
            let path = format!("/models/{kind}-{name}/versions/1/parameters");
            service.get(&path).await.expect(200)["layers"].clone()
        };
        assert_eq!(parameters("broken").await, parameters("whole").await, "{kind}");
    }
}

#[tokio::test]
async fn weights_weigh_what_a_network_learns_and_equal_ones_are_told_of() {
    let service = TestApp::start().await;
    // Two truths about the same inputs: those with weights win.
    let csv = |weights: [u32; 2]| {
        let rows = (0..400).map(|i| {
            let says = i % 2;
            format!("{},{},{}\n", (i * 7 % 400) as f64 / 20.0, weights[says], if says == 0 { 100 } else { 200 })
        });
        format!("x,w,y\n{}", rows.collect::<String>())
    };
    for (name, weights, expected) in [("first", [9, 1], 110.0), ("second", [1, 9], 190.0)] {
        let path = format!("/train?name={name}&target=y&task=regression&weights=w&epochs=80&hidden_layers=16");
        let job = service.post_csv(&path, csv(weights)).await.expect(202);
        let ended = service.ended(&job).await;
        assert_eq!(ended["state"], "succeeded", "{ended}");
        let body = json!({"records": [{"x": 7}]});
        let value = service.post(&format!("/models/{name}/predict"), body).await.expect(200)["predictions"][0]["value"]
            .as_f64()
            .expect("a number");
        assert!((value - expected).abs() < 15.0, "{name}: {value} is not {expected}");
        // The mean that it is compared with is weighted as well: it errs by √(0.9·10² + 0.1·90²) = 30.
        let rmse = ended["metrics"]["baselines"]["mean"]["rmse"].as_f64().expect("a number");
        assert!((rmse - 30.0).abs() < 9.0, "{rmse}");
        assert!(!ended["warnings"].to_string().contains("constant_weights"));
    }
    let path = "/train?name=alike&target=y&task=regression&weights=w&epochs=2&hidden_layers=8";
    let job = service.post_csv(path, csv([3, 3])).await.expect(202);
    let ended = service.ended(&job).await;
    assert!(ended["warnings"].to_string().contains("constant_weights"), "{ended}");
}

#[tokio::test]
async fn columns_of_a_data_set_weigh_rows_of_a_model_by_layer_sizes() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=t", table(60, some_weight)).await.expect(201);
    let body = json!({"dataset": "t", "features": ["a", "b"], "targets": ["y"], "weights": "w", "epochs": 2, "seed": 1,
                      "validation": {"dataset": "t"}});
    let mut found = Vec::new();
    for (name, weights) in [("weighted", json!("w")), ("plain", Value::Null)] {
        service.post("/models", json!({"name": name, "layers": [2, 4, 1], "seed": 1})).await.expect(201);
        let mut body = body.clone();
        body["weights"] = weights;
        let job = service.train(name, body).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        found.push((job["rows"].clone(), numbers(&json!([job["loss"], job["validation_loss"]]))));
    }
    assert_eq!((&found[0].0, &found[1].0), (&json!(45), &json!(60)), "rows of weight 0 are left out");
    assert_ne!(found[0].1, found[1].1);
}

/// New classes of a later data set have weights by name, and are counted by `balanced`.
#[tokio::test]
async fn classes_that_came_later_are_weighed() {
    let service = TestApp::start().await;
    let csv = |third: &str| {
        let rows = (0..240).map(|i| format!("{},{}\n", i % 40, [third, "b", "a", "a"][i / 10 % 4]));
        format!("x,kind\n{}", rows.collect::<String>())
    };
    let job = service.post_csv("/train?name=k&target=kind&epochs=2&class_weight=balanced", csv("a")).await.expect(202);
    assert_eq!(service.ended(&job).await["config"]["class_weight"], "balanced");
    service.post_csv("/datasets?name=later", csv("new")).await.expect(201);
    let shares = async |class_weight: Value| {
        let job = service.train("k", json!({"dataset": "later", "epochs": 1, "class_weight": class_weight})).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        job["loss"].as_f64().expect("a number")
    };
    // The classes have 3, 3 and 6 parts of 12 among the rows trained on, about: `balanced` is near these weights.
    let (plain, map) = (shares(Value::Null).await, shares(json!({"new": 1.33, "b": 1.33, "a": 0.67})).await);
    let balanced = shares(json!("balanced")).await;
    assert!((balanced - map).abs() < 0.02 && (balanced - plain).abs() > 1e-4, "{plain} {map} {balanced}");
    assert_eq!(service.get("/models/k").await.expect(200)["classes"], json!(["a", "b", "new"]));
    let unknown = json!({"dataset": "later", "class_weight": {"newer": 2}});
    let problem = service.post("/models/k/train", unknown).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["pointer"], "/class_weight");
    assert!(text(&problem["detail"]).contains("\"a\", \"b\", \"new\""), "{problem}");
}
