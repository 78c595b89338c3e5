//! Classes and the rows held out: what no network has learned says nothing of it, and what all rows of a class are held out of is not
//! learned.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use crate::data::column::Column;
use crate::data::encoder::EncodeError;
use crate::data::profile::Finding;
use crate::data::split::{GroupFolds, Split};
use crate::learning::split::{SplitKind, SplitUsed};
use crate::wording::Shown;

/// Classes that are named in a finding, at most.
const NAMED: usize = 5;

/// The classes of rows.
pub(super) struct Labels {
    /// A number for each row, from 0 in the order of appearance.
    pub(super) of_rows: Vec<u32>,
    /// By number.
    pub(super) names: Vec<String>,
}

impl Labels {
    pub(super) fn of(target: &Column, rows: &[usize]) -> Self {
        let (mut known, mut names) = (HashMap::new(), Vec::new());
        let class = |row: &usize| {
            let name = target.values.text(*row).unwrap_or_default();
            match known.get(&name) {
                Some(label) => *label,
                None => {
                    let label = names.len() as u32;
                    names.push(name.clone());
                    known.insert(name, label);
                    label
                }
            }
        };
        let of_rows = rows.iter().map(class).collect();
        Labels { of_rows, names }
    }

    /// Some of the classes, as they are shown.
    fn shown<'a>(&self, labels: impl Iterator<Item = &'a u32>) -> String {
        let names: Vec<String> =
            labels.take(NAMED).map(|label| Shown(&self.names[*label as usize]).to_string()).collect();
        names.join(", ")
    }

    /// Checks that no network learns a single class where there are several. At random each class is shared out.
    ///
    /// # Errors
    /// `Split`: one would.
    pub(super) fn require(&self, split: &Split, folds: &[Range<usize>], used: &SplitUsed) -> Result<(), EncodeError> {
        if self.names.len() < 2 {
            return Ok(());
        }
        let class = |place: &usize| self.of_rows[*place];
        for fold in folds {
            let held = &split.validation;
            let mut learned = held[..fold.start].iter().chain(&held[fold.end..]).chain(&split.train).map(class);
            let first = learned.next();
            if first.is_none() || learned.all(|label| Some(label) == first) {
                let reason = "a network is left with rows of a single class: split them otherwise, or set members to 1";
                return Err(refused(used, reason));
            }
        }
        Ok(())
    }

    /// Takes rows out of those to validate on whose class no row to train on has: no network could answer with it. At random each
    /// class gives its share, and keeps a row to train on.
    ///
    /// # Errors
    /// `Split`: there is nothing left to learn, or to measure.
    pub(super) fn leave_unseen(
        &self,
        split: &mut Split,
        used: &SplitUsed,
        target: &str,
    ) -> Result<Option<Finding>, EncodeError> {
        if used.kind == SplitKind::Random {
            return Ok(None);
        }
        let trained: HashSet<u32> = split.train.iter().map(|place| self.of_rows[*place]).collect();
        if trained.len() < 2 && self.names.len() > 1 {
            return Err(refused(used, "the rows that are left to train on have a single class: split them otherwise"));
        }
        let before = split.validation.len();
        let mut unseen: Vec<u32> = Vec::new();
        split.validation.retain(|place| {
            let label = self.of_rows[*place];
            let is_trained = trained.contains(&label);
            if !is_trained && !unseen.contains(&label) {
                unseen.push(label);
            }
            is_trained
        });
        if split.validation.is_empty() {
            return Err(refused(
                used,
                "every row held out has a class that no row to train on has: split them otherwise",
            ));
        }
        let left = before - split.validation.len();
        let message = format!(
            "{left} of the {before} rows held out have a class that no row to train on has ({}): they are neither trained on nor \
             measured, so that the measures say nothing about them. Add rows of these classes, or split the rows otherwise.",
            self.shown(unseen.iter())
        );
        let column = Some(target.to_owned());
        Ok((left > 0).then(|| Finding { code: "classes_not_trained".to_owned(), message, column }))
    }

    /// Has all networks learn from a group of each class whose rows are in one fold alone: else the network that answers these rows
    /// would know nothing of their class. It is the one with the fewest rows. `keys` has the group of each row, and `column` names
    /// what they are the values of.
    ///
    /// # Errors
    /// `Split`: then no group is held out any more.
    pub(super) fn spare_sole_groups(
        &self,
        found: &mut GroupFolds,
        keys: &[Option<u64>],
        column: &str,
    ) -> Result<Option<Finding>, EncodeError> {
        let mut sizes: HashMap<u64, usize> = HashMap::new();
        keys.iter().flatten().for_each(|key| *sizes.entry(*key).or_default() += 1);
        let sole = self.groups_of_sole_folds(found, keys);
        let smallest = |groups: &HashSet<u64>| groups.iter().copied().min_by_key(|key| (sizes[key], *key));
        let spared: HashSet<u64> = sole.values().filter_map(smallest).collect();
        if spared.is_empty() {
            return Ok(None);
        }
        let rows: usize = spared.iter().map(|key| sizes[key]).sum();
        let count = spared.len();
        found.spare(spared.into_iter().collect(), keys);
        let by = Shown(column);
        if found.folds.folds.iter().all(Vec::is_empty) {
            let reason = "each class is in a single group, or nearly so: split the rows otherwise".to_owned();
            return Err(EncodeError::Split { by: format!("column {by}"), reason });
        }
        let message = format!(
            "All networks learn from {rows} rows of {count} groups of {by}, and none is measured on them, as only there, or hardly \
             elsewhere, are the classes {}: the measures say little about these. Add groups that have them.",
            self.shown(sole.keys())
        );
        Ok(Some(Finding { code: "classes_not_measured".to_owned(), message, column: Some(column.to_owned()) }))
    }

    /// The classes all of whose rows are in one fold, each with its groups.
    fn groups_of_sole_folds(&self, found: &GroupFolds, keys: &[Option<u64>]) -> BTreeMap<u32, HashSet<u64>> {
        // Of each class the folds of its rows, or that some are in none; and its groups.
        let mut of_classes: BTreeMap<u32, (HashSet<Option<usize>>, HashSet<u64>)> = BTreeMap::new();
        let of_folds = found.folds.folds.iter().zip(0..).map(|(rows, fold)| (rows, Some(fold)));
        for (rows, fold) in of_folds.chain([(&found.folds.others, None)]) {
            for place in rows {
                let (folds, groups) = of_classes.entry(self.of_rows[*place]).or_default();
                folds.insert(fold);
                groups.extend(keys[*place]);
            }
        }
        of_classes.retain(|_, (folds, _)| folds.len() == 1 && !folds.contains(&None));
        of_classes.into_iter().map(|(class, (_, groups))| (class, groups)).collect()
    }
}

