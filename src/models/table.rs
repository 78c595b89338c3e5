//! A model by data set: named columns in, classes or values out.

use std::collections::{BTreeSet, HashMap};

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ModelError;
use super::conformal::Conformal;
use super::recipe::{Part, Recipe};
use super::seeming::{check_target, hopeless};
use crate::data::column::{Column, ColumnType, Values};
use crate::data::encoder::Histogram;
use crate::data::encoder::{Encoder, MAX_CLASSES, Target, Task, classes, rows_with};
use crate::data::limits::check_column_name;
use crate::data::profile::TableProfile;
use crate::data::split::Rule;
use crate::learning::activation::Activation;
use crate::learning::calibration::Calibration;
use crate::learning::loss::Loss;
use crate::learning::spec::{MAX_LAYERS, MAX_SEED, MAX_WIDTH};
use crate::wording::Shown;

/// What a request says of a model by data set; what it leaves out has a default.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct TableRequest {
    pub target: String,
    pub features: Option<Vec<String>>,
    pub weights: Option<String>,
    pub task: Option<Task>,
    pub recipe: Option<Recipe>,
    pub without: Vec<Part>,
    pub hidden_layers: Option<Vec<usize>>,
    pub activation: Option<Activation>,
    pub dropout: Option<f64>,
    pub loss: Option<Loss>,
    pub quantile: Option<f64>,
    pub seed: Option<u64>,
}

/// A checked model by data set. Widths, encoding and loss of a version follow from the rows it is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableSpec {
    /// The data set it was made for; none if the model was imported.
    pub dataset: Option<Uuid>,
    /// The column to predict.
    pub target: String,
    /// What is predicted.
    pub task: Task,
    /// The columns to predict it from.
    pub features: Vec<String>,
    /// Whether the client named them: then none is left out for numbering the rows.
    #[serde(default)]
    pub features_chosen: bool,
    /// The column that says how much each row counts: no feature, and not the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Types of the features, in their order, and of the target in the data set it was made for; none of models that are
    /// older than this field.
    #[serde(default)]
    pub types: Vec<ColumnType>,
    /// What the request left open follows from it; models that are older than recipes are plain.
    #[serde(default)]
    pub recipe: Recipe,
    /// Parts of the recipe that it does without, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Part>,
    /// Classes in the data set it was made for; none for a regression.
    pub classes: Vec<String>,
    /// Widths of the hidden layers.
    pub hidden_layers: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Share of units dropped in training.
    pub dropout: f64,
    /// What trainings of a regression minimise; the squared error, where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// The quantile of the loss `quantile`; the median, where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
    /// Seed of the initial parameters, and of trainings that name none.
    pub seed: u64,
}

/// What a version of a model by data set has beside its network.
#[derive(Clone, Debug)]
pub struct TableParts {
    /// The model that it is a version of.
    pub spec: TableSpec,
    /// From columns to the network's input.
    pub encoder: Encoder,
    /// What makes its probabilities honest, where rows were held out.
    pub calibration: Option<Calibration>,
    /// How far off it was on the rows held out.
    pub conformal: Option<Conformal>,
    /// How much each feature matters, most important first; empty where no rows were held out.
    pub importance: Vec<FeatureImportance>,
    /// How the values of each feature of the encoder were distributed over the training rows; empty in versions that are
    /// older than these statistics.
    pub histograms: Vec<Histogram>,
    /// How what the version answers was distributed: over the rows held out, or where those are few, the training rows.
    pub answers: Option<Histogram>,
    /// Which rows were held out; none of versions that are older than this rule, or held none out.
    pub rule: Option<Rule>,
    /// Some encoded training rows (rows × inputs), which explanations begin at; none of versions that are older than these.
    pub background: Option<Array2<f32>>,
}

impl TableParts {
    /// Whether what came with a file is no longer than what is made here.
    ///
    /// # Errors
    /// `File`: what is too long.
    pub fn check_lengths(&self) -> Result<(), ModelError> {
        self.encoder.check_lengths().map_err(ModelError::File)?;
        let (columns, spec) = (self.encoder.known().count(), &self.spec);
        // Features and the target are among the columns; a column that was left out has no importance.
        let lists = [spec.features.len(), spec.types.len(), spec.classes.len(), self.importance.len()];
        let most = [columns, columns + 1, MAX_CLASSES, columns];
        let rule_fits = self.rule.as_ref().is_none_or(|rule| rule.fits(columns));
        if !rule_fits || lists.iter().zip(most).any(|(length, most)| *length > most) {
            return Err(ModelError::File("a list in it is longer than its columns or classes are many".into()));
        }
        let names = spec.features.iter().chain(self.importance.iter().map(|one| &one.feature)).chain(&spec.classes);
        let of_rule = self.rule.iter().flat_map(Rule::names);
        match names
            .chain([&spec.target])
            .chain(&spec.weights)
            .chain(of_rule)
            .find_map(|name| check_column_name(name).err())
        {
            None => Ok(()),
            Some(long) => Err(ModelError::File(long)),
        }
    }
}

