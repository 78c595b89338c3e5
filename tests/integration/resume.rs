//! Snapshots of the trainer: a training resumed from any batch gives the bits of an undisturbed one.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use epochd::learning::diagnosis::Warning;
use epochd::learning::examples::{Examples, Targets};
use epochd::learning::network::Network;
use epochd::learning::report::{EpochReport, Summary};
use epochd::learning::snapshot::Snapshot;
use epochd::learning::spec::{ModelSpec, ValidModelSpec};
use epochd::learning::trainer::{Control, Observer, Trainer};
use epochd::learning::training::{ClassWeight, Classes, TrainingSpec, ValidTrainingSpec};
use ndarray::Array2;
use serde_json::{Value, json};

const ROWS: usize = 50;

struct Case {
    spec: Arc<ValidModelSpec>,
    settings: ValidTrainingSpec,
    train: Examples,
    validation: Option<Examples>,
    /// Which training rows each of several networks leaves out; they are the validation rows.
    folds: Vec<Range<usize>>,
}

/// Everything that a training tells and leaves.
#[derive(Debug, Default, PartialEq)]
struct Told {
    reports: Vec<EpochReport>,
    warnings: Vec<Warning>,
    summary: Option<Summary>,
    parameters: Vec<u32>,
}

/// Takes snapshots before the batches named, and stops behind the one of `stop_at`.
struct Watch<'a> {
    told: Told,
    batch: usize,
    stop_at: usize,
    snapshots: &'a mut Option<Vec<Snapshot<'static>>>,
}

impl Observer for Watch<'_> {
    fn batch(&mut self, _: usize) -> Control {
        self.batch += 1;
        if self.batch == self.stop_at { Control::Save } else { Control::Continue }
    }

    fn save(&mut self, snapshots: Vec<Snapshot<'_>>) -> Control {
        *self.snapshots = Some(snapshots.into_iter().map(Snapshot::into_owned).collect());
        Control::Stop
    }

    fn epoch(&mut self, report: &EpochReport) -> Control {
        self.told.reports.push(*report);
        Control::Continue
    }

    fn warning(&mut self, warning: Warning) {
        self.told.warnings.push(warning);
    }
}

/// Is in a hurry from a question on, whether that comes within a batch or within the validation rows.
struct Hurry {
    reports: Vec<EpochReport>,
    warnings: Vec<Warning>,
    asked: Cell<usize>,
    at: usize,
    snapshots: Option<Vec<Snapshot<'static>>>,
}

impl Observer for Hurry {
    fn batch(&mut self, _: usize) -> Control {
        if self.asked.get() >= self.at { Control::Save } else { Control::Continue }
    }

    fn save(&mut self, snapshots: Vec<Snapshot<'_>>) -> Control {
        self.snapshots = Some(snapshots.into_iter().map(Snapshot::into_owned).collect());
        Control::Stop
    }

    fn is_urgent(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.asked.get() >= self.at
    }

    fn epoch(&mut self, report: &EpochReport) -> Control {
        self.reports.push(*report);
        Control::Continue
    }

    fn warning(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }
}

impl Case {
    fn new(settings: Value, dropout: f64, class_weight: bool, validation: bool) -> Self {
        Case::of_rows((ROWS, 20), settings, dropout, class_weight, validation)
    }

