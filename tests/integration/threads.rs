//! Threads change the time of a training and not its bits.

use std::sync::Arc;

use epochd::learning::diagnosis::Warning;
use epochd::learning::examples::{Examples, Targets};
use epochd::learning::loss::Loss;
use epochd::learning::network::Network;
use epochd::learning::report::EpochReport;
use epochd::learning::spec::{Embedding, LayerSpec, ModelSpec, ValidModelSpec};
use epochd::learning::team::{Cores, Team};
use epochd::learning::trainer::{Control, Observer, Trainer};
use epochd::learning::training::{BatchSize, Classes, TrainingSpec};
use ndarray::Array2;

/// Keeps the losses of every epoch.
#[derive(Default)]
struct Losses(Vec<(u64, Option<u64>)>);

impl Observer for Losses {
    fn batch(&mut self, _: usize) -> Control {
        Control::Continue
    }

    fn epoch(&mut self, report: &EpochReport) -> Control {
        self.0.push((report.loss.to_bits(), report.validation_loss.map(f64::to_bits)));
        Control::Continue
    }

    fn warning(&mut self, _: Warning) {}
}

fn rows(model: &ValidModelSpec, count: usize) -> Examples {
    let plain = model.plain_inputs();
    let inputs = Array2::from_shape_fn((count, model.inputs()), |(i, j)| match j < plain {
        true => ((i * 31 + j * 17) % 101) as f32 / 50.0 - 1.0,
        false => (i % 40) as f32,
    });
    Examples::new(inputs, Targets::Classes((0..count).map(|i| (i % 40 % 3) as u32).collect()))
}

/// Losses and parameters of a training that is wide enough for threads, in every way it can be cut: several tiles and a
/// partial last batch, several blocks of a layer, an embedding, dropout; batches of one pass or of several.
fn train(threads: Option<usize>, batch_size: u64, clip: Option<f64>) -> (Losses, Vec<u32>) {
    let layers: Vec<LayerSpec> = serde_json::from_value(serde_json::json!(
        [304, {"units": 300, "activation": "gelu", "dropout": 0.2}, {"units": 40, "activation": "tanh"}, 3]
    ))
    .expect("layers");
    let embeddings = vec![Embedding { values: 40, dimensions: 4, bag: None }];
    let model = ModelSpec { layers, embeddings, loss: Some(Loss::CrossEntropy), ..ModelSpec::default() };
    let model = model.check().expect("a valid model").0;
    let settings = TrainingSpec {
        epochs: Some(2),
        batch_size: Some(BatchSize::Rows(batch_size)),
        gradient_clip_norm: clip,
        ..TrainingSpec::default()
    };
    let settings = settings.check(model.seed, Classes::of(&model)).expect("valid settings");
    let (train, validation) = (rows(&model, 2_500), rows(&model, 700));
    let trainer = Trainer::new(Network::new(Arc::new(model)), &settings, &train, Some(&validation));
    let mut trainer = match threads {
        None => trainer,
        Some(threads) => trainer.on(Team::on(&Cores::new(threads))),
    };
    let mut losses = Losses::default();
    trainer.run(&mut losses).expect("no divergence");
    (losses, trainer.into_network().parameters().iter().map(|w| w.to_bits()).collect())
}

/// Four networks side by side, the last without rows to be measured on: losses and all parameters.
fn train_members(threads: usize) -> (Losses, Vec<u32>) {
    let layers: Vec<LayerSpec> =
        serde_json::from_value(serde_json::json!([6, {"units": 8, "dropout": 0.2}, 3])).expect("layers");
    let model = ModelSpec { layers, loss: Some(Loss::CrossEntropy), ..ModelSpec::default() };
    let model = Arc::new(model.check().expect("a valid model").0);
    let settings = TrainingSpec { epochs: Some(20), batch_size: Some(BatchSize::Rows(64)), ..TrainingSpec::default() };
    let settings = settings.check(model.seed, Classes::of(&model)).expect("valid settings");
    let examples = rows(&model, 600);
    let networks = (0..4).map(|_| Network::new(model.clone())).collect();
    let folds = [0..200, 200..500, 500..600, 600..600];
    let mut trainer =
        Trainer::of_members(networks, &settings, &examples, Some(&examples), &folds).on(Team::on(&Cores::new(threads)));
    let mut losses = Losses::default();
    trainer.run(&mut losses).expect("no divergence");
    (losses, trainer.into_networks().iter().flat_map(|one| one.parameters()).map(|w| w.to_bits()).collect())
}

#[test]
fn networks_side_by_side_are_the_same_on_any_number_of_threads_and_differ_from_each_other() {
    let (losses, parameters) = train_members(1);
    for threads in [2, 3, 7] {
        let (other, others) = train_members(threads);
        assert!(losses.0 == other.0 && parameters == others, "{threads} threads");
    }
    let each: Vec<&[u32]> = parameters.chunks(parameters.len() / 4).collect();
    assert!((1..4).all(|index| each[0] != each[index]));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (batch_size, clip) in [(200, None), (200, Some(0.1)), (2_500, None), (2_500, Some(0.1))] {
        let (losses, parameters) = train(None, batch_size, clip);
        for threads in [1, 2, 3, 7] {
            let (other, others) = train(Some(threads), batch_size, clip);
            assert!(losses.0 == other.0 && parameters == others, "batches of {batch_size}, {threads} threads");
        }
    }
}
