//! Models: create, list, show, change, remove; their versions.

use epochd::storage::catalog::ModelRow;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestApp, endless_training, numbers, text, xor_model, xor_training};

#[tokio::test]
async fn a_model_is_created_with_defaults_and_found_by_id_and_name() {
    let service = TestApp::start().await;
    let reply = service.post("/models", json!({"name": "m", "layers": [3, 4, 2]})).await;
    let location = reply.header("location").to_owned();
    let model = reply.expect(201);
    assert_eq!(location, format!("/models/{}", text(&model["id"])));
    assert_eq!(model["activations"], json!(["relu", "identity"]));
    assert_eq!(model["loss"], "mse");
    assert_eq!(model["initializer"], "glorot_uniform");
    assert_eq!(model["parameter_count"], 3 * 4 + 4 + 4 * 2 + 2);
    assert_eq!(service.get(&location).await.expect(200), model);
    assert_eq!(service.get("/models/m").await.expect(200), model);
}

#[tokio::test]
async fn the_output_activation_follows_the_loss() {
    let service = TestApp::start().await;
    for (loss, output) in [
        ("mse", "identity"),
        ("mae", "identity"),
        ("huber", "identity"),
        ("quantile", "identity"),
        ("poisson", "exp"),
        ("binary_cross_entropy", "sigmoid"),
        ("cross_entropy", "softmax"),
    ] {
        let model = service.post("/models", json!({"layers": [2, 3, 2], "loss": loss})).await.expect(201);
        assert_eq!(model["activations"], json!(["relu", output]), "{loss}");
        assert!(model["name"].is_null());
    }
}

#[tokio::test]
async fn rates_and_quantiles_are_learned_and_kept_in_the_file() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "rates", "layers": [1, 1], "loss": "poisson"})).await.expect(201);
    let body = |targets: &[f64]| {
        let inputs: Vec<[f64; 1]> = targets.iter().map(|_| [0.0]).collect();
        json!({"inputs": inputs, "targets": targets, "epochs": 400, "batch_size": "full", "learning_rate": 0.05})
    };
    let job = service.train("rates", body(&[0.0, 1.0, 2.0, 5.0])).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let rate = async |name: &str| {
        let reply = service.post(&format!("/models/{name}/predict"), json!({"inputs": [[0.0]]})).await.expect(200);
        reply["outputs"][0][0].as_f64().expect("a number")
    };
    assert!((rate("rates").await - 2.0).abs() < 0.05, "the mean count is the likeliest rate");
    let problem = service.post("/models/rates/train", body(&[0.0, -1.0])).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/targets/1", "{problem}");

    let model = json!({"name": "high", "layers": [1, 1], "loss": "quantile", "quantile": 0.9});
    let model = service.post("/models", model).await.expect(201);
    assert_eq!((&model["loss"], &model["quantile"]), (&json!("quantile"), &json!(0.9)));
    let numbers: Vec<f64> = (1..=20).map(f64::from).collect();
    let job = service
        .train(
            "high",
            json!({"epochs": 3000, "learning_rate": 0.05, "batch_size": "full",
        "inputs": numbers.iter().map(|_| [0.0]).collect::<Vec<_>>(), "targets": numbers}),
        )
        .await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let high = rate("high").await;
    assert!((17.8..=19.2).contains(&high), "18 of 20 are at most the answer: {high}");
}

#[tokio::test]
async fn layers_may_have_settings_of_their_own() {
    let service = TestApp::start().await;
    let layers =
        json!([2, {"units": 8, "activation": "tanh", "dropout": 0.25}, 4, {"units": 3, "activation": "softmax"}]);
    let model = service.post("/models", json!({"layers": layers, "loss": "cross_entropy"})).await.expect(201);
    assert_eq!(model["layers"], json!([2, 8, 4, 3]));
    assert_eq!(model["activations"], json!(["tanh", "relu", "softmax"]));
    assert_eq!(model["dropout"], json!([0.25, 0.0, 0.0]));
}