    /// With so many rows to train and to validate on.
    fn of_rows(
        (train, validated): (usize, usize),
        settings: Value,
        dropout: f64,
        class_weight: bool,
        validation: bool,
    ) -> Self {
        let train_rows = train;
        let layer =
            |units: usize, dropout: f64| -> Value { json!({"units": units, "activation": "tanh", "dropout": dropout}) };
        let layers = [json!(3), layer(7, dropout), layer(5, dropout), json!(1)];
        let layers = layers.map(|layer| serde_json::from_value(layer).expect("a layer"));
        let loss = serde_json::from_value(json!("binary_cross_entropy")).expect("a loss");
        let spec = ModelSpec { layers: layers.to_vec(), loss: Some(loss), seed: Some(4), ..ModelSpec::default() };
        let (spec, _) = spec.check().expect("a valid model");
        let of = |name: &str| settings.get(name).cloned();
        let training = TrainingSpec {
            epochs: Some(6),
            seed: Some(9),
            learning_rate: Some(0.05),
            batch_size: of("batch_size").map(|v| serde_json::from_value(v).expect("a batch size")),
            optimizer: of("optimizer").map(|v| serde_json::from_value(v).expect("an optimizer")),
            learning_rate_schedule: of("schedule").map(|v| serde_json::from_value(v).expect("a schedule")),
            early_stopping: of("early_stopping").map(|v| serde_json::from_value(v).expect("early stopping")).map(Some),
            gradient_clip_norm: of("clip").and_then(|v| v.as_f64()),
            regularization_schedule: of("regularization").map(|v| serde_json::from_value(v).expect("a schedule")),
            class_weight: class_weight.then_some(ClassWeight::Balanced),
            ..TrainingSpec::default()
        };
        let settings = training.check(spec.seed, Classes::of(&spec)).expect("valid settings");
        let examples = |rows: usize, shift: usize| {
            let inputs = Array2::from_shape_fn((rows, 3), |(i, j)| ((i * (j + 2) + shift) % 11) as f32 / 11.0 * 30.0);
            let targets = Array2::from_shape_fn((rows, 1), |(i, _)| ((i + shift) % 3 / 2) as f32);
            Examples::new(inputs, Targets::Values(targets))
        };
        let train = examples(train_rows, 0);
        let weights = (0..train_rows).map(|i| 0.5 + (i % 3) as f32).collect();
        let train = if class_weight { train.with_weights(weights) } else { train };
        let validation = validation.then(|| examples(validated, 5));
        Case { spec: Arc::new(spec), settings, train, validation, folds: Vec::new() }
    }

    /// The same with three networks, each of which leaves out a third of the rows and is measured on that.
    fn in_folds(self) -> Self {
        let third = ROWS / 3;
        let folds = vec![0..third, third..2 * third, 2 * third..ROWS];
        Case { validation: Some(self.train.clone()), folds, ..self }
    }

    fn trainer(&self) -> Trainer<'_> {
        let networks = (0..self.folds.len().max(1)).map(|_| Network::new(self.spec.clone())).collect();
        Trainer::of_members(networks, &self.settings, &self.train, self.validation.as_ref(), &self.folds)
    }

    /// Trains on, from `snapshot` if there is one, until before batch `stop_at`.
    fn run(&self, from: Option<Vec<Snapshot<'static>>>, stop_at: usize) -> (Told, Option<Vec<Snapshot<'static>>>) {
        let mut trainer = self.trainer();
        if let Some(snapshots) = from {
            trainer.resume(snapshots).expect("snapshots of this training");
        }
        let mut snapshots = None;
        let mut watch = Watch { told: Told::default(), batch: 0, stop_at, snapshots: &mut snapshots };
        let summary = trainer.run(&mut watch).expect("no divergence");
        let mut told = watch.told;
        told.summary = Some(summary);
        let networks = trainer.into_networks();
        told.parameters = networks.iter().flat_map(|one| one.parameters()).map(|w| w.to_bits()).collect();
        (told, snapshots)
    }
}

/// Snapshots as they come back from where they were stored.
fn stored(snapshots: Vec<Snapshot<'static>>) -> Vec<Snapshot<'static>> {
    let stored = |snapshot: Snapshot<'static>| {
        let text = serde_json::to_string(&snapshot.state).expect("plain data");
        Snapshot { state: serde_json::from_str(&text).expect("what was written"), ..snapshot }
    };
    snapshots.into_iter().map(stored).collect()
}

