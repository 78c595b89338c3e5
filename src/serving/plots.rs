//! Plots of a version and of a job: the values gathered, and drawn.

use serde::Deserialize;

use super::error::ServingError;
use super::threads::blocking;
use crate::app::App;
use crate::jobs::history::{EpochEntry, HistoryQuery};
use crate::jobs::{JobError, JobHandle};
use crate::learning::curves::Curves;
use crate::learning::metric::Metric;
use crate::models::table::FeatureImportance;
use crate::models::{Model, Predictor, Version};
use crate::plots::{self, Bar, Calibrated, Heading, LossPoint, MOST_CLASSES, Theme};

/// Most epochs that are drawn.
const MOST_EPOCHS: usize = 1000;

/// What is to be drawn of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Plot {
    Loss,
    Confusion,
    Calibration,
    Importance,
    Residuals,
    Roc,
}

impl Plot {
    /// All there are, with their names.
    pub const ALL: [(&'static str, Plot); 6] = [
        ("loss", Plot::Loss),
        ("confusion", Plot::Confusion),
        ("calibration", Plot::Calibration),
        ("importance", Plot::Importance),
        ("residuals", Plot::Residuals),
        ("roc", Plot::Roc),
    ];
}

/// What of a version's measures is drawn.
#[derive(Deserialize)]
struct Measures {
    accuracy: Option<f64>,
    roc_auc: Option<f64>,
    confusion_matrix: Option<Vec<Vec<u64>>>,
}

/// A plot of a version of `model`, as SVG.
///
/// # Errors
/// `PlotUnavailable`; what version or history cannot be read for.
pub async fn of_version(
    app: &App,
    model: &Model,
    version: &Version,
    plot: Plot,
    theme: Theme,
) -> Result<String, ServingError> {
    let name = model.name.clone().unwrap_or_else(|| model.id.to_string());
    let of = format!("{name}, version {}", version.number);
    if plot == Plot::Loss {
        let published = version.facts.epochs;
        let run = history_of(app, version, published).await?;
        return blocking(app, move || plots::loss(&Heading { of: &of, theme }, &run, Some(published))).await;
    }
    let measures: Measures = serde_json::from_str(version.facts.metrics.get())
        .map_err(|_| unavailable("the measures of the version are not known"))?;
    let classes = class_names(model, version, &measures);
    let target = model.table().map_or("target", |table| &table.target).to_owned();
    let predictor = app.models.predictor(model, version).await?;
    let draw = move || {
        let heading = Heading { of: &of, theme };
        match plot {
            Plot::Loss => unreachable!("it was drawn before"),
            Plot::Confusion => confusion(&heading, &measures, &classes),
            Plot::Calibration => calibration(&heading, &measures, &predictor, &classes),
            Plot::Importance => importance(&heading, &predictor),
            Plot::Residuals => residuals(&heading, &measures, &predictor, &target),
            Plot::Roc => roc(&heading, &measures, &predictor, &classes),
        }
    };
    blocking(app, draw).await?
}

/// The curves of a job so far, as SVG.
///
/// # Errors
/// What its history cannot be read for.
pub async fn of_job(app: &App, job: &JobHandle, theme: Theme) -> Result<String, ServingError> {
    let report = job.report();
    let model = app.models.get(&report.model_id.to_string()).await.ok();
    let name = model.and_then(|model| model.name.clone()).unwrap_or_else(|| report.model_id.to_string());
    let run = history(job).await?;
    blocking(app, move || plots::loss(&Heading { of: &name, theme }, &run, None)).await
}

fn unavailable(reason: impl Into<String>) -> ServingError {
    ServingError::PlotUnavailable(reason.into())
}

/// The history of a version's training, with the epoch that was published among the points.
async fn history_of(app: &App, version: &Version, published: u64) -> Result<Vec<LossPoint>, ServingError> {
    let Some(job) = version.facts.job_id else {
        return Err(unavailable("the version was imported: its training's history stayed where it was trained"));
    };
    match app.jobs.get(&job.to_string()).await {
        Ok(job) => {
            let mut run = history(&job).await?;
            let query = HistoryQuery { after: published.saturating_sub(1), every: 1, limit: 1 };
            let reached = job.history(query).await?.0.into_iter().map(point).find(|point| point.epoch == published);
            if let (Some(reached), Err(place)) = (reached, run.binary_search_by_key(&published, |point| point.epoch)) {
                run.insert(place, reached);
            }
            Ok(run)
        }
        Err(JobError::NotFound(_)) => {
            Err(unavailable(format!("the job {job} that trained the version is deleted, with its history")))
        }
        Err(error) => Err(error.into()),
    }
}

fn point(EpochEntry { epoch, loss, validation_loss, .. }: EpochEntry) -> LossPoint {
    LossPoint { epoch, loss, validation_loss }
}

async fn history(job: &JobHandle) -> Result<Vec<LossPoint>, ServingError> {
    let every = job.report().epoch.div_ceil(MOST_EPOCHS as u64).max(1);
    let mut query = HistoryQuery { after: 0, every, limit: MOST_EPOCHS };
    let mut run = Vec::new();
    loop {
        let (entries, next) = job.history(query).await?;
        run.extend(entries.into_iter().map(point));
        match next {
            // A job that runs on meanwhile is not followed.
            Some(after) if run.len() < 2 * MOST_EPOCHS => query.after = after,
            _ => return Ok(run),
        }
    }
}

/// What its classes are called.
fn class_names(model: &Model, version: &Version, measures: &Measures) -> Vec<String> {
    let of_table = model.table().ok().and_then(|table| version.classes(table));
    let count = measures.confusion_matrix.as_ref().map_or(0, Vec::len);
    of_table.map_or_else(|| (0..count).map(|class| class.to_string()).collect(), <[String]>::to_vec)
}

/// The curves that the version keeps, if its task has such.
fn curves<'a>(measures: &Measures, predictor: &'a Predictor, classifies: bool) -> Result<&'a Curves, ServingError> {
    if measures.accuracy.is_some() != classifies {
        return Err(unavailable(match classifies {
            true => "the plot is of classes; this version predicts numbers: its plots are loss, residuals, importance",
            false => "residuals are of numbers; this version predicts classes: see confusion, calibration, roc",
        }));
    }
    let older = || unavailable("the version is older than the points that the plot is made of: train the model again");
    predictor.curves().ok_or_else(older)
}

