//! A new version beside the active one, on rows that neither was trained on: whether it is to serve.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::context::RunContext;
use super::finish::Made;
use super::unpublished::{Halt, Stopped, Unpublished};
use crate::data::column::Table;
use crate::data::split::{HeldOut, Rule};
use crate::jobs::comparison::{Comparison, Metric};
use crate::jobs::error::JobError;
use crate::jobs::training::content_hash;
use crate::learning::activate::Activate;
use crate::learning::examples::Examples;
use crate::learning::metrics::Metrics;
use crate::models::publication::Serving;
use crate::models::scoring::Answered;
use crate::models::{ModelError, Predictor, Version};
use crate::wording::Shown;

/// Cells and encoded values of the rows that are worked off at once: some megabytes.
const BATCH_VALUES: usize = 1 << 18;

/// The rows that a new version was measured on and not trained on.
pub(super) enum MeasuredRows<'a> {
    /// Rows of numbers, in memory; none if none were held out.
    Plain(Option<&'a Examples>),
    /// Rows of a data set.
    Table {
        /// Which.
        dataset: Uuid,
        /// Whether it is one of its own, of which nothing was trained on.
        is_apart: bool,
        /// Their places in it, in ascending order.
        rows: Vec<usize>,
    },
}

/// How a version is published.
pub(super) struct Verdict {
    pub(super) serving: Serving,
    /// What that follows from, where it depends on the active version.
    pub(super) comparison: Option<Comparison>,
}

/// Both measures on the rows in common; the less, the better.
struct Measures {
    rows: usize,
    candidate: f64,
    active: f64,
}

impl Measures {
    const NONE: Measures = Measures { rows: 0, candidate: f64::NAN, active: f64::NAN };
}

/// Why there are no such measures: a sentence.
type Reason = String;

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
            let verdict = context.persist(true, || compare(context, &candidate, rows))?;
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
            let reason = format!("its {word} is {candidate:.6}: {relation} the {active:.6} of version {number}");
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

fn metric_of(candidate: &Predictor) -> Metric {
    match candidate.table() {
        Err(_) => Metric::Loss,
        Ok(table) if table.parts.encoder.target.classes().is_empty() => Metric::Rmse,
        Ok(_) => Metric::LogLoss,
    }
}

