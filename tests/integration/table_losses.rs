//! Losses of models by data set: what is answered is what the loss asks for.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson, StandardNormal};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, text};

/// Rows of x from 0 to 2 and of y = 3x + noise that grows with x.
fn spread(seed: u64, rows: usize) -> Vec<[f64; 2]> {
    let mut random = StdRng::seed_from_u64(seed);
    let row = |_| {
        let x = 2.0 * random.random::<f64>();
        let noise: f64 = StandardNormal.sample(&mut random);
        [x, 3.0 * x + (0.2 + x) * noise]
    };
    (0..rows).map(row).collect()
}

/// Rows of x from 0 to 2 and of counts with the mean exp(1.5x − 1).
fn counts(seed: u64, rows: usize) -> Vec<[f64; 2]> {
    let mut random = StdRng::seed_from_u64(seed);
    let row = |_| {
        let x = 2.0 * random.random::<f64>();
        [x, Poisson::new((1.5 * x - 1.0).exp()).expect("a mean above 0").sample(&mut random)]
    };
    (0..rows).map(row).collect()
}

fn csv(rows: &[[f64; 2]]) -> String {
    let lines = rows.iter().map(|[x, y]| format!("{x:.6},{y:.6}\n"));
    ["x,y\n".to_owned()].into_iter().chain(lines).collect()
}

/// A model of the data set `rows` with these settings, trained.
async fn trained(service: &TestApp, name: &str, settings: Value) -> Value {
    let mut model = json!({"name": name, "dataset": "rows", "target": "y", "hidden_layers": [32, 32]});
    model.as_object_mut().expect("an object").extend(settings.as_object().expect("an object").clone());
    service.post("/models", model).await.expect(201);
    let job = service.train(name, json!({"epochs": 32, "members": 2})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    job
}

/// What a model answers to the x of these rows.
async fn answers(service: &TestApp, name: &str, rows: &[[f64; 2]]) -> Vec<f64> {
    let records: Vec<Value> = rows.iter().map(|[x, _]| json!({"x": x})).collect();
    let reply = service.post(&format!("/models/{name}/predict"), json!({"records": records})).await.expect(200);
    let predictions = reply["predictions"].as_array().expect("a list").iter();
    predictions.map(|one| one["value"].as_f64().expect("a number")).collect()
}

#[tokio::test]
async fn a_quantile_has_so_many_rows_below_it_wherever_they_are() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=rows", csv(&spread(1, 4_000))).await.expect(201);
    let rows = spread(2, 4_000);
    let losses = [
        ("ninth", json!({"loss": "quantile", "quantile": 0.9}), 0.9),
        ("median", json!({"loss": "quantile"}), 0.5),
        ("mae", json!({"loss": "mae", "recipe": "plain"}), 0.5),
        ("huber", json!({"loss": "huber"}), 0.5),
    ];
    for (name, settings, share) in losses {
        let job = trained(&service, name, settings).await;
        let warned =
            job["warnings"].as_array().expect("a list").iter().map(|one| text(&one["code"])).collect::<Vec<_>>();
        assert!(
            !warned.iter().any(|code| ["no_better_than_constant", "worse_than_linear"].contains(code)),
            "{warned:?}"
        );
        let constant = if job["metrics"].get("pinball_loss").is_some() { "quantile" } else { "median" };
        let of_constant = &job["metrics"]["baselines"][constant];
        let error = if constant == "median" { "mae" } else { "pinball_loss" };
        let (own, constant) = (job["metrics"][error].as_f64(), of_constant[error].as_f64());
        assert!(own.expect("a number") < 0.8 * constant.expect("a number"), "{name}: {own:?} beside {constant:?}");
        let of_rows = of_constant["share_below"].as_f64();
        assert!(of_rows.is_none_or(|below| (below - share).abs() < 0.05), "{name}: {of_constant}");
        let answers = answers(&service, name, &rows).await;
        for half in [0.0..1.0, 1.0..2.0] {
            let of_half = || rows.iter().zip(&answers).filter(|([x, _], _)| half.contains(x));
            let below = of_half().filter(|([_, y], answer)| y < answer).count() as f64 / of_half().count() as f64;
            assert!((below - share).abs() < 0.05, "{name}: {below} of x in {half:?} lie below");
        }
    }
    // Its measures are of the quantile, and versions are compared by them.
    service.post_csv("/datasets?name=fresh", csv(&rows)).await.expect(201);
    let measured = service.post("/models/ninth/evaluate", json!({"dataset": "fresh"})).await.expect(200);
    let found = answers(&service, "ninth", &rows).await;
    let mean = |of_row: &dyn Fn(f64, f64) -> f64| {
        rows.iter().zip(&found).map(|([_, y], answer)| of_row(*y, *answer)).sum::<f64>() / rows.len() as f64
    };
    let pinball = mean(&|y, answer| (0.9 * (y - answer)).max(0.1 * (answer - y)));
    let below = mean(&|y, answer| if y <= answer { 1.0 } else { 0.0 });
    for (name, value) in [("pinball_loss", pinball), ("share_below", below)] {
        let told = measured["metrics"][name].as_f64().expect("a number");
        assert!((told - value).abs() < 1e-3 * value, "{name}: {told} for {value}");
    }
    let importance = service.get("/models/ninth/versions/1/importance").await.expect(200);
    assert_eq!(importance["measure"], "pinball_loss");
    let again = service.train("ninth", json!({"epochs": 2, "members": 2, "activate": "if_better"})).await;
    assert!((again["metrics"]["share_below"].as_f64().expect("a number") - 0.9).abs() < 0.1, "{again}");
    let comparison = &again["comparison"];
    assert_eq!(comparison["metric"], "pinball_loss", "{comparison}");
    let of_first = comparison["active"].as_f64().expect("a number");
    assert!((of_first / pinball - 1.0).abs() < 0.2, "{of_first} for {pinball}");
    let of_median = service.post("/models/mae/evaluate", json!({"dataset": "fresh"})).await.expect(200);
    assert!(of_median["metrics"].get("pinball_loss").is_none(), "{of_median}");
    let importance = service.get("/models/mae/versions/1/importance").await.expect(200);
    assert_eq!(importance["measure"], "mae");
    let plot = service.get("/models/ninth/versions/1/plots/importance.svg").await;
    assert!(String::from_utf8_lossy(&plot.body).contains("pinball loss"), "the plot says what it shows");
    let model = service.get("/models/ninth").await.expect(200);
    assert_eq!((&model["loss"], &model["quantile"]), (&json!("quantile"), &json!(0.9)));
}

