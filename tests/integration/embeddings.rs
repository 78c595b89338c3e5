//! Embeddings, held against central differences, an example worked by hand, and PyTorch; and their files.

use std::sync::Arc;

use epochd::learning::activation::Activation;
use epochd::learning::diagnosis::WarningCode;
use epochd::learning::examples::{Examples, Targets};
use epochd::learning::init::Initializer;
use epochd::learning::loss::Loss;
use epochd::learning::network::{BatchTargets, Network};
use epochd::learning::optimizer::Optimizer;
use epochd::learning::spec::{Embedding, ModelSpec, ValidModelSpec};
use epochd::learning::trainer::Trainer;
use epochd::learning::training::{BatchSize, Classes, TrainingSpec};
use epochd::models::artifact::{decode, encode};
use epochd::storage::tensors::{Tensor, TensorFile, TensorValues, write};
use ndarray::{Array2, arr2};
use serde_json::{Value, json};

use crate::gradients::{Notes, agrees_with_central_differences, shards_add_up};
use crate::support::numbers;

const ROWS: usize = 6;

fn embedding(values: usize, dimensions: usize) -> Embedding {
    Embedding { values, dimensions, bag: None }
}

fn bag(values: usize, dimensions: usize, codes: usize) -> Embedding {
    Embedding { values, dimensions, bag: Some(codes) }
}

fn checked(spec: ModelSpec) -> Arc<ValidModelSpec> {
    Arc::new(spec.check().expect("a valid model").0)
}

/// Two plain values and two codes, of tables 4 × 3 and 3 × 2, before two hidden layers.
fn network(activation: Activation, loss: Loss, dropout: f64) -> Network {
    let hidden = json!({"units": 5, "dropout": dropout});
    let spec = ModelSpec {
        layers: serde_json::from_value(json!([7, hidden, 4, 2])).expect("layers"),
        embeddings: vec![embedding(4, 3), embedding(3, 2)],
        activation: Some(activation),
        loss: Some(loss),
        initializer: Some(Initializer::Normal),
        seed: Some(3),
        ..ModelSpec::default()
    };
    Network::new(checked(spec))
}

/// Codes 0 to 3 and 0 to 2; several rows share each.
fn inputs() -> Vec<f32> {
    (0..ROWS).flat_map(|row| [row as f32 / 3.0 - 1.0, 0.4, (row % 4) as f32, (row * 2 % 3) as f32]).collect()
}

fn targets() -> Vec<f32> {
    (0..ROWS).flat_map(|row| [0.1 + 0.15 * row as f32, 0.9 - 0.15 * row as f32]).collect()
}

#[test]
fn gradients_of_tables_and_layers_agree_with_central_differences() {
    for (activation, loss, dropout) in [
        (Activation::Tanh, Loss::Mse, 0.0),
        (Activation::Silu, Loss::CrossEntropy, 0.0),
        (Activation::Gelu, Loss::BinaryCrossEntropy, 0.3),
        (Activation::Tanh, Loss::CrossEntropy, 0.4),
    ] {
        let batch = BatchTargets { values: &targets(), weights: None };
        let network = network(activation, loss, dropout);
        agrees_with_central_differences(network, &inputs(), batch, &format!("{activation:?} {loss:?}"));
    }
}

#[test]
fn shards_of_a_batch_add_up_to_its_gradient() {
    shards_add_up(&network(Activation::Gelu, Loss::CrossEntropy, 0.0), &inputs(), &targets());
}

