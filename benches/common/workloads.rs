//! The workloads T1 to T5: what is trained, on which rows.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use epochd::learning::activation::{Activation, OutputActivation};
use epochd::learning::examples::{Examples, Targets};
use epochd::learning::loss::Loss;
use epochd::learning::metrics::{Metrics, evaluate};
use epochd::learning::network::Network;
use epochd::learning::optimizer::Optimizer;
use epochd::learning::spec::{LayerSpec, ModelSpec, ValidModelSpec};
use epochd::learning::training::{BatchSize, Classes, TrainingSpec, ValidTrainingSpec};
use ndarray::{Array2, Axis, Slice};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use serde_json::json;

/// Something to train.
#[derive(Clone, Copy)]
pub struct Workload {
    pub name: &'static str,
    pub rows: usize,
    pub test_rows: usize,
    /// Inputs, units of each hidden layer, outputs.
    pub layers: &'static [usize],
    pub loss: Loss,
    pub batch_size: usize,
    pub learning_rate: f64,
}

/// T2 to T5; T1 is [`xor`].
pub const WORKLOADS: [Workload; 4] = [
    Workload {
        name: "T2",
        rows: 60_000,
        test_rows: 10_000,
        layers: &[784, 256, 128, 10],
        loss: Loss::CrossEntropy,
        batch_size: 128,
        learning_rate: 1e-3,
    },
    Workload {
        name: "T3",
        rows: 50_000,
        test_rows: 10_000,
        layers: &[20, 64, 32, 1],
        loss: Loss::BinaryCrossEntropy,
        batch_size: 64,
        learning_rate: 1e-3,
    },
    Workload {
        name: "T4",
        rows: 200_000,
        test_rows: 10_000,
        layers: &[50, 256, 256, 1],
        loss: Loss::Mse,
        batch_size: 512,
        learning_rate: 1e-3,
    },
    Workload {
        name: "T5",
        rows: 20_000,
        test_rows: 5_000,
        layers: &[1024, 2048, 2048, 100],
        loss: Loss::CrossEntropy,
        batch_size: 256,
        learning_rate: 1e-3,
    },
];

impl Workload {
    /// The network.
    pub fn model(&self) -> ValidModelSpec {
        let layers: Vec<LayerSpec> = self.layers.iter().map(|units| (*units).into()).collect();
        let spec =
            ModelSpec { layers, loss: Some(self.loss), activation: Some(Activation::Relu), ..ModelSpec::default() };
        spec.check().expect("a valid model").0
    }

    /// Adam with its defaults.
    pub fn settings(&self, model: &ValidModelSpec, epochs: u64) -> ValidTrainingSpec {
        let spec = TrainingSpec {
            epochs: Some(epochs),
            batch_size: Some(BatchSize::Rows(self.batch_size as u64)),
            optimizer: Some(Optimizer::default()),
            learning_rate: Some(self.learning_rate),
            ..TrainingSpec::default()
        };
        spec.check(model.seed, Classes::of(model)).expect("valid settings")
    }

    /// Rows to train on and rows held out. The inputs are standard normal; the targets are what a network of one hidden
    /// layer, drawn once, makes of them, with noise.
    pub fn examples(&self) -> (Examples, Examples) {
        let mut generator = StdRng::seed_from_u64(self.rows as u64);
        let (rows, inputs, outputs) = (self.rows + self.test_rows, self.layers[0], self.layers[self.layers.len() - 1]);
        let mut normal = |rows: usize, columns: usize, scale: f32| {
            Array2::from_shape_simple_fn((rows, columns), || {
                let drawn: f32 = StandardNormal.sample(&mut generator);
                drawn * scale
            })
        };
        let (hidden, width) = (normal(inputs, 32, (inputs as f32).powf(-0.5)), 32.0f32);
        let last = normal(32, outputs, width.powf(-0.5));
        let x = normal(rows, inputs, 1.0);
        let noise = normal(rows, outputs, 0.05);
        let y = x.dot(&hidden).mapv_into(|z| (2.0 * z).tanh()).dot(&last) + noise;
        let select = |range: std::ops::Range<usize>| {
            let slice = Slice::from(range);
            let y = y.slice_axis(Axis(0), slice);
            let targets = match self.loss {
                Loss::CrossEntropy => Targets::Classes(
                    y.outer_iter()
                        .map(|row| epochd::learning::examples::label(row.to_slice().expect("row-major")))
                        .collect(),
                ),
                Loss::BinaryCrossEntropy => Targets::Values(y.mapv(|y| f32::from(u8::from(y > 0.0)))),
                _ => Targets::Values(y.to_owned()),
            };
            Examples::new(x.slice_axis(Axis(0), slice).to_owned(), targets)
        };
        (select(0..self.rows), select(self.rows..rows))
    }

