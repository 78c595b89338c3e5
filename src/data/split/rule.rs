//! What a version keeps of how its rows were held out: enough to tell of any row, later ones too, whether its training may have
//! seen it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::content::{numbered, row_hashes};
use super::folds::{MAX_FOLDS, fold_of};
use crate::data::column::{Column, Values};
use crate::data::encoder::MAX_CLASSES;

/// Groups that a rule spares at most: one that would spare more is not kept.
pub const MAX_SPARED: usize = 1_000;

/// Which rows are held out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Rule {
    /// Those whose content has a hash below a bound.
    Random {
        /// What the hashes are drawn with.
        seed: u64,
        /// The columns that are a row's content, the target among them.
        columns: Vec<String>,
        /// The bound.
        below: u64,
        /// Classes of the target that have another bound.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        classes: BTreeMap<String, u64>,
        /// Whether rows of equal content have hashes of their own, by how many stand before them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        numbered: bool,
    },
    /// Those whose group has a hash below a bound.
    Group {
        /// What the hashes are drawn with.
        seed: u64,
        /// The column whose values are the groups.
        column: String,
        /// The bound.
        below: u64,
        /// Groups that are trained on although their hash lies below.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        spared: Vec<u64>,
    },
    /// Each row by one network of several: by the one whose number is that of the first bound that the row's hash lies below.
    Folds {
        /// What the hashes are drawn with.
        seed: u64,
        /// The columns that are a row's content, the target among them.
        columns: Vec<String>,
        /// The bounds, in ascending order.
        bounds: Vec<u64>,
        /// Classes of the target that have other bounds.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        classes: BTreeMap<String, Vec<u64>>,
        /// Whether rows of equal content have hashes of their own, by how many stand before them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        numbered: bool,
    },
    /// Each group by one network of several, likewise.
    GroupFolds {
        /// What the hashes are drawn with.
        seed: u64,
        /// The column whose values are the groups.
        column: String,
        /// The bounds, in ascending order.
        bounds: Vec<u64>,
        /// Groups that all networks learn from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        spared: Vec<u64>,
    },
    /// Those of this time and later.
    Time {
        /// The column of times.
        column: String,
        /// In microseconds since 1970 UTC.
        from: i64,
        /// Where the first of so many networks alone holds them out, and the others learn from them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        networks: Option<usize>,
    },
    /// Those from this place on, in the data set that was trained on and in those that it is the beginning of.
    Order {
        /// Counted from 0.
        from: usize,
        /// As for times.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        networks: Option<usize>,
    },
}

impl Rule {
    /// Whether what came with a file is no longer than what is made here, where a table has at most so many columns.
    pub fn fits(&self, columns: usize) -> bool {
        match self {
            Rule::Random { columns: names, classes, .. } => names.len() <= columns + 1 && classes.len() <= MAX_CLASSES,
            Rule::Group { spared, .. } => spared.len() <= MAX_SPARED,
            Rule::Folds { columns: names, bounds, classes, .. } => {
                let as_many = classes.values().all(|of_class| of_class.len() == bounds.len());
                names.len() <= columns + 1 && classes.len() <= MAX_CLASSES && bounds.len() <= MAX_FOLDS && as_many
            }
            Rule::GroupFolds { bounds, spared, .. } => bounds.len() <= MAX_FOLDS && spared.len() <= MAX_SPARED,
            Rule::Time { networks, .. } | Rule::Order { networks, .. } => {
                networks.is_none_or(|networks| (1..=MAX_FOLDS).contains(&networks))
            }
        }
    }

    /// The columns and classes that it names.
    pub fn names(&self) -> Vec<&String> {
        match self {
            Rule::Random { columns, classes, .. } => columns.iter().chain(classes.keys()).collect(),
            Rule::Folds { columns, classes, .. } => columns.iter().chain(classes.keys()).collect(),
            Rule::Group { column, .. } | Rule::GroupFolds { column, .. } | Rule::Time { column, .. } => vec![column],
            Rule::Order { .. } => Vec::new(),
        }
    }

