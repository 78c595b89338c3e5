//! The rows of a data set that a training holds out: chosen in one place, and followed by early stopping, calibration, intervals
//! and every measure.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::classes_held_out::Labels;
use super::depend;
use super::tables::TrainingTables;
use super::unpublished::Halt;
use crate::data::column::{Column, Table, Values};
use crate::data::encoder::{EncodeError, Task};
use crate::data::probe::Rows;
use crate::data::profile::Finding;
use crate::data::split::{
    Folds, MAX_SPARED, Rule, Split, by_content, by_group, by_lot,
    content::{numbered, repeat_by_nature, row_hashes},
    folds_by_content, folds_by_group, group_keys, last, latest, order,
};
use crate::data::values::format_datetime;
use crate::learning::random::{Purpose, generator};
use crate::learning::split::{SplitBy, SplitKind, SplitUsed};
use crate::learning::training::ValidTrainingSpec;
use crate::models::table::TableSpec;
use crate::wording::Shown;

/// Equal rows of a target with more values than so many are copies: that two rows agree in it by chance is rare.
const FEW_TARGETS: usize = 50;

/// Rows to train on and rows held out.
#[derive(Default)]
pub(super) struct HeldOut {
    /// Where there are folds, those held out are trained on as well, each by all networks but one.
    pub(super) split: Split,
    /// Which of the rows held out each network does not learn from; empty where no network learns from any.
    pub(super) folds: Vec<Range<usize>>,
    /// What tells them again.
    pub(super) rule: Option<Rule>,
    /// How they were chosen; `None` if none is held out.
    pub(super) used: Option<SplitUsed>,
    pub(super) findings: Vec<Finding>,
}

/// A choice among the rows that have a target.
pub(super) struct Choice<'a> {
    pub(super) model: &'a TableSpec,
    pub(super) settings: &'a ValidTrainingSpec,
    pub(super) data: &'a TrainingTables,
    pub(super) target: &'a Column,
    pub(super) rows: &'a [usize],
    /// How the version held rows out that the training goes on from, if as many networks can hold them out so again.
    pub(super) before: Option<&'a Rule>,
}

/// Rows held out, by their places among those that have a target.
struct Chosen {
    split: Split,
    folds: Vec<Range<usize>>,
    rule: Option<Rule>,
    used: SplitUsed,
    /// Rows without a value of the column that was gone by.
    missing: usize,
}

