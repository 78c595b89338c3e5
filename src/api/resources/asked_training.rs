//! What `POST /train` asks for: in its query, or in the part `options` of a form.

use std::collections::BTreeMap;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::{IntoDeserializer, MapAccess, Visitor, value};
use serde::{Deserialize, Deserializer};

use super::models::GivenParts;
use crate::api::body::columns::take_columns;
use crate::api::body::form::Options;
use crate::api::body::parse::{parse_json, parse_query, take_repeated};
use crate::api::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::data::asked::{AskedColumn, AskedColumns, check_missing};
use crate::data::encoder::Task;
use crate::data::json::ColumnNames;
use crate::data::limits::MAX_NAME_CHARACTERS;
use crate::data::profile::TableProfile;
use crate::learning::activate::Activate;
use crate::learning::spec::{MAX_LAYERS, MAX_WIDTH};
use crate::learning::split::SplitBy;
use crate::learning::training::{ClassWeight, Classes, TargetScale, TrainingSpec};
use crate::models::recipe::{Part, Recipe};
use crate::models::table::TableRequest;
use crate::models::table_loss::LossOfNumbers;
use crate::strict::{Beside, Fields, Name, at_most, map_of_at_most, once};
use crate::wording::Shown;

/// A data set, a model by it and its training, as far as it can be known before the data is.
pub struct AskedTraining {
    /// Of the data set and the model.
    pub name: Option<String>,
    /// How the file is read.
    pub columns: AskedColumns,
    /// The columns to learn from as a query names them: one each, or several with commas between them.
    pub features: Vec<String>,
    /// The model, with the features that a form names.
    pub model: TableRequest,
    /// How it is trained.
    pub settings: TrainingSpec,
}

/// The fields of `options` that are not a training's.
#[derive(Default)]
struct FileFields {
    name: Option<String>,
    target: Option<Column>,
    features: Option<ColumnNames>,
    weights: Option<Column>,
    task: Option<Task>,
    recipe: Option<Recipe>,
    without: Option<GivenParts>,
    hidden_layers: Option<Widths>,
    loss: Option<LossOfNumbers>,
    quantile: Option<f64>,
    types: Option<Types>,
    missing: Option<ColumnNames>,
    skip_columns: Option<ColumnNames>,
    sheet: Option<Column>,
}

type Column = Name<MAX_NAME_CHARACTERS>;

/// Widths of layers, not more than may be.
#[derive(Deserialize)]
#[serde(transparent)]
struct Widths(#[serde(deserialize_with = "at_most::<_, _, MAX_LAYERS>")] Vec<usize>);

/// What is asked of columns by name.
struct Types(BTreeMap<String, AskedColumn>);

impl<'de> Deserialize<'de> for Types {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TypesVisitor;
        impl<'de> Visitor<'de> for TypesVisitor {
            type Value = Types;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of types by column")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Types, A::Error> {
                map_of_at_most::<_, _, MAX_WIDTH>(map).map(Types)
            }
        }
        deserializer.deserialize_map(TypesVisitor)
    }
}

impl Fields for FileFields {
    const NAMES: &'static [&'static str] = &[
        "name",
        "target",
        "features",
        "weights",
        "task",
        "recipe",
        "without",
        "hidden_layers",
        "loss",
        "quantile",
        "types",
        "missing",
        "skip_columns",
        "sheet",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "name" => once(&mut self.name, name, map),
            "target" => once(&mut self.target, name, map),
            "features" => once(&mut self.features, name, map),
            "weights" => once(&mut self.weights, name, map),
            "task" => once(&mut self.task, name, map),
            "recipe" => once(&mut self.recipe, name, map),
            "without" => once(&mut self.without, name, map),
            "hidden_layers" => once(&mut self.hidden_layers, name, map),
            "loss" => once(&mut self.loss, name, map),
            "quantile" => once(&mut self.quantile, name, map),
            "types" => once(&mut self.types, name, map),
            "missing" => once(&mut self.missing, name, map),
            "skip_columns" => once(&mut self.skip_columns, name, map),
            _ => once(&mut self.sheet, name, map),
        }
    }
}