#[tokio::test]
async fn what_does_not_make_a_model_is_refused_with_its_place() {
    let service = TestApp::start().await;
    let w = |rows: usize, columns: usize| vec![vec![0.5; columns]; rows];
    let deep: Vec<u32> = vec![2; 65];
    for (body, code, pointer) in [
        (json!({"layers": [2]}), "invalid_value", "/layers"),
        (json!({"layers": deep}), "invalid_value", "/layers"),
        (json!({"layers": [2, 0, 1]}), "invalid_value", "/layers/1"),
        (json!({"layers": [2, 70000, 1]}), "invalid_value", "/layers/1"),
        (json!({"layers": [65536, 65536]}), "model_too_large", "/layers"),
        (json!({"layers": [{"units": 2}, 1]}), "invalid_value", "/layers/0"),
        (json!({"layers": [2, {"units": 2, "dropout": 1}, 1]}), "invalid_value", "/layers/1/dropout"),
        (json!({"layers": [2, {"units": 2, "dropout": 0.1}]}), "invalid_value", "/layers/1/dropout"),
        (json!({"layers": [2, {"units": 2, "activation": "softmax"}, 1]}), "invalid_value", "/layers/1/activation"),
        (json!({"layers": [2, {"unit": 2}, 1]}), "unknown_field", "/layers/1/unit"),
        (json!({"layers": [2, {"units": null}, 1]}), "invalid_value", "/layers/1/units"),
        (json!({"layers": [2, "3", 1]}), "invalid_value", "/layers/1"),
        (json!({"layers": [2, true]}), "invalid_value", "/layers/1"),
        (json!({"layers": [2, 2.5]}), "invalid_value", "/layers/1"),
        (json!({"layers": [2, -1]}), "invalid_value", "/layers/1"),
        (json!({"layers": [2, 1], "loss": "mean"}), "invalid_value", "/loss"),
        (json!({"layers": [2, 1], "activation": "softmax"}), "invalid_value", "/activation"),
        (json!({"layers": [2, 1], "loss": "cross_entropy"}), "invalid_value", "/layers"),
        (
            json!({"layers": [2, 2], "loss": "cross_entropy", "output_activation": "relu"}),
            "invalid_value",
            "/output_activation",
        ),
        (
            json!({"layers": [2, 1], "loss": "binary_cross_entropy", "output_activation": "tanh"}),
            "invalid_value",
            "/output_activation",
        ),
        (
            json!({"layers": [2, {"units": 1, "activation": "tanh"}], "output_activation": "relu"}),
            "invalid_value",
            "/layers/1/activation",
        ),
        (json!({"layers": [2, {"units": 3, "activation": "exp"}, 1]}), "invalid_value", "/layers/1/activation"),
        (
            json!({"layers": [2, 1], "loss": "poisson", "output_activation": "identity"}),
            "invalid_value",
            "/output_activation",
        ),
        (json!({"layers": [2, 1], "loss": "quantile", "quantile": 1}), "invalid_value", "/quantile"),
        (json!({"layers": [2, 1], "quantile": 0.5}), "invalid_value", "/quantile"),
        (json!({"layers": [2, 1], "seed": -1}), "invalid_value", "/seed"),
        (json!({"layers": [2, 1], "seed": 9007199254740992u64}), "invalid_value", "/seed"),
        (json!({"layers": [2, 1], "sed": 1}), "unknown_field", "/sed"),
        (json!({"name": "m"}), "missing_field", "/layers"),
        (json!({"layers": [2, 1], "name": "UPPER"}), "invalid_value", "/name"),
        (json!({"layers": [2, 1], "name": ""}), "invalid_value", "/name"),
        (json!({"layers": [2, 1], "name": "-a"}), "invalid_value", "/name"),
        (json!({"layers": [2, 1], "name": "a".repeat(64)}), "invalid_value", "/name"),
        (json!({"layers": [2, 1], "name": "01a20ad7-9116-71c5-a2c5-21b65401ff68"}), "invalid_value", "/name"),
        (json!({"layers": [2, 1], "metadata": {"a": 1}}), "invalid_value", "/metadata/a"),
        (json!({"layers": [2, 1], "metadata": {"a": "x".repeat(1025)}}), "invalid_value", "/metadata/a"),
        (json!({"layers": [2, 1], "initial_parameters": []}), "shape_mismatch", "/initial_parameters"),
        (
            json!({"layers": [2, 1], "initial_parameters": [{"weights": w(1, 1), "biases": [0]}]}),
            "shape_mismatch",
            "/initial_parameters/0/weights",
        ),
        (
            json!({"layers": [2, 1], "initial_parameters": [{"weights": w(2, 2), "biases": [0]}]}),
            "shape_mismatch",
            "/initial_parameters/0/weights/0",
        ),
        (
            json!({"layers": [2, 1], "initial_parameters": [{"weights": w(2, 1), "biases": []}]}),
            "shape_mismatch",
            "/initial_parameters/0/biases",
        ),
        (
            json!({"layers": [2, 1], "initial_parameters": [[[[1], [1]], [0]]]}),
            "invalid_value",
            "/initial_parameters/0",
        ),
        (
            json!({"layers": [2, 1], "initial_parameters": [{"weights": [[1e39], [1]], "biases": [0]}]}),
            "invalid_value",
            "/initial_parameters/0/weights/0/0",
        ),
        (
            json!({"layers": [2, 1], "initializer": "zeros", "initial_parameters": [{"weights": w(2, 1), "biases": [0]}]}),
            "invalid_value",
            "/initial_parameters",
        ),
        (json!([[2, 1]]), "invalid_value", ""),
    ] {
        let problem = service.post("/models", body.clone()).await.problem(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    assert_eq!(service.get("/models").await.expect(200)["data"], json!([]), "nothing was left behind");
}

#[tokio::test]
async fn names_are_unique_and_free_again_after_a_change_or_removal() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("a")).await.expect(201);
    service.post("/models", xor_model("a")).await.problem(409, "name_taken");
    let changed = service.patch("/models/a", json!({"name": "b", "metadata": {"owner": "me"}})).await.expect(200);
    assert_eq!((text(&changed["name"]), &changed["metadata"]), ("b", &json!({"owner": "me"})));
    service.get("/models/a").await.problem(404, "model_not_found");
    service.post("/models", xor_model("a")).await.expect(201);
    service.patch("/models/a", json!({"name": "b"})).await.problem(409, "name_taken");
    service.patch("/models/b", json!({"name": "b"})).await.expect(200);
    service.patch("/models/b", json!({})).await.problem(422, "missing_field");
    service.patch("/models/b", json!({"layers": [1, 1]})).await.problem(422, "unknown_field");
    let nameless = service.patch("/models/b", json!({"name": null})).await.expect(200);
    assert!(nameless["name"].is_null());
    assert_eq!(nameless["metadata"], json!({"owner": "me"}), "what is not named stays");
    service.delete("/models/a").await.expect(204);
    service.delete("/models/a").await.problem(404, "model_not_found");
    service.post("/models", xor_model("a")).await.expect(201);
}