    /// How good a network is on rows: accuracy, or R².
    pub fn score(&self, network: &Network, examples: &Examples) -> f64 {
        match evaluate(network, examples).1 {
            Metrics::Classification(measured) => measured.accuracy,
            Metrics::Regression(measured) => measured.r2.unwrap_or(f64::NAN),
        }
    }

    /// Writes the rows where the peers look for them, as f32, little-endian, row-major.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        let (train, test) = self.examples();
        for (set, examples) in [("train", train), ("test", test)] {
            let file = |part: &str| folder.join(format!("{}.{set}.{part}.f32", self.name.to_lowercase()));
            let inputs = examples.inputs().as_slice().expect("row-major inputs");
            fs::write(file("inputs"), bytemuck::cast_slice(inputs))?;
            let targets: Vec<f32> = match examples.targets() {
                Targets::Values(values) => values.iter().copied().collect(),
                Targets::Classes(classes) => classes.iter().map(|class| *class as f32).collect(),
            };
            fs::write(file("targets"), bytemuck::cast_slice(&targets))?;
        }
        Ok(())
    }

    /// What the peers need to know of it.
    pub fn describe(&self, epochs: u64) -> serde_json::Value {
        let output = match self.loss {
            Loss::CrossEntropy => "softmax",
            Loss::BinaryCrossEntropy => "sigmoid",
            _ => "linear",
        };
        json!({"name": self.name, "rows": self.rows, "test_rows": self.test_rows, "inputs": self.layers[0],
               "layers": self.layers, "output": output, "batch_size": self.batch_size,
               "learning_rate": self.learning_rate, "optimizer": "adam", "epochs": epochs})
    }
}

/// Where the peers' XOR starts too.
const XOR: &str = include_str!("../../tests/reference/xor.json");

/// The article's XOR: the network, its settings (10,000 epochs of one batch, η = 0.2 under the mean loss), its four rows.
pub fn xor() -> (Network, ValidTrainingSpec, Examples) {
    let reference: serde_json::Value = serde_json::from_str(XOR).expect("the reference is JSON");
    let start = serde_json::from_value(reference["initial_parameters"].clone()).expect("parameters of each layer");
    let spec = ModelSpec {
        layers: [2, 2, 1].map(LayerSpec::from).to_vec(),
        activation: Some(Activation::Sigmoid),
        output_activation: Some(OutputActivation::Elementwise(Activation::Sigmoid)),
        loss: Some(Loss::Mse),
        initial_parameters: Some(start),
        ..ModelSpec::default()
    };
    let (model, start) = spec.check().expect("a valid model");
    let settings = TrainingSpec {
        epochs: Some(10_000),
        batch_size: Some(BatchSize::Rows(4)),
        optimizer: Some(Optimizer::Sgd {}),
        learning_rate: Some(0.2),
        ..TrainingSpec::default()
    };
    let settings = settings.check(model.seed, Classes::of(&model)).expect("valid settings");
    let inputs = ndarray::arr2(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    let targets = ndarray::arr2(&[[0.0], [1.0], [1.0], [0.0]]);
    let network = Network::with_parameters(Arc::new(model), start.expect("given parameters"));
    (network, settings, Examples::new(inputs, Targets::Values(targets)))
}
