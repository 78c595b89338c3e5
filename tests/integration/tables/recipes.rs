//! Recipes: what a model is and how it is trained, where the request leaves it open.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{TestApp, eventually, text};

/// Rows of two numbers, a word, a time and a class that follows from waves of the first.
fn csv() -> String {
    let row = |row: usize| {
        let x = (row * 37 % 211) as f64 / 21.0;
        let class = if (x * 0.8).sin() > 0.0 { "up" } else { "down" };
        let (day, word) = (1 + row % 28, ["a", "b", "c"][row % 3]);
        format!("{x},{},{word},2024-02-{day:02},{class}\n", row * 13 % 17)
    };
    "x,z,word,day,class\n".to_owned() + &(0..420).map(row).collect::<String>()
}

async fn created(service: &TestApp, name: &str, others: Value) -> Value {
    let mut model = json!({"name": name, "dataset": "waves", "target": "class", "recipe": "standard", "seed": 4});
    model.as_object_mut().expect("an object").extend(others.as_object().expect("an object").clone());
    service.post("/models", model).await.expect(201)
}

async fn predicted(service: &TestApp, model: &str) -> Value {
    let records =
        json!([{"x": 1.0, "z": 3, "word": "a", "day": "2024-02-05"}, {"x": 7.25, "word": "unseen"}, {"z": 1}]);
    let reply = service.post(&format!("/models/{model}/predict"), json!({"records": records})).await.expect(200);
    reply["predictions"].clone()
}

#[tokio::test]
async fn the_standard_recipe_is_used_and_told() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=waves", csv()).await.expect(201);
    let model = created(&service, "all", json!({})).await;
    assert_eq!((&model["recipe"], &model["hidden_layers"]), (&json!("standard"), &json!([256, 256, 256])));
    let unsaid = json!({"name": "unsaid", "dataset": "waves", "target": "class"});
    assert_eq!(service.post("/models", unsaid).await.expect(201)["recipe"], "standard");
    created(&service, "narrow", json!({"hidden_layers": [24, 24]})).await;
    let job = service.train("narrow", json!({"epochs": 60})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let config = &job["config"];
    let four = json!({"type": "coslog4", "further_waves": 0, "least_gain": 0.02});
    assert_eq!(config["learning_rate_schedule"], four);
    assert_eq!((&config["optimizer"]["type"], &config["optimizer"]["beta2"]), (&json!("adamw"), &json!(0.95)));
    assert_eq!((&config["learning_rate"], &config["batch_size"]), (&json!(0.04), &json!(64)));
    assert_eq!((&config["early_stopping"]["patience"], &config["early_stopping"]["growth"]), (&json!(13), &json!(1.0)));
    assert_eq!((&config["early_stopping"]["calibrated"], &config["members"]), (&json!(true), &json!(5)));
    // What is measured is each of the 420 rows.
    assert_eq!((&job["rows"], &job["metrics"]["rows"]), (&json!(420), &json!(420)), "{job}");
    let trained = service.get("/models/narrow").await.expect(200);
    assert_eq!((&trained["activations"][0], &trained["dropout"][0]), (&json!("mish"), &json!(0.15)));
    // x, z and day: 83 parameters of waves for each; a factor for each input of the first layer.
    let inputs = trained["layers"][0].as_u64().expect("a width") + 3 * 3;
    let dense = inputs * 24 + 24 + 24 * 24 + 24 + 24 + 1;
    assert_eq!(trained["parameter_count"], json!(3 * 83 + inputs + dense));
    let accuracy = job["metrics"]["accuracy"].as_f64().expect("a number");
    assert!(accuracy > 0.9, "{accuracy}");

    // What the request says wins; without hidden layers there is nothing to a recipe.
    let own = json!({"activation": "tanh", "dropout": 0, "hidden_layers": [8]});
    let own = created(&service, "own", own).await;
    assert_eq!(own["hidden_layers"], json!([8]));
    service.train("own", json!({"epochs": 2, "learning_rate_schedule": "constant"})).await;
    let own = service.get("/models/own").await.expect(200);
    assert_eq!((&own["activations"][0], &own["dropout"][0]), (&json!("tanh"), &json!(0.0)));
    created(&service, "line", json!({"hidden_layers": []})).await;
    let line = service.train("line", json!({"epochs": 2})).await;
    assert_eq!(line["config"]["learning_rate_schedule"]["type"], "cosine");
    service.stop().await;
}

