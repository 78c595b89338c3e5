//! What `POST /train` asks for: in its query, or in the part `options` of a form.

use serde::Deserialize;
use serde::de::MapAccess;

use crate::api::body::form::Options;
use crate::api::body::parse::parse_json;
use crate::api::error::{ApiError, ErrorCode};
use crate::data::asked::{AskedColumn, AskedColumns};
use crate::data::encoder::Task;
use crate::data::json::ColumnNames;
use crate::data::limits::MAX_NAME_CHARACTERS;
use crate::learning::spec::{MAX_LAYERS, MAX_WIDTH};
use crate::learning::training::TrainingSpec;
use crate::models::table::TableRequest;
use crate::strict::{Beside, Fields, Name, at_most, map_of_at_most, once};
use crate::wording::Shown;

/// A data set, a model by it and its training, as far as it can be known before the data is.
pub struct AskedTraining {
    /// Of the data set and the model.
    pub name: Option<String>,
    /// How the file is read.
    pub columns: AskedColumns,
    /// The columns to learn from: as many as there are names, or names with commas between them.
    pub features: Vec<String>,
    /// The model; without the features.
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
    hidden_layers: Option<Widths>,
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
struct Types(std::collections::BTreeMap<String, AskedColumn>);

impl<'de> Deserialize<'de> for Types {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TypesVisitor;
        impl<'de> serde::de::Visitor<'de> for TypesVisitor {
            type Value = Types;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
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
        "hidden_layers",
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
            "hidden_layers" => once(&mut self.hidden_layers, name, map),
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
        let columns = AskedColumns {
            columns: fields.types.map(|Types(types)| types).unwrap_or_default(),
            missing: names(fields.missing),
            skipped: names(fields.skip_columns),
            sheet: text(fields.sheet),
        };
        if columns.skipped.contains(&target) {
            let detail = format!("the target {} is one of skip_columns", Shown(&target));
            return Err(ApiError::at(ErrorCode::InvalidValue, "/target", detail));
        }
        if settings.warm_start == Some(true) {
            let detail = "a new model has no version that a warm start could go on from";
            return Err(ApiError::at(ErrorCode::InvalidValue, "/warm_start", detail));
        }
        let model = TableRequest {
            target,
            weights: text(fields.weights),
            task: fields.task,
            hidden_layers: fields.hidden_layers.map(|Widths(widths)| widths),
            seed: settings.seed,
            ..TableRequest::default()
        };
        Ok(AskedTraining { name: fields.name, columns, features: names(fields.features), model, settings })
    }
}