/// A plain value, a code of a table 4 × 2, a bag of four codes of a table 5 × 3 and a bag of one code: rows have four codes, some,
/// one of them twice, and none.
#[test]
fn gradients_of_bags_agree_with_central_differences_and_shards_add_up() {
    let spec = ModelSpec {
        layers: serde_json::from_value(json!([7, 5, 2])).expect("layers"),
        embeddings: vec![embedding(4, 2), bag(5, 3, 4), bag(3, 1, 1)],
        activation: Some(Activation::Tanh),
        loss: Some(Loss::CrossEntropy),
        seed: Some(3),
        ..ModelSpec::default()
    };
    let mut network = Network::new(checked(spec));
    assert_eq!((network.spec().inputs(), network.spec().plain_inputs()), (7, 1));
    network.parameters_mut().iter_mut().enumerate().for_each(|(i, w)| *w += (i * 7 % 11) as f32 / 20.0);
    let codes = [[1, 2, 3, 4], [2, 4, 0, 0], [3, 3, 1, 0], [0, 0, 0, 0], [0, 0, 0, 2], [4, 1, 0, 4]];
    let row = |row: usize| {
        let codes = codes[row].map(|code| code as f32);
        [row as f32 / 3.0 - 1.0, (row % 4) as f32, codes[0], codes[1], codes[2], codes[3], (row % 3) as f32]
    };
    let inputs: Vec<f32> = (0..ROWS).flat_map(row).collect();
    shards_add_up(&network, &inputs, &targets());
    let batch = BatchTargets { values: &targets(), weights: None };
    agrees_with_central_differences(network, &inputs, batch, "bags");
}

/// In PyTorch `E` is `torch.nn.EmbeddingBag(5, 3, mode="mean", padding_idx=0)` and the loss
/// `F.mse_loss(linear(E(codes)), y)`. The numbers are NumPy's, of the same product with counts, in float64:
///
/// ```python
/// counts = np.stack([np.bincount(row, minlength=5) for row in codes]).astype(float)
/// counts[:, 0] = 0
/// share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
/// out = share @ E @ W + b
/// g = 2 * (out - y) / y.size
/// print(out, share.T @ (g @ W.T), (share @ E).T @ g, g.sum(0))
/// ```
#[test]
fn a_bag_retraces_numpy() {
    let layers = vec![3.into(), 2.into()];
    let spec = checked(ModelSpec { layers, embeddings: vec![bag(5, 3, 4)], ..ModelSpec::default() });
    let vectors = [[0.0, 0.0, 0.0], [0.5, -1.0, 0.25], [1.5, 0.75, -0.5], [-0.25, 0.5, 2.0], [0.125, -0.375, 1.0]];
    let layer = [0.5, -1.0, 2.0, 0.25, -0.75, 1.5, 0.1, -0.2];
    let network = Network::with_parameters(spec, vectors.into_iter().flatten().chain(layer).collect());
    let inputs = [1, 2, 3, 0, 4, 0, 0, 4, 0, 0, 0, 0, 2, 4, 0, 0].map(|code| code as f32);
    let targets = [0.3, -0.6, 1.0, 0.5, 0.0, 0.25, -1.0, 2.0];
    let expected = arr2(&[[0.1208333, 0.1125], [-1.3375, 1.08125], [0.1, -0.2], [0.69375, -0.590625]]);
    let outputs = network.predict(Array2::from_shape_vec((4, 4), inputs.to_vec()).expect("four rows").view());
    assert!((outputs - expected).iter().all(|off: &f32| off.abs() < 1e-6));
    let mut workspace = network.workspace(4);
    network.forward(&inputs, &mut workspace, None);
    network.backward(BatchTargets { values: &targets, weights: None }, &mut workspace, 0.25);
    let mut gradients = vec![0.0; 23];
    network.gradients(&inputs, &workspace, &mut gradients, false);
    let expected = [
        0.0, 0.0, 0.0, -0.0668403, -0.0150174, 0.1002604, 0.3628472, 0.3274631, -0.5442708, -0.0668403, -0.0150174,
        0.1002604, -0.0078125, -0.7899414, 0.0117188, 0.2448676, -0.4041504, 0.2948025, -0.161084, -0.5046441,
        0.0873047, -0.1807292, -0.4367188,
    ];
    assert!(
        gradients.iter().zip(expected).all(|(ours, theirs): (&f32, f32)| (ours - theirs).abs() < 1e-6),
        "{gradients:?}"
    );
}