#[tokio::test]
async fn a_version_of_the_standard_recipe_is_the_same_again_elsewhere_and_goes_on() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=waves", csv()).await.expect(201);
    for name in ["one", "two"] {
        created(&service, name, json!({"hidden_layers": [16, 16]})).await;
        assert_eq!(service.train(name, json!({"epochs": 6})).await["state"], "succeeded");
    }
    let version = async |model: &str| service.get(&format!("/models/{model}/versions/1")).await.expect(200);
    let one = version("one").await;
    let job = service.get(&format!("/jobs/{}", text(&one["job_id"]))).await.expect(200);
    let (mut asked, mut decided) = (job["config"].clone(), one["config"].clone());
    assert_eq!(
        (&asked["split"]["type"], &decided["split"]["type"]),
        (&json!("auto"), &one["metrics"]["split"]["type"])
    );
    for config in [&mut asked, &mut decided] {
        config.as_object_mut().expect("an object").remove("split");
    }
    assert_eq!((&one["recipe"], decided), (&json!("standard"), asked));
    assert_eq!((&one["config"]["epochs"], &one["config"]["members"]), (&json!(6), &json!(5)));
    let network = &one["network"];
    let settled = (&network["parametrization"], &network["scale"], &network["activations"][0]);
    assert_eq!(settled, (&json!("ntk"), &json!(true), &json!("mish")), "{network}");
    assert_eq!((&network["waves"]["frequencies"], &network["waves"]["values"]), (&json!(16), &json!(3)), "{network}");
    let answers = predicted(&service, "one").await;
    assert_eq!(predicted(&service, "two").await, answers, "the same request gives the same bits");
    let file = service.get("/models/one/versions/1/export?format=safetensors").await.body;
    let copy = service.post_file("/models/import?name=copy", "application/octet-stream", file).await.expect(201);
    assert_eq!((&copy["recipe"], predicted(&service, "copy").await), (&json!("standard"), answers.clone()));
    assert_eq!(version("copy").await["config"], one["config"], "a file brings its settings along");
    let service = service.restarted().await;
    let kept = service.get("/models/one/versions/1").await.expect(200);
    assert_eq!((predicted(&service, "one").await, &kept["config"]), (answers, &one["config"]));
    let job = service.train("one", json!({"epochs": 3, "warm_start": true})).await;
    assert_eq!((&job["state"], &job["version"]), (&json!("succeeded"), &json!(2)), "{job}");
    service.stop().await;
}

#[tokio::test]
async fn a_recipe_is_named_in_the_url_of_a_training_and_others_are_refused() {
    let service = TestApp::start().await;
    let words = "word,class\n".to_owned() + &"a,up\nb,down\na,up\nc,down\n".repeat(20);
    let path = "/train?name=words&target=class&epochs=3&hidden_layers=8&recipe=standard";
    let job = service.post_csv(path, words.clone()).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded", "a table without a number has no waves");
    assert_eq!(service.get("/models/words").await.expect(200)["recipe"], "standard");
    let unknown = service.post_csv("/train?name=other&target=class&recipe=finest", words).await;
    let unknown = unknown.problem(422, "invalid_value");
    assert!(text(&unknown["detail"]).contains("recipe"), "{unknown}");
    let layers = json!({"name": "net", "layers": [2, 1], "recipe": "standard"});
    service.post("/models", layers).await.problem(422, "invalid_value");
    let older = include_bytes!("../../fixtures/table-version-form-2.safetensors").to_vec();
    let older = service.post_file("/models/import?name=older", "application/octet-stream", older).await.expect(201);
    assert_eq!(older["recipe"], "plain", "a version of before recipes");
    service.stop().await;
}

#[tokio::test]
async fn a_model_may_do_without_parts_of_its_recipe() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=waves", csv()).await.expect(201);
    let parts = json!(["linear_model", "ntk", "waves", "scale", "ntk"]);
    let without = json!({"hidden_layers": [24], "without": parts});
    let model = created(&service, "bare", without).await;
    assert_eq!(model["without"], json!(["waves", "scale", "ntk", "linear_model"]), "each once");
    assert!(created(&service, "all", json!({"hidden_layers": [24]})).await.get("without").is_none());
    let job = service.train("bare", json!({"epochs": 20})).await;
    assert_eq!((&job["state"], &job["config"]["learning_rate"]), (&json!("succeeded"), &json!(0.002)), "{job}");
    assert!(job["metrics"]["linear_share"].is_null(), "{job}");
    let trained = service.get("/models/bare").await.expect(200);
    let inputs = trained["layers"][0].as_u64().expect("a width");
    assert_eq!(trained["parameter_count"], json!(inputs * 24 + 24 + 24 + 1), "weights and biases are all there is");
    let file = service.get("/models/bare/versions/1/export?format=safetensors").await.body;
    let copy = service.post_file("/models/import?name=copy", "application/octet-stream", file).await.expect(201);
    assert_eq!(copy["without"], trained["without"]);

    let path = "/train?target=class&epochs=2&hidden_layers=8";
    service.post_csv(&format!("{path}&name=url&without=scale,%20waves"), csv()).await.expect(202);
    let made = service.get("/models/url").await.expect(200);
    assert_eq!(made["without"], json!(["waves", "scale"]));
    let wrong = service.post_csv(&format!("{path}&name=wrong&without=waves,folds"), csv()).await;
    let wrong = wrong.problem(422, "invalid_value");
    assert!(text(&wrong["detail"]).contains("folds"), "{wrong}");
    let plain = json!({"name": "plain", "dataset": "waves", "target": "class", "recipe": "plain", "without": ["ntk"]});
    let plain = service.post("/models", plain).await.problem(422, "invalid_value");
    assert_eq!(plain["errors"][0]["pointer"], "/without", "{plain}");
    service.stop().await;
}

