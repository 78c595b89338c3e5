//! What a training or an evaluation came to, as people read it.

use std::fmt::Write;

use serde_json::Value;

use super::table::{Table, counted, figure, shown, time};

/// Measures in the order in which they say most, of which those are told that there are.
const MEASURES: [&str; 11] = [
    "accuracy",
    "log_loss",
    "macro_f1",
    "roc_auc",
    "pinball_loss",
    "share_below",
    "poisson_deviance",
    "rmse",
    "mae",
    "r2",
    "loss",
];
/// Warnings that are told in full.
const MOST_WARNINGS: usize = 10;

/// The version that a job made for a model of this name, its measures beside the baselines, and whether it serves; why there
/// is none, where there is none. The model as it is now is null where that is not known.
pub fn of_job(job: &Value, name: &str, model: &Value) -> String {
    let mut text = String::new();
    let epochs = format!("{} of {}", job["epoch"], counted(&job["epochs"], "epoch"));
    match &job["version"] {
        Value::Null => _ = write!(text, "{name}: {} after {epochs}", shown(&job["state"])),
        version => {
            let reason = shown(&job["stop_reason"]).replace('_', " ");
            let best = job["best_epoch"].as_u64().map(|best| format!(", the best was {best}")).unwrap_or_default();
            let by = by(several(job));
            let rows = counted(&job["rows"], "row");
            _ = write!(text, "{name}, version {version}: {rows}{by}, {epochs} ({reason}{best})");
        }
    }
    text += &of_metrics(&job["metrics"], several(job), &job["rows"]);
    if let Some(standing) = standing(job, model) {
        _ = write!(text, "\n\n{standing}");
    }
    for warning in warnings(job) {
        _ = write!(text, "\n\nwarning: {warning}");
    }
    text
}

/// Whether the version of a job serves by its model as it is now, and why.
fn standing(job: &Value, model: &Value) -> Option<String> {
    let version = job["version"].as_u64().filter(|_| !model.is_null())?;
    let comparison = &job["comparison"];
    let reason = |of: bool| comparison["reason"].as_str().filter(|_| comparison["activated"] == of);
    let (told, reason) = match model["active_version"].as_u64() {
        Some(now) if now == version => (format!("version {version} serves"), reason(true)),
        now => {
            let instead = now.map(|now| format!(" (version {now} does)")).unwrap_or_default();
            let never = (job["config"]["activate"] == "never").then_some("it was trained with activate=never");
            (format!("version {version} does not serve{instead}"), reason(false).or(never))
        }
    };
    Some(reason.map_or(told.clone(), |reason| format!("{told}: {reason}")))
}

/// A version and its measures beside the baselines.
pub fn of_version(version: &Value, model: &str) -> String {
    let serves = if version["active"] == true { ", which serves" } else { "" };
    let (number, rows, epochs) = (&version["version"], &version["rows"], counted(&version["epochs"], "epoch"));
    let by = by(several(version));
    let mut text = format!("{model}, version {number}{serves}: {}{by}, {epochs}", counted(rows, "row"));
    let told = [
        ("recipe", shown(&version["recipe"])),
        ("aliases", shown(&version["aliases"])),
        ("created", time(&version["created_at"])),
    ];
    for (name, value) in told {
        if !value.is_empty() {
            _ = write!(text, "\n{name}: {value}");
        }
    }
    text += &of_metrics(&version["metrics"], several(version), rows);
    for warning in warnings(version) {
        _ = write!(text, "\n\nwarning: {warning}");
    }
    text
}

/// How many networks learned side by side, by a job or for a version, if several did.
fn several(of: &Value) -> Option<u64> {
    of["config"]["members"].as_u64().filter(|members| *members > 1)
}

/// Who answers, if several do.
fn by(networks: Option<u64>) -> String {
    networks.map(|networks| format!(", {networks} networks that answer together")).unwrap_or_default()
}