#[tokio::test]
async fn counts_are_answered_by_their_means_and_never_below_0() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=rows", csv(&counts(1, 3_000))).await.expect(201);
    let job = trained(&service, "counts", json!({"loss": "poisson"})).await;
    let linear = job["metrics"]["baselines"]["linear"]["r2"].as_f64().expect("a number");
    assert!(linear > 0.4, "a linear model with the same loss: {job}");
    // The deviance of the true means is about 1 (a χ² by its degrees of freedom), somewhat more of small means.
    let deviance = job["metrics"]["poisson_deviance"].as_f64().expect("a number");
    assert!((0.9..1.3).contains(&deviance), "{deviance}");
    let of_mean = job["metrics"]["baselines"]["mean"]["poisson_deviance"].as_f64().expect("a number");
    assert!(of_mean > deviance, "{of_mean} for always the mean");
    let rows = counts(2, 3_000);
    let found = answers(&service, "counts", &rows).await;
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / rows.len() as f64;
    let of_answers = mean(&mut found.iter().copied());
    let of_rows = mean(&mut rows.iter().map(|[_, y]| *y));
    assert!((of_answers / of_rows - 1.0).abs() < 0.06, "{of_answers} for {of_rows}");
    for ([x, _], answer) in rows.iter().zip(&found).take(200) {
        let truth = (1.5 * x - 1.0).exp();
        assert!(*answer >= 0.0 && (answer - truth).abs() < 0.2 + 0.2 * truth, "{x}: {answer} for {truth}");
    }
    // As one network, in another model, and taken apart, it answers about the same.
    let distilled = service.train("counts", json!({"distill": 1, "epochs": 32})).await;
    assert_eq!(distilled["state"], "succeeded", "{distilled}");
    let of_one = answers(&service, "counts", &rows).await;
    let off = mean(&mut of_one.iter().zip(&found).map(|(one, other)| (one - other).abs()));
    assert!(off < 0.15 * of_rows, "{off}");
    let file = service.get("/models/counts/versions/1/export").await;
    let request = service.raw(Method::POST, "/models/import?name=again");
    let request = request.header("content-type", "application/octet-stream").body(file.body);
    service.send(Method::POST, "/models/import?name=again", request).await.expect(201);
    let path = "/models/counts/versions/1/activate";
    service.post_empty(path).await.expect(200);
    assert_eq!(answers(&service, "again", &rows[..100]).await, answers(&service, "counts", &rows[..100]).await);
    let path = "/models/again/predict?explain=true&interval=0.9";
    let reply = service.post(path, json!({"records": {"x": 1.9}})).await.expect(200);
    let one = &reply["predictions"][0];
    let explained = &one["explanation"];
    let parts = [&explained["features"][0]["contribution"], &explained["base"], &explained["rest"], &one["value"]];
    let [of_x, base, rest, value] = parts.map(|one| one.as_f64().expect("a number"));
    assert!((base + of_x + rest - value).abs() < 1e-6 * value.max(1.0), "{one}");
    assert!(one["lower"].as_f64().is_some_and(|lower| lower >= 0.0), "{one}");
    let again = service.train("counts", json!({"warm_start": true, "epochs": 2})).await;
    assert_eq!(again["state"], "succeeded", "{again}");
}