/// How much worse the network gets when one feature's values are shuffled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureImportance {
    /// The column.
    pub feature: String,
    /// Mean rise of what versions are compared by ([`TableSpec::metric`]).
    pub importance: f64,
    /// Standard deviation over the shuffles.
    pub std: f64,
}

impl TableRequest {
    /// Checks the request against the columns of the data set `dataset`; `target` has the different values of the
    /// column of that name: all, or more than [`MAX_CLASSES`].
    ///
    /// # Errors
    /// `Invalid` with the pointer of what cannot be used.
    pub fn check(self, dataset: Uuid, profile: &TableProfile, target: &Column) -> Result<TableSpec, ModelError> {
        let invalid = |pointer: &str, detail: String| ModelError::Invalid { pointer: pointer.into(), detail };
        let rows = rows_with(target);
        let task = self.task.unwrap_or_else(|| default_task(target));
        let classes = match task {
            Task::Regression => Vec::new(),
            Task::Classification => {
                classes(target, &rows).into_iter().map(|(class, _)| class).take(MAX_CLASSES + 1).collect()
            }
        };
        check_target(self.task, task, target, rows.len(), profile)
            .map_err(|fault| invalid("/target", format!("the target {} {fault}", Shown(&self.target))))?;
        let fitted = Target::fit(target, task, &rows).map_err(|error| invalid("/target", error.to_string()))?;
        check_weights(self.weights.as_deref(), &self.target, self.features.as_deref())?;
        let features_chosen = self.features.is_some();
        let features = match self.features {
            None => {
                let others = profile.columns.iter().map(|column| &column.name);
                others.filter(|name| **name != self.target && Some(*name) != self.weights.as_ref()).cloned().collect()
            }
            Some(features) => checked_features(features, &self.target, profile)?,
        };
        if let Some(reasons) = hopeless(&features, profile) {
            return Err(invalid("/features", format!("no column is left to learn from: {reasons}")));
        }
        let (names, columns) = (features.iter().chain([&self.target]), profile.by_name());
        let types = names.filter_map(|name| columns.get(name.as_str())).map(|column| column.kind).collect();
        let recipe = self.recipe.unwrap_or(Recipe::Standard);
        let spec = TableSpec {
            types,
            recipe,
            without: checked_parts(self.without, recipe)?,
            dataset: Some(dataset),
            target: self.target,
            task,
            features,
            features_chosen,
            weights: self.weights,
            classes,
            hidden_layers: self.hidden_layers.unwrap_or_else(|| recipe.hidden_layers()),
            activation: self.activation.unwrap_or(recipe.activation()),
            dropout: self.dropout.unwrap_or(recipe.dropout()),
            loss: self.loss,
            quantile: self.quantile,
            seed: self.seed.unwrap_or(0),
        };
        spec.check()?;
        if spec.loss == Some(Loss::Poisson) {
            fitted.as_rate().map_err(|error| invalid("/loss", error.to_string()))?;
        }
        Ok(spec)
    }
}

/// Numbers are for regression but for 0 and 1, everything else is for classification.
fn default_task(target: &Column) -> Task {
    match &target.values {
        Values::Numeric(values) if !values.iter().all(|y| y.is_nan() || *y == 0.0 || *y == 1.0) => Task::Regression,
        _ => Task::Classification,
    }
}

/// Checks that the column of weights is none that is learned from or predicted.
fn check_weights(weights: Option<&str>, target: &str, features: Option<&[String]>) -> Result<(), ModelError> {
    let Some(name) = weights else { return Ok(()) };
    let what = match features {
        _ if name == target => "is the target",
        Some(features) if features.iter().any(|feature| feature == name) => "is one of the features",
        _ => return Ok(()),
    };
    let detail = format!("{} {what}: how much a row counts is told by a column of its own", Shown(name));
    Err(ModelError::Invalid { pointer: "/weights".into(), detail })
}

/// The parts that a model does without, each once.
fn checked_parts(without: Vec<Part>, recipe: Recipe) -> Result<Vec<Part>, ModelError> {
    if recipe == Recipe::Plain && !without.is_empty() {
        let detail = "the recipe `plain` has none of these parts: leave `without` out".to_owned();
        return Err(ModelError::Invalid { pointer: "/without".into(), detail });
    }
    Ok(without.into_iter().collect::<BTreeSet<Part>>().into_iter().collect())
}

