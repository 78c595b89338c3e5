//! How a model is trained: the settings as they are asked for, and the checked ones that training works with.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::activate::Activate;
use super::class_weight::OF_CLASSES;
pub use super::class_weight::{ClassWeight, Classes};
use super::error::{SpecError, require, shown};
use super::optimizer::Optimizer;
use super::regularization::RegularizationSchedule;
use super::schedule::Schedule;
use super::spec::check_seed;
use super::split::SplitBy;
use super::stopping::EarlyStopping;
use crate::strict::{given, object_or_null, word_or_object};

/// Most epochs of one training.
pub const MAX_EPOCHS: u64 = 1_000_000;
/// Most networks that learn side by side and answer together.
pub const MAX_MEMBERS: usize = 64;
/// Most candidates of which a training chooses those that answer together.
pub const MAX_CANDIDATES: u64 = 64;
/// The share held out where a training says by what, and not how much.
const CHOSEN_SPLIT: f64 = 0.2;
/// Largest batch size; `"full"` has no bound.
pub const MAX_BATCH_SIZE: u64 = 1_000_000;

/// The settings of a training as they are asked for. A setting that may be left out may be null only where null has a
/// meaning: off.
///
/// | setting | default | range | purpose |
/// |---|---|---|---|
/// | `epochs` | 100 | 1 to 1,000,000 | passes over the training rows |
/// | `batch_size` | 32 | 1 to 1,000,000, or `full` | rows of one step |
/// | `shuffle` | true | | whether rows are put in a new order every epoch |
/// | `seed` | the model's | 0 to 2⁵³ − 1 | order of rows, dropout, choice of validation rows |
/// | `learning_rate` | the optimizer's | above 0 | η |
/// | `optimizer` | `adam` | | how a gradient becomes a step |
/// | `learning_rate_schedule` | `constant` | | how η moves |
/// | `l1` | 0 | at least 0 | adds l1·sign(w) to a weight's gradient |
/// | `weight_decay` | 0; `adamw` 0.01 | at least 0 | adds λw to a weight's gradient; decoupled under `adamw` |
/// | `regularization_schedule` | `constant` | | how dropout, `weight_decay` and `l1` move: `constant` or `flat_cos` |
/// | `gradient_clip_norm` | off | above 0 | largest norm of the gradient, all parameters together |
/// | `validation_split` | 0; 0.2 where `split` is chosen | 0 to 0.9 | share of rows held out |
/// | `split` | `auto` | | by what the rows held out are chosen |
/// | `early_stopping` | off | | when to stop before the last epoch |
/// | `max_seconds` | off | above 0 | time after which training stops |
/// | `class_weight` | off | above 0 | weight of each class in the loss |
/// | `warm_start` | false | | go on from the active version |
/// | `members` | 1 | 1 to 64 | networks of a model by data set that learn side by side and answer together |
/// | `candidates` | 1 | 1 to 64 | networks with settings of their own, one after the other, of which those answer whose mean errs least |
/// | `target_scale` | by the recipe | | the scale that the numbers of a model by data set are learned in |
/// | `label_smoothing` | 0 | 0 ≤ ε < 1 | learns towards (1 − ε)·y + ε/K in place of the class y of K |
/// | `distill` | off | a version | learn what that version of a model by data set answers, with one network |
/// | `activate` | `always` | | whether the new version serves: `always`, `never`, `if_better` |
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TrainingSpec {
    #[serde(deserialize_with = "given")]
    pub epochs: Option<u64>,
    #[serde(deserialize_with = "given")]
    pub batch_size: Option<BatchSize>,
    #[serde(deserialize_with = "given")]
    pub shuffle: Option<bool>,
    #[serde(deserialize_with = "given")]
    pub seed: Option<u64>,
    #[serde(deserialize_with = "given")]
    pub learning_rate: Option<f64>,
    #[serde(deserialize_with = "word_or_object")]
    pub optimizer: Option<Optimizer>,
    #[serde(deserialize_with = "word_or_object")]
    pub learning_rate_schedule: Option<Schedule>,
    #[serde(deserialize_with = "given")]
    pub l1: Option<f64>,
    #[serde(deserialize_with = "given")]
    pub weight_decay: Option<f64>,
    pub gradient_clip_norm: Option<f64>,
    #[serde(deserialize_with = "given")]
    pub validation_split: Option<f64>,
    #[serde(deserialize_with = "word_or_object")]
    pub split: Option<SplitBy>,
    /// `Some(None)` is never, where the default is otherwise.
    #[serde(deserialize_with = "object_or_null")]
    pub early_stopping: Option<Option<EarlyStopping>>,
    pub max_seconds: Option<f64>,
    pub class_weight: Option<ClassWeight>,
    #[serde(deserialize_with = "given")]
    pub warm_start: Option<bool>,
    #[serde(deserialize_with = "given")]
    pub activate: Option<Activate>,
    /// Networks that learn side by side, of a model by data set.
    #[serde(deserialize_with = "given")]
    pub members: Option<u64>,
    #[serde(deserialize_with = "given")]
    pub regularization_schedule: Option<RegularizationSchedule>,
    /// Networks with drawn settings that are tried, of a model by data set.
    #[serde(deserialize_with = "given")]
    pub candidates: Option<u64>,
    /// Of a regression by data set.
    #[serde(deserialize_with = "given")]
    pub target_scale: Option<TargetScale>,
    /// The version of a model by data set whose answers are learned, in place of the targets.
    #[serde(deserialize_with = "given")]
    pub distill: Option<u64>,
    /// ε, of what has classes.
    #[serde(deserialize_with = "given")]
    pub label_smoothing: Option<f64>,
}

