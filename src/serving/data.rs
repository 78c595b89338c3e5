//! What is trained or measured on: rows that are given, or columns of a stored data set.

use serde::Deserialize;

use super::error::{ServingError, Wrong};
use super::memory::RequestMemory;
use super::weights::check_weights;
use crate::app::App;
use crate::data::column::{Column, ColumnType, Table, Values};
use crate::data::encoder::{classes, rows_with};
use crate::data::json::{GivenWeights, Rows, RowsOrNames, column_names};
use crate::data::row_weights::weights_of;
use crate::data::values::format_number;
use crate::datasets::{Dataset, DatasetError};
use crate::learning::loss::Loss;
use crate::learning::spec::ValidModelSpec;
use crate::models::inline::InlineExamples;
use crate::strict::given;
use crate::wording::{Shown, did_you_mean};

/// Memory of a number of a column: the number, and its copy in the file of a training's rows.
const VALUE_BYTES: usize = 8;
/// Numbers of the rows that are read at once.
const BATCH_VALUES: usize = 1 << 20;

/// Inputs with targets, or a data set with the names of their columns.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFields {
    /// rows × inputs
    #[serde(default, deserialize_with = "given")]
    pub inputs: Option<Rows>,
    /// rows × outputs, or the names of the columns that hold them
    #[serde(default, deserialize_with = "given")]
    pub targets: Option<RowsOrNames>,
    /// Identifier or name of a stored data set
    #[serde(default, deserialize_with = "given")]
    pub dataset: Option<String>,
    /// Names of the columns that hold the inputs
    #[serde(default, deserialize_with = "column_names")]
    pub features: Option<Vec<String>>,
    /// How much each row counts: a number for each, or the name of the column that holds them
    #[serde(default, deserialize_with = "given")]
    pub weights: Option<GivenWeights>,
}

impl DataFields {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_none() && self.targets.is_none() && self.dataset.is_none() && self.features.is_none()
    }

    /// The columns that are named in it, without anything else.
    pub fn columns_named(&self) -> DataFields {
        let targets = match &self.targets {
            Some(RowsOrNames::Names(names)) => Some(RowsOrNames::Names(names.clone())),
            _ => None,
        };
        let weights = match &self.weights {
            Some(GivenWeights::Column(name)) => Some(GivenWeights::Column(name.clone())),
            _ => None,
        };
        DataFields { features: self.features.clone(), targets, weights, ..DataFields::default() }
    }

    /// The same with these columns where it names none of its own.
    pub fn or_columns(self, named: DataFields) -> DataFields {
        DataFields {
            features: self.features.or(named.features),
            targets: self.targets.or(named.targets),
            weights: self.weights.or(named.weights),
            ..self
        }
    }

    /// The examples for a model by layer sizes; `at` is the JSON pointer of the object they stand in. Those of a data set
    /// are counted in `memory`.
    ///
    /// # Errors
    /// A field is missing or does not go with another; there is no such data set or column.
    pub async fn examples(
        self,
        app: &App,
        memory: &mut RequestMemory,
        spec: &ValidModelSpec,
        at: &str,
    ) -> Result<InlineExamples, ServingError> {
        let DataFields { inputs, targets, dataset, features, weights } = self;
        let wrong = |field: &str, detail: &str| Err(ServingError::at(Wrong::Value, format!("{at}/{field}"), detail));
        let (of_rows, of_column) = match weights {
            None | Some(GivenWeights::Alike) => (None, None),
            Some(GivenWeights::Rows(_)) if dataset.is_some() => {
                return wrong("weights", "with `dataset`, weights are the name of a column");
            }
            Some(GivenWeights::Column(_)) if dataset.is_none() => {
                return wrong("weights", "the name of a column goes with `dataset`: send a number for each row");
            }
            Some(GivenWeights::Rows(rows)) => (Some(rows), None),
            Some(GivenWeights::Column(name)) => (None, Some(name)),
        };
        match (dataset, inputs, targets) {
            (None, Some(inputs), Some(RowsOrNames::Rows(targets))) if features.is_none() => {
                Ok(InlineExamples { inputs, targets, weights: of_rows })
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
                let chosen = Chosen { features, targets, weights: of_column, spec, at };
                chosen.rows_of(app, &dataset, memory).await
            }
            (Some(_), None, None) => Err(missing(at, "targets", "the columns to predict")),
        }
    }

    /// The data set of a model by data set: the one named, or the model's own.
    ///
    /// # Errors
    /// `Field` with `Kind` for rows; there is no such data set.
    pub async fn dataset(self, app: &App, own: Option<uuid::Uuid>, at: &str) -> Result<Dataset, ServingError> {
        if self.inputs.is_some() || self.targets.is_some() || self.features.is_some() || self.weights.is_some() {
            let detail = "a model by data set trains on a `dataset`: its columns are the model's own";
            return Err(ServingError::whole(Wrong::Kind, detail));
        }
        if let Some(key) = self.dataset {
            return Ok(app.datasets.get(&key).await?);
        }
        let own = own.ok_or_else(|| missing(at, "dataset", "the model was imported and has no data set of its own"))?;
        app.datasets.get(&own.to_string()).await.map_err(|error| match error {
            DatasetError::NotFound(id) => {
                let detail =
                    format!("the data set that the model was made for ({id}) is deleted: name another as `dataset`");
                ServingError::DatasetGone(detail)
            }
            error => error.into(),
        })
    }
}