/// One pass by hand: a table of 3 vectors of length 2, one plain value, one linear output.
///
/// E = [[0, 0], [0, 0], [2, −1]], W = (0.5, 1, 3), b = 0.25, L = (ŷ − y)², mean of two rows.
/// Row (4 | 2), y = 1: a = (4, 2, −1), ŷ = 0.5·4 + 1·2 − 3·1 + 0.25 = 1.25, ∂L/∂ŷ = ½·2(1.25 − 1) = 0.25.
/// Row (−2 | 2), y = −0.75: a = (−2, 2, −1), ŷ = −1 + 2 − 3 + 0.25 = −1.75, ∂L/∂ŷ = −1.
/// ∂L/∂E₂ = (0.25 − 1)·(1, 3) = (−0.75, −2.25), the other rows 0;
/// ∂L/∂W = 0.25·(4, 2, −1) − (−2, 2, −1) = (3, −1.5, 0.75), ∂L/∂b = −0.75.
#[test]
fn one_pass_worked_by_hand() {
    let layers = vec![3.into(), 1.into()];
    let spec = checked(ModelSpec { layers, embeddings: vec![embedding(3, 2)], ..ModelSpec::default() });
    assert_eq!((spec.inputs(), spec.plain_inputs(), spec.parameter_count()), (2, 1, 10));
    let network = Network::with_parameters(spec, vec![0.0, 0.0, 0.0, 0.0, 2.0, -1.0, 0.5, 1.0, 3.0, 0.25]);
    assert_eq!(network.embedding_parameters(0), arr2(&[[0.0, 0.0], [0.0, 0.0], [2.0, -1.0]]));
    assert_eq!(network.layer_parameters(0).0, arr2(&[[0.5], [1.0], [3.0]]));
    let inputs = [4.0, 2.0, -2.0, 2.0];
    let mut workspace = network.workspace(2);
    network.forward(&inputs, &mut workspace, None);
    network.backward(BatchTargets { values: &[1.0, -0.75], weights: None }, &mut workspace, 0.5);
    let mut gradients = vec![0.0; 10];
    network.gradients(&inputs, &workspace, &mut gradients, false);
    assert_eq!(gradients, [0.0, 0.0, 0.0, 0.0, -0.75, -2.25, 3.0, -1.5, 0.75, -0.75]);
    assert_eq!(network.predict(arr2(&[[4.0, 2.0], [-2.0, 2.0]]).view()), arr2(&[[1.25], [-1.75]]));
}

#[test]
fn what_is_no_code_is_read_as_a_missing_value() {
    let mut network = network(Activation::Tanh, Loss::Mse, 0.0);
    network.parameters_mut().iter_mut().enumerate().for_each(|(i, w)| *w += i as f32 / 50.0);
    let outputs = |code: f32| network.predict(arr2(&[[0.3, 0.4, code, 1.0]]).view());
    for code in [-1.0, 0.5, 2.5, 4.0, 1e9, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0] {
        assert_eq!(outputs(code), outputs(0.0), "{code}");
    }
    assert_ne!(outputs(3.0), outputs(0.0));
}

#[test]
fn many_rows_are_worked_off_in_shards_to_the_same_answers() {
    let network = network(Activation::Tanh, Loss::CrossEntropy, 0.0);
    let row = |i: usize| [i as f32 / 2500.0, 0.4, (i % 4) as f32, (i % 3) as f32];
    let inputs = Array2::from_shape_fn((2500, 4), |(i, column)| row(i)[column]);
    let (logits, outputs) = (network.logits_of(inputs.view()), network.predict(inputs.view()));
    for i in [0, 1023, 1024, 2047, 2048, 2499] {
        let alone = network.logits_of(arr2(&[row(i)]).view());
        let share = 1.0 / (1.0 + (alone[(0, 1)] - alone[(0, 0)]).exp());
        assert!((&logits.row(i) - &alone.row(0)).iter().all(|off| off.abs() < 1e-5), "row {i}");
        assert!((outputs[(i, 0)] - share).abs() < 1e-5, "row {i}");
    }
}