/// The measures of what so many networks learned from `trained` rows; nothing where there are none.
fn of_metrics(metrics: &Value, networks: Option<u64>, trained: &Value) -> String {
    if !metrics.is_object() {
        return String::new();
    }
    let rows = &metrics["rows"];
    let measured_on = match networks {
        // Each of them has left another part of the rows out.
        Some(_) if rows == trained => {
            format!("measured on each of the {rows} rows by the network that has not learned from it")
        }
        _ => measured_on(metrics),
    };
    format!("\n{measured_on}\n\n{}", measures(metrics))
}

/// The measures of an evaluation.
pub fn of_evaluation(evaluation: &Value) -> String {
    let metrics = &evaluation["metrics"];
    let mut measured = Table::new(&["", ""]);
    for name in MEASURES {
        let value = if metrics[name].is_null() { &evaluation[name] } else { &metrics[name] };
        if !value.is_null() {
            measured.row(vec![name.into(), value.as_f64().map(figure).unwrap_or_default()]);
        }
    }
    let rows = counted(&evaluation["rows"], "row");
    let mut text = format!("{rows}\n{}", measured.text().trim_start_matches('\n'));
    if let Some(matrix) = confusion(metrics) {
        _ = write!(text, "\n\n{matrix}");
    }
    for warning in warnings(evaluation) {
        _ = write!(text, "\n\nwarning: {warning}");
    }
    text
}

fn measured_on(metrics: &Value) -> String {
    // Of a model by layer sizes it is not told how many they are.
    let rows = match &metrics["rows"] {
        Value::Null => "rows".to_owned(),
        rows => counted(rows, "row"),
    };
    let split = match metrics["split"]["type"].as_str() {
        _ if metrics["rows_used"] == "training" => {
            return format!("measured on the {rows} it was trained on: expect less on new ones");
        }
        None => "held out".to_owned(),
        Some("random") => "held out at random".into(),
        Some("order") => "that come last".into(),
        Some(by) => format!("held out by {by} ({})", shown(&metrics["split"]["column"])),
    };
    format!("measured on {rows} {split}")
}

/// The measures of the version, and those of the baselines beside them.
fn measures(metrics: &Value) -> String {
    let baselines: Vec<(&String, &Value)> = metrics["baselines"].as_object().into_iter().flatten().collect();
    let names: Vec<String> = baselines.iter().map(|(name, _)| name.replace('_', " ")).collect();
    let mut heads = vec!["", "this version"];
    heads.extend(names.iter().map(String::as_str));
    let mut table = Table::new(&heads);
    for name in MEASURES {
        if let Some(value) = metrics[name].as_f64() {
            let beside = baselines.iter().map(|(_, baseline)| baseline[name].as_f64().map(figure).unwrap_or_default());
            table.row([name.to_owned(), figure(value)].into_iter().chain(beside).collect());
        }
    }
    table.text()
}

/// Rows by their class, and the class that was predicted; nothing where there are none, or more than fit a terminal.
fn confusion(metrics: &Value) -> Option<String> {
    let matrix = metrics["confusion_matrix"].as_array().filter(|matrix| (2..=8).contains(&matrix.len()))?;
    let labels: Vec<String> = metrics["per_class"].as_array()?.iter().map(|class| shown(&class["label"])).collect();
    let mut heads = vec!["is \\ predicted"];
    heads.extend(labels.iter().map(String::as_str));
    let mut table = Table::new(&heads);
    for (label, row) in labels.iter().zip(matrix) {
        table.row(std::iter::once(label.clone()).chain(row.as_array()?.iter().map(shown)).collect());
    }
    Some(table.text())
}

/// What is to be said of a job or a data set, the dearest first.
pub fn warnings(of: &Value) -> Vec<String> {
    let list = of["warnings"].as_array().or_else(|| of["findings"].as_array());
    list.into_iter().flatten().take(MOST_WARNINGS).map(told).collect()
}