/// The scale that a number is learned in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetScale {
    /// That of the two which errs less on rows held out.
    Auto,
    /// y
    Identity,
    /// ln(1 + y)
    Log1p,
}

fn single() -> u64 {
    1
}

fn one() -> Option<u64> {
    Some(1)
}

/// The checked settings of a training, every default filled in. See [`TrainingSpec`] for their meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ValidTrainingSpec {
    pub epochs: u64,
    pub batch_size: BatchSize,
    pub shuffle: bool,
    pub seed: u64,
    pub learning_rate: f64,
    pub optimizer: Optimizer,
    pub learning_rate_schedule: Schedule,
    pub l1: f64,
    pub weight_decay: f64,
    pub gradient_clip_norm: Option<f64>,
    pub validation_split: f64,
    /// Of trainings from before it could be chosen there is none: their rows were drawn by lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitBy>,
    pub early_stopping: Option<EarlyStopping>,
    pub max_seconds: Option<f64>,
    pub class_weight: Option<ClassWeight>,
    pub warm_start: bool,
    #[serde(default)]
    pub activate: Activate,
    /// Networks that learn side by side and answer together; none: as many as the version has that a warm start goes on from.
    /// There was one before this could be chosen.
    #[serde(default = "one")]
    pub members: Option<u64>,
    #[serde(default)]
    pub regularization_schedule: RegularizationSchedule,
    /// Candidates that are trained one after the other, with drawn settings.
    #[serde(default = "single")]
    pub candidates: u64,
    /// Of trainings from before it could be chosen there is none: they learn in the target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_scale: Option<TargetScale>,
    /// Of a model by data set: the version whose answers are learned, in place of the targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distill: Option<u64>,
    /// There was none before it could be chosen.
    #[serde(default)]
    pub label_smoothing: f64,
    /// Of a model by data set: the columns to learn from that the request named, in place of the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// Of a model by data set: the column that says how much each row counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
}