fn refused(used: &SplitUsed, reason: &str) -> EncodeError {
    let by = used.column.as_ref().map_or("order".to_owned(), |name| format!("column {}", Shown(name)));
    EncodeError::Split { by, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::split::folds_by_group;

    #[test]
    fn a_class_of_a_single_fold_is_learned_by_all_networks() {
        // Twenty groups of ten rows, of which the seventh alone has the class c.
        let keys: Vec<Option<u64>> = (0..200).map(|row| Some((row as u64 / 10 + 1) << 58)).collect();
        let class = |row: usize| if row / 10 == 7 && row.is_multiple_of(2) { 2 } else { row as u32 % 2 };
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let labels = Labels { of_rows: (0..200).map(class).collect(), names };
        let mut found = folds_by_group(&keys, 5, 0.2).expect("groups");
        assert!(found.folds.others.is_empty());
        let finding = labels.spare_sole_groups(&mut found, &keys, "who").expect("others are held out");
        let finding = finding.expect("a class is not measured");
        assert_eq!((finding.code.as_str(), found.folds.others.len()), ("classes_not_measured", 10));
        assert!(finding.message.contains("10 rows of 1 groups") && finding.message.contains("classes \"c\""));
        assert!(found.folds.others.iter().all(|row| row / 10 == 7) && found.spared == [keys[70].expect("a group")]);
        assert_eq!(labels.spare_sole_groups(&mut found, &keys, "who").expect("as before"), None);
        // A class for each group.
        let keys: Vec<Option<u64>> = (0..30).map(|row| Some((row as u64 / 10 + 1) << 60)).collect();
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let labels = Labels { of_rows: (0..30).map(|row| row / 10).collect(), names };
        let mut found = folds_by_group(&keys, 3, 0.3).expect("groups");
        assert!(labels.spare_sole_groups(&mut found, &keys, "who").is_err());
    }
}
