//! What is counted for each model: rows predicted, and flags of values outside what training saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts};
use uuid::Uuid;

use crate::telemetry::SpreadCounter;

/// Models that have series of their own, so that a scrape stays short: the first that answer. The others share one.
pub const MODELS: usize = 100;
/// The bytes that the names of these have together: each name stands in some ten series.
pub const NAME_BYTES: usize = 3_400;
/// What the others are called together: no model has such a name.
const OTHERS: &str = "(others)";

/// The counters of a model. Whoever answers for it holds them, so that no request looks them up.
#[derive(Debug, Default)]
pub struct ModelMeter {
    rows: SpreadCounter,
    flags: SpreadCounter,
    failed: SpreadCounter,
}

/// The counters of all models. Cheap to clone: a handle.
#[derive(Clone, Default)]
pub struct ModelMeters(Arc<Inner>);

struct Inner {
    /// What a model is called, and its counters.
    named: Mutex<HashMap<Uuid, (String, Arc<ModelMeter>)>>,
    others: Arc<ModelMeter>,
    descriptions: Vec<Desc>,
}

impl Default for Inner {
    fn default() -> Self {
        let descriptions = vectors().iter().flat_map(|vector| vector.desc().into_iter().cloned()).collect();
        Inner { named: Mutex::default(), others: Arc::default(), descriptions }
    }
}

/// Of rows, of flags and of failed rows, without a model.
fn vectors() -> [IntCounterVec; 3] {
    [
        ("epochd_model_rows_total", "Rows predicted, by model."),
        ("epochd_model_flags_total", "Values outside what training saw, in rows predicted, by model."),
        ("epochd_model_failed_rows_total", "Rows that could not be read and got an error for a prediction, by model."),
    ]
    .map(|(name, help)| {
        IntCounterVec::new(Opts::new(name, help), &["model"]).expect("names are constants of the right form")
    })
}

impl ModelMeter {
    /// Counts rows that were answered, flags of their values, and rows that could not be read.
    pub fn count(&self, rows: usize, flags: usize, failed: usize) {
        self.rows.add(rows as u64);
        for (counter, more) in [(&self.flags, flags), (&self.failed, failed)] {
            if more > 0 {
                counter.add(more as u64);
            }
        }
    }
}

impl ModelMeters {
    /// The counters of a model, which is called `title`. For when it is loaded, not for each request.
    pub fn of(&self, id: Uuid, title: impl FnOnce() -> String) -> Arc<ModelMeter> {
        let mut named = self.named();
        if let Some((_, meter)) = named.get(&id) {
            return meter.clone();
        }
        let (title, taken) = (title(), named.values().map(|(title, _)| title.len()).sum::<usize>());
        if named.len() >= MODELS || taken + title.len() > NAME_BYTES {
            return self.0.others.clone();
        }
        named.entry(id).or_insert((title, Arc::default())).1.clone()
    }

    /// A model is called otherwise now.
    pub fn rename(&self, id: Uuid, title: String) {
        if let Some((known, _)) = self.named().get_mut(&id) {
            *known = title;
        }
    }

    /// A model is deleted: its series go, and another may have their place.
    pub fn remove(&self, id: Uuid) {
        self.named().remove(&id);
    }

    /// Held for a few lines; a map that a panic left is as good as before.
    fn named(&self) -> MutexGuard<'_, HashMap<Uuid, (String, Arc<ModelMeter>)>> {
        self.0.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for ModelMeters {
    fn desc(&self) -> Vec<&Desc> {
        self.0.descriptions.iter().collect()
    }

    /// Made anew for each scrape, so that what is gone has no series left.
    fn collect(&self) -> Vec<MetricFamily> {
        let [rows, flags, failed] = vectors();
        let tell = |title: &str, meter: &ModelMeter| {
            rows.with_label_values(&[title]).inc_by(meter.rows.get());
            flags.with_label_values(&[title]).inc_by(meter.flags.get());
            failed.with_label_values(&[title]).inc_by(meter.failed.get());
        };
        self.named().values().for_each(|(title, meter)| tell(title, meter));
        tell(OTHERS, &self.0.others);
        [rows, flags, failed].iter().flat_map(Collector::collect).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(meters: &ModelMeters) -> String {
        prometheus::TextEncoder::new().encode_to_string(&meters.collect()).expect("text")
    }

    #[test]
    fn of_models_with_long_names_fewer_have_series_of_their_own() {
        let meters = ModelMeters::default();
        for number in 0..MODELS {
            meters.of(Uuid::from_u128(number as u128), || format!("{number:0>63}")).count(1, 0, 0);
        }
        assert_eq!(text(&meters).matches("epochd_model_rows_total{model=").count(), NAME_BYTES / 63 + 1);
    }

    #[test]
    fn models_beyond_the_first_hundred_share_a_series_and_those_deleted_have_none() {
        let meters = ModelMeters::default();
        let id = |number: usize| Uuid::from_u128(number as u128);
        for number in 0..MODELS + 3 {
            meters.of(id(number), || format!("model-{number}")).count(2, number % 2, 3);
        }
        let told = text(&meters);
        assert_eq!(told.matches("epochd_model_rows_total{model=").count(), MODELS + 1, "{told}");
        assert!(told.contains("epochd_model_rows_total{model=\"(others)\"} 6\n"), "{told}");
        assert!(!crate::name::is_name(OTHERS), "no model is told together with them");
        assert!(told.contains("epochd_model_flags_total{model=\"model-7\"} 1\n"), "{told}");
        assert!(told.contains("epochd_model_failed_rows_total{model=\"model-7\"} 3\n"), "{told}");
        meters.remove(id(7));
        meters.rename(id(8), "renamed".into());
        meters.of(id(MODELS), || "newcomer".into()).count(1, 0, 0);
        let told = text(&meters);
        assert!(!told.contains("model-7\"") && !told.contains("model-8\""), "{told}");
        assert!(told.contains("epochd_model_rows_total{model=\"renamed\"} 2\n"), "{told}");
        assert!(told.contains("epochd_model_rows_total{model=\"newcomer\"} 1\n"), "{told}");
    }
}