impl ValidTrainingSpec {
    /// Memory that they take, in bytes, about: columns and classes that are named may be thousands.
    pub fn bytes(&self) -> u64 {
        /// What a name takes beside its text.
        const NAME: usize = 40;
        let given = match &self.class_weight {
            Some(ClassWeight::Given(weights)) => weights.keys().map(|class| class.len() + 2 * NAME).sum(),
            _ => 0,
        };
        let named: usize = self.features.iter().flatten().map(|name| name.len() + NAME).sum();
        (size_of::<Self>() + given + named) as u64
    }
}

impl TrainingSpec {
    /// Checks the settings for a training of something with these classes; `seed` is the one to use if they name none.
    ///
    /// # Errors
    /// The first setting that is out of range or does not go with the classes.
    pub fn check(self, seed: u64, classes: Classes) -> Result<ValidTrainingSpec, SpecError> {
        let optimizer = self.optimizer.unwrap_or_default();
        let split = self.split.unwrap_or_default();
        let warm_start = self.warm_start.unwrap_or(false);
        let share = if split.is_chosen() { CHOSEN_SPLIT } else { 0.0 };
        let valid = ValidTrainingSpec {
            epochs: self.epochs.unwrap_or(100),
            batch_size: self.batch_size.unwrap_or(BatchSize::Rows(32)),
            shuffle: self.shuffle.unwrap_or(true),
            seed: self.seed.unwrap_or(seed),
            learning_rate: self.learning_rate.unwrap_or(optimizer.default_learning_rate()),
            weight_decay: self.weight_decay.unwrap_or(optimizer.default_weight_decay()),
            optimizer,
            learning_rate_schedule: self.learning_rate_schedule.unwrap_or_default(),
            l1: self.l1.unwrap_or(0.0),
            gradient_clip_norm: self.gradient_clip_norm,
            validation_split: self.validation_split.unwrap_or(share),
            split: Some(split),
            early_stopping: self.early_stopping.flatten(),
            max_seconds: self.max_seconds,
            class_weight: self.class_weight,
            warm_start,
            activate: self.activate.unwrap_or_default(),
            members: self.members.or((!warm_start).then_some(1)),
            regularization_schedule: self.regularization_schedule.unwrap_or_default(),
            candidates: self.candidates.unwrap_or(1),
            target_scale: self.target_scale,
            distill: self.distill,
            label_smoothing: self.label_smoothing.unwrap_or(0.0),
            features: None,
            weights: None,
        };
        valid.check_ranges()?;
        valid.optimizer.check()?;
        valid.learning_rate_schedule.check()?;
        valid.early_stopping.as_ref().map_or(Ok(()), EarlyStopping::check)?;
        valid.class_weight.as_ref().map_or(Ok(()), |weights| weights.check(classes))?;
        let has_classes = !matches!(classes, Classes::None);
        require(has_classes || valid.label_smoothing == 0.0, "/label_smoothing", || {
            format!("label_smoothing needs classes: {OF_CLASSES}")
        })?;
        Ok(valid)
    }
}

impl ValidTrainingSpec {
    /// How many networks learn; one where that is not known yet.
    pub fn networks(&self) -> usize {
        self.members.map_or(1, |members| members as usize)
    }

