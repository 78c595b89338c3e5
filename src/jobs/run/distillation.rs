//! A version of several networks made one: a network that learns what they answer, in place of the targets.
//!
//! After Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network": of a row, the probabilities of all classes say
//! more than its class alone. Rows held out keep their targets: the epoch is chosen, and the new version calibrated and measured, by
//! what is true.

use std::sync::Arc;

use ndarray::Array2;
use serde::Serialize;

use super::compare::{MeasuredRows, measure, metric_of};
use super::context::RunContext;
use super::finish::Finished;
use super::pair::{Measures, Reason};
use super::unpublished::{Halt, Stopped, Unpublished};
use crate::data::profile::Finding;
use crate::jobs::comparison::Metric;
use crate::jobs::error::JobError;
use crate::learning::calibration::Calibration;
use crate::learning::examples::{Examples, Targets};
use crate::models::conformal::Conformal;
use crate::models::prediction::TablePredictor;
use crate::models::{ModelError, Predictor, Version};
use crate::telemetry::Phase;

/// What a version that is distilled has learned of the rows held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    Nothing,
    /// Some of them may be among the rows that it has learned from.
    Some,
    All,
}

/// A version that is distilled.
pub(super) struct Teacher {
    pub(super) version: u64,
    pub(super) learned: Learned,
    /// How far off it is on rows that it has not learned from.
    pub(super) conformal: Option<Conformal>,
}

impl Teacher {
    /// Whether what it teaches may come of the rows held out.
    pub(super) fn knows_rows_held_out(&self) -> bool {
        self.learned != Learned::Nothing
    }

    /// The finding that measures on `rows` of them flatter.
    pub(super) fn flatters(&self, rows: usize) -> Finding {
        let (version, learned) = (self.version, if self.learned == Learned::All { "" } else { "some of " });
        let message = format!(
            "the measures flatter: they come from {rows} rows, and version {version}, whose answers are learned, has learned from \
             {learned}them. {ON_OTHER_ROWS}"
        );
        Finding { code: "distilled_rows_known".to_owned(), message, column: None }
    }
}

/// What to do where measures flatter.
const ON_OTHER_ROWS: &str =
    "Measure both versions on rows of your own (POST /models/{model}/evaluate), or give such rows as `validation`.";

/// A version beside the one that it was distilled from.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Distilled {
    /// The one that it learned from.
    version: u64,
    /// Rows that neither has learned from.
    rows: usize,
    metric: Metric,
    /// What it reaches on them.
    value: Option<f64>,
    /// What the other reaches: of several folds, by the networks that have not learned from each row.
    of_version: Option<f64>,
    /// Why there is no such value.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

/// What a version answers to rows, as targets to learn: rows × outputs, of classes their probabilities, of a number its answer on the
/// scale that is learned.
///
/// # Errors
/// It was told to stop.
pub(super) fn answers(
    version: TablePredictor,
    examples: &Examples,
    go_on: &dyn Fn() -> bool,
) -> Result<Targets, Stopped> {
    let (parts, width) = (version.parts, version.members.first().spec().outputs());
    let identity = Calibration::identity();
    let calibration = parts.calibration.as_ref().unwrap_or(&identity);
    let mut answers = Vec::with_capacity(examples.rows() * width);
    let mut see = |logits: &[f32]| {
        let start = answers.len();
        answers.extend_from_slice(logits);
        if !parts.encoder.target.classes().is_empty() {
            calibration.apply(logits, width, &mut answers[start..]);
        }
        go_on()
    };
    if !version.members.for_each_logits(examples.input_rows(0, examples.rows()), &mut see) {
        return Err(Stopped);
    }
    Ok(Targets::Values(Array2::from_shape_vec((examples.rows(), width), answers).expect("each row is answered")))
}

/// How a version errs beside the one that it was distilled from, on rows that neither has learned from; nothing of a version that was
/// not distilled.
///
/// # Errors
/// The job is to stop meanwhile, or what is stored cannot be read.
pub(super) fn beside_distilled(
    context: &RunContext,
    finished: Finished,
    rows: &MeasuredRows,
) -> Result<(Finished, Option<Distilled>), Unpublished> {
    let Some(version) = context.job.record.config.distill else { return Ok((finished, None)) };
    let candidate = Arc::new(finished.predictor);
    let metric = metric_of(&candidate);
    let both = || context.persist(true, || both(context, &candidate, version, rows));
    let measured = context.in_phase(Phase::Measure, both)?;
    // A reading that was given up may still hold it.
    let predictor = Arc::into_inner(candidate).ok_or_else(|| Unpublished::stopped(context.job))?;
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let distilled = match measured {
        Ok(Measures { rows, candidate, active }) => {
            Distilled { version, rows, metric, value: finite(candidate), of_version: finite(active), reason: None }
        }
        Err(reason) => Distilled { version, rows: 0, metric, value: None, of_version: None, reason: Some(reason) },
    };
    Ok((Finished { predictor, ..finished }, Some(distilled)))
}

fn both(
    context: &RunContext,
    candidate: &Arc<Predictor>,
    number: u64,
    rows: &MeasuredRows,
) -> Result<Result<Measures, Reason>, Halt> {
    if matches!(rows, MeasuredRows::Table { rows, .. } if rows.is_empty()) {
        let reason = format!("no row was held out that version {number} has not learned from. {ON_OTHER_ROWS}");
        return Ok(Err(reason));
    }
    match context.read(version(context, number))? {
        Err(JobError::Model(ModelError::VersionNotFound { .. })) => {
            Ok(Err(format!("version {number} was deleted meanwhile")))
        }
        found => measure(context, candidate, &*found?, rows),
    }
}

async fn version(context: &RunContext<'_>, number: u64) -> Result<Arc<Version>, JobError> {
    let model = context.registry.get(&context.job.record.model_id.to_string()).await?;
    Ok(context.registry.version(&model, number).await?)
}