fn missing(at: &str, field: &str, what: &str) -> ServingError {
    let detail = format!("missing field `{field}`: {what}");
    ServingError::at(Wrong::Missing, format!("{at}/{field}"), detail)
}

/// Columns of a data set that are learned from, and those to predict.
struct Chosen<'a> {
    features: Vec<String>,
    targets: Vec<String>,
    /// The column that says how much each row counts.
    weights: Option<String>,
    spec: &'a ValidModelSpec,
    /// The JSON pointer of the object that names them.
    at: &'a str,
}

impl Chosen<'_> {
    /// The columns as rows of inputs and targets.
    async fn rows_of(
        self,
        app: &App,
        dataset: &Dataset,
        memory: &mut RequestMemory,
    ) -> Result<InlineExamples, ServingError> {
        self.check(dataset)?;
        let Chosen { features, targets, weights, spec, at } = self;
        let of_weights = format!("{at}/weights");
        if let Some(name) = &weights {
            check_weights(app, dataset, name, &of_weights).await?;
        }
        let (rows, width) = (dataset.rows(), features.len() + targets.len() + usize::from(weights.is_some()));
        memory.reserve_rows(rows.saturating_mul(width * VALUE_BYTES), app)?;
        let classes = match spec.loss == Loss::CrossEntropy && targets.len() == 1 {
            true => Some(class_names(app, dataset, &targets[0], spec, at).await?),
            false => None,
        };
        let reading = ColumnRows {
            inputs: Vec::with_capacity(rows * features.len()),
            targets: Vec::with_capacity(rows * targets.len()),
            weights: Vec::with_capacity(if weights.is_some() { rows } else { 0 }),
            rows: 0,
        };
        let (inputs, outputs) = (features.len(), targets.len());
        let (of_inputs, of_targets) = (format!("{at}/features"), format!("{at}/targets"));
        let add = move |reading: &mut ColumnRows, table: Table| {
            let (features, others) = table.columns.split_at(inputs);
            let (targets, weights) = others.split_at(outputs);
            append_rows(&mut reading.inputs, features, reading.rows, &of_inputs)?;
            match &classes {
                None => append_rows(&mut reading.targets, targets, reading.rows, &of_targets)?,
                Some(names) => append_indices(&mut reading.targets, &targets[0], names, &of_targets)?,
            }
            for column in weights {
                let weights = weights_of(column, 0..table.rows).map_err(|error| error.after(reading.rows))?;
                reading.weights.extend(weights.into_iter().map(|weight| weight as f32));
            }
            reading.rows += table.rows;
            Ok::<_, ServingError>(())
        };
        let weighted = weights.is_some();
        let names = features.into_iter().chain(targets).chain(weights).collect();
        let as_classes = spec.loss == Loss::CrossEntropy && outputs == 1;
        let read = app.datasets.fold(dataset, names, (BATCH_VALUES / width).max(1), reading, add).await??;
        let targets = if as_classes { Rows::Flat(read.targets) } else { Rows::of_flat(read.targets, outputs) };
        let weights = weighted.then_some(Rows::Flat(read.weights));
        Ok(InlineExamples { inputs: Rows::of_flat(read.inputs, inputs), targets, weights })
    }

    fn check(&self, dataset: &Dataset) -> Result<(), ServingError> {
        let known = dataset.profile.names();
        let as_classes = self.spec.loss == Loss::CrossEntropy && self.targets.len() == 1;
        let outputs = if as_classes { 1 } else { self.spec.outputs() };
        for (field, names, takes) in
            [("features", &self.features, self.spec.inputs()), ("targets", &self.targets, outputs)]
        {
            let pointer = format!("{}/{field}", self.at);
            if let Some((i, name)) = names.iter().enumerate().find(|(_, name)| !known.contains(name.as_str())) {
                let near = did_you_mean(name, dataset.profile.columns.iter().map(|column| column.name.as_str()));
                let detail = format!("data set {:?} has no column {}{near}", dataset.title(), Shown(name));
                return Err(ServingError::at(Wrong::Value, format!("{pointer}/{i}"), detail));
            }
            if names.is_empty() {
                return Err(ServingError::at(Wrong::Value, pointer, "no column is named"));
            }
            if names.len() != takes {
                let detail = format!("{field} names {} columns; the model has {takes}", names.len());
                return Err(ServingError::at(Wrong::Shape, pointer, detail));
            }
        }
        Ok(())
    }
}