impl Choice<'_> {
    /// The rows, and whether rows at random would flatter. `go_on` is asked every some milliseconds.
    ///
    /// # Errors
    /// `Unfit`: the data cannot be split as asked. That the job is to stop.
    pub(super) fn held_out(&self, go_on: &dyn Fn() -> bool) -> Result<HeldOut, Halt> {
        let rows = self.rows;
        if self.settings.validation_split == 0.0 || rows.len() < 2 {
            let split = Split { train: rows.to_vec(), validation: Vec::new() };
            return Ok(HeldOut { split, ..HeldOut::default() });
        }
        let mut findings = Vec::new();
        let chosen = match &self.settings.split {
            None => self.by_lot(),
            Some(SplitBy::Auto {}) => match self.in_order_of_time().filter(|_| !self.was_at_random()) {
                Some(chosen) => chosen,
                None => self.at_random(no_times(), &mut findings, go_on)?,
            },
            Some(by @ SplitBy::Random {}) => {
                let used = SplitUsed::asked(by).expect("it is chosen");
                self.at_random(used.reason, &mut findings, go_on)?
            }
            Some(SplitBy::Time { column }) => self.by_time(column)?,
            Some(SplitBy::Group { column }) => self.by_group(column, &mut findings)?,
            Some(by @ SplitBy::Order {}) => self.last(SplitUsed::asked(by).expect("it is chosen")),
        };
        let Chosen { mut split, mut folds, rule, used, missing } = chosen;
        findings.extend(without_value(&used, missing));
        if let Some(labels) = self.labels() {
            match folds.is_empty() {
                true => findings.extend(labels.leave_unseen(&mut split, &used, &self.target.name)?),
                false => labels.require(&split, &folds, &used)?,
            }
        }
        if let Some(count) = rule.as_ref().and_then(Rule::by_the_first) {
            folds = of_the_first(count, split.validation.len());
        }
        let named = |chosen: Vec<usize>| chosen.into_iter().map(|place| rows[place]).collect();
        let split = Split { train: named(split.train), validation: named(split.validation) };
        Ok(HeldOut { split, folds, rule, used: Some(used), findings })
    }

    fn share(&self) -> f64 {
        self.settings.validation_split
    }

    /// How many networks hold out other rows each, if there are several, and which share: as much as was asked for, if there are
    /// rows enough for all of them.
    fn folds(&self) -> Option<(usize, f64)> {
        let count = self.settings.networks();
        (count > 1).then(|| (count, self.share().min(1.0 / count as f64)))
    }

    fn labels(&self) -> Option<Labels> {
        (self.model.task == Task::Classification).then(|| Labels::of(self.target, self.rows))
    }

    /// As releases did that knew no other way.
    fn by_lot(&self) -> Chosen {
        let labels = self.labels();
        let labels = labels.as_ref().map(|labels| labels.of_rows.as_slice());
        let split = by_lot(self.rows.len(), self.share(), labels, &mut generator(self.settings.seed, Purpose::Split));
        let reason = "the training began in a release that draws lots".to_owned();
        let used = SplitUsed { kind: SplitKind::Random, column: None, reason };
        Chosen { split, folds: Vec::new(), rule: None, used, missing: 0 }
    }

    fn at_random(&self, reason: String, findings: &mut Vec<Finding>, go_on: &dyn Fn() -> bool) -> Result<Chosen, Halt> {
        let (seed, labels) = (self.settings.seed, self.labels());
        let columns: Vec<&Column> = self.data.content.iter().filter_map(|name| self.column(name)).collect();
        let hashes = row_hashes(columns.iter().copied(), self.rows, seed);
        let are_numbered = self.repeat_by_nature(&columns, &hashes);
        let hashes = if are_numbered { numbered(hashes) } else { hashes };
        if self.data.is_new {
            findings.extend(depend::finding(&self.looked_at(&hashes), &self.data.profile, go_on)?);
        }
        let columns = columns.into_iter().map(|column| column.name.clone()).collect();
        let of_rows = labels.as_ref().map(|labels| labels.of_rows.as_slice());
        let names = || labels.as_ref().map_or_else(Vec::new, |labels| labels.names.clone());
        let used = SplitUsed { kind: SplitKind::Random, column: None, reason };
        if let Some(chosen) = self.as_before(&used, 0).filter(|_| self.was_at_random()) {
            return Ok(chosen);
        }
        if let Some((count, share)) = self.folds() {
            let (found, bounds) = folds_by_content(&hashes, count, share, of_rows);
            let (bounds, classes) = of_most(bounds, names());
            let used = SplitUsed { reason: format!("{}; {}", used.reason, in_turn(count)), ..used };
            let (split, folds) = in_order(found);
            let rule = Some(Rule::Folds { seed, columns, bounds, classes, numbered: are_numbered });
            return Ok(Chosen { split, folds, rule, used, missing: 0 });
        }
        let found = by_content(&hashes, self.share(), of_rows);
        let (below, classes) = of_most(found.bounds, names());
        let rule = Some(Rule::Random { seed, columns, below, classes, numbered: are_numbered });
        Ok(Chosen { split: found.split, folds: Vec::new(), rule, used, missing: 0 })
    }

    /// Whether rows of equal content, which has these hashes, are what such a table has by nature, and no copies that were made of
    /// others: then they are told apart. Held out together, a network would never see what some combinations of values mostly
    /// lead to.
    fn repeat_by_nature(&self, columns: &[&Column], hashes: &[u64]) -> bool {
        let is_target = |column: &&Column| column.name == self.target.name;
        let of = |columns: Vec<&Column>| row_hashes(columns.into_iter(), self.rows, self.settings.seed);
        let targets: HashSet<u64> = of(vec![self.target]).into_iter().collect();
        let features = columns.iter().copied().filter(|column| !is_target(column)).collect();
        targets.len() <= FEW_TARGETS && repeat_by_nature(&of(features), hashes)
    }

    /// Whether the version that the training goes on from held out rows at random, by hashes of the same seed.
    fn was_at_random(&self) -> bool {
        let ours = self.settings.seed;
        matches!(self.before, Some(Rule::Random { seed, .. } | Rule::Folds { seed, .. }) if *seed == ours)
    }

    /// Whether it held out groups of this column, likewise.
    fn was_by_group(&self, name: &str) -> bool {
        let ours = (self.settings.seed, name);
        matches!(
            self.before,
            Some(Rule::Group { seed, column, .. } | Rule::GroupFolds { seed, column, .. }) if (*seed, column.as_str()) == ours
        )
    }

    /// The rows that the rule of the version holds out that the training goes on from, none of which its networks have learned from:
    /// bounds of this training's own would lie elsewhere. `None` without such a rule, or if it holds out none or all.
    fn as_before(&self, used: &SplitUsed, missing: usize) -> Option<Chosen> {
        let rule = self.before?;
        let held = rule.holds(|name| self.column(name), &self.target.name, self.rows)?;
        let (split, folds) = in_order(Folds::of(rule.folds().unwrap_or(1), held.into_iter()));
        let folds = if rule.folds().is_some() { folds } else { Vec::new() };
        let is_none = split.validation.is_empty() || folds.is_empty() && split.train.is_empty();
        let reason =
            format!("{}; they are those that the version held out which the training goes on from", used.reason);
        let used = SplitUsed { reason, ..used.clone() };
        (!is_none).then(|| Chosen { split, folds, rule: Some(rule.clone()), used, missing })
    }

    /// What is looked at for rows that depend on each other.
    fn looked_at<'b>(&'b self, hashes: &'b [u64]) -> Rows<'b> {
        let (table, beside) = (&self.data.table, &self.data.beside);
        let (task, seed) = (self.model.task, self.settings.seed);
        Rows { table, beside, answer: self.target, task, rows: self.rows, hashes, seed }
    }

    /// Of how many networks the first holds out rows that are at the end, if there are several. A training that goes on from a version
    /// of several candidates has the first of each do so, as there.
    fn networks(&self) -> Option<usize> {
        self.before.and_then(Rule::by_the_first).or(self.folds().map(|(count, _)| count))
    }

    fn last(&self, used: SplitUsed) -> Chosen {
        let split = last(self.rows.len(), self.share());
        let (networks, reason) = (self.networks(), used.reason + &self.by_the_first());
        let rule = split.validation.first().map(|first| Rule::Order { from: self.rows[*first], networks });
        let used = SplitUsed { reason, ..used };
        Chosen { split, folds: Vec::new(), rule, used, missing: 0 }
    }

    /// The latest rows by the first column of times in whose order the rows stand, if about as many as asked can be held out by
    /// it, all of classes that are trained on.
    fn in_order_of_time(&self) -> Option<Chosen> {
        let tables = [&self.data.table, &self.data.beside];
        let columns =
            tables.into_iter().flat_map(|table| &table.columns).filter(|column| column.name != self.target.name);
        for column in columns {
            let Values::Datetime(values) = &column.values else { continue };
            if order(self.rows.iter().map(|row| values[*row])).is_none() {
                continue;
            }
            let reason = format!("the rows stand in the order of {}", Shown(&column.name));
            let Ok(mut chosen) = self.latest(column, reason) else { continue };
            let wanted = self.rows.len() as f64 * self.share();
            let held = chosen.split.validation.len() as f64;
            let fits = (wanted / 2.0..=wanted * 2.0).contains(&held);
            let Chosen { split, used, .. } = &mut chosen;
            let unseen = self.labels().map(|labels| labels.leave_unseen(split, used, &self.target.name));
            if fits && unseen.is_none_or(|unseen| unseen.is_ok_and(|found| found.is_none())) {
                return Some(chosen);
            }
        }
        None
    }

    fn by_time(&self, name: &str) -> Result<Chosen, EncodeError> {
        self.latest(self.column_of(name)?, "the request asks for the latest rows".to_owned())
    }

    fn latest(&self, column: &Column, reason: String) -> Result<Chosen, EncodeError> {
        let Values::Datetime(values) = &column.values else {
            return Err(unfit(&column.name, format!("it is {} in this data set, not datetime", column.kind.word())));
        };
        let times: Vec<Option<i64>> = self.rows.iter().map(|row| values[*row]).collect();
        let found = latest(&times, self.share());
        let found = found.ok_or_else(|| unfit(&column.name, "all rows have one time, or none".into()))?;
        let from = format_datetime(found.from);
        let reason = format!("{reason}: those from {from} on are held out{}", self.by_the_first());
        let name = column.name.clone();
        let rule = Rule::Time { column: name.clone(), from: found.from, networks: self.networks() };
        let used = SplitUsed { kind: SplitKind::Time, column: Some(name), reason };
        Ok(Chosen { split: found.split, folds: Vec::new(), rule: Some(rule), used, missing: found.missing })
    }

    fn by_group(&self, name: &str, findings: &mut Vec<Finding>) -> Result<Chosen, EncodeError> {
        let seed = self.settings.seed;
        let keys = group_keys(self.column_of(name)?, self.rows, seed);
        let missing = keys.iter().filter(|key| key.is_none()).count();
        let too_few = || unfit(name, "there is a single group, or none".into());
        let (kind, column) = (SplitKind::Group, Some(name.to_owned()));
        let reason = "the request asks for whole groups".to_owned();
        let used = SplitUsed { kind, column: column.clone(), reason };
        if let Some(chosen) = self.as_before(&used, missing).filter(|_| self.was_by_group(name)) {
            return Ok(chosen);
        }
        if let Some((count, share)) = self.folds() {
            let mut found = folds_by_group(&keys, count, share).ok_or_else(too_few)?;
            if let Some(labels) = self.labels() {
                findings.extend(labels.spare_sole_groups(&mut found, &keys, name)?);
            }
            let (bounds, spared, groups) = (found.bounds, found.spared, found.groups);
            let reason = format!("the request asks for whole groups, of which there are {groups}; {}", in_turn(count));
            let fits = spared.len() <= MAX_SPARED;
            let rule = fits.then(|| Rule::GroupFolds { seed, column: name.to_owned(), bounds, spared });
            let (split, folds) = in_order(found.folds);
            return Ok(Chosen { split, folds, rule, used: SplitUsed { kind, column, reason }, missing });
        }
        let found = by_group(&keys, self.share()).ok_or_else(too_few)?;
        let (held, all) = (found.held, found.groups);
        let reason = format!("the request asks for whole groups: {held} of {all} are held out");
        let (below, spared) = (found.below, found.spared);
        let rule = (spared.len() <= MAX_SPARED).then(|| Rule::Group { seed, column: name.to_owned(), below, spared });
        Ok(Chosen { split: found.split, folds: Vec::new(), rule, used: SplitUsed { kind, column, reason }, missing })
    }

    /// Which networks hold out rows that are at the end, if there are several.
    fn by_the_first(&self) -> String {
        let of_several =
            |count| format!("; the first of {count} networks holds them out, the others learn from them too");
        self.networks().map_or_else(String::new, of_several)
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.data.table.column(name).or_else(|| self.data.beside.column(name))
    }

    fn column_of(&self, name: &str) -> Result<&Column, EncodeError> {
        self.column(name).ok_or_else(|| EncodeError::NoColumn(name.to_owned()))
    }
}

