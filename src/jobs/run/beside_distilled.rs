//! A version beside the one that it was distilled from.

use std::sync::Arc;

use super::compare::{MeasuredRows, measure, metric_of};
use super::context::RunContext;
use super::distillation::Distilled;
use super::finish::Finished;
use super::origin::ON_OTHER_ROWS;
use super::pair::{Measures, Reason};
use super::unpublished::{Halt, Unpublished};
use crate::jobs::error::JobError;
use crate::models::{Predictor, Version};
use crate::telemetry::Phase;

/// How a version errs beside the one that it was distilled from, on rows that neither has learned from; nothing of a version that was
/// not distilled.
///
/// # Errors
/// The job is to stop meanwhile, or what is stored cannot be read.
pub(super) fn beside_distilled(
    context: &RunContext,
    finished: Finished,
    rows: &MeasuredRows,
    measures_flatter: bool,
) -> Result<(Finished, Option<Distilled>), Unpublished> {
    let Some(version) = context.job.record.config.distill else { return Ok((finished, None)) };
    let candidate = Arc::new(finished.predictor);
    let metric = metric_of(&candidate);
    let both = || context.persist(true, || both(context, &candidate, version, rows));
    let measured = context.in_phase(Phase::Measure, both)?;
    // A reading that was given up may still hold it.
    let predictor = Arc::into_inner(candidate).ok_or_else(|| Unpublished::stopped(context.job))?;
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let (rows, value, of_version, reason) = match measured {
        Err(reason) => (0, None, None, Some(reason)),
        Ok(Measures { rows, candidate, active }) => {
            let (value, of_version) = (finite(candidate), finite(active));
            let unlike = value.is_none() || of_version.is_none();
            (rows, value, of_version, unlike.then(|| "a measure is not finite".to_owned()))
        }
    };
    let distilled = Distilled { version, rows, metric, value, of_version, measures_flatter, reason };
    Ok((Finished { predictor, ..finished }, Some(distilled)))
}

fn both(
    context: &RunContext,
    candidate: &Arc<Predictor>,
    number: u64,
    rows: &MeasuredRows,
) -> Result<Result<Measures, Reason>, Halt> {
    if matches!(rows, MeasuredRows::Table { rows, .. } if rows.is_empty()) {
        let reason =
            format!("no row was held out that version {number} is known not to have learned from. {ON_OTHER_ROWS}");
        return Ok(Err(reason));
    }
    // It cannot have been deleted: see `JobRecord::base_version`.
    let version = context.read(version(context, number))??;
    measure(context, candidate, &version, rows)
}

async fn version(context: &RunContext<'_>, number: u64) -> Result<Arc<Version>, JobError> {
    let model = context.registry.get(&context.job.record.model_id.to_string()).await?;
    Ok(context.registry.version(&model, number).await?)
}
