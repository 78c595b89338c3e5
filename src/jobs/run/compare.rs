//! A new version beside the active one, on rows that neither was trained on: whether it is to serve.

use std::sync::Arc;

use uuid::Uuid;

use super::context::RunContext;
use super::finish::Made;
use super::pair::{Measures, Pair, Reason};
use super::unpublished::{Halt, Unpublished};
use crate::data::split::{HeldOut, Rule};
use crate::jobs::comparison::Comparison;
use crate::jobs::error::JobError;
use crate::jobs::training::content_hash;
use crate::learning::activate::Activate;
use crate::learning::examples::Examples;
use crate::learning::metric::Metric;
use crate::models::publication::Serving;
use crate::models::{ModelError, Predictor, Version};
use crate::telemetry::Phase;

/// The rows that a new version was measured on and not trained on.
pub(super) enum MeasuredRows {
    /// Rows of numbers, in memory; none if none were held out.
    Plain(Option<Examples>),
    /// Rows of a data set.
    Table {
        /// Which.
        dataset: Uuid,
        /// Whether it is one of its own, of which nothing was trained on.
        is_apart: bool,
        /// Their places in it, in ascending order.
        rows: Vec<usize>,
        /// The version that it learned the answers of, if that may have learned from some of them.
        known_to: Option<u64>,
    },
}

/// How a version is published.
pub(super) struct Verdict {
    pub(super) serving: Serving,
    /// What that follows from, where it depends on the active version.
    pub(super) comparison: Option<Comparison>,
}

/// Decides whether a version that was just made is to serve, as its training's settings ask.
///
/// # Errors
/// The job is to stop meanwhile, or what is stored cannot be read.
pub(super) fn judge(context: &RunContext, made: Made, rows: &MeasuredRows) -> Result<(Made, Verdict), Unpublished> {
    let serving = match context.job.record.config.activate {
        Activate::Always => Serving::Always,
        Activate::Never => Serving::Never,
        Activate::IfBetter => {
            let Made { predictor, facts } = made;
            let candidate = Arc::new(predictor);
            let verdict =
                context.in_phase(Phase::Measure, || context.persist(true, || compare(context, &candidate, rows)))?;
            // A reading that was given up may still hold it.
            let predictor = Arc::into_inner(candidate).ok_or_else(|| Unpublished::stopped(context.job))?;
            return Ok((Made { predictor, facts }, verdict));
        }
    };
    Ok((made, Verdict { serving, comparison: None }))
}

fn compare(context: &RunContext, candidate: &Arc<Predictor>, rows: &MeasuredRows) -> Result<Verdict, Halt> {
    let metric = metric_of(candidate);
    let none = Comparison {
        rows: 0,
        metric,
        candidate: None,
        active: None,
        active_version: None,
        activated: false,
        reason: "no version was active before".into(),
    };
    let Some(active) = context.read(active(context))?? else {
        return Ok(Verdict { serving: Serving::InPlaceOf(None), comparison: Some(none) });
    };
    let number = active.number;
    let comparison = Comparison { active_version: Some(number), ..none };
    let (serving, comparison) = match measure(context, candidate, &active, rows)? {
        Err(reason) => (Serving::Never, Comparison { reason, ..comparison }),
        Ok(Measures { rows, candidate, active }) => {
            let is_better = candidate < active;
            let relation = if is_better { "less than" } else { "not less than" };
            let word = metric.word();
            let reason = match candidate.is_finite() && active.is_finite() {
                true => format!("its {word} is {candidate:.6}: {relation} the {active:.6} of version {number}"),
                false => format!("its {word}, or that of version {number}, is not finite"),
            };
            let serving = if is_better { Serving::InPlaceOf(Some(number)) } else { Serving::Never };
            let finite = |value: f64| Some(value).filter(|value| value.is_finite());
            (serving, Comparison { rows, candidate: finite(candidate), active: finite(active), reason, ..comparison })
        }
    };
    Ok(Verdict { serving, comparison: Some(comparison) })
}

/// The active version of the job's model.
async fn active(context: &RunContext<'_>) -> Result<Option<Arc<Version>>, JobError> {
    Ok(context.registry.get(&context.job.record.model_id.to_string()).await?.active.clone())
}

pub(super) fn metric_of(candidate: &Predictor) -> Metric {
    match candidate.table() {
        Err(_) => Metric::Loss,
        Ok(table) => table.parts.spec.metric(),
    }
}