#[test]
fn a_training_resumed_from_any_batch_gives_the_bits_of_an_undisturbed_one() {
    let optimizers = ["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"];
    let words = ["constant", "step", "exponential", "cosine", "coslog4", "one_cycle", "reduce_on_plateau"];
    let mut schedules: Vec<Value> = words.iter().map(|word| json!({"type": word})).collect();
    // A fifth wave that always follows, and one that never does.
    schedules.extend([0.0, 0.99].map(|gain| json!({"type": "coslog4", "further_waves": 1, "least_gain": gain})));
    for (i, optimizer) in optimizers.iter().enumerate() {
        for (j, schedule) in schedules.iter().enumerate() {
            let mut settings = json!({"optimizer": {"type": optimizer}, "schedule": schedule, "clip": 0.5,
                                      "batch_size": if (i + j) % 3 == 0 { json!("full") } else { json!(16) }});
            if (i + j) % 2 == 0 {
                settings["early_stopping"] = json!({"patience": 2 + j, "restore_best": true});
            }
            let case = Case::new(settings, 0.2 * (j % 2) as f64, i % 2 == 0, j % 3 != 0);
            let (expected, _) = case.run(None, usize::MAX);
            if let (Some(gain), false) = (schedule["least_gain"].as_f64(), (i + j) % 2 == 0) {
                // The fourth of five waves ends with the third of six epochs.
                assert_eq!(expected.reports.len(), if gain > 0.5 { 3 } else { 6 }, "{optimizer}, {schedule}");
            }
            let batches = if (i + j) % 3 == 0 { 6 } else { 24 };
            for stop_at in [1, 2, batches / 2, batches / 2 + 1, batches] {
                let (first, snapshot) = case.run(None, stop_at);
                let Some(snapshot) = snapshot else { continue }; // It had stopped early before that.
                let (rest, _) = case.run(Some(stored(snapshot)), usize::MAX);
                let told = Told {
                    reports: [first.reports, rest.reports].concat(),
                    warnings: [first.warnings, rest.warnings].concat(),
                    ..rest
                };
                assert_eq!(told, expected, "{optimizer}, {schedule}, before batch {stop_at}");
            }
        }
    }
}

#[test]
fn a_training_may_be_interrupted_before_every_single_batch() {
    let settings = json!({"optimizer": {"type": "adam"}, "batch_size": 16});
    is_interrupted(&Case::new(settings, 0.3, false, true), 24);
}

/// Two batches of each of three networks in each of six epochs; of one that has early stopping, that of its best epoch is what is
/// left of each network.
#[test]
fn networks_side_by_side_may_be_interrupted_before_every_single_batch() {
    let settings = json!({"optimizer": {"type": "adam"}, "batch_size": 24});
    is_interrupted(&Case::new(settings.clone(), 0.3, true, false).in_folds(), 36);
    let stopping = json!({"patience": 50, "restore_best": true});
    let full = json!({"optimizer": {"type": "momentum"}, "batch_size": "full", "early_stopping": stopping});
    is_interrupted(&Case::new(full, 0.3, false, false).in_folds(), 18);
    // One temperature suits the answers of all: the epochs are told, and the best is chosen, by what is left after it.
    let calibrated = json!({"patience": 50, "restore_best": true, "calibrated": true});
    let refined = json!({"optimizer": {"type": "adam"}, "batch_size": 24, "early_stopping": calibrated,
                         "regularization": "flat_cos"});
    let case = Case::new(refined, 0.3, true, false).in_folds();
    is_interrupted(&case, 36);
    let plain = Case::new(settings, 0.3, true, false).in_folds();
    let losses = |case: &Case| {
        case.run(None, usize::MAX).0.reports.iter().map(|report| report.validation_loss).collect::<Vec<_>>()
    };
    assert_ne!(losses(&case), losses(&plain));
}

