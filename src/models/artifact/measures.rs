//! The measures of a file: they pass through as they are written, to whoever reads them by the contract.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// How far sums of weights may carry a share beyond 1, or a mean below 0.
const ROUNDING: f64 = 1e-6;
/// A share of all, and what rounding adds to it.
const ONE: f64 = 1.0 + ROUNDING;

/// Checks that measures are those of classes or of numbers: they pass through as they are written, to whoever reads them by the
/// contract.
pub(super) fn check_measures(metrics: &RawValue) -> Result<(), serde_json::Error> {
    let named: HashMap<String, &RawValue> = serde_json::from_str(metrics.get())?;
    let has_one = |names: &[(&str, f64)]| {
        names.iter().all(|(name, most)| {
            let value = named.get(*name).map(|value| serde_json::from_str::<Option<f64>>(value.get()));
            matches!(value, Some(Ok(value)) if value.is_none_or(|value| (-ROUNDING..=*most).contains(&value)))
        })
    };
    let of_classes = [("accuracy", ONE), ("log_loss", f64::MAX), ("macro_f1", ONE)];
    let of_numbers = [("rmse", f64::MAX), ("mae", f64::MAX)];
    if !has_one(&of_classes) && !has_one(&of_numbers) {
        return Err(serde::de::Error::custom("its metrics are neither those of classes nor those of numbers"));
    }
    for (name, text) in named {
        is_alike(&name, text.get())
            .map_err(|error| serde::de::Error::custom(format!("its metrics: {name}: {error}")))?;
    }
    Ok(())
}

/// Whether what stands under a name among measures is what a training writes there, by its kind.
fn is_alike(name: &str, text: &str) -> Result<(), serde_json::Error> {
    fn is<T: for<'de> Deserialize<'de>>(text: &str) -> Result<(), serde_json::Error> {
        serde_json::from_str::<T>(text).map(drop)
    }
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct OfClass {
        class: u64,
        label: Option<String>,
        precision: f64,
        recall: f64,
        f1: f64,
        support: u64,
    }
    type Named = HashMap<String, serde_json::Value>;
    match name {
        "roc_auc" | "r2" | "pinball_loss" | "share_below" | "poisson_deviance" | "linear_share" => {
            is::<Option<f64>>(text)
        }
        "confusion_matrix" => is::<Option<Vec<Vec<u64>>>>(text),
        "per_class" => is::<Vec<OfClass>>(text),
        "rows" => is::<u64>(text),
        "rows_used" | "weights" | "target_scale" => is::<String>(text),
        "bins" => is::<bool>(text),
        "split" | "baselines" | "selection" | "distilled" => is::<Named>(text),
        "candidates" => is::<Vec<Named>>(text),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_those_of_classes_or_of_numbers() {
        let holds = |text: &str| check_measures(&RawValue::from_string(text.to_owned()).expect("JSON")).is_ok();
        assert!(holds(r#"{"rmse": 1e9, "mae": null, "r2": null}"#));
        assert!(holds(r#"{"accuracy": 1, "log_loss": 0.5, "macro_f1": 0.25, "per_class": []}"#));
        for text in ["7", "{}", r#"{"accuracy":1}"#, r#"{"rmse":-1,"mae":1}"#, r#"{"rmse":"1","mae":1}"#] {
            assert!(!holds(text), "{text}");
        }
        assert!(!holds(r#"{"accuracy": 1.5, "log_loss": 0.5, "macro_f1": 0.25}"#));
        for (name, wrong) in [
            ("per_class", r#""<script>""#),
            ("per_class", r#"[{"class": 0}]"#),
            ("confusion_matrix", r#"{"a": 7}"#),
            ("roc_auc", r#""x""#),
            ("baselines", "[]"),
            ("bins", "1"),
        ] {
            assert!(!holds(&format!(r#"{{"rmse": 1, "mae": 1, "{name}": {wrong}}}"#)), "{name}: {wrong}");
        }
    }
}
