//! The column of weights that a request names, held against its data set.

use super::error::{ServingError, Wrong};
use crate::app::App;
use crate::data::column::{ColumnType, Table};
use crate::data::encoder::EncodeError;
use crate::data::row_weights::{are_weights, weights_of};
use crate::datasets::Dataset;
use crate::wording::{Shown, did_you_mean};

/// Rows that are looked at together for one that has no weight.
const ROWS: usize = 1 << 16;

/// Checks that the data set has a column of this name, with a weight in each row. Reads it only where its profile shows that it
/// has not: to name the row. `at` is the JSON pointer of who asks for it.
///
/// # Errors
/// `Field`: what is wrong; what the data set cannot be read for.
pub async fn check_weights(app: &App, dataset: &Dataset, name: &str, at: &str) -> Result<(), ServingError> {
    let shown = Shown(name);
    let wrong = |detail: String| Err(ServingError::at(Wrong::Value, at, detail));
    let Some(column) = dataset.profile.column(name) else {
        let near = did_you_mean(name, dataset.profile.columns.iter().map(|column| column.name.as_str()));
        let title = dataset.title();
        return wrong(format!("data set {title:?} has no column {shown}, by which rows are to count{near}"));
    };
    if column.kind != ColumnType::Numeric {
        return wrong(format!("column {shown} is {}; weights of rows are numbers", column.kind.word()));
    }
    if are_weights(column) {
        return Ok(());
    }
    let mut before = 0;
    let look = move |(): &mut (), table: Table| {
        weights_of(&table.columns[0], 0..table.rows).map_err(|error| error.after(before))?;
        before += table.rows;
        Ok::<(), EncodeError>(())
    };
    match app.datasets.fold(dataset, vec![name.to_owned()], ROWS, (), look).await? {
        Err(error) => wrong(error.to_string()),
        Ok(()) => wrong(format!("column {shown} is 0 in every row: no row counts")),
    }
}
