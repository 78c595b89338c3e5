//! Feedback: the true outcomes of predictions, by their ids or by records, and what they come to.

use serde_json::{Value, json};

use crate::support::{Reply, TestApp, text};
use crate::tables::fruit::{fruit_service, post_for, records, with, with_weights};

/// Predictions of the active version with their ids.
async fn predicted(service: &TestApp, model: &str, rows: &[Value]) -> Vec<Value> {
    let reply = service.post(&format!("/models/{model}/predict?ids=true"), json!({"records": rows})).await.expect(200);
    reply["predictions"].as_array().expect("a list").clone()
}

fn field(rows: &[Value], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

async fn tell(service: &TestApp, model: &str, ids: &[Value], targets: &[Value]) -> Reply {
    service.post(&format!("/models/{model}/feedback"), json!({"ids": ids, "targets": targets})).await
}

async fn feedback(service: &TestApp, model: &str) -> Vec<Value> {
    let page = service.get(&format!("/models/{model}/feedback")).await.expect(200);
    page["data"].as_array().expect("a list").clone()
}

fn near(found: &Value, expected: f64) {
    let found = found.as_f64().expect("a number");
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

/// Accuracy, log loss and expected calibration error of predictions, worked out here.
fn offline(predictions: &[Value], targets: &[Value]) -> [f64; 3] {
    let (mut right, mut loss, mut bins) = (0.0, 0.0, [[0.0; 2]; 15]);
    for (prediction, target) in predictions.iter().zip(targets) {
        // As 32-bit floats, which is what a reply writes.
        let p = |class: &str| f64::from(prediction["probabilities"][class].as_f64().expect("a number") as f32);
        let hit = f64::from(u8::from(prediction["label"] == *target));
        right += hit;
        loss -= p(text(target)).max(1e-15).ln();
        let confidence = p(text(&prediction["label"]));
        let bin = &mut bins[((confidence * 15.0) as usize).min(14)];
        (bin[0], bin[1]) = (bin[0] + hit, bin[1] + confidence);
    }
    let rows = targets.len() as f64;
    let apart: f64 = bins.iter().map(|[hits, confidence]| (hits - confidence).abs()).sum();
    [right / rows, loss / rows, apart / rows]
}

#[tokio::test]
async fn outcomes_by_id_come_to_what_is_worked_out_offline() {
    let (service, _) = fruit_service().await;
    let rows = records(&service, "more").await;
    let predictions = predicted(&service, "kinds", &rows).await;
    // Some come true otherwise than they will have been predicted.
    let mut targets = field(&rows, "kind");
    targets[..30].iter_mut().for_each(|target| *target = json!("plum"));
    let ids = field(&predictions, "id");
    assert_eq!(feedback(&service, "kinds").await, [] as [Value; 0]);
    let taken = tell(&service, "kinds", &ids[..50], &targets[..50]).await.expect(200);
    assert_eq!((&taken["rows"], &taken["repeated"]), (&json!(50), &json!(0)), "{taken}");
    let taken = tell(&service, "kinds", &ids[40..], &targets[40..]).await.expect(200);
    assert_eq!((&taken["rows"], &taken["repeated"]), (&json!(70), &json!(10)), "{taken}");
    let twice = [ids[0].clone(), ids[0].clone()];
    let taken = tell(&service, "kinds", &twice, &[json!("apple"), json!("plum")]).await.expect(200);
    assert_eq!((&taken["rows"], &taken["repeated"]), (&json!(0), &json!(2)), "{taken}");
    let found = feedback(&service, "kinds").await;
    assert_eq!((found.len(), &found[0]["version"], &found[0]["rows"]), (1, &json!(1), &json!(120)));
    let [accuracy, log_loss, calibration_error] = offline(&predictions, &targets);
    near(&found[0]["metrics"]["accuracy"], accuracy);
    near(&found[0]["metrics"]["log_loss"], log_loss);
    near(&found[0]["metrics"]["calibration_error"], calibration_error);
    let metrics = String::from_utf8(service.get("/metrics").await.body).expect("UTF-8");
    for line in [
        "epochd_feedback_rows_total{model=\"kinds\",version=\"1\"} 120".to_owned(),
        "epochd_feedback_measured_rows{model=\"kinds\"} 120".to_owned(),
        format!("epochd_feedback_accuracy{{model=\"kinds\"}} {accuracy}"),
        format!("epochd_feedback_calibration_error{{model=\"kinds\"}} {}", found[0]["metrics"]["calibration_error"]),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    // All of it is there after a restart: the sums, what was told, and the secret that signs.
    let service = service.restarted().await;
    assert_eq!(feedback(&service, "kinds").await, found);
    let taken = tell(&service, "kinds", &ids, &targets).await.expect(200);
    assert_eq!((&taken["rows"], &taken["repeated"]), (&json!(0), &json!(120)), "{taken}");
}

#[tokio::test]
async fn records_are_measured_as_an_evaluation_measures_them() {
    let service = with_weights().await;
    let rows = records(&service, "more").await;
    for model in ["kinds", "weights"] {
        let measured = service.post(&format!("/models/{model}/evaluate"), json!({"records": rows})).await.expect(200);
        let path = format!("/models/{model}/feedback");
        for some in rows.chunks(50) {
            let taken = service.post(&path, json!({"records": some})).await.expect(200);
            assert_eq!((&taken["rows"], &taken["repeated"]), (&json!(some.len()), &json!(0)));
        }
        let found = &feedback(&service, model).await[0];
        assert_eq!(found["rows"], 120);
        let measures = if model == "kinds" { &["accuracy", "log_loss"][..] } else { &["rmse", "mae", "r2"] };
        for measure in measures {
            near(&found["metrics"][measure], measured["metrics"][measure].as_f64().expect("a number"));
        }
    }
    let predictions = predicted(&service, "weights", &rows).await;
    tell(&service, "weights", &field(&predictions, "id"), &field(&rows, "weight")).await.expect(200);
    let twice = &feedback(&service, "weights").await[0];
    assert_eq!(twice["rows"], 240, "records, and the same rows by their ids");
    let drift = service.get("/models/weights/drift").await.expect(200);
    assert_eq!(drift["rows"], 120, "records of feedback were not asked");
    let metrics = String::from_utf8(service.get("/metrics").await.body).expect("UTF-8");
    assert!(metrics.contains("epochd_feedback_rmse{model=\"weights\"}"), "{metrics}");
}

#[tokio::test]
async fn ids_stand_in_every_form_and_count_for_the_version_that_predicted() {
    let (service, _) = fruit_service().await;
    let rows = records(&service, "more").await;
    let csv = "weight,size,colour,fresh,picked\n100,20.5,red,true,2024-05-06\n60,20.5,red,true,2024-05-06\n";
    let reply = post_for(&service, "/models/kinds/predict?ids=true", "text/csv", "text/csv", csv.into()).await;
    let answer = String::from_utf8(reply.body).expect("UTF-8");
    let mut lines = answer.lines();
    assert!(lines.next().is_some_and(|header| header.ends_with(",id")), "{answer}");
    let of_csv: Vec<Value> = lines.map(|line| json!(line.rsplit(',').next())).collect();
    let of_json = field(&predicted(&service, "kinds", &rows[..2]).await, "id");
    service.train("kinds", json!({"epochs": 2, "seed": 9})).await;
    let of_new = field(&predicted(&service, "kinds", &rows[..1]).await, "id");
    let old = service.post("/models/kinds/versions/1/predict?ids=true", json!({"records": rows[3]})).await.expect(200);
    let ids: Vec<Value> = [of_csv, of_json, of_new, vec![old["predictions"][0]["id"].clone()]].concat();
    let taken = tell(&service, "kinds", &ids, &vec![json!("peach"); 6]).await.expect(200);
    assert_eq!(taken["rows"], 6);
    let versions = feedback(&service, "kinds").await;
    let counts: Vec<_> = versions.iter().map(|found| (found["version"].as_u64(), found["rows"].as_u64())).collect();
    assert_eq!(counts, [(Some(2), Some(1)), (Some(1), Some(5))], "newest first");
    // What is counted of a version stays when another is active.
    let metrics = String::from_utf8(service.get("/metrics").await.body).expect("UTF-8");
    for line in [
        "rows_total{model=\"kinds\",version=\"1\"} 5",
        "rows_total{model=\"kinds\",version=\"2\"} 1",
        "measured_rows{model=\"kinds\"} 1",
    ] {
        assert!(metrics.contains(&format!("epochd_feedback_{line}\n")), "{line} is not in\n{metrics}");
    }
    let page = service.get("/models/kinds/feedback?limit=1").await.expect(200);
    assert_eq!((&page["data"][0]["version"], &page["next_cursor"]), (&json!(2), &json!("2")));
    let page = service.get("/models/kinds/feedback?limit=1&cursor=2").await.expect(200);
    assert_eq!((&page["data"][0]["version"], &page["next_cursor"]), (&json!(1), &Value::Null));
    // A version goes with what is known of it; its ids are refused from then on.
    service.delete("/models/kinds/versions/1").await.expect(204);
    assert_eq!(feedback(&service, "kinds").await.len(), 1);
    let problem = tell(&service, "kinds", &ids[4..], &[json!("peach"), json!("plum")]).await;
    let problem = problem.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["pointer"], "/ids/1", "{problem}");
    service.post("/models/kinds/predict", json!({"records": rows[0]})).await.expect(200)["predictions"][0]["id"]
        .is_null()
        .then_some(())
        .expect("no id unless it is asked for");
}

#[tokio::test]
async fn what_is_no_outcome_of_a_prediction_is_refused_with_its_place() {
    let service = with_weights().await;
    let rows = records(&service, "more").await;
    let ids = field(&predicted(&service, "kinds", &rows[..3]).await, "id");
    let foreign = predicted(&service, "weights", &rows[..1]).await[0]["id"].clone();
    let mut forged = text(&ids[1]).to_owned();
    let changed = forged.len() - 5..forged.len() - 4;
    let other = if &forged[changed.clone()] == "A" { "B" } else { "A" };
    forged.replace_range(changed, other);
    let kinds = [json!("plum"), json!("plum"), json!("plum")];
    for (id, at) in [(json!(forged), 1), (foreign, 0), (json!("nonsense"), 2), (json!(""), 0)] {
        let mut ids = ids.clone();
        ids[at] = id;
        let problem = tell(&service, "kinds", &ids, &kinds).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], format!("/ids/{at}"), "{problem}");
    }
    // The ids of another service are foreign too.
    let (other, _) = fruit_service().await;
    let of_other = field(&predicted(&other, "kinds", &rows[..1]).await, "id");
    tell(&service, "kinds", &of_other, &kinds[..1]).await.problem(422, "invalid_value");
    for target in [json!("pear"), json!(null), json!("")] {
        let targets = [json!("plum"), json!("plum"), target];
        let problem = tell(&service, "kinds", &ids, &targets).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], "/targets/2", "{problem}");
    }
    tell(&service, "kinds", &ids, &kinds[..2]).await.problem(422, "shape_mismatch");
    tell(&service, "kinds", &[], &[]).await.problem(422, "shape_mismatch");
    let (many, plums) = (vec![ids[0].clone(); 10_002], vec![json!("plum"); 10_002]);
    let problem = tell(&service, "kinds", &many, &plums).await.problem(422, "shape_mismatch");
    assert!(text(&problem["detail"]).contains("10002 ids; send 1 to 10000"), "{problem}");
    let path = "/models/kinds/feedback";
    for (changes, code) in [(json!({"kind": null}), "invalid_value"), (json!({"kind": "pear"}), "invalid_value")] {
        let body = json!({"records": [rows[0], with(&rows[1], changes)]});
        let problem = service.post(path, body).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], "/records/1/kind", "{problem}");
    }
    service.post(path, json!({"ids": ids})).await.problem(422, "missing_field");
    service.post(path, json!({"targets": kinds})).await.problem(422, "missing_field");
    service.post(path, json!({})).await.problem(422, "missing_field");
    service.post(path, json!({"ids": ids, "targets": kinds, "records": rows})).await.problem(422, "invalid_value");
    service.post(path, json!({"records": []})).await.problem(422, "shape_mismatch");
    service.with_xor().await;
    service.post("/models/xor/feedback", json!({"records": rows})).await.problem(422, "wrong_model_kind");
    service.post("/models/xor/predict?ids=true", json!({"inputs": [0, 1]})).await.problem(422, "invalid_value");
    assert_eq!(feedback(&service, "kinds").await, [] as [Value; 0], "nothing of what was refused counts");
}