#[tokio::test]
async fn a_word_of_the_paths_is_no_name() {
    let service = TestApp::start().await;
    let refused = |problem: Value| assert!(text(&problem["detail"]).contains("paths"), "{problem}");
    let problem = service.post("/models", xor_model("import")).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["pointer"], "/name");
    refused(problem);
    service.with_xor().await;
    refused(service.patch("/models/xor", json!({"name": "import"})).await.problem(422, "invalid_value"));
    let file = service.get("/models/xor/versions/1/export").await.body;
    let imported = service.post_file("/models/import?name=import", "application/octet-stream", file).await;
    refused(imported.problem(422, "invalid_value"));
    let csv = "x,y\n1,a\n2,b\n";
    refused(service.post_csv("/datasets?name=import", csv).await.problem(422, "invalid_value"));
    refused(service.post_csv("/train?name=import&target=y", csv).await.problem(422, "invalid_value"));
    for route in epochd::api::routes() {
        let mut parts = route.path.split('/').skip(1);
        if let (Some("models" | "datasets"), Some(word), None) = (parts.next(), parts.next(), parts.next()) {
            let word_is_name = !word.starts_with('{') && epochd::name::check_name(word).is_ok();
            assert!(!word_is_name, "{} is reached by the route {}", word, route.path);
        }
    }
}

/// Early releases took such names.
#[tokio::test]
async fn a_model_that_has_the_name_of_a_path_is_reached_by_its_uuid_and_renamed() {
    let service = TestApp::start().await;
    let model = service.post("/models", xor_model("other")).await.expect(201);
    let catalog = &service.app.storage.catalog;
    let id = text(&model["id"]).parse().expect("a UUID");
    let row = catalog.model(id).await.expect("storage").expect("it was created");
    let row = ModelRow { id: Uuid::now_v7(), name: Some("import".to_owned()), ..row };
    let mut write = catalog.write().await.expect("storage");
    write.add_model(&row).await.expect("a free name");
    write.commit().await.expect("storage");
    let path = format!("/models/{}", row.id);
    assert_eq!(service.get(&path).await.expect(200)["name"], "import");
    let noted = json!({"name": "import", "metadata": {"owner": "me"}});
    assert_eq!(service.patch(&path, noted).await.expect(200)["name"], "import", "it is no new name");
    assert_eq!(service.patch(&path, json!({"name": "free"})).await.expect(200)["name"], "free");
    service.get("/models/free").await.expect(200);
    service.patch("/models/free", json!({"name": "import"})).await.problem(422, "invalid_value");
}

