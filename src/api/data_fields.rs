//! What a request trains or measures on: rows in the request, or a stored data set.

use serde::Deserialize;

use super::error::{ApiError, ErrorCode};
use super::extract::blocking;
use crate::app::App;
use crate::data::cell::format_number;
use crate::data::column::{ColumnType, Table, Values};
use crate::data::encoder::{classes, rows_with};
use crate::data::rows::{Rows, RowsOrNames};
use crate::datasets::{Dataset, DatasetError};
use crate::learning::loss::Loss;
use crate::learning::spec::ValidModelSpec;
use crate::learning::strict::given;
use crate::models::inline::InlineExamples;

/// Inputs with targets, or a data set with the names of their columns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFields {
    #[serde(default, deserialize_with = "given")]
    pub inputs: Option<Rows>,
    #[serde(default, deserialize_with = "given")]
    pub targets: Option<RowsOrNames>,
    #[serde(default, deserialize_with = "given")]
    pub dataset: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub features: Option<Vec<String>>,
}

impl DataFields {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_none() && self.targets.is_none() && self.dataset.is_none() && self.features.is_none()
    }

    /// The examples for a model by layer sizes; `at` is the JSON pointer of the object they stand in.
    ///
    /// # Errors
    /// A field is missing or does not go with another; there is no such data set or column.
    pub async fn examples(self, app: &App, spec: &ValidModelSpec, at: &str) -> Result<InlineExamples, ApiError> {
        let DataFields { inputs, targets, dataset, features } = self;
        let wrong =
            |field: &str, detail: &str| Err(ApiError::at(ErrorCode::InvalidValue, format!("{at}/{field}"), detail));
        match (dataset, inputs, targets) {
            (None, Some(inputs), Some(RowsOrNames::Rows(targets))) if features.is_none() => {
                Ok(InlineExamples { inputs, targets })
            }
            (None, Some(_), Some(RowsOrNames::Rows(_))) => wrong("features", "`features` goes with `dataset`"),
            (None, _, Some(RowsOrNames::Names(_))) => wrong("targets", "names of columns go with `dataset`"),
            (None, None, _) => Err(missing(at, "inputs", "rows, or a `dataset`")),
            (None, Some(_), None) => Err(missing(at, "targets", "a target for each row")),
            (Some(_), Some(_), _) => wrong("inputs", "give either `inputs` or `dataset`, not both"),
            (Some(_), _, Some(RowsOrNames::Rows(_))) => {
                wrong("targets", "with `dataset`, targets are names of columns")
            }
            (Some(key), None, Some(RowsOrNames::Names(targets))) => {
                let features = features.ok_or_else(|| missing(at, "features", "the columns to learn from"))?;
                let dataset = app.datasets.get(&key).await?;
                columns_as_rows(app, &dataset, features, targets, spec, at).await
            }
            (Some(_), None, None) => Err(missing(at, "targets", "the columns to predict")),
        }
    }

    /// The data set of a model by data set: the one named, or the model's own.
    ///
    /// # Errors
    /// `wrong_model_kind` for rows; there is no such data set.
    pub async fn dataset(self, app: &App, own: Option<uuid::Uuid>, at: &str) -> Result<Dataset, ApiError> {
        if self.inputs.is_some() || self.targets.is_some() || self.features.is_some() {
            let detail = "a model by data set trains on a `dataset`: its columns are the model's own";
            return Err(ApiError::new(ErrorCode::WrongModelKind, detail));
        }
        if let Some(key) = self.dataset {
            return Ok(app.datasets.get(&key).await?);
        }
        let own = own.ok_or_else(|| missing(at, "dataset", "the model was imported and has no data set of its own"))?;
        app.datasets.get(&own.to_string()).await.map_err(|error| match error {
            DatasetError::NotFound(id) => {
                let detail =
                    format!("the data set that the model was made for ({id}) is deleted: name another as `dataset`");
                ApiError::new(ErrorCode::DatasetNotFound, detail)
            }
            error => error.into(),
        })
    }
}

fn missing(at: &str, field: &str, what: &str) -> ApiError {
    let detail = format!("missing field `{field}`: {what}");
    ApiError::at(ErrorCode::MissingField, format!("{at}/{field}"), detail)
}

