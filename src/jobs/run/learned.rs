//! What a version that a training goes on from, or distills, may have learned of the rows that are held out now.

use crate::data::split::{HeldOut, Rule};

/// How the rows that a version learned from and those that a training holds out belong together, by their data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Of one data set, of one that was made of the other, or nobody knows.
    Related,
    /// Of others; but the version goes back to versions that learned from nobody knows what.
    Unknown,
    /// Of others, and the version learned from none before.
    Apart,
}

/// What a version may have learned of the rows held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    Nothing,
    Some,
    /// Its networks have between them learned from all rows, or those of the new one hold out each row in turn; or which rows it held
    /// out is not known.
    All,
}

impl Learned {
    /// By the rows that the version's training held out, where that is known, and those that are now.
    pub(super) fn of(theirs: Option<&HeldOut>, relation: Relation, ours: Option<&HeldOut>) -> Self {
        let folds = |held_out: &HeldOut| matches!(held_out, HeldOut::By(rule) if rule.folds().is_some());
        // It knows nothing of what it held out before.
        let by_the_first = |held_out: &HeldOut| matches!(held_out, HeldOut::By(rule) if rule.by_the_first().is_some());
        let in_turn = |held_out: &HeldOut| folds(held_out) && !by_the_first(held_out);
        match ours {
            Some(_) if relation == Relation::Apart => Learned::Nothing,
            Some(ours) if are_within(theirs, relation, ours) => Learned::Nothing,
            Some(ours) if by_the_first(ours) && theirs.is_some_and(|theirs| !in_turn(theirs)) => Learned::Some,
            _ if theirs.is_none_or(folds) || ours.is_some_and(folds) => Learned::All,
            _ => Learned::Some,
        }
    }
}

/// Whether a version's training held out all rows that are held out now: by places only of one data set.
pub(super) fn are_within(theirs: Option<&HeldOut>, relation: Relation, ours: &HeldOut) -> bool {
    let by_place = matches!(ours, HeldOut::By(Rule::Order { .. }));
    let is_within = match (ours, theirs) {
        (HeldOut::By(ours), Some(HeldOut::By(theirs))) => ours.is_within(theirs),
        (ours, theirs) => theirs == Some(ours),
    };
    is_within && (relation == Relation::Related || !by_place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_has_learned_of_rows_is_nothing_only_where_that_is_known() {
        let random = |seed| {
            HeldOut::By(Rule::Random {
                seed,
                columns: Vec::new(),
                below: 9,
                classes: Default::default(),
                numbered: false,
            })
        };
        let folds = Rule::Folds {
            seed: 1,
            columns: Vec::new(),
            bounds: vec![1, 2],
            classes: Default::default(),
            numbered: false,
        };
        let [order, later] = [8, 9].map(|from| HeldOut::By(Rule::Order { from, networks: None }));
        let folds = HeldOut::By(folds);
        let of_first = |from| HeldOut::By(Rule::Order { from, networks: Some(5) });
        use Relation::{Apart, Related, Unknown};
        for (theirs, relation, ours, learned) in [
            (Some(&random(1)), Related, Some(&random(1)), Learned::Nothing),
            (Some(&random(1)), Unknown, Some(&random(1)), Learned::Nothing),
            (Some(&random(1)), Related, Some(&random(2)), Learned::Some),
            (Some(&random(1)), Related, Some(&folds), Learned::All),
            (Some(&folds), Related, Some(&folds), Learned::Nothing),
            (Some(&order), Related, Some(&later), Learned::Nothing),
            (Some(&later), Related, Some(&order), Learned::Some),
            (Some(&folds), Related, Some(&random(1)), Learned::All),
            (Some(&folds), Apart, Some(&random(1)), Learned::Nothing),
            (Some(&folds), Unknown, Some(&random(1)), Learned::All),
            (None, Related, Some(&random(1)), Learned::All),
            (None, Apart, Some(&random(1)), Learned::Nothing),
            (Some(&order), Related, Some(&order), Learned::Nothing),
            // The same places of other rows.
            (Some(&order), Unknown, Some(&order), Learned::Some),
            (Some(&random(1)), Apart, None, Learned::Some),
            // The first of several networks holds out rows, of which it knows those that it did not hold out before.
            (Some(&of_first(9)), Related, Some(&of_first(8)), Learned::Some),
            (Some(&of_first(8)), Related, Some(&of_first(9)), Learned::Nothing),
            (Some(&order), Related, Some(&of_first(8)), Learned::Nothing),
            (Some(&later), Related, Some(&of_first(8)), Learned::Some),
            (Some(&random(1)), Related, Some(&of_first(8)), Learned::Some),
            (Some(&folds), Related, Some(&of_first(8)), Learned::All),
            // All hold out what the others of the version learned from.
            (Some(&of_first(8)), Related, Some(&order), Learned::All),
            (Some(&of_first(8)), Related, Some(&random(1)), Learned::All),
        ] {
            assert_eq!(Learned::of(theirs, relation, ours), learned, "{theirs:?} {relation:?} {ours:?}");
        }
    }
}