fn confusion(heading: &Heading, measures: &Measures, classes: &[String]) -> Result<String, ServingError> {
    // An imported version brings measures of its own.
    let is_square = |counts: &[Vec<u64>]| counts.iter().all(|row| row.len() == counts.len());
    let total = |counts: &[Vec<u64>]| counts.iter().flatten().try_fold(0u64, |sum, count| sum.checked_add(*count));
    match &measures.confusion_matrix {
        Some(counts) if !is_square(counts) || total(counts).is_none() => {
            Err(unavailable("the confusion matrix that the version came with is none"))
        }
        Some(counts) if counts.len() > MOST_CLASSES || counts.len() != classes.len() => Err(unavailable(format!(
            "there are {} classes: a matrix of more than {MOST_CLASSES} is too large to look at; `metrics` of the version has it",
            counts.len()
        ))),
        Some(counts) => Ok(plots::confusion(heading, counts, classes)),
        None => Err(unavailable("a confusion matrix is of rows of one class of up to 100 each: this version has none")),
    }
}

fn calibration(
    heading: &Heading,
    measures: &Measures,
    predictor: &Predictor,
    classes: &[String],
) -> Result<String, ServingError> {
    let curve = &curves(measures, predictor, true)?.calibration;
    let of = match (classes, predictor.spec().classes()) {
        ([_, positive], Some(2)) => Calibrated::Class(positive),
        (_, Some(_)) => Calibrated::Predicted,
        (_, None) => Calibrated::Outputs,
    };
    Ok(plots::calibration(heading, curve, of))
}

fn importance(heading: &Heading, predictor: &Predictor) -> Result<String, ServingError> {
    let Ok(table) = predictor.table() else {
        return Err(unavailable("importance is of the columns of a model by data set; this one is by layer sizes"));
    };
    let features = &table.parts.importance;
    if features.is_empty() {
        return Err(unavailable("no rows were held out to measure importance on: train with a validation_split"));
    }
    let bars: Vec<Bar> = features.iter().map(bar).collect();
    let measure = match table.parts.spec.metric() {
        Metric::Rmse => "RMSE",
        Metric::Mae => "MAE",
        Metric::PinballLoss => "pinball loss",
        Metric::PoissonDeviance => "Poisson deviance",
        Metric::LogLoss | Metric::Loss => "log loss",
    };
    Ok(plots::importance(heading, &bars, measure))
}

fn bar(FeatureImportance { feature, importance, std }: &FeatureImportance) -> Bar<'_> {
    Bar { feature, importance: *importance, std: *std }
}

fn residuals(
    heading: &Heading,
    measures: &Measures,
    predictor: &Predictor,
    target: &str,
) -> Result<String, ServingError> {
    let rows = &curves(measures, predictor, false)?.residuals;
    match rows.is_empty() {
        true => Err(unavailable("residuals are of one number a row; this version has several outputs")),
        false => Ok(plots::residuals(heading, rows, target)),
    }
}

fn roc(
    heading: &Heading,
    measures: &Measures,
    predictor: &Predictor,
    classes: &[String],
) -> Result<String, ServingError> {
    let curve = &curves(measures, predictor, true)?.roc;
    match (classes, curve.is_empty()) {
        ([_, positive], false) => Ok(plots::roc(heading, curve, measures.roc_auc, positive)),
        ([_, _], true) => {
            Err(unavailable("one of the two classes is not among the rows that the version is measured on"))
        }
        _ => Err(unavailable("a ROC curve is of two classes: see confusion and calibration for more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_a_file_that_is_none_is_not_drawn() {
        let heading = Heading { of: "m", theme: Theme::Light };
        let drawn = |counts: Vec<Vec<u64>>| {
            let classes: Vec<String> = (0..counts.len()).map(|class| class.to_string()).collect();
            let measures = Measures { accuracy: Some(0.5), roc_auc: None, confusion_matrix: Some(counts) };
            confusion(&heading, &measures, &classes)
        };
        assert!(drawn(vec![vec![3, 0], vec![1, 2]]).is_ok());
        for counts in
            [vec![vec![3, 0], vec![1]], vec![vec![1, 2, 3], vec![1, 2, 3]], vec![vec![u64::MAX, 1], vec![0, 0]]]
        {
            assert!(matches!(drawn(counts), Err(ServingError::PlotUnavailable(_))));
        }
    }
}
