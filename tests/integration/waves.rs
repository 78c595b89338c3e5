//! Waves and factors in front of a network, held against central differences and NumPy; initial parameters by the rows; their files.

use std::sync::Arc;

use epochd::learning::activation::Activation;
use epochd::learning::examples::{Examples, Targets};
use epochd::learning::loss::Loss;
use epochd::learning::network::{BatchTargets, Network};
use epochd::learning::optimizer::Optimizer;
use epochd::learning::schedule::Schedule;
use epochd::learning::spec::{Embedding, ModelSpec, Parametrization, Waves};
use epochd::learning::trainer::Trainer;
use epochd::learning::training::{BatchSize, Classes, TrainingSpec};
use epochd::models::Predictor;
use epochd::models::artifact::{decode, encode};
use ndarray::{Array2, arr2};
use reqwest::Method;
use serde_json::{Value, json};

use crate::gradients::{Notes, agrees_with_central_differences, shards_add_up};
use crate::support::{TestApp, numbers};

const ROWS: usize = 6;

/// Three plain values, two of them with waves, and perhaps a code, beside which two values lose their clip; factors; two hidden layers.
fn network(with_code: bool, scale: bool, dropout: f64) -> Network {
    let embeddings = if with_code { vec![Embedding { values: 4, dimensions: 2, bag: None }] } else { Vec::new() };
    let width = 3 + 2 * embeddings.len() + 2 * 3;
    let spec = ModelSpec {
        layers: serde_json::from_value(json!([width, {"units": 5, "dropout": dropout}, 4, 2])).expect("layers"),
        embeddings,
        unclipped: if with_code { vec![1, 2] } else { Vec::new() },
        waves: Some(Waves { columns: vec![0, 2], frequencies: 4, values: 3, deviation: 0.3 }),
        scale,
        parametrization: Parametrization::Ntk,
        activation: Some(Activation::Mish),
        loss: Some(Loss::CrossEntropy),
        seed: Some(5),
        ..ModelSpec::default()
    };
    Network::new(Arc::new(spec.check().expect("a valid model").0))
}

fn inputs(with_code: bool) -> Vec<f32> {
    let row = |row: usize| {
        let code = with_code.then_some((row % 4) as f32);
        [row as f32 / 3.0 - 1.0, 0.4, 0.9 - row as f32 / 5.0].into_iter().chain(code)
    };
    (0..ROWS).flat_map(row).collect()
}

fn targets() -> Vec<f32> {
    (0..ROWS).flat_map(|row| [0.1 + 0.15 * row as f32, 0.9 - 0.15 * row as f32]).collect()
}

#[test]
fn gradients_agree_with_central_differences() {
    for (with_code, scale, dropout) in [(false, true, 0.0), (true, true, 0.0), (true, false, 0.3), (false, false, 0.0)]
    {
        let batch = BatchTargets { values: &targets(), weights: None };
        let what = format!("code {with_code}, factors {scale}");
        agrees_with_central_differences(network(with_code, scale, dropout), &inputs(with_code), batch, &what);
        shards_add_up(&network(with_code, scale, 0.0), &inputs(with_code), &targets());
    }
}

/// Against NumPy, where gradients are central differences in f64:
///
/// ```python
/// import numpy as np
///
/// x = np.array([[0.3, -1.2], [1.5, 0.4], [-0.7, 2.0]])
/// y = np.array([[1.0], [0.0], [-0.5]])
/// p = np.array([0.4, -0.9, 0.3, 2.5, 0.5, -0.2, -0.8, 0.1, 0.1, -0.3, 1.0, 0.5, -0.7, 1.2, 0.6, -0.4, 0.9, 0.2, 0.05])
///
/// def outputs(p):
///     w, b, W, c, s, D, d = p[:2], p[2:4], p[4:8].reshape(2, 2), p[8:10], p[10:14], p[14:18, None], p[18]
///     e = np.cos(2 * np.pi * x[:, 1:] * w + b) @ W + c
///     return np.concatenate([x, e], 1) * s @ D + d
///
/// def loss(p):
///     return ((outputs(p) - y) ** 2).mean()
///
/// h = 1e-6 * np.eye(len(p))
/// print(outputs(p).ravel().round(6), loss(p).round(6))
/// print(np.array([(loss(p + one) - loss(p - one)) / 2e-6 for one in h]).round(5).tolist())
/// ```
#[test]
fn values_and_gradients_are_those_of_numpy() {
    let parameters =
        [0.4, -0.9, 0.3, 2.5, 0.5, -0.2, -0.8, 0.1, 0.1, -0.3, 1.0, 0.5, -0.7, 1.2, 0.6, -0.4, 0.9, 0.2, 0.05];
    let expected = [
        2.62893, -3.22382, 0.56165, -0.26623, -0.20195, 0.07693, -1.18576, 0.45172, 0.31494, -0.11998, 0.88156,
        0.16025, -1.2559, 0.05482, 1.46927, -0.20032, 0.97681, 0.32889, -0.49991,
    ];
    let spec = ModelSpec {
        layers: vec![4.into(), 1.into()],
        waves: Some(Waves { columns: vec![1], frequencies: 2, values: 2, deviation: 1.0 }),
        scale: true,
        ..ModelSpec::default()
    };
    let network = Network::with_parameters(Arc::new(spec.check().expect("a valid model").0), parameters.to_vec());
    let (inputs, targets) = ([0.3, -1.2, 1.5, 0.4, -0.7, 2.0], [1.0, 0.0, -0.5]);
    let outputs = network.predict(arr2(&[[0.3, -1.2], [1.5, 0.4], [-0.7, 2.0]]).view());
    let near = |found: &f32, expected: &f32| (found - expected).abs() < 2e-5;
    assert!(outputs.iter().zip(&[0.142696, 1.152866, -1.545429]).all(|(one, other)| near(one, other)), "{outputs}");
    let mut workspace = network.workspace(3);
    network.forward(&inputs, &mut workspace, None);
    network.backward(BatchTargets { values: &targets, weights: None }, &mut workspace, 1.0 / 3.0);
    let mut gradients = vec![0.0; expected.len()];
    network.gradients(&inputs, &workspace, &mut gradients, false);
    assert!(gradients.iter().zip(&expected).all(|(one, other)| near(one, other)), "{gradients:?}");
}

