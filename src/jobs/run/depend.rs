//! The finding that rows depend on each other, so that rows held out at random flatter.

use super::unpublished::Stopped;
use crate::data::encoder::Task;
use crate::data::probe::{Dependence, Nearness, Rows, dependence, key_columns, time_columns};
use crate::data::profile::{Finding, TableProfile};
use crate::wording::Shown;

/// The code of the finding.
const ROWS_DEPEND: &str = "rows_depend_on_each_other";

/// The finding, if a look at some of the rows shows it.
///
/// # Errors
/// The job is to stop meanwhile.
pub(super) fn finding(
    rows: &Rows,
    profile: &TableProfile,
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Finding>, Stopped> {
    let (times, keys) = (time_columns(profile), key_columns(profile, &rows.answer.name));
    let found = dependence(rows, &times, &keys, go_on).ok_or(Stopped)?;
    Ok(found.map(|found| told(&found, rows.task)))
}

fn told(found: &Dependence, task: Task) -> Finding {
    let Dependence { by, rows, random, apart } = found;
    let measure = match task {
        Task::Regression => "an R² of",
        Task::Classification => "an accuracy of",
    };
    let (alike, left_out, advice, column) = match by {
        Nearness::Order => (
            "Rows that stand next to each other are alike".to_owned(),
            "when whole stretches of neighbouring rows were left out",
            "If it is to predict rows that come later, train with split order, which holds out the last rows."
                .to_owned(),
            None,
        ),
        Nearness::Time(name) => (
            format!("Rows of neighbouring times in {} are alike", Shown(name)),
            "when whole stretches of time were left out",
            format!(
                "If it is to predict later times, train with split {{\"type\":\"time\",\"column\":{}}}, which holds out the \
                 latest rows.",
                Shown(name)
            ),
            Some(name.clone()),
        ),
        Nearness::Group(name) => (
            format!("Rows with the same {} are alike", Shown(name)),
            "when all rows with the same value were left out together",
            format!(
                "If it is to predict rows of new values, train with split {{\"type\":\"group\",\"column\":{}}}, which holds out \
                 whole groups.",
                Shown(name)
            ),
            Some(name.clone()),
        ),
    };
    let message = format!(
        "{alike}: a small model reached {measure} {random:.2} when rows were left out at random, and {apart:.2} {left_out} \
         (measured on {rows} rows). Rows are held out at random, so that this version's measures flatter alike. {advice}"
    );
    Finding { code: ROWS_DEPEND.to_owned(), message, column }
}
