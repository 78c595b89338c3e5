//! What is worth knowing about the columns that a training uses, weighs by, or leaves out.

use std::collections::{HashMap, HashSet};

use crate::data::column::ColumnType;
use crate::data::encoder::{Encoder, LeftOut};
use crate::data::profile::{ColumnProfile, Finding, IDENTIFIER_COLUMN, TableProfile};
use crate::models::table::TableSpec;
use crate::wording::Shown;

/// The findings about columns that an encoder takes or leaves out, but for what was `told` of a column already; types may differ
/// from the model's where it `is_new`.
pub(super) fn about_columns(
    encoder: &Encoder,
    model: &TableSpec,
    profile: &TableProfile,
    is_new: bool,
    told: &[Finding],
) -> Vec<Finding> {
    let changed = if is_new { types_changed(model, profile) } else { Vec::new() };
    let left_out = left_out(encoder, profile);
    // Where a column is left out for what the data set says of it already, that it is left out says it all. So does what was
    // told of a target's words for missing values, which the data set speaks of as well.
    let is_told = |finding: &Finding| {
        let same = |one: &Finding| (&one.code, &one.column) == (&finding.code, &finding.column);
        left_out.iter().chain(told).any(same)
    };
    let mut concerning = concerning(profile, model);
    concerning.retain(|finding| !is_told(finding));
    [concerning, left_out, changed, of_weights(model, profile)].concat()
}

/// The findings about the data set that are about something the model uses.
fn concerning(profile: &TableProfile, model: &TableSpec) -> Vec<Finding> {
    let used: HashSet<&str> = model.features.iter().chain([&model.target]).map(String::as_str).collect();
    // Columns that are left out have a finding with the reason: see `left_out`.
    let told = |finding: &&Finding| ["constant_column", "identifier_column"].contains(&finding.code.as_str());
    let concerns = |finding: &&Finding| finding.column.as_ref().is_none_or(|name| used.contains(name.as_str()));
    profile.findings.iter().filter(|finding| !told(finding) && concerns(finding)).cloned().collect()
}

/// A finding for each column whose type differs from that in the data set that the model was made for. Not for a warm start,
/// which keeps the types of its version.
fn types_changed(model: &TableSpec, profile: &TableProfile) -> Vec<Finding> {
    let by_name: HashMap<&str, ColumnType> =
        profile.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
    let before = model.features.iter().chain([&model.target]).zip(&model.types);
    let changed = before.filter_map(|(name, before)| Some((name, *before, *by_name.get(name.as_str())?)));
    let finding = |(name, before, now): (&String, ColumnType, ColumnType)| {
        let (before, now) = (before.word(), now.word());
        let message = format!(
            "column {name:?} was {before} in the data set that the model was made for and is {now} in this one: the new \
             version takes it for {now}. If it should be {before}, mend the cells that are not, or give its type in `types` \
             when the data set is stored."
        );
        Finding { code: "column_type_changed".to_owned(), message, column: Some(name.clone()) }
    };
    changed.filter(|(_, before, now)| before != now).map(finding).collect()
}

/// A finding where weights weigh nothing up.
fn of_weights(model: &TableSpec, profile: &TableProfile) -> Vec<Finding> {
    let column = model.weights.as_ref().and_then(|name| profile.column(name)).filter(|column| column.distinct == 1);
    let finding = |column: &ColumnProfile| {
        let name = Shown(&column.name);
        let message = format!("column {name} has the same weight for every row: all count alike, as without `weights`");
        Finding { code: "constant_weights".to_owned(), message, column: Some(column.name.clone()) }
    };
    column.map(finding).into_iter().collect()
}

/// A finding for each column that is left out, with the reason.
fn left_out(encoder: &Encoder, profile: &TableProfile) -> Vec<Finding> {
    let identifiers = profile.identifiers();
    let finding = |left: &LeftOut| {
        let code = match identifiers.contains(left.name.as_str()) {
            true => IDENTIFIER_COLUMN,
            false => left.reason.code(),
        };
        let (clause, advice) = (left.reason.clause(), left.reason.advice());
        let message = format!("column {} {clause}: it is left out. {advice}", Shown(&left.name));
        Finding { code: code.to_owned(), message, column: Some(left.name.clone()) }
    };
    encoder.left_out.iter().map(finding).collect()
}
