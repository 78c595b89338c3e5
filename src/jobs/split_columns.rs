//! The columns that the choice of rows held out goes by.

use std::collections::HashSet;

use crate::data::encoder::Known;
use crate::data::probe::{key_columns, time_columns};
use crate::data::profile::TableProfile;
use crate::learning::training::ValidTrainingSpec;
use crate::models::table::TableSpec;

/// The columns of a data set that are a row's content: the features but those that are left out whatever their values, and the
/// target. A warm start, which learns from the features of its version alone, goes by the same ones: else it would validate on
/// rows that its version was trained on.
pub(super) fn content(profile: &TableProfile, model: &TableSpec) -> Vec<String> {
    let known = Known::of(profile, &model.features, model.features_chosen);
    let hopeless: HashSet<&str> = known.left_out.iter().map(|left| left.name.as_str()).collect();
    let features = model.features.iter().filter(|name| !hopeless.contains(name.as_str()));
    features.chain([&model.target]).cloned().collect()
}

/// The columns that are read beside a row's content: the one that the request names, or those by which rows may depend on each
/// other.
pub(super) fn beside(settings: &ValidTrainingSpec, profile: &TableProfile, model: &TableSpec) -> Vec<String> {
    let Some(by) = settings.split.as_ref().filter(|_| settings.validation_split > 0.0) else { return Vec::new() };
    let content = content(profile, model);
    let content: HashSet<&str> = content.iter().map(String::as_str).collect();
    let wanted = match by.column() {
        Some(name) => vec![name.to_owned()],
        None => {
            let keys = key_columns(profile, &model.target).into_iter().map(|key| key.name);
            time_columns(profile).into_iter().chain(keys).collect()
        }
    };
    // A split may go by the column of weights, if it is named; but weights are no keys by which rows depend on each other.
    let found = |name: &String| by.column().is_some() || Some(name) != settings.weights.as_ref();
    wanted.into_iter().filter(|name| !content.contains(name.as_str()) && found(name)).collect()
}