fn checked_features(features: Vec<String>, target: &str, profile: &TableProfile) -> Result<Vec<String>, ModelError> {
    let (known, mut seen) = (profile.names(), BTreeSet::new());
    for (i, name) in features.iter().enumerate() {
        let wrong = match () {
            () if !known.contains(name.as_str()) => "is no column of the data set",
            () if name == target => "is the target",
            () if !seen.insert(name) => "is named twice",
            () => continue,
        };
        return Err(ModelError::Invalid {
            pointer: format!("/features/{i}"),
            detail: format!("{} {wrong}", Shown(name)),
        });
    }
    match features.is_empty() {
        true => Err(ModelError::Invalid { pointer: "/features".into(), detail: "features is empty".into() }),
        false => Ok(features),
    }
}

impl TableSpec {
    /// The model as a training on `dataset`, whose columns are `profile`, has it: with these features, if the request names any.
    ///
    /// # Errors
    /// `Invalid` with the pointer of a feature that is no column, the target, or named twice.
    pub fn for_training(
        &self,
        dataset: Uuid,
        profile: &TableProfile,
        features: Option<Vec<String>>,
    ) -> Result<Self, ModelError> {
        let Some(features) = features else { return Ok(TableSpec { dataset: Some(dataset), ..self.clone() }) };
        let features = checked_features(features, &self.target, profile)?;
        let before: HashMap<&String, ColumnType> = self.names().zip(self.types.iter().copied()).collect();
        // A column that is new has the type that it has here.
        let columns = profile.by_name();
        let kind = |name: &String| before.get(name).copied().or_else(|| Some(columns.get(name.as_str())?.kind));
        let types = match self.types.is_empty() {
            true => Vec::new(),
            false => features.iter().chain([&self.target]).filter_map(kind).collect(),
        };
        Ok(TableSpec { dataset: Some(dataset), features, features_chosen: true, types, ..self.clone() })
    }

    /// The same with rows that count as the numbers of this column say, or alike; no feature, unless features were chosen.
    ///
    /// # Errors
    /// `Invalid` at `/weights`: it is the target, a feature that was chosen, or the only one.
    pub fn weighted_by(self, weights: Option<String>) -> Result<Self, ModelError> {
        let chosen = self.features_chosen.then_some(&self.features[..]);
        check_weights(weights.as_deref(), &self.target, chosen)?;
        let (mut features, mut types) = (self.features, self.types);
        if let Some(place) = features.iter().position(|feature| Some(feature) == weights.as_ref()) {
            features.remove(place);
            if place < types.len() {
                types.remove(place);
            }
        }
        if features.is_empty() {
            let detail = "no column is left to learn from beside the one of weights".to_owned();
            return Err(ModelError::Invalid { pointer: "/weights".into(), detail });
        }
        Ok(TableSpec { features, types, weights, ..self })
    }

    /// The same as a version has it that learned on a data set with this profile, with the classes of its encoder.
    pub fn as_learned(&self, encoder: &Encoder, profile: &TableProfile) -> Self {
        let columns = profile.by_name();
        let types = self.names().filter_map(|name| columns.get(name.as_str())).map(|column| column.kind).collect();
        TableSpec { types, classes: encoder.target.classes().to_vec(), ..self.clone() }
    }

    /// The names of the features and of the target, in the order of the types.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.features.iter().chain([&self.target])
    }

    /// Checks what does not depend on data.
    ///
    /// # Errors
    /// `Invalid` with the pointer of what cannot be used.
    pub fn check(&self) -> Result<(), ModelError> {
        let require = |holds: bool, pointer: &str, detail: &str| match holds {
            true => Ok(()),
            false => Err(ModelError::Invalid { pointer: pointer.into(), detail: detail.into() }),
        };
        let widths = self.hidden_layers.iter().all(|units| (1..=MAX_WIDTH).contains(units));
        let layers = self.hidden_layers.len() <= MAX_LAYERS - 2;
        require(layers, "/hidden_layers", "there are at most 62 hidden layers")?;
        require(widths, "/hidden_layers", "the width of a hidden layer lies between 1 and 65536")?;
        require((0.0..1.0).contains(&self.dropout), "/dropout", "dropout lies in 0 ≤ p < 1")?;
        require(self.seed <= MAX_SEED, "/seed", "the largest seed is 2^53 - 1")?;
        self.check_loss()
    }
}