#[tokio::test]
async fn the_url_of_a_training_says_which_scale_a_target_is_learned_in() {
    let service = TestApp::start().await;
    let rows: String = (0..300).map(|row| format!("{row},{}\n", (f64::from(row) / 40.0).exp())).collect();
    let path = "/train?target=y&epochs=4&hidden_layers=8&target_scale";
    let job = service.post_csv(&format!("{path}=log1p&name=log"), "x,y\n".to_owned() + &rows).await.expect(202);
    assert_eq!(service.ended(&job).await["metrics"]["target_scale"], "log1p");
    let wrong = service.post_csv(&format!("{path}=root&name=root"), "x,y\n".to_owned() + &rows).await;
    wrong.problem(422, "invalid_value");
    service.stop().await;
}

/// A number from 0 to 1 without order.
pub(super) fn drawn(row: usize, column: usize) -> f64 {
    let mixed =
        (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (column as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let mixed = (mixed ^ mixed >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 40) as f64 / (1 << 24) as f64
}

/// Rows of numbers without order, and what follows from the first and noise.
fn numbers_csv(columns: usize, answer: impl Fn(f64, f64) -> f64) -> String {
    let names: String = (0..columns).map(|column| format!("x{column},")).collect();
    let row = |row: usize| {
        let cells: String = (0..columns).map(|column| format!("{:.5},", drawn(row, column))).collect();
        format!("{cells}{:.4}\n", answer(drawn(row, 0), drawn(row, 99)))
    };
    names + "y\n" + &(0..6_000).map(row).collect::<String>()
}

#[tokio::test]
async fn numbers_have_bins_where_answers_jump_and_none_where_they_bend() {
    let service = TestApp::start().await;
    // A level of its own for each sixteenth of the first column.
    let jumps = |x: f64, noise: f64| ((x * 16.0).floor() * 37.0 % 11.0) + noise;
    // A little slope, much noise, and columns of nothing else.
    let bends = |x: f64, noise: f64| x + 8.0 * noise;
    for (name, csv) in [("jumps", numbers_csv(2, jumps)), ("bends", numbers_csv(12, bends))] {
        service.post_csv(&format!("/datasets?name={name}"), csv).await.expect(201);
        let model = json!({"name": name, "dataset": name, "target": "y", "hidden_layers": [32, 32], "dropout": 0});
        service.post("/models", model).await.expect(201);
    }
    let training = json!({"epochs": 30});
    let job = service.train("jumps", training.clone()).await;
    assert_eq!((&job["state"], &job["metrics"]["bins"]), (&json!("succeeded"), &json!(true)), "{job}");
    let r2 = job["metrics"]["r2"].as_f64();
    assert!(r2 > Some(0.8), "{r2:?}");
    let bends = service.post("/models/bends/train", training.clone()).await.expect(202);
    let path = format!("/jobs/{}", text(&bends["id"]));
    let of_job = || async { service.get(&path).await.expect(200) };
    eventually("the job runs", || async { of_job().await["state"] != "queued" }).await;
    // From when it was first seen to run until it was last asked and still had no epoch: it tried for that long at least.
    let begun = Instant::now();
    let mut tried = None;
    loop {
        let asked = begun.elapsed().as_secs_f64();
        let job = of_job().await;
        if (&job["state"], &job["epoch"]) != (&json!("running"), &json!(0)) {
            break;
        }
        tried = Some(asked);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let tried = tried.expect("a job that tries is seen to run");
    let bends = service.ended(&bends).await;
    let epochs = service.get(&format!("{path}/epochs")).await.expect(200);
    let epochs = epochs["data"].as_array().expect("a list");
    let first = epochs[0]["elapsed_seconds"].as_f64().expect("a number");
    assert!(first > 0.5 * tried, "what is tried before counts: {first} {tried}");
    assert_eq!((&bends["state"], &bends["metrics"]["bins"]), (&json!("succeeded"), &Value::Null), "{bends}");
    let plain = json!({"name": "plain", "dataset": "jumps", "target": "y", "recipe": "plain", "hidden_layers": [8]});
    service.post("/models", plain).await.expect(201);
    let plain = service.train("plain", json!({"epochs": 2})).await;
    assert!(plain["metrics"]["bins"].is_null(), "{plain}");

    // The same again, also from its file; a missing number is none of a bin.
    let again = service.train("jumps", training).await;
    assert_eq!(again["metrics"], job["metrics"]);
    let records =
        json!({"records": [{"x0": 0.51, "x1": 0.2}, {"x0": 7, "x1": -3}, {"x1": 0.5}, {"x0": null, "x1": null}]});
    let answers = service.post("/models/jumps/predict", records.clone()).await.expect(200);
    let explained = service.post("/models/jumps/predict?explain=true", records.clone()).await.expect(200);
    let parts = &explained["predictions"][0]["explanation"]["features"];
    assert_eq!(parts.as_array().map(Vec::len), Some(2), "{explained}");
    let service = service.restarted().await;
    assert_eq!(service.post("/models/jumps/predict", records).await.expect(200), answers);
    service.stop().await;
}