/// The rows of all folds one after the other as those held out, and where each fold lies among them; no folds where nothing is
/// in one.
fn in_order(found: Folds) -> (Split, Vec<Range<usize>>) {
    let mut end = 0;
    let range = |fold: &Vec<usize>| {
        let start = end;
        end += fold.len();
        start..end
    };
    let folds: Vec<Range<usize>> = found.folds.iter().map(range).collect();
    let split = Split { train: found.others, validation: found.folds.concat() };
    (split, if end == 0 { Vec::new() } else { folds })
}

/// What most classes have, and the classes by name that have something else.
fn of_most<T: Clone + PartialEq>(of_labels: Vec<T>, names: Vec<String>) -> (T, BTreeMap<String, T>) {
    let most = of_labels.last().cloned().expect("there are rows");
    let others = names.into_iter().zip(of_labels).filter(|(_, own)| *own != most).collect();
    (most, others)
}

/// How several networks hold rows out.
fn in_turn(count: usize) -> String {
    format!("each of {count} networks holds out other rows, and learns from all the others")
}

/// Folds of so many networks, of which the first alone holds these rows out: so that what came last teaches the others.
fn of_the_first(networks: usize, rows: usize) -> Vec<Range<usize>> {
    std::iter::once(0..rows).chain(std::iter::repeat_n(rows..rows, networks - 1)).collect()
}

/// Why rows are held out at random where nothing is asked for.
fn no_times() -> String {
    "the rows stand in the order of no column of times that they could be held out by".to_owned()
}

fn unfit(column: &str, reason: String) -> EncodeError {
    EncodeError::Split { by: format!("column {}", Shown(column)), reason }
}

fn without_value(used: &SplitUsed, missing: usize) -> Option<Finding> {
    let name = used.column.as_ref().filter(|_| missing > 0)?;
    let message = format!(
        "{missing} rows have no value of {}, by which rows are held out: they are trained on, and flatter if they belong to what \
         is held out. Fill the values, or leave these rows out.",
        Shown(name)
    );
    Some(Finding { code: "split_values_missing".to_owned(), message, column: Some(name.clone()) })
}

/// A table of `rows` rows without columns.
pub(super) fn no_columns(rows: usize) -> Table {
    Table { columns: Vec::new(), rows }
}