#[test]
fn tables_start_at_a_length_of_about_one_and_at_zero_for_missing_and_rare_values() {
    for initializer in [Initializer::GlorotUniform, Initializer::Zeros] {
        let (layers, embeddings) = (vec![16.into(), 1.into()], vec![embedding(1000, 16)]);
        let spec = ModelSpec { layers, embeddings, initializer: Some(initializer), ..ModelSpec::default() };
        let network = Network::new(checked(spec));
        let table = network.embedding_parameters(0);
        assert_eq!(table.dim(), (1000, 16));
        assert!(table.rows().into_iter().take(2).flatten().all(|w| *w == 0.0));
        let lengths: f32 = table.rows().into_iter().skip(2).map(|row| row.dot(&row)).sum();
        assert!((lengths / 998.0 - 1.0).abs() < 0.05, "{}", lengths / 998.0);
        assert!(network.layer_parameters(0).1.iter().all(|b| *b == 0.0));
    }
    let (layers, embeddings) = (vec![16.into(), 1.into()], vec![bag(1000, 16, 8)]);
    let network = Network::new(checked(ModelSpec { layers, embeddings, ..ModelSpec::default() }));
    assert!(network.embedding_parameters(0).iter().all(|w| *w == 0.0) && network.layer_parameters(0).0[(0, 0)] != 0.0);
}

#[test]
fn impossible_embeddings_are_refused() {
    let check = |layers: [usize; 2], embeddings: Vec<Embedding>| {
        let layers = layers.map(Into::into).to_vec();
        ModelSpec { layers, embeddings, ..ModelSpec::default() }.check().map(|_| ()).map_err(|error| error.pointer)
    };
    assert_eq!(check([4, 1], vec![embedding(2, 3), embedding(2, 1)]), Ok(()));
    let refused = |pointer: &str| Err(pointer.to_owned());
    assert_eq!(check([3, 1], vec![embedding(2, 3), embedding(2, 1)]), refused("/embeddings"));
    assert_eq!(check([4, 1], vec![embedding(2, 3), embedding(1, 1)]), refused("/embeddings/1/values"));
    assert_eq!(check([4, 1], vec![embedding(1_000_001, 1)]), refused("/embeddings/0/values"));
    assert_eq!(check([400, 1], vec![embedding(2, 257)]), refused("/embeddings/0/dimensions"));
    assert_eq!(check([4, 1], vec![embedding(2, 0)]), refused("/embeddings/0/dimensions"));
    assert_eq!(check([4, 1], vec![bag(2, 1, 1), bag(2, 3, 1_024)]), Ok(()));
    assert_eq!(check([4, 1], vec![bag(2, 1, 0)]), refused("/embeddings/0/bag"));
    assert_eq!(check([4, 1], vec![bag(2, 1, 1_025)]), refused("/embeddings/0/bag"));
    assert_eq!(check([2000, 1], vec![embedding(2, 1); 1001]), refused("/embeddings"));
    assert_eq!(check([200, 1], vec![embedding(1_000_000, 100), embedding(2, 1)]), refused("/layers"));
}

#[test]
fn a_file_brings_back_the_network_and_refuses_other_tables() {
    let network = network(Activation::Tanh, Loss::Mse, 0.1);
    let file = encode(&network.clone().into(), None);
    let read = decode(&file).expect("a whole file").predictor.into_network();
    assert_eq!((read.spec(), read.parameters()), (network.spec(), network.parameters()));
    let plain = checked(ModelSpec { layers: vec![2.into(), 1.into()], ..ModelSpec::default() });
    let header = |file: &[u8]| String::from_utf8_lossy(file).contains("embeddings");
    assert!(header(&file) && !header(&encode(&Network::new(plain).into(), None)));
    let tables = TensorFile::read(&file).expect("a whole file");
    assert_eq!(tables.shape("embeddings.1.weights"), Some(vec![3, 2]));
    let other = tables.header().replace("\"values\":4", "\"values\":5");
    assert_ne!(other, tables.header());
    let tensors: Vec<(String, Vec<usize>)> = ["embeddings.0", "embeddings.1", "layers.0", "layers.1", "layers.2"]
        .iter()
        .flat_map(|name| [format!("{name}.weights"), format!("{name}.biases")])
        .filter_map(|name| tables.shape(&name).map(|shape| (name, shape)))
        .collect();
    let values: Vec<Vec<f32>> =
        tensors.iter().map(|(name, shape)| tables.f32s(name, shape).expect("it is there")).collect();
    let tensors: Vec<_> = tensors
        .into_iter()
        .zip(&values)
        .map(|((name, shape), values)| {
            let values = TensorValues::F32(values);
            (name, Tensor { shape, values })
        })
        .collect();
    assert!(decode(&write(tables.header(), &tensors)).is_ok());
    assert!(decode(&write(&other, &tensors)).is_err());
    assert!(decode(&write(tables.header(), &tensors[1..])).is_err());
}