impl AskedTraining {
    /// What the part `options` of a form asks for: the settings of a training, and what else the query may have.
    ///
    /// # Errors
    /// As of a JSON body, with pointers into the part.
    pub fn of_options(options: &Options) -> Result<Self, ApiError> {
        let Beside { fields, others: settings } = parse_json::<Beside<FileFields, TrainingSpec>>(options.bytes())?;
        let names = |names: Option<ColumnNames>| names.map(|ColumnNames(names)| names).unwrap_or_default();
        let text = |name: Option<Column>| name.map(|Name(name)| name);
        let Some(Name(target)) = fields.target else {
            let detail = "missing field `target`: the column to predict";
            return Err(ApiError::at(ErrorCode::MissingField, "/target", detail));
        };
        let missing = names(fields.missing);
        check_missing(&missing).map_err(|fault| ApiError::at(ErrorCode::InvalidValue, "/missing", fault))?;
        let columns = AskedColumns {
            columns: fields.types.map(|Types(types)| types).unwrap_or_default(),
            missing,
            skipped: names(fields.skip_columns),
            sheet: text(fields.sheet),
            ..AskedColumns::default()
        };
        if columns.skipped.contains(&target) {
            let detail = format!("the target {} is one of skip_columns", Shown(&target));
            return Err(ApiError::at(ErrorCode::InvalidValue, "/target", detail));
        }
        if settings.warm_start == Some(true) {
            let detail = "a new model has no version that a warm start could go on from";
            return Err(ApiError::at(ErrorCode::InvalidValue, "/warm_start", detail));
        }
        if settings.distill.is_some() {
            let detail = "a new model has no version that could be distilled";
            return Err(ApiError::at(ErrorCode::InvalidValue, "/distill", detail));
        }
        let model = TableRequest {
            target,
            features: fields.features.map(|ColumnNames(names)| names),
            weights: text(fields.weights),
            task: fields.task,
            recipe: fields.recipe,
            without: fields.without.map(|GivenParts(parts)| parts).unwrap_or_default(),
            hidden_layers: fields.hidden_layers.map(|Widths(widths)| widths),
            loss: fields.loss.map(|LossOfNumbers(loss)| loss),
            quantile: fields.quantile,
            seed: settings.seed,
            ..TableRequest::default()
        };
        Ok(AskedTraining { name: fields.name, columns, features: Vec::new(), model, settings })
    }
}

/// The parameters of `POST /train`, as errors name them.
pub const PARAMETERS: [&str; 24] = [
    "name",
    "target",
    "features",
    "task",
    "recipe",
    "epochs",
    "hidden_layers",
    "seed",
    "validation_split",
    "split",
    "max_seconds",
    "types",
    "missing",
    "skip_columns",
    "activate",
    "class_weight",
    "weights",
    "sheet",
    "members",
    "candidates",
    "target_scale",
    "without",
    "loss",
    "quantile",
];

/// The parameters of `POST /train`, `features` among them, once for each column: names may contain any separator.
pub struct TrainQuery {
    params: TrainParams,
    features: Vec<String>,
    columns: AskedColumns,
    /// Whether there is none.
    pub is_empty: bool,
}

impl FromRequestParts<App> for TrainQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or("");
        let (features, rest) = take_repeated(query, "features");
        let (columns, rest) = take_columns(&rest)?;
        Ok(TrainQuery { params: parse_query(&rest)?, features, columns, is_empty: query.is_empty() })
    }
}

/// The columns that `features` names: one each, or several with commas between them where no column has that name.
pub fn columns_named(features: &[String], profile: &TableProfile) -> Option<Vec<String>> {
    let known = profile.names();
    let parts = |given: &String| match known.contains(given.as_str()) {
        true => vec![given.clone()],
        false => given.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    (!features.is_empty()).then(|| features.iter().flat_map(parts).collect())
}

/// The other parameters of `POST /train`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainParams {
    name: Option<String>,
    target: Option<String>,
    task: Option<Task>,
    recipe: Option<Recipe>,
    epochs: Option<u64>,
    hidden_layers: Option<String>,
    seed: Option<u64>,
    validation_split: Option<f64>,
    split: Option<String>,
    max_seconds: Option<f64>,
    activate: Option<Activate>,
    class_weight: Option<String>,
    weights: Option<String>,
    members: Option<u64>,
    candidates: Option<u64>,
    target_scale: Option<TargetScale>,
    without: Option<String>,
    loss: Option<LossOfNumbers>,
    quantile: Option<f64>,
}