#[tokio::test]
async fn a_class_is_told_back_as_it_was_answered() {
    let service = TestApp::start().await;
    for (name, classes) in [("truths", ["true", "false"]), ("grades", ["1", "0"])] {
        let row = |row: usize| format!("{},{}\n", row * 37 % 100, classes[usize::from(row * 37 % 100 < 50)]);
        let csv = "x,y\n".to_owned() + &(0..120).map(row).collect::<String>();
        let query = format!("name={name}&target=y&task=classification&recipe=plain&epochs=3&hidden_layers=4");
        let job = service.post_csv(&format!("/train?{query}"), csv).await.expect(202);
        assert_eq!(service.ended(&job).await["state"], "succeeded");
        let predictions = predicted(&service, name, &[json!({"x": 3}), json!({"x": 80})]).await;
        let (ids, labels) = (field(&predictions, "id"), field(&predictions, "label"));
        assert!(labels.iter().all(|label| classes.contains(&text(label))), "{labels:?}");
        tell(&service, name, &ids, &labels).await.expect(200);
        near(&feedback(&service, name).await[0]["metrics"]["accuracy"], 1.0);
        let wrong = tell(&service, name, &ids[..1], &[json!("maybe")]).await.problem(422, "invalid_value");
        assert_eq!(wrong["errors"][0]["pointer"], "/targets/0", "{wrong}");
    }
}