fn flat(rows: &Value) -> Vec<f32> {
    rows.as_array().expect("rows").iter().flat_map(numbers).map(|value| value as f32).collect()
}

#[test]
fn a_training_retraces_pytorch() {
    let path = format!("{}/tests/reference/embeddings.json", env!("CARGO_MANIFEST_DIR"));
    let reference: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("the reference is there")).expect("JSON");
    let initial = &reference["initial"];
    let tables = initial["tables"].as_array().expect("tables").iter().flat_map(flat);
    let layers = (0..2).flat_map(|i| [flat(&initial["weights"][i]), flat(&json!([initial["biases"][i]]))].concat());
    let spec = checked(ModelSpec {
        layers: vec![7.into(), 6.into(), 3.into()],
        embeddings: vec![embedding(6, 3), embedding(4, 2)],
        activation: Some(Activation::Tanh),
        loss: Some(Loss::CrossEntropy),
        ..ModelSpec::default()
    });
    let network = Network::with_parameters(spec.clone(), tables.chain(layers).collect());
    let classes: Vec<u32> = numbers(&reference["targets"]).iter().map(|class| *class as u32).collect();
    let inputs = Array2::from_shape_vec((classes.len(), 4), flat(&reference["inputs"])).expect("four columns");
    let settings = TrainingSpec {
        epochs: Some(40),
        batch_size: Some(BatchSize::Rows(8)),
        shuffle: Some(false),
        learning_rate: Some(0.02),
        optimizer: Some(Optimizer::Adamw { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
        weight_decay: Some(0.05),
        ..TrainingSpec::default()
    };
    let settings = settings.check(spec.seed, Classes::of(&spec)).expect("valid settings");
    let examples = Examples::new(inputs.clone(), Targets::Classes(classes));
    let (mut notes, mut trainer) = (Notes::default(), Trainer::new(network, &settings, &examples, None));
    trainer.run(&mut notes).expect("no divergence");
    let network = trainer.into_network();
    for (ours, theirs) in notes.losses.iter().zip(numbers(&reference["losses"])) {
        assert!((ours - theirs).abs() < 1e-4 * theirs, "{:?}", notes.losses);
    }
    let close = |ours: &Array2<f32>, theirs: &Value| {
        let theirs = flat(theirs);
        assert_eq!(ours.len(), theirs.len());
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-4), "{ours}");
    };
    close(&network.predict(inputs.view()), &reference["outputs"]);
    (0..2).for_each(|i| close(&network.embedding_parameters(i).to_owned(), &reference["tables"][i]));
}

#[test]
fn large_codes_are_not_taken_for_unscaled_inputs() {
    let (layers, embeddings) = (vec![3.into(), 4.into(), 4.into(), 1.into()], vec![embedding(500, 2)]);
    let spec = checked(ModelSpec { layers, embeddings, ..ModelSpec::default() });
    let inputs = Array2::from_shape_fn((50, 2), |(row, column)| [(row % 3) as f32 - 1.0, 400.0][column]);
    let targets = Targets::Values(Array2::from_shape_fn((50, 1), |(row, _)| (row % 3) as f32));
    let settings = TrainingSpec { epochs: Some(4), ..TrainingSpec::default() }
        .check(spec.seed, Classes::of(&spec))
        .expect("valid settings");
    let examples = Examples::new(inputs, targets);
    let mut notes = Notes::default();
    Trainer::new(Network::new(spec), &settings, &examples, None).run(&mut notes).expect("no divergence");
    let unscaled = notes.warnings.iter().any(|warning| warning.code == WarningCode::UnscaledInputs);
    assert!(notes.losses.len() == 4 && !unscaled, "{:?}", notes.warnings);
}
