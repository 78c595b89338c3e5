//! Rows that are read otherwise than where a model learned: said, and with `read_as` read as there.

use serde_json::{Value, json};

use crate::support::{TestApp, text};

/// Rows of a day of 2023, day first, of a number that may be missing as -999, and of a target that both make. `early` leaves the
/// first twelve days of each month: nothing tells day and month apart then.
fn rows(early: bool) -> String {
    let days = (1..=12).flat_map(|month| (1..=28).map(move |day| (month, day)));
    let mut csv = "d,t,y\n".to_owned();
    for (at, (month, day)) in days.enumerate().filter(|(_, (_, day))| !early || *day <= 12) {
        let t = (at * 7 % 41) as i64;
        let y = 3 * month + if at % 25 == 0 { 0 } else { t };
        let t = if at % 25 == 0 { -999 } else { t };
        csv.push_str(&format!("{day:02}/{month:02}/2023,{t},{y}\n"));
    }
    csv
}

/// The columns that are said to be read otherwise.
fn otherwise(warnings: &Value) -> Vec<&str> {
    let warnings = warnings.as_array().expect("a list").iter();
    let of_reading = warnings.filter(|one| one["code"] == "column_read_otherwise");
    let columns = of_reading.flat_map(|one| match &one["column"] {
        Value::Null => one["columns"].as_array().expect("a list").iter().map(text).collect(),
        column => vec![text(column)],
    });
    columns.collect()
}

#[tokio::test]
async fn rows_are_read_as_where_a_model_learned_them_or_it_is_said() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=rows&missing=-999", rows(false)).await.expect(201);
    service
        .post("/models", json!({"name": "m", "dataset": "rows", "target": "y", "recipe": "plain"}))
        .await
        .expect(201);
    let refused = service.post_csv("/datasets?read_as=m", rows(true)).await.problem(422, "invalid_value");
    assert!(refused["errors"][0]["parameter"] == "read_as" && text(&refused["detail"]).contains("train"), "{refused}");
    let job = service.train("m", json!({"epochs": 60})).await;
    assert_eq!((&job["state"], otherwise(&job["warnings"])), (&json!("succeeded"), vec![]), "{job}");

    service.post_csv("/datasets?name=guessed", rows(true)).await.expect(201);
    let guessed = service.post("/models/m/evaluate", json!({"dataset": "guessed"})).await.expect(200);
    assert_eq!(otherwise(&guessed["warnings"]), ["d", "t"], "{guessed}");
    let rmse = |measured: &Value| measured["metrics"]["rmse"].as_f64().expect("a number");
    for (name, word) in [("active", "m"), ("first", "m/1"), ("alias", "m/active")] {
        service.post_csv(&format!("/datasets?name={name}&read_as={word}"), rows(true)).await.expect(201);
        let measured = service.post("/models/m/evaluate", json!({"dataset": name})).await.expect(200);
        assert!(otherwise(&measured["warnings"]).is_empty(), "{measured}");
        assert!(rmse(&measured) < 0.5 * rmse(&guessed), "{name}: {measured} beside {guessed}");
    }
    // What is asked goes before what was; a cell that is not as before is refused, and nothing is kept.
    let own = "/datasets?name=own&read_as=m&types=%7B%22d%22%3A%22categorical%22%7D";
    let own = service.post_csv(own, rows(true)).await.expect(201);
    assert_eq!(
        (&own["columns"][0]["type"], &own["columns"][1]["missing_words"]),
        (&json!("categorical"), &json!(["-999"]))
    );
    let misfit = rows(true).replace("12/12/2023", "12.12.23 about noon");
    let misfit = service.post_csv("/datasets?name=misfit&read_as=m", misfit).await.problem(422, "unfit_data");
    assert!(text(&misfit["detail"]).contains("\"d\""), "{misfit}");
    service.get("/datasets/misfit").await.problem(404, "dataset_not_found");
    for word in ["none", "m/7", "m/none"] {
        service.post_csv(&format!("/datasets?read_as={word}"), rows(true)).await.problem(422, "invalid_value");
    }

    // The same of trainings: of their rows, and of those to validate on.
    let again = service.train("m", json!({"epochs": 2, "dataset": "guessed", "activate": "never"})).await;
    assert_eq!(otherwise(&again["warnings"]), ["d", "t"], "{again}");
    let validated = json!({"epochs": 2, "validation": {"dataset": "guessed"}, "activate": "never"});
    let validated = service.train("m", validated).await;
    assert_eq!(otherwise(&validated["warnings"]), ["d", "t"], "{validated}");
}

#[tokio::test]
async fn a_training_that_weighs_classes_is_not_told_to() {
    let service = TestApp::start().await;
    let rows: String = (0..3_000).map(|row| format!("{},{}\n", row * 7_919 % 101, u8::from(row % 50 == 0))).collect();
    service.post_csv("/datasets?name=rare", format!("x,y\n{rows}")).await.expect(201);
    let model = json!({"name": "r", "dataset": "rare", "target": "y", "task": "classification", "recipe": "plain"});
    service.post("/models", model).await.expect(201);
    let told = async |settings: Value| -> (Vec<String>, Value) {
        let job = service.train("r", settings).await;
        let warnings = job["warnings"].as_array().expect("a list").iter();
        (warnings.map(|one| text(&one["code"]).to_owned()).collect(), job["metrics"].clone())
    };
    let noisy = ["class_imbalance", "no_better_than_constant"];
    let (plain, _) = told(json!({"epochs": 5})).await;
    assert!(noisy.iter().all(|code| plain.iter().any(|told| told == code)), "{plain:?}");
    let (weighed, metrics) = told(json!({"epochs": 5, "class_weight": "balanced"})).await;
    assert!(!weighed.iter().any(|code| noisy.contains(&code.as_str())), "{weighed:?}");
    let (loss, constant) = (&metrics["log_loss"], &metrics["baselines"]["majority_class"]["log_loss"]);
    assert!(loss.as_f64() > constant.as_f64(), "it is worse by what it was not asked for: {metrics}");
}