    fn check_ranges(&self) -> Result<(), SpecError> {
        let within = |name: &str, holds: bool, value: &dyn std::fmt::Display, range: &str| {
            require(holds, &format!("/{name}"), || format!("{name} is {value}; it must be {range}"))
        };
        let not_negative = |value: f64| value >= 0.0 && value.is_finite();
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let optional = |name: &str, value: Option<f64>| {
            value.map_or(Ok(()), |value| within(name, positive(value), &shown(value), "above 0"))
        };
        if let BatchSize::Rows(rows) = self.batch_size {
            let holds = (1..=MAX_BATCH_SIZE).contains(&rows);
            within("batch_size", holds, &rows, "between 1 and 1000000, or \"full\"")?;
        }
        let split = self.validation_split;
        within("epochs", (1..=MAX_EPOCHS).contains(&self.epochs), &self.epochs, "between 1 and 1000000")?;
        check_seed(self.seed)?;
        within("learning_rate", positive(self.learning_rate), &shown(self.learning_rate), "above 0")?;
        within("l1", not_negative(self.l1), &shown(self.l1), "at least 0")?;
        within("weight_decay", not_negative(self.weight_decay), &shown(self.weight_decay), "at least 0")?;
        within("validation_split", (0.0..=0.9).contains(&split), &shown(split), "between 0 and 0.9")?;
        let splits = split > 0.0 || !self.split.as_ref().is_some_and(SplitBy::is_chosen);
        require(splits, "/split", || "validation_split is 0: no rows are held out that `split` could choose".into())?;
        let smoothing = self.label_smoothing;
        within("label_smoothing", (0.0..1.0).contains(&smoothing), &shown(smoothing), "at least 0 and below 1")?;
        self.distill.map_or(Ok(()), |_| self.check_distillation())?;
        let members = self.members.unwrap_or(1);
        within("members", (1..=MAX_MEMBERS as u64).contains(&members), &members, "between 1 and 64")?;
        let goes_on = self.warm_start && self.members.is_some();
        require(!goes_on, "/members", || {
            "a warm start goes on with the networks of its version: leave `members` out".into()
        })?;
        let candidates = self.candidates;
        within("candidates", (1..=MAX_CANDIDATES).contains(&candidates), &candidates, "between 1 and 64")?;
        require(candidates == 1 || !self.warm_start, "/candidates", || {
            "a warm start goes on with the networks of its version: leave `candidates` out".into()
        })?;
        optional("gradient_clip_norm", self.gradient_clip_norm)?;
        optional("max_seconds", self.max_seconds)
    }

    /// Checks what does not go with learning the answers of a version.
    fn check_distillation(&self) -> Result<(), SpecError> {
        let without = |is_absent: bool, name: &str, why: &str| {
            require(is_absent, &format!("/{name}"), || format!("`distill` {why}: leave `{name}` out"))
        };
        without(
            !self.warm_start,
            "warm_start",
            "begins a network anew, and a warm start goes on with those of its version",
        )?;
        without(self.members == Some(1), "members", "makes one network of a version")?;
        without(self.candidates == 1, "candidates", "makes one network of a version")?;
        without(
            self.class_weight.is_none(),
            "class_weight",
            "learns what a version answers, not the classes of the rows",
        )?;
        let learns_classes = self.label_smoothing == 0.0;
        without(learns_classes, "label_smoothing", "learns what a version answers, not the classes of the rows")?;
        without(self.target_scale.is_none(), "target_scale", "keeps the scale of its version")
    }
}

/// Rows of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// So many; the last batch of an epoch may be smaller.
    Rows(u64),
    /// All training rows: one step an epoch.
    Full,
}

impl BatchSize {
    /// Rows of a batch when there are `rows` in all.
    pub fn of(self, rows: usize) -> usize {
        match self {
            BatchSize::Full => rows,
            BatchSize::Rows(size) => rows.min(usize::try_from(size).unwrap_or(usize::MAX)),
        }
    }
}

impl Serialize for BatchSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            BatchSize::Rows(rows) => serializer.serialize_u64(*rows),
            BatchSize::Full => serializer.serialize_str("full"),
        }
    }
}

impl<'de> Deserialize<'de> for BatchSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BatchSizeVisitor;
        impl Visitor<'_> for BatchSizeVisitor {
            type Value = BatchSize;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a number of rows or \"full\"")
            }

            fn visit_u64<E: Error>(self, rows: u64) -> Result<BatchSize, E> {
                Ok(BatchSize::Rows(rows))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<BatchSize, E> {
                if word == "full" { Ok(BatchSize::Full) } else { Err(E::unknown_variant(word, &["full"])) }
            }
        }
        deserializer.deserialize_any(BatchSizeVisitor)
    }
}