    /// How many folds it tells rows by, of which all but the first are empty where rows are held out by time or order; none if it
    /// just tells that a row is held out by all networks.
    pub fn folds(&self) -> Option<usize> {
        match self {
            Rule::Folds { bounds, .. } | Rule::GroupFolds { bounds, .. } => Some(bounds.len()),
            rule => rule.by_the_first(),
        }
    }

    /// Of how many networks the first alone holds the rows out, if it does.
    pub fn by_the_first(&self) -> Option<usize> {
        match self {
            Rule::Time { networks, .. } | Rule::Order { networks, .. } => *networks,
            _ => None,
        }
    }

    /// Whether every row that this rule holds out is held out by `other`, too, and in the same fold.
    pub fn is_within(&self, other: &Rule) -> bool {
        match (self, other) {
            (
                Rule::Random { seed, columns, below, classes, numbered },
                Rule::Random {
                    seed: their_seed,
                    columns: theirs,
                    below: their_bound,
                    classes: their_classes,
                    numbered: theirs_are,
                },
            ) => {
                let is_lower = |class: &String| {
                    classes.get(class).unwrap_or(below) <= their_classes.get(class).unwrap_or(their_bound)
                };
                (seed, columns, numbered) == (their_seed, theirs, theirs_are)
                    && below <= their_bound
                    && classes.keys().chain(their_classes.keys()).all(is_lower)
            }
            (
                Rule::Group { seed, column, below, spared },
                Rule::Group { seed: their_seed, column: theirs, below: their_bound, spared: they_spare },
            ) => {
                let is_spared = |group: &u64| group >= below || spared.contains(group);
                (seed, column) == (their_seed, theirs) && below <= their_bound && they_spare.iter().all(is_spared)
            }
            (
                Rule::Time { column, from, networks },
                Rule::Time { column: theirs, from: before, networks: their_networks },
            ) => column == theirs && from >= before && first_holds_out(networks, their_networks),
            (Rule::Order { from, networks }, Rule::Order { from: before, networks: their_networks }) => {
                from >= before && first_holds_out(networks, their_networks)
            }
            (one, other) => one == other,
        }
    }

    /// For each row named, the number of the fold that it is held out in, 0 where there is one: then the training of that network,
    /// or of all where there are no folds, has not seen the row, nor would it have if the row had been there. `column` finds
    /// columns by their names; `target` names the one that is predicted. `None`: a column that the rule goes by is not found.
    pub fn holds<'t>(
        &self,
        column: impl Fn(&str) -> Option<&'t Column>,
        target: &str,
        rows: &[usize],
    ) -> Option<Vec<Option<usize>>> {
        let once = |is_held: bool| is_held.then_some(0);
        match self {
            Rule::Random { seed, columns, below, classes, numbered } => {
                let hashes = hashes_of(&column, columns, rows, *seed, *numbered)?;
                let classes = of_class(column(target)?, classes);
                let bound = |row: usize| classes(row).unwrap_or(below);
                Some(rows.iter().zip(hashes).map(|(row, hash)| once(hash < *bound(*row))).collect())
            }
            Rule::Folds { seed, columns, bounds, classes, numbered } => {
                let hashes = hashes_of(&column, columns, rows, *seed, *numbered)?;
                let classes = of_class(column(target)?, classes);
                let bounds = |row: usize| classes(row).unwrap_or(bounds);
                Some(rows.iter().zip(hashes).map(|(row, hash)| fold_of(hash, bounds(*row))).collect())
            }
            Rule::Group { seed, column: of_groups, below, spared } => {
                let keys = group_keys(column(of_groups)?, rows, *seed);
                let held = |key: Option<u64>| key.is_some_and(|key| key < *below && !spared.contains(&key));
                Some(keys.into_iter().map(|key| once(held(key))).collect())
            }
            Rule::GroupFolds { seed, column: of_groups, bounds, spared } => {
                let keys = group_keys(column(of_groups)?, rows, *seed);
                let held = |key: Option<u64>| fold_of(key.filter(|key| !spared.contains(key))?, bounds);
                Some(keys.into_iter().map(held).collect())
            }
            Rule::Time { column: of_times, from, .. } => {
                let Values::Datetime(times) = &column(of_times)?.values else { return None };
                Some(rows.iter().map(|row| once(times[*row].is_some_and(|time| time >= *from))).collect())
            }
            Rule::Order { from, .. } => Some(rows.iter().map(|row| once(row >= from)).collect()),
        }
    }
}