/// Rows of columns read so far.
struct ColumnRows {
    /// rows × features
    inputs: Vec<f32>,
    /// rows × targets
    targets: Vec<f32>,
    /// One a row, if a column has them.
    weights: Vec<f32>,
    rows: usize,
}

/// Appends the rows of `columns`, before which `before` rows of the data set stand.
fn append_rows(flat: &mut Vec<f32>, columns: &[Column], before: usize, at: &str) -> Result<(), ServingError> {
    let (start, width, rows) = (flat.len(), columns.len(), columns.first().map_or(0, |column| column.values.len()));
    flat.resize(start + rows * width, 0.0);
    for (index, column) in columns.iter().enumerate() {
        let wrong = |detail: String| ServingError::at(Wrong::Value, format!("{at}/{index}"), detail);
        let value: &dyn Fn(usize) -> f64 = match &column.values {
            Values::Numeric(values) => &|row| values[row],
            Values::Boolean(values) => &|row| values[row].map_or(f64::NAN, |value| f64::from(u8::from(value))),
            _ => {
                let detail = format!(
                    "column {} is {}; a model by layer sizes takes numbers",
                    Shown(&column.name),
                    column.kind.word()
                );
                return Err(wrong(detail));
            }
        };
        for row in 0..rows {
            let narrow = value(row) as f32;
            if !narrow.is_finite() {
                let got = if value(row).is_nan() { "no value".to_owned() } else { format_number(value(row)) };
                return Err(wrong(format!(
                    "column {} has {got} in row {}; a model by layer sizes takes 32-bit numbers",
                    Shown(&column.name),
                    before + row + 1
                )));
            }
            flat[start + row * width + index] = narrow;
        }
    }
    Ok(())
}

/// The classes of a column in order; of numbers none, which are indices themselves.
async fn class_names(
    app: &App,
    dataset: &Dataset,
    name: &str,
    spec: &ValidModelSpec,
    at: &str,
) -> Result<Vec<String>, ServingError> {
    if dataset.profile.column(name).is_some_and(|column| column.kind == ColumnType::Numeric) {
        return Ok(Vec::new());
    }
    let outputs = spec.outputs();
    let column = app.datasets.distinct_values(dataset, name, outputs).await?;
    if column.values.len() > outputs {
        let detail = format!("column {} has more than {outputs} classes, which the model has", Shown(name));
        return Err(ServingError::at(Wrong::Value, format!("{at}/targets/0"), detail));
    }
    Ok(classes(&column, &rows_with(&column)).into_iter().map(|(class, _)| class).collect())
}

/// Appends the class of each row of `column`: whole numbers as they are, anything else by its place among `names`.
fn append_indices(flat: &mut Vec<f32>, column: &Column, names: &[String], at: &str) -> Result<(), ServingError> {
    if rows_with(column).len() < column.values.len() {
        let detail = format!("column {} has rows without a value", Shown(&column.name));
        return Err(ServingError::at(Wrong::Value, format!("{at}/0"), detail));
    }
    if let Values::Numeric(values) = &column.values {
        flat.extend(values.iter().map(|value| *value as f32));
        return Ok(());
    }
    let index = |row: usize| {
        let class = column.values.text(row).unwrap_or_default();
        names.binary_search(&class).unwrap_or(0) as f32
    };
    flat.extend((0..column.values.len()).map(index));
    Ok(())
}