/// A finding in words, behind the column that it is about where these do not say which that is.
fn told(finding: &Value) -> String {
    let message = shown(&finding["message"]);
    match finding["column"].as_str() {
        Some(column) if !message.contains(&format!("column {column:?}")) => format!("column {column:?}: {message}"),
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_told_beside_its_baselines() {
        let job = json!({
            "state": "succeeded", "epoch": 51, "epochs": 200, "rows": 274, "best_epoch": 11, "version": 1,
            "stop_reason": "early_stopping", "comparison": null,
            "warnings": [{"message": "few rows"}],
            "metrics": {
                "rows_used": "validation", "rows": 70, "accuracy": 1.0, "log_loss": 0.01785, "roc_auc": null,
                "split": {"type": "random", "column": null},
                "baselines": {"majority_class": {"accuracy": 0.42857, "log_loss": 1.0623}, "linear": {"accuracy": 0.97142}},
            },
        });
        let told = "penguins, version 1: 274 rows, 51 of 200 epochs (early stopping, the best was 11)\n\
                    measured on 70 rows held out at random\n\n\
                    \u{20}         this version  linear  majority class\n\
                    accuracy        1.0000  0.9714          0.4286\n\
                    log_loss        0.0179                  1.0623\n\n\
                    version 1 serves\n\n\
                    warning: few rows";
        assert_eq!(of_job(&job, "penguins", &json!({"active_version": 1})), told);
        let version =
            json!({"version": 1, "epochs": 51, "rows": 274, "metrics": job["metrics"], "warnings": job["warnings"]});
        assert!(of_version(&version, "penguins").ends_with("\n\nwarning: few rows"), "a version keeps its warnings");
        let mut folds = job.clone();
        folds["config"] = json!({"members": 5});
        folds["metrics"]["rows"] = json!(274);
        let told = of_job(&folds, "penguins", &Value::Null);
        assert!(told.contains("274 rows, 5 networks that answer together, 51 of 200 epochs"), "{told}");
        assert!(told.contains("measured on each of the 274 rows by the network"), "{told}");
        let layers = |rows_used: &str| measured_on(&json!({"rows_used": rows_used, "rows": null}));
        assert_eq!(layers("validation"), "measured on rows held out");
        assert_eq!(layers("training"), "measured on the rows it was trained on: expect less on new ones");
    }

    #[test]
    fn a_version_that_does_not_serve_is_told_with_the_reason() {
        let told = |active: Value, job: Value| standing(&job, &json!({"active_version": active})).unwrap_or_default();
        let compared = |activated: bool| json!({"version": 4, "comparison": {"activated": activated, "reason": "why"}});
        assert_eq!(told(json!(4), compared(true)), "version 4 serves: why");
        assert_eq!(told(json!(3), compared(false)), "version 4 does not serve (version 3 does): why");
        // Another one was activated since then.
        assert_eq!(told(json!(5), compared(true)), "version 4 does not serve (version 5 does)");
        let never = json!({"version": 4, "config": {"activate": "never"}});
        assert_eq!(told(Value::Null, never), "version 4 does not serve: it was trained with activate=never");
        assert_eq!(told(json!(1), json!({"version": null})), "");
    }

    #[test]
    fn a_finding_says_its_column_once() {
        let of =
            |column: Value, message: &str| warnings(&json!({"findings": [{"column": column, "message": message}]}));
        assert_eq!(of(json!("zip"), "Its values name the rows."), ["column \"zip\": Its values name the rows."]);
        assert_eq!(of(json!("zip"), "column \"zip\" holds text."), ["column \"zip\" holds text."]);
        assert_eq!(of(json!("b"), "It equals column \"a\"."), ["column \"b\": It equals column \"a\"."]);
        // What is to be given names the column as well, and does not say that it is the one.
        assert!(of(json!("b"), "Give types={\"b\":1}.")[0].starts_with("column \"b\": "));
        assert_eq!(of(Value::Null, "Few rows."), ["Few rows."]);
    }
}