/// Whether those of `networks` that hold the latest rows out held them out of `theirs`, too: the first always did.
fn first_holds_out(networks: &Option<usize>, theirs: &Option<usize>) -> bool {
    networks.is_some() || theirs.is_none()
}

/// The hashes of the rows named over these columns; `None` if one is not found.
fn hashes_of<'t>(
    column: impl Fn(&str) -> Option<&'t Column>,
    columns: &[String],
    rows: &[usize],
    seed: u64,
    are_numbered: bool,
) -> Option<Vec<u64>> {
    let columns: Vec<&Column> = columns.iter().map(|name| column(name)).collect::<Option<_>>()?;
    let hashes = row_hashes(columns.into_iter(), rows, seed);
    Some(if are_numbered { numbered(hashes) } else { hashes })
}

/// What classes of the target have of their own, by row.
fn of_class<'a, T>(target: &'a Column, classes: &'a BTreeMap<String, T>) -> impl Fn(usize) -> Option<&'a T> {
    move |row: usize| match classes.is_empty() {
        true => None,
        false => target.values.text(row).and_then(|class| classes.get(&class)),
    }
}

/// The hash of the group of each row named; none where a row has no value there.
pub fn group_keys(column: &Column, rows: &[usize], seed: u64) -> Vec<Option<u64>> {
    let hashes = row_hashes(std::iter::once(column), rows, seed);
    rows.iter().zip(hashes).map(|(row, hash)| (!column.values.is_missing(*row)).then_some(hash)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::column::{ColumnType, Table, Words};
    use crate::data::split::{Split, by_content, by_group, folds_by_content, folds_by_group};

    fn table(rows: usize) -> Table {
        let x = (0..rows).map(|row| (row * 37 % 101) as f64 + row as f64 / 1e3).collect();
        let words: Vec<String> = (0..10).map(|word| format!("w{word}")).collect();
        let codes = (0..rows as u32).map(|row| row % 10).collect();
        let column = |name: &str, kind, values| Column { name: name.into(), kind, values };
        let columns = vec![
            column("x", ColumnType::Numeric, Values::Numeric(x)),
            column("who", ColumnType::Categorical, Values::Words(Words { codes, words })),
            column("y", ColumnType::Boolean, Values::Boolean((0..rows).map(|row| Some(row % 4 == 0)).collect())),
        ];
        Table { columns, rows }
    }

    fn split_of(held: &[Option<usize>]) -> Split {
        Split::of(&held.iter().map(Option::is_some).collect::<Vec<bool>>())
    }

    #[test]
    fn a_rule_tells_the_fold_of_each_row() {
        let (table, rows): (_, Vec<usize>) = (table(60), (0..60).collect());
        let labels: Vec<u32> = rows.iter().map(|row| u32::from(row % 4 == 0)).collect();
        let (found, bounds) = folds_by_content(&row_hashes(table.columns.iter(), &rows, 3), 5, 0.2, Some(&labels));
        let rule = Rule::Folds {
            seed: 3,
            columns: table.columns.iter().map(|column| column.name.clone()).collect(),
            bounds: vec![0; 5],
            classes: ["false", "true"].map(str::to_owned).into_iter().zip(bounds).collect(),
            numbered: false,
        };
        let folds = rule.holds(|name| table.column(name), "y", &rows).expect("its columns are there");
        for (row, fold) in folds.iter().enumerate() {
            assert!(found.folds[fold.expect("each is in one")].contains(&row));
        }
        let found = folds_by_group(&group_keys(&table.columns[1], &rows, 3), 3, 0.3).expect("groups");
        let (bounds, spared) = (found.bounds, found.spared);
        let rule = Rule::GroupFolds { seed: 3, column: "who".into(), bounds, spared };
        let folds = rule.holds(|name| table.column(name), "y", &rows).expect("its column is there");
        for (row, fold) in folds.iter().enumerate() {
            assert!(fold.map_or(&found.folds.others, |fold| &found.folds.folds[fold]).contains(&row));
        }
        let stored = serde_json::to_string(&rule).expect("JSON");
        assert_eq!(serde_json::from_str::<Rule>(&stored).expect("the same"), rule);
    }

    #[test]
    fn a_rule_tells_the_rows_that_were_held_out() {
        let (table, rows): (_, Vec<usize>) = (table(60), (0..60).collect());
        let hashes = row_hashes(table.columns.iter(), &rows, 3);
        let labels: Vec<u32> = rows.iter().map(|row| u32::from(row % 4 == 0)).collect();
        let found = by_content(&hashes, 0.3, Some(&labels));
        let names = ["false", "true"].map(str::to_owned);
        let rule = Rule::Random {
            seed: 3,
            columns: table.columns.iter().map(|column| column.name.clone()).collect(),
            below: 0,
            classes: names.into_iter().zip(found.bounds).collect(),
            numbered: false,
        };
        let held = rule.holds(|name| table.column(name), "y", &rows).expect("its columns are there");
        assert_eq!(split_of(&held), found.split);
        assert_eq!(rule.holds(|_| None, "y", &rows), None);

        let keys = group_keys(&table.columns[1], &rows, 3);
        let found = by_group(&keys, 0.3).expect("groups");
        let rule = Rule::Group { seed: 3, column: "who".into(), below: found.below, spared: found.spared };
        let held = rule.holds(|name| table.column(name), "y", &rows).expect("its column is there");
        assert_eq!(split_of(&held), found.split);
        let stored = serde_json::to_string(&rule).expect("JSON");
        assert_eq!(serde_json::from_str::<Rule>(&stored).expect("the same"), rule);
    }

    #[test]
    fn a_rule_is_within_another_that_holds_out_all_of_its_rows() {
        let random = |seed, below, class: Option<u64>| Rule::Random {
            seed,
            columns: vec!["x".to_owned()],
            below,
            classes: class.map(|bound| ("a".to_owned(), bound)).into_iter().collect(),
            numbered: false,
        };
        let group =
            |below, spared: &[u64]| Rule::Group { seed: 1, column: "who".into(), below, spared: spared.to_vec() };
        let folds = |bound| Rule::GroupFolds { seed: 1, column: "who".into(), bounds: vec![bound], spared: Vec::new() };
        let time = |from| Rule::Time { column: "at".into(), from, networks: None };
        let taught = |from, networks| Rule::Time { column: "at".into(), from, networks: Some(networks) };
        let order = |from| Rule::Order { from, networks: None };
        for (one, other, is_within) in [
            (random(1, 5, None), random(1, 9, None), true),
            (random(1, 9, None), random(1, 5, None), false),
            (random(2, 5, None), random(1, 9, None), false),
            (random(1, 5, Some(4)), random(1, 9, Some(4)), true),
            (random(1, 5, None), random(1, 9, Some(4)), false),
            (random(1, 5, Some(7)), random(1, 6, None), false),
            (group(5, &[]), group(9, &[7]), true),
            (group(5, &[]), group(9, &[3]), false),
            (group(5, &[3]), group(9, &[3]), true),
            (folds(5), folds(5), true),
            (folds(5), folds(9), false),
            (time(9), time(5), true),
            (time(5), time(9), false),
            (taught(9, 5), taught(5, 5), true),
            (taught(9, 25), taught(5, 5), true),
            (taught(5, 5), taught(9, 5), false),
            (taught(9, 5), time(5), true),
            // All hold out now what all but the first have learned from.
            (time(9), taught(5, 5), false),
            (order(9), order(9), true),
            (order(5), order(9), false),
            (order(5), time(5), false),
        ] {
            assert_eq!(one.is_within(&other), is_within, "{one:?} {other:?}");
        }
    }
}