#[tokio::test]
async fn lists_come_newest_first_in_pages() {
    let service = TestApp::start().await;
    for name in ["a", "b", "c"] {
        service.post("/models", xor_model(name)).await.expect(201);
    }
    let names = |page: &serde_json::Value| -> Vec<String> {
        page["data"].as_array().expect("a list").iter().map(|model| text(&model["name"]).to_owned()).collect()
    };
    let first = service.get("/models?limit=2").await.expect(200);
    assert_eq!(names(&first), ["c", "b"]);
    let second = service.get(&format!("/models?limit=2&cursor={}", text(&first["next_cursor"]))).await.expect(200);
    assert_eq!((names(&second), &second["next_cursor"]), (vec!["a".to_owned()], &json!(null)));
    service.get("/models?limit=0").await.problem(422, "invalid_value");
    service.get("/models?limit=1001").await.problem(422, "invalid_value");
    service.get("/models?cursor=x").await.problem(422, "invalid_value");
    service.get("/models?page=2").await.problem(422, "unknown_field");
}

#[tokio::test]
async fn a_model_with_a_running_or_queued_job_is_not_removed() {
    let service = TestApp::with(|settings| settings.concurrent_jobs = Some(1)).await;
    service.post("/models", xor_model("a")).await.expect(201);
    service.post("/models", xor_model("b")).await.expect(201);
    let running = service.post("/models/a/train", endless_training()).await.expect(202);
    let queued = service.post("/models/b/train", xor_training(5)).await.expect(202);
    service.delete("/models/a").await.problem(409, "model_busy");
    service.delete("/models/b").await.problem(409, "model_busy");
    service.post_empty(&format!("/jobs/{}/cancel", text(&queued["id"]))).await.expect(200);
    service.post_empty(&format!("/jobs/{}/cancel", text(&running["id"]))).await.expect(200);
    service.delete("/models/a").await.expect(204);
    service.delete("/models/b").await.expect(204);
}

#[tokio::test]
async fn versions_are_listed_activated_and_read() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    service.get("/models/xor/versions/1").await.problem(404, "version_not_found");
    service.train("xor", xor_training(10)).await;
    let job = service.train("xor", xor_training(20)).await;
    let versions = service.get("/models/xor/versions").await.expect(200);
    assert_eq!((&versions["data"][0]["version"], &versions["data"][1]["version"]), (&json!(2), &json!(1)));
    assert_eq!((&versions["data"][0]["active"], &versions["data"][1]["active"]), (&json!(true), &json!(false)));
    let second = service.get("/models/xor/versions/2").await.expect(200);
    assert_eq!((&second["job_id"], &second["epochs"], &second["loss"]), (&job["id"], &json!(20), &job["loss"]));
    assert_eq!(second["metrics"], job["metrics"]);

    let rows = json!({"inputs": [[0, 1]]});
    let of = |version: u64| format!("/models/xor/versions/{version}/predict");
    let (one, two) =
        (service.post(&of(1), rows.clone()).await.expect(200), service.post(&of(2), rows.clone()).await.expect(200));
    assert_ne!(one["outputs"], two["outputs"]);
    assert_eq!(service.post("/models/xor/predict", rows.clone()).await.expect(200), two);
    let model = service.post_empty("/models/xor/versions/1/activate").await.expect(200);
    assert_eq!(model["active_version"], 1);
    assert_eq!(service.post("/models/xor/predict", rows).await.expect(200), one);
    service.post_empty("/models/xor/versions/3/activate").await.problem(404, "version_not_found");
    service.get("/models/xor/versions/one").await.problem(404, "version_not_found");
}

#[tokio::test]
async fn parameters_read_from_a_version_start_a_model_that_predicts_the_same() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let parameters = service.get("/models/xor/versions/1/parameters").await.expect(200);
    let layers = &parameters["layers"];
    assert_eq!(layers[0]["weights"].as_array().expect("rows").len(), 2);
    assert_eq!(numbers(&layers[1]["weights"][1]).len(), 1);
    let copy = json!({"name": "copy", "layers": [2, 2, 1], "activation": "sigmoid", "output_activation": "sigmoid",
                      "initial_parameters": layers});
    service.post("/models", copy).await.expect(201);
    // A step of nearly nothing publishes the given parameters as they are.
    let mut training = xor_training(1);
    training["learning_rate"] = json!(1e-30);
    service.train("copy", training).await;
    let rows = json!({"inputs": [[0, 1], [1, 1]]});
    let ours = service.post("/models/copy/predict", rows.clone()).await.expect(200);
    assert_eq!(ours["outputs"], service.post("/models/xor/predict", rows).await.expect(200)["outputs"]);
}