#[test]
fn networks_side_by_side_stop_at_the_end_of_the_epoch_that_all_have_done() {
    let settings = json!({"optimizer": {"type": "adam"}, "batch_size": 24});
    let case = Case::new(settings.clone(), 0.3, false, false).in_folds();
    let short = |epochs| {
        let mut case = Case::new(settings.clone(), 0.3, false, false).in_folds();
        case.settings.epochs = epochs;
        case.run(None, usize::MAX).0.parameters
    };
    let (expected, fewer) = (short(2), short(1));
    // Before any batch of the third epoch, in whichever network: all are as they were after the second.
    for stop_at in 13..=18 {
        let (told, _) = case.run(None, stop_at);
        assert_eq!(told.summary.and_then(|summary| summary.published).map(|report| report.epoch), Some(2));
        assert!(told.parameters == expected && expected != fewer, "before batch {stop_at}");
    }
}

fn is_interrupted(case: &Case, batches: usize) {
    let (expected, _) = case.run(None, usize::MAX);
    let (mut told, mut snapshot) = case.run(None, 1);
    let mut interruptions = 0;
    while let Some(at) = snapshot {
        interruptions += 1;
        let (rest, next) = case.run(Some(stored(at)), 2);
        told.reports.extend(rest.reports);
        told.warnings.extend(rest.warnings);
        (told.summary, told.parameters) = (rest.summary, rest.parameters);
        snapshot = next;
    }
    assert_eq!(interruptions, batches);
    assert_eq!(told, expected);
}

/// A batch of 3,000 rows is worked off in three shards, and 600 validation rows in three tiles.
#[test]
fn a_training_may_be_interrupted_within_a_batch_and_within_its_validation() {
    let settings = json!({"optimizer": {"type": "adam"}, "batch_size": "full", "early_stopping": {"patience": 5}});
    let case = Case::of_rows((3_000, 600), settings, 0.3, true, true);
    let (expected, _) = case.run(None, usize::MAX);
    let mut interruptions = 0;
    for at in 1..100 {
        let mut trainer = case.trainer();
        let (reports, warnings) = (Vec::new(), Vec::new());
        let mut hurry = Hurry { reports, warnings, asked: Cell::new(0), at, snapshots: None };
        trainer.run(&mut hurry).expect("no divergence");
        let Some(snapshots) = hurry.snapshots else { break };
        interruptions += 1;
        let (rest, _) = case.run(Some(stored(snapshots)), usize::MAX);
        let told = Told {
            reports: [hurry.reports, rest.reports].concat(),
            warnings: [hurry.warnings, rest.warnings].concat(),
            ..rest
        };
        assert_eq!(told, expected, "at question {at}");
    }
    assert!(interruptions >= 6 * 5, "{interruptions}");
}

#[test]
fn a_snapshot_of_another_training_is_refused_and_changes_nothing() {
    let case = Case::new(json!({"optimizer": {"type": "adam"}, "batch_size": 16}), 0.0, false, false);
    let (_, snapshots) = case.run(None, 3);
    let snapshots = snapshots.expect("it was stopped");
    let other = Case::new(json!({"optimizer": {"type": "sgd"}, "batch_size": 16}), 0.0, false, false);
    let mut trainer = other.trainer();
    assert!(trainer.resume(snapshots.clone()).is_err());
    assert!(case.trainer().resume([snapshots.clone(), snapshots.clone()].concat()).is_err());
    let short = Snapshot { order: vec![0; ROWS - 1].into(), ..snapshots[0].clone() };
    assert!(case.trainer().resume(vec![short]).is_err());
    let mut nothing = None;
    let mut watch = Watch { told: Told::default(), batch: 0, stop_at: usize::MAX, snapshots: &mut nothing };
    let summary = trainer.run(&mut watch).expect("no divergence");
    assert_eq!((watch.told.reports, Some(summary)), {
        let (told, _) = other.run(None, usize::MAX);
        (told.reports, told.summary)
    });
}