#[test]
fn parameters_by_the_rows_spread_each_unit_and_place_its_kink_among_them() {
    let inputs =
        Array2::from_shape_fn((200, 3), |(row, column)| ((row * [3, 7, 11][column]) % 41) as f32 / 10.0 + 30.0);
    let spec = ModelSpec {
        layers: [3, 40, 30, 2].map(Into::into).to_vec(),
        activation: Some(Activation::Identity),
        parametrization: Parametrization::Ntk,
        ..ModelSpec::default()
    };
    let spec = Arc::new(spec.check().expect("a valid model").0);
    let drawn = || {
        let mut network = Network::new(spec.clone());
        network.initialise_by(inputs.view());
        network
    };
    let network = drawn();
    assert_eq!(network.parameters(), drawn().parameters(), "the seed decides");
    let mut rows = inputs.clone();
    for layer in 0..2 {
        let (weights, biases) = network.layer_parameters(layer);
        let z = rows.dot(&weights) + biases;
        for unit in z.columns() {
            let deviation = unit.std(0.0);
            assert!((deviation - 1.0).abs() < 1e-2, "layer {layer}: {deviation}");
            // Far from 0 as the inputs are, each unit is 0 somewhere among them.
            let ends = unit.iter().fold((f32::MAX, f32::MIN), |(least, most), z| (least.min(*z), most.max(*z)));
            assert!(ends.0 < 1e-3 && ends.1 > -1e-3, "layer {layer}: {ends:?}");
        }
        rows = z;
    }
    let (weights, biases) = network.layer_parameters(2);
    assert!(weights.iter().chain(biases).all(|value| *value == 0.0), "the last layer begins at 0");
}

#[test]
fn steps_are_sized_by_the_width_of_a_layer() {
    let groups = network(false, true, 0.0).groups();
    let factors: Vec<(f64, f64)> = groups
        .iter()
        .map(|group| (group.learning_rate_factor, group.learning_rate_factor * group.decay_factor))
        .collect();
    // Waves, factors, then weights and biases of each layer: a share of decay that does not depend on the width.
    let root = |width: f64| (1.0 / width.sqrt(), 1.0);
    let expected = [(0.1, 0.01), (6.0, 36.0), root(9.0), (0.1, 0.0), root(5.0), (0.1, 0.0), root(4.0), (0.1, 0.0)];
    for (found, expected) in factors.iter().zip(expected) {
        assert!((found.0 - expected.0).abs() < 1e-12 && (found.1 - expected.1).abs() < 1e-9, "{factors:?}");
    }
    assert_eq!(factors.len(), expected.len());
}

#[test]
fn a_file_holds_waves_and_factors() {
    let one = Predictor::from(network(true, true, 0.0));
    let file = encode(&one, None);
    let read = decode(&file).expect("a whole file").predictor;
    assert_eq!(read.spec(), one.spec());
    let inputs = Array2::from_shape_vec((ROWS, 4), inputs(true)).expect("rows");
    assert_eq!(read.predict(inputs.view()), one.predict(inputs.view()));
}

