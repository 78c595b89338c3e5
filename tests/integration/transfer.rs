//! Versions as files: export, import, deletion, damaged files, and the first form of the file, which stays readable.

use std::sync::Arc;

use epochd::learning::activation::Activation;
use epochd::learning::members::{Member, Members};
use epochd::learning::network::Network;
use epochd::learning::spec::ModelSpec;
use epochd::models::Predictor;
use epochd::models::artifact::decode;
use epochd::storage::tensors::{Tensor, TensorFile, TensorValues, write};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, numbers, text, xor_training};

/// A file of the first form, made by the first release that had one.
const FIRST_FORM: &[u8] = include_bytes!("../fixtures/version-form-1.safetensors");
const FIRST_TABLE_FORM: &[u8] = include_bytes!("../fixtures/table-version-form-1.safetensors");
/// Files of the second form, which adds several networks and histograms.
const SECOND_FORM: &[u8] = include_bytes!("../fixtures/version-form-2.safetensors");
const THIRD_TABLE_FORM: &[u8] = include_bytes!("../fixtures/table-version-form-3.safetensors");
const THIRD_STANDARD_FORM: &[u8] = include_bytes!("../fixtures/table-version-form-3-standard.safetensors");
/// The fourth form, which has its scores by parts.
const FOURTH_STANDARD_FORM: &[u8] = include_bytes!("../fixtures/table-version-form-4-standard.safetensors");
const SECOND_TABLE_FORM: &[u8] = include_bytes!("../fixtures/table-version-form-2.safetensors");

async fn export(service: &TestApp, path: &str) -> Vec<u8> {
    let reply = service.get(path).await;
    assert_eq!(reply.header("content-type"), "application/octet-stream");
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
    reply.body
}

async fn import(service: &TestApp, path: &str, file: &[u8]) -> Reply {
    let request =
        service.raw(Method::POST, path).header("content-type", "application/octet-stream").body(file.to_vec());
    service.send(Method::POST, path, request).await
}