/// Measures both on the rows that neither was trained on; or says why that cannot be done.
pub(super) fn measure(
    context: &RunContext,
    candidate: &Arc<Predictor>,
    active: &Version,
    rows: &MeasuredRows,
) -> Result<Result<Measures, Reason>, Halt> {
    let number = active.number;
    if let MeasuredRows::Table { known_to: Some(teacher), .. } = rows
        && *teacher != number
    {
        let may_know = "which may know rows that were held out, and so may what learned of it";
        return Ok(Err(format!(
            "it learned what version {teacher} answers, {may_know}; version {number} is the active one"
        )));
    }
    let record = &context.job.record;
    let base = record.base_version.get().filter(|_| record.config.warm_start);
    if let Some(base) = base.filter(|base| **base != number) {
        return Ok(Err(format!("it goes on from version {base}, and version {number} is the active one meanwhile")));
    }
    let rival = match context.read(rival(context, active))? {
        Err(JobError::Model(ModelError::VersionDamaged { .. })) => {
            return Ok(Err(format!("the file of version {number} is missing or damaged")));
        }
        found => found?,
    };
    let Some(rule) = held_out(active, &rival) else {
        return Ok(Err(format!("which rows the training of version {number} held out is not known")));
    };
    let measured = match rows {
        MeasuredRows::Plain(None) => Ok(Measures::NONE),
        MeasuredRows::Plain(Some(examples)) => Ok(on_rows(candidate, &rival, examples, &rule)),
        MeasuredRows::Table { dataset, is_apart, rows, .. } => {
            let trained_on = active.facts.trained_on.dataset;
            match context.read(applies(context, &rule, trained_on, *dataset, *is_apart))?? {
                None => Ok(Measures::NONE),
                Some(rule) => {
                    let weights = context.job.record.config.weights.clone();
                    let pair = Pair { candidate: candidate.clone(), active: rival, number, weights };
                    context.read(pair.on_dataset(context, *dataset, rows.clone(), rule))??
                }
            }
        }
    };
    Ok(measured.and_then(|measures| match measures.rows {
        0 => Err(format!(
            "no row that this training held out is known to have been held out by that of version {number} too: keep `seed` \
             and `split`, train on the data set of that version or on one that it has grown to, or give both the same \
             `validation` data set"
        )),
        _ => Ok(measures),
    }))
}

/// Which rows the training of a version held out, where that is known.
pub(super) fn held_out(version: &Version, predictor: &Predictor) -> Option<HeldOut> {
    let of_table = || predictor.table().ok()?.parts.rule.clone().map(HeldOut::By);
    version.facts.trained_on.held_out.clone().or_else(of_table)
}

async fn rival(context: &RunContext<'_>, active: &Version) -> Result<Arc<Predictor>, JobError> {
    let model = context.registry.get(&context.job.record.model_id.to_string()).await?;
    Ok(context.registry.predictor(&model, active).await?)
}

/// By which of the rows that were held out of a training on `dataset` the active version, trained on another perhaps, can be
/// measured: by a rule, or all (`Some(None)`); none, where none is known that it was not trained on.
async fn applies(
    context: &RunContext<'_>,
    held_out: &HeldOut,
    trained_on: Option<Uuid>,
    dataset: Uuid,
    is_apart: bool,
) -> Result<Option<Option<Rule>>, JobError> {
    Ok(match held_out {
        HeldOut::Dataset(apart) => (is_apart && *apart == dataset).then_some(None),
        // Places are those of the data set that was trained on, and of those that begin with it.
        HeldOut::By(Rule::Order { .. }) => {
            let Some(first) = trained_on.filter(|_| !is_apart) else { return Ok(None) };
            context.datasets.begins_with(dataset, first).await?.then(|| held_out_rule(held_out))
        }
        HeldOut::By(_) => Some(held_out_rule(held_out)),
    })
}

fn held_out_rule(held_out: &HeldOut) -> Option<Rule> {
    match held_out {
        HeldOut::By(rule) => Some(rule.clone()),
        HeldOut::Dataset(_) => None,
    }
}

/// Measures models by layer sizes.
fn on_rows(candidate: &Predictor, active: &Predictor, examples: &Examples, rule: &HeldOut) -> Measures {
    let spec = candidate.spec();
    let labels = spec.classes().map(|_| examples.targets().labels());
    let is_held_out = |row: &usize| {
        let label = labels.as_ref().map(|labels| labels[*row]);
        let of_plain = rule.of_plain(label);
        of_plain.is_some_and(|(seed, below)| content_hash(examples, *row, spec.outputs(), seed) < below)
    };
    let common: Vec<usize> = (0..examples.rows()).filter(is_held_out).collect();
    if common.is_empty() {
        return Measures::NONE;
    }
    let examples = examples.select(&common);
    let loss = |predictor: &Predictor| predictor.members().evaluate(&examples).0;
    Measures { rows: common.len(), candidate: loss(candidate), active: loss(active) }
}