#[tokio::test]
async fn a_network_of_tables_without_its_encoder_has_no_trace() {
    let service = TestApp::start().await;
    let request = service.raw(Method::POST, "/models/import?name=bare");
    let facts = decode(include_bytes!("../fixtures/version-form-1.safetensors")).expect("a whole file").facts;
    let file = encode(&Predictor::from(network(true, true, 0.0)), facts.as_ref());
    let request = request.header("content-type", "application/octet-stream").body(file);
    service.send(Method::POST, "/models/import?name=bare", request).await.expect(201);
    let row = json!({"inputs": [0.1, 0.2, 0.3, 1.0], "targets": [0.5, 0.5]});
    service.post("/models/bare/trace", row).await.problem(422, "wrong_model_kind");
}

#[test]
fn waves_that_do_not_fit_are_refused() {
    let waves = |columns: Vec<usize>| Waves { columns, frequencies: 4, values: 3, deviation: 0.1 };
    let checked = |layers: &[usize], waves: Waves| {
        let layers = layers.iter().copied().map(Into::into).collect();
        ModelSpec { layers, waves: Some(waves), ..ModelSpec::default() }
            .check()
            .map(|_| ())
            .map_err(|error| error.pointer)
    };
    assert_eq!(checked(&[5, 1], waves(vec![1])), Ok(()));
    assert_eq!(checked(&[5, 1], waves(vec![2])), Err("/waves/columns".into()), "two columns are left");
    assert_eq!(checked(&[8, 1], waves(vec![1, 0])), Err("/waves/columns".into()));
    assert_eq!(checked(&[2, 1], waves(vec![0])), Err("/waves".into()));
    assert_eq!(checked(&[5, 1], Waves { frequencies: 0, ..waves(vec![1]) }), Err("/waves/frequencies".into()));
    for size in [257, usize::MAX] {
        assert_eq!(checked(&[5, 1], Waves { frequencies: size, ..waves(vec![1]) }), Err("/waves/frequencies".into()));
        assert_eq!(checked(&[5, 1], Waves { values: size, ..waves(vec![1]) }), Err("/waves/values".into()));
    }
    assert_eq!(checked(&[5, 1], Waves { deviation: -1.0, ..waves(vec![1]) }), Err("/waves/deviation".into()));
}

/// `tests/reference/make_standard.py` has the same training in NumPy, without a backward pass.
#[test]
fn a_training_of_all_parts_of_standard_retraces_numpy() {
    let path = format!("{}/tests/reference/standard.json", env!("CARGO_MANIFEST_DIR"));
    let reference: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("the reference is there")).expect("JSON");
    let flat =
        |rows: &Value| rows.as_array().expect("rows").iter().flat_map(numbers).map(|x| x as f32).collect::<Vec<_>>();
    let values = |field: &str| numbers(&reference[field]).into_iter().map(|x| x as f32).collect::<Vec<f32>>();
    let spec = ModelSpec {
        layers: vec![7.into(), 5.into(), 4.into(), 1.into()],
        waves: Some(Waves { columns: vec![0, 2], frequencies: 4, values: 2, deviation: 0.1 }),
        scale: true,
        parametrization: Parametrization::Ntk,
        activation: Some(Activation::Mish),
        loss: Some(Loss::BinaryCrossEntropy),
        ..ModelSpec::default()
    };
    let spec = Arc::new(spec.check().expect("a valid model").0);
    let network = Network::with_parameters(spec.clone(), values("parameters"));
    let (targets, inputs) = (values("targets"), flat(&reference["inputs"]));
    let inputs = Array2::from_shape_vec((targets.len(), 3), inputs).expect("three columns");
    let targets = Targets::Values(Array2::from_shape_vec((targets.len(), 1), targets).expect("one column"));
    let settings = TrainingSpec {
        epochs: reference["epochs"].as_u64(),
        batch_size: reference["batch_size"].as_u64().map(BatchSize::Rows),
        shuffle: Some(false),
        learning_rate: Some(0.04),
        learning_rate_schedule: Some(Schedule::coslog4()),
        optimizer: Some(Optimizer::Adamw { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 }),
        weight_decay: Some(0.02),
        ..TrainingSpec::default()
    };
    let settings = settings.check(0, Classes::of(&spec)).expect("valid settings");
    let examples = Examples::new(inputs.clone(), targets);
    let (mut notes, mut trainer) = (Notes::default(), Trainer::new(network, &settings, &examples, None));
    trainer.run(&mut notes).expect("no divergence");
    let network = trainer.into_network();
    let close = |ours: &[f32], field: &str, most: f32| {
        let theirs = values(field);
        let off = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(ours.len() == theirs.len() && off < most, "{field}: off by {off:e}");
    };
    let losses: Vec<f32> = notes.losses.iter().map(|loss| *loss as f32).collect();
    close(&losses, "losses", 1e-5);
    close(network.parameters(), "trained", 1e-4);
    close(network.predict(inputs.view()).as_slice().expect("standard layout"), "outputs", 1e-5);
}
