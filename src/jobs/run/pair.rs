//! Two versions of a model by data set, measured on the same rows of one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::context::RunContext;
use super::encoded::take;
use super::unpublished::{Halt, Stopped};
use crate::data::column::Table;
use crate::data::row_weights::weights_of;
use crate::data::split::Rule;
use crate::jobs::error::JobError;
use crate::learning::members::Fold;
use crate::learning::row_weights::RowWeights;
use crate::models::Predictor;
use crate::models::prediction::TablePredictor;
use crate::models::scoring::Answered;
use crate::wording::Shown;

/// Cells and encoded values of the rows that are worked off at once: some megabytes.
const BATCH_VALUES: usize = 1 << 18;
/// Memory of one of them: as it is read, encoded and answered.
const VALUE_BYTES: usize = 32;

/// Both measures on the rows in common; the less, the better.
pub(super) struct Measures {
    pub(super) rows: usize,
    pub(super) candidate: f64,
    pub(super) active: f64,
}

impl Measures {
    /// Of no rows.
    pub(super) const NONE: Measures = Measures { rows: 0, candidate: f64::NAN, active: f64::NAN };
}

/// Why there are no such measures: a sentence.
pub(super) type Reason = String;

/// Two versions of a model by data set.
pub(super) struct Pair {
    pub(super) candidate: Arc<Predictor>,
    pub(super) active: Arc<Predictor>,
    /// Of the active one.
    pub(super) number: u64,
    /// The column that says how much each row counts.
    pub(super) weights: Option<String>,
}

/// Why rows were gone through no further.
enum Ended {
    Stopped,
    Unfit(Reason),
}

/// What both answer to the rows so far.
struct BothAnswered {
    /// Rows of the data set that were gone through.
    rows: usize,
    candidate: Answered,
    active: Answered,
}

impl Pair {
    /// Goes through those of the rows named that the active version's training held out by `rule`, or all of them, batch by batch.
    ///
    /// # Errors
    /// The job is to stop meanwhile, or what is stored cannot be read.
    pub(super) async fn on_dataset(
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
        let width = names.len() + self.candidate.spec().inputs() + self.active.spec().inputs();
        let at_once = (BATCH_VALUES / width).clamp(1, dataset.rows().max(1));
        let bytes = 2 * rows.len() * Answered::ROW_BYTES + at_once * width * VALUE_BYTES;
        match take(context.memory, bytes as u64) {
            Err(error @ JobError::TooLarge { .. }) => return Ok(Err(format!("it cannot be compared: {error}"))),
            taken => taken?,
        }
        let answered = match self.room(rows.len()) {
            Ok(room) => room,
            Err(reason) => return Ok(Err(reason)),
        };
        let (pair, job) = (Arc::new(self), context.job.clone());
        let both = pair.clone();
        let add = move |answered: &mut BothAnswered, table: Table| {
            if job.control.is_urgent() {
                return Err(Ended::Stopped);
            }
            both.answer(&table, &rows, rule.as_ref(), answered).map_err(Ended::Unfit)
        };
        let gone_through = context.datasets.fold(&dataset, names, at_once, answered, add).await?;
        match gone_through {
            Err(Ended::Stopped) => Err(Stopped.into()),
            Err(Ended::Unfit(reason)) => Ok(Err(reason)),
            Ok(answered) => Ok(pair.measures(&answered)),
        }
    }