#[tokio::test]
async fn a_loss_that_does_not_go_with_the_target_or_the_recipe_is_refused() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=rows", "x,y,word\n1,2,a\n2,-1,b\n3,4,a\n4,2,b\n").await.expect(201);
    let create = async |others: Value| {
        let mut model = json!({"dataset": "rows", "target": "y"});
        model.as_object_mut().expect("an object").extend(others.as_object().expect("an object").clone());
        service.post("/models", model).await
    };
    let problem = service.post_csv("/train?target=y&loss=quantil", "x,y\n1,2\n").await.problem(422, "invalid_value");
    let told = text(&problem["detail"]);
    assert!(told.contains("`quantile`") && !told.contains("cross_entropy"), "the losses of numbers: {told}");
    for (others, pointer) in [
        (json!({"target": "word", "loss": "mse"}), "/loss"),
        (json!({"target": "word", "loss": "quantile"}), "/loss"),
        (json!({"loss": "cross_entropy"}), "/loss"),
        (json!({"loss": "poisson"}), "/loss"),
        (json!({"quantile": 0.9}), "/quantile"),
        (json!({"loss": "mse", "quantile": 0.9}), "/quantile"),
        (json!({"loss": "quantile", "quantile": 1.0}), "/quantile"),
    ] {
        let problem = create(others.clone()).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{others}: {problem}");
    }
    let model = create(json!({"name": "median", "loss": "mae"})).await.expect(201);
    assert_eq!(model["loss"], "mae", "what was asked for, also before a version: {model}");
    let scaled = service.post("/models/median/train", json!({"target_scale": "log1p"})).await;
    assert_eq!(scaled.problem(422, "invalid_value")["errors"][0]["pointer"], "/target_scale");
}

/// What its own linear model knows of a sum a network learns only nearly.
#[tokio::test]
async fn what_is_linear_is_answered_as_well_as_by_a_linear_model_of_the_same_loss() {
    let service = TestApp::start().await;
    let rows = |seed: u64, rates: bool| -> Vec<[f64; 2]> {
        let mut random = StdRng::seed_from_u64(seed);
        let row = |_| {
            let (x, noise): (f64, f64) = (StandardNormal.sample(&mut random), StandardNormal.sample(&mut random));
            let count = |rate: f64, random: &mut StdRng| Poisson::new(rate).expect("a mean above 0").sample(random);
            [x, if rates { count((0.7 * x + 0.3).exp(), &mut random) } else { 3.0 * x + 0.1 * noise }]
        };
        (0..600).map(row).collect()
    };
    let losses = [
        ("poisson", json!({"loss": "poisson"}), "poisson_deviance"),
        ("mae", json!({"loss": "mae"}), "mae"),
        ("huber", json!({"loss": "huber"}), "mae"),
        ("p80", json!({"loss": "quantile", "quantile": 0.8}), "pinball_loss"),
    ];
    for (name, settings, metric) in losses {
        let data = json!({"dataset": name});
        service.post_csv(&format!("/datasets?name={name}"), csv(&rows(1, name == "poisson"))).await.expect(201);
        let mut model = settings;
        model.as_object_mut().expect("an object").extend(data.as_object().expect("an object").clone());
        (model["name"], model["target"], model["hidden_layers"]) = (json!(name), json!("y"), json!([16]));
        service.post("/models", model).await.expect(201);
        let job = service.train(name, json!({"epochs": 8})).await;
        let (own, linear) = (&job["metrics"][metric], &job["metrics"]["baselines"]["linear"][metric]);
        let [own, linear] = [own, linear].map(|value| value.as_f64().unwrap_or_else(|| panic!("{job}")));
        assert!(job["metrics"]["linear_share"].as_f64().is_some_and(|share| share > 0.3), "{name}: {job}");
        assert!(own < 1.02 * linear, "{name}: {own} for {linear}");
    }
}

#[tokio::test]
async fn the_recipe_best_chooses_by_the_loss_of_the_model() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=rows", csv(&spread(1, 400))).await.expect(201);
    let best =
        json!({"recipe": "best", "loss": "quantile", "quantile": 0.8, "name": "p80", "dataset": "rows", "target": "y"});
    service.post("/models", best).await.expect(201);
    let job = service.train("p80", json!({"epochs": 4, "candidates": 3, "members": 2})).await;
    let candidates = job["candidates"].as_array().expect("a list");
    let pinball = job["metrics"]["pinball_loss"].as_f64().expect("a number");
    assert_eq!(candidates.len(), 3, "{job}");
    let together = candidates[2]["loss_together"].as_f64().expect("a number");
    assert!(pinball <= together + 1e-9, "the linear model may only help: {pinball} of {together}");
}