/// Columns of numbers as rows of inputs and targets.
async fn columns_as_rows(
    app: &App,
    dataset: &Dataset,
    features: Vec<String>,
    targets: Vec<String>,
    spec: &ValidModelSpec,
    at: &str,
) -> Result<InlineExamples, ApiError> {
    for (field, names) in [("features", &features), ("targets", &targets)] {
        if let Some((i, name)) = names.iter().enumerate().find(|(_, name)| dataset.profile.column(name).is_none()) {
            let detail = format!("data set {:?} has no column {name:?}", dataset.title());
            return Err(ApiError::at(ErrorCode::InvalidValue, format!("{at}/{field}/{i}"), detail));
        }
        if names.is_empty() {
            return Err(ApiError::at(ErrorCode::InvalidValue, format!("{at}/{field}"), "no column is named"));
        }
    }
    let bytes = dataset.rows().saturating_mul(features.len() + targets.len()).saturating_mul(16);
    if bytes as u64 > app.settings.training_memory.as_u64() {
        let detail = "these columns need more memory than a training may take (--training-memory)";
        return Err(ApiError::new(ErrorCode::TrainingTooLarge, detail));
    }
    let names = features.iter().chain(&targets).cloned().collect();
    let table = app.datasets.columns(dataset, names).await?;
    let (at, as_classes) = (at.to_owned(), spec.loss == Loss::CrossEntropy && targets.len() == 1);
    let examples = move || {
        let (inputs, outputs) = (0..features.len(), features.len()..features.len() + targets.len());
        let inputs = matrix(&table, inputs, &format!("{at}/features"))?;
        let targets = match as_classes {
            true => Rows::Flat(class_indices(&table, &format!("{at}/targets"))?),
            false => matrix(&table, outputs, &format!("{at}/targets"))?,
        };
        Ok::<_, ApiError>(InlineExamples { inputs, targets })
    };
    blocking(examples).await?
}

fn matrix(table: &Table, columns: std::ops::Range<usize>, at: &str) -> Result<Rows, ApiError> {
    let (start, width) = (columns.start, columns.len());
    let mut flat = vec![0.0; table.rows * width];
    for index in columns {
        let column = &table.columns[index];
        let pointer = format!("{at}/{}", index - start);
        let numbers = column.of_kind(ColumnType::Numeric).ok().filter(|_| column.kind == ColumnType::Numeric);
        let boolean = match &column.values {
            Values::Boolean(values) => {
                Some(values.iter().map(|v| v.map_or(f64::NAN, |v| f64::from(u8::from(v)))).collect())
            }
            _ => None,
        };
        let values: Vec<f64> = match (numbers.as_deref().map(|column| &column.values), boolean) {
            (Some(Values::Numeric(values)), _) => values.clone(),
            (_, Some(values)) => values,
            _ => {
                let detail =
                    format!("column {:?} is {}; a model by layer sizes takes numbers", column.name, column.kind.word());
                return Err(ApiError::at(ErrorCode::InvalidValue, pointer, detail));
            }
        };
        for (row, value) in values.iter().enumerate() {
            let narrow = *value as f32;
            if !narrow.is_finite() {
                let got = if value.is_nan() { "no value".to_owned() } else { format_number(*value) };
                let detail = format!(
                    "column {:?} has {got} in row {row}; a model by layer sizes takes 32-bit numbers",
                    column.name
                );
                return Err(ApiError::at(ErrorCode::InvalidValue, pointer, detail));
            }
            flat[row * width + index - start] = narrow;
        }
    }
    Ok(Rows::of_flat(flat, width))
}

/// The class of each row by the last column: whole numbers as they are, anything else in the order of its classes.
fn class_indices(table: &Table, at: &str) -> Result<Vec<f32>, ApiError> {
    let column = &table.columns[table.columns.len() - 1];
    let rows = rows_with(column);
    if rows.len() < table.rows {
        let detail = format!("column {:?} has rows without a value", column.name);
        return Err(ApiError::at(ErrorCode::InvalidValue, format!("{at}/0"), detail));
    }
    if let Values::Numeric(values) = &column.values {
        return Ok(values.iter().map(|value| *value as f32).collect());
    }
    let names: Vec<String> = classes(column, &rows).into_iter().map(|(class, _)| class).collect();
    let index = |row: usize| {
        let class = column.values.text(row).unwrap_or_default();
        names.binary_search(&class).unwrap_or(0) as f32
    };
    Ok((0..table.rows).map(index).collect())
}