    /// Room for what both answer to so many rows.
    fn room(&self, rows: usize) -> Result<BothAnswered, Reason> {
        let of = |version: &Predictor| {
            let target = &version.table().map_err(|error| error.to_string())?.parts.encoder.target;
            Ok::<_, Reason>(Answered::for_rows(rows, target, self.weights.is_some()))
        };
        Ok(BothAnswered { rows: 0, candidate: of(&self.candidate)?, active: of(&self.active)? })
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
        let folds = [candidate.parts.rule.as_ref(), active.parts.rule.as_ref()].into_iter().flatten();
        let rules = folds.filter(|rule| rule.folds().is_some()).chain(rule);
        names.extend(rules.flat_map(Rule::columns).map(String::as_str));
        if let Some(lacking) = names.iter().find(|name| !known.contains(*name)) {
            return Err(format!("the data has no column {}, which version {number} needs", Shown(lacking)));
        }
        names.push(encoder.target.name());
        names.extend(self.weights.as_deref());
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
        if let Some(rule) = rule {
            let mut folds = folds(rule, table, target, &here, start)?.into_iter();
            here.retain(|_| folds.next().is_some_and(|fold| fold.is_some()));
        }
        if here.is_empty() {
            return Ok(());
        }
        let number = self.number;
        let weights = match self.weights.as_deref().and_then(|name| table.column(name)) {
            None => None,
            Some(column) => {
                let weights = weights_of(column, here.iter().copied()).map_err(|error| error.to_string())?;
                Some(weights.into_iter().map(|weight| weight as f32).collect::<Vec<f32>>())
            }
        };
        let weights = RowWeights::from(weights.as_deref());
        for (version, answered) in [(&self.candidate, &mut answered.candidate), (&self.active, &mut answered.active)] {
            let version = version.table().map_err(|error| error.to_string())?;
            let unfit =
                |error| format!("the rows cannot be measured by both this version and version {number}: {error}");
            for (fold, places) in by_fold(&version, table, &here, start)? {
                let rows: Vec<usize> = places.iter().map(|place| here[*place]).collect();
                let weights = weights.select(&places);
                let weights = RowWeights::from(weights.as_deref());
                version.answer_rows(table, &rows, fold, weights, answered).map_err(unfit)?;
            }
        }
        Ok(())
    }

    fn measures(&self, answered: &BothAnswered) -> Result<Measures, Reason> {
        let rows = answered.candidate.rows();
        if rows == 0 {
            return Ok(Measures::NONE);
        }
        let metric = self.candidate.table().map_err(|error| error.to_string())?.parts.spec.metric();
        let measure = |version: &Predictor, answered: &Answered| {
            let parts = version.table().map_err(|error| error.to_string())?.parts;
            Ok::<_, Reason>(answered.metrics(parts).by(metric))
        };
        let candidate = measure(&self.candidate, &answered.candidate)?;
        Ok(Measures { rows, candidate, active: measure(&self.active, &answered.active)? })
    }
}

/// Why rows cannot be told by a rule that they were once told by.
fn changed() -> Reason {
    "a column that tells which rows were held out has another type now".to_owned()
}

/// The fold that a rule has each of the rows named in, of a table that begins at row `start` of its data set.
fn folds(rule: &Rule, table: &Table, target: &str, rows: &[usize], start: usize) -> Result<Vec<Option<usize>>, Reason> {
    match rule {
        // By the place in the data set.
        Rule::Order { from, .. } => Ok(rows.iter().map(|row| (start + row >= *from).then_some(0)).collect()),
        rule => rule.holds(|name| table.column(name), target, rows).ok_or_else(changed),
    }
}

/// The rows named of a table that begins at row `start` of its data set, by their places among them: those of each fold, to which
/// the networks may answer that have not learned from it; and those to which all may.
fn by_fold(
    version: &TablePredictor,
    table: &Table,
    rows: &[usize],
    start: usize,
) -> Result<BTreeMap<Option<Fold>, Vec<usize>>, Reason> {
    let rule = version.parts.rule.as_ref();
    let Some((rule, count)) = rule.and_then(|rule| Some((rule, rule.folds()?))) else {
        return Ok(BTreeMap::from([(None, (0..rows.len()).collect())]));
    };
    let folds = folds(rule, table, version.parts.encoder.target.name(), rows, start)?;
    // A file from elsewhere may have fewer networks than its rule has folds.
    let has = |fold: &Fold| fold.number < version.members.list().len();
    let mut found: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (place, number) in folds.into_iter().enumerate() {
        let fold = number.map(|number| Fold { count, number }).filter(has);
        found.entry(fold).or_default().push(place);
    }
    Ok(found)
}