impl TrainQuery {
    /// What they ask for.
    ///
    /// # Errors
    /// `missing_field` without a target; `invalid_value` with the parameter's name.
    pub fn asked(self) -> Result<AskedTraining, ApiError> {
        let TrainQuery { params, features, columns, .. } = self;
        let (model, settings) = params.asked(&columns)?;
        Ok(AskedTraining { name: params.name, columns, features, model, settings })
    }
}

impl TrainParams {
    /// The model and the training that are asked for, as far as it can be known before the data is.
    fn asked(&self, columns: &AskedColumns) -> Result<(TableRequest, TrainingSpec), ApiError> {
        let target = self.target.clone().ok_or_else(|| {
            let detail = "missing query parameter `target`: the column to predict";
            ApiError::parameter(ErrorCode::MissingField, "target", detail)
        })?;
        if columns.skipped.contains(&target) {
            let detail = format!("the target {} is one of skip_columns", Shown(&target));
            return Err(ApiError::parameter(ErrorCode::InvalidValue, "target", detail));
        }
        let (hidden_layers, without, weights) = (self.widths()?, self.without()?, self.weights.clone());
        let TrainParams { seed, task, recipe, loss, quantile, .. } = *self;
        let settings = TrainingSpec {
            epochs: self.epochs,
            validation_split: self.validation_split,
            split: self.split()?,
            max_seconds: self.max_seconds,
            activate: self.activate,
            members: self.members,
            candidates: self.candidates,
            target_scale: self.target_scale,
            ..TrainingSpec::default()
        };
        let in_range = settings.clone().check(0, Classes::None);
        in_range.map_err(|error| ApiError::from(error).of_query(&PARAMETERS))?;
        let settings = TrainingSpec { class_weight: self.class_weight()?, ..settings };
        let model = TableRequest {
            target,
            weights,
            task,
            recipe,
            without,
            hidden_layers,
            loss: loss.map(|LossOfNumbers(loss)| loss),
            quantile,
            seed,
            ..TableRequest::default()
        };
        Ok((model, settings))
    }

    /// The word `balanced`: weights by class stand in the body of a training.
    fn class_weight(&self) -> Result<Option<ClassWeight>, ApiError> {
        match self.class_weight.as_deref() {
            None => Ok(None),
            Some("balanced") => Ok(Some(ClassWeight::Balanced)),
            Some(other) => {
                let detail = format!("class_weight is {}; balanced is expected", Shown(other));
                Err(ApiError::parameter(ErrorCode::InvalidValue, "class_weight", detail))
            }
        }
    }

    fn split(&self) -> Result<Option<SplitBy>, ApiError> {
        let Some(text) = &self.split else { return Ok(None) };
        let wrong = |expected: String| {
            let detail = format!("split is {}; {expected}", Shown(text));
            ApiError::parameter(ErrorCode::InvalidValue, "split", detail)
        };
        text.parse().map(Some).map_err(wrong)
    }

    /// Parts such as `bins,waves`.
    fn without(&self) -> Result<Vec<Part>, ApiError> {
        let Some(text) = &self.without else { return Ok(Vec::new()) };
        let part = |word: &str| Part::deserialize(word.trim().into_deserializer());
        let parts: Result<Vec<Part>, value::Error> = text.split(',').map(part).collect();
        let detail = |error| format!("without is {}; parts such as bins,waves are expected: {error}", Shown(text));
        parts.map_err(|error| ApiError::parameter(ErrorCode::InvalidValue, "without", detail(error)))
    }

    /// Widths such as `64,32`.
    fn widths(&self) -> Result<Option<Vec<usize>>, ApiError> {
        let Some(text) = &self.hidden_layers else { return Ok(None) };
        let widths: Result<Vec<usize>, _> = text.split(',').map(|width| width.trim().parse()).collect();
        let detail = || format!("hidden_layers is {}; widths such as 64,32 are expected", Shown(text));
        let wrong = |_| ApiError::parameter(ErrorCode::InvalidValue, "hidden_layers", detail());
        widths.map(Some).map_err(wrong)
    }
}