#[tokio::test]
async fn an_exported_version_is_imported_as_a_model_that_predicts_and_trains_the_same() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let file = export(&service, "/models/xor/versions/1/export?format=safetensors").await;
    assert_eq!(file, export(&service, "/models/xor/versions/1/export").await);
    let reply = service.get("/models/xor/versions/1/export").await;
    assert_eq!(reply.header("content-disposition"), "attachment; filename=\"xor-1.safetensors\"");
    let other = TestApp::start().await;
    let reply = import(&other, "/models/import?name=copy", &file).await;
    let location = reply.header("location").to_owned();
    let model = reply.expect(201);
    assert_eq!((text(&model["name"]), &model["active_version"]), ("copy", &json!(1)));
    assert_eq!(other.get(&location).await.expect(200), model);
    let original = service.get("/models/xor").await.expect(200);
    for field in ["layers", "activations", "loss", "initializer", "seed", "parameter_count"] {
        assert_eq!(model[field], original[field], "{field}");
    }
    let version = other.get("/models/copy/versions/1").await.expect(200);
    let first = service.get("/models/xor/versions/1").await.expect(200);
    assert!(version["job_id"].is_null());
    for field in ["metrics", "epochs", "loss", "validation_loss"] {
        assert_eq!(version[field], first[field], "{field}");
    }
    let rows = json!({"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]]});
    let outputs = async |service: &TestApp, model: &str| {
        service.post(&format!("/models/{model}/predict"), rows.clone()).await.expect(200)["outputs"].clone()
    };
    assert_eq!(outputs(&other, "copy").await, outputs(&service, "xor").await);
    service.train("xor", xor_training(20)).await;
    other.train("copy", xor_training(20)).await;
    assert_eq!(outputs(&other, "copy").await, outputs(&service, "xor").await, "the same start");
    import(&other, "/models/import?name=copy", &file).await.problem(409, "name_taken");
    let nameless = import(&other, "/models/import", &file).await.expect(201);
    assert!(nameless["name"].is_null());
    service.get("/models/xor/versions/1/export?format=onnx").await.problem(422, "invalid_value");
    service.get("/models/xor/versions/9/export").await.problem(404, "version_not_found");
}

#[tokio::test]
async fn an_imported_model_with_given_parameters_starts_from_those_of_the_file() {
    let service = TestApp::start().await;
    let given = json!({"name": "given", "layers": [1, 1], "initial_parameters": [{"weights": [[2]], "biases": [1]}]});
    service.post("/models", given).await.expect(201);
    let training = json!({"inputs": [[1]], "targets": [5], "epochs": 1, "optimizer": "sgd", "learning_rate": 0.1});
    service.train("given", training.clone()).await;
    let file = export(&service, "/models/given/versions/1/export").await;
    let copy = import(&service, "/models/import?name=copy", &file).await.expect(201);
    assert!(copy["initializer"].is_null());
    service.train("copy", training).await;
    // w = 2.4, b = 1.4 after the first step of 0.1 · 2 · (5 − 3), and the error left is 1.2.
    let predicted = service.post("/models/copy/predict", json!({"inputs": [0]})).await.expect(200);
    assert!((predicted["outputs"][0][0].as_f64().expect("a number") - 1.64).abs() < 1e-5, "{predicted}");
}

#[tokio::test]
async fn what_is_no_version_is_refused_before_anything_is_made() {
    let service = TestApp::with(|settings| settings.max_body = Some(bytesize::ByteSize::kib(100))).await;
    service.with_xor().await;
    let file = export(&service, "/models/xor/versions/1/export").await;
    let header: Value = serde_json::from_str(TensorFile::read(&file).expect("our own").header()).expect("JSON");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut header = header.clone();
        change(&mut header);
        header.to_string()
    };
    let parameters = |widths: &[usize], value: f32| -> Vec<u8> {
        let layers: Vec<(Vec<f32>, Vec<f32>)> =
            widths.windows(2).map(|pair| (vec![value; pair[0] * pair[1]], vec![value; pair[1]])).collect();
        let tensors: Vec<(String, Tensor)> = layers
            .iter()
            .zip(widths.windows(2))
            .enumerate()
            .flat_map(|(i, ((weights, biases), pair))| {
                let weights = Tensor { shape: vec![pair[0], pair[1]], values: TensorValues::F32(weights) };
                let biases = Tensor { shape: vec![pair[1]], values: TensorValues::F32(biases) };
                [(format!("layers.{i}.weights"), weights), (format!("layers.{i}.biases"), biases)]
            })
            .collect();
        write(&header.to_string(), &tensors)
    };
    let empty = |header: String| write(&header, &[]);
    let mut flipped = file.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    let foreign =
        safetensors::serialize(Vec::<(String, safetensors::tensor::TensorView)>::new(), None).expect("a file");
    let huge = {
        let mut huge = (u64::MAX / 2).to_le_bytes().to_vec();
        huge.extend(b"{}");
        huge
    };
    let refused: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("nothing", vec![], 400, "malformed_file"),
        ("garbage", vec![7; 1000], 400, "malformed_file"),
        ("cut short", file[..file.len() - 1].to_vec(), 400, "malformed_file"),
        ("a flipped bit", flipped, 400, "malformed_file"),
        ("a huge header", huge, 400, "malformed_file"),
        ("another program's file", foreign, 400, "malformed_file"),
        ("a later form", empty(with(&|h| h["format"] = json!(3))), 400, "malformed_file"),
        ("an encoder", empty(with(&|h| h["encoder"] = json!({}))), 400, "malformed_file"),
        ("no training", empty(with(&|h| h["training"] = json!(null))), 400, "malformed_file"),
        ("no tensors", empty(header.to_string()), 400, "malformed_file"),
        ("another shape", parameters(&[2, 3, 1], 0.0), 400, "malformed_file"),
        ("more layers", parameters(&[2, 2, 1, 1], 0.0), 400, "malformed_file"),
        ("infinite weights", parameters(&[2, 2, 1], f32::INFINITY), 400, "malformed_file"),
        (
            "deep nonsense",
            empty(format!("{{\"format\":1,\"model\":{}1{}}}", "[".repeat(9999), "]".repeat(9999))),
            400,
            "malformed_file",
        ),
        (
            "too many units",
            empty(with(&|h| {
                h["model"]["layers"] = json!([65_536, {"units": 65_536, "activation": "relu", "dropout": 0}, 1])
            })),
            422,
            "model_too_large",
        ),
        ("no width", empty(with(&|h| h["model"]["layers"] = json!([0, 1]))), 422, "invalid_value"),
        ("too long a body", vec![0; 200 * 1024], 413, "payload_too_large"),
    ];
    for (what, file, status, code) in refused {
        let reply = import(&service, "/models/import?name=bad", &file).await;
        assert_eq!((reply.status, text(&reply.json()["code"])), (status, code), "{what}: {}", reply.json());
    }
    import(&service, "/models/import?name=Bad", &file).await.problem(422, "invalid_value");
    let request = service.raw(Method::POST, "/models/import").header("content-type", "text/plain").body(file);
    service.send(Method::POST, "/models/import", request).await.problem(415, "unsupported_media_type");
    assert_eq!(service.get("/models").await.expect(200)["data"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn a_version_that_is_not_active_is_deleted_and_its_number_is_not_used_again() {
    let service = TestApp::start().await;
    service.with_xor().await;
    service.train("xor", xor_training(10)).await;
    service.delete("/models/xor/versions/2").await.problem(409, "version_active");
    service.delete("/models/xor/versions/1").await.expect(204);
    service.get("/models/xor/versions/1").await.problem(404, "version_not_found");
    service.post("/models/xor/versions/1/predict", json!({"inputs": [0, 1]})).await.problem(404, "version_not_found");
    service.post_empty("/models/xor/versions/1/activate").await.problem(404, "version_not_found");
    service.delete("/models/xor/versions/1").await.problem(404, "version_not_found");
    assert_eq!(service.train("xor", xor_training(10)).await["version"], 3);
    service.post_empty("/models/xor/versions/2/activate").await.expect(200);
    service.delete("/models/xor/versions/3").await.expect(204);
    assert_eq!(service.train("xor", xor_training(10)).await["version"], 4);
}

#[tokio::test]
async fn a_damaged_file_disables_its_version_alone() {
    let service = TestApp::start().await;
    if service.home().blob_url.is_some() {
        return; // The files are not at hand.
    }
    service.with_xor().await;
    service.train("xor", xor_training(10)).await;
    service.post("/models", crate::support::xor_model("other")).await.expect(201);
    service.train("other", xor_training(10)).await;
    let rows = json!({"inputs": [0, 1]});
    let first = service.post("/models/xor/versions/1/predict", rows.clone()).await.expect(200);
    // Files are called by when they were made: of three versions this is the second.
    let files = std::fs::read_dir(service.home().folder().join("blobs/versions")).expect("a folder");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let path = files[1].clone();
    let mut file = std::fs::read(&path).expect("the version's file");
    let last = file.len() - 1;
    file[last] ^= 1;
    std::fs::write(&path, file).expect("the file is ours");
    let service = service.restarted().await;
    let problem = service.post("/models/xor/predict", rows.clone()).await.problem(500, "version_damaged");
    assert!(
        text(&problem["detail"]).contains("version 2") && !text(&problem["detail"]).contains("blobs/"),
        "{problem}"
    );
    service.get("/models/xor/versions/2/parameters").await.problem(500, "version_damaged");
    assert_eq!(service.post("/models/xor/versions/1/predict", rows.clone()).await.expect(200), first);
    service.post("/models/other/predict", rows.clone()).await.expect(200);
    service.get("/models/xor/versions").await.expect(200);
    service.post_empty("/models/xor/versions/1/activate").await.expect(200);
    assert_eq!(service.post("/models/xor/predict", rows.clone()).await.expect(200), first);
    std::fs::remove_file(&path).expect("the file is ours");
    service.post("/models/xor/versions/2/predict", rows).await.problem(500, "version_damaged");
    service.delete("/models/xor/versions/2").await.expect(204);
}

#[tokio::test]
async fn the_first_form_of_the_file_is_read_for_good() {
    let service = TestApp::start().await;
    let model = import(&service, "/models/import?name=first", FIRST_FORM).await.expect(201);
    assert_eq!((&model["layers"], &model["loss"]), (&json!([3, 4, 2]), &json!("cross_entropy")));
    assert_eq!(model["activations"], json!(["tanh", "softmax"]));
    assert_eq!(
        (&model["dropout"], &model["seed"], &model["initializer"]),
        (&json!([0.25, 0.0]), &json!(11), &json!("he_normal"))
    );
    let predicted =
        service.post("/models/first/predict", json!({"inputs": [[0.5, -1, 2], [1, 1, 1]]})).await.expect(200);
    let expected: Value = serde_json::from_str(include_str!("../fixtures/version-form-1.json")).expect("JSON");
    for (row, was) in [0, 1].map(|row| (numbers(&predicted["outputs"][row]), numbers(&expected["outputs"][row]))) {
        // `exp` may differ in its last bit from machine to machine.
        assert!(row.iter().zip(&was).all(|(now, was)| (now - was).abs() < 1e-6), "{row:?} was {was:?}");
    }
    let version = service.get("/models/first/versions/1").await.expect(200);
    for field in ["epochs", "loss", "validation_loss", "metrics"] {
        assert_eq!(version[field], expected[field], "{field}");
    }
}

/// Two networks, 2–3–1 and 2–1, that answer together with the weights 3 and 1: made of what the test below has.
#[tokio::test]
async fn several_networks_of_the_second_form_are_read_for_good() {
    let service = TestApp::start().await;
    let model = import(&service, "/models/import?name=two", SECOND_FORM).await.expect(201);
    assert_eq!((&model["layers"], &model["loss"]), (&json!([2, 3, 1]), &json!("mse")));
    let predicted = service.post("/models/two/predict", json!({"inputs": [[1, 0], [0.5, -2]]})).await.expect(200);
    // The first network answers tanh(x₁) + tanh(−x₂) + 0.5, the second 2x₁ + x₂.
    let expected = [[1.0, 0.0], [0.5, -2.0]]
        .map(|[one, two]: [f64; 2]| (3.0 * (one.tanh() + (-two).tanh() + 0.5) + (2.0 * one + two)) / 4.0);
    for (row, expected) in expected.iter().enumerate() {
        let output = numbers(&predicted["outputs"][row])[0];
        assert!((output - expected).abs() < 1e-6, "{output} is not {expected}");
    }
    let evaluated = json!({"inputs": [[1, 0], [0.5, -2]], "targets": expected});
    let evaluated = service.post("/models/two/evaluate", evaluated).await.expect(200);
    assert!(evaluated["loss"].as_f64().expect("a number") < 1e-12, "{evaluated}");
    let exported = export(&service, "/models/two/versions/1/export").await;
    assert_eq!(exported, SECOND_FORM);
    let parameters = service.get("/models/two/versions/1/parameters").await.expect(200);
    let counts: Vec<_> = (0..2).map(|one| parameters["members"][one]["layers"].as_array().map(Vec::len)).collect();
    assert_eq!((counts[0], parameters["members"][0]["weight"].as_f64()), (Some(2), Some(3.0)), "{parameters}");
}

/// What the fixture was made of, by `artifact::encode`, which may write such a version otherwise by now.
#[test]
fn the_second_form_keeps_the_parameters_and_weights_of_each_network() {
    let network = |layers: Value, parameters: &[f32]| {
        let layers = serde_json::from_value(layers).expect("layers");
        let spec = ModelSpec { layers, activation: Some(Activation::Tanh), seed: Some(3), ..ModelSpec::default() };
        Network::with_parameters(Arc::new(spec.check().expect("a valid model").0), parameters.to_vec())
    };
    let first = network(json!([2, 3, 1]), &[1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.5]);
    let second = network(json!([2, 1]), &[2.0, 1.0, 0.0]);
    let members = vec![Member { network: first, weight: 3.0 }, Member { network: second, weight: 1.0 }];
    let made = Predictor::new(Members::new(members).expect("they fit together"), None);
    let read = decode(SECOND_FORM).expect("a whole file");
    assert_eq!(format!("{:?}", read.predictor), format!("{made:?}"));
    let facts = read.facts.expect("what its training reached");
    assert_eq!((facts.epochs, facts.loss, facts.validation_loss), (7, 0.125, None));
}

#[tokio::test]
async fn table_versions_of_each_form_are_read_for_good() {
    let forms = [
        (FIRST_TABLE_FORM, include_str!("../fixtures/table-version-form-1.json")),
        (SECOND_TABLE_FORM, include_str!("../fixtures/table-version-form-2.json")),
        (THIRD_TABLE_FORM, include_str!("../fixtures/table-version-form-3.json")),
        (THIRD_STANDARD_FORM, include_str!("../fixtures/table-version-form-3-standard.json")),
        (FOURTH_STANDARD_FORM, include_str!("../fixtures/table-version-form-4-standard.json")),
    ];
    for (file, expected) in forms {
        table_version_is_read(file, serde_json::from_str(expected).expect("JSON")).await;
    }
    let histograms =
        |file| decode(file).expect("a whole file").predictor.table().expect("a table").parts.histograms.len();
    assert_eq!((histograms(FIRST_TABLE_FORM), histograms(SECOND_TABLE_FORM)), (0, 7));
}

async fn table_version_is_read(file: &[u8], expected: Value) {
    let service = TestApp::start().await;
    import(&service, "/models/import?name=first", file).await.expect(201);
    assert_eq!(export(&service, "/models/first/versions/1/export").await, file);
    let records = json!({"records": expected["records"]});
    let predicted = service.post("/models/first/predict?interval=0.8", records).await.expect(200);
    for (now, was) in [0, 1].map(|row| (&predicted["predictions"][row], &expected["predicted"]["predictions"][row])) {
        for field in ["label", "label_set", "flags"] {
            assert_eq!(now[field], was[field], "{field}");
        }
        // `exp` may differ in its last bit from machine to machine.
        let [now, was] = [now, was].map(|row| row["probability"].as_f64().expect("a number"));
        assert!((now - was).abs() < 1e-5, "{now} was {was}");
    }
    let importance = service.get("/models/first/versions/1/importance").await.expect(200);
    assert_eq!(importance["features"], expected["importance"]["features"]);
    let schema = service.get("/models/first/schema").await.expect(200);
    // How a note is worded is the release's business; whether there is one is the file's.
    let features = |schema: &Value| {
        let mut features = schema["features"].as_array().expect("a list").clone();
        features.iter_mut().for_each(|feature| feature["note"] = json!(feature["note"].is_string()));
        features
    };
    assert_eq!(features(&schema), features(&expected["schema"]));
    for field in ["target", "example"] {
        assert_eq!(schema[field], expected["schema"][field], "{field}");
    }
}