/// Measures both on the rows that neither was trained on; or says why that cannot be done.
fn measure(
    context: &RunContext,
    candidate: &Arc<Predictor>,
    active: &Version,
    rows: &MeasuredRows,
) -> Result<Result<Measures, Reason>, Halt> {
    let number = active.number;
    let base = context.job.record.base_version.get();
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
        MeasuredRows::Table { dataset, is_apart, rows } => {
            let trained_on = active.facts.trained_on.dataset;
            match context.read(applies(context, &rule, trained_on, *dataset, *is_apart))?? {
                None => Ok(Measures::NONE),
                Some(rule) => {
                    let pair = Pair { candidate: candidate.clone(), active: rival, number };
                    context.read(pair.on_dataset(context, *dataset, rows.clone(), rule))??
                }
            }
        }
    };
    Ok(measured.and_then(|measures| match measures.rows {
        0 => Err(format!(
            "no row that this training held out is known to have been held out by that of version {number} too: keep `seed`, \
             or give both the same `validation` data set"
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
    Measures { rows: common.len(), candidate: candidate.evaluate(&examples).0, active: active.evaluate(&examples).0 }
}

/// Two versions of a model by data set.
struct Pair {
    candidate: Arc<Predictor>,
    active: Arc<Predictor>,
    /// Of the active one.
    number: u64,
}

/// Why rows were gone through no further.
enum Ended {
    Stopped,
    Unfit(Reason),
}

/// What both answer to the rows so far.
#[derive(Default)]
struct BothAnswered {
    /// Rows of the data set that were gone through.
    rows: usize,
    candidate: Answered,
    active: Answered,
}

impl Pair {
    /// Goes through those of the rows named that the active version's training held out by `rule`, or all of them, batch by batch.
    async fn on_dataset(
        self,
        context: &RunContext<'_>,
        dataset: Uuid,
        rows: Vec<usize>,
        rule: Option<Rule>,
    ) -> Result<Result<Measures, Reason>, Halt> {
        let dataset = context.datasets.get_for_job(dataset).await?;
        let names = match self.columns(&dataset.profile.names(), rule.as_ref()) {
            Ok(names) => names,
            Err(reason) => return Ok(Err(reason)),
        };
        let encoders = [&self.candidate, &self.active].map(|version| version.spec().inputs());
        let at_once = (BATCH_VALUES / (names.len() + encoders[0] + encoders[1])).max(1);
        let (pair, job) = (Arc::new(self), context.job.clone());
        let both = pair.clone();
        let add = move |answered: &mut BothAnswered, table: Table| {
            if job.control.is_urgent() {
                return Err(Ended::Stopped);
            }
            both.answer(&table, &rows, rule.as_ref(), answered).map_err(Ended::Unfit)
        };
        let gone_through = context.datasets.fold(&dataset, names, at_once, BothAnswered::default(), add).await?;
        match gone_through {
            Err(Ended::Stopped) => Err(Stopped.into()),
            Err(Ended::Unfit(reason)) => Ok(Err(reason)),
            Ok(answered) => Ok(pair.measures(&answered)),
        }
    }

    /// The columns to read: those that both versions know, and those that tell which rows were held out.
    fn columns(&self, known: &HashSet<&str>, rule: Option<&Rule>) -> Result<Vec<String>, Reason> {
        let [candidate, active] = [&self.candidate, &self.active].map(|version| version.table());
        let unlike = || format!("version {} is none of a model by data set", self.number);
        let (candidate, active) = (candidate.map_err(|_| unlike())?, active.map_err(|_| unlike())?);
        let (encoder, number) = (&active.parts.encoder, self.number);
        let classes = candidate.parts.encoder.target.classes();
        if let Some(new) = classes.iter().find(|class| !encoder.target.classes().contains(class)) {
            return Err(format!("version {number} does not know the class {}", Shown(new)));
        }
        let mut names: Vec<&str> = Vec::new();
        let features = [&candidate.parts.encoder, encoder].map(|encoder| &encoder.features);
        names.extend(features.into_iter().flatten().map(|feature| feature.name.as_str()));
        names.extend(rule.map(Rule::columns).unwrap_or_default().iter().map(String::as_str));
        if let Some(lacking) = names.iter().find(|name| !known.contains(*name)) {
            return Err(format!("the data has no column {}, which version {number} needs", Shown(lacking)));
        }
        names.push(encoder.target.name());
        names.sort_unstable();
        names.dedup();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// Takes in what both answer to the rows of a batch.
    fn answer(
        &self,
        table: &Table,
        rows: &[usize],
        rule: Option<&Rule>,
        answered: &mut BothAnswered,
    ) -> Result<(), Reason> {
        let start = answered.rows;
        answered.rows += table.rows;
        let within = rows.partition_point(|row| *row < start)..rows.partition_point(|row| *row < answered.rows);
        let mut here: Vec<usize> = rows[within].iter().map(|row| row - start).collect();
        let target = self.active.table().map_err(|error| error.to_string())?.parts.encoder.target.name();
        let held_out = match rule {
            None => vec![true; here.len()],
            Some(Rule::Order { from }) => here.iter().map(|row| start + row >= *from).collect(),
            Some(rule) => {
                let changed = || "a column that tells which rows were held out has another type now".to_owned();
                rule.holds(table, target, &here).ok_or_else(changed)?
            }
        };
        let mut is_held_out = held_out.into_iter();
        here.retain(|_| is_held_out.next().unwrap_or(false));
        if here.is_empty() {
            return Ok(());
        }
        let number = self.number;
        for (version, answered) in [(&self.candidate, &mut answered.candidate), (&self.active, &mut answered.active)] {
            let table_version = version.table().map_err(|error| error.to_string())?;
            let unfit =
                |error| format!("the rows cannot be measured by both this version and version {number}: {error}");
            table_version.answer_rows(table, &here, answered).map_err(unfit)?;
        }
        Ok(())
    }

    fn measures(&self, answered: &BothAnswered) -> Result<Measures, Reason> {
        let rows = answered.candidate.rows();
        if rows == 0 {
            return Ok(Measures::NONE);
        }
        let measure = |version: &Predictor, answered: &Answered| {
            let parts = version.table().map_err(|error| error.to_string())?.parts;
            Ok::<_, Reason>(match answered.metrics(parts) {
                Metrics::Classification(measured) => measured.log_loss,
                Metrics::Regression(measured) => measured.rmse,
            })
        };
        let candidate = measure(&self.candidate, &answered.candidate)?;
        Ok(Measures { rows, candidate, active: measure(&self.active, &answered.active)? })
    }
}
